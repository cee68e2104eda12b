"""The line of a field in the text it was read from, found again when it is printed."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Protocol

import msgspec
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from mistrust.kube.build import DEPTH, Names
from mistrust.kube.events import UnreadableError, events, index
from mistrust.kube.read import BOM, json_values
from mistrust.kube.yaml import Chunk, chunks, decoded

Path = tuple[str | int, ...]
"""Names and indices from the object to a field."""

Step = tuple[str, str, int]
"""Structure of a text: "{", "[", "end" or "" for a scalar; the name a scalar would give; the character it starts at."""


def line_of(data: bytes, document: int, path: Sequence[str | int], item: int = -1) -> int:
    """The line, from 1, of the field at `path`; that of its nearest ancestor in the text where it is absent.

    Parameters: the text of a file, YAML or JSON; `document` and `item` as in an Origin. What a YAML alias repeats or a
    merge adds stands at the alias, or at the field that merges. 0 where there is no such document. For many fields of
    one text, keep a `Lines`.

    >>> line_of(b"spec:\\n  containers:\\n  - name: a\\n    image: b\\n", 0, ("spec", "containers", 0, "image"))
    4
    """
    return Lines(data).of(document, path, item)


class Lines:
    """Where the fields of one text stand. It remembers where documents and items start, not the fields."""

    def __init__(self, data: bytes) -> None:
        values = _json_spans(data)
        self._parts: _Parts = _Json(data, values) if values else _Yaml(data)

    def of(self, document: int, path: Sequence[str | int], item: int = -1) -> int:
        """As `line_of`."""
        return self.many([(document, path, item)])[0]

    def many(self, wanted: Iterable[tuple[int, Sequence[str | int], int]]) -> list[int]:
        """As `line_of` for each (document, path, item), in order; each document, or item of a dump, is parsed once."""
        asked = [(document, item, tuple(path)) for document, path, item in wanted]
        found: dict[tuple[int, int], dict[Path, int]] = {}
        for document, item, path in asked:
            found.setdefault((document, item), {})[path] = 0
        for (document, item), lines in found.items():
            if part := self._parts.part(document, item):
                text, line, to_object = part
                lines.update(_lines(text, line, self._parts.steps(text), to_object, lines))
        return [found[document, item][path] for document, item, path in asked]


def _json_spans(data: bytes) -> list[tuple[int, int]]:
    """The values of a JSON text; none for YAML."""
    if data.removeprefix(BOM).lstrip()[:1] not in (b"{", b"["):
        return []
    try:
        return [span for span in json_values(data) if isinstance(span, tuple)]
    except RecursionError:
        return []


class _Field:
    """A field that is asked for, or an ancestor of one; -1 until it is seen."""

    __slots__ = ("index", "under")

    def __init__(self) -> None:
        self.index = -1
        self.under: dict[str | int, _Field] = {}


def _lines(text: str, line: int, steps: Iterator[Step], to_object: Path, paths: Iterable[Path]) -> dict[Path, int]:
    breaks = [found.start() for found in re.finditer("\n", text)]
    root, lines, ancestries = _Field(), dict[Path, int](), dict[Path, list[_Field]]()
    for path in paths:
        ancestry = ancestries[path] = [root]
        for name in to_object + path:
            ancestry.append(ancestry[-1].under.setdefault(name, _Field()))
    _search(steps, root)
    for path, ancestry in ancestries.items():
        seen = [field.index for field in ancestry if field.index >= 0]
        lines[path] = line + bisect_left(breaks, seen[-1] if seen else 0)
    return lines


def _search(steps: Iterator[Step], root: _Field) -> None:
    """Note where the fields under `root` are seen; of a field written twice, the last."""
    nowhere, top = _Field(), _Field()
    top.under[0] = root
    outer: list[tuple[_Field, int]] = []
    here, number = top, 0  # the container, and the number of its next item; -1 for a mapping
    field: _Field | None = None  # the one whose value comes next; None where its name does
    for kind, name, at in steps:
        if kind == "end":
            here, number = outer.pop()
            field = None
        elif number < 0 and field is None:
            if kind:
                return  # a container names no field
            field = here.under.get(name, nowhere)
            field.index = at
        else:
            if number >= 0:
                field = here.under.get(number, nowhere)
                field.index = at
                number += 1
            if len(outer) > DEPTH:
                return
            if kind:
                outer.append((here, number))
                here, number = field or nowhere, 0 if kind == "[" else -1
            field = None


class _Parts(Protocol):
    """The documents of a text, and how to walk one."""

    def part(self, document: int, item: int) -> tuple[str, int, Path] | None:
        """The text that holds an object, its first line, and the path of the object in it."""

    def steps(self, text: str) -> Iterator[Step]:
        """The structure of a text, up to where it stops being understood."""


class _Yaml:
    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def _chunks(self) -> dict[int, Chunk]:
        return {chunk.index: chunk for chunk in chunks(decoded(self.data))}

    def part(self, document: int, item: int) -> tuple[str, int, Path] | None:
        chunk = self._chunks.get(document)
        return (chunk.text, chunk.line, ("items", item) if item >= 0 else ()) if chunk else None

    def steps(self, text: str) -> Iterator[Step]:
        names = _AnyNames()
        try:
            for event in events(text):
                if isinstance(event, DocumentEndEvent):
                    return
                if isinstance(event, ScalarEvent):
                    yield "", names[event.value] if event.implicit[0] else event.value, index(event)
                elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                    yield "{" if isinstance(event, MappingStartEvent) else "[", "", index(event)
                elif isinstance(event, AliasEvent):
                    yield "", "", index(event)
                elif isinstance(event, CollectionEndEvent):
                    yield "end", "", 0
        except UnreadableError:
            return


class _AnyNames(Names):
    """Names of fields, with the text itself where kubectl would not name a field by it."""

    def __missing__(self, text: str) -> str:
        try:
            return super().__missing__(text)
        except ValueError:
            return text


class _Json:
    def __init__(self, data: bytes, values: list[tuple[int, int]]) -> None:
        self.data, self.values = data, values
        self.lists: dict[int, list[tuple[int, int, int]]] = {}

    def part(self, document: int, item: int) -> tuple[str, int, Path] | None:
        if not 0 <= document < len(self.values):
            return None
        start, end = self.values[document]
        if item < 0:
            return self.data[start:end].decode(errors="replace"), self.data.count(b"\n", 0, start) + 1, ()
        if document not in self.lists:
            self.lists[document] = list(self._items(start, end))
        if item >= len(self.lists[document]):
            return None
        start, end, line = self.lists[document][item]
        return self.data[start:end].decode(errors="replace"), line, ()

    def _items(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Start, end and line of each item of the List between two bytes, without parsing the items."""
        try:
            items = [bytes(item) for item in msgspec.json.decode(memoryview(self.data)[start:end], type=_List).items]
        except msgspec.DecodeError:
            return
        arrays = (_skip(self.data, found.end()) for found in _ITEMS.finditer(self.data, start, end))
        here = next((at for at in arrays if items and self.data.startswith(items[0], at)), -1)
        line = self.data.count(b"\n", 0, start) + 1
        for item in items if here >= 0 else ():
            line += self.data.count(b"\n", start, here)
            start = here
            yield here, here + len(item), line
            here = _skip(self.data, here + len(item))

    def steps(self, text: str) -> Iterator[Step]:
        for token in _TOKEN.finditer(text):
            word = token[0]
            if word in "{[":
                yield word, "", token.start()
            elif word in "}]":
                yield "end", "", 0
            else:
                yield "", json.loads(word) if word[0] == '"' else word, token.start()


class _List(msgspec.Struct):
    items: list[msgspec.Raw] = []


_ITEMS = re.compile(rb'"items"\s*:\s*\[')
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\]:,"]+')
_GAP = re.compile(rb"[\s,]*")


def _skip(data: bytes, start: int) -> int:
    """The first byte from `start` on that is neither space nor comma."""
    found = _GAP.match(data, start)
    return found.end() if found else start
