"""A log's file: is it one that was read, under whatever name, and where does what is new in it begin?

A file is known by its content: the first bytes, and the last ones that were read. So a log that was rotated, renamed,
packed or copied is the same log, and one that grew is read from where it ended.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from mistrust.feeds.documents import LARGEST
from mistrust.feeds.sources import CHUNK, GZIP, ZSTD, CutShort, chunks
from mistrust.kube.errors import InputError

PRINT: Final = 1 << 16
"""Bytes at the beginning, and before the end, that a file is known by."""


class Look(msgspec.Struct, frozen=True):
    """What the file system says of a file; where nothing of it changed, the file is not opened."""

    path: bytes
    size: int
    changed: int
    """Nanoseconds since 1970."""
    inode: int


class Extent(msgspec.Struct, frozen=True):
    """How far a file was read, unpacked."""

    head: int = 0
    """Length of the beginning that `head_print` is of."""
    head_print: bytes = b""
    tail_print: bytes = b""
    """Of the last bytes before `end`."""
    end: int = 0
    lines: int = 0


def shown(name: str) -> str:
    """A file's name that can be written down: names are bytes, and need not be text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def look(name: str) -> Look:
    """Raises `InputError` for a file that is not there."""
    try:
        path = Path(name).absolute()
        stat = path.stat()
    except OSError as error:
        raise InputError("cannot be read", where=name, got=error.strerror or str(error)) from None
    return Look(os.fsencode(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)


def begin(name: str) -> tuple[bytes, bytes]:
    """The first bytes as they stand, and unpacked."""
    return _bytes(name, 0, PRINT, packed=True), _bytes(name, 0, PRINT)


def print_of(data: bytes) -> bytes:
    """What stands for bytes."""
    return blake2b(data, digest_size=16).digest()


def continues(name: str, extent: Extent) -> bool:
    """Does the file hold, where the reading of another ended, the bytes that were there?"""
    tail = min(PRINT, extent.end)
    return print_of(_bytes(name, extent.end - tail, tail)) == extent.tail_print


class Unread:
    """The bytes of a file that were not read yet, as far as they are whole lines.

    The last line of a log that is being written may be half a line. It is left for the next time, but where it is whole
    JSON. Parameters: `before`, how far it was read; `whole`, take everything, because lines mean nothing in it.
    """

    def __init__(self, begin: bytes, before: Extent, whole: bool) -> None:
        self.before = before
        self.end, self.lines = before.end, before.lines
        self.left = 0
        """Bytes of a last line that has no end."""
        self.cut_short = False
        self.whole = whole
        self._begin = begin
        self._last: deque[bytes] = deque()
        """What was taken last: at least as much as a print is of, where there is as much."""
        self._held = 0

    def opened(self, name: str) -> Iterator[bytes]:
        """The bytes; afterwards `extent` says how far they went."""
        held: list[bytes] = []
        size = 0
        if self.end:
            keep = min(PRINT, self.end)
            self._remember(_bytes(name, self.end - keep, keep))
        try:
            for chunk in _from(name, self.end):
                cut = len(chunk) if self.whole or size > LARGEST else chunk.rfind(b"\n") + 1
                if cut:
                    yield self._take(b"".join((*held, memoryview(chunk)[:cut])))
                    held, size = [], 0
                if cut < len(chunk):
                    held.append(chunk[cut:])
                    size += len(chunk) - cut
        except CutShort:
            self.cut_short = True
            yield self._take(b"".join(held))
            raise
        if rest := b"".join(held):
            if _json(rest):
                yield self._take(rest)
            else:
                self.left = len(rest)

    def extent(self) -> Extent:
        """How far it was read. What is read as a whole may change at its end, and is known by its first half."""
        head = min(self.end // 2 if self.whole or self.cut_short else self.end, len(self._begin))
        return Extent(head, print_of(self._begin[:head]), print_of(b"".join(self._last)[-PRINT:]), self.end, self.lines)

    def _take(self, data: bytes) -> bytes:
        self.end += len(data)
        self.lines += data.count(b"\n")
        self._remember(data)
        return data

    def _remember(self, data: bytes) -> None:
        self._last.append(data)
        self._held += len(data)
        while self._held - len(self._last[0]) >= PRINT:
            self._held -= len(self._last.popleft())


def _bytes(name: str, start: int, length: int, *, packed: bool = False) -> bytes:
    found: list[bytes] = []
    with suppress(CutShort):
        found.extend(_from(name, start, length, packed=packed))
    return b"".join(found)


def _from(name: str, start: int, length: int = 1 << 62, *, packed: bool = False) -> Iterator[bytes]:
    """Bytes from an offset on; unpacked, unless they are wanted as they stand."""
    for chunk in _after(name, start, packed=packed):
        if length <= len(chunk):
            yield chunk[:length]
            return
        length -= len(chunk)
        yield chunk


def _after(name: str, start: int, *, packed: bool) -> Iterator[bytes]:
    try:
        with Path(name).open("rb") as file:
            if packed or not file.peek(4).startswith((GZIP, ZSTD)):
                file.seek(start)
                while chunk := file.read(CHUNK):
                    yield chunk
                return
    except OSError as error:
        raise InputError("cannot be read", where=name, got=error.strerror or str(error)) from None
    for chunk in chunks(name):
        if start < len(chunk):
            yield chunk[start:] if start else chunk
        start = max(0, start - len(chunk))


def _json(text: bytes) -> bool:
    with suppress(msgspec.DecodeError):
        msgspec.json.decode(text, type=msgspec.Raw)
        return True
    return False
