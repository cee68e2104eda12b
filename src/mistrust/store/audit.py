"""Audit logs as a rollup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from mistrust.access.record import Record, Tally
from mistrust.feeds.audit.collect import Cell as Counted
from mistrust.feeds.audit.collect import Collector, Kind
from mistrust.feeds.audit.event import ObjectRef, User
from mistrust.feeds.audit.outcome import Outcome
from mistrust.feeds.audit.read import Reading, is_audit
from mistrust.feeds.audit.silence import DAY, MINUTE
from mistrust.feeds.documents import documents
from mistrust.feeds.sources import Source
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request
from mistrust.store.file import Unread
from mistrust.store.rollup import HOUR, Batch, Cell, Column, Progress, Values, Window, further, problems

COLUMNS: Final = (
    Column("verb", "VARCHAR"),
    Column("user", "VARCHAR"),
    Column("groups", "VARCHAR"),
    Column("resource", "VARCHAR"),
    Column("namespace", "VARCHAR"),
    Column("name", "VARCHAR"),
    Column("api_group", "VARCHAR"),
    Column("subresource", "VARCHAR"),
    Column("api_version", "VARCHAR"),
    Column("path", "VARCHAR"),
    Column("used", "BOOLEAN"),
    Column("created", "BOOLEAN"),
    Column("impersonated", "BLOB"),
    Column("impersonation_constraint", "VARCHAR"),
    Column("started", "BOOLEAN"),
)


class _Notes(msgspec.Struct, frozen=True):
    """What the reader knows beside the uses."""

    first: int
    last: int
    events: int
    bad: int
    others: int
    cloud_logging: bool
    outcomes: dict[str, int]
    received: list[tuple[Kind, int]]
    answered: list[Kind]
    minutes: dict[int, bytes]
    problems: list[Problem]


class _Use(msgspec.Struct, frozen=True, array_like=True):
    """A row, typed."""

    verb: str
    user: str | None
    groups: str | None
    resource: str | None
    namespace: str | None
    name: str | None
    api_group: str | None
    subresource: str | None
    api_version: str | None
    path: str | None
    used: bool
    created: bool
    impersonated: bytes
    constraint: str
    started: bool


_GROUPS: Final = msgspec.json.Decoder(tuple[str, ...])
_NOTES: Final = msgspec.json.Decoder(_Notes)


class Audit:
    """The use of rights."""

    name = "audit"
    columns = COLUMNS

    def recognises(self, begin: bytes) -> bool:
        """Do these first bytes, packed or not, begin an audit log?"""
        return is_audit(begin)

    def whole(self, begin: bytes) -> bool:
        """JSON that spans lines cannot be read from its middle on."""
        first = next(iter(documents((begin,))), None)
        return first is not None and not first.lines

    def read(self, source: Source, unread: Unread, progress: Progress) -> Batch:
        """Read what is new in a log. Raises `InputError` for a named file that is none."""
        reading = Reading(progress, Collector(HOUR), unread.opened)
        reading.read(source)
        known = reading.collector
        notes = _Notes(
            known.first,
            known.last,
            known.events,
            reading.bad,
            reading.others,
            reading.cloud_logging,
            {became.value: count for became, count in known.outcomes.items()},
            list(known.received.items()),
            sorted(known.answered),
            {day: bytes(row) for day, row in known.minutes.days.items()},
            further(reading.problems, unread.before.lines),
        )
        cells = [Cell(cell[0], _values(cell), Tally(*tally)) for cell, tally in known.cells.items()]
        return Batch(cells, msgspec.json.encode(notes), known.events, known.first, known.last)

    def merge(self, notes: Iterable[bytes]) -> bytes:
        """What several readings know, as if they were one."""
        found = [_NOTES.decode(note) for note in notes]
        outcomes: Counter[str] = Counter()
        received: Counter[Kind] = Counter()
        minutes: dict[int, int] = {}
        for note in found:
            outcomes.update(note.outcomes)
            received.update(dict(note.received))
            for day, row in note.minutes.items():
                minutes[day] = minutes.get(day, 0) | int.from_bytes(row)
        merged = _Notes(
            min((note.first for note in found if note.first), default=0),
            max((note.last for note in found), default=0),
            sum(note.events for note in found),
            sum(note.bad for note in found),
            sum(note.others for note in found),
            any(note.cloud_logging for note in found),
            outcomes,
            list(received.items()),
            sorted({kind for note in found for kind in note.answered}),
            {day: marks.to_bytes(DAY // MINUTE) for day, marks in minutes.items()},
            problems(problem for note in found for problem in note.problems),
        )
        return msgspec.json.encode(merged)

    def record(
        self,
        uses: Iterable[tuple[Values, Tally]],
        notes: bytes,
        window: Window,
        about: str,
        version: Version | None,
    ) -> Record[Request]:
        """Everything that uses and notes say."""
        note, known = _NOTES.decode(notes), Collector()
        known.events = note.events
        known.first, known.last = window.clip(note.first, note.last)
        known.outcomes = Counter({Outcome(became): count for became, count in note.outcomes.items()})
        known.received = Counter(dict(note.received))
        known.answered = set(note.answered)
        for minute, beat in _minutes(note.minutes, window):
            known.minutes.mark(minute, beat)
        known.cells = {_cell(values): [tally.count, tally.first, tally.last] for values, tally in uses}
        reading = Reading(lambda _: None, known)
        reading.bad, reading.others, reading.cloud_logging = note.bad, note.others, note.cloud_logging
        reading.problems = note.problems
        return reading.record((about,), version)


def _minutes(days: dict[int, bytes], window: Window) -> Iterator[tuple[int, bool]]:
    low, high = (hour * HOUR // MINUTE for hour in window.hours)
    for day, row in days.items():
        begin = day * DAY // MINUTE
        yield from ((begin + at, mark > 1) for at, mark in enumerate(row) if mark and low <= begin + at < high)


def _values(cell: Counted) -> Values:
    _, verb, user, about, used, created, impersonated, constraint, started = cell
    name = user.username if user else None
    groups = msgspec.json.encode(user.groups).decode() if user and user.groups is not None else None
    ref: tuple[str | None, ...] = (None,) * 6
    path = None
    if isinstance(about, str):
        path = about
    else:
        ref = (about.resource, about.namespace, about.name, about.api_group, about.subresource, about.api_version)
    return (verb, name, groups, *ref, path, used, created, impersonated, constraint, started)


def _cell(values: Values) -> Counted:
    row = msgspec.convert(values, _Use)
    user = None
    if row.user is not None:
        user = User(row.user, None if row.groups is None else _GROUPS.decode(row.groups))
    about: ObjectRef | str = row.path or ""
    if row.path is None:
        fields = (row.resource, row.namespace, row.name, row.api_group, row.subresource, row.api_version)
        about = ObjectRef(*(field or "" for field in fields))
    return (0, row.verb, user, about, row.used, row.created, row.impersonated, row.constraint, row.started)
