"""What is said once for the whole cluster: ClusterNetworkPolicies above and below the policies of workloads.

Above, in the Admin tier, that pods may ask for names, in every namespace where each pod may do so already; the policies
of its workloads then say nothing of it. Below, in the Baseline tier, a denial for pods to come that no NetworkPolicy
is about. Where the cluster has policies of others in a tier, that tier is left to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from mistrust.access.change import Change, Note
from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.meta import Metadata
from mistrust.kube.network import (
    AdminPeer,
    AdminSubject,
    ClusterNetworkPolicy,
    ClusterNetworkPolicySpec,
    ClusterRule,
    DestinationPort,
    NamespacedPods,
    ProtocolMatch,
    ProtocolPorts,
)
from mistrust.kube.selectors import LabelSelector, Requirement
from mistrust.kube.separate import Unit
from mistrust.layers.network.least.drafting import Draft, Scene
from mistrust.layers.network.least.permitted import Extent
from mistrust.layers.network.least.wanted import DNS
from mistrust.layers.network.statements.policies import policies
from mistrust.layers.network.statements.rules import Tier, statements

NAMES: Final = "allow-dns"
DNS_RULE: Final = "dns"
SHUT: Final = "default-deny"
ABOVE: Final = 100
BELOW: Final = 1000
"""Priorities; the lower is asked first."""
EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
MOST: Final = 25
"""So many peers, and so many protocols, may stand in one rule (apis/v1alpha2, maxItems)."""
OUTSIDE: Final = (
    "a ClusterNetworkPolicy can name neither nodes nor anybody outside on the way in: what comes later answers them "
    "until it has a NetworkPolicy"
)
"""Who sends is a pod or a namespace there; `networks` are peers of egress alone."""


class Wide:
    """The policies of the whole cluster; takes what they say out of the draft."""

    def __init__(self, scene: Scene, draft: Draft) -> None:
        self._scene, self._draft = scene, draft
        self._old = {p.name: p for p in scene.snapshot.of(ClusterNetworkPolicy) if _is_ours(p)}
        others = [p for p in policies(scene.snapshot).cluster if p not in self._old.values()]
        taken = {s.tier for p in others for s in statements(p)}
        self._resolvers = self._asked()
        spaces = sorted({u.namespace for u in draft.covered})
        self.asking = [n for n in spaces if self._may_ask(n)] if Tier.ADMIN not in taken and self._resolvers else []
        self.shut = [n for n in spaces if self._whole(n)] if Tier.BASELINE not in taken else []
        """Namespaces whose pods to come are denied everything by the Baseline tier."""
        for unit in draft.covered:
            if unit.namespace in self.asking:
                self._unsay(unit)

    def changes(self) -> Iterator[Change]:
        """The policies as changes, where they are not there yet."""
        if self.asking:
            yield from self._change(self._names(), "pods may ask for names, as they all may now", DNS)
        if self.shut:
            yield from self._change(_shut(self.shut), "what comes later has to get a policy of its own", "")

    def _change(self, new: ClusterNetworkPolicy, because: str, why: str) -> Iterator[Change]:
        old = self._old.get(new.name)
        notes = (Note(why, "spec.egress[0]"),) if why else ()
        if old is None:
            yield Change(None, (new,), because, notes)
        elif old.spec != new.spec:
            yield Change(old, (structs.replace(old, spec=new.spec),), because, notes)

    def _asked(self) -> dict[Unit, tuple[int, ...]]:
        """The resolvers with their ports; none if selectors cannot choose one, or one is not to answer everybody."""
        found: dict[Unit, set[int]] = {}
        for ref, at in self._scene.regulars.resolvers:
            unit = self._scene.of.get(ref)
            if unit is None or unit.selector is None or not self._open(unit, at):
                return {}
            found.setdefault(unit, set()).add(at)
        return {unit: tuple(sorted(points)) for unit, points in found.items()} if len(found) <= MOST else {}

    def _open(self, resolver: Unit, at: int) -> bool:
        """Does what comes in to a resolver stay as it is, or is it open to every pod?"""
        draft = self._draft
        return resolver not in draft.covered or at in draft.ingress.get(resolver, {}).get(None, {})

    def _may_ask(self, namespace: str) -> bool:
        """May every pod of a namespace, and one to come, ask the resolvers already?"""
        permitted = self._scene.permitted
        here = [u for u in self._scene.units if u.namespace == namespace]
        asked = [(to, at) for to, points in self._resolvers.items() for at in points]
        if not all(permitted.extent(u, to, at) is Extent.ALL for u in here for to, at in asked):
            return False
        return permitted.newcomer_may(namespace, asked)

    def _whole(self, namespace: str) -> bool:
        """Have all workloads of a namespace a policy, and is none about pods to come?"""
        here = {u for u in self._scene.units if u.namespace == namespace}
        return here <= self._draft.covered and self._scene.permitted.newcomer_is_free(namespace)

    def _unsay(self, unit: Unit) -> None:
        needs = self._draft.egress.get(unit, {})
        for resolver, points in self._resolvers.items():
            held = needs.get(resolver, {})
            for at in points:
                held.pop(at, None)
            if not held:
                needs.pop(resolver, None)

    def _names(self) -> ClusterNetworkPolicy:
        rules = []
        for unit, points in sorted(self._resolvers.items(), key=lambda each: each[0].workloads):
            assert unit.selector is not None
            peer = AdminPeer(pods=NamespacedPods(_named([unit.namespace]), unit.selector))
            rules.append(ClusterRule(DNS_RULE, "Accept", destinations=(peer,), protocols=tuple(map(_port, points))))
        spec = ClusterNetworkPolicySpec("Admin", ABOVE, AdminSubject(_named(self.asking)), egress=tuple(rules))
        return ClusterNetworkPolicy(metadata=Metadata(name=NAMES), spec=spec)


def _is_ours(given: ClusterNetworkPolicy) -> bool:
    """Does it say what is written here, be it about other namespaces or resolvers?"""
    spec = given.spec
    if given.name == SHUT:
        return structs.replace(spec, subject=AdminSubject()) == structs.replace(_shut([]).spec, subject=AdminSubject())
    only = all((rule.name, rule.action) == (DNS_RULE, "Accept") for rule in spec.egress)
    return (given.name, spec.tier, spec.priority, spec.ingress) == (NAMES, "Admin", ABOVE, ()) and only


def _shut(namespaces: list[str]) -> ClusterNetworkPolicy:
    pods = AdminPeer(namespaces=LabelSelector())
    spec = ClusterNetworkPolicySpec(
        "Baseline",
        BELOW,
        AdminSubject(_named(namespaces)),
        ingress=(ClusterRule("from-pods", "Deny", sources=(pods,)),),
        egress=(ClusterRule("to-anybody", "Deny", destinations=(pods, AdminPeer(networks=EVERYWHERE))),),
    )
    return ClusterNetworkPolicy(metadata=Metadata(name=SHUT), spec=spec)


def _named(namespaces: list[str]) -> LabelSelector:
    if len(namespaces) == 1:
        return LabelSelector(match_labels={NAMESPACE_NAME: namespaces[0]})
    return LabelSelector(match_expressions=(Requirement(NAMESPACE_NAME, "In", tuple(namespaces)),))


def _port(point: int) -> ProtocolMatch:
    to = ProtocolPorts(DestinationPort(number=point % SPAN))
    match PROTOCOLS[point // SPAN]:
        case "UDP":
            return ProtocolMatch(udp=to)
        case "SCTP":
            return ProtocolMatch(sctp=to)
        case _:
            return ProtocolMatch(tcp=to)
