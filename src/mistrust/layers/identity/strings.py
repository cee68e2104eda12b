"""Sets of strings as rules write them: a list, everything, every `x/log`, every `/apis/...`; closed under set algebra.

A set is the exclusive-or of a few wide sets, corrected at single strings. Two wide sets are nested or disjoint, so the
intersection of two is one of them or empty, and exclusive-or distributes over it: every operation is a few lines, and
each set has one form only. It is empty if nothing is left, because every wide set holds more than any finite list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, Self

import msgspec

from mistrust.layers.identity.rules import ALL


class Wide(msgspec.Struct, frozen=True, order=True, gc=False):
    """An infinite set: all strings, those with a subresource (`*/log`), or those with a prefix."""

    kind: Literal["all", "subresource", "prefix"]
    text: str = ""

    def __contains__(self, value: str) -> bool:
        match self.kind:
            case "all":
                return True
            case "subresource":
                return value.partition("/")[2] == self.text
            case "prefix":
                return value.startswith(self.text)

    def __and__(self, other: Wide) -> Wide | None:
        """The smaller of the two if they are nested, None if they are disjoint."""
        if self == other or other.kind == "all":
            return self
        if self.kind == "all":
            return other
        if self.kind == "prefix" and other.text.startswith(self.text):
            return other
        return self if other.kind == "prefix" and self.text.startswith(other.text) else None

    def member(self, i: int) -> str:
        """A different string of the set for every i; two of them are never in the same smaller set."""
        start = chr(ord("x") + i)
        return f"{start}/{self.text}" if self.kind == "subresource" else f"{self.text}{start}"


EVERYTHING: Final = Wide("all")


class Strings(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A set of strings."""

    wide: frozenset[Wide] = frozenset()
    """A string in an odd number of them is in the set."""
    turned: frozenset[str] = frozenset()
    """Except these, of which the opposite is true."""

    def __contains__(self, value: str) -> bool:
        return _odd(self.wide, value) != (value in self.turned)

    def __bool__(self) -> bool:
        return bool(self.wide or self.turned)

    def __and__(self, other: Self) -> Self:
        if self is other:
            return self
        wide: set[Wide] = set()
        for a in self.wide:
            for b in other.wide:
                if common := a & b:
                    wide ^= {common}
        return self._corrected(
            frozenset(wide), (v for v in self.turned | other.turned if v in self and v in other), other
        )

    def __xor__(self, other: Self) -> Self:
        return type(self)(self.wide ^ other.wide, self.turned ^ other.turned)

    def __or__(self, other: Self) -> Self:
        return self ^ other ^ (self & other)

    def __sub__(self, other: Self) -> Self:
        return self ^ (self & other)

    def _corrected(self, wide: frozenset[Wide], inside: Iterable[str], other: Self) -> Self:
        wanted = frozenset(inside)
        turned = frozenset(v for v in self.turned | other.turned if _odd(wide, v) != (v in wanted))
        return type(self)(wide, turned)

    def example(self, prefer: Sequence[str] = ()) -> str:
        """A member, a preferred one if there is any.

        Raises `ValueError` if the set is empty.
        """
        tries = len(self.wide) + len(self.turned) + 1
        fresh = (w.member(i) for w in sorted(self.wide) for i in range(tries))
        for value in (*prefer, *sorted(self.turned), *fresh):
            if value in self:
                return value
        raise ValueError("an empty set has no member")


NO_STRINGS: Final = Strings()
ALL_STRINGS: Final = Strings(frozenset({EVERYTHING}))


def exactly(values: Iterable[str]) -> Strings:
    """These strings, where a star is a letter like any other (resourceNames)."""
    return Strings(frozenset(), frozenset(values))


def listed(values: Iterable[str]) -> Strings:
    """These strings, or all of them with a `*` (verbs, API groups)."""
    found = frozenset(values)
    return ALL_STRINGS if ALL in found else Strings(frozenset(), found)


def resources(values: Iterable[str]) -> Strings:
    """What `rules.permits` matches for entries of `resources`: `*`, `*/log`, `pods`, `pods/log`."""
    found = frozenset(values)
    if ALL in found:
        return ALL_STRINGS
    wide = frozenset(Wide("subresource", v[2:]) for v in found if v.startswith("*/") and v != "*/")
    return Strings(wide, frozenset(v for v in found if not _odd(wide, v)))


def urls(values: Iterable[str]) -> Strings:
    """What `rules.url_matches` matches for entries of `nonResourceURLs`."""
    found = frozenset(values)
    union = Strings(frozenset(), frozenset(v for v in found if not v.endswith("*")))
    for prefix in {v.rstrip("*") for v in found if v.endswith("*")}:
        union |= Strings(frozenset({Wide("prefix", prefix) if prefix else EVERYTHING}))
    return union


def _odd(wide: frozenset[Wide], value: str) -> bool:
    return sum(value in w for w in wide) % 2 == 1
