"""Which nodes come to which others over edges, for many at once: a set of bits a node, carried along the edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mistrust.paths.ways import Ways


class Arrivals:
    """For every node which of some origins get there over edges that are not cut."""

    def __init__(self, ways: Ways, origins: Sequence[int]) -> None:
        self.bit = {n: 1 << i for i, n in enumerate(dict.fromkeys(origins))}
        """The bit of each origin."""
        self._component = [-1] * len(ways.graph.keys)
        components = tuple(self._components(ways))
        self._bits = [0] * len(components)
        target = ways.graph.target
        for c in range(len(components) - 1, -1, -1):  # what leads on was found last
            bits = self._bits[c]
            for n in components[c]:
                bits |= self.bit.get(n, 0)
            self._bits[c] = bits
            for n in components[c] if bits else ():
                for e in ways.out(n):
                    self._bits[self._component[target[e]]] |= bits

    def at(self, node: int) -> int:
        """The bits of the origins that get to a node, itself included."""
        return self._bits[self._component[node]]

    def _components(self, ways: Ways) -> Iterator[list[int]]:
        """The strongly connected components, what is led to before what leads (Tarjan, 1972)."""
        target, found = ways.graph.target, 0
        index = [-1] * len(self._component)
        low = index.copy()
        path: list[int] = []
        count = 0
        for root in range(len(index)):
            if index[root] >= 0:
                continue
            index[root] = low[root] = count
            count += 1
            path.append(root)
            stack = [(root, ways.out(root))]
            while stack:
                node, edges = stack[-1]
                for e in edges:
                    other = target[e]
                    if index[other] < 0:
                        index[other] = low[other] = count
                        count += 1
                        path.append(other)
                        stack.append((other, ways.out(other)))
                        break
                    if self._component[other] < 0:
                        low[node] = min(low[node], index[other])
                else:
                    stack.pop()
                    if stack:
                        above = stack[-1][0]
                        low[above] = min(low[above], low[node])
                    if low[node] == index[node]:
                        members = _until(path, node)
                        for n in members:
                            self._component[n] = found
                        found += 1
                        yield members


def _until(path: list[int], node: int) -> list[int]:
    """Take nodes off a path, the last one first, up to a node."""
    taken = []
    while True:
        taken.append(path.pop())
        if taken[-1] == node:
            return taken


def coming_back(arrivals: Arrivals, edges: Iterable[tuple[int, int]], ends: Iterable[int]) -> int:
    """The bits of the origins that get to one of some nodes once further edges are there.

    The source of each edge, and its target, are nodes; the targets have to be origins.
    """
    waiting = {(s, t) for s, t in edges}
    work, bits = list(ends), 0
    while work:
        bits |= arrivals.at(work.pop())
        ready = {(s, t) for s, t in waiting if arrivals.bit[t] & bits}
        waiting -= ready
        work += [s for s, _ in ready]
    return bits
