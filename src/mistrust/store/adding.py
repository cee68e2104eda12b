"""One log into the store: what is new in it, in one transaction."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from mistrust.access.record import Tally
from mistrust.feeds.sources import Source
from mistrust.kube.errors import InputError
from mistrust.store import parts
from mistrust.store.audit import Audit
from mistrust.store.catalogue import Catalogue, Log, Part
from mistrust.store.file import Extent, Look, Unread, begin, continues, look, print_of, shown
from mistrust.store.flows import Flows
from mistrust.store.rollup import Batch, Cell, Form, Progress, Values

AUDIT: Final = Audit()
FLOWS: Final = Flows()
KINDS: Final[tuple[Form, ...]] = (AUDIT, FLOWS)
_TRIES: Final = 3
_WANTED: Final = "an audit log, or flows of Hubble, Istio, Calico, conntrack, a VPC"


class Became(Enum):
    """What became of a file that was to be added."""

    READ = "read"
    GREW = "read from where it ended"
    AGAIN = "read again, in place of what was known"
    KNOWN = "known already"
    OTHER = "no evidence"


class _Rotated(Exception):  # noqa: N818
    """While it was read, another file took the name."""


class Added(NamedTuple):
    """What was done with one file."""

    file: str
    became: Became
    kind: str = ""
    events: int = 0


class Adding:
    """Adds files to one store."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self._folder, self._catalogue = folder, catalogue
        self._swept = False
        self._replaced: list[Part] = []

    def add(self, source: Source, progress: Progress) -> Added:
        """Read what is new in a file, whole or not at all."""
        for _ in range(_TRIES):
            try:
                return self._once(source, progress)
            except _Rotated:
                continue
        raise InputError("changes while it is read", where=shown(source.name), do="add it when it has been rotated")

    def _once(self, source: Source, progress: Progress) -> Added:
        now = look(source.name)
        if (log := self._catalogue.looked(now)) and self._sound(self._catalogue.parts(log=log)):
            return Added(source.name, Became.KNOWN)
        self._replaced.clear()
        with self._catalogue.writing():
            if not self._swept:
                parts.sweep(self._folder, (part.id for part in self._catalogue.parts()))
                self._swept = True
            raw, text = begin(source.name)
            added = self._add(source, now, raw, text, progress)
            if look(source.name).inode != now.inode or begin(source.name)[1][: len(text)] != text:
                raise _Rotated
        for part in self._replaced:
            parts.remove(self._folder, part)
        return added

    def _add(self, source: Source, now: Look, raw: bytes, text: bytes, progress: Progress) -> Added:
        """In the transaction: nobody else adds."""
        log = self._known(source.name, now, text)
        if log is None:
            return self._fresh(source, now, raw, text, progress)
        kind = next(kind for kind in KINDS if kind.name == log.kind)
        old = self._catalogue.parts(log=log.id)
        sound = self._sound(old)
        known = Added(source.name, Became.KNOWN, kind.name)
        again = log.whole or not sound
        if sound and log.whole and _same(source.name, log.extent):
            self._catalogue.put_look(now, log.id)
            return known
        unread = Unread(text, Extent() if again else log.extent, kind.whole(text))
        batch = kind.read(Source(source.name, named=False), unread, progress)
        self._keep(log, kind, now, unread)
        if again:
            self._replace(old)
        elif unread.end == log.extent.end:
            return known
        self._put(log.id, kind, batch, () if again else _small(old, len(batch.cells)))
        return Added(source.name, Became.AGAIN if again else Became.GREW, kind.name, batch.events)

    def _fresh(self, source: Source, now: Look, raw: bytes, text: bytes, progress: Progress) -> Added:
        kind = next((kind for kind in KINDS if kind.recognises(raw)), None)
        if kind is None:
            if source.named and raw:
                raise InputError("not evidence", where=shown(source.name), wanted=_WANTED)
            return Added(source.name, Became.OTHER)
        unread = Unread(text, Extent(), kind.whole(text))
        batch = kind.read(source, unread, progress)
        if not unread.end or not batch.events:
            return Added(source.name, Became.OTHER)
        self._put(self._keep(None, kind, now, unread), kind, batch, ())
        return Added(source.name, Became.READ, kind.name, batch.events)

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

    def _keep(self, log: Log | None, kind: Form, now: Look, unread: Unread) -> int:
        """Note how far the log was read, and how its file looks."""
        whole = unread.whole or unread.cut_short
        number = self._catalogue.put_log(log, kind.name, now.path, whole, unread.left, unread.extent())
        self._catalogue.put_look(now, number)
        return number

    def _put(self, log: int, kind: Form, batch: Batch, merged: Sequence[Part]) -> None:
        """Write a part, into which those before it are merged."""
        cells, number = batch.cells, self._catalogue.next_part()
        if merged:
            cells = _together((*parts.cells(self._folder, merged, kind.columns), *cells))
            self._replace(merged)
        notes = kind.merge((*(zlib.decompress(part.notes) for part in merged), batch.notes))
        sums = parts.write(self._folder, number, kind.columns, cells) if cells else parts.Sums(0, 0)
        first = min(filter(None, (batch.first, *(part.first for part in merged))), default=0)
        last = max((batch.last, *(part.last for part in merged)))
        events = batch.events + sum(part.events for part in merged)
        part = Part(number, log, kind.name, events, first, last, len(cells), *sums, zlib.compress(notes))
        self._catalogue.put_part(part)

    def _replace(self, old: Sequence[Part]) -> None:
        """Forget parts, whose files go when the transaction has ended."""
        self._catalogue.drop_parts(old)
        self._replaced += old

    def _sound(self, old: Sequence[Part]) -> bool:
        return all(parts.intact(self._folder, part) for part in old)


def _small(old: Sequence[Part], rows: int) -> tuple[Part, ...]:
    """The last parts of a log that are not much larger than what follows: a log that grew n times has about log n."""
    for at in range(len(old), 0, -1):
        if old[at - 1].rows > 2 * rows:
            return tuple(old[at:])
        rows += old[at - 1].rows
    return tuple(old)


def _together(cells: Sequence[Cell]) -> list[Cell]:
    found: dict[tuple[int, Values], Tally] = {}
    for hour, use, tally in cells:
        known = found.get((hour, use))
        found[hour, use] = known + tally if known else tally
    return [Cell(hour, use, tally) for (hour, use), tally in found.items()]


def _same(name: str, extent: Extent) -> bool:
    """Does the file end where it was read to?"""
    unread = Unread(b"", extent, whole=True)
    return continues(name, extent) and not any(unread.opened(name))
