"""Bytes -> JSON documents, in bounded memory, whatever the input is.

A file holds a document a line, or documents that span lines: what `gcloud`, `aws` and `jq` print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

LARGEST = 16 << 20
"""Bytes of one document. The API server's own limits are 1.5 MiB for an event, and 10 MiB for a batch."""
LISTS = ("items", "events", "logEvents", "records", "value", "entries")
"""Where envelopes keep their events. A large one is not held whole: its events are taken out one by one."""


class Block(NamedTuple):
    """A document, or several with a line each."""

    line: int
    """The line it starts at, from 1."""
    text: bytes | None
    """None for a document larger than `LARGEST`."""
    lines: bool
    """Every line is a document."""


_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]"]', re.S)
_LISTS = frozenset(f'"{name}"'.encode() for name in LISTS)
_OPENERS = (b"{", b"[", b"[{")
_OBJECT, _LIST, _QUOTE = b'{["'
_BETWEEN = b" \t\r\n,"


def documents(chunks: Iterable[bytes]) -> Iterator[Block]:
    """Cut a stream between documents. NUL bytes are dropped: truncating a log in use leaves many."""
    rest = iter(c.replace(b"\0", b"") if b"\0" in c else c for c in chunks)
    head, line = b"", 1
    for chunk in rest:
        head += chunk
        text = head.lstrip()
        line += head.count(b"\n", 0, len(head) - len(text))
        head = text
        if b"\n" in head or len(head) > LARGEST:
            break
    first, newline, _ = head.partition(b"\n")
    spans = first.rstrip() in _OPENERS if newline else len(head) > LARGEST and head[0] in (_OBJECT, _LIST)
    yield from (_spanning if spans else _lines)(chain((head,), rest), line)


def _lines(chunks: Iterable[bytes], line: int) -> Iterator[Block]:
    rest, over = b"", False
    for chunk in chunks:
        if over:
            _, newline, chunk = chunk.partition(b"\n")
            if not newline:
                continue
            over, line = False, line + 1
        if cut := chunk.rfind(b"\n") + 1:
            text = b"".join((rest, memoryview(chunk)[:cut])) if rest or cut < len(chunk) else chunk
            yield Block(line, text, True)
            line, rest = line + text.count(b"\n"), chunk[cut:]
        else:
            rest += chunk
        if len(rest) > LARGEST:
            yield Block(line, None, True)
            rest, over = b"", True
    if rest:
        yield Block(line, rest, True)


def _spanning(chunks: Iterable[bytes], line: int) -> Iterator[Block]:
    """Objects at the top, in a list at the top, and in an envelope's list of events."""
    data, at, start, depth = b"", 0, -1, 0
    stack: list[int] = []
    key = b""
    for chunk in chunks:
        data += chunk
        counted = 0
        for token in _TOKEN.finditer(data, at):
            text = token[0]
            if text == b'"':  # this string goes on in the next chunk
                at = token.start()
                break
            ended, at, opener = at, token.end(), text[0]
            if opener == _QUOTE:
                key = text if len(stack) == 1 else key
            elif opener in (_OBJECT, _LIST):
                if not stack and (gap := data[ended : token.start()].strip(_BETWEEN)):
                    yield Block(line, gap, False)
                if opener == _LIST and stack == [_OBJECT] and key in _LISTS:
                    start = -1
                elif opener == _OBJECT and start < 0 and stack in ([], [_LIST], [_OBJECT, _LIST]):
                    start, depth = token.start(), len(stack)
                stack.append(opener)
            elif stack:
                stack.pop()
                if start >= 0 and len(stack) == depth:
                    line += data.count(b"\n", counted, start)
                    counted = start
                    yield Block(line, data[start:at], False)
                    start = -1
        else:
            at = len(data)
        cut = start if start >= 0 else at
        line += data.count(b"\n", counted, cut)
        data, at, start = data[cut:], at - cut, min(start, 0)
        if len(data) > LARGEST:
            yield Block(line, None, False)
            return
    if data.strip():
        yield Block(line, data, False)
