"""Sightings, counted. Memory grows with distinct sightings, not with lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from sys import intern
from typing import Final, cast

from mistrust.access.flow import Exchange, Flow, Traffic, TrafficDays
from mistrust.access.record import Coverage, Tally
from mistrust.feeds.flows.observers import exchanges, flows, pods
from mistrust.feeds.flows.paths import Paths
from mistrust.feeds.flows.sight import Count, Key, Remark, Sight, is_full
from mistrust.feeds.flows.silence import MINUTE, holes
from mistrust.feeds.quote import quote
from mistrust.kube.problem import Problem

QUOTED: Final = 5
"""Lines that are quoted; the rest is counted."""
MISREAD: Final = "a line was not understood"
EVER: Final = 1 << 62
EARLIEST, LATEST = 946_684_800, 4_102_444_800
"""2000 and 2100: a damaged time would stretch the window of the evidence."""
MERGED: Final = "so many paths were asked for that parts of them are left out"


class Ledger:
    """Collects what is read, from all files.

    Parameters: `span`, in seconds: what happened in different spans of time is counted apart.
    """

    def __init__(self, span: int = EVER) -> None:
        self.groups: dict[Key, Count] = {}
        self.spans = {0: self.groups}
        """By the number of the span of time; `groups` is the one that is counted in now."""
        self.span = span
        self._paths = Paths()
        self.minutes: set[int] = set()
        self.events = self.bad = 0
        self.sampled = False
        self.problems: list[Problem] = []
        self.first = self.last = self._at = 0
        self.nodes: set[str] = set()
        self.remarks: dict[Remark, tuple[int, str]] = {}

    def add(self, sights: Iterable[Sight | Remark], file: str, otherwise: int) -> None:
        """Count a line; `otherwise` is its time where it has none. Raises ValueError for a time that cannot be."""
        for seen in sights:
            if isinstance(seen, Remark):
                self._remark(seen, file)
                continue
            time = seen.time or otherwise
            if time != self._at:
                self._tick(time)
            if seen.node not in self.nodes:
                self.nodes.add(intern(seen.node))
            key = seen.key
            if key is None:
                continue
            known = self.groups.get(key)
            if known is None and is_full(key):
                key = self._paths.kept(key)
                known = self.groups.get(key)
            if known is None:
                self.groups[_shared(key)] = Count(seen.count, time, time)
                continue
            known.count += seen.count
            if time < known.first:
                known.first = time
            elif time > known.last:
                known.last = time

    def _tick(self, time: int) -> None:
        if time and not EARLIEST <= time < LATEST:
            raise ValueError("not a time of this century")
        self._at = time
        self.groups = self.spans.setdefault(time // self.span, {})
        if time:
            self.first = min(time, self.first or time)
            self.last = max(time, self.last)
            self.minutes.add(time // MINUTE)

    def misread(self, file: str, line: int, text: bytes | None) -> None:
        """Count a line that was not understood; the first are quoted, shortened."""
        self.bad += 1
        if self.bad <= QUOTED:
            self.problems.append(Problem(MISREAD, file, line, got=quote(text)))

    def _remark(self, remark: Remark, file: str) -> None:
        once = Remark(remark.what, 0, remark.blinds)
        count, first = self.remarks.get(once, (0, file))
        self.remarks[once] = (count + remark.count, first)

    def join(self, later: Ledger) -> None:
        """Add what another one collected, of files that come behind."""
        for span, groups in later.spans.items():
            mine = self.spans.setdefault(span, {})
            for key, count in groups.items():
                kept = self._paths.kept(key) if is_full(key) else key
                known = mine.get(kept)
                if known is None:
                    mine[_shared(kept)] = count
                    continue
                known.count += count.count
                known.first, known.last = min(known.first, count.first), max(known.last, count.last)
        room = QUOTED - self.bad
        for problem in later.problems:
            room -= problem.what == MISREAD
            if problem.what != MISREAD or room >= 0:
                self.problems.append(problem)
        self.events += later.events
        self.bad += later.bad
        self.sampled |= later.sampled
        self.first = min(self.first or later.first, later.first or self.first)
        self.last = max(self.last, later.last)
        self.minutes |= later.minutes
        self.nodes |= later.nodes
        for remark, (times, file) in later.remarks.items():
            before, first = self.remarks.get(remark, (0, file))
            self.remarks[remark] = (before + times, first)

    def record(self) -> Traffic:
        """What was collected, as distinct flows and exchanges."""
        groups = together(self.spans.values())
        known = pods(groups)
        inside, merged = exchanges(groups, known)
        return Traffic(flows(groups, known), self.coverage(merged), inside)

    def days(self) -> TrafficDays:
        """What was collected in spans of a day, as distinct flows and exchanges of each."""
        uses: dict[int, Mapping[Flow, Tally]] = {}
        inside: dict[int, Mapping[Exchange, Tally]] = {}
        merged = 0
        for day, groups in sorted(self.spans.items()):
            known = pods(groups)
            uses[day] = flows(groups, known)
            inside[day], more = exchanges(groups, known)
            merged = max(merged, more)
        there = {day: found for day, found in uses.items() if found}
        return TrafficDays(there, self.coverage(merged), {day: found for day, found in inside.items() if found})

    def coverage(self, merged: int = 0) -> Coverage:
        """How much of what happened it shows; at `merged` ports parts of the paths are left out."""
        told = [
            Problem(remark.what, file, got=f"{count} times", blinds=remark.blinds)
            for remark, (count, file) in self.remarks.items()
        ]
        if merged:
            told.append(Problem(MERGED, "flow logs", got=f"{merged} ports", blinds=False))
        return Coverage(
            first=self.first,
            last=self.last,
            events=self.events,
            bad=self.bad,
            problems=(*self.problems, *told),
            holes=tuple(holes(self.minutes)),
            sampled=self.sampled,
            nodes=tuple(sorted({node.rpartition("/")[2] for node in self.nodes} - {""})),  # Hubble: cluster/node
        )


def _shared(key: Key) -> Key:
    """The strings of a line are its own: shared, a flow takes a fraction of the memory."""
    return cast(Key, tuple(intern(part) if isinstance(part, str) else part for part in key))


def together(spans: Iterable[Mapping[Key, Count]]) -> Mapping[Key, Count]:
    """What was counted, whenever it was."""
    first, *rest = spans
    if not rest:
        return first
    whole: dict[Key, Count] = {}
    for key, count in chain.from_iterable(span.items() for span in (first, *rest)):
        known = whole.setdefault(key, Count(0, count.first, count.last))
        known.count += count.count
        known.first, known.last = min(known.first, count.first), max(known.last, count.last)
    return whole
