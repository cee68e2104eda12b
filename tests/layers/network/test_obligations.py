"""What a proof shows beside uses kept and nothing gained: each obligation can fail, and then names a witness."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from tests.layers.network import definition, dice
from tests.layers.network.mutations import mutated
from tests.layers.network.scene import Plain, cluster, namespace, policy
from tests.layers.network.synthesizing import SHOP, USED, seen
from tests.layers.network.tightened import readings, replicated, world

from mistrust.access.obligation import Obligation
from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.endpoints import endpoints
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.proving.every import obligations
from mistrust.layers.network.proving.isolation import isolation
from mistrust.layers.network.proving.needless import matters, vacuity, written
from mistrust.layers.network.proving.outside import outside
from mistrust.layers.network.proving.remainder import remainder

DENY = policy("shop/deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}")
SYSTEM = policy("kube-system/deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}")
WEB = "{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}"
OUT = policy(
    "shop/web",
    "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], "
    "egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]}",
)


def into(rule: str) -> Plain:
    """What the database lets in."""
    return policy(
        "shop/db", f"{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: [{rule}]}}"
    )


def shown(*new: Plain, old: tuple[Plain, ...] = (), world: tuple[Plain, ...] = SHOP) -> dict[str, Obligation]:
    """What is shown of the shop with these policies, by name."""
    before, after = cluster(*world, *old), cluster(*world, *new)
    found = obligations(before, after, granted(after), seen(before, USED).seen)
    return {o.name: o for o in found}


def test_of_the_policies_that_are_just_enough_everything_holds() -> None:
    found = shown(DENY, SYSTEM, into(WEB), OUT)
    assert {name: o.holds for name, o in found.items()} == dict.fromkeys(
        (
            "minimality",
            "isolation",
            "non-vacuity",
            "restart",
            "scaling up",
            "scaling down",
            "newcomers",
            "plugins",
        ),
        True,
    )


def test_without_flows_nobody_knows_what_is_left_over() -> None:
    given = cluster(*SHOP)
    first, *_ = obligations(given, given, granted(given), None)
    assert (first.name, first.holds) == ("minimality", None)


def test_what_is_left_over_is_counted_by_reason() -> None:
    found = shown(DENY, SYSTEM, into("{from: [{podSelector: {}}]}"), OUT)["minimality"]
    assert found.holds is True  # nobody else may open anything
    loose = shown(SYSTEM, into(WEB))["minimality"]
    assert loose.holds is False
    assert "no policy limits either end" in loose.because


def test_who_is_not_limited_is_named() -> None:
    found = shown(into(WEB))["isolation"]
    assert found.holds is False
    assert "Deployment shop/db (out)" in found.because
    assert "Deployment shop/web (in and out)" in found.because


def test_a_rule_that_changes_nothing_is_named() -> None:
    twice = into(f"{WEB}, {WEB}")
    found = shown(DENY, SYSTEM, twice, OUT)["non-vacuity"]
    assert found.holds is False
    assert found.witnesses == ("NetworkPolicy shop/db spec.ingress[0]", "NetworkPolicy shop/db spec.ingress[1]")


def test_a_rule_about_pods_that_are_not_shown_is_not_called_needless() -> None:
    ghost = into(f"{WEB}, {{from: [{{podSelector: {{matchLabels: {{app: ghost}}}}}}]}}")
    found = shown(DENY, SYSTEM, ghost, OUT)["non-vacuity"]
    assert (found.holds, found.witnesses) == (None, ("NetworkPolicy shop/db spec.ingress[1]",))


LIVE = (
    {**namespace("shop"), "metadata": {"name": "shop", "uid": "1"}},
    namespace("kube-system"),
    *replicated("shop/web", "app=web", 1),
    *replicated("shop/d1", "app=db", 1),
)
HASHED = "{from: [{podSelector: {matchLabels: {pod-template-hash: 5d4f}}}], ports: [{port: 80}]}"
ADDRESSED = "{from: [{ipBlock: {cidr: 10.0.0.%d/32}}], ports: [{port: 80}]}"
OPEN = policy("shop/out", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}")


def test_a_rule_on_a_hash_does_not_survive_a_restart() -> None:
    found = shown(
        DENY,
        SYSTEM,
        into(HASHED),
        OPEN,
        world=LIVE,
    )
    assert found["restart"].holds is False
    assert found["restart"].because == (
        "where pods get other names, hashes and addresses, Deployment shop/web -> Deployment shop/d1 TCP 80 is refused"
    )


def test_a_rule_on_the_address_of_a_pod_does_not_either_and_plugins_differ_on_it() -> None:
    found = shown(DENY, SYSTEM, into(ADDRESSED % 150), OPEN, world=LIVE)
    assert found["restart"].holds is not True
    assert found["plugins"].holds is False
    assert "is allowed by upstream, not by cilium" in found["plugins"].because


def test_a_rule_on_an_address_that_a_pod_may_get_is_unknown_while_nothing_runs() -> None:
    found = shown(DENY, SYSTEM, into(ADDRESSED % 99), OPEN, world=LIVE)
    assert (found["restart"].holds, found["scaling down"].holds) == (True, None)
    assert "it rests on addresses" in found["scaling down"].because


def test_a_pod_to_come_that_may_more_than_before_is_found() -> None:
    wide = into("{from: [{namespaceSelector: {}}], ports: [{port: 5432}]}")
    tight = (DENY, SYSTEM, into(WEB), OUT)
    found = shown(DENY, SYSTEM, wide, OUT, old=tight)["newcomers"]
    assert found.because == (
        "a pod without labels may open more (1 in all), such as Pod newcomer/newcomer -> Deployment shop/db TCP 5432"
    )
    assert found.holds is False
    assert shown(*tight)["newcomers"].holds is True


@pytest.mark.parametrize("seed", range(60))
def test_the_remainder_is_exact(seed: int) -> None:
    """Used and left over together are all that is allowed, in the units in which connections are counted."""
    w = world(seed)
    for given in (w.old, w.new):
        now = granted(given)
        left = remainder(now, w.usage.seen)
        kept = {
            (c.source, c.destination, point(c.protocol, c.port) if now.answers.get(c.destination) else None)
            for c in w.usage.seen
            if c in now and (point(c.protocol, c.port) in now.answers.get(c.destination, (point(c.protocol, c.port),)))
        }
        assert sum(each.count for each in left) == now.count() - len(kept)
        for each in left:
            assert each.witness in now
            assert each.count > 0
            assert each.witness not in w.usage.seen or not now.answers.get(each.witness.destination)


@pytest.mark.parametrize("seed", range(60))
def test_who_is_limited_is_whom_policies_choose(seed: int) -> None:
    w = world(seed, cluster_wide=False)
    loose = set()
    for e in endpoints(w.new):
        chosen = [
            p
            for p in w.new.of(NetworkPolicy)
            if p.namespace == e.namespace and definition.selects(p.spec.pod_selector, e.labels)
        ]
        ways = {
            t
            for p in chosen
            for t in (p.spec.policy_types or (("Ingress", "Egress") if p.spec.egress else ("Ingress",)))
        }
        if not e.host_network and ways != {"Ingress", "Egress"}:
            loose.add(w.new.workloads[e.workload].ref)
    found = isolation(granted(w.new))
    assert {each.split(" ")[1] for each in found.witnesses} == {f"{r.namespace}/{r.name}" for r in loose}


@pytest.mark.parametrize("seed", range(40))
def test_a_rule_is_needless_only_if_nothing_changes_without_it(seed: int) -> None:
    w, random = world(seed, cluster_wide=False), Random(seed)
    now = granted(w.new)
    rules = list(written(w.old, w.new))
    for rule in random.sample(rules, min(len(rules), 4)):
        changed = _without(w.new, rule.policy, rule.without())
        then = granted(changed)
        differs = any((a - b).witness() or (b - a).witness() for a, b in ((now, then), (outside(now), outside(then))))
        assert matters(now, rule) or not differs
        if not matters(now, rule):
            before, after = list(readings(w.new)), list(readings(changed))
            parties = [*before[0].endpoints, *dice.ADDRESSES]
            for _ in range(100):
                ends, at = (random.choice(parties), random.choice(parties)), random.choice(dice.PORTS)
                asked = (*ends, random.choice(PROTOCOLS), at % SPAN)
                assert [definition.connects(v, *asked) for v in before] == [
                    definition.connects(v, *asked) for v in after
                ]


def _without(given: Snapshot, old: NetworkPolicy, new: NetworkPolicy) -> Snapshot:
    return snapshot([new if o is old else o for o in given.objects], scope=given.scope)


def test_what_synthesis_writes_is_not_needless_and_mutations_are_told_of() -> None:
    """Over many worlds: what is written matters, or lies beside an old policy that has to stay."""
    holds = [
        vacuity(w.old, w.new, granted(w.new)).holds for w in (world(seed, cluster_wide=False) for seed in range(20))
    ]
    assert holds.count(True) > 12
    random, told = Random(5), 0
    for seed in range(20):
        w = world(seed, cluster_wide=False)
        made = [p for c in w.found.changes for p in c.new if p.spec.ingress or p.spec.egress]
        if made:
            victim = random.choice(made)
            mutant = msgspec.structs.replace(victim, spec=mutated(victim.spec, random))
            changed = _without(w.new, victim, mutant)
            before = [(o.name, o.holds, o.because) for o in obligations(w.old, w.new, granted(w.new), w.usage.seen)]
            told += before != [
                (o.name, o.holds, o.because) for o in obligations(w.old, changed, granted(changed), w.usage.seen)
            ]
    assert told > 10
