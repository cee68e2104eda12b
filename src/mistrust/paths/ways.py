"""A graph with its edges looked up by both ends, and what can be walked to from somewhere."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from itertools import accumulate

from mistrust.paths.graph import Graph

WIDE = 20_000
"""Edges from which on numpy is worth its import; the answer is the same."""


class Ways:
    """A graph with its edges looked up by source and by target, some edges (or joints, as `-1 - index`) taken away."""

    def __init__(self, graph: Graph, cut: Collection[int] = ()) -> None:
        self.graph = graph
        self.wide = len(graph.source) >= WIDE
        self.cut = frozenset(cut)
        self.weight = [r.weight for r in graph.reasons]
        self.rank = {r: i for i, (_, r) in enumerate(sorted((reason, i) for i, reason in enumerate(graph.reasons)))}
        self.joints = tuple((-1 - i, j) for i, j in enumerate(graph.joints) if -1 - i not in self.cut)
        self._out = _by(graph.source, len(graph.keys), wide=self.wide)
        self.incoming = _by(graph.target, len(graph.keys), wide=self.wide)

    def without(self, cut: Collection[int]) -> Ways:
        """The same graph with more taken away."""
        fewer = object.__new__(Ways)
        fewer.__dict__.update(self.__dict__)
        fewer.cut = self.cut | frozenset(cut)
        if any(e < 0 for e in cut):
            fewer.joints = tuple((i, j) for i, j in self.joints if i not in fewer.cut)
            fewer.__dict__.pop("awaiting", None)
        return fewer

    @cached_property
    def awaiting(self) -> dict[int, list[int]]:
        """The joints, as `-1 - index`, that a node is a source of."""
        found: dict[int, list[int]] = {}
        for i, joint in self.joints:
            for s in joint.sources:
                found.setdefault(s, []).append(i)
        return found

    def out(self, node: int) -> Iterator[int]:
        """Edges that leave a node."""
        offsets, order = self._out
        return (e for e in order[offsets[node] : offsets[node + 1]] if e not in self.cut)

    def into(self, node: int) -> Iterator[int]:
        """Edges that lead to a node."""
        offsets, order = self.incoming
        return (e for e in order[offsets[node] : offsets[node + 1]] if e not in self.cut)


def onward(ways: Ways, starts: Iterable[int], within: Callable[[int], bool] | None = None) -> set[int]:
    """Everything that an attacker with all these starts holds, inside a part of the graph."""
    graph = ways.graph
    found: set[int] = set()
    awaiting = ways.awaiting
    work = list(starts)
    while work:
        node = work.pop()
        if node in found or not (within is None or within(node)):
            continue
        found.add(node)
        work.extend(graph.target[e] for e in ways.out(node))
        for i in awaiting.get(node, ()):
            if found.issuperset(graph.joints[-1 - i].sources):
                work.append(graph.joints[-1 - i].target)
    return found


def _by(column: array[int], nodes: int, *, wide: bool) -> tuple[array[int], array[int]]:
    """Edges grouped by a column: the edges of node n are `order[offsets[n]:offsets[n + 1]]`."""
    if wide:
        import numpy as np

        ends = np.frombuffer(column, np.int32)
        order = np.argsort(ends, kind="stable").astype(np.int32)
        offsets = np.concatenate(([0], np.cumsum(np.bincount(ends, minlength=nodes)))).astype(np.int32)
        return array("i", offsets.tobytes()), array("i", order.tobytes())
    counts = [0] * (nodes + 1)
    for n in column:
        counts[n + 1] += 1
    starts = list(accumulate(counts))
    offsets_, order_ = array("i", starts), array("i", bytes(4 * len(column)))
    for e, n in enumerate(column):
        order_[starts[n]] = e
        starts[n] += 1
    return offsets_, order_
