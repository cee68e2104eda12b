"""CiliumNetworkPolicies as a person would write them: for one unit of workloads, in each rule peers of one sort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import structs

from mistrust.access.ports import PROTOCOLS, SPAN, Ports, point
from mistrust.kube.cilium import (
    CIDRRule,
    CiliumEgressRule,
    CiliumIngressRule,
    CiliumNetworkPolicy,
    CiliumRule,
    FQDNSelector,
    L7Rules,
    PortProtocol,
    PortRule,
)
from mistrust.kube.meta import Metadata
from mistrust.kube.selectors import LabelSelector, Requirement
from mistrust.kube.separate import Unit
from mistrust.layers.network.addresses import place
from mistrust.layers.network.least.regulars import NODE_LOCAL
from mistrust.layers.network.least.wanted import Wanted
from mistrust.layers.network.least.writing import Named, Needs, Peer, Reason, Written, blocks, first_name
from mistrust.layers.network.statements.cilium import NAMESPACE
from mistrust.layers.network.statements.statement import Entity

HOME: Final = f"k8s:{NAMESPACE}"
EVERY_POD: Final = LabelSelector(match_expressions=(Requirement(HOME, "Exists"),))
NO_INGRESS: Final = (CiliumIngressRule(),)
"""An empty rule is about nobody, and isolates all the same."""
NO_EGRESS: Final = (CiliumEgressRule(),)
MOST: Final = 40
"""So many ports may stand in one list (pkg/policy/api, maxPorts)."""
NAMES: Final = L7Rules(dns=(FQDNSelector(match_pattern="*"),))
"""Cilium learns what a name stands for from the answers that its proxy sees; every name may be asked for."""
LOCAL: Final = place(NODE_LOCAL)
DNS: Final = frozenset(point(protocol, 53) for protocol in ("UDP", "TCP"))
Points = tuple[int, ...]


def policy(unit: Unit, name: str, ingress: Needs, egress: Needs) -> Written:
    """The policy of a unit: nothing but what is needed comes in or goes out."""
    assert unit.selector is not None
    into = [(_coming(rule), why) for rule, why in _rules(unit, ingress)]
    proxied = any(isinstance(peer, Named) for peer in egress)
    out = [(_learning(rule) if proxied else rule, why) for rule, why in _rules(unit, egress)]
    spec = CiliumRule(
        endpoint_selector=unit.selector,
        ingress=tuple(rule for rule, _ in into) or NO_INGRESS,
        egress=tuple(rule for rule, _ in out) or NO_EGRESS,
    )
    reasons = [Reason(f"spec.ingress[{i}]", why) for i, (_, why) in enumerate(into)]
    reasons += [Reason(f"spec.egress[{i}]", why) for i, (_, why) in enumerate(out)]
    metadata = Metadata(name=name, namespace=unit.namespace)
    return Written(CiliumNetworkPolicy(metadata=metadata, spec=spec), tuple(reasons))


def deny_all(namespace: str, name: str) -> CiliumNetworkPolicy:
    """Nothing comes in or goes out, of pods to come either."""
    spec = CiliumRule(endpoint_selector=LabelSelector(), ingress=NO_INGRESS, egress=NO_EGRESS)
    return CiliumNetworkPolicy(metadata=Metadata(name=name, namespace=namespace), spec=spec)


def _coming(rule: CiliumEgressRule) -> CiliumIngressRule:
    """The same peers and ports, coming in."""
    return CiliumIngressRule(
        endpoints=rule.endpoints,
        cidr=rule.cidr,
        cidr_set=rule.cidr_set,
        entities=rule.entities,
        to_ports=rule.to_ports,
    )


def _learning(rule: CiliumEgressRule) -> CiliumEgressRule:
    """With the proxy for names where only names are asked for."""
    ports = rule.to_ports or ()
    asked = {(p.port, p.protocol) for part in ports for p in part.ports}
    if not asked or any(port != "53" for port, _ in asked):
        return rule
    return structs.replace(rule, to_ports=tuple(structs.replace(part, rules=NAMES) for part in ports))


def _rules(unit: Unit, needs: Needs) -> Iterator[tuple[CiliumEgressRule, tuple[Wanted, ...]]]:
    open_to_all = set(needs.get(None, ()))
    together: dict[Points, list[Peer]] = {}
    for peer, wanted in needs.items():
        left = set(wanted) - open_to_all if isinstance(peer, Unit) else wanted
        if left:
            together.setdefault(tuple(sorted(left)), []).append(peer)
    found = []
    for points, peers in together.items():
        for rank, rule, some in _sorts(unit, peers):
            why = tuple(w for p in some for at in points for w in needs[p][at])
            ordered = tuple(sorted(dict.fromkeys(why), key=lambda w: (w.tally is None, str(w), w.because)))
            key = (rank, [first_name(p) for p in some if isinstance(p, Unit)], points)
            found.append((key, (structs.replace(rule, to_ports=tuple(_ports(points))), ordered)))
    yield from (rule for _, rule in sorted(found, key=lambda each: each[0]))


def _sorts(unit: Unit, peers: Sequence[Peer]) -> Iterator[tuple[int, CiliumEgressRule, Sequence[Peer]]]:
    """Peers of one sort in each rule, since Cilium takes no two sorts in one."""
    pods = sorted(
        (p for p in peers if isinstance(p, Unit)), key=lambda p: (p.namespace != unit.namespace, first_name(p))
    )
    every = [p for p in peers if p is None]
    if pods or every:
        chosen = (*(_endpoint(unit, p) for p in pods), *(EVERY_POD for _ in every))
        yield 0, CiliumEgressRule(endpoints=chosen), [*pods, *every]
    entities = [p for p in peers if isinstance(p, Entity)]
    places = [p for p in peers if isinstance(p, tuple)]
    local = [p for p in places if p[0] == LOCAL]  # on the network of the pod's own node
    if entities or local:
        yield 1, CiliumEgressRule(entities=tuple(_entities(entities, own=bool(local)))), [*entities, *local]
    if names := sorted((p for p in peers if isinstance(p, Named)), key=lambda p: p.name):
        yield 2, CiliumEgressRule(names=tuple(FQDNSelector(p.name) for p in names)), names
    if places:
        ranges = tuple(blocks(places))
        if any(b.excluded for b in ranges):
            yield 3, CiliumEgressRule(cidr_set=tuple(CIDRRule(b.cidr, excluded=b.excluded) for b in ranges)), places
        else:
            yield 3, CiliumEgressRule(cidr=tuple(b.cidr for b in ranges)), places


def _endpoint(unit: Unit, peer: Unit) -> LabelSelector:
    assert peer.selector is not None
    if peer.namespace == unit.namespace:
        return peer.selector
    return structs.replace(peer.selector, match_labels={HOME: peer.namespace, **peer.selector.match_labels})


def _entities(given: Iterable[Entity], *, own: bool) -> Iterator[str]:
    """A pod's own node is `host` to Cilium, and no other one."""
    told = sorted(given)
    if own or Entity.NODES in told:
        yield "host"
    yield from (entity.value for entity in told)


def _ports(points: Points) -> Iterator[PortRule]:
    """Port by port while they are few: versions before 1.16 know no ranges."""
    ranges = Ports.of((p, p + 1) for p in points).ranges
    found = [PortProtocol(str(p % SPAN), protocol=PROTOCOLS[p // SPAN]) for p in points]
    if len(points) > MOST:
        ends = ((low, high - 1 if high - low > 1 else None) for low, high in ranges)
        found = [
            PortProtocol(str(low % SPAN), None if last is None else last % SPAN, PROTOCOLS[low // SPAN])
            for low, last in ends
        ]
    yield from (PortRule(tuple(found[i : i + MOST])) for i in range(0, len(found), MOST))
