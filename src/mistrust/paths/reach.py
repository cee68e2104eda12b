"""Which footholds reach a target, over which shortest way.

Edges are followed backwards from the target, for all footholds at once. Joints are Horn clauses: what one foothold
alone derives is a set of bits, one bit a source of a joint, and the sets grow to their least fixed point (Dowling and
Gallier, "Linear-time algorithms for testing the satisfiability of propositional Horn formulae", 1984, for every start
in one pass).
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from mistrust.paths.route import FAR, Proof, derivation, straight
from mistrust.paths.ways import Ways, onward


class Toward:
    """The footholds from which a target can be reached, each by itself."""

    def __init__(self, ways: Ways, targets: Iterable[int]) -> None:
        self.ways, self.targets = ways, frozenset(targets)
        self.far = _distances(ways, sorted(self.targets))

    @cached_property
    def perhaps(self) -> frozenset[int]:
        """The nodes that would arrive if a joint asked for only one of its sources."""
        return _perhaps(self.ways, self.far) if self.ways.joints else frozenset()

    @cached_property
    def helped(self) -> frozenset[int]:
        """The nodes that arrive with the help of joints."""
        return _fixed_point(self.ways, self.far, self.perhaps) if self.perhaps else frozenset()

    def reaching(self, starts: Collection[int]) -> set[int]:
        """Those of the starts that reach the target; quicker than asking one by one where few do."""
        found = {s for s in starts if self.far[s] < FAR}
        left = [s for s in starts if s not in found]
        if left and self.ways.joints:
            ahead = onward(self.ways, left)
            if not self.targets.isdisjoint(ahead):
                found.update(_fixed_point(self.ways, self.far, self.perhaps & ahead).intersection(left))
        return found

    def reaches(self, node: int) -> bool:
        """Does this foothold alone lead to the target?"""
        return self.far[node] < FAR or node in self.helped

    def route(self, start: int) -> Proof:
        """A shortest way from a start that `reaches`; among equal ones the first in the order of the keys."""
        if self.far[start] < FAR:
            return tuple(straight(self.ways, start, self.targets, self.far))
        return derivation(self.ways, start, self.targets, lambda n: self.far[n] < FAR or n in self.perhaps)


def _distances(ways: Ways, targets: list[int]) -> Sequence[int]:
    """For each node the weight of its shortest way over edges alone."""
    if ways.wide:
        return _distances_wide(ways, targets)
    far = [FAR] * len(ways.graph.keys)
    heap = [(0, t) for t in targets]
    for _, t in heap:
        far[t] = 0
    source, reason, weight = ways.graph.source, ways.graph.reason, ways.weight
    while heap:
        known, node = heapq.heappop(heap)
        if known > far[node]:
            continue
        for e in ways.into(node):
            length = known + weight[reason[e]]
            if length < far[source[e]]:
                far[source[e]] = length
                heapq.heappush(heap, (length, source[e]))
    return far


def _distances_wide(ways: Ways, targets: list[int]) -> Sequence[int]:
    import numpy as np

    graph = ways.graph
    offsets, order = (np.frombuffer(column, np.int32) for column in ways.incoming)
    source, target = np.frombuffer(graph.source, np.int32), np.frombuffer(graph.target, np.int32)
    weight = np.array(ways.weight, np.int64)[np.frombuffer(graph.reason, np.int32)]
    alive = np.ones(len(source), bool)
    alive[[e for e in ways.cut if e >= 0]] = False
    far = np.full(len(graph.keys), FAR, np.int64)
    far[targets] = 0
    front = np.array(targets, np.int64)
    while front.size:
        first, count = offsets[front], offsets[front + 1] - offsets[front]
        ends = np.cumsum(count)
        edges = order[np.repeat(first - (ends - count), count) + np.arange(ends[-1])]
        edges = edges[alive[edges]]
        length = far[target[edges]] + weight[edges]
        better = length < far[source[edges]]
        nearer = source[edges[better]]
        np.minimum.at(far, nearer, length[better])
        front = np.unique(nearer)
    return array("q", far.tobytes())


def _perhaps(ways: Ways, far: Sequence[int]) -> frozenset[int]:
    """The nodes that have no way of their own, but would have one if a joint asked for only one of its sources."""
    source = ways.graph.source
    found: set[int] = set()
    waiting = list(ways.joints)
    while True:
        leading = [j for _, j in waiting if far[j.target] < FAR or j.target in found]
        work = [s for j in leading for s in j.sources if far[s] == FAR and s not in found]
        if not work:
            return frozenset(found)
        waiting = [(i, j) for i, j in waiting if not (far[j.target] < FAR or j.target in found)]
        found.update(work)
        while work:
            for e in ways.into(work.pop()):
                if source[e] not in found and far[source[e]] == FAR:
                    found.add(source[e])
                    work.append(source[e])


def _fixed_point(ways: Ways, far: Sequence[int], perhaps: frozenset[int]) -> frozenset[int]:
    """The nodes of `perhaps` that derive all the sources of a joint that leads on.

    A joint with a source that has a way of its own adds nothing, so only joints inside `perhaps` count. Bit 0 stands
    for the target.
    """
    source, target = ways.graph.source, ways.graph.target
    live = [j for _, j in ways.joints if perhaps.issuperset(j.sources)]
    bit = {s: 2 << i for i, s in enumerate(sorted({s for j in live for s in j.sources}))}
    awaiting: dict[int, list[tuple[int, int]]] = {}
    fired: dict[int, set[int]] = {}
    for j in live:
        need = sum(bit[s] for s in j.sources)
        for s in j.sources:
            awaiting.setdefault(bit[s], []).append((need, j.target))
    derived = dict.fromkeys(perhaps, 0)

    def of(node: int) -> int:
        return 1 if far[node] < FAR else derived.get(node, 0)

    work = _successors_first(ways, perhaps)
    work.reverse()
    queued = set(work)

    def grown(node: int, now: int) -> int:
        """With what joints add to it."""
        looked = 1
        while fresh := now & ~looked:
            low = fresh & -fresh
            looked |= low
            for need, head in awaiting[low]:
                if now & need == need:
                    fired.setdefault(head, set()).add(node)
                    now |= of(head)
        return now

    while work:
        node = work.pop()
        queued.discard(node)
        now = derived[node] | bit.get(node, 0)
        for e in ways.out(node):
            now |= of(target[e])
        now = grown(node, now)
        if now == derived[node]:
            continue
        derived[node] = now
        for other in (*(source[e] for e in ways.into(node)), *fired.get(node, ())):
            if other not in queued and derived.get(other, now) | now != derived.get(other, now):
                queued.add(other)
                work.append(other)
    return frozenset(n for n, bits in derived.items() if bits & 1)


def _successors_first(ways: Ways, nodes: frozenset[int]) -> list[int]:
    """The nodes in the order in which a depth-first search leaves them: what a node leads to comes before it."""
    target = ways.graph.target
    order: list[int] = []
    seen: set[int] = set()
    for root in sorted(nodes):
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, ways.out(root))]
        while stack:
            node, edges = stack[-1]
            for e in edges:
                other = target[e]
                if other in nodes and other not in seen:
                    seen.add(other)
                    stack.append((other, ways.out(other)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order
