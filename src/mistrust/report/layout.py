"""A layered drawing of a small graph, left to right: Sugiyama's method, as simple as it goes.

Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures", IEEE SMC 11(2), 1981.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

SWEEPS = 12

Point = tuple[float, float]
Edge = tuple[int, int]


class Layout(msgspec.Struct, frozen=True):
    """Where everything goes; units are those of the sizes given."""

    width: float
    height: float
    nodes: tuple[Point, ...]
    """The centre of each node."""
    edges: tuple[tuple[Point, ...], ...]
    """The points that each edge runs through, from its source's right side to its target's left side."""


def layout(
    count: int,
    edges: Sequence[Edge],
    *,
    size: Point = (180, 44),
    gap: Point = (50, 18),
    labels: Sequence[float] = (),
    first: Sequence[int] = (),
) -> Layout:
    """Place `count` nodes of one size.

    `gap` is the least distance of columns and of nodes in a column; `labels` is the width that each edge's label wants
    between the columns at its ends. `first` are nodes that belong to the left. Cycles are allowed: an edge that closes
    one is drawn backwards. An edge from a node to itself has no points.
    """
    forward = _without_cycles(count, edges, first)
    rank = _ranks(count, forward)
    chains, ranks = _with_bends(forward, rank)
    links = [link for chain in chains for link in pairwise(chain)]
    order = _ordered(ranks, links)
    y = _heights(order, links, size[1] + gap[1], set(range(count)), gap[1])
    columns = _columns(chains, ranks, labels, size[0], gap[0])
    top = min(y.values(), default=0.0) - size[1] / 2
    place = {v: (columns[ranks[v]], y[v] - top) for v in y}
    height = max((p[1] for p in place.values()), default=0.0) + size[1] / 2
    width = max((p[0] for p in place.values()), default=0.0) + size[0] / 2
    return Layout(
        width,
        height,
        tuple(place[v] for v in range(count)),
        tuple(
            _route([place[v] for v in chain], size[0] / 2, turned=edge != (chain[0], chain[-1]))
            for chain, edge in zip(chains, edges, strict=True)
        ),
    )


def _columns(
    chains: Sequence[Sequence[int]], ranks: Sequence[int], labels: Sequence[float], width: float, gap: float
) -> list[float]:
    """The middle of each column: a gap is as wide as the widest label in it."""
    wide = [gap] * (max(ranks, default=0) + 1)
    for chain, label in zip(chains, labels, strict=False):
        if len(chain) > 1:
            for r in (ranks[chain[0]], ranks[chain[-2]]):
                wide[r] = max(wide[r], label)
    middles = [width / 2]
    for space in wide[:-1]:
        middles.append(middles[-1] + width + space)
    return middles


def _without_cycles(count: int, edges: Sequence[Edge], first: Sequence[int]) -> list[Edge]:
    """Each edge, turned round where it leads back to a node that is still being visited (depth first)."""
    targets: dict[int, list[int]] = {}
    for a, b in edges:
        targets.setdefault(a, []).append(b)
    state = [0] * count
    back: set[Edge] = set()
    for root in (*first, *range(count)):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(targets.get(root, ())))]
        while stack:
            v, rest = stack[-1]
            w = next(rest, None)
            if w is None:
                state[v] = 2
                stack.pop()
            elif state[w] == 1:
                back.add((v, w))
            elif state[w] == 0:
                state[w] = 1
                stack.append((w, iter(targets.get(w, ()))))
    return [(b, a) if (a, b) in back else (a, b) for a, b in edges]


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Longest path: one column further than the furthest predecessor; where every way ends is the last column."""
    rank = [0] * count
    for _ in range(count):
        moved = False
        for a, b in edges:
            if a != b and rank[b] <= rank[a]:
                rank[b], moved = rank[a] + 1, True
        if not moved:
            break
    entered, left = {b for _, b in edges}, {a for a, b in edges if a != b}
    last = max(rank, default=0)
    return [last if v in entered and v not in left else r for v, r in enumerate(rank)]


def _with_bends(edges: Sequence[Edge], rank: Sequence[int]) -> tuple[list[list[int]], list[int]]:
    """An edge over several columns gets a bend in each of them: a node without a box."""
    ranks = list(rank)
    chains = []
    for a, b in edges:
        chain = [a]
        for r in range(rank[a] + 1, rank[b]):
            chain.append(len(ranks))
            ranks.append(r)
        chains.append([*chain, b] if a != b else [a])
    return chains, ranks


def _ordered(ranks: Sequence[int], links: Sequence[Edge]) -> list[list[int]]:
    """Each column from top to bottom, with few crossings: barycentre sweeps, the best of them kept."""
    order: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for v, r in enumerate(ranks):
        order[r].append(v)
    before, after = _neighbours(links)
    best, fewest = [list(column) for column in order], _crossings(order, after)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        sides = before if down else after
        for column in order if down else reversed(order):
            at = {v: i for c in order for i, v in enumerate(c)}
            centre = {v: sum(at[w] for w in sides[v]) / len(sides[v]) if sides.get(v) else at[v] for v in column}
            column.sort(key=lambda v: (centre[v], at[v]))
        crossings = _crossings(order, after)
        if crossings < fewest:
            best, fewest = [list(column) for column in order], crossings
    return best


def _neighbours(links: Iterable[Edge]) -> tuple[Mapping[int, list[int]], Mapping[int, list[int]]]:
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for a, b in links:
        before.setdefault(b, []).append(a)
        after.setdefault(a, []).append(b)
    return before, after


def _crossings(order: Sequence[Sequence[int]], after: Mapping[int, Sequence[int]]) -> int:
    total = 0
    for left, right in pairwise(order):
        at = {v: i for i, v in enumerate(right)}
        ends = [sorted(at[w] for w in after.get(v, ()) if w in at) for v in left]
        seen: list[int] = []
        for row in ends:
            total += sum(1 for e in row for s in seen if s > e)
            seen += row
    return total


def _heights(
    order: Sequence[Sequence[int]], links: Sequence[Edge], step: float, boxes: set[int], bend: float
) -> dict[int, float]:
    """Heights that keep the order and the distances, each node near the middle of its neighbours."""
    before, after = _neighbours(links)
    y = {v: i * step for column in order for i, v in enumerate(column)}
    for sweep in range(SWEEPS):
        sides = (before, after)[sweep % 2]
        for column in order if sweep % 2 == 0 else reversed(order):
            wanted = [sum(y[w] for w in sides[v]) / len(sides[v]) if sides.get(v) else y[v] for v in column]
            spaces = [step if a in boxes and b in boxes else (step + bend) / 2 for a, b in pairwise(column)]
            y.update(zip(column, _spread(wanted, spaces), strict=True))
    return y


def _spread(wanted: Sequence[float], spaces: Sequence[float]) -> list[float]:
    """The heights nearest to the wanted ones (in squares) that keep order and distances: isotonic regression."""
    offset = [0.0]
    for space in spaces:
        offset.append(offset[-1] + space)
    blocks: list[tuple[float, int]] = []
    for want, at in zip(wanted, offset, strict=False):
        total, size = want - at, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            last, many = blocks.pop()
            total, size = total + last, size + many
        blocks.append((total, size))
    level = [total / size for total, size in blocks for _ in range(size)]
    return [a + b for a, b in zip(level, offset, strict=False)]


def _route(points: Sequence[Point], half: float, *, turned: bool) -> tuple[Point, ...]:
    if len(points) < 2:
        return ()
    (x0, y0), *bends, (x1, y1) = points
    flat = [(x + side, y) for x, y in bends for side in (-half, half)]
    way = ((x0 + half, y0), *flat, (x1 - half, y1))
    return way[::-1] if turned else way
