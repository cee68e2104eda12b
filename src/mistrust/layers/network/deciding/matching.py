"""Does a subject, a peer or a port of a rule speak of this connection?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mistrust.access.match import Match, all_of, any_of
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import (
    AdminPeer,
    AdminPort,
    AdminSubject,
    NamespacedPods,
    PolicyPeer,
    PolicyPort,
    ProtocolMatch,
)
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.layers.network.deciding.party import Direction, Flow, in_blocks, in_namespaces
from mistrust.layers.network.profile import Profile


def strange(peer: AdminPeer, direction: Direction) -> bool:
    """Is it a peer of a sort that nobody knows here? Nodes, networks and names are peers of egress alone.

    Then a rule fails closed: one that accepts matches nothing, any other denies everything.
    """
    if peer.namespaces is not None or peer.pods is not None:
        return False
    outside = (peer.nodes, peer.networks, peer.domain_names)
    return direction == "ingress" or all(part is None for part in outside)


class Matching(msgspec.Struct, frozen=True):
    """What the rules of one direction are held against."""

    flow: Flow
    direction: Direction
    profile: Profile
    namespaces: Mapping[str, Mapping[str, str]]
    """Labels by name."""
    seen: frozenset[str]
    """The namespaces whose labels are known."""

    def subject(self, subject: AdminSubject, pod: Endpoint) -> Match:
        """Is a cluster-wide policy about this pod?"""
        if subject.namespaces is not None:
            return self._namespace(subject.namespaces, pod)
        return subject.pods is not None and self._pods(subject.pods, pod)

    def peers(self, peers: Sequence[PolicyPeer], home: str) -> Match:
        """Is the other side one of the peers that a NetworkPolicy of `home` names? Without peers it is."""
        return not peers or any_of(self._peer(p, home) for p in peers)

    def _peer(self, peer: PolicyPeer, home: str) -> Match:
        _, other, address = self.flow.sides(self.direction)
        if peer.ip_block is not None:
            return in_blocks([(peer.ip_block.cidr, peer.ip_block.excluded)], other, address, self.profile)
        pod = other.pod(self.profile)
        if pod is None or (peer.pod_selector is None and peer.namespace_selector is None):
            return False
        if peer.pod_selector is not None and not matches(peer.pod_selector, pod.labels):
            return False
        if peer.namespace_selector is None:
            return pod.namespace == home
        return self._namespace(peer.namespace_selector, pod)

    def admin_peer(self, peer: AdminPeer) -> Match:
        """Is the other side this peer of a cluster-wide policy?"""
        _, other, address = self.flow.sides(self.direction)
        pod = other.pod(self.profile)
        if peer.networks is not None:
            return in_blocks([(cidr, ()) for cidr in peer.networks], other, address, self.profile)
        if peer.nodes is not None:
            if pod is not None or (other.endpoint is None and other.node is None):
                return False
            if other.node is None:
                return f"the node of {other} was not seen"
            return matches(peer.nodes, other.node.metadata.labels)
        if peer.domain_names is not None:
            if other.endpoint is not None or other.node is not None:
                return False
            return f"whether {other} is an address of {', '.join(peer.domain_names)} is not known"
        if pod is None:
            return False
        if peer.namespaces is not None:
            return self._namespace(peer.namespaces, pod)
        return peer.pods is not None and self._pods(peer.pods, pod)

    def _pods(self, wanted: NamespacedPods, pod: Endpoint) -> Match:
        chosen = matches(wanted.pod_selector, pod.labels)
        return all_of((chosen, self._namespace(wanted.namespace_selector, pod)))

    def _namespace(self, selector: LabelSelector, pod: Endpoint) -> Match:
        return in_namespaces(selector, self.namespaces.get(pod.namespace, {}), pod.namespace in self.seen)

    def ports(self, ports: Sequence[PolicyPort]) -> bool:
        """Is the port one of those that a rule of a NetworkPolicy names? Without ports it is."""
        return not ports or any(map(self._port, ports))

    def _port(self, wanted: PolicyPort) -> bool:
        if wanted.protocol != self.flow.protocol:
            return False
        match wanted.port:
            case None:
                return True
            case str(name):
                return self.named(name)
            case int(number):
                return number <= self.flow.port <= (wanted.end_port or number)

    def admin_ports(self, ports: Sequence[AdminPort] | None) -> bool:
        """The same of v1alpha1."""
        return ports is None or any(map(self._admin_port, ports))

    def _admin_port(self, wanted: AdminPort) -> bool:
        one, span = wanted.port_number, wanted.port_range
        if one is not None:
            return one.protocol == self.flow.protocol and one.port == self.flow.port
        if span is not None:
            return span.protocol == self.flow.protocol and span.start <= self.flow.port <= span.end
        return wanted.named_port is not None and self.named(wanted.named_port)

    def protocols(self, protocols: Sequence[ProtocolMatch] | None) -> bool:
        """The same of v1alpha2."""
        return protocols is None or any(map(self._protocol, protocols))

    def _protocol(self, wanted: ProtocolMatch) -> bool:
        if wanted.destination_named_port is not None:
            return self.named(wanted.destination_named_port)
        ports = {"TCP": wanted.tcp, "UDP": wanted.udp, "SCTP": wanted.sctp}[self.flow.protocol]
        if ports is None:
            return False
        if ports.destination_port is None:
            return True
        one, span = ports.destination_port.number, ports.destination_port.range
        if span is not None:
            return span.start <= self.flow.port <= span.end
        return one == self.flow.port

    def named(self, name: str) -> bool:
        """Names are those of the destination's containers."""
        pod = self.flow.destination.pod(self.profile)
        return pod is not None and any(
            (p.name, p.protocol, p.number) == (name, self.flow.protocol, self.flow.port) for p in pod.ports
        )
