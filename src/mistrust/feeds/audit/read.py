"""`read_audit`: audit logs -> a record of every right that was used."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence

from mistrust.access.record import Coverage, Days, Record
from mistrust.feeds.audit.collect import Collector
from mistrust.feeds.audit.envelope import Bad, Form, Other, open_document
from mistrust.feeds.audit.event import UNREADABLE, decode_events
from mistrust.feeds.audit.remarks import remarks, unlogged
from mistrust.feeds.audit.silence import DAY
from mistrust.feeds.documents import documents
from mistrust.feeds.quote import quote
from mistrust.feeds.sources import GZIP, PIECE, ZSTD, CutShort, Source, chunks, sources, zstandard_frames
from mistrust.kube.errors import InputError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

QUOTED = 5
"""Lines that are quoted; the rest is counted."""
PATIENCE = 1_000
"""Lines that are not even JSON, before any event, after which a file is no audit log."""
_MARKS = (b"audit.k8s.io/", b"requestURI", b"requestReceivedTimestamp", b"requestObject")
_GKE = (b"google.cloud.audit.AuditLog", b"k8s.io")
_BEGIN = 1 << 16

Progress = Callable[[str], None]


def read_audit(
    paths: Sequence[str], progress: Progress = lambda _: None, *, version: Version | None = None
) -> Record[Request]:
    """Every use that the logs at `paths` show: files, folders, `-`; in any order, overlapping or not.

    Parameters: `progress` is told the name of each file, again and again while it is read; `version` of the API server
    where it is known (see `uses`).

    Raises `InputError` for a path that does not exist, for a named file that holds something else, saying what, and
    where no file of a folder is an audit log. Raises `UsageError` for an empty path or standard input twice.
    """
    reading = _read(paths, Collector(), progress)
    return reading.record(paths, version)


def read_audit_days(
    paths: Sequence[str], progress: Progress = lambda _: None, *, version: Version | None = None
) -> Days[Request]:
    """The same, day by day; raises the same."""
    reading = _read(paths, Collector(DAY), progress)
    return Days(reading.collector.by_span(version), reading.coverage(paths))


def _read(paths: Sequence[str], collector: Collector, progress: Progress) -> Reading:
    reading = Reading(progress, collector)
    found = sources(paths)
    for source in found:
        reading.read(source)
    if not reading.collector.events and not any(source.named for source in found):
        got = next((f"{p.file}: {p.got or p.what}" for p in reading.problems), "no files")
        raise InputError("no audit log", where=", ".join(paths), got=got, wanted=_WANTED)
    return reading


def is_audit(begin: bytes) -> bool:
    """Do these first bytes of a file, packed or not, begin an audit log?"""
    if begin.startswith(GZIP):
        try:
            begin = zlib.decompressobj(wbits=31).decompress(begin, _BEGIN)
        except zlib.error:
            return False
    elif begin.startswith(ZSTD):
        try:
            begin = next(zstandard_frames(begin[i : i + PIECE] for i in range(0, _BEGIN, PIECE)), b"")
        except CutShort:
            return False
    if b"auditID" in begin:
        return any(mark in begin for mark in _MARKS)
    return all(mark in begin for mark in _GKE)


_WANTED = "audit.k8s.io events, a line each, or as EKS, GKE or AKS export them"


class Reading:
    """What was read so far. Parameters: `opened` gives the bytes of a named source."""

    def __init__(
        self, progress: Progress, collector: Collector, opened: Callable[[str], Iterator[bytes]] = chunks
    ) -> None:
        self.collector = collector
        self.problems: list[Problem] = []
        self._progress = progress
        self._opened = opened
        self.bad = 0
        self._unended = 0
        """The number of a last line that has no end."""
        self.others = 0
        self.cloud_logging = False

    def read(self, source: Source) -> None:
        """Read one file. Nothing in a file is fatal, but that none of it is an audit log, where it was named."""
        before = self.collector.events
        bad: list[Problem] = []
        found = others = 0
        other: Other | None = None
        try:
            for line, text, wrong in self._wrong(self._watched(source.name)):
                if isinstance(wrong, Other):
                    other, others = other or wrong, others + 1
                    continue
                found += 1
                if len(bad) < QUOTED:
                    bad.append(self._problem(source, line, text, wrong))
                if found >= PATIENCE and self.collector.events == before:
                    break
        except CutShort as error:
            self.problems.append(Problem("cut short", source.name, got=str(error), do="what came before it counts"))
        except InputError as error:
            if source.named:
                raise
            self.problems.append(Problem(error.what, source.name, got=error.got))
        if self.collector.events > before:
            self.bad += found
            self.others += others
            self.problems += bad[: max(0, QUOTED - sum(p.line > 0 for p in self.problems))]
        elif bad or other:
            got = bad[0].got if bad else f"{others} times {other.what}" if other else ""
            if source.named:
                raise InputError("not an audit log", where=source.name, got=got, wanted=_WANTED)
            self.problems.append(Problem("not an audit log", source.name, got=got, blinds=False))
        else:
            self.problems.append(Problem("empty", source.name, blinds=source.named))

    def _problem(self, source: Source, line: int, text: bytes | None, wrong: Bad) -> Problem:
        """A last line without an end is still being written: it hides nothing that has happened before it."""
        if line == self._unended:
            return Problem("the last line has no end, and was not read", source.name, line, quote(text), blinds=False)
        return Problem("not an audit event", source.name, line, f"{wrong.why}, {quote(text)}")

    def record(self, paths: Sequence[str], version: Version | None) -> Record[Request]:
        """Everything read so far."""
        return Record(self.collector.uses(version), self.coverage(paths))

    def coverage(self, paths: Sequence[str]) -> Coverage:
        """How much of what happened it shows."""
        known, about = self.collector, paths[0] if len(paths) == 1 else "audit logs"
        return Coverage(
            first=known.first,
            last=known.last,
            events=known.events,
            bad=self.bad,
            problems=(*self.problems, *remarks(known, about, others=self.others, cloud_logging=self.cloud_logging)),
            holes=known.minutes.holes(),
            unlogged=tuple(unlogged(known, cloud_logging=self.cloud_logging)),
        )

    def _wrong(self, stream: Iterator[bytes]) -> Iterator[tuple[int, bytes | None, Bad | Other]]:
        """Count every event of a stream. What is none comes out, with its line and its text."""
        take = self.collector.take
        for line, block, several in documents(stream):
            self._unended = line + block.count(b"\n") if several and block and not block.endswith(b"\n") else 0
            if block is None:
                yield line, None, Bad("too large")
                continue
            try:
                events = decode_events(block)
            except UNREADABLE:
                events = []
            if events and all(event.audit_id for event in events):
                yield from ((*_nth(i, line, block), Bad(why)) for i, why in take(events))
                continue
            for number, text in enumerate(block.split(b"\n") if several else (block,), line):
                yield from ((number, text, bad) for bad in self._look(text))

    def _look(self, text: bytes) -> Iterator[Bad | Other]:
        for found in open_document(text):
            if isinstance(found, Bad | Other):
                yield found
                continue
            form, event = found
            self.cloud_logging |= form is Form.CLOUD_LOGGING
            yield from (Bad(why) for _, why in self.collector.take((event,)))

    def _watched(self, name: str) -> Iterator[bytes]:
        for chunk in self._opened(name):
            self._progress(name)
            yield chunk


def _nth(i: int, line: int, block: bytes) -> tuple[int, bytes]:
    """Line and text of a document among others; blank lines hold none."""
    full = [(number, text) for number, text in enumerate(block.split(b"\n"), line) if text.strip()]
    return full[i] if i < len(full) else (line, block)
