"""One shortest way, edge by edge, the same in every run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence

from mistrust.paths.ways import Ways

FAR = 1 << 62
"""No way at all."""

Proof = tuple[int, ...]
"""Edges, and joints as `-1 - index`, in an order in which the sources of each are held when it is used."""


def straight(ways: Ways, start: int, targets: Collection[int], far: Sequence[int]) -> Iterator[int]:
    """A shortest way over edges; `far` is how far each node is from the targets."""
    graph, node = ways.graph, start
    while node not in targets:
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


def derivation(ways: Ways, start: int, targets: Collection[int], within: Callable[[int], bool]) -> Proof:
    """A cheapest way over edges and joints, inside a part of the graph.

    Knuth's generalisation of Dijkstra's algorithm: a joint costs as much as its dearest source.
    """
    graph = ways.graph
    awaiting = ways.awaiting
    held: dict[int, int | None] = {}
    length: dict[int, int] = {}
    heap: list[tuple[int, tuple[int, tuple[str, ...], tuple[str, ...]], int, int | None]] = [
        (0, (0, (), ()), start, None)
    ]

    def push(weight: int, node: int, by: int) -> None:
        if node not in held and within(node):
            heapq.heappush(heap, (weight, _apart(ways, by), node, by))

    while heap:
        known, _, node, by = heapq.heappop(heap)
        if node in held:
            continue
        held[node], length[node] = by, known
        if node in targets:
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
