"""Which footholds reach a target, over which shortest way.

Edges are followed backwards from the target, for all footholds at once. Joints are Horn clauses: what one foothold
alone derives is a set of bits, one bit a source of a joint, and the sets grow to their least fixed point (Dowling and
Gallier, "Linear-time algorithms for testing the satisfiability of propositional Horn formulae", 1984, for every start
in one pass).
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate

from mistrust.paths.graph import Graph

FAR = 1 << 62
"""No way at all."""

WIDE = 20_000
"""Edges from which on numpy is worth its import; the answer is the same."""

Proof = tuple[int, ...]
"""Edges, and joints as `-1 - index`, in an order in which the sources of each are held when it is used."""


class Ways:
    """A graph with its edges looked up by source and by target, some edges (or joints, as `-1 - index`) taken away."""

    def __init__(self, graph: Graph, cut: Collection[int] = ()) -> None:
        self.graph = graph
        self.cut = frozenset(cut)
        self.weight = [r.weight for r in graph.reasons]
        self.rank = {r: i for i, (_, r) in enumerate(sorted((reason, i) for i, reason in enumerate(graph.reasons)))}
        self.joints = tuple((-1 - i, j) for i, j in enumerate(graph.joints) if -1 - i not in self.cut)
        self._out = _by(graph.source, len(graph.keys))
        self.incoming = _by(graph.target, len(graph.keys))

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
            return tuple(_straight(self, start))
        return _derivation(self, start)


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


def upstream(ways: Ways, nodes: Iterable[int]) -> set[int]:
    """Everything that leads to one of these nodes over edges."""
    source = ways.graph.source
    found: set[int] = set()
    work = list(nodes)
    while work:
        node = work.pop()
        if node not in found:
            found.add(node)
            work += [n for e in ways.into(node) if (n := source[e]) not in found]
    return found


def _by(column: array[int], nodes: int) -> tuple[array[int], array[int]]:
    """Edges grouped by a column: the edges of node n are `order[offsets[n]:offsets[n + 1]]`."""
    if len(column) >= WIDE:
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


def _distances(ways: Ways, targets: list[int]) -> Sequence[int]:
    """For each node the weight of its shortest way over edges alone."""
    if len(ways.graph.source) >= WIDE:
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


def _straight(toward: Toward, start: int) -> Iterator[int]:
    ways, far = toward.ways, toward.far
    graph, node = ways.graph, start
    while node not in toward.targets:
        edge = min(
            (e for e in ways.out(node) if ways.weight[graph.reason[e]] + far[graph.target[e]] == far[node]),
            key=lambda e: _order(ways, e),
        )
        yield edge
        node = graph.target[edge]


def _order(ways: Ways, edge: int) -> tuple[int, tuple[str, ...]]:
    """Tells edges (and joints) of one source apart without looking at the order in which they were drawn."""
    graph = ways.graph
    if edge >= 0:
        return ways.rank[graph.reason[edge]], tuple(map(str, graph.keys[graph.target[edge]]))
    joint = graph.joints[-1 - edge]
    return ways.rank[joint.reason], tuple(map(str, graph.keys[joint.target]))


def _apart(ways: Ways, edge: int) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """The same for edges (and joints) of several sources."""
    graph = ways.graph
    sources = (graph.source[edge],) if edge >= 0 else graph.joints[-1 - edge].sources
    return *_order(ways, edge), tuple(sorted("\0".join(map(str, graph.keys[s])) for s in sources))


def _derivation(toward: Toward, start: int) -> Proof:
    """Knuth's generalisation of Dijkstra's algorithm: a joint costs as much as its dearest source."""
    ways, far = toward.ways, toward.far
    graph = ways.graph
    awaiting = ways.awaiting
    held: dict[int, int | None] = {}
    length: dict[int, int] = {}
    heap: list[tuple[int, tuple[int, tuple[str, ...], tuple[str, ...]], int, int | None]] = [
        (0, (0, (), ()), start, None)
    ]

    def push(weight: int, node: int, by: int) -> None:
        if node not in held and (far[node] < FAR or node in toward.perhaps):
            heapq.heappush(heap, (weight, _apart(ways, by), node, by))

    while heap:
        known, _, node, by = heapq.heappop(heap)
        if node in held:
            continue
        held[node], length[node] = by, known
        if node in toward.targets:
            return _unwound(ways, node, held)
        for e in ways.out(node):
            push(known + ways.weight[graph.reason[e]], graph.target[e], e)
        for i in awaiting.get(node, ()):
            joint = graph.joints[-1 - i]
            if all(s in held for s in joint.sources):
                push(max(length[s] for s in joint.sources) + ways.weight[joint.reason], joint.target, i)
    raise AssertionError("a start that reaches the target has a derivation")


def _unwound(ways: Ways, end: int, held: dict[int, int | None]) -> Proof:
    """What the end rests on, each edge after those that its source rests on."""
    graph = ways.graph
    proof: dict[int, None] = {}
    work: list[tuple[int, bool]] = [(end, False)]
    while work:
        node, ready = work.pop()
        by = held[node]
        if by is None or by in proof:
            continue
        if ready:
            proof[by] = None
            continue
        work.append((node, True))
        sources = [graph.source[by]] if by >= 0 else list(graph.joints[-1 - by].sources)
        sources.sort(key=lambda s: tuple(map(str, graph.keys[s])), reverse=True)
        work.extend((s, False) for s in sources)
    return tuple(proof)
