"""What policies leave open between units and addresses, pod by pod: the bounds that a tighter one has to stay in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property

from mistrust.kube.endpoints import Endpoint
from mistrust.kube.separate import Unit
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.party import text
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.exposure.outside import common, joined, spans_in, without
from mistrust.layers.network.grants import Connections, Origin
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.statement import Entity


class Extent(Enum):
    """How many of the pairs of pods may."""

    ALL = "all"
    SOME = "some"
    NONE = "none"
    WORDLESS = "wordless"
    """They may, with a plugin for which no NetworkPolicy can say so: it matches no node by its address."""


NEW = "newcomer"
Place = Unit | Span | Entity
"""Somebody at one end."""


class Permitted:
    """Answers for groups of workloads."""

    def __init__(self, granted: Connections, servers: Iterable[str] = ()) -> None:
        self._origins = granted.origins
        self.servers = frozenset(servers)
        self._sources: dict[tuple[int, int, int], frozenset[int]] = {}
        pods = (e for e in self._origins[0].reach.endpoints if not e.host_network)
        taken = (at for e in pods for a in e.addresses if (at := place(a)) is not None)
        self._taken = joined((at, at + 1) for at in taken)
        hosts = (e.addresses for e in self._origins[0].reach.endpoints if e.host_network)
        own = [a.address for n in self._origins[0].ground.nodes.values() for a in n.status.addresses]
        self.nodes = {place(a) for each in (*hosts, own) for a in each}
        self._machines = {at for a in own if (at := place(a)) is not None}

    def extent(self, source: Place, destination: Place, at: int) -> Extent:
        """May the pods of the source open this port of those of the destination?

        Each plugin that may run is asked on its own, and what one of them lets all pods do counts as allowed: so do
        `Connections`.
        """
        found = wordless = False
        on_node = any(isinstance(end, tuple) and end[0] in self.nodes for end in (source, destination))
        for n, origin in enumerate(self._origins):
            starts = set(self._classes(origin, source))
            held = [starts & self._may(n, d, at) for d in self._classes(origin, destination)]
            if on_node and _names_no_node(origin.reach.profile):
                wordless = wordless or any(held)
                continue
            if starts and held and all(each == starts for each in held):
                return Extent.ALL
            found = found or any(held)
        return Extent.SOME if found else Extent.WORDLESS if wordless else Extent.NONE

    @property
    def enforced(self) -> bool:
        """Does a plugin that may run enforce policies?"""
        return any(p.enforces for p in self._origins[0].ground.profiles)

    def nodes_differ(self, span: Span) -> bool:
        """Is it a node's address, which one of the plugins that may run matches by no policy?"""
        return span[0] in self.nodes and any(map(_names_no_node, self._origins[0].ground.profiles))

    def everybody(self, destination: Unit, at: int) -> bool:
        """May every pod of other workloads open this port?"""
        for n, origin in enumerate(self._origins):
            pods = {c for c, e in zip(origin.reach.class_of, origin.reach.endpoints, strict=True) if not e.host_network}
            classes = list(self._classes(origin, destination))
            pods -= set(classes)
            if classes and all(pods <= self._may(n, d, at) for d in classes):
                return True
        return False

    def newcomer_may(self, namespace: str, asked: Iterable[tuple[Unit, int]]) -> bool:
        """May a pod that comes to a namespace, without a label, open these ports, whatever the plugin?"""
        several = tuple(asked)
        for origin, (reach, places) in zip(self._origins, self._newcomers, strict=True):
            for unit, at in several:
                for d in self._classes(origin, unit):
                    if at not in reach.between(places[namespace], origin.reach.members(d)[0]):
                        return False
        return True

    def newcomer_is_free(self, namespace: str) -> bool:
        """Does no NetworkPolicy isolate a pod that comes to a namespace, without a label?"""
        found = (reach.isolated(reach.class_of[places[namespace]]) for reach, places in self._newcomers)
        return all(isolated == (False, False) for isolated in found)

    @cached_property
    def _newcomers(self) -> Sequence[tuple[Reach, Mapping[str, int]]]:
        """One more pod in every namespace, and its number."""
        out = []
        for origin in self._origins:
            reach, places = origin.reach, dict[str, int]()
            for namespace in sorted({e.namespace for e in reach.endpoints}):
                places[namespace] = len(reach.endpoints)
                reach = reach.with_pod(_newcomer(namespace))
            out.append((reach, places))
        return out

    def outside(self, among: Span, destination: Unit, at: int) -> tuple[Span, ...]:
        """The addresses among these, none of them a pod's, that may open this port of every pod of the destination."""
        found: tuple[Span, ...] = ()
        for n, origin in enumerate(self._origins):
            open_: tuple[Span, ...] = (among,)
            classes = list(self._classes(origin, destination))
            for d in classes:
                may = self._may(n, d, at)
                blocks = (b for i, b in enumerate(origin.reach.blocks, origin.reach.classes) if i in may)
                open_ = common(open_, [s for b in blocks for s in spans_in(b)])
            found = joined((*found, *(open_ if classes else ())))
        return without(found, self._taken)

    def _may(self, origin: int, destination: int, at: int) -> frozenset[int]:
        key = origin, destination, at
        if key not in self._sources:
            parts = self._origins[origin].reach.row_apart(destination)
            self._sources[key] = frozenset(c for p in parts if at in p.ports for c in p.sources)
        return self._sources[key]

    def _classes(self, origin: Origin, end: Place) -> Iterator[int]:
        reach = origin.reach
        if isinstance(end, Unit):
            yield from {reach.class_of[i] for ref in end.workloads for i in origin.pods.get(ref, ())}
        elif isinstance(end, tuple):
            yield reach.block_of(text(end[0]))
        else:
            yield from self._entity(origin, end)

    def _entity(self, origin: Origin, entity: Entity) -> Iterator[int]:
        """Everybody that a rule for an entity is about; where no node or server is shown, anybody may be one."""
        reach, blocks = origin.reach, range(origin.reach.classes, origin.reach.classes + len(origin.reach.blocks))
        hosts = [(c, e) for c, e in zip(reach.class_of, reach.endpoints, strict=True) if e.host_network]
        nodes = {reach.block_of(text(at)) for at in self._machines}
        if entity is Entity.WORLD:
            yield from set(blocks) - nodes
        elif entity is Entity.SERVER and self.servers:
            yield from {reach.block_of(a) for a in self.servers if place(a) is not None}
            yield from {c for c, e in hosts if not self.servers.isdisjoint(e.addresses)}
        else:
            yield from nodes if nodes and entity is Entity.NODES else blocks
            yield from {c for c, _ in hosts}


def _newcomer(namespace: str) -> Endpoint:
    """On a node of its own."""
    return Endpoint(-1, namespace, NEW, {}, {}, (), host_network=False, account="default", node=NEW)


def _names_no_node(profile: Profile) -> bool:
    return profile.enforces and not profile.blocks_match_nodes
