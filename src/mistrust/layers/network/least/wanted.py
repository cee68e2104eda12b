"""The connections that a tighter policy has to keep: those that were used, and those that every cluster needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.access.record import Tally
from mistrust.kube.core import Node, Service
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.party import text
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.exposure.door import Door
from mistrust.layers.network.exposure.outside import INTERNET, common
from mistrust.layers.network.facts.inside import METADATA
from mistrust.layers.network.least.regulars import NODE_LOCAL, Regulars, known, placed
from mistrust.layers.network.statements.statement import Entity
from mistrust.layers.network.usage import Abroad, Usage

End = Ref | Span | Entity
"""A workload of the pods' network, addresses, or somebody that Cilium knows by name."""
DNS: Final = "DNS: nothing works without names, over UDP and, for long answers, over TCP"
NODES: Final = "seen from a node, which may be any: traffic from outside arrives with the address of one"
DOOR: Final = "a door is open to the Internet: who of it may come in stays as it was; used"
RARE: Final = "no run of it was seen: it keeps what it may"
SECRET: Final = "the cloud's metadata, which hands out the credentials of the machine: an identity for the pod is safer"  # noqa: S105


class Wanted(msgspec.Struct, frozen=True):
    """One connection, and what for."""

    source: End | None
    """None: every pod; only with a resolver."""
    destination: End
    at: int
    because: str
    tally: Tally | None = None
    """None where it was not seen, and is needed all the same."""
    name: str = ""
    """What the addresses were called by."""

    def __str__(self) -> str:
        source = "every pod" if self.source is None else told(self.source)
        if self.because == DOOR and isinstance(self.source, tuple):
            source = "the Internet"
        return f"{source} -> {told(self.destination)} {PROTOCOLS[self.at // SPAN]} {self.at % SPAN}"


class Missing(msgspec.Struct, frozen=True):
    """A workload that cannot be limited, because a connection that it needs cannot be written down."""

    workload: Ref
    because: str


def told(end: End) -> str:
    """A workload by name, addresses from first to last."""
    if isinstance(end, Ref | Entity):
        return str(end)
    low, high = end
    first = text(low)
    return first if high == low + 1 else f"{first}-{text(high - 1)}"


class Wants:
    """Says what covered workloads need."""

    def __init__(
        self,
        snapshot: Snapshot,
        ends: Sequence[Endpoint],
        usage: Usage,
        regulars: Regulars,
        doors: Sequence[Door],
        *,
        entities: bool = False,
    ) -> None:
        self._entities = entities
        self._snapshot, self._ends, self._usage, self._regulars = snapshot, ends, usage, regulars
        self._refs = [w.ref for w in snapshot.workloads]
        self._doors = doors
        self._services = {s.spec.cluster_ip: s for s in snapshot.of(Service) if place(s.spec.cluster_ip) is not None}
        self._nodes = tuple(dict.fromkeys(a.address for n in snapshot.of(Node) for a in n.status.addresses))
        self._hosts: dict[Ref, list[str]] = {}
        for e in ends:
            if e.host_network:
                self._hosts.setdefault(self._refs[e.workload], []).extend(e.addresses)
        self._public = {(self._refs[d.workload], d.at) for d in doors if not d.through}

    def every(
        self, covered: Collection[Ref], callers: Collection[Ref], rare: Collection[Ref]
    ) -> Iterator[Wanted | Missing]:
        """Everything that has one of `covered` at an end; `callers` ask the API server, of `rare` nothing is known."""
        for one in (*self._all(covered, callers), *self._unknown(covered, rare)):
            if isinstance(one, Missing):
                yield one
            else:
                yield from self._on_nodes(one)

    def _all(self, covered: Collection[Ref], callers: Collection[Ref]) -> Iterator[Wanted | Missing]:
        for c, tally in (*self._usage.seen.items(), *self._usage.within.items()):
            if c.source is not None:
                yield Wanted(c.source, c.destination, point(c.protocol, c.port), "used", tally)
        for a, tally in self._usage.abroad.items():
            if place(a.address) is not None:
                yield from self._coming(a, tally) if a.inward else self._going(a, tally)
        yield from self._regular(covered, callers)
        for door in self._doors:
            for i in door.through:
                source, target = self._refs[self._ends[i].workload], self._refs[door.workload]
                if source != target:
                    yield Wanted(source, target, door.at, f"{door.how} sends there what comes from outside")

    def _unknown(self, covered: Collection[Ref], rare: Collection[Ref]) -> Iterator[Wanted]:
        """What runs rarely and was not seen keeps what it may, where somebody is known to answer."""
        answers = self._usage.granted.answers
        for source in sorted(rare):
            for ref in sorted(covered):
                yield from (Wanted(source, ref, at, RARE) for at in answers.get(ref, ()))

    def _regular(self, covered: Collection[Ref], callers: Collection[Ref]) -> Iterator[Wanted | Missing]:
        given = self._regulars
        for resolver, at in given.resolvers:
            yield Wanted(None, resolver, at, DNS)
            yield from (Wanted(ref, resolver, at, DNS) for ref in sorted(covered) if ref != resolver)
        if given.node_local:
            for protocol in ("UDP", "TCP"):
                yield from (Wanted(r, _span(NODE_LOCAL), point(protocol, 53), DNS) for r in sorted(covered))
        for ref in sorted(callers):
            if ref in covered and not given.api_server:
                yield Missing(ref, "it asks the API server, whose addresses are not shown (EndpointSlice default)")
            for address, at in given.api_server:
                yield Wanted(ref, _span(address), at, "the API server: the audit log shows its token")
        came = {(a.workload, point(a.protocol, a.port)) for a in self._usage.abroad if a.inward}
        for ref, at, who in given.hooks:
            for address in known(given.api_server):
                yield Wanted(_span(address), ref, at, f"{who}: the API server calls it")
            if not given.api_server and (ref, at) not in came:
                yield Missing(ref, f"the API server calls it for {who}, and its addresses are not shown")
        for ref, target, at in given.control:
            yield Wanted(ref, target, at, "the control plane of its mesh")

    def _coming(self, a: Abroad, tally: Tally) -> Iterator[Wanted]:
        at, span = point(a.protocol, a.port), _span(a.address)
        if a.address in self._nodes:
            yield from (Wanted(_span(n), a.workload, at, NODES, tally) for n in self._nodes if place(n) is not None)
        elif common([span], INTERNET) and (a.workload, at) in self._public:
            yield from (Wanted(each, a.workload, at, DOOR, tally) for each in INTERNET)
        else:
            yield Wanted(span, a.workload, at, "used", tally)

    def _going(self, a: Abroad, tally: Tally) -> Iterator[Wanted | Missing]:
        at, service = point(a.protocol, a.port), self._services.get(a.address)
        if service is None:
            named = f"used as {a.name}: a policy by name (Cilium's toFQDNs) would follow it" if a.name else "used"
            because = SECRET if place(a.address) == METADATA else named
            yield Wanted(a.workload, _span(a.address), at, because, tally, a.name)
            return
        behind = dict.fromkeys(placed(self._snapshot, service, at))
        if (service.namespace, service.name) == ("default", "kubernetes") and not behind:
            behind = dict.fromkeys(self._regulars.api_server)
        if not behind:
            yield Missing(a.workload, f"it asks {service.ref}, and where that leads is not shown (EndpointSlice)")
            return
        for address, number in ((a.address, at), *behind):
            yield Wanted(a.workload, _span(address), number, f"used as {service.ref}", tally)

    def _on_nodes(self, one: Wanted) -> Iterator[Wanted | Missing]:
        """With addresses, or the nodes, for a workload on the network of its nodes, where selectors choose nothing."""
        for near, far in ((one.source, one.destination), (one.destination, one.source)):
            if isinstance(near, Ref) and near in self._hosts:
                found: list[End] = [_span(a) for a in dict.fromkeys(self._hosts[near]) if place(a) is not None]
                if self._entities:
                    found = [Entity.NODES]
                if not found and isinstance(far, Ref):
                    yield Missing(far, f"{near} is on the network of nodes whose addresses are not shown")
                for end in found:
                    source, destination = (end, far) if near is one.source else (far, end)
                    if destination is not None and (isinstance(source, Ref) or isinstance(destination, Ref)):
                        yield from self._on_nodes(Wanted(source, destination, one.at, one.because, one.tally))
                return
        yield one


def _span(address: str) -> Span:
    at = place(address)
    assert at is not None
    return at, at + 1
