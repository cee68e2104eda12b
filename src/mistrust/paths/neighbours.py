"""From pod to pod over the network: whoever runs code in one sends to the others what breaks their programs.

Never pods times pods: the pods of one class send alike, the workloads that the same classes may reach are behind one
node, and the classes before such a node are taken together where several nodes share them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_

import msgspec

from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.reach import Part
from mistrust.paths.graph import Key, Reason, Sketch
from mistrust.paths.inventory import Inventory, is_control_plane
from mistrust.paths.legs import classes_of, positions
from mistrust.paths.network import Network

SENDS = "sends"
"""A crowd: pods that send alike."""
CROWDS = "crowds"
"""Several crowds that are next to each other, of which some are meant."""
HEARS = "hears"
"""Before the workloads that the same pods may reach."""
BESIDE = "beside"
"""The same for those on one node, of which one shares its network: no policy keeps a node and its pods apart."""
NEIGHBOUR = "neighbour"

COST = 3.0
"""More than any door: of two programs in a row each must have a flaw."""
FLAW = "the program that answers there has a flaw that runs code"
TOGETHER = 64
"""Crowds that are taken together."""


class Neighbours(msgspec.Struct, frozen=True):
    """Who may send to whom, in the numbers of the inventory."""

    net: Network
    classes: list[frozenset[int]]
    """Of each workload's pods."""
    listening: dict[int, frozenset[int]]
    """The points at which a workload is known to answer, workloads in their order."""
    nodes: dict[int, frozenset[str]]
    """Where a workload's pods run; the empty name for one of which nobody knows."""
    pods: dict[int, list[int]]
    """A workload's pods, as indexes of endpoints."""
    plaintext: frozenset[int] | None = None
    """Those at an end of a connection in plaintext; None: nobody knows."""

    def between(self, source: int, target: int) -> tuple[int, ...]:
        """The known points of a workload that another may send to."""
        rows = self.net.rows
        look = rows.row if self.meet(source, target) else rows.row_apart
        parts = [part for c in self.classes[target] for part in look(c)]
        ports = self.listening.get(target, frozenset())
        own = self.classes[source]
        return tuple(
            sorted(at for at in ports if any(at in p.ports and any(c in p.sources for c in own) for p in parts))
        )

    def meet(self, one: int, other: int) -> bool:
        """Is there, or may there be, a node on which both run?"""
        a, b = self.nodes.get(one, frozenset()), self.nodes.get(other, frozenset())
        return "" in a or "" in b or not a.isdisjoint(b)


def neighbours(inv: Inventory, net: Network) -> Neighbours:
    """The neighbourhood of an inventory's workloads."""
    at = positions(inv.snapshot, inv.workloads)
    listening = {at[w]: ports for w, ports in net.listening.items() if at[w] >= 0}
    nodes: dict[int, set[str]] = {}
    pods: dict[int, list[int]] = {}
    for n, e in enumerate(net.ends):
        nodes.setdefault(at[e.workload], set()).add(e.node)
        pods.setdefault(at[e.workload], []).append(n)
    return Neighbours(
        net,
        classes_of(inv.snapshot, inv.workloads, net),
        dict(sorted(listening.items())),
        {i: frozenset(names) for i, names in nodes.items() if i >= 0},
        pods,
        None if net.plaintext is None else frozenset(at[w] for w in net.plaintext if at[w] >= 0),
    )


def draw_neighbours(sketch: Sketch, inv: Inventory, near: Neighbours) -> None:
    """Every workload that is known to answer, behind those that may send to it."""
    alike = sketch.why(Reason(SENDS))
    why = sketch.why(Reason(NEIGHBOUR, hops=1, cost=COST, assumes=FLAW))
    crowds = Crowds(inv, near)
    for i, own in enumerate(crowds.of):
        for crowd in own:
            sketch.edge(sketch.node("pod", i), sketch.node(SENDS, crowd), alike)
    heard: dict[int, int] = {}
    beside: dict[frozenset[int], int] = {}
    for i in near.listening:
        if is_control_plane(inv.workloads[i]):  # everybody speaks to the API server; a flaw of it is the cluster's
            continue
        sources = crowds.sending_to(i)
        if sources and sources not in heard:
            heard[sources] = node = sketch.node(HEARS, i)
            for key in crowds.apart(sources):
                known = key in sketch.ids
                source = sketch.node(*key)
                for crowd in () if known else crowds.within(key):
                    sketch.edge(sketch.node(SENDS, crowd), source, alike)
                sketch.edge(source, node, alike)
        others = crowds.beside(i)
        if others and others not in beside:
            beside[others] = node = sketch.node(BESIDE, i)
            for other in sorted(others):
                sketch.edge(sketch.node("pod", other), node, alike)
        for found in ([heard[sources]] if sources else []) + ([beside[others]] if others else []):
            sketch.edge(found, sketch.node("pod", i), why)


class Crowds:
    """Workloads whose pods are of the same classes, numbered so that the order of the objects does not matter.

    Sets of crowds are bits of an integer.
    """

    def __init__(self, inv: Inventory, near: Neighbours) -> None:
        self.near, self.rows = near, near.net.rows
        members: dict[int, list[int]] = {}
        for i, own in enumerate(near.classes):
            for c in own:
                members.setdefault(c, []).append(i)
        alike = {c: tuple(several) for c, several in members.items()}
        number = {several: n for n, several in enumerate(sorted(set(alike.values())))}
        self._of_class = {c: number[several] for c, several in alike.items()}
        self.of = [sorted({self._of_class[c] for c in own}) for own in near.classes]
        """The crowds of each workload."""
        self._members = members
        self._known: dict[Classes, int] = {}
        free = not self.rows.profile.host_network_selectable
        hosts = (i for i, w in enumerate(inv.workloads) if free and w.spec.host_network and near.classes[i])
        self._hosts = frozenset(hosts)
        """Those on the network of their nodes, where that sets them free of policies."""
        self._on: dict[str, set[int]] = {}
        for h in self._hosts:
            for node in near.nodes[h]:
                self._on.setdefault(node, set()).add(h)
        self._beside: dict[frozenset[str], frozenset[int]] = {}

    def sending_to(self, i: int) -> int:
        """The crowds that may send to a workload, wherever they run."""
        return self._crowds(self._sources(i, self.rows.row_apart))

    def beside(self, i: int) -> frozenset[int]:
        """The workloads that may send to it from its own node, whatever a policy says: a node, and from pods to it."""
        if not self._hosts:
            return frozenset()
        if i not in self._hosts:
            nodes = self.near.nodes[i]
            if nodes not in self._beside:
                here = frozenset[int]().union(*(self._on.get(n, ()) for n in (*nodes, "")))
                self._beside[nodes] = self._hosts if "" in nodes else here
            return self._beside[nodes]
        only = self._sources(i, self.rows.row) - self._sources(i, self.rows.row_apart)
        return frozenset(w for c in only for w in self._members.get(c, ()) if self.near.meet(w, i))

    def _sources(self, i: int, look: Callable[[int], Sequence[Part]]) -> Classes:
        ports = self.near.listening[i]
        parts = (part for c in self.near.classes[i] for part in look(c))
        return reduce(or_, (p.sources for p in parts if any(at in p.ports for at in ports)), Classes.of(()))

    def within(self, key: Key) -> Iterator[int]:
        """The crowds that a node of several stands for."""
        return _members(int(key[2]), int(key[1])) if key[0] == CROWDS else iter(())

    def apart(self, crowds: int) -> Iterator[Key]:
        """Keys of nodes that stand for some crowds together: a crowd alone, or some of those next to each other."""
        mask, base = (1 << TOGETHER) - 1, 0
        while crowds:
            word = crowds & mask
            if word & (word - 1):
                yield CROWDS, base, word
            elif word:
                yield SENDS, base + word.bit_length() - 1
            crowds >>= TOGETHER
            base += TOGETHER

    def _crowds(self, classes: Classes) -> int:
        """The crowds of some classes."""
        found = self._known.get(classes)
        if found is None:
            found = self._known[classes] = packed(n for c in classes if (n := self._of_class.get(c)) is not None)
        return found


def packed(numbers: Iterable[int]) -> int:
    """Numbers as the bits of an integer."""
    held = set(numbers)
    digits = bytearray(max(held, default=0) // 8 + 1)
    for n in held:
        digits[n // 8] |= 1 << n % 8
    return int.from_bytes(digits, "little")


def _members(word: int, base: int) -> Iterator[int]:
    """The numbers of the bits that are set, counted from `base`."""
    while word:
        low = word & -word
        yield base + low.bit_length() - 1
        word ^= low
