"""Bytes -> messages: OTLP files that are not text.

The collector's file exporter (exporter/fileexporter of opentelemetry-collector-contrib) writes the size of a message in
four bytes, the highest first, and then the message: protobuf, and also JSON where it is packed. With `compression` each
message is packed for itself. OTLP's own file format has the size as a varint. A file may also be one message alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from mistrust.feeds.documents import LARGEST
from mistrust.feeds.flows import protobuf
from mistrust.feeds.sources import PIECE, ZSTD, CutShort, zstandard_frames

HEAD: Final = 1 << 10
"""Bytes that tell that there are messages."""
FIXED: Final = 4
"""Bytes of a size that is no varint."""


def begins(head: bytes) -> bool:
    """Do these first bytes of a file, unpacked, begin messages?"""
    return protobuf.begins(head) or _delimited(head)


def messages(head: bytes, pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """The messages of a file that begins so, unpacked; None for one that is larger than `LARGEST`, which is the last.

    Raises `CutShort` where the last one is not complete.
    """
    if protobuf.begins(head):
        yield _whole(head, pieces)
        return
    data = bytearray()
    for piece in chain((head,), pieces):
        data += piece
        try:
            yield from map(_unpacked, _cut(data, head[0] < 2))
        except OverflowError:
            yield None
            return
    if data:
        raise CutShort("the last message is not complete")


def _cut(data: bytearray, fixed: bool) -> Iterator[bytes]:
    """Take the whole messages out. Raises OverflowError at one that is too large, or has no size."""
    at = 0
    while at < len(data):
        try:
            size, begin = _size(data, at, fixed)
        except ValueError:
            if len(data) - at >= protobuf.LONGEST_VARINT:
                raise OverflowError from None
            break
        if size > LARGEST:
            raise OverflowError
        if begin + size > len(data):
            break
        if size:  # a log that is truncated while it is written to is full of zeros
            yield bytes(data[begin : begin + size])
        at = begin + size
    del data[:at]


def _size(data: bytes | bytearray, at: int, fixed: bool) -> tuple[int, int]:
    """The size of a message, and where it begins. Raises ValueError where it is not complete."""
    if not fixed:
        return protobuf.varint(data, at)
    if len(data) - at < FIXED:
        raise ValueError("half a size")
    return int.from_bytes(data[at : at + FIXED]), at + FIXED


def _delimited(head: bytes) -> bool:
    """Is there a size, and a message behind it?"""
    try:
        size, at = _size(head, 0, head[:1] < b"\2")
    except ValueError:
        return False
    message = head[at : at + size]
    if message.startswith(ZSTD) and len(message) < size <= LARGEST:
        return True  # what is packed shows when all of it is there
    message = _unpacked(message) or b""
    json = head[:1] < b"\2" and message.lstrip().startswith((b'{"resourceSpans"', b'{ "resourceSpans"'))
    return 0 < size <= LARGEST and (json or protobuf.begins(message))


def _unpacked(message: bytes) -> bytes | None:
    if not message.startswith(ZSTD):
        return message
    return _whole(b"", _frames(message))


def _frames(message: bytes) -> Iterator[bytes]:
    try:
        yield from zstandard_frames(message[at : at + PIECE] for at in range(0, len(message), PIECE))
    except CutShort:
        return  # what came before it counts, where it is whole


def _whole(head: bytes, pieces: Iterable[bytes]) -> bytes | None:
    parts, size = [head], len(head)
    for piece in pieces:
        size += len(piece)
        if size > LARGEST:
            return None
        parts.append(piece)
    return b"".join(parts)
