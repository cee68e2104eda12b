"""What was seen to be used: each distinct use once, how often, when, and how much of the truth that can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from mistrust.kube.problem import Problem

U = TypeVar("U")


class Tally(msgspec.Struct, frozen=True, gc=False):
    """How often something was used, and when. Times are seconds since 1970, UTC."""

    count: int
    first: int
    last: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.count + other.count, min(self.first, other.first), max(self.last, other.last))


class Unlogged(msgspec.Struct, frozen=True, gc=False):
    """Requests that the log itself shows not to be in it."""

    because: str
    """The words of the problem that says so."""
    verb: str = "*"
    """`*` for any; the API group and the resource (with the subresource) likewise."""
    group: str = "*"
    resource: str = "*"
    of_groups: bool = False
    """Only what is granted to groups: the log does not say who is in one."""


class Coverage(msgspec.Struct, frozen=True):
    """How much of what happened the evidence can show: where it is thin, *not seen* is not *not used*."""

    first: int = 0
    """Time of the first event read; 0 where there is none."""
    last: int = 0
    events: int = 0
    """Events that were understood, uses or not."""
    bad: int = 0
    """Lines that were not understood."""
    problems: tuple[Problem, ...] = ()
    """The first of the lines that were not understood, quoted, and everything else that takes from the evidence."""
    holes: tuple[tuple[int, int], ...] = ()
    """Longer silences than the evidence explains: from, to."""
    sampled: bool = False
    """It shows a part of what happened: proof of use, never of absence."""
    nodes: tuple[str, ...] = ()
    """Nodes that reported, where the evidence names them; a pod on another node may have used anything."""
    unlogged: tuple[Unlogged, ...] = ()
    """What it leaves out of what it is about."""

    @property
    def days(self) -> float:
        """Length of the window in days."""
        return (self.last - self.first) / 86_400

    @property
    def lost(self) -> Problem | None:
        """The first problem behind which any use may hide; None where all of them tell what they hide."""
        told = {each.because for each in self.unlogged}
        return next((p for p in self.problems if p.blinds and p.what not in told), None)


class Record(msgspec.Struct, Generic[U], frozen=True):
    """Uses of one kind, from one or several sources."""

    uses: Mapping[U, Tally]
    coverage: Coverage = Coverage()


class Days(msgspec.Struct, Generic[U], frozen=True):
    """The same day by day, so that each day can be judged by itself."""

    uses: Mapping[int, Mapping[U, Tally]]
    """By the number of the day since 1970, UTC."""
    coverage: Coverage = Coverage()
    """Of all days together."""

    @property
    def together(self) -> Mapping[U, Tally]:
        """The uses of all days."""
        found: dict[U, Tally] = {}
        for uses in self.uses.values():
            for use, tally in uses.items():
                found[use] = found[use] + tally if use in found else tally
        return found

    def since(self, day: int) -> Days[U]:
        """Only this day and those after it."""
        first = max(self.coverage.first, day * 86_400) if self.coverage.last >= day * 86_400 else 0
        window = msgspec.structs.replace(self.coverage, first=first, last=self.coverage.last if first else 0)
        return Days({n: uses for n, uses in self.uses.items() if n >= day}, window)
