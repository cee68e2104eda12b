"""What a policy says, in the one form of all kinds.

NetworkPolicy here: k8s.io/api/networking/v1/types.go and pkg/apis/networking/validation. What the API server refuses
makes a statement `malformed`: nobody knows what it would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from mistrust.access.ports import NO_PORT, PROTOCOLS, Ports
from mistrust.kube.cilium import CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy, CiliumPolicy
from mistrust.kube.names import is_label_key, is_label_value, is_port_name
from mistrust.kube.network import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    EgressPolicyRule,
    IngressPolicyRule,
    NetworkPolicy,
    PolicyPeer,
    PolicyPort,
)
from mistrust.kube.selectors import LabelSelector
from mistrust.layers.network.addresses import spans
from mistrust.layers.network.statements.cilium import cilium
from mistrust.layers.network.statements.clusterwide import v1alpha1, v1alpha2
from mistrust.layers.network.statements.statement import (
    ACCOUNT,
    EVERY,
    EVERYBODY,
    EVERYTHING,
    UNKNOWN,
    Action,
    Addresses,
    Chosen,
    Entity,
    Machines,
    Peer,
    Rule,
    Selector,
    Service,
    Statement,
    Tier,
)
from mistrust.layers.network.statements.terms import selector, span, together

__all__ = [
    "ACCOUNT",
    "EVERY",
    "EVERYBODY",
    "EVERYTHING",
    "UNKNOWN",
    "Action",
    "Addresses",
    "Chosen",
    "Entity",
    "Machines",
    "Peer",
    "Policy",
    "Rule",
    "Selector",
    "Service",
    "Statement",
    "Tier",
    "refusals",
    "selector",
    "statements",
]

Policy = NetworkPolicy | AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy | CiliumPolicy


def statements(policy: Policy) -> Iterator[Statement]:
    """What a policy says, direction by direction; of a malformed policy every direction is malformed."""
    said, wrong = _read(policy)
    return (msgspec.structs.replace(s, malformed=wrong) for s in said) if wrong else iter(said)


def refusals(policy: Policy) -> tuple[str, ...]:
    """Why the API server would refuse a policy; nothing if it takes it."""
    return _read(policy)[1]


def _read(policy: Policy) -> tuple[list[Statement], tuple[str, ...]]:
    wrong: list[str] = []
    match policy:
        case NetworkPolicy():
            said = list(_network(policy, wrong))
        case AdminNetworkPolicy() | BaselineAdminNetworkPolicy():
            said = list(v1alpha1(policy, wrong))
        case ClusterNetworkPolicy():
            said = list(v1alpha2(policy, wrong))
        case CiliumNetworkPolicy() | CiliumClusterwideNetworkPolicy():
            said = list(cilium(policy, wrong))
    return said, tuple(dict.fromkeys(wrong))


def _network(policy: NetworkPolicy, wrong: list[str]) -> Iterator[Statement]:
    spec = policy.spec
    subject = Chosen(_selector(spec.pod_selector, wrong), namespace=policy.namespace)
    wrong += [f"policyTypes has {t!r}" for t in spec.policy_types if t not in ("Ingress", "Egress")]
    for direction, rules in (("Ingress", spec.ingress), ("Egress", spec.egress)):
        made = tuple(_rule(r, policy.namespace, wrong) for r in rules)
        if direction in spec.directions:
            yield Statement(direction == "Egress", Tier.NETWORK, subject, made)


def _rule(rule: IngressPolicyRule | EgressPolicyRule, namespace: str, wrong: list[str]) -> Rule:
    peers = rule.sources if isinstance(rule, IngressPolicyRule) else rule.destinations
    return Rule(
        tuple(_peer(p, namespace, wrong) for p in peers) or (EVERYBODY,),
        _ports(rule.ports, wrong) if rule.ports else EVERYTHING,
    )


def _peer(peer: PolicyPeer, namespace: str, wrong: list[str]) -> Peer:
    if peer.ip_block is not None:
        ranges = spans(peer.ip_block)
        if ranges is None or peer.pod_selector is not None or peer.namespace_selector is not None:
            wrong.append(f"ipBlock {peer.ip_block.cidr!r} is malformed or not alone in its peer")
            return UNKNOWN
        return Peer(addresses=Addresses(ranges))
    if peer.pod_selector is None and peer.namespace_selector is None:
        wrong.append("a peer selects nothing")
        return UNKNOWN
    pods = _selector(peer.pod_selector, wrong)
    if peer.namespace_selector is None:
        return Peer(Chosen(pods, namespace=namespace))
    return Peer(Chosen(pods, _selector(peer.namespace_selector, wrong)))


def _selector(given: LabelSelector | None, wrong: list[str]) -> Selector:
    """A selector of a NetworkPolicy; in those of custom resources the API server does not look at the labels."""
    if given is None:
        return EVERY
    if given.match_expressions:
        keys = (*given.match_labels, *(n.key for n in given.match_expressions))
        wrong += _refused_labels(keys, tuple(given.match_labels.values()))
        return selector(given, wrong)
    found, refused = _by_labels(tuple(given.match_labels.items()))
    wrong += refused
    return found


@lru_cache(1 << 14)
def _by_labels(labels: tuple[tuple[str, str], ...]) -> tuple[Selector, tuple[str, ...]]:
    keys, values = tuple(k for k, _ in labels), tuple(v for _, v in labels)
    return Selector(tuple(sorted(labels))), _refused_labels(keys, values)


def _refused_labels(keys: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *(f"no label can have the key {key!r}" for key in keys if not is_label_key(key)),
        *(f"no label can have the value {value!r}" for value in values if not is_label_value(value)),
    )


def _ports(ports: tuple[PolicyPort, ...], wrong: list[str]) -> Service:
    found, refused = _by_ports(ports)
    wrong += refused
    return found


@lru_cache(1 << 12)
def _by_ports(ports: tuple[PolicyPort, ...]) -> tuple[Service, tuple[str, ...]]:
    wrong: list[str] = []
    return together(_port(p, wrong) for p in ports), tuple(wrong)


def _port(port: PolicyPort, wrong: list[str]) -> Service:
    if port.protocol not in PROTOCOLS:
        wrong.append(f"the protocol {port.protocol!r} does not exist")
        return EVERYTHING
    match port.port:
        case None:
            if port.end_port is not None:
                wrong.append("endPort stands without port")
            return Service(Ports.span(port.protocol))
        case str() if port.end_port is not None:
            wrong.append(f"endPort stands beside the name {port.port!r}")
            return Service(Ports.span(port.protocol))
        case str():
            if not is_port_name(port.port):
                wrong.append(f"no port can have the name {port.port!r}")
            return Service(NO_PORT, ((port.protocol, port.port),))
        case int():
            return span(port.protocol, port.port, port.port if port.end_port is None else port.end_port, wrong)
