"""Which rules of policies the observed flows needed."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.network.scene import Plain, cluster, namespace
from tests.layers.network.synthesizing import NODES, WINDOW, deployment, seen

from mistrust.access.evidence import show_path
from mistrust.access.record import Coverage
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.needed import needed, unused_rules

COVERED = msgspec.structs.replace(WINDOW, nodes=("n1", "n2"))
WEB, DB, JOB = (
    deployment("shop/web", "app=web", "TCP/80"),
    deployment("shop/db", "app=db", "TCP/5432"),
    deployment("shop/nightly", "app=nightly", kind="CronJob"),
)
FROM_WEB = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 5432}]}
FROM_ANYBODY = {"from": [{"podSelector": {}}], "ports": [{"port": 5432}]}
AT_ANOTHER_PORT = {"from": [{"podSelector": {}}], "ports": [{"port": 5433}]}
FROM_OFFICE = {"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}
USED = "shop/web -> shop/db TCP/5432"


def world(*ingress: Plain, more: tuple[Plain, ...] = ()) -> Snapshot:
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"], "ingress": list(ingress)}
    limit = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "db", "namespace": "shop"},
    }
    return cluster(namespace("shop"), *NODES, WEB, DB, *more, {**limit, "spec": spec})


def told(given: Snapshot, *flows: str, coverage: Coverage = COVERED) -> list[str]:
    return [f.detail for f in unused_rules(granted(given), seen(given, *flows, coverage=coverage))]


def test_a_rule_is_needed_by_what_it_lets_through() -> None:
    given = world(FROM_WEB, FROM_OFFICE)
    first, second = needed(granted(given), seen(given, USED))
    assert [(link, tally.count) for link, tally in first.links] == [
        ("Deployment shop/web -> Deployment shop/db TCP 5432", 1)
    ]
    assert (show_path(second.rule.path), second.tally) == ("spec.ingress[1]", None)


def test_of_several_rules_that_allow_a_flow_each_is_needed() -> None:
    given = world(FROM_WEB, FROM_ANYBODY)
    assert all(each.tally is not None for each in needed(granted(given), seen(given, USED)))


def test_what_comes_from_outside_needs_the_block_with_its_address() -> None:
    given = world(FROM_WEB, FROM_OFFICE)
    (first, second) = needed(granted(given), seen(given, "203.0.113.9 -> shop/db TCP/5432"))
    assert (first.tally, [link for link, _ in second.links]) == (None, ["203.0.113.9 -> Deployment shop/db TCP 5432"])


def test_rules_that_no_flow_needed_are_told_with_the_edits_that_take_them_out() -> None:
    given = world(FROM_WEB, FROM_OFFICE)
    (fact,) = unused_rules(granted(given), seen(given, USED, "shop/web -> shop/web TCP/80", coverage=COVERED))
    assert fact.detail == "no flow in 30 days needed spec.ingress[1]"
    assert [e.path for e in fact.edits] == [("spec", "ingress", 1)]
    given = world(AT_ANOTHER_PORT)
    assert told(given, USED) == ["no flow in 30 days needed any of its rules"]


def test_a_block_that_may_hold_a_pod_whose_address_is_not_known_may_be_needed() -> None:
    assert told(world(FROM_OFFICE), USED) == []


@pytest.mark.parametrize(
    ("more", "flows", "coverage"),
    [
        ((), (USED,), msgspec.structs.replace(COVERED, last=7 * 86_400)),
        ((), (USED,), msgspec.structs.replace(COVERED, sampled=True)),
        ((), (), COVERED),
        ((JOB,), (USED,), COVERED),
        ((), (USED, "shop/gone -> shop/db TCP/5432"), COVERED),
    ],
    ids=["a week", "a sample", "a workload that was never seen", "a job that did not run", "an end that is not known"],
)
def test_with_too_little_evidence_no_rule_is_called_unneeded(
    more: tuple[Plain, ...], flows: tuple[str, ...], coverage: Coverage
) -> None:
    assert told(world(FROM_WEB, FROM_OFFICE, more=more), *flows, coverage=coverage) == []
