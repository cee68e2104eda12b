"""What the cluster-wide kinds say.

sigs.k8s.io/network-policy-api apis/v1alpha1 and apis/v1alpha2; both say that a consumer which finds a peer with no
field it knows must fail closed. v1alpha2 spells that out: an Accept rule then matches nothing, a Deny or Pass rule
denies everything. v1alpha1 says "fail closed" alone, and is read the same way.
"""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.ports import NO_PORT, Ports
from mistrust.kube.network import (
    AdminNetworkPolicy,
    AdminPeer,
    AdminPort,
    AdminRule,
    AdminSubject,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    ClusterRule,
    ProtocolMatch,
    ProtocolPorts,
)
from mistrust.layers.network.addresses import cidr
from mistrust.layers.network.statements.statement import (
    EVERYBODY,
    EVERYTHING,
    UNKNOWN,
    Action,
    Addresses,
    Chosen,
    Machines,
    Peer,
    Rule,
    Service,
    Statement,
    Tier,
)
from mistrust.layers.network.statements.terms import selector, span, together


def v1alpha1(policy: AdminNetworkPolicy | BaselineAdminNetworkPolicy, wrong: list[str]) -> Iterator[Statement]:
    """What an AdminNetworkPolicy says, or the one below."""
    base = isinstance(policy, BaselineAdminNetworkPolicy)
    spec = policy.spec
    actions = {"Allow": Action.ALLOW, "Deny": Action.DENY} | ({} if base else {"Pass": Action.PASS})
    if base and policy.name != "default":
        wrong.append(f"the only BaselineAdminNetworkPolicy there can be is named 'default', not {policy.name!r}")
    tier = Tier.BASELINE if base else Tier.ADMIN
    yield from _wide(
        policy, tier, 0 if base else spec.priority, spec.subject, actions, (spec.ingress, spec.egress), wrong
    )


def v1alpha2(policy: ClusterNetworkPolicy, wrong: list[str]) -> Iterator[Statement]:
    """What a ClusterNetworkPolicy says."""
    spec = policy.spec
    actions = {"Accept": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
    if spec.tier not in ("Admin", "Baseline"):
        wrong.append(f"the tier {spec.tier!r} does not exist")
    tier = Tier.BASELINE if spec.tier == "Baseline" else Tier.ADMIN
    yield from _wide(policy, tier, spec.priority, spec.subject, actions, (spec.ingress, spec.egress), wrong)


def _wide(
    policy: AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy,
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
    return together(_admin_port(p, wrong) for p in ports)


def _admin_port(port: AdminPort, wrong: list[str]) -> Service:
    told = (port.port_number, port.port_range, port.named_port)
    if sum(t is not None for t in told) != 1:
        wrong.append("a port is not exactly one of portNumber, portRange and namedPort")
    if port.port_number is not None:
        return span(port.port_number.protocol, port.port_number.port, port.port_number.port, wrong)
    if port.port_range is not None:
        return span(port.port_range.protocol, port.port_range.start, port.port_range.end, wrong)
    return Service(NO_PORT, (("", port.named_port),)) if port.named_port else EVERYTHING


def _v1alpha2_ports(protocols: tuple[ProtocolMatch, ...] | None, wrong: list[str]) -> Service:
    if protocols is None:
        return EVERYTHING
    return together(_protocol(p, wrong) for p in protocols)


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
        return span(protocol, to.range.start, to.range.end, wrong)
    return Service(Ports.span(protocol)) if to.number is None else span(protocol, to.number, to.number, wrong)
