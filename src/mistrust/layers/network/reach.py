"""Who may open a connection to whom, on which ports: exactly, for all pairs at once.

Endpoints that every policy treats alike are one class, external addresses that every policy treats alike are one
block; a row says, for one destination class, which classes may come in on which ports. Where it is unknown whether a
policy matches (a promised pod has no address yet that an ipBlock could match, a policy is malformed, domain names),
both outcomes are followed: `row` holds everything that is not surely denied, `unsure` what of it may be denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from mistrust.access.ports import EVERY_PORT, NO_PORT, Ports
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.addresses import Block, place
from mistrust.layers.network.bits import Classes
from mistrust.layers.network.engine import Engine
from mistrust.layers.network.policies import ClusterWide, Policies
from mistrust.layers.network.profile import UPSTREAM, Profile

Ties = Literal["forward", "backward"]
"""Order of cluster-wide policies with one priority, by kind and name; the API leaves it undefined."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """Ports, and who may open them."""

    ports: Ports
    sources: Classes


class Question(msgspec.Struct, frozen=True):
    """Everything that reachability depends on."""

    endpoints: tuple[Endpoint, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    policies: Policies
    profile: Profile = UPSTREAM
    apart: tuple[int, ...] = ()
    nodes: tuple[Node, ...] = ()
    cuts: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    ties: Ties = "forward"


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
) -> Reach:
    """Reachability of all pairs.

    `apart` has one number for each endpoint: endpoints with different numbers never share a class. No part of a row
    reaches over one of `cuts`, which are points on the line of ports; no block reaches over the edge of one of
    `addresses`, which are CIDRs. None of the three changes an answer. `ties` orders cluster-wide policies of one
    priority.
    """
    return Reach(
        Question(
            tuple(endpoints),
            namespaces,
            policies,
            profile,
            tuple(apart) if apart is not None else (),
            tuple(nodes),
            tuple(sorted(set(cuts))),
            tuple(addresses),
            ties,
        )
    )


class Reach:
    """All pairs; rows are shared by the classes that have them in common."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.profile = question.profile
        self.endpoints: Sequence[Endpoint] = question.endpoints
        self._engine = Engine(
            question.endpoints,
            question.namespaces,
            question.policies,
            question.profile,
            apart=question.apart,
            nodes=question.nodes,
            addresses=question.addresses,
            backward=question.ties == "backward",
        )
        self.class_of: Sequence[int] = self._engine.class_of
        """Endpoint -> class."""
        self.classes: int = len(self._engine.keys)
        """How many classes of pods there are; the class of block b is `classes + b`."""
        self.blocks: tuple[Block, ...] = self._engine.blocks
        self._members: list[list[int]] = []
        self._rows: dict[tuple[int, bool], tuple[Part, ...]] = {}

    def members(self, cls: int) -> Sequence[int]:
        """The endpoints of a class; none for a block."""
        if not self._members:
            self._members = [[] for _ in range(self.classes + len(self.blocks))]
            for i, c in enumerate(self.class_of):
                self._members[c].append(i)
        return self._members[cls]

    def row(self, destination: int) -> tuple[Part, ...]:
        """Who may open what to a class, where it is not surely denied: disjoint port sets, in order."""
        return self._row(destination, sure=False)

    def unsure(self, destination: int) -> tuple[Part, ...]:
        """The part of `row` that may be denied as well: nobody can know from what is given."""
        surely = self._row(destination, sure=True)
        left: list[tuple[Ports, Classes]] = []
        for part in self.row(destination):
            ports = part.ports
            for sure in surely:
                if both := ports & sure.ports:
                    left.append((both, part.sources - sure.sources))
                    ports = ports - both
            left.append((ports, part.sources))
        return tuple(Part(ports, sources) for ports, sources in left if ports and sources)

    def _row(self, destination: int, *, sure: bool) -> tuple[Part, ...]:
        found = self._rows.get((destination, sure))
        if found is None:
            row = self._engine.row(destination, sure=sure)
            parts = [(piece, Classes(bits)) for bits, ports in row.items() for piece in self._pieces(ports)]
            found = tuple(Part(*p) for p in sorted(parts, key=lambda p: p[0].ranges))
            self._rows[destination, sure] = found
        return found

    def _pieces(self, ports: Ports) -> Iterable[Ports]:
        edges = (0, *self.question.cuts, EVERY_PORT.ranges[-1][1])
        for low, high in pairwise(edges):
            if piece := ports & Ports.of(((low, high),)):
                yield piece

    def ports(self, source: int, destination: int) -> Ports:
        """The ports that a class may open to a class, where it is not surely denied."""
        return _union(p.ports for p in self.row(destination) if source in p.sources)

    def unsure_ports(self, source: int, destination: int) -> Ports:
        """Those of `ports` that may be denied as well."""
        return _union(p.ports for p in self.unsure(destination) if source in p.sources)

    def between(self, source: int, destination: int) -> Ports:
        """The ports that an endpoint may open to an endpoint; a pod always reaches itself, a node its own pods."""
        if source == destination or self._own_node(source, destination):
            return EVERY_PORT
        return self.ports(self.class_of[source], self.class_of[destination])

    def _own_node(self, source: int, destination: int) -> bool:
        a, b = self.endpoints[source], self.endpoints[destination]
        return self._engine.near(a, b)

    def block_of(self, address: str) -> int:
        """The class of an external address. Raises ValueError for what is no address."""
        at = place(address)
        if at is None:
            raise ValueError(f"{address!r} is no IP address")
        return self.classes + next(b for b, block in enumerate(self.blocks) if address in block)

    def isolated(self, cls: int) -> tuple[bool, bool]:
        """Does any policy surely limit what comes in to a class, and what goes out of it?"""
        return self._engine.isolated(cls)

    def with_pod(self, pod: Endpoint, apart: int = 0) -> Reach:
        """The same cluster with one more endpoint, which comes last."""
        q = self.question
        more = (*q.apart, apart) if q.apart else ()
        return Reach(msgspec.structs.replace(q, endpoints=(*q.endpoints, pod), apart=more))

    def without_pod(self, index: int) -> Reach:
        """The same cluster without one endpoint; those after it move up."""
        q = self.question
        apart = q.apart[:index] + q.apart[index + 1 :]
        return Reach(msgspec.structs.replace(q, endpoints=q.endpoints[:index] + q.endpoints[index + 1 :], apart=apart))

    def with_policy(self, policy: NetworkPolicy | ClusterWide) -> Reach:
        """The same cluster with one more policy, which comes last."""
        given = self.question.policies
        if isinstance(policy, NetworkPolicy):
            changed = Policies((*given.network, policy), given.cluster)
        else:
            changed = Policies(given.network, (*given.cluster, policy))
        return Reach(msgspec.structs.replace(self.question, policies=changed))

    def without_policy(self, policy: NetworkPolicy | ClusterWide) -> Reach:
        """The same cluster without one policy, which is in it. Raises ValueError where it is not."""
        given = self.question.policies
        if policy not in (*given.network, *given.cluster):
            raise ValueError(f"{policy.ref} is not among the policies")
        changed = Policies(
            tuple(p for p in given.network if p != policy), tuple(p for p in given.cluster if p != policy)
        )
        return Reach(msgspec.structs.replace(self.question, policies=changed))


def _union(sets: Iterable[Ports]) -> Ports:
    found = NO_PORT
    for ports in sets:
        found = found | ports
    return found
