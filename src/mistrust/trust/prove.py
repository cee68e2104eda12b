"""Does a new policy keep everything that is used, and give nothing that the old one did not? Asked of any layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from mistrust.access.obligation import Obligation
from mistrust.access.verdict import Answer, Verdict

A = TypeVar("A")


class Allowed(Protocol[A]):
    """An exact set of accesses; `access.layer.Grants` says what is promised."""

    def __contains__(self, access: A, /) -> bool:
        """Is this access in the set?"""

    def __sub__(self, other: Self, /) -> Self:
        """What this allows and the other does not."""

    def witness(self) -> A | None:
        """One access inside; None if there is none."""

    def count(self) -> int:
        """How many accesses there are."""

    def decide(self, access: A, /) -> Verdict:
        """One access, with the evidence for the answer."""


class Lost(msgspec.Struct, Generic[A], frozen=True):
    """A use that the old policy allows and the new one does not."""

    access: A
    before: Verdict
    now: Verdict


class Proof(msgspec.Struct, Generic[A], frozen=True):
    """What was proved of one layer: exact over all accesses, but for what `unknown` names."""

    used: int
    """Distinct uses that the old policy allows."""
    lost: tuple[Lost[A], ...]
    gained: int
    """How many accesses the new policy allows that the old one does not, in the units of `count`."""
    gain: A | None
    """One of them."""
    removed: int
    """How many went."""
    left: int
    """How many the new policy allows."""
    unexplained: int = 0
    """Uses that the old policy does not allow either: nothing is said about them."""
    unknown: tuple[str, ...] = ()
    """What was not seen, and might make the answer another."""
    obligations: tuple[Obligation, ...] = ()
    """What else was asked of the new version; none of it decides whether the proof holds."""

    @property
    def holds(self) -> bool:
        """Is nothing lost and nothing gained?"""
        return not self.lost and self.gain is None


def prove(old: Allowed[A], new: Allowed[A], uses: Iterable[Sequence[A]]) -> Proof[A]:
    """Compare two sets, and hold the uses against both.

    A use is given as the accesses any of which suffices: a user's own, and those of each of its groups.
    """
    used, unexplained = 0, 0
    lost: list[Lost[A]] = []
    for ways in uses:
        before = next((a for a in ways if a in old), None)
        if before is None:
            unexplained += 1
            continue
        used += 1
        if not any(a in new for a in ways):
            lost.append(Lost(before, old.decide(before), new.decide(before)))
    more, less = new - old, old - new
    gain = more.witness()
    doubts = list(more.decide(gain).failed) if gain is not None else []
    doubts += [w for each in lost for w in each.now.failed if each.now.answer is Answer.UNKNOWN]
    return Proof(
        used=used,
        lost=tuple(lost),
        gained=more.count(),
        gain=gain,
        removed=less.count(),
        left=new.count(),
        unexplained=unexplained,
        unknown=tuple(dict.fromkeys(doubts)),
    )
