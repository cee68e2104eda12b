"""The part of a graph that lies between starts and targets, as a graph of its own."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from mistrust.paths.graph import Graph, Joint
from mistrust.paths.reach import Toward
from mistrust.paths.route import FAR
from mistrust.paths.ways import Ways, onward


class Goal(msgspec.Struct):
    """One target, and the starts that reach it."""

    targets: tuple[int, ...]
    starts: tuple[int, ...]


class Region(msgspec.Struct, frozen=True):
    """A smaller graph with the same ways."""

    ways: Ways
    edge_of: array[int]
    """For each edge its index in the whole graph."""
    goals: tuple[Goal, ...]


def region(ways: Ways, goals: Sequence[tuple[Toward, Sequence[int]]]) -> Region:
    """Cut away what no start reaches and what reaches no target. Nodes keep the order of their keys."""
    graph = ways.graph
    starts = {s for _, several in goals for s in several}
    towards = [t for t, _ in goals]
    kept = onward(ways, starts, lambda n: any(t.far[n] < FAR or n in t.perhaps for t in towards))
    order = sorted(kept, key=lambda n: tuple(map(str, graph.keys[n])))
    number = {n: i for i, n in enumerate(order)}
    edges = [
        (number[n], number[graph.target[e]], ways.rank[graph.reason[e]], e)
        for n in order
        for e in ways.out(n)
        if graph.target[e] in number
    ]
    edges.sort(key=lambda x: x[:3])
    joints = [j for _, j in ways.joints if j.target in number and all(s in number for s in j.sources)]
    moved = [Joint(tuple(sorted(number[s] for s in j.sources)), number[j.target], j.reason) for j in joints]
    small = Graph(
        keys=[graph.keys[n] for n in order],
        ids={graph.keys[n]: i for i, n in enumerate(order)},
        source=array("i", [s for s, _, _, _ in edges]),
        target=array("i", [t for _, t, _, _ in edges]),
        reason=array("i", [graph.reason[e] for _, _, _, e in edges]),
        joints=tuple(sorted(moved, key=lambda j: (j.sources, j.target, ways.rank[j.reason]))),
        reasons=graph.reasons,
    )
    return Region(
        ways=Ways(small),
        edge_of=array("i", [e for _, _, _, e in edges]),
        goals=tuple(
            Goal(
                tuple(sorted(number[n] for n in toward.targets if n in number)),
                tuple(sorted(number[s] for s in several)),
            )
            for toward, several in goals
        ),
    )
