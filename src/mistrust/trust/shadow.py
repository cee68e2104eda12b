"""What would a proposed policy have denied of what was used since, day by day? Asked of any layer.

Days add up: what a later batch of evidence shows is judged alone, and added to what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, Generic, Protocol, Self, TypeVar

import msgspec

from mistrust.access.record import Coverage, Tally
from mistrust.access.verdict import Answer, Verdict

A = TypeVar("A")
Asked = TypeVar("Asked", contravariant=True)

DAY: Final = 86_400
EDGE: Final = 3600
"""Seconds at either end of a day that may lie outside of the evidence: a log is seldom cut at midnight."""


class Judge(Protocol[Asked]):
    """A policy that can be asked for one access; every `Allowed` set is one."""

    def __contains__(self, access: Asked, /) -> bool:
        """Is it allowed, as far as is known?"""

    def decide(self, access: Asked, /) -> Verdict:
        """The same with the reason."""


Ways = tuple[A, ...]
"""A use: the accesses any of which suffices, first the one that says who it was."""


class Day(msgspec.Struct, Generic[A], frozen=True):
    """What one day showed. How often, not how many kinds, so that parts of a day add up."""

    times: int = 0
    """How often anything was used that one of the two versions allows."""
    denied: Mapping[Ways[A], Tally] = {}
    """What the current version allows and the proposed one would have denied."""
    unknown: Mapping[Ways[A], Tally] = {}
    """What it may have denied, and may not."""
    unexplained: Mapping[Ways[A], Tally] = {}
    """What was let through although neither version allows it: something that is not seen here does."""

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.times + other.times,
            summed((self.denied, other.denied)),
            summed((self.unknown, other.unknown)),
            summed((self.unexplained, other.unexplained)),
        )


class Shadow(msgspec.Struct, Generic[A], frozen=True):
    """The days of one layer, by the number of the day since 1970, UTC."""

    days: Mapping[int, Day[A]] = {}

    def __add__(self, other: Self) -> Self:
        both = dict(self.days)
        for number, day in other.days.items():
            both[number] = both[number] + day if number in both else day
        return type(self)(dict(sorted(both.items())))

    @property
    def denied(self) -> Mapping[Ways[A], Tally]:
        """Everything that would have been denied."""
        return summed(day.denied for day in self.days.values())

    @property
    def unknown(self) -> Mapping[Ways[A], Tally]:
        """Everything of which that is not known."""
        return summed(day.unknown for day in self.days.values())

    @property
    def unexplained(self) -> Mapping[Ways[A], Tally]:
        """Everything that neither version allows."""
        return summed(day.unexplained for day in self.days.values())


Uses = Iterable[tuple[Ways[A], Tally]]


class Shadowing(Generic[A]):
    """Judges uses by a current and a proposed version; each kind of use is decided once, however often it comes.

    Parameters: `unsure` says of an access in the proposed set that it may be denied all the same.
    """

    def __init__(self, current: Judge[A], proposed: Judge[A], unsure: Callable[[A], bool] = lambda _: False) -> None:
        self._current, self._proposed, self._unsure = current, proposed, unsure
        self._known: dict[Ways[A], _Fate] = {}

    def day(self, uses: Uses[A]) -> Day[A]:
        """What a day, or a part of one, showed."""
        times = 0
        found: dict[_Fate, dict[Ways[A], Tally]] = {fate: {} for fate in _Fate}
        for ways, tally in uses:
            fate = self._fate(ways)
            if fate is not _Fate.UNEXPLAINED:
                times += tally.count
            if fate is not _Fate.KEPT:
                known = found[fate].get(ways)
                found[fate][ways] = known + tally if known else tally
        return Day(times, found[_Fate.DENIED], found[_Fate.UNKNOWN], found[_Fate.UNEXPLAINED])

    def days(self, uses: Mapping[int, Uses[A]]) -> Shadow[A]:
        """What several days showed."""
        return Shadow({number: self.day(each) for number, each in sorted(uses.items())})

    def _fate(self, ways: Ways[A]) -> _Fate:
        found = self._known.get(ways)
        if found is None:
            found = self._known[ways] = self._decided(ways)
        return found

    def _decided(self, ways: Ways[A]) -> _Fate:
        kept = [a for a in ways if a in self._proposed]
        if any(not self._unsure(a) for a in kept):
            return _Fate.KEPT
        before = allowing(self._current, ways)
        if before is None and not kept:
            return _Fate.UNEXPLAINED
        surely = before is not None and not kept and self._proposed.decide(before).answer is Answer.DENIED
        return _Fate.DENIED if surely else _Fate.UNKNOWN


class _Fate(StrEnum):
    KEPT = "kept"
    DENIED = "denied"
    UNKNOWN = "unknown"
    UNEXPLAINED = "unexplained"


class Told(msgspec.Struct, Generic[A], frozen=True):
    """One day of one layer, and how much of it the evidence shows."""

    number: int
    day: Day[A]
    thin: str = ""
    """Why the evidence does not show the whole day; empty where it does."""

    @property
    def answer(self) -> Answer:
        """Was everything allowed? A day that was not seen whole is never clean."""
        if self.day.denied:
            return Answer.DENIED
        return Answer.UNKNOWN if self.thin or self.day.unknown else Answer.ALLOWED


def told(shadow: Shadow[A], coverage: Coverage) -> tuple[Told[A], ...]:
    """Every day from the first to the last that the evidence reaches into, those without evidence included."""
    window = (coverage.first // DAY, coverage.last // DAY) if coverage.first else ()
    reached = {*shadow.days, *window}
    dated = reached - {0}
    numbers = [*sorted(reached - dated), *(range(min(dated), max(dated) + 1) if dated else ())]
    nothing: Day[A] = Day()
    return tuple(Told(n, shadow.days.get(n, nothing), thin(n, n in shadow.days, coverage)) for n in numbers)


def thin(number: int, seen: bool, coverage: Coverage) -> str:
    """Why the evidence does not show the whole of a day; empty where it does."""
    start, end = number * DAY, (number + 1) * DAY
    if not number:
        return "no time is known of it"
    if coverage.sampled:
        return "the evidence is sampled"
    if not seen:
        return "nothing was seen"
    silent = sum(max(0, min(end, to) - max(start, since)) for since, to in coverage.holes)
    if silent:
        return f"{-(-silent // 60):,} minutes are missing"
    if coverage.first > start + EDGE:
        return f"seen from {_clock(coverage.first)} on"
    if coverage.last < end - EDGE:
        return f"seen until {_clock(coverage.last)}"
    return ""


def clean(days: Iterable[Told[A]]) -> int:
    """On how many days everything was seen, and everything allowed?"""
    return sum(day.answer is Answer.ALLOWED for day in days)


def allowing(policy: Judge[A], ways: Ways[A]) -> A | None:
    """The first of the ways that a policy allows."""
    return next((a for a in ways if a in policy), None)


def summed(several: Iterable[Mapping[Ways[A], Tally]]) -> dict[Ways[A], Tally]:
    """The same uses put together."""
    found: dict[Ways[A], Tally] = {}
    for each in several:
        for ways, tally in each.items():
            found[ways] = found[ways] + tally if ways in found else tally
    return found


def _clock(second: int) -> str:
    hours, rest = divmod(second % DAY, 3600)
    return f"{hours:02}:{rest // 60:02}"
