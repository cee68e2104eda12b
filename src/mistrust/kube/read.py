"""Bytes -> objects and problems: YAML or JSON, one object or many, Lists unfolded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from mistrust.kube.decode import DEFAULT_NAMESPACE, decoder, from_json, from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin, Problem

if TYPE_CHECKING:
    from mistrust.kube.shapes import Shapes

BOM = b"\xef\xbb\xbf"
_INK = re.compile(rb"[^ \t\r\n]")
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")


def read(
    data: bytes, file: str, namespace: str = DEFAULT_NAMESPACE, known: Shapes | None = None
) -> tuple[list[Object], list[Problem]]:
    """Everything that a file holds.

    `file` is what origins and problems name; `known` remembers lines of YAML from file to file, for speed alone. JSON
    (one value, concatenated values, a List) is decoded without building plain values; everything else is YAML. Nothing
    is raised for bad input: it becomes problems, and the rest is kept.
    """
    objects: list[Object] = []
    problems: list[Problem] = []
    for found in _values(data, file, namespace, known):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            objects.append(found)
    return objects, problems


def begins_json(data: bytes) -> bool:
    """Is it JSON by its first character? YAML may begin so too."""
    first = _INK.search(data, len(BOM) if data.startswith(BOM) else 0)
    return first is not None and first[0] in (b"{", b"[")


def _values(data: bytes, file: str, namespace: str, known: Shapes | None) -> Iterator[Object | Problem]:
    if spans := json_spans(data):
        yield from _json(data, spans, file, namespace)
        return
    from mistrust.kube.yaml import documents

    found, problems = documents(data, file, known)
    for document in found:
        yield from from_plain(document.value, Origin(file, document.index, -1, document.line), namespace)
    yield from problems


def json_spans(data: bytes) -> list[tuple[int, int] | msgspec.DecodeError]:
    """The values of a file that is read as JSON, as `json_values`; none for one that is read as YAML."""
    if not begins_json(data):
        return []
    spans = list(json_values(data))
    return [] if isinstance(spans[0], msgspec.DecodeError) or _in_documents(data, spans) else spans


def _in_documents(data: bytes, spans: list[tuple[int, int] | msgspec.DecodeError]) -> bool:
    """Is it JSON in YAML documents, one under each `---`?"""
    return len(spans) > 1 and isinstance(last := spans[-2], tuple) and data[last[1] :].lstrip().startswith(b"---")


def _json(
    data: bytes, spans: list[tuple[int, int] | msgspec.DecodeError], file: str, namespace: str
) -> Iterator[Object | Problem]:
    view = memoryview(data)
    line = 1
    for i, span in enumerate(spans):
        if isinstance(span, msgspec.DecodeError):
            do = "what follows is not part of the analysis: write the dump again"
            yield Problem("not JSON", file, line, got=str(span), do=do)
            return
        start = _INK.search(data, span[0])
        first = line + data.count(b"\n", span[0], start.start() if start else span[1])
        try:
            yield from from_json(msgspec.Raw(view[span[0] : span[1]]), Origin(file, i, -1, first), namespace)
        except RecursionError:
            yield Problem("nested too deeply", file, first, wanted="JSON that a person could have written")
        line += data.count(b"\n", *span)


def json_values(data: bytes) -> Iterator[tuple[int, int] | msgspec.DecodeError]:
    """The spans of concatenated JSON values, in order; ends with the error where the text stops being JSON.

    >>> list(json_values(b'{"a": 1} {"b": 2}'))
    [(0, 9), (9, 17)]
    """
    view = memoryview(data)
    start = len(BOM) if data.startswith(BOM) else 0
    raw = decoder(msgspec.Raw)
    while True:
        try:
            raw.decode(view[start:])
        except RecursionError:
            yield start, len(data)
            return
        except msgspec.DecodeError as error:
            trailing = _TRAILING.search(str(error))
            if trailing is None:
                if data[start:].strip():
                    yield error
                return
            end = start + int(trailing.group(1)) - 1  # msgspec counts the first trailing character as read
            yield start, end
            start = end
        else:
            yield start, len(data)
            return
