"""Paths -> streams of bytes: files, folders in order of names, standard input; gzip and zstd by their first bytes."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mistrust.kube.errors import InputError, UnsupportedError, UsageError

STDIN = "-"
CHUNK = 1 << 16
"""Bytes at a time: few enough for their events to stay in the processor's cache, which is half of the speed."""
PIECE = 1 << 10
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"


class Source(NamedTuple):
    """A file, or `-`; `named` where it was given itself and not found in a folder, so that it must be an audit log."""

    name: str
    named: bool


class CutShort(Exception):  # noqa: N818
    """A compressed file is damaged, or ends too early. What came before counts."""


def sources(paths: Sequence[str]) -> tuple[Source, ...]:
    """Every file that `paths` name, in order; hidden files are left out, links are followed once.

    Raises `InputError` for a path that does not exist, `UsageError` for an empty one, or standard input twice.
    """
    found: list[Source] = []
    for path in paths:
        if not path or (path == STDIN and paths.count(STDIN) > 1):
            raise UsageError("no such source", got=repr(path), wanted="a folder, a file or -, each once")
        if path != STDIN and not Path(path).exists():
            raise InputError("cannot be read", where=path, got="No such file or directory")
        if path != STDIN and Path(path).is_dir():
            found += (Source(name, False) for name in _walk(path))
        else:
            found.append(Source(path, True))
    return tuple(found)


def chunks(name: str) -> Iterator[bytes]:
    """The unpacked bytes of a source, little at a time, however far they unpack.

    Raises `InputError` for a file that cannot be read, `CutShort` for one that is damaged further on, and
    `UnsupportedError` for zstd where the library for it is not installed.
    """
    try:
        if name == STDIN:
            yield from unpacked(sys.stdin.buffer)
        else:
            with Path(name).open("rb") as file:
                yield from unpacked(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CutShort(str(error)) from None
    except OSError as error:
        raise InputError("cannot be read", where=name, got=error.strerror or str(error)) from None


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file, or of what is packed in it, by its first bytes."""
    begin = file.peek(4)[:4] if isinstance(file, BufferedReader) else b""
    if begin == ZSTD:
        yield from zstandard_frames(iter(lambda: file.read(PIECE), b""))
        return
    stream = gzip.GzipFile(fileobj=file) if begin.startswith(GZIP) else file
    read = stream.read1 if isinstance(stream, gzip.GzipFile) else stream.read  # read() loses what precedes damage
    while chunk := read(CHUNK):
        yield chunk


def zstandard_frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What zstd frames hold. Pieces should be small: `PIECE` bytes unpack to 32 MiB at the most.

    Raises `CutShort` where a frame is damaged or not complete, after what could be unpacked.
    """
    try:
        import zstandard
    except ImportError:
        raise UnsupportedError("zstd files need a library", wanted="zstandard", do="pip install zstandard") from None
    fresh = zstandard.ZstdDecompressor().decompressobj
    frame, begun = fresh(), False
    ready: list[bytes] = []
    size = 0
    wrong = ""
    try:
        for piece in pieces:
            while piece:
                ready.append(frame.decompress(piece))
                size += len(ready[-1])
                piece, begun = (frame.unused_data, False) if frame.eof else (b"", True)
                frame = frame if begun else fresh()
            if size >= CHUNK:
                yield b"".join(ready)
                ready, size = [], 0
    except zstandard.ZstdError as error:
        wrong = str(error)
    yield b"".join(ready)
    if begun or wrong:
        raise CutShort(wrong or "the last frame is not complete")


def _walk(folder: str) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        stat = Path(here).stat()
        folders[:] = (
            sorted(f for f in folders if not f.startswith(".")) if (stat.st_dev, stat.st_ino) not in seen else []
        )
        seen.add((stat.st_dev, stat.st_ino))
        yield from (str(Path(here, f)) for f in sorted(files) if not f.startswith(".") and Path(here, f).is_file())
