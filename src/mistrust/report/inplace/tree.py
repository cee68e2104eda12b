"""Where each part of one document stands in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from mistrust.kube.build import MERGE, Names
from mistrust.kube.events import UnreadableError, events, index
from mistrust.report.inplace.refusal import RefusedError

_GAP = re.compile(r"(?:[ \t\n]|(?<![^ \t\n])#[^\n]*)*")
_PROPERTY = re.compile(r"[&!][^ \t\n]*")


class Node(msgspec.Struct, frozen=True):
    """A value in the text, from `start` to `end`."""

    kind: str
    """`mapping`, `list`, `scalar` or `alias`."""
    start: int
    end: int
    flow: bool = False
    """Between brackets; else each entry begins on a line of its own."""
    tied: str = ""
    """`&name`, `*name` or `<<`: what repeats it, what it repeats, or what it takes fields from."""
    entries: tuple[Entry, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """A field or an item."""

    name: str
    """Of a field; empty for an item."""
    start: int
    """Of its name, or of its dash."""
    after: int
    """Right after the colon or the dash: from here on its value may stand."""
    value: Node

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.value.end


def tree(text: str) -> Node:
    """The parts of the first document of a text.

    Raises RefusedError where it is not YAML, or YAML of a kind that cannot be edited.
    """
    stream = (e for e in events(text) if isinstance(e, NodeEvent | CollectionEndEvent))
    try:
        first = next(stream, None)
        if first is None:
            raise RefusedError("there is nothing in the document")
        return _Reader(text, stream).node(first)
    except UnreadableError as error:
        raise RefusedError(f"it is not YAML that can be edited: {error.got}") from None


def skip(text: str, at: int) -> int:
    """The first character from `at` on that is neither space nor comment."""
    found = _GAP.match(text, at)
    return found.end() if found else at


class _Reader:
    def __init__(self, text: str, stream: Iterator[Event]) -> None:
        self.text, self.stream, self.names = text, stream, Names()

    def node(self, event: Event) -> Node:
        start, end = index(event), _end(event)
        anchor = f"&{event.anchor}" if isinstance(event, NodeEvent) and event.anchor else ""
        if isinstance(event, AliasEvent):
            return Node("alias", start, end, tied=f"*{event.anchor}")
        if isinstance(event, ScalarEvent):
            if event.style in ("|", ">"):
                end = start + len(self.text[start:end].rstrip())
            return Node("scalar", start, end, tied=anchor)
        flow = isinstance(event, MappingStartEvent | SequenceStartEvent) and bool(event.flow_style)
        kind = "mapping" if isinstance(event, MappingStartEvent) else "list"
        entries: list[Entry] = []
        while not isinstance(event := next(self.stream), CollectionEndEvent):
            last = entries[-1].end if entries else start
            entries.append(self._field(event) if kind == "mapping" else self._item(event, last, flow=flow))
        if kind == "mapping" and any(e.name == "<<" for e in entries):
            anchor = anchor or "<<"
        if flow:
            return Node(kind, start, _end(event), True, anchor, tuple(entries))
        return Node(kind, entries[0].start, entries[-1].end, False, anchor, tuple(entries))

    def _field(self, event: Event) -> Entry:
        if not isinstance(event, ScalarEvent):
            raise RefusedError("a field is not named by plain text")
        try:
            name = self.names[event.value] if event.implicit[0] else event.value
        except ValueError as error:
            raise RefusedError(str(error)) from None
        colon = skip(self.text, _end(event))
        after = colon + 1 if self.text[colon : colon + 1] == ":" else _end(event)
        return Entry("<<" if name is MERGE else name, index(event), after, self.node(next(self.stream)))

    def _item(self, event: Event, last: int, *, flow: bool) -> Entry:
        value = self.node(event)
        if flow:
            return Entry("", value.start, value.start, value)
        dash = skip(self.text, last)
        while prefix := _PROPERTY.match(self.text, dash):
            dash = skip(self.text, prefix.end())
        return Entry("", dash, dash + 1, value)


def _end(event: Event) -> int:
    return event.end_mark.index if event.end_mark else 0
