"""What every kind of policy says, in one form: in a tier, about a subject, in one direction, a list of rules.

NetworkPolicy: k8s.io/api/networking/v1/types.go and pkg/apis/networking/validation. The cluster-wide kinds:
sigs.k8s.io/network-policy-api apis/v1alpha1 and apis/v1alpha2; both say that a consumer which finds a peer with no
field it knows must fail closed. v1alpha2 spells that out: an Accept rule then matches nothing, a Deny or Pass rule
denies everything. v1alpha1 says "fail closed" alone, and is read the same way.

What the API server refuses makes a statement `malformed`: nobody knows what it would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum, StrEnum
from functools import lru_cache

import msgspec

from mistrust.access.ports import EVERY_PORT, NO_PORT, PROTOCOLS, SPAN, Ports
from mistrust.kube.names import is_label_key, is_label_value, is_port_name
from mistrust.kube.network import (
    AdminNetworkPolicy,
    AdminPeer,
    AdminPort,
    AdminRule,
    AdminSubject,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    ClusterRule,
    EgressPolicyRule,
    IngressPolicyRule,
    NetworkPolicy,
    PolicyPeer,
    PolicyPort,
    ProtocolMatch,
    ProtocolPorts,
)
from mistrust.kube.selectors import LabelSelector
from mistrust.layers.network.addresses import cidr, spans
from mistrust.layers.network.lines import Ranges

Policy = NetworkPolicy | AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy
OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}
"""Does the operator take values?"""


class Tier(IntEnum):
    """The order in which policies are asked."""

    ADMIN = 0
    NETWORK = 1
    BASELINE = 2


class Action(StrEnum):
    """What a rule does with what it matches."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105


class Selector(msgspec.Struct, frozen=True, gc=False):
    """A label selector as a value that can be a key."""

    labels: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Key, operator, values."""


EVERY = Selector()


class Chosen(msgspec.Struct, frozen=True, gc=False):
    """Pods, by the labels of their namespace (or its name) and their own."""

    pods: Selector = EVERY
    namespaces: Selector = EVERY
    namespace: str = ""
    """A policy's own; empty for all that `namespaces` selects."""


class Addresses(msgspec.Struct, frozen=True, gc=False):
    """Whoever has an address in the ranges."""

    ranges: Ranges


class Machines(msgspec.Struct, frozen=True, gc=False):
    """Nodes by label."""

    labels: Selector


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Whom a rule is about: exactly one field, or everybody, or (`unknown`) nobody knows whom."""

    chosen: Chosen | None = None
    addresses: Addresses | None = None
    machines: Machines | None = None
    names: bool = False
    """Domain names: some external addresses, unknown which."""
    everybody: bool = False
    unknown: bool = False


EVERYBODY = Peer(everybody=True)
UNKNOWN = Peer(unknown=True)


class Service(msgspec.Struct, frozen=True, gc=False):
    """What a rule is about at the destination: ports, and names that each destination resolves for itself."""

    ports: Ports
    names: tuple[tuple[str, str], ...] = ()
    """Protocol (empty for any) and name."""


EVERYTHING = Service(EVERY_PORT)


class Rule(msgspec.Struct, frozen=True, gc=False):
    """One rule."""

    peers: tuple[Peer, ...]
    service: Service = EVERYTHING
    action: Action = Action.ALLOW


class Statement(msgspec.Struct, frozen=True, gc=False):
    """A policy in one direction."""

    egress: bool
    tier: Tier
    subject: Chosen
    rules: tuple[Rule, ...]
    order: tuple[int, str, str] = (0, "", "")
    """Priority, then what breaks a tie for us; the API leaves ties undefined."""
    malformed: tuple[str, ...] = ()
    """Why the API server would refuse it; then everything about it is uncertain."""


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
            said = list(_v1alpha1(policy, wrong))
        case ClusterNetworkPolicy():
            said = list(_v1alpha2(policy, wrong))
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
    return _service(_port(p, wrong) for p in ports), tuple(wrong)


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
            return _span(port.protocol, port.port, port.port if port.end_port is None else port.end_port, wrong)


def _span(protocol: str, first: int, last: int, wrong: list[str]) -> Service:
    if protocol not in PROTOCOLS or not 1 <= first <= last < SPAN:
        wrong.append(f"{protocol} {first} to {last} is no range of ports")
        return EVERYTHING
    return Service(Ports.span(protocol, first, last))


def _service(parts: Iterable[Service]) -> Service:
    ranges: list[tuple[int, int]] = []
    names: set[tuple[str, str]] = set()
    for part in parts:
        ranges += part.ports.ranges
        names.update(part.names)
    return Service(Ports.of(ranges), tuple(sorted(names)))


def selector(given: LabelSelector | None, wrong: list[str]) -> Selector:
    """The selector as a key; an absent one, where it is asked for, selects everything."""
    if given is None:
        return EVERY
    for need in given.match_expressions:
        takes = OPERATORS.get(need.operator)
        if takes is None:
            wrong.append(f"the operator {need.operator!r} does not exist")
        elif takes != bool(need.values):
            wrong.append(f"{need.operator} on {need.key!r} has {'no' if takes else 'a list of'} values")
    return Selector(
        tuple(sorted(given.match_labels.items())),
        tuple(sorted((n.key, n.operator, tuple(sorted(set(n.values)))) for n in given.match_expressions)),
    )


def _v1alpha1(policy: AdminNetworkPolicy | BaselineAdminNetworkPolicy, wrong: list[str]) -> Iterator[Statement]:
    base = isinstance(policy, BaselineAdminNetworkPolicy)
    spec = policy.spec
    actions = {"Allow": Action.ALLOW, "Deny": Action.DENY} | ({} if base else {"Pass": Action.PASS})
    if base and policy.name != "default":
        wrong.append(f"the only BaselineAdminNetworkPolicy there can be is named 'default', not {policy.name!r}")
    tier = Tier.BASELINE if base else Tier.ADMIN
    yield from _wide(
        policy, tier, 0 if base else spec.priority, spec.subject, actions, (spec.ingress, spec.egress), wrong
    )


def _v1alpha2(policy: ClusterNetworkPolicy, wrong: list[str]) -> Iterator[Statement]:
    spec = policy.spec
    actions = {"Accept": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
    if spec.tier not in ("Admin", "Baseline"):
        wrong.append(f"the tier {spec.tier!r} does not exist")
    tier = Tier.BASELINE if spec.tier == "Baseline" else Tier.ADMIN
    yield from _wide(policy, tier, spec.priority, spec.subject, actions, (spec.ingress, spec.egress), wrong)


def _wide(
    policy: Policy,
    tier: Tier,
    priority: int,
    subject: AdminSubject,
    actions: dict[str, Action],
    directions: tuple[tuple[AdminRule | ClusterRule, ...], tuple[AdminRule | ClusterRule, ...]],
    wrong: list[str],
) -> Iterator[Statement]:
    if not 0 <= priority <= 1000:
        wrong.append(f"the priority {priority} is not between 0 and 1000")
    whom = _subject(subject, wrong)
    for egress, rules in enumerate(directions):
        made = tuple(_wide_rule(r, bool(egress), actions, wrong) for r in rules)
        if made:
            yield Statement(bool(egress), tier, whom, made, (priority, policy.KIND, policy.name))


def _subject(subject: AdminSubject, wrong: list[str]) -> Chosen:
    if (subject.namespaces is None) == (subject.pods is None):
        wrong.append("the subject is not exactly one of namespaces and pods")
    if subject.pods is not None:
        return Chosen(selector(subject.pods.pod_selector, wrong), selector(subject.pods.namespace_selector, wrong))
    return Chosen(namespaces=selector(subject.namespaces, wrong))


def _wide_rule(rule: AdminRule | ClusterRule, egress: bool, actions: dict[str, Action], wrong: list[str]) -> Rule:
    action = actions.get(rule.action)
    if action is None:
        wrong.append(f"the action {rule.action!r} does not exist here")
        action = Action.PASS
    given = rule.destinations if egress else rule.sources
    if not given:
        wrong.append("a rule has no peers")
    peers = [p for g in given for p in _wide_peers(g, egress, action, wrong)]
    if isinstance(rule, AdminRule):
        service = _v1alpha1_ports(rule.ports, wrong)
    else:
        service = _v1alpha2_ports(rule.protocols, wrong)
    if any(p.unknown for p in peers):  # fail closed
        if action is Action.ALLOW:
            return Rule((), service, action)
        return Rule((EVERYBODY,), EVERYTHING, Action.DENY)
    return Rule(tuple(peers), service, action)


def _wide_peers(peer: AdminPeer, egress: bool, action: Action, wrong: list[str]) -> Iterator[Peer]:
    told = (peer.namespaces, peer.pods, peer.nodes, peer.networks, peer.domain_names)
    if sum(t is not None for t in told) > 1:
        wrong.append("a peer is more than one thing")
    if not egress and (peer.nodes is not None or peer.networks is not None or peer.domain_names is not None):
        yield UNKNOWN  # these are fields of egress peers only: the server drops them
    elif peer.namespaces is not None:
        yield Peer(Chosen(namespaces=selector(peer.namespaces, wrong)))
    elif peer.pods is not None:
        pods, spaces = peer.pods.pod_selector, peer.pods.namespace_selector
        yield Peer(Chosen(selector(pods, wrong), selector(spaces, wrong)))
    elif peer.networks is not None:
        yield from (_network_peer(text, wrong) for text in peer.networks)
    elif peer.nodes is not None:
        yield Peer(machines=Machines(selector(peer.nodes, wrong)))
    elif peer.domain_names is not None:
        if action is not Action.ALLOW:
            wrong.append("domainNames stand in a rule that does not allow")
        yield Peer(names=True)
    else:
        yield UNKNOWN


def _network_peer(text: str, wrong: list[str]) -> Peer:
    span = cidr(text)
    if span is None:
        wrong.append(f"{text!r} is no CIDR")
        return EVERYBODY
    return Peer(addresses=Addresses((span,)))


def _v1alpha1_ports(ports: tuple[AdminPort, ...] | None, wrong: list[str]) -> Service:
    if ports is None:
        return EVERYTHING
    return _service(_admin_port(p, wrong) for p in ports)


def _admin_port(port: AdminPort, wrong: list[str]) -> Service:
    told = (port.port_number, port.port_range, port.named_port)
    if sum(t is not None for t in told) != 1:
        wrong.append("a port is not exactly one of portNumber, portRange and namedPort")
    if port.port_number is not None:
        return _span(port.port_number.protocol, port.port_number.port, port.port_number.port, wrong)
    if port.port_range is not None:
        return _span(port.port_range.protocol, port.port_range.start, port.port_range.end, wrong)
    return Service(NO_PORT, (("", port.named_port),)) if port.named_port else EVERYTHING


def _v1alpha2_ports(protocols: tuple[ProtocolMatch, ...] | None, wrong: list[str]) -> Service:
    if protocols is None:
        return EVERYTHING
    return _service(_protocol(p, wrong) for p in protocols)


def _protocol(match: ProtocolMatch, wrong: list[str]) -> Service:
    told = {"TCP": match.tcp, "UDP": match.udp, "SCTP": match.sctp}
    if sum(t is not None for t in told.values()) + (match.destination_named_port is not None) != 1:
        wrong.append("a protocol is not exactly one of tcp, udp, sctp and destinationNamedPort")
    for protocol, ports in told.items():
        if ports is not None:
            return _protocol_ports(protocol, ports, wrong)
    return Service(NO_PORT, (("", match.destination_named_port),)) if match.destination_named_port else EVERYTHING


def _protocol_ports(protocol: str, ports: ProtocolPorts, wrong: list[str]) -> Service:
    to = ports.destination_port
    if to is None:
        return Service(Ports.span(protocol))
    if (to.number is None) == (to.range is None):
        wrong.append("destinationPort is not exactly one of number and range")
    if to.range is not None:
        return _span(protocol, to.range.start, to.range.end, wrong)
    return Service(Ports.span(protocol)) if to.number is None else _span(protocol, to.number, to.number, wrong)
