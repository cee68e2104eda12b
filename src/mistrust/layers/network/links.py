"""Any flow as what policies are asked about: between workloads, among the pods of one, and with addresses outside."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from msgspec import structs

from mistrust.access.flow import Flow
from mistrust.access.ports import point
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.core import Service
from mistrust.kube.meta import Ref
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.doubt import doubtful
from mistrust.layers.network.grants import Connection, Connections, Origin
from mistrust.layers.network.least.regulars import placed
from mistrust.layers.network.usage import Abroad, Names

Link = Connection | Abroad
OWN_NODE: Final = ("reserved:host", "reserved:health")
"""What Hubble calls the node that a pod runs on, which always reaches it."""
_ORDER = (Answer.ALLOWED, Answer.UNKNOWN, Answer.DENIED)


def links(names: Names, flow: Flow) -> tuple[Link, ...]:
    """What a flow uses; empty where an end of it is not known. An address says more than `the Internet`."""
    abroad = tuple(names.abroad(flow))
    if abroad:
        return abroad
    source = names.who(flow.source)
    if not source:
        return ()
    return tuple(Connection(source[0], target, flow.protocol, port) for target, port in names.targets(flow))


def lost(names: Names, flow: Flow) -> bool:
    """Is an end of it not known, so that nobody can say what it uses?"""
    targets = any(names.targets(flow))
    if targets and (names.at_node(flow.source) or flow.source.workload in OWN_NODE):
        return False
    return names.who(flow.source) == () or (not targets and names.who(flow.destination) == ())


class Links:
    """Which links the policies of one snapshot do not surely deny."""

    def __init__(self, connections: Connections) -> None:
        self._set = connections
        self._known: dict[Link, Verdict] = {}

    def __contains__(self, access: Link, /) -> bool:
        if isinstance(access, Connection) and access.source != access.destination:
            return access in self._set
        return self.decide(access).answer is not Answer.DENIED

    def decide(self, access: Link, /) -> Verdict:
        """May it be opened? Asked for pods that policies tell apart; one that may is enough."""
        if isinstance(access, Connection) and access.source != access.destination:
            return self._set.decide(access)
        if access not in self._known:
            found = sorted(self.verdicts(access), key=lambda verdict: _ORDER.index(verdict.answer))
            self._known[access] = found[0] if found else Verdict(Answer.DENIED, "it has no pod that runs")
        return self._known[access]

    def unsure(self, access: Link) -> bool:
        """May it be denied although it is in the set?"""
        if isinstance(access, Connection) and access.source != access.destination:
            return access in self._doubtful
        return self.decide(access).answer is Answer.UNKNOWN

    @cached_property
    def _doubtful(self) -> Connections:
        return doubtful(self._set)

    def verdicts(self, access: Link, *, enforced: bool = False) -> Iterator[Verdict]:
        """What is said of each pair of pods that policies tell apart; `enforced`: by a plugin that asks them."""
        for origin in self._set.origins:
            profile = next((p for p in origin.ground.profiles if p.enforces), None) if enforced else None
            if isinstance(access, Abroad):
                pairs = self._abroad(origin, access)
            else:
                pairs = self._between(origin, access)
            for source, destination, at in pairs:
                yield decide(origin.ground, source, destination, at, profile)
            service = _service(origin, access.address) if isinstance(access, Abroad) and not access.inward else None
            if service is not None and not any(_behind(origin, service, access)):
                why = f"where {service.ref} leads is not shown (EndpointSlice)"
                yield Verdict(Answer.UNKNOWN, why, failed=(why,))

    def _abroad(self, origin: Origin, access: Abroad) -> Iterator[tuple[Party, Party, int]]:
        service = _service(origin, access.address) if not access.inward else None
        others = _behind(origin, service, access)  # what is sent to a Service is judged by where it leads
        for address, at in others if service is not None else [(access.address, point(access.protocol, access.port))]:
            other = origin.ground.at(address)
            for own in _pods(origin, access.workload):
                yield (other, own, at) if access.inward else (own, other, at)

    def _between(self, origin: Origin, access: Connection) -> Iterator[tuple[Party, Party, int]]:
        """Pods of two workloads, or two of one: a pod and itself would always be allowed."""
        for source in _pods(origin, access.source) if access.source is not None else ():
            for other in _pods(origin, access.destination):
                assert other.endpoint is not None
                twin = structs.replace(other, endpoint=structs.replace(other.endpoint))
                yield source, twin, point(access.protocol, access.port)


def _behind(origin: Origin, service: Service | None, access: Link) -> list[tuple[str, int]]:
    at = point(access.protocol, access.port)
    return list(placed(origin.snapshot, service, at)) if service is not None else []


def _pods(origin: Origin, workload: Ref) -> Iterator[Party]:
    """One pod of each class."""
    apart = {origin.reach.class_of[i]: i for i in reversed(origin.pods.get(workload, ()))}
    yield from (origin.ground.pod(origin.reach.endpoints[i]) for i in apart.values())


def _service(origin: Origin, address: str) -> Service | None:
    found = (s for s in origin.snapshot.of(Service) if place(s.spec.cluster_ip) is not None)
    return next((s for s in found if s.spec.cluster_ip == address), None)
