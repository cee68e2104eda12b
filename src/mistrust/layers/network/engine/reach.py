"""Who may open a connection to whom, on which ports: exactly, for all pairs at once.

Endpoints that every policy treats alike are one class, external addresses that every policy treats alike are one
block; a row says, for one destination class, which classes may come in on which ports. Where it is unknown whether a
policy matches (a promised pod has no address yet that an ipBlock could match, a policy is malformed, domain names),
both outcomes are followed: `row` holds everything that is not surely denied, `unsure` what of it may be denied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from mistrust.access.ports import EVERY_PORT, NO_PORT, Ports
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.network.addresses import Block, place
from mistrust.layers.network.engine.bits import Classes, has
from mistrust.layers.network.engine.cluster import Cluster, Question, Ties
from mistrust.layers.network.engine.events import with_pod, with_policy, without_pod, without_policy
from mistrust.layers.network.engine.solve import Row
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.statements.policies import Policies
from mistrust.layers.network.statements.rules import Chosen, Policy


class Part(msgspec.Struct, frozen=True, gc=False):
    """Ports, and who may open them."""

    ports: Ports
    sources: Classes


def reach(
    endpoints: Iterable[Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
    policies: Policies,
    profile: Profile = UPSTREAM,
    *,
    apart: Sequence[int] | None = None,
    nodes: Sequence[Node] = (),
    cuts: Iterable[int] = (),
    addresses: Iterable[str] = (),
    ties: Ties = "forward",
    seen: Collection[str] | None = None,
    spare: int = 0,
) -> Reach:
    """Reachability of all pairs.

    `apart` has one number for each endpoint: endpoints with different numbers never share a class. No part of a row
    reaches over one of `cuts`, which are points on the line of ports; no block reaches over the edge of one of
    `addresses`, which are CIDRs. None of the three changes an answer. `ties` orders cluster-wide policies of one
    priority. Of a namespace that is not among `seen` only the name is known; None: all are known.

    With `spare` ids for classes to come, classes are kept finer, and `with_pod` and the others are cheap from the first
    on; without, from the second on. Ids that no class has yet, or whose members are gone, may be among the sources.
    """
    question = Question(
        tuple(endpoints),
        namespaces,
        policies,
        profile,
        tuple(apart) if apart is not None else (),
        tuple(nodes),
        tuple(sorted(set(cuts))),
        tuple(addresses),
        ties,
        None if seen is None else frozenset(seen),
        spare,
    )
    return Reach(Cluster(question))


class Reach:
    """All pairs; rows are shared by the classes that have them in common."""

    def __init__(self, cluster: Cluster, parts: Mapping[int, tuple[Row, tuple[Part, ...]]] = {}) -> None:
        question = self._question = cluster.question
        self._cluster = cluster
        self.profile = question.profile
        self.endpoints: Sequence[Endpoint] = question.endpoints
        self.class_of: Sequence[int] = cluster.class_of
        """Endpoint -> class."""
        self.classes: int = cluster.may.selection.base
        """How many classes of pods there are; the class of block b is `classes + b`."""
        self.blocks: tuple[Block, ...] = cluster.blocks
        self._members: list[list[int]] = []
        rows = cluster.may.known.values() if parts else ()
        self._parts = {id(row): parts[id(row)] for row in rows if id(row) in parts}
        self._ports: dict[int, Ports] = {}

    def members(self, cls: int) -> Sequence[int]:
        """The endpoints of a class; none for a block."""
        if not self._members:
            self._members = [[] for _ in range(self.classes)]
            for i, c in enumerate(self.class_of):
                self._members[c].append(i)
        return self._members[cls] if cls < self.classes else ()

    def row(self, destination: int) -> tuple[Part, ...]:
        """Who may open what to a class, where it is not surely denied: disjoint port sets, in order."""
        return self._told(self._cluster.row(destination))

    def row_apart(self, destination: int) -> tuple[Part, ...]:
        """The part of `row` that does not rest on being on one node, where a node and its pods reach each other."""
        return self._told(self._cluster.may.row_between(destination, self._cluster.selection.space.none))

    def sure(self, destination: int) -> tuple[Part, ...]:
        """Who surely may open what to a class."""
        return self._told(self._cluster.row(destination, sure=True))

    def unsure(self, destination: int) -> tuple[Part, ...]:
        """The part of `row` that may be denied as well: it depends on what is not known here.

        Unknown are the address of a pod that only a template promises, which of its addresses a pod uses, what a
        malformed policy does, who has a domain name, and which pods share a node (`between` knows).
        """
        left: list[tuple[Ports, Classes]] = []
        surely = self.sure(destination)
        for part in self.row(destination):
            ports = part.ports
            for sure in surely:
                if both := ports & sure.ports:
                    left.append((both, part.sources - sure.sources))
                    ports = ports - both
            left.append((ports, part.sources))
        return tuple(Part(ports, sources) for ports, sources in left if ports and sources)

    def _told(self, row: Row) -> tuple[Part, ...]:
        found = self._parts.get(id(row))
        if found is None:
            parts = [Part(piece, Classes(bits)) for bits, mask in row if bits for piece in self._pieces(mask)]
            found = self._parts[id(row)] = row, tuple(sorted(parts, key=lambda p: p.ports.ranges))
        return found[1]

    def _pieces(self, mask: int) -> Iterator[Ports]:
        ports = self._ports.get(mask)
        if ports is None:
            ports = self._ports[mask] = self._cluster.told(mask)
        if not self._question.cuts:
            yield ports
            return
        for low, high in pairwise((0, *self._question.cuts, EVERY_PORT.ranges[-1][1])):
            if piece := ports & Ports.of(((low, high),)):
                yield piece

    def ports(self, source: int, destination: int) -> Ports:
        """The ports that a class may open to a class, where it is not surely denied."""
        return _union(p.ports for p in self.row(destination) if source in p.sources)

    def unsure_ports(self, source: int, destination: int) -> Ports:
        """Those of `ports` that may be denied as well."""
        return _union(p.ports for p in self.unsure(destination) if source in p.sources)

    def between(self, source: int, destination: int) -> Ports:
        """The ports that an endpoint may open to an endpoint, where it is not surely denied.

        A pod always reaches itself, and a node and its own pods each other.
        """
        a, b = self.endpoints[source], self.endpoints[destination]
        if source == destination:
            return EVERY_PORT
        if a.node and b.node and a.node != b.node:
            return self._apart(self.class_of[source], self.class_of[destination])
        return self.ports(self.class_of[source], self.class_of[destination])

    def from_node(self, node: str, destination: int) -> Ports:
        """The ports of an endpoint that a node may open: all of its own pods'.

        Raises `KeyError` for a node that was not given.
        """
        known = {n.name: n for n in self._question.nodes}[node]
        if self.endpoints[destination].node == node:
            return EVERY_PORT
        addresses = [a.address for a in known.status.addresses if place(a.address) is not None]
        return _union(self._apart(self.block_of(a), self.class_of[destination]) for a in addresses)

    def _apart(self, source: int, destination: int) -> Ports:
        """The ports from class to class between different nodes."""
        row = self._cluster.may.row_between(destination, self._cluster.selection.space.none)
        return _union(self._cluster.told(mask) for bits, mask in row if has(bits, source))

    def block_of(self, address: str) -> int:
        """The class of an external address. Raises `ValueError` for what is no address."""
        at = place(address)
        if at is None:
            raise ValueError(f"{address!r} is no IP address")
        return self.classes + self._cluster.addresses.at(at)

    def chosen(self, selector: Chosen) -> Classes:
        """The classes of pods that a subject of some policy, or a peer, may choose."""
        return Classes(self._cluster.selection.chosen(selector).may)

    def isolated(self, cls: int) -> tuple[bool, bool]:
        """Does any NetworkPolicy surely limit what comes in to a class, and what goes out of it?"""
        ingress, egress = self._cluster.may.isolated
        return has(ingress.must, cls), has(egress.must, cls)

    def told_apart(self, numbers: Sequence[int]) -> Reach:
        """The same answers, with no class for endpoints of different numbers."""
        return Reach(Cluster(msgspec.structs.replace(self._question, apart=tuple(numbers))))

    def with_pod(self, pod: Endpoint, apart: int = 0) -> Reach:
        """The same cluster with one more endpoint, which comes last."""
        q = self._question
        more = msgspec.structs.replace(q, endpoints=(*q.endpoints, pod), apart=(*q.apart, apart) if q.apart else ())
        return Reach(with_pod(self._cluster, more, pod, apart), self._parts)

    def without_pod(self, index: int) -> Reach:
        """The same cluster without one endpoint; those after it move up."""
        q = self._question
        endpoints, apart = (*q.endpoints[:index], *q.endpoints[index + 1 :]), (*q.apart[:index], *q.apart[index + 1 :])
        less = msgspec.structs.replace(q, endpoints=endpoints, apart=apart)
        return Reach(without_pod(self._cluster, less, index), self._parts)

    def with_policy(self, policy: Policy) -> Reach:
        """The same cluster with one more policy, which comes last."""
        more = self._question.policies.with_policy(policy)
        question = msgspec.structs.replace(self._question, policies=more)
        return Reach(with_policy(self._cluster, question, policy), self._parts)

    def without_policy(self, policy: Policy) -> Reach:
        """The same cluster without one policy. Raises `ValueError` where it is not among the policies."""
        less = self._question.policies.without_policy(policy)
        question = msgspec.structs.replace(self._question, policies=less)
        return Reach(without_policy(self._cluster, question, policy), self._parts)


def _union(sets: Iterable[Ports]) -> Ports:
    found = NO_PORT
    for ports in sets:
        found = found | ports
    return found
