"""What policies open beyond the workloads that are there, as np-guard's exposure analysis counts it.

Every selector of a peer stands for pods that may come: one that no workload matches today, or that chooses by
expressions or whole namespaces. A rule speaks of such pods if it has the same selector, or an empty one. What is open
to the whole cluster is told once, and a selector only where it differs from that (np-guard/netpol-analyzer
pkg/netpol/eval/exposure.go, pkg/netpol/connlist/exposure_map.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.access.ports import EVERY_PORT, NO_PORT, PROTOCOLS, Ports
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.selectors import LabelSelector, Requirement, matches
from mistrust.layers.network.statements.policies import Policies
from mistrust.layers.network.statements.rules import (
    Action,
    Chosen,
    Entity,
    Rule,
    Selector,
    Service,
    Statement,
    Tier,
)
from mistrust.layers.network.statements.rules import (
    Peer as RulePeer,
)
from mistrust.report.connections.listed import ENTIRE_CLUSTER, Connections, Exposure, Peer, Potential
from mistrust.report.connections.newcomers import ANYBODY, Key, Newcomers, key_of, newcomers_of

DIRECTIONS = ("Ingress", "Egress")

Names = frozenset[tuple[str, str]]
"""Protocol (empty for any) and name of a port."""


class Opened(msgspec.Struct, frozen=True):
    """Ports, and names of ports that only a pod can resolve."""

    ports: Ports = NO_PORT
    names: Names = frozenset()

    def __str__(self) -> str:
        if not self.names or self.ports == EVERY_PORT:
            return str(self.ports)
        told = dict.fromkeys(sorted({p for p, _ in self.names}), "")
        for protocol in PROTOCOLS:
            numbers = str(self.ports & Ports.span(protocol)).removeprefix(f"{protocol} ")
            if self.ports & Ports.span(protocol):
                told[protocol] = numbers
        for protocol, name in sorted(self.names):
            told[protocol] += f"{',' if told[protocol] else ''}{name}"
        return ",".join(f"{protocol} {told[protocol]}" for protocol in sorted(told))


def exposure_of(
    connections: Connections,
    given: Policies,
    workloads: Mapping[Peer, Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
) -> Exposure:
    """The exposure of each workload; `workloads` has one pod that stands for each."""
    said = sorted(given.statements(), key=lambda s: (s.tier, s.order))
    newcomers = newcomers_of(given, workloads.values(), namespaces)
    known: dict[object, tuple[tuple[str, Opened], ...] | None] = {}
    found: dict[str, list[Potential]] = {d: [] for d in DIRECTIONS}
    unprotected: list[tuple[Peer, str]] = []
    exposed: set[Peer] = set()
    for peer, pod in workloads.items():
        labels = namespaces.get(pod.namespace, {})
        for direction in DIRECTIONS:
            about = [s for s in said if s.egress == (direction == "Egress") and _chosen(s.subject, pod, labels)]
            key = (direction, tuple(map(id, about)), pod.ports if direction == "Ingress" else ())
            if key not in known:
                known[key] = _open(about, newcomers, pod if direction == "Ingress" else None) if about else None
            rows = known[key]
            if rows is None:
                unprotected.append((peer, direction))
                rows = ((ENTIRE_CLUSTER, Opened(EVERY_PORT)),)
            if rows or not about:
                exposed.add(peer)
            found[direction] += (Potential(peer, other, str(opened), opened.ports) for other, opened in rows)
    for source, target, ports in connections.pairs():
        if source.external and target in exposed and not source.text.startswith("{"):
            found["Ingress"].append(Potential(target, source.text, str(ports), ports))
        if target.external and source in exposed:
            found["Egress"].append(Potential(source, target.text, str(ports), ports))
    return Exposure(
        tuple(sorted(found["Egress"], key=_by_names)),
        tuple(sorted(found["Ingress"], key=_by_names)),
        tuple(unprotected),
        tuple(sorted(exposed)),
    )


def _by_names(row: Potential) -> tuple[str, str]:
    return row.workload.text, row.other


def _open(
    about: Sequence[Statement], newcomers: Mapping[Key, Newcomers], pod: Endpoint | None
) -> tuple[tuple[str, Opened], ...]:
    """What is open to the whole cluster, and to newcomers wherever that differs."""
    everybody = _decided(about, ANYBODY, pod)
    rows = [(ENTIRE_CLUSTER, everybody)] if everybody != Opened() else []
    for key, who in newcomers.items():
        opened = _decided(about, key, pod)
        if opened != everybody:
            rows.append((str(who), opened))
    return tuple(rows)


def _decided(about: Sequence[Statement], who: Key, pod: Endpoint | None) -> Opened:
    """What the policies of one direction leave open to somebody; `pod` is the destination where it is known."""
    rules = {t: [r for s in about if s.tier is t for r in s.rules if _speaks(r.peers, who)] for t in Tier}
    admin, left, barred = _ruled(rules[Tier.ADMIN], EVERY_PORT, frozenset(), pod)
    own, left, barred = _ruled(rules[Tier.PLUGIN], left, barred, pod)
    admin = _union((admin, own))
    if any(s.tier is Tier.NETWORK for s in about):
        return _union((admin, *(_within(_service(r.service, pod), left, barred) for r in rules[Tier.NETWORK])))
    baseline, left, _ = _ruled(rules[Tier.BASELINE], left, barred, pod)
    return _union((admin, baseline, Opened(left)))


def _ruled(rules: Iterable[Rule], left: Ports, barred: Names, pod: Endpoint | None) -> tuple[Opened, Ports, Names]:
    """What the rules of a tier allow, what they leave to the next, and the names that they have decided about."""
    allowed, passed = Opened(), NO_PORT
    for rule in rules:
        now = _within(_service(rule.service, pod), left, barred)
        left = left - now.ports
        if rule.action is Action.ALLOW:
            allowed = _union((allowed, now))
        if rule.action is Action.PASS:
            passed = passed | now.ports
        else:
            barred = barred | now.names
    return allowed, left | passed, barred


def _within(opened: Opened, left: Ports, barred: Names) -> Opened:
    return Opened(opened.ports & left, opened.names - barred)


def _union(parts: Iterable[Opened]) -> Opened:
    ports, names = NO_PORT, frozenset[tuple[str, str]]()
    for part in parts:
        ports, names = ports | part.ports, names | part.names
    return Opened(ports, names)


def _speaks(peers: Iterable[RulePeer], who: Key) -> bool:
    pods = (p.everybody or p.entity is Entity.CLUSTER for p in peers)
    return any(pods) or any(p.chosen is not None and _covers(key_of(p.chosen), who) for p in peers)


def _covers(rule: Key, who: Key) -> bool:
    return all(mine in (Selector(), theirs) for mine, theirs in zip(rule, who, strict=True))


def _service(service: Service, pod: Endpoint | None) -> Opened:
    if pod is None:
        return Opened(service.ports, frozenset(service.names))
    ports = service.ports
    for protocol, name in service.names:
        for port in pod.ports:
            if port.name == name and protocol in ("", port.protocol):
                ports = ports | Ports.span(port.protocol, port.number, port.number)
    return Opened(ports)


def _chosen(subject: Chosen, pod: Endpoint, labels: Mapping[str, str]) -> bool:
    if subject.namespace:
        inside = subject.namespace == pod.namespace
    else:
        inside = matches(_selector(subject.namespaces), labels)
    return inside and matches(_selector(subject.pods), pod.labels)


def _selector(given: Selector) -> LabelSelector:
    needs = tuple(Requirement(key, operator, values) for key, operator, values in given.needs)
    return LabelSelector(dict(given.labels), needs)
