"""What is kept, as records: the same whether parts are files here or rows of a database."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from mistrust.access.record import Record, Tally
from mistrust.kube.errors import InputError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store.catalogue import Log, Part
from mistrust.store.file import shown
from mistrust.store.rollup import HOUR, Cell, Form, Kind, Values, Window

EVERYTHING: Final = Window()
DAY: Final = 24 * HOUR
_TRIES: Final = 5
U = TypeVar("U")


class Gone(Exception):  # noqa: N818
    """While it was read, a part made room for another."""


class Shelf(Protocol):
    """Parts that count, and what is in them."""

    @property
    def about(self) -> str:
        """What a person calls it."""
        ...

    def parts(self, kind: str | None = None) -> list[Part]:
        """The parts that count now, in the order in which they were read."""
        ...

    def logs(self) -> list[Log]:
        """The logs that they were read from."""
        ...

    def problems(self) -> Iterable[Problem]:
        """What is missing."""
        ...

    def answer(self, query: str, kind: Form, parts: Sequence[Part], window: Window) -> Iterator[Cell]:
        """What the hours of a window answer to a query (see `analytics`). Raises `Gone`, and `Error`."""
        ...


class Kept(NamedTuple):
    """What is kept of one log."""

    file: str
    """Where it was when it was first read."""
    kind: str
    events: int
    first: int
    last: int


def record(shelf: Shelf, kind: Kind[U], window: Window, version: Version | None) -> Record[U] | None:
    """Everything that logs of this kind showed in a window; None where there is no such log.

    The uses, their times, and the holes are those of the window; counts of events and of lines that were not
    understood are those of the logs that reach into it.
    """
    found = _answered(shelf, "seen", kind, window)
    if found is None:
        return None
    parts, cells = found
    return _record(shelf, kind, parts, [(cell.use, cell.tally) for cell in cells], window, version)


def days(shelf: Shelf, kind: Kind[U], window: Window, version: Version | None) -> Mapping[int, Record[U]]:
    """The same for each day apart (UTC, numbered since 1970), in order; without days into which no log reaches."""
    found = _answered(shelf, "by_day", kind, window)
    if found is None:
        return {}
    parts, cells = found
    uses: dict[int, list[tuple[Values, Tally]]] = {}
    for day, use, tally in cells:
        uses.setdefault(day, []).append((use, tally))
    reached: dict[int, list[Part]] = {}
    low, high = window.hours
    for part in parts if low < high else ():
        first, last = max(part.first // HOUR, low), min(part.last // HOUR, high - 1)
        for day in range(first * HOUR // DAY, last * HOUR // DAY + 1):
            reached.setdefault(day, []).append(part)
    within = {day: Window(max(day * DAY, low * HOUR), min((day + 1) * DAY, high * HOUR)) for day in reached}
    return {day: _record(shelf, kind, reached[day], uses.get(day, ()), within[day], version) for day in sorted(reached)}


def sources(shelf: Shelf) -> tuple[Kept, ...]:
    """The logs, in the order in which they were first read."""
    kept = []
    by_log: dict[int, list[Part]] = {}
    for part in shelf.parts():
        by_log.setdefault(part.log, []).append(part)
    for log in sorted(shelf.logs(), key=lambda log: log.id):
        of = by_log.get(log.id, [])
        times = [(p.first, p.last) for p in of if p.first]
        first, last = min((f for f, _ in times), default=0), max((t for _, t in times), default=0)
        kept.append(Kept(name(log), log.kind, sum(p.events for p in of), first, last))
    return tuple(kept)


def name(log: Log) -> str:
    """What a person calls a log."""
    return shown(os.fsdecode(log.path))


def _answered(shelf: Shelf, query: str, kind: Form, window: Window) -> tuple[list[Part], list[Cell]] | None:
    """The parts that reach into a window, and what they answer; None where there is no part of this kind."""
    for _ in range(_TRIES):
        found = shelf.parts(kind.name)
        if not found:
            return None
        found = [p for p in found if window.touches(p.first, p.last)]
        try:
            return found, list(shelf.answer(query, kind, found, window))
        except Gone:
            continue
    raise InputError("changes while it is read", where=shelf.about, do="run it again when nothing is added")


def _record(
    shelf: Shelf,
    kind: Kind[U],
    parts: Sequence[Part],
    uses: Iterable[tuple[Values, Tally]],
    window: Window,
    version: Version | None,
) -> Record[U]:
    notes = kind.merge(zlib.decompress(part.notes) for part in parts)
    found = kind.record(uses, notes, window, shelf.about, version)
    told = (*found.coverage.problems, *shelf.problems(), *_unfinished(shelf, kind.name))
    return msgspec.structs.replace(found, coverage=msgspec.structs.replace(found.coverage, problems=told))


def _unfinished(shelf: Shelf, kind: str) -> Iterator[Problem]:
    for log in shelf.logs():
        if log.left and log.kind == kind:
            what, do = "the last line has no end, and was not read", "add it again when it has grown"
            yield Problem(what, name(log), got=f"{log.left} bytes", do=do, blinds=False)
