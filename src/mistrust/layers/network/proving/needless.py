"""Does every rule of the new policies matter? One whose removal changes no answer is needless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec
from msgspec import structs

from mistrust.access.evidence import at
from mistrust.access.obligation import Obligation
from mistrust.access.telling import listed
from mistrust.kube.cilium import CiliumEgressRule, CiliumIngressRule, CiliumNetworkPolicy
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.grants import Connections
from mistrust.layers.network.statements.rules import statements

Way = Literal["ingress", "egress"]
Policy = NetworkPolicy | CiliumNetworkPolicy
WRITTEN: Final[tuple[type[Policy], ...]] = (NetworkPolicy, CiliumNetworkPolicy)
WAYS: Final[tuple[Way, ...]] = ("ingress", "egress")
EMPTY: Final[Mapping[Way, tuple[object, ...]]] = {"ingress": (CiliumIngressRule(),), "egress": (CiliumEgressRule(),)}
"""With no rule at all a policy of Cilium would limit nothing; this one is about nobody."""
TRIED = 1000
"""Rules that are tried at most: for each everything that depends on it is worked out again."""


class Written(msgspec.Struct, frozen=True):
    """One rule of a new policy."""

    policy: Policy
    way: Way
    index: int

    def __str__(self) -> str:
        return str(at(self.policy, f"spec.{self.way}", self.index))

    def without(self) -> Policy:
        """The policy without the rule; without its last one it limits as before."""
        held = _rules(self.policy, self.way)
        return _with(self.policy, self.way, (*held[: self.index], *held[self.index + 1 :]))

    def alone(self) -> Policy:
        """The policy with no other rule in this direction."""
        return _with(self.policy, self.way, _rules(self.policy, self.way)[self.index : self.index + 1])


def _rules(policy: Policy, way: Way) -> tuple[object, ...]:
    rules: tuple[object, ...] = getattr(policy.spec, way)
    return rules


def _with(policy: Policy, way: Way, rules: tuple[object, ...]) -> Policy:
    if isinstance(policy, NetworkPolicy):
        spec = structs.replace(policy.spec, policy_types=policy.spec.directions, **{way: rules})
        return structs.replace(policy, spec=spec)
    assert policy.spec is not None
    return structs.replace(policy, spec=structs.replace(policy.spec, **{way: rules or EMPTY[way]}))


def vacuity(old: Snapshot, new: Snapshot, now: Connections) -> Obligation:
    """Which rules of new policies change nothing, whichever plugin runs: not between pods, and not with addresses."""
    rules = list(written(old, new))
    idle = [rule for rule in rules[:TRIED] if not matters(now, rule)]
    absent = [rule for rule in idle if _names_nobody(now, rule)]
    needless = tuple(str(rule) for rule in idle if rule not in absent)
    untold = [f"{len(absent):,} are about pods that are not shown"] if absent else []
    untold += [f"{len(rules) - TRIED:,} were not tried"] if len(rules) > TRIED else []
    beside = f"; {' and '.join(untold)}" if untold else ""
    if needless:
        because = f"{len(needless):,} of {len(rules):,} rules change nothing: {listed(needless)}{beside}"
        return Obligation("non-vacuity", False, because, needless)
    because = f"each of {len(rules):,} rules of new policies matters{', but' if untold else ''}{beside.lstrip(';')}"
    return Obligation("non-vacuity", None if untold else True, because, tuple(map(str, absent)))


def written(old: Snapshot, new: Snapshot) -> Iterator[Written]:
    """The rules of the policies that are new, or say something else than before."""
    known = {p.ref: p.spec for kind in WRITTEN for p in old.of(kind)}
    for policy in (p for kind in WRITTEN for p in new.of(kind)):
        if known.get(policy.ref) != policy.spec and policy.spec is not None:
            for way in WAYS:
                rules = _rules(policy, way)
                yield from (Written(policy, way, i) for i, rule in enumerate(rules) if (rule,) != EMPTY[way])


def matters(now: Connections, rule: Written) -> bool:
    """Is some answer another without the rule?"""
    less = rule.without()
    return any(_differ(o.reach, o.reach.without_policy(rule.policy).with_policy(less)) for o in now.origins)


def _differ(a: Reach, b: Reach) -> bool:
    every = range(a.classes + len(a.blocks))
    return any(a.row(c) != b.row(c) for c in every) or any(a.sure(c) != b.sure(c) for c in every)


def _names_nobody(now: Connections, rule: Written) -> bool:
    """Does it choose by labels alone, and no pod that is shown, on one side or the other?"""
    said = next((s for s in statements(rule.alone()) if s.egress == (rule.way == "egress")), None)
    if said is None:  # policyTypes leaves the direction out
        return False
    peers = [peer.chosen for made in said.rules for peer in made.peers]
    for origin in now.origins:
        chosen = [list(origin.reach.chosen(each)) for each in peers if each is not None]
        if (len(chosen) == len(peers) and not any(chosen)) or not list(origin.reach.chosen(said.subject)):
            return True
    return False
