"""One direction of one connection, read straight from the API's words: which rulings are possible, and by which rule.

Order (sigs.k8s.io/network-policy-api apis/v1alpha2/clusternetworkpolicy_types.go): the Admin tier, then
NetworkPolicies, which always decide for the pods they isolate, then the Baseline tier, then everything is allowed.
Nothing here is shared with the engine of `reach`, so that each can check the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec
from msgspec import structs

from mistrust.access.evidence import Evidence, at
from mistrust.access.match import Match, all_of, any_of
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import (
    AdminRule,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    ClusterRule,
    EgressPolicyRule,
    IngressPolicyRule,
    NetworkPolicy,
)
from mistrust.kube.selectors import matches
from mistrust.layers.network.deciding.cilium import Cilium, Said, Spoken
from mistrust.layers.network.deciding.matching import Matching, strange
from mistrust.layers.network.deciding.party import Direction, Flow, Party
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.policies import ClusterWide

CONTRADICTION: Final = "policies of one tier and one priority contradict each other, and their order is not defined"
ACTIONS: Final = {"Allow": "Accept", "Accept": "Accept", "Deny": "Deny", "Pass": "Pass"}


def tier_of(policy: ClusterWide) -> str:
    """Admin or Baseline."""
    if isinstance(policy, ClusterNetworkPolicy):
        return policy.spec.tier
    return "Baseline" if isinstance(policy, BaselineAdminNetworkPolicy) else "Admin"


def rank(policy: ClusterWide) -> int:
    """Its place in its tier: the lower is asked first. The one of v1alpha1 in the Baseline tier has none."""
    return 0 if isinstance(policy, BaselineAdminNetworkPolicy) else policy.spec.priority


class Ruling(msgspec.Struct, frozen=True):
    """What somebody says of the connection."""

    action: str
    """Accept, Deny or Pass."""
    because: str
    evidence: tuple[Evidence, ...] = ()
    doubt: str = ""
    """What must be so for this ruling to count; empty if it surely does."""


class Leg(msgspec.Struct, frozen=True):
    """One direction under one profile."""

    network: Sequence[NetworkPolicy]
    """Those of the namespace of the pod that this is about."""
    cluster: Sequence[ClusterWide]
    matching: Matching
    profile: Profile
    flow: Flow
    direction: Direction
    cilium: Cilium | None = None
    """None where the plugin is another one."""

    def rulings(self) -> tuple[Ruling, ...]:
        """Every ruling on the way that may count, the last word last: one Accept or Deny where nothing is in doubt."""
        subject, other, _ = self.flow.sides(self.direction)
        pod = subject.pod(self.profile)
        if not self.profile.enforces:
            return (Ruling("Accept", f"{self.profile.name} enforces no policy"),)
        if pod is None:
            return (Ruling("Accept", _unlimited(subject)),)
        if other.pod(self.profile) is None and other.host and other.host == subject.host:
            return self._own_node(pod)
        found, open_ = self._tier("Admin", pod)
        if not open_:
            return tuple(found)
        own = self._of_cilium(pod)
        denied = [Ruling("Deny", f"{s.where} denies it", (s.evidence,), _doubt(s)) for s in own.denied]
        found += denied
        if any(not r.doubt for r in denied):
            return tuple(found)
        isolating = self._isolating(pod)
        network = list(self._network(isolating, pod, own))
        found += network
        if any(not r.doubt for r in network) or isolating or any(s.holds is True for s in own.isolating):
            return tuple(found)
        baseline, open_ = self._tier("Baseline", pod)
        default = (Ruling("Accept", f"no policy limits {self.direction} of {subject}"),) if open_ else ()
        return (*found, *baseline, *default)

    def _of_cilium(self, pod: Endpoint) -> Spoken:
        return self.cilium.spoken(pod) if self.cilium is not None else Spoken()

    def _own_node(self, pod: Endpoint) -> tuple[Ruling, ...]:
        subject, _, _ = self.flow.sides(self.direction)
        because = f"traffic between {subject} and its own node is always allowed"
        denied = [s for s in self._of_cilium(pod).denied if s.holds is not False]
        if not denied:
            return (Ruling("Accept", because),)
        doubt = f"{denied[0].where} denies it, and may mean the pod's own node"
        return tuple(Ruling(action, because, (denied[0].evidence,), doubt) for action in ("Accept", "Deny"))

    def _isolating(self, pod: Endpoint) -> list[NetworkPolicy]:
        wanted = self.direction.capitalize()
        return [p for p in self.network if wanted in p.spec.directions and matches(p.spec.pod_selector, pod.labels)]

    def _network(self, isolating: Sequence[NetworkPolicy], pod: Endpoint, own: Spoken) -> Iterator[Ruling]:
        """Rules only add: one that matches is enough, and without one the isolation stands."""
        match = self.matching
        allowing = [(s.where, s.evidence) for s in own.allowed if s.holds is True]
        doubts = [
            Ruling("Accept", f"{s.where} allows it", (s.evidence,), _doubt(s))
            for s in own.allowed
            if s.holds is not True
        ]
        for policy in isolating:
            rules: Sequence[IngressPolicyRule | EgressPolicyRule] = getattr(policy.spec, self.direction)
            for i, rule in enumerate(rules):
                peers = rule.sources if isinstance(rule, IngressPolicyRule) else rule.destinations
                found = all_of((match.ports(rule.ports), match.peers(peers, pod.namespace)))
                where, evidence = f"{policy.ref} (spec.{self.direction}[{i}])", at(policy, f"spec.{self.direction}", i)
                if found is True:
                    allowing.append((where, evidence))
                elif found:
                    doubts.append(Ruling("Accept", f"{where} allows it", (evidence,), str(found)))
        if allowing:
            yield Ruling("Accept", f"{allowing[0][0]} allows it", tuple(e for _, e in allowing))
            return
        yield from doubts
        shut = [(str(p.ref), at(p, "spec.podSelector"), "") for p in isolating]
        shut += [(s.where, s.evidence, _doubt(s)) for s in own.isolating]
        if not shut:
            return
        names = ", ".join(name for name, _, _ in shut[:3]) + (" and others" if len(shut) > 3 else "")
        because = f"{names} {'isolates' if len(shut) == 1 else 'isolate'} it, and no rule allows this"
        vague = "" if any(not doubt for _, _, doubt in shut) else shut[0][2]
        yield Ruling("Deny", because, tuple(e for _, e, _ in shut), doubts[0].doubt if doubts else vague)

    def _tier(self, tier: str, pod: Endpoint) -> tuple[list[Ruling], bool]:
        """What a tier may say, and whether it may leave the question open."""
        if not self.profile.cluster_wide:
            return [], True
        found: list[Ruling] = []
        passed = False
        for _, tied in groupby(sorted((p for p in self.cluster if tier_of(p) == tier), key=rank), key=rank):
            spoken = [r for policy in tied if (r := list(self._spoken(policy, pod)))]
            each = [r for rulings in spoken for r in rulings]
            if len(spoken) > 1 and len({r.action for r in each}) > 1:
                each = [structs.replace(r, doubt=r.doubt or CONTRADICTION) for r in each]
            found += each
            passed = passed or any(r.action == "Pass" for r in each)
            if any(not rulings[-1].doubt for rulings in spoken):
                return found, passed
        return found, True

    def _spoken(self, policy: ClusterWide, pod: Endpoint) -> Iterator[Ruling]:
        """The rulings of one policy that may count, in order; the last is certain unless it carries a doubt."""
        match = self.matching
        about = match.subject(policy.spec.subject, pod)
        rules: Sequence[AdminRule | ClusterRule] = getattr(policy.spec, self.direction)
        if about is False:
            return
        for i, rule in enumerate(rules):
            peers = rule.sources if self.direction == "ingress" else rule.destinations
            action = ACTIONS.get(rule.action)
            found: Match
            if any(strange(p, self.direction) for p in peers):
                action, found = "Deny", False if action == "Accept" else about
            else:
                ports = (
                    match.admin_ports(rule.ports) if isinstance(rule, AdminRule) else match.protocols(rule.protocols)
                )
                found = all_of((about, ports, any_of(map(match.admin_peer, peers))))
            if found is False:
                continue
            evidence = (at(policy, f"spec.{self.direction}", i),)
            where = f"{policy.ref} (spec.{self.direction}[{i}])"
            if action is None:
                why = f"the action {rule.action!r} of {where} is not known"
                yield Ruling("Accept", where, evidence, why)
                yield Ruling("Deny", where, evidence, why)
                continue
            words = {"Accept": "allows it", "Deny": "denies it", "Pass": "passes it on"}[action]
            yield Ruling(action, f"{where} {words}", evidence, "" if found is True else str(found))
            if found is True:
                return


def _doubt(said: Said) -> str:
    return "" if said.holds is True else str(said.holds)


def _unlimited(subject: Party) -> str:
    if subject.endpoint is not None:
        return f"{subject} is on the node's network, where policies do not reach"
    return f"{subject} is no pod, so no policy limits it"
