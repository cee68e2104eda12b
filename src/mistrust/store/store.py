"""`Store`: a folder that remembers what logs showed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mistrust.access.record import Record
from mistrust.feeds.sources import STDIN, sources
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store import parts, reading
from mistrust.store.adding import AUDIT, FLOWS, KINDS, Added, Adding, Became
from mistrust.store.catalogue import NAME, Catalogue, Log, Part
from mistrust.store.copies import Copies
from mistrust.store.file import shown
from mistrust.store.reading import EVERYTHING, Gone, Kept
from mistrust.store.rollup import Cell, Column, Form, Kind, Progress, Window

__all__ = ["AUDIT", "FLOWS", "Added", "Became", "Kept", "Store", "is_store"]
U = TypeVar("U")
Read = Callable[[Path, str, Sequence[Part], Sequence[Column], Window], Iterator[Cell]]


class Store:
    """Evidence in a folder: of each log what was used in which hour. Logs may be removed once they are added.

    Any number of processes read while one adds; each file is added whole or, when the process dies, not at all.

    Parameters: `create`, make the folder where there is none; `read`, the engine that reads parts. Raises `UsageError`
    for a folder that is no store, `InputError` for a damaged catalogue, `UnsupportedError` for a store of another
    version.
    """

    def __init__(self, folder: str | Path, *, create: bool = False, read: Read = parts.read) -> None:
        self.folder = Path(folder)
        self.about = name = shown(str(folder))
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
        self._read = read

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

    def publish(self, copies: Copies) -> int:
        """Have a database hold what the store holds; how many parts were copied.

        Raises `UsageError` while another process adds, `RemoteError` where the database cannot be used: then what it
        holds counts as before. Raises `InputError` where a part is damaged, saying how to get it back.
        """
        with self._catalogue.writing():
            identity = self._catalogue.identify()
        with self._catalogue.writing():
            found, logs = self._catalogue.parts(), self._catalogue.logs()
            if not all(parts.intact(self.folder, part) for part in found):
                raise self._damaged(found, InputError("a part of the evidence is damaged", where=self.about))
            return copies.publish(identity, self.folder, KINDS, found, logs)

    def record(self, kind: Kind[U], window: Window = EVERYTHING, version: Version | None = None) -> Record[U] | None:
        """Everything that logs of this kind showed in a window; None where no such log was added.

        Raises `InputError` where a part is damaged, saying how to get it back.
        """
        return reading.record(self, kind, window, version)

    def days(
        self, kind: Kind[U], window: Window = EVERYTHING, version: Version | None = None
    ) -> Mapping[int, Record[U]]:
        """The same for each day apart (UTC, numbered since 1970); without days into which no log reaches."""
        return reading.days(self, kind, window, version)

    def sources(self) -> tuple[Kept, ...]:
        """The logs that were added, in order."""
        return reading.sources(self)

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def identity(self) -> str:
        """What databases that hold copies call it; empty where none ever did."""
        return self._catalogue.identity()

    def parts(self, kind: str | None = None) -> list[Part]:
        """The parts that count now."""
        return self._catalogue.parts(kind)

    def logs(self) -> list[Log]:
        """The logs that they were read from."""
        return self._catalogue.logs()

    def problems(self) -> tuple[Problem, ...]:
        """Nothing is missing in a store."""
        return ()

    def answer(self, query: str, kind: Form, found: Sequence[Part], window: Window) -> Iterator[Cell]:
        """What the hours of a window answer to a query (see `analytics`)."""
        try:
            yield from self._read(self.folder, query, found, kind.columns, window)
        except InputError as error:
            raise self._damaged(found, error) from None
        except FileNotFoundError:
            if {p.id for p in found} <= {p.id for p in self.parts(kind.name)}:
                gone = InputError("a part of the evidence is gone", where=self.about)
                raise self._damaged(found, gone) from None
            raise Gone from None  # a log was read again meanwhile: its parts are others now

    def _damaged(self, found: Sequence[Part], error: InputError) -> InputError:
        bad = {part.log for part in found if not parts.intact(self.folder, part)}
        names = [reading.name(log) for log in self.logs() if log.id in bad]
        do = f"add {', '.join(names)} again: it is read anew; or add the logs to a new store"
        return InputError(error.what, where=error.where, got=error.got, do=do)


def is_store(path: Path) -> bool:
    """Is this folder a store?"""
    return (path / NAME).is_file()
