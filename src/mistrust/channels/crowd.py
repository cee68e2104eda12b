"""Classes of endpoints as sets of workloads: what people count and draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.channels.table import Strand, Table
from mistrust.layers.network.engine.bits import Classes

Crowd = int
"""A set of workloads as bits by index; the bit after the last workload is the Internet."""


class Crowds:
    """Turns sets of classes into sets of workloads, each once.

    `places` says for each workload of the snapshot which bit is its own: copies of one object share one.
    """

    def __init__(self, table: Table, places: Sequence[int]) -> None:
        self.table = table
        self.workloads = max(places, default=-1) + 1
        self.internet: Crowd = 1 << self.workloads
        network = table.reach
        self._of = [0] * network.classes + [self.internet] * len(network.blocks)
        self._classes: list[set[int]] = [set() for _ in range(self.workloads)]
        for endpoint, c in zip(network.endpoints, network.class_of, strict=True):
            place = places[endpoint.workload]
            self._of[c] |= 1 << place
            self._classes[place].add(c)
        self._known: dict[Classes, Crowd] = {}

    def of(self, classes: Classes) -> Crowd:
        """The workloads with a pod in one of the classes."""
        if classes not in self._known:
            crowd = 0
            for c in classes:
                crowd |= self._of[c]
            self._known[classes] = crowd
        return self._known[classes]

    def classes(self, workload: int) -> tuple[int, ...]:
        """The classes of a workload's pods: one, where its pods are alike."""
        return tuple(sorted(self._classes[workload]))

    def rows(self, workload: int) -> tuple[tuple[Strand, ...], ...]:
        """The different rows of its pods."""
        return tuple({self.table.rows[c]: None for c in self.classes(workload)})


def members(crowd: Crowd) -> Iterator[int]:
    """The indexes of the workloads, in order.

    >>> list(members(0b1010))
    [1, 3]
    """
    while crowd:
        low = crowd & -crowd
        yield low.bit_length() - 1
        crowd ^= low


def union(crowds: Sequence[Crowd]) -> Crowd:
    """All of them together."""
    out = 0
    for crowd in crowds:
        out |= crowd
    return out
