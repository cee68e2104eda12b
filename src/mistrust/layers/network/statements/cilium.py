"""What Cilium's own kinds say.

cilium pkg/policy/api (Rule.Sanitize, the comments of each field) and pkg/k8s/apis/cilium.io/utils (the namespace that
a selector without one gets). A rule with a section for a direction isolates in it; what is denied stays denied,
whoever else allows it, and what is allowed is so beside the NetworkPolicies. Pods and nodes are known by what they
are: no address block matches them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from mistrust.access.ports import NO_PORT, PROTOCOLS, Ports
from mistrust.kube.cilium import (
    CIDRRule,
    CiliumEgressRule,
    CiliumIngressRule,
    CiliumPolicy,
    CiliumRule,
    HTTPRule,
    PortProtocol,
    PortRule,
    rules_of,
)
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.names import is_port_name
from mistrust.kube.selectors import LabelSelector, Requirement
from mistrust.layers.network.addresses import cidr
from mistrust.layers.network.exposure.outside import without
from mistrust.layers.network.statements.statement import (
    ACCOUNT,
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

NAMESPACE: Final = "io.kubernetes.pod.namespace"
SPACE_LABEL: Final = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT: Final = "io.cilium.k8s.policy.serviceaccount"
SOURCES: Final = ("k8s", "any", "")
"""In front of the key of a label, before a colon: who gave it."""
LEFT_OUT: Final = (
    "io.kubernetes", "io.cilium.k8s", "kubernetes.io", "k8s.io", "beta.kubernetes.io", "annotation", "etcd_node",
    "pod-template-generation", "pod-template-hash", "controller-revision-hash", "batch.kubernetes.io/controller-uid",
    "controller-uid", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
)  # fmt: skip
"""Keys that begin so are no part of an identity unless Cilium is told otherwise (pkg/labelsfilter)."""
NOBODY: Final = frozenset({"none", "init", "health", "unmanaged", "ingress", "host"})
"""Entities that no pod shown here is. A pod's own host reaches it whatever policies say."""
OTHER_PROTOCOLS: Final = frozenset({"ICMP", "ICMPV6", "VRRP", "IGMP"})
Term = tuple[Peer, bool]
"""A peer, and whether it is unsure that it matches whom it names."""
Sided = CiliumIngressRule | CiliumEgressRule


def cilium(policy: CiliumPolicy, wrong: list[str]) -> Iterator[Statement]:
    """What one of Cilium's policies says of pods; what it says of nodes is left out."""
    for _, rule in rules_of(policy):
        if (rule.endpoint_selector is None) == (rule.node_selector is None):
            wrong.append("a rule has not exactly one of endpointSelector and nodeSelector")
        subject = None
        if rule.endpoint_selector is not None:
            subject = _subject(rule.endpoint_selector, policy.namespace, wrong)
        if subject is not None:
            yield from _said(policy, rule, subject, wrong)


def _said(policy: CiliumPolicy, rule: CiliumRule, subject: Chosen, wrong: list[str]) -> Iterator[Statement]:
    sides: tuple[tuple[tuple[Sided, ...], tuple[Sided, ...], bool | None], ...] = (
        (rule.ingress, rule.ingress_deny, rule.enable_default_deny.ingress),
        (rule.egress, rule.egress_deny, rule.enable_default_deny.egress),
    )
    for egress, (allowing, denying, isolates) in enumerate(sides):
        way = bool(egress)
        if any(r.requires is not None for r in (*allowing, *denying)):  # it narrows the rules of other policies too
            doubt = Rule((EVERYBODY,), EVERYTHING, Action.DENY, unsure=True)
            yield Statement(way, Tier.PLUGIN, subject, (doubt,), (0, policy.KIND, policy.name))
        allowed = tuple(made for r in allowing for made in _rules(r, way, policy.namespace, Action.ALLOW, wrong))
        denied = tuple(made for r in denying for made in _rules(r, way, policy.namespace, Action.DENY, wrong))
        if denied:
            yield Statement(way, Tier.PLUGIN, subject, denied, (0, policy.KIND, policy.name))
        if isolates if isolates is not None else bool(allowing or denying):
            yield Statement(way, Tier.NETWORK, subject, allowed)
        elif allowed:
            yield Statement(way, Tier.PLUGIN, subject, allowed, (1, policy.KIND, policy.name))


class _Told(msgspec.Struct):
    """A selector, taken apart."""

    pods: list[Requirement]
    """`=` stands for a label of `matchLabels`."""
    spaces: list[Requirement]
    entities: list[str]
    """Reserved labels that somebody has to have, which no pod has;"""
    others: list[str]
    """and those that nobody may have."""
    unsure: bool = False
    """Does it ask for labels that may be no part of an identity? They are left out."""
    foreign: bool = False
    """Does it ask for what nobody knows here?"""


def _taken_apart(given: LabelSelector) -> _Told:
    told = _Told([], [], [], [])
    for need in (*(Requirement(k, "=", (v,)) for k, v in given.match_labels.items()), *given.match_expressions):
        source, colon, key = need.key.partition(":")
        source, key = (source, key) if colon else ("", need.key)
        if source == "reserved":
            positive = need.operator in ("=", "In", "Exists")
            (told.entities if positive else told.others).append(key)
        elif source not in SOURCES:
            told.foreign = True
        elif key == NAMESPACE:
            told.spaces.append(msgspec.structs.replace(need, key=NAMESPACE_NAME))
        elif key.startswith(SPACE_LABEL):
            told.spaces.append(msgspec.structs.replace(need, key=key.removeprefix(SPACE_LABEL)))
        elif key == SERVICE_ACCOUNT:
            told.pods.append(msgspec.structs.replace(need, key=ACCOUNT))
        elif not identifies(key):
            told.unsure = True
        else:
            told.pods.append(msgspec.structs.replace(need, key=key))
    return told


def _selector(needs: Iterable[Requirement], wrong: list[str]) -> Selector:
    labels: dict[str, str] = {}
    more: list[Requirement] = []
    for need in needs:
        if need.operator != "=":
            more.append(need)
        elif labels.setdefault(need.key, need.values[0]) != need.values[0]:  # `app` and `k8s:app`
            more.append(msgspec.structs.replace(need, operator="In"))
    return selector(LabelSelector(labels, tuple(more)), wrong)


def _subject(given: LabelSelector, home: str, wrong: list[str]) -> Chosen | None:
    """The pods that a rule is about; None where it is about somebody that is no pod."""
    told = _taken_apart(given)
    if told.foreign or told.unsure:
        wrong.append("whom it selects cannot be told from the labels of pods")
    if told.entities:
        return None
    if not home:
        return Chosen(_selector(told.pods, wrong), _selector(told.spaces, wrong))
    if not told.spaces:
        return Chosen(_selector(told.pods, wrong), namespace=home)
    kept = [n for n in told.spaces if (n.key, n.operator) != (NAMESPACE_NAME, "=")]  # Cilium puts its own there
    own = Requirement(NAMESPACE_NAME, "=", (home,))
    return Chosen(_selector(told.pods, wrong), _selector((own, *kept), wrong))


def _chosen(given: LabelSelector, home: str, wrong: list[str]) -> Iterator[Term]:
    told = _taken_apart(given)
    mixed = told.entities and (told.pods or told.spaces or len(told.entities) > 1)
    if told.foreign or told.others or mixed:
        yield UNKNOWN, True
    elif told.entities:
        yield from _entity(told.entities[0], wrong)
    else:
        pods = _selector(told.pods, wrong)
        chosen = Chosen(pods, _selector(told.spaces, wrong)) if told.spaces else Chosen(pods, namespace=home)
        yield Peer(chosen), told.unsure


def _entity(name: str, wrong: list[str]) -> Iterator[Term]:
    if name == "all":
        yield EVERYBODY, False
    elif name in set(Entity):
        yield Peer(entity=Entity(name)), False
    elif name not in NOBODY:
        wrong.append(f"the entity {name!r} does not exist")


def _rules(given: Sided, egress: bool, home: str, action: Action, wrong: list[str]) -> Iterator[Rule]:
    """What one rule allows or denies: a part that surely counts, and one that may."""
    lists = _lists(given)
    told = [each for each in lists if each is not None]
    if sum(bool(each) for each in told) > 1:
        wrong.append("a rule has peers of several kinds")
    terms = list(_peers(given, home, wrong))
    if not told and given.to_ports:
        terms = [(EVERYBODY, False)]
    elif told and not any(told):
        terms = [(EVERYBODY, True)]  # versions differ: nobody, or everybody
    if given.icmps is not None and not given.to_ports:
        return
    vague = given.authentication is not None and given.authentication.mode not in ("", "disabled")
    peers = [tuple(dict.fromkeys(p for p, unsure in terms if unsure is kind)) for kind in (False, True)]
    for service, unsure in _services(given.to_ports or (), egress, wrong):
        for some, doubted in zip(peers, (False, True), strict=True):
            if some:
                yield Rule(some, service, action, unsure or doubted or vague)


def _lists(given: Sided) -> tuple[tuple[object, ...] | None, ...]:
    """Everything that may say who is at the other side."""
    both = (given.endpoints, given.cidr, given.cidr_set, given.entities, given.groups, given.nodes)
    return (*both, given.services, given.names) if isinstance(given, CiliumEgressRule) else both


def _peers(given: Sided, home: str, wrong: list[str]) -> Iterator[Term]:
    for each in given.endpoints or ():
        yield from _chosen(each, home, wrong)
    for text in given.cidr or ():
        yield _block(CIDRRule(text if "/" in text else f"{text}/{128 if ':' in text else 32}"), wrong)
    for block in given.cidr_set or ():
        yield _block(block, wrong)
    for name in given.entities or ():
        yield from _entity(name, wrong)
    for each in given.nodes or ():  # only where an option of the agent is set
        told = _taken_apart(each)
        yield Peer(machines=Machines(_selector(told.pods, wrong))), True
    if given.groups:
        yield Peer(names=True), True
    if isinstance(given, CiliumEgressRule):
        if given.names:
            yield Peer(names=True), False
        if given.services:
            yield UNKNOWN, True


def _block(rule: CIDRRule, wrong: list[str]) -> Term:
    if rule.cidr_group_ref or rule.cidr_group_selector is not None:
        return Peer(names=True), True
    whole, holes = cidr(rule.cidr), [cidr(text) for text in rule.excluded]
    if whole is None or None in holes:
        wrong.append(f"{rule.cidr!r} is no CIDR, or one of its exceptions is not")
        return Peer(names=True), True
    return Peer(addresses=Addresses(without((whole,), [hole for hole in holes if hole is not None]))), False


def _services(given: tuple[PortRule, ...], egress: bool, wrong: list[str]) -> Iterator[tuple[Service, bool]]:
    """The ports that surely count, and those that may; every port where none is named."""
    if not given:
        yield EVERYTHING, False
        return
    found: dict[bool, list[Service]] = {}
    for rule in given:
        for port in rule.ports or (PortProtocol("0"),):
            service = _port(port, wrong)
            if rule.rules is not None and not rule.rules.dns and port.protocol.upper() != "TCP":
                wrong.append("rules about requests stand beside a port that is not of TCP alone")
            # Cilium resolves a name that is asked for at egress over all pods, and gives up where they differ
            unsure = not _whole(rule) or (egress and bool(service.names))
            found.setdefault(unsure, []).append(service)
    yield from ((together(services), unsure) for unsure, services in found.items())


def _whole(rule: PortRule) -> bool:
    """Does everything pass that such a connection may carry?"""
    if rule.server_names or rule.listener is not None:
        return False
    told = rule.rules
    if told is None:
        return True
    if told.kafka or told.l7proto:
        return False
    http, dns = told.http or (), told.dns or ()
    return (not http or HTTPRule() in http) and (not dns or any(name.match_pattern == "*" for name in dns))


def _port(port: PortProtocol, wrong: list[str]) -> Service:
    protocol = port.protocol.upper() or "ANY"
    if protocol in OTHER_PROTOCOLS:
        return Service(NO_PORT)
    if protocol != "ANY" and protocol not in PROTOCOLS:
        wrong.append(f"the protocol {port.protocol!r} does not exist")
        return EVERYTHING
    protocols = PROTOCOLS if protocol == "ANY" else (protocol,)
    if not isinstance(port.port, str) or not port.port:
        wrong.append(f"the port {port.port!r} is no text")
        return EVERYTHING
    if not (port.port.isascii() and port.port.isdigit()):
        if not is_port_name(port.port.lower()):
            wrong.append(f"no port can have the name {port.port!r}")
        return Service(NO_PORT, (("" if protocol == "ANY" else protocol, port.port.lower()),))
    if set(port.port) == {"0"}:
        return together(Service(Ports.span(p)) for p in protocols)
    first = int(port.port[:6])
    if port.port.startswith("0"):
        wrong.append(f"the port {port.port!r} may be octal")
    return together(span(p, first, port.end_port or first, wrong) for p in protocols)


def identifies(key: str) -> bool:
    """Is a label with this key part of an identity, unless Cilium is told otherwise?"""
    return not key.startswith(LEFT_OUT) and "beta.kubernetes.io" not in key


def unjudged(policy: CiliumPolicy) -> Iterator[str]:
    """What it says that is not judged."""
    for path, rule in rules_of(policy):
        if rule.node_selector is not None:
            yield f"{policy.ref} ({path}) limits nodes, which is not judged"
