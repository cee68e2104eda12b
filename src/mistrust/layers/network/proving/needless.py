"""Does every rule of the new policies matter? One whose removal changes no answer is needless."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from mistrust.access.evidence import Evidence, at
from mistrust.access.obligation import Obligation
from mistrust.access.telling import listed
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.grants import Connections

ASKED = 1000
"""Rules that are tried at most: each is worked out again."""
WAYS = ("ingress", "egress")


def vacuity(old: Snapshot, new: Snapshot, now: Connections) -> Obligation:
    """Which rules of new policies change nothing, whichever plugin runs: not between pods, and not with addresses."""
    rules = list(_rules(old, new))
    needless = [rule for policy, way, i, rule in rules[:ASKED] if not _matters(now, policy, way, i)]
    if needless:
        named = tuple(str(rule) for rule in needless)
        because = f"{len(needless):,} of {len(rules):,} rules change nothing today: {listed(named)}"
        return Obligation("non-vacuity", False, because, named)
    if len(rules) > ASKED:
        return Obligation(
            "non-vacuity", None, f"each of {ASKED:,} rules matters; {len(rules) - ASKED:,} more were not tried"
        )
    return Obligation("non-vacuity", True, f"each of {len(rules):,} rules of new policies matters")


def _rules(old: Snapshot, new: Snapshot) -> Iterator[tuple[NetworkPolicy, str, int, Evidence]]:
    known = {p.ref: p.spec for p in old.of(NetworkPolicy)}
    for policy in new.of(NetworkPolicy):
        if known.get(policy.ref) != policy.spec:
            for way in WAYS:
                yield from (
                    (policy, way, i, at(policy, f"spec.{way}", i)) for i in range(len(getattr(policy.spec, way)))
                )


def _matters(now: Connections, policy: NetworkPolicy, way: str, index: int) -> bool:
    """Is some answer another without the rule?"""
    rules = getattr(policy.spec, way)
    spec = structs.replace(policy.spec, **{way: (*rules[:index], *rules[index + 1 :])}, policy_types=_types(policy))
    less = structs.replace(policy, spec=spec)
    return any(_differs(o.reach, o.reach.without_policy(policy).with_policy(less)) for o in now.origins)


def _types(policy: NetworkPolicy) -> tuple[str, ...]:
    """Without its last rule a policy limits as before."""
    return policy.spec.policy_types or (("Ingress", "Egress") if policy.spec.egress else ("Ingress",))


def _differs(a: Reach, b: Reach) -> bool:
    """Over one set of classes, does any row differ?"""
    every = range(a.classes + len(a.blocks))
    return any(a.row(c) != b.row(c) for c in every) or any(a.sure(c) != b.sure(c) for c in every)
