"""Which rules of policies the observed flows needed, and which no flow ever did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.access.evidence import Evidence, FieldPath, at
from mistrust.access.fact import Edit, Fact
from mistrust.access.record import Tally
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.grants import Connections
from mistrust.layers.network.least.enough import ENOUGH, rare, unsaid
from mistrust.layers.network.links import Link, Links, lost
from mistrust.layers.network.usage import Names, Usage

NAMES: Final = ("network.unused-rule",)
DIRECTIONS: Final = ("ingress", "egress")


class RuleUse(msgspec.Struct, frozen=True):
    """One rule of a policy."""

    policy: NetworkPolicy
    rule: Evidence
    tally: Tally | None
    """None for one that no flow needed."""
    links: tuple[tuple[str, Tally], ...] = ()
    """What needed it, the most used first."""


def links_of(usage: Usage) -> Iterator[tuple[Link, Tally]]:
    """Everything that was seen; what comes from an address is told by the address."""
    yield from ((c, tally) for c, tally in usage.seen.items() if c.source is not None)
    yield from usage.within.items()
    yield from usage.abroad.items()


def needed(connections: Connections, usage: Usage) -> tuple[RuleUse, ...]:
    """Every rule of every NetworkPolicy. Of several that allow a flow each is needed, not only the first."""
    asked = Links(connections)
    found: dict[tuple[Ref, FieldPath], dict[str, Tally]] = {}
    for link, tally in links_of(usage):
        rules = {(e.ref, e.path) for v in asked.verdicts(link, enforced=True) for e in v.decided_by}
        for rule in rules:
            found.setdefault(rule, {})[str(link)] = tally
    return tuple(_rules(connections, found))


def _rules(connections: Connections, found: Mapping[tuple[Ref, FieldPath], Mapping[str, Tally]]) -> Iterator[RuleUse]:
    for policy in connections.origins[0].snapshot.of(NetworkPolicy):
        for direction, rules in (("ingress", policy.spec.ingress), ("egress", policy.spec.egress)):
            for i, _ in enumerate(rules if direction.capitalize() in policy.spec.directions else ()):
                rule = at(policy, f"spec.{direction}", i)
                links = sorted(found.get((rule.ref, rule.path), {}).items(), key=lambda each: (-each[1].count, each[0]))
                tally = None
                for _, each in links:
                    tally = each if tally is None else tally + each
                yield RuleUse(policy, rule, tally, tuple(links))


def unused_rules(connections: Connections, usage: Usage) -> Iterator[Fact]:
    """One fact for each policy with rules that no flow needed.

    Nothing is said of policies about workloads that the evidence does not cover, or of which a flow has an end that is
    not known, and nothing at all while there are jobs that did not run: they may need any rule.
    """
    snapshot = connections.origins[0].snapshot
    if rare(snapshot, usage) or not any(p.enforces for p in connections.origins[0].ground.profiles):
        return
    unsure = {ref for ref, _ in unsaid(snapshot, usage, endpoints(snapshot), ENOUGH)} | _half_known(snapshot, usage)
    days = f"in {usage.coverage.days:.0f} days"
    rules: dict[int, list[RuleUse]] = {}
    for each in needed(connections, usage):
        rules.setdefault(id(each.policy), []).append(each)
    for several in rules.values():
        policy = several[0].policy
        chosen = _chosen(snapshot, policy)
        idle = [each.rule for each in several if each.tally is None]
        if not idle or not chosen or chosen & unsure:
            continue
        which = "any of its rules" if len(idle) == len(several) else ", ".join(str(e).rpartition(" ")[2] for e in idle)
        edits = tuple(Edit(policy.ref, policy.origin, "remove", rule.path) for rule in reversed(idle))
        yield Fact(
            "network.unused-rule", str(policy.ref), policy.ref, f"no flow {days} needed {which}", tuple(idle), edits
        )


def _chosen(snapshot: Snapshot, policy: NetworkPolicy) -> set[Ref]:
    """The workloads that a policy is about."""
    return {
        snapshot.workloads[e.workload].ref
        for e in endpoints(snapshot)
        if e.namespace == policy.namespace and matches(policy.spec.pod_selector, e.labels)
    }


def _half_known(snapshot: Snapshot, usage: Usage) -> set[Ref]:
    """Workloads with a flow of which the other end is not known."""
    names = Names(snapshot)
    ends = (
        names.who(peer) for flow in usage.unresolved if lost(names, flow) for peer in (flow.source, flow.destination)
    )
    return {ref for who in ends for ref in who or ()}
