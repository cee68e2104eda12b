"""What of the allowed connections is used: observed flows, told by workload."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import structs

from mistrust.access.flow import Flow, Peer
from mistrust.access.ports import point
from mistrust.access.record import Coverage, Record, Tally
from mistrust.kube.core import Node, Service
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import place
from mistrust.layers.network.exposure.behind import Behind
from mistrust.layers.network.exposure.outside import INTERNET, common, spans_of
from mistrust.layers.network.grants import Connection, Connections

MADE: Final = tuple(
    re.compile(pattern) for pattern in (r"(.+)-[bcdf0-9][a-z0-9]{4,9}-[a-z0-9]{5}", r"(.+)-[a-z0-9]{5}", r"(.+)-\d+")
)
"""How controllers name pods: k8s.io/apiserver/pkg/storage/names (five characters after a dash), the hash of a
ReplicaSet before it, the ordinal of a StatefulSet."""


class Abroad(msgspec.Struct, frozen=True, order=True, gc=False):
    """A workload and an address that is no pod's: of a node, or outside the cluster."""

    workload: Ref
    inward: bool
    """Did the address open the connection?"""
    address: str
    protocol: str
    port: int
    """Of whoever answered."""
    name: str = ""
    """The DNS name it was called by."""

    def __str__(self) -> str:
        ends = (self.address, str(self.workload)) if self.inward else (str(self.workload), self.address)
        return f"{' -> '.join(ends)} {self.protocol} {self.port}"


class Usage(msgspec.Struct, frozen=True):
    """The used part of the allowed connections."""

    granted: Connections
    """With every port at which a flow showed that a workload answers."""
    seen: Mapping[Connection, Tally]
    """Every observed connection to a workload from another one or from the Internet, allowed or not."""
    outside: Mapping[tuple[Ref, str, int], Tally]
    """What workloads opened outside the cluster: protocol and port, by workload."""
    unresolved: Mapping[Flow, Tally]
    """Flows of which an end is not in the snapshot."""
    coverage: Coverage
    abroad: Mapping[Abroad, Tally] = {}
    """Every flow that has a workload at one end and an address that is no pod's at the other. A node that asks
    a pod of its own is left out: it always may."""
    within: Mapping[Connection, Tally] = {}
    """Between the pods of one workload; in `granted` these are no connections."""

    def count(self) -> int:
        """How many granted connections were used, in the units of `Connections.count`."""
        return sum(connection in self.granted for connection in self.seen)

    def beyond(self) -> Iterator[Connection]:
        """Connections that were seen although the policies deny them: the policies came later, or do not hold."""
        return (c for c in self.seen if c not in self.granted)


def used(granted: Connections, record: Record[Flow], snapshot: Snapshot) -> Usage:
    """Tell the flows of a record by the workloads of a snapshot."""
    known = Names(snapshot)
    seen: dict[Connection, Tally] = {}
    within: dict[Connection, Tally] = {}
    outside: dict[tuple[Ref, str, int], Tally] = {}
    abroad: dict[Abroad, Tally] = {}
    unresolved: dict[Flow, Tally] = {}
    for flow, tally in record.uses.items():
        for each in known.abroad(flow):
            _add(abroad, each, tally)
        source, targets = known.who(flow.source), tuple(known.targets(flow))
        if source == () or (not targets and known.who(flow.destination) == ()):
            if not (known.at_node(flow.source) and targets) and not (source and known.at_node(flow.destination)):
                unresolved[flow] = tally
            continue
        for target, port in targets if source or known.stranger(flow.source) else ():
            connection = Connection(source[0] if source else None, target, flow.protocol, port)
            _add(within if connection.source == target else seen, connection, tally)
        if not targets and source:
            _add(outside, (source[0], flow.protocol, flow.port), tally)
    return Usage(_answering(granted, seen), seen, outside, unresolved, record.coverage, abroad, within)


K = TypeVar("K")


def _add(found: dict[K, Tally], key: K, tally: Tally) -> None:
    found[key] = found[key] + tally if key in found else tally


def _answering(granted: Connections, seen: Iterable[Connection]) -> Connections:
    """Where a flow arrived, somebody answers."""
    answers = {ref: set(points) for ref, points in granted.answers.items()}
    for c in seen:
        answers.setdefault(c.destination, set()).add(point(c.protocol, c.port))
    return structs.replace(granted, answers={ref: tuple(sorted(points)) for ref, points in answers.items()})


Who = tuple[Ref, ...] | None
"""A workload; None for somebody outside; nothing where it is not known."""


class Names:
    """Answers which workload a peer is."""

    def __init__(self, snapshot: Snapshot) -> None:
        ends = endpoints(snapshot)
        self._behind = Behind(snapshot, ends)
        self._ends = ends
        self._refs = [w.ref for w in snapshot.workloads]
        self._pods: dict[tuple[str, str], Ref] = {}
        self._addresses: dict[str, Ref] = {}
        for e in ends:
            self._pods.setdefault((e.namespace, e.name), self._refs[e.workload])
            if not e.host_network:
                self._addresses.update(dict.fromkeys(e.addresses, self._refs[e.workload]))
        self._workloads: dict[tuple[str, str], Ref] = {}
        for ref in self._refs:
            self._workloads.setdefault((ref.namespace, ref.name), ref)
        self._nodes = {a.address: n.name for n in snapshot.of(Node) for a in n.status.addresses}
        self._ranges = spans_of(c for n in snapshot.of(Node) for c in n.spec.pod_cidrs)
        """Of pods: an address in them that none has now was one's that is gone."""
        self._hosts = {(e.namespace, e.name): e.node for e in ends if e.node}
        self._hosts.update({("", a): e.node for e in ends if e.node and not e.host_network for a in e.addresses})
        self._services = {s.spec.cluster_ip: s for s in snapshot.of(Service) if place(s.spec.cluster_ip) is not None}

    def who(self, peer: Peer) -> Who:
        """The workload of a peer."""
        if peer.pod:
            found = self._pods.get((peer.namespace, peer.pod)) or self._made(peer.namespace, peer.pod)
            if found is not None:
                return (found,)
        if peer.workload and (peer.namespace, peer.workload) in self._workloads:
            return (self._workloads[peer.namespace, peer.workload],)
        if peer.address in self._addresses:
            return (self._addresses[peer.address],)
        at = place(peer.address)
        if peer.pod or peer.workload or peer.namespace or peer.address in self._nodes or at is None:
            return ()
        return () if common([(at, at + 1)], self._ranges) else None

    def targets(self, flow: Flow) -> Iterator[tuple[Ref, int]]:
        """The workloads behind the destination, each with the port of its container."""
        service = self._service(flow)
        if service is None:
            for ref in self.who(flow.destination) or ():
                yield ref, flow.port
            return
        found: dict[tuple[Ref, int], None] = {}
        if service.spec.cluster_ip == "None":  # its name is the names of its pods
            found = {(self._refs[self._ends[i].workload], flow.port): None for i in self._behind.pods(service)}
        for port in service.spec.ports if not found else ():
            if (port.protocol, port.port) == (flow.protocol, flow.port):
                for i, number in self._behind.targets(service, port):
                    found[self._refs[self._ends[i].workload], number] = None
        yield from found

    def stranger(self, peer: Peer) -> bool:
        """Is its address one of the Internet?"""
        at = place(peer.address)
        return at is not None and bool(common([(at, at + 1)], INTERNET))

    def at_node(self, peer: Peer) -> bool:
        """Is it a node, as far as its address tells?"""
        return not (peer.pod or peer.workload) and peer.address in self._nodes

    def abroad(self, flow: Flow) -> Iterator[Abroad]:
        """The flow, once for each workload at its one end, if the other is no pod."""
        source, destination = flow.source, flow.destination
        if self.at_node(source) or (place(source.address) is not None and self.who(source) is None):
            node = self._nodes.get(source.address)
            hosts = (
                self._hosts.get((destination.namespace, destination.pod)),
                self._hosts.get(("", destination.address)),
            )
            if node is None or node not in hosts:
                for target, port in self.targets(flow):
                    yield Abroad(target, True, source.address, flow.protocol, port)
            return
        found, beyond = self.who(source), self.at_node(destination) or self.who(destination) is None
        if found and beyond and place(destination.address) is not None and not any(self.targets(flow)):
            yield Abroad(found[0], False, destination.address, flow.protocol, flow.port, destination.name)

    def _service(self, flow: Flow) -> Service | None:
        """The Service that was called: by its address, or by its DNS name where that is all that is known.

        Names are those of github.com/kubernetes/dns/blob/master/docs/specification.md, in full or as pods shorten them.
        """
        to = flow.destination
        if to.pod or to.workload:
            return None
        if to.address:
            return self._services.get(to.address)
        name, _, rest = to.name.lower().rstrip(".").partition(".")
        namespace, _, rest = rest.partition(".")
        if rest and rest.split(".")[0] != "svc":
            return None
        return self._behind.services.get((namespace or flow.source.namespace, name))

    def _made(self, namespace: str, pod: str) -> Ref | None:
        """The workload whose controller gives pods such names."""
        for pattern in MADE:
            match = pattern.fullmatch(pod)
            if match and (namespace, match[1]) in self._workloads:
                return self._workloads[namespace, match[1]]
        return None
