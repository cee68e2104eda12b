"""Bytes -> lines, many at a time; objects that are written over several lines, and messages, count as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from mistrust.feeds.documents import LARGEST, documents
from mistrust.feeds.flows.messages import HEAD, begins, messages

SPANNING: Final = (b"{", b"[", b"[{")
"""First lines of what `jq` and `linkerd viz tap` write."""

Rows = tuple[int, Sequence[bytes | None]]
"""The number of the first, from 1, and texts; None for one that is longer than LARGEST."""


class Unended(bytes):
    """A last line that has no end: it may still be written."""


def rows(pieces: Iterable[bytes]) -> Iterator[Rows]:
    """The lines of a file, without their ends; a last one without an end counts. Or its messages.

    NUL bytes are dropped: a log that is truncated while it is written to is full of them.
    """
    head = b""
    pieces = iter(pieces)
    while len(head) < HEAD and (piece := next(pieces, b"")):
        head += piece
    if begins(head):
        yield from ((number, (text,)) for number, text in enumerate(messages(head, pieces), 1))
        return
    pieces = chain((head,), pieces)
    rest = (p.replace(b"\0", b"") if b"\0" in p else p for p in pieces)
    begin = b""
    for piece in rest:
        begin = (begin + piece).lstrip() if not begin.strip() else begin + piece
        if b"\n" in begin or len(begin) > LARGEST:
            break
    if begin.partition(b"\n")[0].rstrip() in SPANNING:
        for block in documents(chain((begin,), rest)):
            yield block.line, (block.text,)
    else:
        yield from _lines(chain((begin,), rest))


def _lines(pieces: Iterable[bytes]) -> Iterator[Rows]:
    rest: list[bytes] = []
    number, length = 1, 0
    for piece in pieces:
        first, *more = piece.split(b"\n")
        length += len(first)
        if length <= LARGEST:
            rest.append(first)
        if more:
            texts = [b"".join(rest) if length <= LARGEST else None, *more]
            rest = [more[-1]]
            length = len(more[-1])
            texts.pop()
            yield number, texts
            number += len(texts)
    if length:
        yield number, (Unended(b"".join(rest)) if length <= LARGEST else None,)
