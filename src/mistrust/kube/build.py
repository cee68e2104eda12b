"""One YAML document from libyaml's events, built as kubectl builds it and bounded against hostile text.

Upstream: sigs.k8s.io/yaml goyaml.v2/decode.go (mappings, merges, aliases) and yaml.go (names of fields, JSON).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from mistrust.kube.events import UnreadableError, events, index
from mistrust.kube.scalars import MERGE_TAG, Scalar, key, resolve, tagged, value

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

DEPTH = 200
"""Deepest nesting that is read, aliases followed. Schemas of real clusters stay below 80."""

SCALAR = 16 << 20
"""Most characters of one scalar; etcd takes no object above 1.5 MiB."""

REPEATS = 1_000_000
"""Most nodes that the aliases of one file may add. kubectl bounds each document, at about 400,000."""

REMEMBERED = 20_000
"""Most distinct texts that are kept with what they mean."""

MERGE = b"<<".decode()
"""The name of a merge, compared by identity: a quoted "<<" names a field."""


_ESCAPED_SLASH = re.compile(r'"(?:[^"\\]|\\[^/])*\\/', re.DOTALL)


class Values(dict[str, Scalar]):
    """Plain scalars by their text, resolved once. Raises ValueError for what JSON cannot hold."""

    def __missing__(self, text: str) -> Scalar:
        if len(self) == REMEMBERED:
            self.clear()
        self[text] = found = value(resolve(text))
        return found


class Names(dict[str, str]):
    """Names of fields by their plain text, resolved once. Raises ValueError for what names no field."""

    def __missing__(self, text: str) -> str:
        if len(self) == REMEMBERED:
            self.clear()
        self[text] = found = MERGE if text == "<<" else key(resolve(text))
        return found


class Memory:
    """What the documents of one file share: resolved scalars, and how many nodes their aliases may still add."""

    def __init__(self) -> None:
        self.values, self.names, self.repeats = Values(), Names(), REPEATS


class Reading(NamedTuple):
    """A document, the index of the character where its content starts, and what kubectl drops in silence after it."""

    value: Plain
    start: int = 0
    dropped: UnreadableError | None = None
    aliased: bool = False


def read(text: str, memory: Memory, depth: int = 0) -> Reading:
    """The first document of a text, exactly as kubectl decodes it; `depth` counts the containers around it.

    Raises UnreadableError.
    """
    stream = events(text)
    next(stream)
    if isinstance(next(stream), StreamEndEvent):
        return Reading(None)
    builder = _Builder(text, memory, DEPTH - depth)
    for event in stream:
        if isinstance(event, DocumentEndEvent):
            break
        try:
            builder.add(event)
        except ValueError as error:
            raise UnreadableError(str(error), index(event)) from None
    return Reading(builder.root[0], builder.start, _dropped(stream), builder.repeated > 0)


def _dropped(stream: Iterator[Event]) -> UnreadableError | None:
    try:
        event = next(stream)
    except UnreadableError as garbage:
        return garbage
    return None if isinstance(event, StreamEndEvent) else UnreadableError("another document", index(event))


class _Anchor:
    """What an alias repeats: a scalar as it was before JSON, or a container. `nodes` is negative while that is open."""

    __slots__ = ("node", "nodes")

    def __init__(self, node: Plain, nodes: int) -> None:
        self.node, self.nodes = node, nodes


class _Builder:
    """A document under construction: the open containers, the field whose value comes next, what aliases may repeat."""

    def __init__(self, text: str, memory: Memory, depth: int) -> None:
        self.text, self.slashes = text, "\\/" in text
        self.memory, self.depth = memory, depth
        self.root: list[Plain] = []
        self.here: list[Plain] | dict[str, Plain] = self.root
        self.name: str | None = None
        self.outer: list[tuple[list[Plain] | dict[str, Plain], str | None, _Anchor | None]] = []
        self.anchors: dict[str, _Anchor] = {}
        self.start, self.nodes, self.repeated = -1, 0, 0

    def add(self, event: Event) -> None:
        """Take the next event of the document. Raises ValueError, with the reason, where kubectl would refuse it."""
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
            return
        self.nodes += 1
        if self.start < 0:
            self.start = index(event)
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, AliasEvent):
            self._alias(event.anchor or "")
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open({} if isinstance(event, MappingStartEvent) else [], event.anchor)

    def _names(self) -> bool:
        return self.name is None and isinstance(self.here, dict)

    def _put(self, node: Plain) -> None:
        if isinstance(self.here, list):
            self.here.append(node)
        elif self.name is MERGE:
            _merge(self.here, node)
        elif self.name is not None:
            self.here[self.name] = node
        self.name = None

    def _scalar(self, event: ScalarEvent) -> None:
        text = event.value
        if len(text) > SCALAR:
            raise ValueError(f"a scalar of more than {SCALAR:,} characters")
        if event.implicit[0] and event.tag is None and event.anchor is None:
            if self._names():
                self.name = self.memory.names[text]
            else:
                self._put(self.memory.values[text])
            return
        if event.style == '"' and self.slashes and self._escapes_slash(event):
            raise ValueError("found unknown escape character")
        if event.tag is not None:
            scalar = tagged(event.tag, text)
        else:
            scalar = resolve(text) if event.implicit[0] else text
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchor(scalar, 1)
        if not self._names():
            self._put(value(scalar))
        elif text == "<<" and (event.implicit[0] or event.tag == MERGE_TAG):
            self.name = MERGE
        else:
            self.name = key(scalar)

    def _escapes_slash(self, event: ScalarEvent) -> bool:
        """Valid for libyaml, an error for goyaml.v2."""
        end = event.end_mark.index if event.end_mark else 0
        return _ESCAPED_SLASH.match(self.text, self.text.index('"', index(event)), end) is not None

    def _open(self, node: list[Plain] | dict[str, Plain], anchor: str | None) -> None:
        if self._names():
            raise ValueError("a list or a mapping where the name of a field is wanted")
        if len(self.outer) >= self.depth:
            raise ValueError(f"nesting deeper than {DEPTH}")
        anchored = None
        if anchor is not None:
            anchored = self.anchors[anchor] = _Anchor(node, -self.nodes)
        self.outer.append((self.here, self.name, anchored))
        self.here, self.name = node, None

    def _close(self) -> None:
        node = self.here
        self.here, self.name, anchored = self.outer.pop()
        if anchored is not None:
            anchored.nodes += self.nodes + 1
        self._put(node)

    def _alias(self, name: str) -> None:
        target = self.anchors.get(name)
        if target is None:
            raise ValueError(f"an alias of nothing, *{name}")
        if target.nodes < 0:
            raise ValueError(f"an alias inside what it repeats, *{name}")
        node = target.node
        if isinstance(node, list | dict):
            if self._names():
                raise ValueError("a list or a mapping where the name of a field is wanted")
            if self.name is MERGE and isinstance(node, list):
                raise ValueError(_NO_MERGE)
            self._spend(target.nodes)
            self._put(_copy(node, self.depth - len(self.outer)))
        elif self._names():
            self.name = key(node)
        else:
            self._spend(1)
            self._put(value(node))

    def _spend(self, nodes: int) -> None:
        """Count what an alias adds against the bounds of kubectl (per document) and of this reader (per file)."""
        self.nodes += nodes
        self.repeated += nodes
        self.memory.repeats -= nodes
        allowed = 0.99 - 0.89 * min(max((self.nodes - 400_000) / 3_600_000, 0), 1)
        if self.repeated > 100 and self.nodes > 1000 and self.repeated > allowed * self.nodes:
            raise ValueError("aliases that repeat more than kubectl allows")
        if self.memory.repeats < 0:
            raise ValueError(f"aliases that repeat more than {REPEATS:,} values in one file")


_NO_MERGE = "a merge << of what is neither a mapping nor a list of mappings"


def _merge(into: dict[str, Plain], node: Plain) -> None:
    """Fields of earlier mappings of a list win over later ones; all of them win over the fields written before."""
    mappings = node if isinstance(node, list) else [node]
    for mapping in reversed(mappings):
        if not isinstance(mapping, dict):
            raise ValueError(_NO_MERGE)
        into.update(mapping)


def _copy(node: Plain, depth: int) -> Plain:
    if not isinstance(node, list | dict):
        return node
    if depth <= 0:
        raise ValueError(f"nesting deeper than {DEPTH}")
    if isinstance(node, list):
        return [_copy(item, depth - 1) for item in node]
    return {name: _copy(field, depth - 1) for name, field in node.items()}
