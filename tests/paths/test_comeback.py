"""Who gets where over edges, for many at once: held to walking, one origin and one edge after the other."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mistrust.paths.comeback import Arrivals, coming_back
from mistrust.paths.graph import Graph, Reason
from mistrust.paths.ways import Ways, onward

NODES = 9
pairs = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=24)


def ways(edges: list[tuple[int, int]], cut: list[int]) -> Ways:
    source, target = (array("i", [e[end] for e in edges]) for end in (0, 1))
    keys = [(n,) for n in range(NODES)]
    graph = Graph(
        keys, {k: n for n, k in enumerate(keys)}, source, target, array("i", [0] * len(edges)), (), (Reason(""),)
    )
    return Ways(graph, cut)


@given(pairs, st.sets(st.integers(0, 23)), st.lists(st.integers(0, NODES - 1), max_size=4))
def test_arrivals_are_those_that_walk_there(edges: list[tuple[int, int]], cut: set[int], origins: list[int]) -> None:
    on = ways(edges, [e for e in cut if e < len(edges)])
    arrivals = Arrivals(on, origins)
    for origin in origins:
        there = onward(on, [origin])
        assert {n for n in range(NODES) if arrivals.at(n) & arrivals.bit[origin]} == there


@given(pairs, st.sets(st.integers(0, 23), max_size=6), st.sets(st.integers(0, 5)), st.integers(0, NODES - 1))
def test_edges_that_come_back_lead_as_if_they_had_not_been_cut(
    edges: list[tuple[int, int]], cut: set[int], some: set[int], end: int
) -> None:
    gone = sorted(e for e in cut if e < len(edges))
    back = [e for i, e in enumerate(gone) if i in some]
    arrivals = Arrivals(ways(edges, gone), [*range(NODES)])
    bits = coming_back(arrivals, [edges[e] for e in back], [end])
    wider = ways(edges, [e for e in gone if e not in back])
    assert {n for n in range(NODES) if arrivals.bit[n] & bits} == {n for n in range(NODES) if end in onward(wider, [n])}
