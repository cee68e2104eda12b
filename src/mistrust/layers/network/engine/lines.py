"""A line of numbers cut into the fewest parts that tell given sets of ranges apart: ports, and addresses.

Every part has an id. A set of ranges that the line was cut for is a set of ids, kept as one integer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from operator import or_

Span = tuple[int, int]
"""Half-open."""
Ranges = tuple[Span, ...]
Split = tuple[int, int]
"""A part, and the new part that was cut out of it."""


class Line:
    """The cut line. Immutable; `cut` makes a finer one."""

    def __init__(self, starts: Sequence[int], ends: Sequence[int], parts: Sequence[int]) -> None:
        self._starts, self._ends, self._parts = starts, ends, parts
        self.count = max(parts) + 1
        """How many parts there are; their ids are below."""
        first: dict[int, int] = {}
        for start, part in zip(starts, parts, strict=True):
            first.setdefault(part, start)
        self._heads = list(first.values())
        self._masks = [0, *accumulate((1 << part for part in first), or_)]

    @classmethod
    def of(cls, whole: Ranges, sets: Iterable[Ranges]) -> Line:
        """Cut `whole` for every one of the sets."""
        turns: dict[int, int] = {}
        edges = set(chain.from_iterable(whole))
        for n, ranges in enumerate(sets):
            for low, high in ranges:
                turns[low] = turns.get(low, 0) ^ 1 << n
                turns[high] = turns.get(high, 0) ^ 1 << n
        edges.update(turns)
        starts, ends, parts, inside = [], [], [], 0
        ids: dict[tuple[int, int], int] = {}
        for low, high in pairwise(sorted(edges)):
            inside ^= turns.get(low, 0)
            family = next((i for i, (a, b) in enumerate(whole) if a <= low < b), -1)
            if family >= 0:
                starts.append(low)
                ends.append(high)
                parts.append(ids.setdefault((inside, family), len(ids)))
        return cls(starts, ends, parts)

    def at(self, number: int) -> int:
        """The part that a number of the line is in."""
        return self._parts[bisect_right(self._starts, number) - 1]

    def alone(self, low: int, high: int) -> int:
        """The part that all of a range is in; -1 if it is in several."""
        i = bisect_right(self._starts, low) - 1
        return self._parts[i] if i >= 0 and high <= self._ends[i] else -1

    def mask(self, ranges: Ranges) -> int:
        """The parts of a set of ranges that the line was cut for."""
        out = 0
        for low, high in ranges:
            out |= self._masks[bisect_left(self._heads, high)] ^ self._masks[bisect_left(self._heads, low)]
        return out

    def ranges(self, mask: int) -> list[Span]:
        """The numbers in a set of parts, touching ranges joined."""
        out: list[Span] = []
        for low, high, part in zip(self._starts, self._ends, self._parts, strict=True):
            if mask >> part & 1:
                if out and out[-1][1] == low:
                    out[-1] = (out[-1][0], high)
                else:
                    out.append((low, high))
        return out

    def each(self) -> list[list[Span]]:
        """The numbers in every part, by id."""
        out: list[list[Span]] = [[] for _ in range(self.count)]
        for low, high, part in zip(self._starts, self._ends, self._parts, strict=True):
            held = out[part]
            if held and held[-1][1] == low:
                held[-1] = (held[-1][0], high)
            else:
                held.append((low, high))
        return out

    def cut(self, ranges: Ranges) -> tuple[Line, list[Split]]:
        """The line cut for one more set, and what was cut out of what; parts that are wholly in it keep their ids."""
        edges = {edge for edge in chain.from_iterable(ranges) if self._inside(edge)}
        pieces: list[tuple[int, int, int]] = []
        for low, high, part in zip(self._starts, self._ends, self._parts, strict=True):
            inner = sorted({low, high, *(e for e in edges if low < e < high)})
            pieces += [(a, b, part) for a, b in pairwise(inner)]
        taken = [any(low <= a < high for low, high in ranges) for a, _, _ in pieces]
        left = {part for (_, _, part), into in zip(pieces, taken, strict=True) if not into}
        split = {part: 0 for (_, _, part), into in zip(pieces, taken, strict=True) if into and part in left}
        if not split:
            return self, []
        for n, part in enumerate(split):
            split[part] = self.count + n
        parts = [split.get(part, part) if into else part for (_, _, part), into in zip(pieces, taken, strict=True)]
        return Line([a for a, _, _ in pieces], [b for _, b, _ in pieces], parts), list(split.items())

    def _inside(self, number: int) -> bool:
        i = bisect_right(self._starts, number) - 1
        return i >= 0 and self._starts[i] < number < self._ends[i]
