"""May one connection be opened? Written from the API's documentation, for one pair and one port at a time.

Nothing is shared with `mistrust.layers.network`: selectors, addresses and tiers are spelled out again, as plainly as
they can be. It speaks of clusters in which everything is known: every pod has its addresses and its node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from itertools import product

import msgspec

from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import (
    AdminNetworkPolicy,
    AdminPeer,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    ClusterRule,
    NetworkPolicy,
)
from mistrust.kube.selectors import LabelSelector
from mistrust.layers.network.profile import Profile

ClusterWide = AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy
Party = Endpoint | str
"""A pod, or an address outside."""


class World(msgspec.Struct, frozen=True):
    """A cluster."""

    endpoints: tuple[Endpoint, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    network: tuple[NetworkPolicy, ...]
    cluster: tuple[ClusterWide, ...]
    profile: Profile
    nodes: tuple[Node, ...] = ()
    backward: bool = False
    """Cluster-wide policies of one priority in the reverse order of their kinds and names."""


class Try(msgspec.Struct, frozen=True):
    """One connection over one pair of addresses (none, where a pod's addresses mean nothing)."""

    world: World
    source: Party
    destination: Party
    source_address: str
    destination_address: str
    protocol: str
    port: int


def connects(world: World, source: Party, destination: Party, protocol: str, port: int) -> bool:
    """May it be opened over some pair of addresses, of one family where both have such?"""
    if source is destination:
        return True
    pairs = list(product(_addresses(source), _addresses(destination)))
    alike = [(a, b) for a, b in pairs if not a or not b or ip_address(a).version == ip_address(b).version]
    return any(_passes(Try(world, source, destination, a, b, protocol, port)) for a, b in alike or pairs)


def _addresses(party: Party) -> Sequence[str]:
    return (party,) if isinstance(party, str) else party.addresses or ("",)


def _passes(t: Try) -> bool:
    if not t.world.profile.enforces or _node_and_its_pod(t):
        return True
    return _leg(t, "egress", t.source, t.destination, t.destination_address) and _leg(
        t, "ingress", t.destination, t.source, t.source_address
    )


def _is_pod(world: World, party: Party) -> bool:
    """A pod to policies: most plugins take one on the node's network for the node."""
    return isinstance(party, Endpoint) and (not party.host_network or world.profile.host_network_selectable)


def _node_and_its_pod(t: Try) -> bool:
    for pod, other in ((t.source, t.destination), (t.destination, t.source)):
        if isinstance(pod, Endpoint) and _is_pod(t.world, pod) and not _is_pod(t.world, other):
            if isinstance(other, Endpoint) and other.node == pod.node:
                return True
            if isinstance(other, str) and _node_at(t.world, other) == pod.node:
                return True
    return False


def _node_at(world: World, address: str) -> str | None:
    for node in world.nodes:
        if any(ip_address(a.address) == ip_address(address) for a in node.status.addresses):
            return node.name
    return None


def _leg(t: Try, direction: str, subject: Party, other: Party, address: str) -> bool:
    if not isinstance(subject, Endpoint) or not _is_pod(t.world, subject):
        return True
    said = _tier(t, "Admin", direction, subject, other, address)
    if said is not None:
        return said
    isolating = [
        p
        for p in t.world.network
        if p.metadata.namespace == subject.namespace
        and direction.capitalize() in _types(p)
        and selects(p.spec.pod_selector, subject.labels)
    ]
    if isolating:
        return any(
            _rule_allows(t, p, r, direction, other, address) for p in isolating for r in getattr(p.spec, direction)
        )
    said = _tier(t, "Baseline", direction, subject, other, address)
    return True if said is None else said


def _types(policy: NetworkPolicy) -> Sequence[str]:
    if policy.spec.policy_types:
        return policy.spec.policy_types
    return ("Ingress", "Egress") if policy.spec.egress else ("Ingress",)


def _rule_allows(t: Try, policy: NetworkPolicy, rule: object, direction: str, other: Party, address: str) -> bool:
    peers = rule.sources if direction == "ingress" else rule.destinations
    if rule.ports and not any(_port(t, p) for p in rule.ports):
        return False
    return not peers or any(_peer(t, policy, p, other, address) for p in peers)


def _port(t: Try, port: object) -> bool:
    if port.protocol != t.protocol:
        return False
    if port.port is None:
        return True
    if isinstance(port.port, str):
        return _has_port(t, port.port)
    return port.port <= t.port <= (port.port if port.end_port is None else port.end_port)


def _has_port(t: Try, name: str) -> bool:
    """Names are resolved by the destination."""
    return isinstance(t.destination, Endpoint) and any(
        p.name == name and p.protocol == t.protocol and p.number == t.port for p in t.destination.ports
    )


def _peer(t: Try, policy: NetworkPolicy, peer: object, other: Party, address: str) -> bool:
    if peer.ip_block is not None:
        return _in_block(t, peer.ip_block.cidr, peer.ip_block.excluded, other, address)
    if not isinstance(other, Endpoint) or not _is_pod(t.world, other):
        return False
    if peer.namespace_selector is None:
        if other.namespace != policy.metadata.namespace:
            return False
    elif not selects(peer.namespace_selector, t.world.namespaces[other.namespace]):
        return False
    return peer.pod_selector is None or selects(peer.pod_selector, other.labels)


def _in_block(t: Try, cidr: str, excluded: Sequence[str], other: Party, address: str) -> bool:
    profile = t.world.profile
    if _is_pod(t.world, other):
        if not profile.blocks_match_pods:
            return False
    elif not profile.blocks_match_nodes and (isinstance(other, Endpoint) or _node_at(t.world, other) is not None):
        return False
    at = ip_address(address)
    return at in ip_network(cidr, strict=False) and not any(at in ip_network(e, strict=False) for e in excluded)


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Does a selector choose these labels?"""
    for key, value in selector.match_labels.items():
        if key not in labels or labels[key] != value:
            return False
    for need in selector.match_expressions:
        if need.operator == "In":
            held = need.key in labels and labels[need.key] in need.values
        elif need.operator == "NotIn":
            held = need.key not in labels or labels[need.key] not in need.values
        elif need.operator == "Exists":
            held = need.key in labels
        else:
            held = need.key not in labels
        if not held:
            return False
    return True


def _tier(t: Try, tier: str, direction: str, subject: Endpoint, other: Party, address: str) -> bool | None:
    """What a tier of cluster-wide policies says: allowed, denied, or nothing (no match, or the first says Pass)."""
    if not t.world.profile.cluster_wide:
        return None
    inside = [p for p in t.world.cluster if _tier_of(p) == tier]
    ordered = sorted(inside, key=lambda p: (p.KIND, p.name), reverse=t.world.backward)
    for policy in sorted(ordered, key=_priority):
        if not _about(t, policy, subject):
            continue
        for rule in getattr(policy.spec, direction):
            action = _action(t, rule, direction, other, address)
            if action == "Pass":
                return None
            if action is not None:
                return action != "Deny"
    return None


def _tier_of(policy: ClusterWide) -> str:
    if isinstance(policy, ClusterNetworkPolicy):
        return policy.spec.tier
    return "Baseline" if isinstance(policy, BaselineAdminNetworkPolicy) else "Admin"


def _priority(policy: ClusterWide) -> int:
    return 0 if isinstance(policy, BaselineAdminNetworkPolicy) else policy.spec.priority


def _about(t: Try, policy: ClusterWide, pod: Endpoint) -> bool:
    subject = policy.spec.subject
    labels = t.world.namespaces[pod.namespace]
    if subject.namespaces is not None:
        return selects(subject.namespaces, labels)
    return selects(subject.pods.namespace_selector, labels) and selects(subject.pods.pod_selector, pod.labels)


def _action(t: Try, rule: object, direction: str, other: Party, address: str) -> str | None:
    peers = rule.sources if direction == "ingress" else rule.destinations
    if any(_nobody_knows(p, direction) for p in peers):
        return None if rule.action in ("Allow", "Accept") else "Deny"
    if any(_wide_peer(t, p, other, address) for p in peers) and _wide_ports(t, rule):
        return rule.action
    return None


def _nobody_knows(peer: AdminPeer, direction: str) -> bool:
    if peer.namespaces is not None or peer.pods is not None:
        return False
    return direction == "ingress" or (peer.networks is None and peer.nodes is None)


def _wide_peer(t: Try, peer: AdminPeer, other: Party, address: str) -> bool:
    if peer.networks is not None:
        return any(_in_block(t, cidr, (), other, address) for cidr in peer.networks)
    if peer.nodes is not None:
        name = _node_at(t.world, other) if isinstance(other, str) else other.node
        known = {n.name: n.metadata.labels for n in t.world.nodes}
        return not _is_pod(t.world, other) and name in known and selects(peer.nodes, known[name])
    if not isinstance(other, Endpoint) or not _is_pod(t.world, other):
        return False
    labels = t.world.namespaces[other.namespace]
    if peer.namespaces is not None:
        return selects(peer.namespaces, labels)
    return selects(peer.pods.namespace_selector, labels) and selects(peer.pods.pod_selector, other.labels)


def _wide_ports(t: Try, rule: object) -> bool:
    if isinstance(rule, ClusterRule):
        return rule.protocols is None or any(_protocol(t, p) for p in rule.protocols)
    return rule.ports is None or any(_admin_port(t, p) for p in rule.ports)


def _protocol(t: Try, match: object) -> bool:
    if match.destination_named_port is not None:
        return _has_port(t, match.destination_named_port)
    held = {"TCP": match.tcp, "UDP": match.udp, "SCTP": match.sctp}[t.protocol]
    if held is None or held.destination_port is None:
        return held is not None
    to = held.destination_port
    return to.range.start <= t.port <= to.range.end if to.range is not None else to.number == t.port


def _admin_port(t: Try, port: object) -> bool:
    if port.port_number is not None:
        return port.port_number.protocol == t.protocol and port.port_number.port == t.port
    if port.port_range is not None:
        return port.port_range.protocol == t.protocol and port.port_range.start <= t.port <= port.port_range.end
    return _has_port(t, port.named_port)


def probes(world: World, outside: Sequence[str]) -> Iterator[tuple[Party, Party]]:
    """Every pair worth asking about: pods with pods, pods with addresses."""
    yield from product(world.endpoints, world.endpoints)
    for pod, address in product(world.endpoints, outside):
        yield pod, address
        yield address, pod
