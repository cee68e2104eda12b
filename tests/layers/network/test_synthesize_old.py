"""What becomes of the policies that were there before: they go, lose their rules, or stay."""

from __future__ import annotations

from tests.layers.network.scene import cluster, policy
from tests.layers.network.synthesizing import (
    SHOP,
    USED,
    after,
    deployment,
    policies,
    seen,
    tighten,
)

from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.synthesize import synthesize

API = deployment("shop/api", "app=api")


def test_old_policies_go_where_every_workload_has_a_new_one() -> None:
    world = [*SHOP, policy("shop/open", "{ingress: [{}]}"), policy("shop/db", "{ingress: [{}], egress: [{}]}")]
    found = tighten(world, USED)
    assert [(c.old.name, [p.name for p in c.new]) for c in found.changes if c.old is not None] == [
        ("open", []),
        ("db", ["db"]),
    ]


def test_an_old_policy_that_also_limits_a_workload_that_is_left_alone_stays() -> None:
    nightly = deployment("shop/nightly", "app=nightly", kind="CronJob")
    found = tighten([*SHOP, nightly, policy("shop/all", "{ingress: [{}]}")], USED)
    assert "NetworkPolicy shop/all stays, with what it allows: it also limits CronJob shop/nightly" in found.remarks
    assert not [c for c in found.changes if c.old is not None]
    assert "default-deny" not in [p.name for c in found.changes for p in c.new if p.namespace == "shop"]


def test_an_old_policy_may_limit_pods_to_come_and_stays_without_its_rules() -> None:
    nightly = deployment("shop/nightly", "app=nightly", kind="CronJob")
    old = policy(
        "shop/fronts",
        "{podSelector: {matchExpressions: [{key: app, operator: In, values: [web, new]}]}, ingress: [{}]}",
    )
    (change,) = [c for c in tighten([*SHOP, nightly, old], USED).changes if c.old is not None]
    (new,) = change.new
    assert (new.spec.ingress, new.spec.policy_types, new.spec.pod_selector) == (
        (),
        ("Ingress",),
        change.old.spec.pod_selector,
    )


def test_a_denial_that_is_there_already_stays_under_its_name() -> None:
    deny = policy("shop/web", "{policyTypes: [Ingress, Egress]}")
    opened = policy("shop/some", "{ingress: [{}], egress: [{}]}")
    found = policies([*SHOP, deny, opened], USED)
    assert {n: found[n][0] for n in found if n.startswith("shop/")} == {
        "shop/web": "",
        "shop/db": "app=db",
        "shop/web-deployment": "app=web",
    }


def test_a_policy_that_says_it_already_keeps_its_name() -> None:
    first = after(cluster(*SHOP), tighten(SHOP, USED))
    assert len(first.of(NetworkPolicy)) == 3
    again = synthesize(first, seen(first, USED))
    assert again.changes == ()
    assert again.remarks == ()


def test_a_policy_that_the_api_server_refuses_stays() -> None:
    """Nobody knows what it does."""
    odd = policy("shop/odd", "{ingress: [{ports: [{port: 90, endPort: 80}]}]}")
    found = tighten([*SHOP, odd], USED)
    assert "NetworkPolicy shop/odd stays, with what it allows: the API server refuses a part of it" in found.remarks
    assert not [c for c in found.changes if c.old is not None]
