"""NetworkPolicies as a person would write them: for one unit of workloads, peers with the same ports in one rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from typing import Final

import msgspec

from mistrust.access.ports import PROTOCOLS, SPAN, Ports
from mistrust.kube.cilium import CiliumNetworkPolicy
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.meta import Metadata
from mistrust.kube.network import (
    EgressPolicyRule,
    IngressPolicyRule,
    IPBlock,
    NetworkPolicy,
    NetworkPolicySpec,
    PolicyPeer,
    PolicyPort,
)
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.separate import Unit
from mistrust.layers.network.addresses import V6
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.exposure.outside import joined, without
from mistrust.layers.network.least.wanted import Wanted
from mistrust.layers.network.statements.statement import Entity

MANY: Final = 8
"""With more CIDRs than that, those that are missing from the whole are named instead, if they are fewer."""
IPV4: Final = (0, 1 << 32)
BOTH: Final = ("Ingress", "Egress")

Policy = NetworkPolicy | CiliumNetworkPolicy


class Named(msgspec.Struct, frozen=True):
    """Whoever has a DNS name."""

    name: str


Peer = Unit | Span | Entity | Named | None
"""Workloads, addresses, somebody that Cilium knows by name, a name, or None: every pod."""
Needs = Mapping[Peer, Mapping[int, Sequence[Wanted]]]
"""Of one unit in one direction: by peer and point on the line of ports, what for."""


class Reason(msgspec.Struct, frozen=True):
    """Why a rule is there."""

    path: str
    """`spec.ingress[0]`."""
    because: tuple[Wanted, ...]


class Written(msgspec.Struct, frozen=True):
    """A policy, and the reason of each of its rules."""

    policy: Policy
    reasons: tuple[Reason, ...]


def policy(unit: Unit, name: str, ingress: Needs, egress: Needs) -> Written:
    """The policy of a unit: nothing but what is needed comes in or goes out."""
    into, out = tuple(_rules(unit, ingress)), tuple(_rules(unit, egress))
    assert unit.selector is not None
    spec = NetworkPolicySpec(
        pod_selector=unit.selector,
        policy_types=BOTH,
        ingress=tuple(IngressPolicyRule(peers, ports) for peers, ports, _ in into),
        egress=tuple(EgressPolicyRule(peers, ports) for peers, ports, _ in out),
    )
    reasons = [Reason(f"spec.ingress[{i}]", why) for i, (_, _, why) in enumerate(into)]
    reasons += [Reason(f"spec.egress[{i}]", why) for i, (_, _, why) in enumerate(out)]
    return Written(NetworkPolicy(metadata=Metadata(name=name, namespace=unit.namespace), spec=spec), tuple(reasons))


def deny_all(namespace: str, name: str) -> NetworkPolicy:
    """Nothing comes in or goes out, of pods to come either."""
    return NetworkPolicy(metadata=Metadata(name=name, namespace=namespace), spec=NetworkPolicySpec(policy_types=BOTH))


Rule = tuple[tuple[PolicyPeer, ...], tuple[PolicyPort, ...], tuple[Wanted, ...]]


def _rules(unit: Unit, needs: Needs) -> Iterator[Rule]:
    open_to_all = set(needs.get(None, ()))
    together: dict[tuple[int, ...], list[Peer]] = {}
    for peer, wanted in needs.items():
        left = set(wanted) - open_to_all if isinstance(peer, Unit) else wanted
        if left:
            together.setdefault(tuple(sorted(left)), []).append(peer)
    found = []
    for points, peers in together.items():
        pods = sorted(
            (p for p in peers if isinstance(p, Unit)), key=lambda p: (p.namespace != unit.namespace, first_name(p))
        )
        places = [p for p in peers if isinstance(p, tuple)]
        why = tuple(w for p in peers for at in points for w in needs[p][at])
        ordered = tuple(sorted(dict.fromkeys(why), key=lambda w: (w.tally is None, str(w), w.because)))
        ports = tuple(_ports(points))
        some = (*(_peer(unit, p) for p in pods), *([EVERY_POD] if None in peers else ()))
        if some:
            key = (0, [(p.namespace != unit.namespace, first_name(p)) for p in pods], points)
            found.append((key, (some, ports, tuple(w for w in ordered if not of_address(w)))))
        if places:
            held = tuple(PolicyPeer(ip_block=b) for b in blocks(places))
            found.append(((1, [], points), (held, ports, tuple(w for w in ordered if of_address(w)))))
    yield from (rule for _, rule in sorted(found, key=lambda each: each[0]))


EVERY_POD: Final = PolicyPeer(namespace_selector=LabelSelector())


def of_address(wanted: Wanted) -> bool:
    """Is it about addresses?"""
    return isinstance(wanted.source, tuple) or isinstance(wanted.destination, tuple)


def first_name(unit: Unit) -> tuple[str, str, str]:
    """What a unit is sorted by."""
    first = unit.workloads[0]
    return first.namespace, first.name, first.kind


def _peer(unit: Unit, peer: Unit) -> PolicyPeer:
    if peer.namespace == unit.namespace:
        return PolicyPeer(pod_selector=peer.selector)
    named = LabelSelector(match_labels={NAMESPACE_NAME: peer.namespace})
    return PolicyPeer(namespace_selector=named, pod_selector=peer.selector)


def _ports(points: Iterable[int]) -> Iterator[PolicyPort]:
    """Three and more in a row become a range."""
    for low, high in Ports.of((p, p + 1) for p in points).ranges:
        protocol, first, last = PROTOCOLS[low // SPAN], low % SPAN, (high - 1) % SPAN
        if last - first > 1:
            yield PolicyPort(protocol, first, last)
        else:
            yield from (PolicyPort(protocol, number) for number in range(first, last + 1))


def blocks(places: Iterable[Span]) -> Iterator[IPBlock]:
    """The same addresses, as few blocks as that takes."""
    spans = joined(places)
    for family in ([s for s in spans if s[0] < V6], [s for s in spans if s[0] >= V6]):
        whole = list(_cidrs(family))
        holes = list(_cidrs(without([IPV4], family))) if len(whole) > MANY and family[0][0] < V6 else whole
        if len(holes) < len(whole):
            yield IPBlock("0.0.0.0/0", tuple(holes))
        else:
            yield from (IPBlock(cidr) for cidr in whole)


def _cidrs(spans: Iterable[Span]) -> Iterator[str]:
    for low, high in spans:
        if low >= V6:
            yield from map(str, summarize_address_range(IPv6Address(low - V6), IPv6Address(high - 1 - V6)))
        else:
            yield from map(str, summarize_address_range(IPv4Address(low), IPv4Address(high - 1)))
