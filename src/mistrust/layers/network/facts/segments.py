"""Which workloads some policy really limits: a policy that lets everything through is no limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.access.ports import EVERY_PORT
from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.meta import Object, Ref
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.reach import Part, Reach
from mistrust.layers.network.facts.telling import SHOWN, listed
from mistrust.layers.network.statements.policies import Policies
from mistrust.layers.network.statements.rules import (
    EVERYTHING,
    Action,
    Entity,
    Peer,
    Rule,
    Selector,
    Statement,
    Tier,
    statements,
)

ANYTHING = Selector()
EVERY_SPACE = (ANYTHING, Selector(needs=((NAMESPACE_NAME, "Exists", ()),)))


class Segment(msgspec.Struct, frozen=True):
    """The workloads of a namespace that have pods with a network of their own."""

    namespace: str
    workloads: tuple[Workload, ...]
    open_ingress: tuple[Workload, ...]
    """Those that nothing limits coming in."""
    open_egress: tuple[Workload, ...]

    @property
    def unlimited(self) -> bool:
        """Is there no limit at all?"""
        return len(self.open_ingress) == len(self.open_egress) == len(self.workloads)


def lets_everything(rule: Rule) -> bool:
    """Does a rule let every pod through, on every port?"""
    sure = rule.action is Action.ALLOW and not rule.unsure
    return sure and rule.service == EVERYTHING and any(map(everybody, rule.peers))


def everybody(peer: Peer) -> bool:
    """Is it every pod, those to come included?"""
    if peer.chosen is None:
        return peer.everybody or peer.entity is Entity.CLUSTER
    return not peer.chosen.namespace and peer.chosen.namespaces in EVERY_SPACE and peer.chosen.pods == ANYTHING


def limited(reach: Reach, given: Policies) -> tuple[list[bool], list[bool]]:
    """Of every class: does something limit what comes in, what goes out?

    A NetworkPolicy does, unless its rules and those of others let every pod through on every port; a cluster-wide
    policy with a Deny does.
    """
    said = list(given.under(reach.profile).statements())
    isolated, opened, denied = ([[False] * reach.classes for _ in range(2)] for _ in range(3))
    for s in said:
        if not s.malformed:
            for flags, counts in ((isolated, s.tier is Tier.NETWORK), (opened, _opens(s)), (denied, _denies(s))):
                for c in reach.chosen(s.subject) if counts else ():
                    flags[s.egress][c] = True
    for egress, together in enumerate(_together(reach, isolated)):
        for c in together:
            opened[egress][c] = True
    ingress, egress_ = (
        [d or (i and not o) for i, o, d in zip(isolated[n], opened[n], denied[n], strict=True)] for n in (0, 1)
    )
    return ingress, egress_


def _together(reach: Reach, isolated: Sequence[Sequence[bool]]) -> tuple[list[int], list[int]]:
    """Classes that let everybody in whom nothing keeps from sending, and those that get in wherever nothing keeps out.

    Pods on the network of a node are left aside: policies do not reach them.
    """
    pods = [c for c in range(reach.classes) if not reach.endpoints[reach.members(c)[0]].host_network]
    senders = Classes.of(c for c in pods if not isolated[1][c])
    takers = [c for c in pods if not isolated[0][c]]
    known: dict[int, Classes] = {}

    def whole(cls: int) -> Classes:
        row = reach.row_apart(cls)
        if id(row) not in known:
            known[id(row)] = _whole(row)
        return known[id(row)]

    inward = [c for c in pods if isolated[0][c] and senders and not senders - whole(c)]
    everywhere = Classes.of(c for c in pods if isolated[1][c])
    for row in {id(reach.row_apart(c)): c for c in takers}.values():
        everywhere = everywhere & whole(row)
    return inward, list(everywhere) if takers else []


def _whole(row: Sequence[Part]) -> Classes:
    """The sources of a row that may open every port."""
    missing, found = EVERY_PORT, None
    for part in row:
        missing = missing - part.ports
        found = part.sources if found is None else found & part.sources
    return Classes.of(()) if missing or found is None else found


def _opens(s: Statement) -> bool:
    return s.tier is Tier.NETWORK and any(map(lets_everything, s.rules))


def _denies(s: Statement) -> bool:
    return any(rule.action is Action.DENY for rule in s.rules)


def segments(snapshot: Snapshot, reach: Reach, given: Policies) -> tuple[Segment, ...]:
    """Every namespace with such workloads, by name."""
    ingress, egress = limited(reach, given)
    sides: dict[int, list[bool]] = {}
    for end, c in zip(reach.endpoints, reach.class_of, strict=True):
        if not end.host_network or reach.profile.host_network_selectable:
            held = sides.setdefault(end.workload, [True, True])
            held[0], held[1] = held[0] and ingress[c], held[1] and egress[c]
    spaces: dict[str, list[int]] = {}
    for i in sides:
        spaces.setdefault(snapshot.workloads[i].namespace, []).append(i)
    return tuple(_segment(name, [(snapshot.workloads[i], sides[i]) for i in spaces[name]]) for name in sorted(spaces))


def _segment(name: str, held: Sequence[tuple[Workload, Sequence[bool]]]) -> Segment:
    held = sorted(held, key=lambda each: each[0].ref)
    ingress, egress = (tuple(w for w, sides in held if not sides[n]) for n in (0, 1))
    return Segment(name, tuple(w for w, _ in held), ingress, egress)


def opens_all(policy: NetworkPolicy) -> tuple[Evidence, ...]:
    """The rules by which a policy for all pods of its namespace lets everything through; none for another policy."""
    if policy.spec.pod_selector != LabelSelector():
        return ()
    return tuple(
        at(policy, "spec.egress" if s.egress else "spec.ingress", i)
        for s in statements(policy)
        if not s.malformed
        for i, rule in enumerate(s.rules)
        if lets_everything(rule)
    )


def segment_facts(snapshot: Snapshot, reach: Reach, given: Policies) -> Iterator[Fact]:
    """Namespaces without a limit, and in the others the workloads without one; one fact a namespace and name."""
    shown = {n.name: n for n in snapshot.of(Namespace)}
    opening = {p.namespace: p for p in sorted(given.network, key=lambda p: p.ref, reverse=True) if opens_all(p)}
    for s in segments(snapshot, reach, given):
        source = shown.get(s.namespace)
        if s.unlimited:
            policy = opening.get(s.namespace)
            yield _fact("network.unsegmented", s.namespace, source, s.workloads, _nothing(s, policy), policy)
            continue
        if s.open_ingress:
            detail = f"{_of(s.open_ingress, s)} may be reached from every namespace on every port"
            yield _fact("network.open-ingress", s.namespace, source, s.open_ingress, detail)
        taken = {w.ref for w in s.open_ingress}
        leaky = tuple(w for w in s.open_egress if w.ref not in taken)
        if leaky:
            detail = f"{_of(leaky, s)} may connect to everything, the Internet included"
            yield _fact("network.open-egress", s.namespace, source, leaky, detail)


def _nothing(s: Segment, policy: NetworkPolicy | None) -> str:
    many = len(s.workloads) > 1
    what = f"its {len(s.workloads):,} workloads, or what they reach" if many else "its workload, or what that reaches"
    return f"no policy limits what reaches {what}" + (f": {policy.ref} allows everything" if policy else "")


def _of(some: Sequence[Workload], s: Segment) -> str:
    names = listed([w.source.name for w in some])
    return (
        f"its workload {names}" if len(s.workloads) == 1 else f"{len(some)} of {len(s.workloads)} workloads ({names})"
    )


def _fact(
    name: str,
    namespace: str,
    source: Namespace | None,
    workloads: Sequence[Workload],
    detail: str,
    policy: NetworkPolicy | None = None,
) -> Fact:
    """What a namespace's labels cannot tell, its workloads do."""
    objects: list[Object] = [o for o in (source, policy) if o is not None] or [w.source for w in workloads[:SHOWN]]
    ref = Ref("", Namespace.KIND, "", namespace)
    return Fact(name, str(ref), ref, detail, tuple(map(at, objects)))
