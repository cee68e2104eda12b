"""`read_flows`: flow logs and traces -> a record of every connection that was used, and of what was seen inside."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from mistrust.access.flow import Traffic, TrafficDays
from mistrust.feeds.flows.formats import FORMATS
from mistrust.feeds.flows.ledger import Ledger
from mistrust.feeds.flows.messages import begins
from mistrust.feeds.flows.rows import Rows, Unended, rows
from mistrust.feeds.flows.sight import Format, Reader
from mistrust.feeds.quote import quote
from mistrust.feeds.several import processes, spread
from mistrust.feeds.sources import GZIP, STDIN, ZSTD, CutShort, Source, chunks, sources, zstandard_frames
from mistrust.kube.errors import InputError
from mistrust.kube.problem import Problem

PATIENCE: Final = 200
"""Lines that no format understands, before any that one does, after which a file is no flow log. Proxies begin their
logs with words of their own."""
PREFIX: Final = re.compile(
    rb"(?=\[pod/|\d{4}-)(?:\[pod/\S+\] )?"
    rb"(?:\d{4}-\d\d-\d\dT\S+ (?:(?:stdout|stderr) [FP] |(?=\{|\[\d{4}-|\d{4}-\d\d-\d\dT|2 \d)))?"
)
"""What is written before each line by container runtimes (/var/log/pods), `kubectl logs --prefix --timestamps`, and
exports from CloudWatch."""
WANTED: Final = "flows of Hubble, Istio, Envoy, Linkerd, Calico, conntrack or a VPC, or OTLP traces"
_BEGIN: Final = 1 << 16
_TELLING: Final = 1 << 14
UNENDED: Final = "the last line has no end, and was not read"
DAY: Final = 86_400
"""In seconds."""

Progress = Callable[[str], None]


def read_flows(paths: Sequence[str], progress: Progress = lambda _: None) -> Traffic:
    """Every connection that the logs at `paths` show to be used: files, folders, `-`; in any order.

    The format of each file is told by its first line that any format understands. Lines that are not understood are
    counted, and the first are quoted; nothing in a file is fatal but that none of it is a flow log, where it was named.

    Parameters: `progress` is told the name of each file, again and again while it is read.

    Raises `InputError` for a path that does not exist, for a named file that holds something else, and where no file of
    a folder is a flow log. Raises `UsageError` for an empty path or standard input twice.
    """
    return _read(paths, Ledger(), progress).record()


def read_flow_days(paths: Sequence[str], progress: Progress = lambda _: None) -> TrafficDays:
    """The same, day by day; raises the same."""
    return _read(paths, Ledger(DAY), progress).days()


def _read(paths: Sequence[str], ledger: Ledger, progress: Progress) -> Ledger:
    found = sources(paths)
    many = processes(found)
    if many > 1:
        for source, theirs in zip(found, spread(partial(_alone, span=ledger.span), found, many), strict=True):
            progress(source.name)
            ledger.join(theirs)
    else:
        for source in found:
            read_source(source, ledger, progress)
    if not ledger.events and not any(source.named for source in found):
        got = next((f"{p.file}: {p.got or p.what}" for p in ledger.problems), "no files")
        raise InputError("no flow log", where=", ".join(paths), got=got, wanted=WANTED)
    return ledger


def _alone(source: Source, span: int) -> Ledger:
    ledger = Ledger(span)
    read_source(source, ledger, lambda _: None)
    return ledger


def is_flows(begin: bytes) -> bool:
    """Do these first bytes of a file, packed or not, begin a flow log or a trace?"""
    try:
        if begin.startswith(GZIP):
            begin = zlib.decompressobj(wbits=31).decompress(begin, _BEGIN)
        elif begin.startswith(ZSTD):
            begin = next(zstandard_frames(begin[i : i + 256] for i in range(0, _BEGIN, 256)), b"")
    except (zlib.error, CutShort):
        return False
    if begins(begin):
        return True
    if b"\n" not in begin.strip():  # perhaps not the whole of a line
        return any(form.like.search(_bare(begin)) for form in FORMATS)
    return any(recognise(_bare(text)) for _, texts in rows((begin,)) for text in texts if text)


def remembers(begin: bytes) -> bool:
    """Does what a line of this log says rest on what is before it? `begin` are the first bytes, unpacked."""
    if begins(begin):
        return True
    lines = (_bare(text) for _, texts in rows((begin,)) for text in texts if text)
    form = next(filter(None, map(recognise, lines)), None)
    return form is not None and form.remembers


def recognise(line: bytes) -> Format | None:
    """The format of a line."""
    begin = line[:_TELLING]
    return next((f for f in FORMATS if f.like.search(begin) and _understood(f.reader(), line)), None)


def _understood(read: Reader, line: bytes) -> bool:
    try:
        read(line)
    except (ValueError, msgspec.DecodeError):
        return False
    return True


def _bare(line: bytes) -> bytes:
    prefix = PREFIX.match(line)
    return line[prefix.end() :] if prefix else line


def read_source(
    source: Source, ledger: Ledger, progress: Progress, opened: Callable[[str], Iterator[bytes]] = chunks
) -> None:
    """Read one file into the ledger. Parameters: `opened` gives the bytes of a named source."""
    try:
        other = _read_lines(source.name, ledger, _watched(source.name, progress, opened))
    except CutShort as error:
        ledger.problems.append(Problem("cut short", source.name, got=str(error), do="what came before it counts"))
        return
    except InputError as error:
        if source.named:
            raise
        ledger.problems.append(Problem(error.what, source.name, got=error.got))
        return
    if other is not None:
        if source.named:
            raise InputError("not a flow log", where=source.name, got=other, wanted=WANTED)
        ledger.problems.append(Problem("not a flow log", source.name, got=other, blinds=False))


def _read_lines(file: str, ledger: Ledger, pieces: Iterable[bytes]) -> str | None:
    """None where a format was recognised; else what there is."""
    batches = rows(pieces)
    waiting: list[Rows] = []
    unknown = 0
    for number, texts in batches:
        waiting.append((number, texts))
        for text in texts:
            form = recognise(_bare(text)) if text else None
            if form is not None:
                ledger.sampled |= form.sampled
                _count(chain(waiting, batches), form.reader(), ledger, file, _bare(text or b"") != text)
                return None
            unknown += text is None or bool(text.strip())
            if unknown == PATIENCE:
                break
        if unknown == PATIENCE:
            break
    return next((quote(text) for _, texts in waiting for text in texts if text is None or text.strip()), "nothing")


def _count(batches: Iterable[Rows], read: Reader, ledger: Ledger, file: str, prefixed: bool) -> None:
    otherwise = int(Path(file).stat().st_mtime) if file != STDIN else 0
    for number, texts in batches:
        bad = 0
        for at, text in enumerate(texts, number):
            try:
                if text is None:
                    raise ValueError("too long")
                sights = read(_bare(text) if prefixed else text)
                ledger.add(sights, file, otherwise)
            except (ValueError, msgspec.DecodeError):
                bad += 1
                if isinstance(text, Unended):
                    ledger.problems.append(Problem(UNENDED, file, at, got=quote(text), blinds=False))
                elif text is None or text.strip():
                    ledger.misread(file, at, text)
        ledger.events += len(texts) - bad


def _watched(file: str, progress: Progress, opened: Callable[[str], Iterator[bytes]]) -> Iterator[bytes]:
    for chunk in opened(file):
        progress(file)
        yield chunk
