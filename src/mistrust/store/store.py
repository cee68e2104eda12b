"""`Store`: a folder that remembers what logs showed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from mistrust.access.record import Record, Tally
from mistrust.feeds.sources import STDIN, sources
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store import parts
from mistrust.store.adding import AUDIT, FLOWS, Added, Adding, Became
from mistrust.store.catalogue import NAME, Catalogue, Part
from mistrust.store.file import shown
from mistrust.store.rollup import Kind, Progress, Values, Window

__all__ = ["AUDIT", "FLOWS", "Added", "Became", "Kept", "Store", "is_store"]
U = TypeVar("U")
EVERYTHING: Final = Window()
_TRIES: Final = 5


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
        self._adding = Adding(self.folder, self._catalogue)

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
            yield self._adding.add(source, progress)

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
            notes = kind.merge(zlib.decompress(part.notes) for part in found)
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


def _with(record: Record[U], problems: Iterable[Problem]) -> Record[U]:
    told = (*record.coverage.problems, *problems)
    return msgspec.structs.replace(record, coverage=msgspec.structs.replace(record.coverage, problems=told))


def _name(path: bytes) -> str:
    return shown(os.fsdecode(path))
