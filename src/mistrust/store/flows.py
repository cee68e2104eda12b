"""Flow logs as a rollup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from mistrust.access.flow import Security, Traffic
from mistrust.access.record import Tally
from mistrust.feeds.documents import documents
from mistrust.feeds.flows.ledger import Ledger
from mistrust.feeds.flows.read import is_flows, read_source, remembers
from mistrust.feeds.flows.sight import ENDS, Count, Key, Remark, Side, is_full
from mistrust.feeds.flows.silence import MINUTE
from mistrust.feeds.sources import Source
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store.file import Unread, shown
from mistrust.store.rollup import HOUR, Batch, Cell, Column, Progress, Values, Window, further, problems

COLUMNS: Final = (
    Column("point", "VARCHAR"),
    Column("side", "VARCHAR"),
    Column("refused", "BOOLEAN"),
    Column("source_namespace", "VARCHAR"),
    Column("source_pod", "VARCHAR"),
    Column("source_workload", "VARCHAR"),
    Column("source_address", "VARCHAR"),
    Column("destination_namespace", "VARCHAR"),
    Column("destination_pod", "VARCHAR"),
    Column("destination_workload", "VARCHAR"),
    Column("destination_address", "VARCHAR"),
    Column("destination_name", "VARCHAR"),
    Column("protocol", "VARCHAR"),
    Column("port", "INTEGER"),
    Column("identity", "VARCHAR"),
    Column("security", "VARCHAR"),
    Column("method", "VARCHAR"),
    Column("path", "VARCHAR"),
)


class _Notes(msgspec.Struct, frozen=True):
    """What the reader knows beside the uses."""

    first: int
    last: int
    events: int
    bad: int
    sampled: bool
    nodes: list[str]
    remarks: list[tuple[Remark, int, str]]
    minutes: list[int]
    problems: list[Problem]


class _Use(msgspec.Struct, frozen=True, array_like=True):
    """A row, typed."""

    point: str
    side: Side
    refused: bool
    source_namespace: str
    source_pod: str
    source_workload: str
    source_address: str
    destination_namespace: str
    destination_pod: str
    destination_workload: str
    destination_address: str
    destination_name: str
    protocol: str
    port: int
    identity: str
    security: Security
    method: str
    path: str


_NOTES: Final = msgspec.json.Decoder(_Notes)


class Flows:
    """The use of connections."""

    name = "flows"
    columns = COLUMNS

    def recognises(self, begin: bytes) -> bool:
        """Do these first bytes, packed or not, begin a flow log?"""
        return is_flows(begin)

    def whole(self, begin: bytes) -> bool:
        """JSON that spans lines cannot be read from its middle on, nor a format whose lines rest on those before."""
        first = next(iter(documents((begin,))), None)
        return (first is not None and not first.lines) or remembers(begin)

    def read(self, source: Source, unread: Unread, progress: Progress) -> Batch:
        """Read what is new in a log. Raises `InputError` for a named file that is none."""
        ledger = Ledger(HOUR)
        read_source(source, ledger, progress, unread.opened)
        notes = _Notes(
            ledger.first,
            ledger.last,
            ledger.events,
            ledger.bad,
            ledger.sampled,
            sorted(ledger.nodes),
            [(remark, count, shown(file)) for remark, (count, file) in ledger.remarks.items()],
            sorted(ledger.minutes),
            further(ledger.problems, unread.before.lines),
        )
        cells = [
            Cell(hour, _values(key), Tally(count.count, count.first, count.last))
            for hour, groups in ledger.spans.items()
            for key, count in groups.items()
        ]
        return Batch(cells, msgspec.json.encode(notes), ledger.events, ledger.first, ledger.last)

    def merge(self, notes: Iterable[bytes]) -> bytes:
        """What several readings know, as if they were one."""
        found = [_NOTES.decode(note) for note in notes]
        remarks: dict[Remark, tuple[int, str]] = {}
        for note in found:
            for remark, count, file in note.remarks:
                before, first = remarks.get(remark, (0, file))
                remarks[remark] = (before + count, first)
        merged = _Notes(
            min((note.first for note in found if note.first), default=0),
            max((note.last for note in found), default=0),
            sum(note.events for note in found),
            sum(note.bad for note in found),
            any(note.sampled for note in found),
            sorted({node for note in found for node in note.nodes}),
            [(remark, count, file) for remark, (count, file) in remarks.items()],
            sorted({minute for note in found for minute in note.minutes}),
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
    ) -> Traffic:
        """Everything that uses and notes say."""
        note, ledger = _NOTES.decode(notes), Ledger()
        low, high = (hour * HOUR // MINUTE for hour in window.hours)
        ledger.events, ledger.bad, ledger.sampled = note.events, note.bad, note.sampled
        ledger.first, ledger.last = window.clip(note.first, note.last)
        ledger.nodes = set(note.nodes)
        ledger.minutes = {minute for minute in note.minutes if low <= minute < high}
        ledger.problems = note.problems
        ledger.remarks = {remark: (count, file) for remark, count, file in note.remarks}
        ledger.groups.update((_key(values), Count(tally.count, tally.first, tally.last)) for values, tally in uses)
        return ledger.record()


def _values(key: Key) -> Values:
    return key if is_full(key) else (*key, "", "", "", "")


def _key(values: Values) -> Key:
    use = msgspec.structs.astuple(msgspec.convert(values, _Use))
    return use if any(use[ENDS:]) else use[:ENDS]
