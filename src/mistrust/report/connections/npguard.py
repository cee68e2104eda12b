"""Policies as np-guard's netpol-analyzer reads them where it differs: what it leaves out with a warning.

Peers that are nodes, and ranges of ports that hold none (pkg/netpol/eval/internal/k8s/netpols_common.go,
isEmptyPortRange): a rule with only such ports, or only such peers, is left out whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import structs

from mistrust.access.ports import SPAN
from mistrust.kube.network import (
    AdminPort,
    AdminRule,
    ClusterNetworkPolicy,
    ClusterRule,
    EgressPolicyRule,
    IngressPolicyRule,
    NetworkPolicy,
    PolicyPort,
)
from mistrust.layers.network.statements.policies import ClusterWide, Policies

Rule = TypeVar("Rule", IngressPolicyRule, EgressPolicyRule)


def as_np_guard_reads(given: Policies) -> Policies:
    """The same policies without what np-guard leaves out."""
    network, cluster = tuple(map(_network, given.network)), tuple(map(_cluster_wide, given.cluster))
    return structs.replace(given, network=network, cluster=cluster)


def _network(policy: NetworkPolicy) -> NetworkPolicy:
    spec = policy.spec
    rules = {"ingress": _with_ports(spec.ingress), "egress": _with_ports(spec.egress)}
    return structs.replace(policy, spec=structs.replace(spec, policy_types=spec.directions, **rules))


def _with_ports(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """A rule that names ports and is left with none matches nothing."""
    cut = [(rule, tuple(p for p in rule.ports if not _empty(p))) for rule in rules]
    return tuple(structs.replace(rule, ports=ports) for rule, ports in cut if ports or not rule.ports)


def _empty(port: PolicyPort) -> bool:
    if not isinstance(port.port, int):
        return False
    return _none(port.port, port.port if port.end_port is None else port.end_port)


def _none(first: int, last: int) -> bool:
    return not 1 <= first <= last < SPAN


def _cluster_wide(policy: ClusterWide) -> ClusterWide:
    if isinstance(policy, ClusterNetworkPolicy):
        egress = tuple(r for rule in policy.spec.egress if (r := _without_nodes(rule)).destinations)
        return structs.replace(policy, spec=structs.replace(policy.spec, egress=egress))
    out = [_without_nodes(rule) for rule in _with_admin_ports(policy.spec.egress)]
    spec = structs.replace(
        policy.spec,
        ingress=_with_admin_ports(policy.spec.ingress),
        egress=tuple(rule for rule in out if rule.destinations),
    )
    return structs.replace(policy, spec=spec)


Wide = TypeVar("Wide", AdminRule, ClusterRule)


def _without_nodes(rule: Wide) -> Wide:
    return structs.replace(rule, destinations=tuple(p for p in rule.destinations if p.nodes is None))


def _with_admin_ports(rules: Iterable[AdminRule]) -> tuple[AdminRule, ...]:
    kept = []
    for rule in rules:
        ports = None if rule.ports is None else tuple(p for p in rule.ports if not _empty_admin(p))
        if ports is None or ports:
            kept.append(structs.replace(rule, ports=ports))
    return tuple(kept)


def _empty_admin(port: AdminPort) -> bool:
    one, span = port.port_number, port.port_range
    return (one is not None and _none(one.port, one.port)) or (span is not None and _none(span.start, span.end))
