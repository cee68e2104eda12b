"""Who may open what to whom, workload by workload, in a form that can be compared, joined and subtracted.

Workloads that are treated alike are one `Crowd`, and so are external addresses. Two relations are brought to their
common refinement, where every set of crowds is one integer, and then combined row by row; equal rows are one object.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from mistrust.access.ports import Ports
from mistrust.kube.meta import Ref
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.lines import Ranges, Span
from mistrust.layers.network.engine.reach import Part, Reach
from mistrust.layers.network.exposure.outside import INTERNET, common, spans_in

Row = tuple[tuple[Ports, int], ...]
"""Disjoint sets of ports, each with the crowds (as bits) that may open them; no two with the same crowds."""


class Crowd(msgspec.Struct, frozen=True):
    """Workloads, or external addresses: one of the two is empty."""

    workloads: tuple[Ref, ...] = ()
    """Sorted."""
    addresses: tuple[Span, ...] = ()


class Relation(msgspec.Struct, frozen=True, dict=True):
    """Every pair."""

    crowds: tuple[Crowd, ...]
    rows: tuple[Row, ...]
    """By destination; the workloads of one crowd reach each other as the bit of their own crowd says."""

    @cached_property
    def internet(self) -> int:
        """The crowds that have an address of the Internet."""
        return sum(1 << i for i, c in enumerate(self.crowds) if common(c.addresses, INTERNET))

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return np.array([len(c.workloads) for c in self.crowds], dtype=np.int64)

    def size(self, crowds: int) -> int:
        """How many workloads there are in a set of crowds; the Internet counts as one more."""
        flags = np.frombuffer(crowds.to_bytes(len(self.crowds) // 8 + 1, "little"), np.uint8)
        inside = np.unpackbits(flags, count=len(self.crowds), bitorder="little")
        return int(inside @ self._sizes) + bool(crowds & self.internet)

    @cached_property
    def places(self) -> Mapping[Ref, int]:
        """The crowd of every workload."""
        return {ref: i for i, crowd in enumerate(self.crowds) for ref in crowd.workloads}


def relation(reach: Reach, owners: Sequence[Ref], ask: Callable[[Reach, int], Sequence[Part]] = Reach.row) -> Relation:
    """What `reach` says, endpoints as their `owners`: a workload may what one of its pods may.

    `ask` is the method of `Reach` that tells a row.
    """
    of: dict[Ref, set[int]] = {}
    for cls, owner in zip(reach.class_of, owners, strict=True):
        of.setdefault(owner, set()).add(cls)
    alike: dict[tuple[int, ...], list[Ref]] = {}
    for owner in sorted(of):
        alike.setdefault(tuple(sorted(of[owner])), []).append(owner)
    crowds = [Crowd(tuple(members)) for members in alike.values()]
    classes = list(alike)
    for b, block in enumerate(reach.blocks, reach.classes):
        crowds.append(Crowd(addresses=tuple(spans_in(block))))
        classes.append((b,))
    seen = _Lens(reach.classes + len(reach.blocks), classes)
    known: dict[tuple[Row, ...], Row] = {}
    rows = []
    for members in classes:
        each = tuple(tuple((p.ports, seen(_dense(p.sources))) for p in ask(reach, c)) for c in members)
        if each not in known:
            row: Row = ()
            for one in each:
                row = either(row, one)
            known[each] = row
        rows.append(known[each])
    return Relation(tuple(crowds), tuple(rows))


Combination = Callable[[Row, Row], Row]


def combine(a: Relation, b: Relation, of: Combination) -> Relation:
    """The two brought together, each pair of rows combined."""
    crowds, rows = aligned(a, b)
    known: dict[tuple[int, int], Row] = {}
    same: dict[Row, Row] = {}
    out = []
    for one, other in rows:
        key = id(one), id(other)
        if key not in known:
            row = of(one, other)
            known[key] = same.setdefault(row, row)
        out.append(known[key])
    return Relation(crowds, tuple(out))


def aligned(a: Relation, b: Relation) -> tuple[tuple[Crowd, ...], tuple[tuple[Row, Row], ...]]:
    """The crowds of both, cut until they agree, and the rows of both over them; equal rows stay one object."""
    if a.crowds == b.crowds:
        return a.crowds, tuple(zip(a.rows, b.rows, strict=True))
    parts: dict[tuple[int, int], list[Ref]] = {}
    mine, theirs = a.places, b.places
    for ref in sorted({**mine, **theirs}):
        parts.setdefault((mine.get(ref, -1), theirs.get(ref, -1)), []).append(ref)
    spans: dict[tuple[int, int], list[Span]] = {}
    for key, span in _cut(a, b):
        spans.setdefault(key, []).append(span)
    crowds = (*(Crowd(tuple(refs)) for refs in parts.values()), *(Crowd(addresses=tuple(s)) for s in spans.values()))
    keys = [*parts, *spans]
    lenses = [_Lens(len(r.crowds), [(k[side],) for k in keys]) for side, r in enumerate((a, b))]
    moved: list[dict[int, Row]] = [{}, {}]
    pairs = []
    for key in keys:
        pair = []
        for side, r in enumerate((a, b)):
            row = r.rows[key[side]] if key[side] >= 0 else ()
            if id(row) not in moved[side]:
                moved[side][id(row)] = tuple((ports, lenses[side](bits)) for ports, bits in row)
            pair.append(moved[side][id(row)])
        pairs.append((pair[0], pair[1]))
    return crowds, tuple(pairs)


def either(a: Row, b: Row) -> Row:
    """What one of the two allows."""
    if not a or not b or a == b:
        return a or b
    return _normal((ports, x | y) for ports, x, y in overlay(a, b))


def both(a: Row, b: Row) -> Row:
    """What each of the two allows."""
    return a if a == b else _normal((ports, x & y) for ports, x, y in overlay(a, b))


def minus(a: Row, b: Row) -> Row:
    """What the first allows and the second does not."""
    return _normal((ports, x & ~y) for ports, x, y in overlay(a, b)) if a and a != b else ()


def overlay(a: Row, b: Row) -> Iterator[tuple[Ranges, int, int]]:
    """The ports of both cut alike: ports, the crowds of the first, the crowds of the second."""
    pieces = [sorted((low, high, crowds) for ports, crowds in row for low, high in ports.ranges) for row in (a, b)]
    edges = sorted({edge for side in pieces for low, high, _ in side for edge in (low, high)})
    found: dict[tuple[int, int], list[Span]] = {}
    at = [0, 0]
    for low, high in pairwise(edges):
        held = [0, 0]
        for n, side in enumerate(pieces):
            while at[n] < len(side) and side[at[n]][1] <= low:
                at[n] += 1
            if at[n] < len(side) and side[at[n]][0] <= low:
                held[n] = side[at[n]][2]
        if held[0] or held[1]:
            found.setdefault((held[0], held[1]), []).append((low, high))
    return ((tuple(ranges), x, y) for (x, y), ranges in found.items())


def _normal(parts: Iterable[tuple[Ranges, int]]) -> Row:
    by_crowds: dict[int, list[Span]] = {}
    for ranges, crowds in parts:
        if crowds:
            by_crowds.setdefault(crowds, []).extend(ranges)
    row = [(Ports.of(ranges), crowds) for crowds, ranges in by_crowds.items()]
    return tuple(sorted(row, key=lambda part: part[0].ranges))


def _dense(classes: Classes) -> int:
    if isinstance(classes.bits, int):
        return classes.bits
    flags = np.zeros(max(classes, default=0) + 1, np.uint8)
    flags[list(classes)] = 1
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


class _Lens:
    """Sets over one numbering seen through another: new number i is in if any of the old numbers `of[i]` is."""

    def __init__(self, size: int, of: Sequence[tuple[int, ...]]) -> None:
        flat = [n if n >= 0 else size for old in of for n in old]
        self._same = flat == list(range(size))
        self._flat: NDArray[np.intp] = np.array(flat, dtype=np.intp)
        lengths = [len(old) for old in of]
        self._starts: NDArray[np.intp] = np.cumsum([0, *lengths[:-1]], dtype=np.intp)
        self._many = any(n != 1 for n in lengths)
        self._size = size
        self._known: dict[int, int] = {}

    def __call__(self, bits: int) -> int:
        if self._same or not bits:
            return bits
        found = self._known.get(bits)
        if found is None:
            raw = np.frombuffer(bits.to_bytes(self._size // 8 + 1, "little"), np.uint8)
            seen = np.unpackbits(raw, bitorder="little")[self._flat]
            if self._many:
                seen = np.bitwise_or.reduceat(seen, self._starts)
            found = int.from_bytes(np.packbits(seen, bitorder="little").tobytes(), "little")
            self._known[bits] = found
        return found


def _cut(a: Relation, b: Relation) -> Iterator[tuple[tuple[int, int], Span]]:
    """The external addresses of both, cut where either cuts them, with the crowd of each."""
    lines = [sorted((s, i) for i, c in enumerate(r.crowds) for s in c.addresses) for r in (a, b)]
    edges = sorted({edge for line in lines for span, _ in line for edge in span})
    starts = [[span[0] for span, _ in line] for line in lines]
    for low, high in pairwise(edges):
        key = []
        for line, begin in zip(lines, starts, strict=True):
            at = bisect_right(begin, low) - 1
            key.append(line[at][1] if at >= 0 and low < line[at][0][1] else -1)
        if max(key) >= 0:
            yield (key[0], key[1]), (low, high)
