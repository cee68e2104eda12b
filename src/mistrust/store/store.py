"""`Store`: a folder that remembers what logs showed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from mistrust.access.record import Record, Tally
from mistrust.feeds.audit.sources import STDIN, Source, sources
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store import parts
from mistrust.store.audit import Audit
from mistrust.store.catalogue import NAME, Catalogue, Log, Part
from mistrust.store.file import Extent, Look, Unread, begin, continues, look, print_of, shown
from mistrust.store.flows import Flows
from mistrust.store.rollup import Kind, Progress, Values, Window

U = TypeVar("U")
AUDIT: Final = Audit()
FLOWS: Final = Flows()
KINDS: Final = (AUDIT, FLOWS)
EVERYTHING: Final = Window()
_TRIES: Final = 5


class Became(Enum):
    """What became of a file that was to be added."""

    READ = "read"
    GREW = "read from where it ended"
    AGAIN = "read again, in place of what was known"
    KNOWN = "known already"
    OTHER = "no evidence"


class Added(NamedTuple):
    """What was done with one file."""

    file: str
    became: Became
    kind: str = ""
    events: int = 0


class Kept(NamedTuple):
    """What the store has of one log."""

    file: str
    """Where it was when it was first read."""
    kind: str
    events: int
    first: int
    last: int


class Store:
    """Evidence in a folder: of each log what was used in which hour. Logs may be removed once they are added.

    Any number of processes read while one adds; each file is added whole or, when the process dies, not at all.

    Parameters: `create`, make the folder where there is none. Raises `UsageError` for a folder that is no store,
    `InputError` for a damaged catalogue, `UnsupportedError` for a store of another version.
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        self.folder = Path(folder)
        name = shown(str(folder))
        if shown(str(self.folder.absolute())) != str(self.folder.absolute()):
            raise UsageError("a store needs a path that is UTF-8", where=name)
        if create:
            if self.folder.exists() and not self.folder.is_dir():
                raise UsageError("no folder", where=name, wanted="a store, or a folder to make one in")
            if self.folder.is_dir() and not is_store(self.folder) and any(self.folder.iterdir()):
                wanted = "a store, or an empty folder to make one in"
                raise UsageError("a folder of something else", where=name, wanted=wanted)
            self.folder.mkdir(parents=True, exist_ok=True)
        self._catalogue = Catalogue(self.folder, create=create)
        if create:
            (self.folder / parts.FOLDER).mkdir(exist_ok=True)
        self._swept = False

    def close(self) -> None:
        """Let go of the files."""
        self._catalogue.close()

    def add(self, path: str, progress: Progress = lambda _: None) -> Iterator[Added]:
        """Read what is new at `path`: a file, or every log in a folder. What is known already is not read.

        Raises `InputError` for a path that does not exist, and for a named file that is no log; `UsageError` while
        another process adds. Each file that came out before is kept.
        """
        if path == STDIN:
            raise UsageError("standard input cannot be added", wanted="files", do="write it to a file first")
        for source in sources((path,)):
            yield self._add(source, progress)

    def record(self, kind: Kind[U], window: Window = EVERYTHING, version: Version | None = None) -> Record[U] | None:
        """Everything that logs of this kind showed in a window; None where no such log was added.

        The uses, their times, and the holes are those of the window; counts of events and of lines that were not
        understood are those of the logs that reach into it.

        Raises `InputError` where a part is damaged, saying how to get it back.
        """
        for _ in range(_TRIES):
            found = self._catalogue.parts(kind.name)
            if not found:
                return None
            found = [p for p in found if window.touches(p.first, p.last)]
            try:
                uses = list(self._uses(kind, found, window))
            except FileNotFoundError:
                if {p.id for p in found} <= {p.id for p in self._catalogue.parts(kind.name)}:
                    break
                continue  # a log was read again meanwhile: its parts are others now
            notes = (zlib.decompress(part.notes) for part in found)
            record = kind.record(uses, notes, window, shown(str(self.folder)), version)
            return _with(record, self._unfinished(kind.name))
        raise self._damaged(found, InputError("a part of the evidence is gone", where=shown(str(self.folder))))

    def sources(self) -> tuple[Kept, ...]:
        """The logs that were added, in order."""
        kept = []
        by_log: dict[int, list[Part]] = {}
        for part in self._catalogue.parts():
            by_log.setdefault(part.log, []).append(part)
        for log in sorted(self._catalogue.logs(), key=lambda log: log.id):
            of = by_log.get(log.id, [])
            times = [(p.first, p.last) for p in of if p.first]
            first, last = min((f for f, _ in times), default=0), max((t for _, t in times), default=0)
            kept.append(Kept(_name(log.path), log.kind, sum(p.events for p in of), first, last))
        return tuple(kept)

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def _add(self, source: Source, progress: Progress) -> Added:
        now = look(source.name)
        if (log := self._catalogue.looked(now)) and self._sound(log):
            return Added(source.name, Became.KNOWN)
        with self._catalogue.writing():
            added, replaced = self._read(source, now, progress)
        for part in replaced:
            for table in (parts.USES, parts.HOURS):
                parts.path(self.folder, part.id, table).unlink(missing_ok=True)
        return added

    def _read(self, source: Source, now: Look, progress: Progress) -> tuple[Added, list[Part]]:
        """Inside the transaction: nobody else adds, so that what is not in the catalogue is nobody's."""
        catalogue = self._catalogue
        if not self._swept:
            parts.sweep(self.folder, (p.id for p in catalogue.parts()))
            self._swept = True
        raw, text = begin(source.name)
        log = self._known(source.name, now, text)
        old = catalogue.parts(log=log.id) if log else []
        sound = all(parts.intact(self.folder, part) for part in old)
        kind = next((k for k in KINDS if (k.name == log.kind if log else k.recognises(raw))), None)
        if kind is None:
            if source.named and raw:
                wanted = "an audit log, or flows of Hubble, Istio, Calico, conntrack, a VPC"
                raise InputError("not evidence", where=shown(source.name), wanted=wanted)
            return Added(source.name, Became.OTHER), []
        again = log is not None and (log.whole or not sound)
        before = log.extent if log and not again else Extent()
        if again and log and sound and _same(source.name, log.extent):
            catalogue.put_look(now, log.id)
            return Added(source.name, Became.KNOWN, kind.name), []
        whole = kind.whole(text)
        unread = Unread(text, before, whole)
        batch = kind.read(Source(source.name, named=source.named and log is None), unread, progress)
        if log is None and not (unread.end and batch.events):
            return Added(source.name, Became.OTHER), []
        if unread.end == before.end and log and not again:
            catalogue.put_look(now, log.id)
            return Added(source.name, Became.KNOWN, kind.name), []
        number = catalogue.put_log(log, kind.name, now.path, whole or unread.cut_short, unread.left, unread.extent())
        if again:
            catalogue.drop_parts(number)
        part = catalogue.next_part()
        sums = parts.write(self.folder, part, kind.columns, batch.cells) if batch.cells else parts.Sums(0, 0)
        notes = zlib.compress(batch.notes)
        catalogue.put_part(
            Part(part, number, kind.name, batch.events, batch.first, batch.last, len(batch.cells), *sums, notes)
        )
        catalogue.put_look(now, number)
        became = Became.AGAIN if again else Became.GREW if log else Became.READ
        return Added(source.name, became, kind.name, batch.events), old if again else []

    def _sound(self, log: int) -> bool:
        return all(parts.intact(self.folder, part) for part in self._catalogue.parts(log=log))

    def _known(self, name: str, now: Look, text: bytes) -> Log | None:
        """The log that this file is, or that it continues."""
        for head in self._catalogue.heads():
            if head > len(text):
                continue
            for log in self._catalogue.logs(head, print_of(text[:head])):
                if log.whole and log.path == now.path:
                    return log
                if continues(name, log.extent) and (not log.whole or _same(name, log.extent)):
                    return log
        return None

    def _unfinished(self, kind: str) -> Iterator[Problem]:
        for log in self._catalogue.logs():
            if log.left and log.kind == kind:
                what, do = "the last line has no end, and was not read", "add it again when it has grown"
                yield Problem(what, _name(log.path), got=f"{log.left} bytes", do=do, blinds=False)

    def _uses(self, kind: Kind[U], found: list[Part], window: Window) -> Iterator[tuple[Values, Tally]]:
        try:
            yield from parts.read(self.folder, found, kind.columns, window)
        except InputError as error:
            raise self._damaged(found, error) from None

    def _damaged(self, found: list[Part], error: InputError) -> InputError:
        bad = {part.log for part in found if not parts.intact(self.folder, part)}
        names = [_name(log.path) for log in self._catalogue.logs() if log.id in bad]
        do = f"add {', '.join(names)} again: it is read anew; or add the logs to a new store"
        return InputError(error.what, where=error.where, got=error.got, do=do)


def is_store(path: Path) -> bool:
    """Is this folder a store?"""
    return (path / NAME).is_file()


def _same(name: str, extent: Extent) -> bool:
    """Does the file end where it was read to?"""
    unread = Unread(b"", extent, whole=True)
    return continues(name, extent) and not any(unread.opened(name))


def _with(record: Record[U], problems: Iterable[Problem]) -> Record[U]:
    told = (*record.coverage.problems, *problems)
    return Record(record.uses, msgspec.structs.replace(record.coverage, problems=told))


def _name(path: bytes) -> str:
    return shown(os.fsdecode(path))
