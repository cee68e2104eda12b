"""Workloads that are left alone, and what is said of what is left over."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.network.scene import Plain, cluster, namespace, pod, policy
from tests.layers.network.synthesizing import (
    DNS,
    NODES,
    SERVER,
    SHOP,
    USED,
    WINDOW,
    deployment,
    left,
    plain,
    policies,
    seen,
    tighten,
)

from mistrust.access.record import Coverage
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Gap
from mistrust.layers.network.synthesize import synthesize

API = deployment("shop/api", "app=api")


LEFT: dict[str, tuple[list[Plain], list[str], Coverage, str, str]] = {
    "no evidence": ([], [USED], msgspec.structs.replace(WINDOW, events=0), "shop/web", "no flow was read"),
    "a sample": ([], [USED], msgspec.structs.replace(WINDOW, sampled=True), "shop/web", "sampled"),
    "a part that was not read": (
        [],
        [USED],
        msgspec.structs.replace(WINDOW, problems=(Problem("cut short", "flows.gz"),)),
        "shop/web",
        "a part of the evidence was not read (cut short)",
    ),
    "a week": (
        [],
        [USED],
        msgspec.structs.replace(WINDOW, last=7 * 86_400),
        "shop/db",
        "the evidence shows 7.0 days, and 14 are wanted",
    ),
    "a hole of three weeks": (
        [],
        [USED],
        msgspec.structs.replace(WINDOW, holes=((86_400, 22 * 86_400),)),
        "shop/db",
        "the evidence shows 9.0 days",
    ),
    "never seen": ([API], [USED], WINDOW, "shop/api", "no flow of it was seen"),
    "a CronJob that did not run": (
        [deployment("shop/nightly", "app=nightly", kind="CronJob")],
        [USED],
        WINDOW,
        "shop/nightly",
        "no run of it was seen",
    ),
    "a node that sent nothing": (
        [*NODES, pod("shop/p", "app=p", "", "10.0.0.9", "n2")],
        ["shop/p -> shop/db TCP/5432"],
        msgspec.structs.replace(WINDOW, nodes=("n1",)),
        "shop/p",
        "no flow was seen of node n2, where it runs",
    ),
    "the network of the node": (
        [*NODES, pod("shop/agent", "app=agent", "", "192.168.0.2", "n2", host=True)],
        ["shop/agent -> shop/db TCP/5432"],
        WINDOW,
        "shop/agent",
        "it runs on the node's network",
    ),
    "a peer on nodes that are not shown": (
        [deployment("shop/agent", "app=agent", kind="DaemonSet", hostNetwork=True)],
        ["shop/web -> shop/agent TCP/9100", USED],
        WINDOW,
        "shop/web",
        "DaemonSet shop/agent is on the network of nodes whose addresses are not shown",
    ),
    "no label": (
        [deployment("shop/bare", "pod-template-hash=1")],
        ["shop/bare -> shop/db TCP/5432"],
        WINDOW,
        "shop/bare",
        "it has no label that stays: add one",
    ),
    "a peer without a label": (
        [deployment("shop/bare", "pod-template-hash=1")],
        ["shop/bare -> shop/db TCP/5432"],
        WINDOW,
        "shop/db",
        "Deployment shop/bare has no label that stays: add one",
    ),
    "no label tells it from one that is left alone": (
        [deployment("shop/nightly", "app=web", kind="CronJob")],
        [USED],
        WINDOW,
        "shop/web",
        "no label that stays tells it from CronJob shop/nightly: add one",
    ),
    "the old policies tell apart what labels that stay do not": (
        [
            deployment("shop/one", "app=x version=1"),
            deployment("shop/two", "app=x version=2"),
            policy(
                "shop/db",
                "{podSelector: {matchLabels: {app: db}}, ingress: "
                "[{from: [{podSelector: {matchLabels: {version: '1'}}}]}]}",
            ),
        ],
        ["shop/one -> shop/db TCP/5432", "shop/two -> shop/web TCP/8080"],
        WINDOW,
        "shop/db",
        "of the pods that its labels choose, policies let only some open "
        "Deployment shop/one -> Deployment shop/db TCP 5432: add a label",
    ),
    "the ambient mesh": (
        [namespace("mesh", "istio.io/dataplane-mode=ambient"), deployment("mesh/a", "app=a")],
        ["mesh/a -> shop/db TCP/5432"],
        WINDOW,
        "mesh/a",
        "Istio's ambient mesh",
    ),
    "a Service that leads nowhere that is shown": (
        plain(SERVER)[:1],
        ["shop/web -> 10.96.0.1 TCP/443"],
        WINDOW,
        "shop/web",
        "it asks Service default/kubernetes, and where that leads is not shown (EndpointSlice)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("more", "flows", "coverage", "name", "because"), LEFT.values(), ids=LEFT)
def test_who_is_left_alone(more: list[Plain], flows: list[str], coverage: Coverage, name: str, because: str) -> None:
    found = tighten([*SHOP, *more], *flows, coverage=coverage)
    assert because in left(found)[name]
    assert name not in [f"{p.namespace}/{p.name}" for c in found.changes for p in c.new]


def test_policies_that_could_not_be_seen_leave_everything_alone() -> None:
    snapshot = msgspec.structs.replace(cluster(*SHOP), gaps=(Gap("NetworkPolicy", "forbidden"),))
    found = synthesize(snapshot, seen(snapshot, USED))
    assert (found.changes, len(found.left)) == ((), 3)


def test_what_was_seen_and_is_denied_stays_denied_and_is_said() -> None:
    shut = policy("shop/db", "{podSelector: {matchLabels: {app: db}}, ingress: []}")
    found = tighten([*SHOP, shut], USED)
    assert any("1 connections were seen that the policies deny" in r for r in found.remarks)
    assert not [r for r in policies([*SHOP, shut], USED)["shop/db"] if r.startswith("ingress")]


def test_workloads_that_no_label_tells_apart_are_limited_together_and_it_is_said() -> None:
    twins = [deployment("shop/one", "app=x version=1"), deployment("shop/two", "app=x version=2")]
    found = tighten([*SHOP, *twins], "shop/one -> shop/db TCP/5432", "shop/two -> shop/web TCP/8080")
    assert "no label that stays tells Deployment shop/one and Deployment shop/two apart: what one needs, all may" in (
        found.remarks
    )


def test_a_job_that_did_not_run_keeps_what_it_may_where_somebody_answers() -> None:
    nightly = deployment("shop/nightly", "app=nightly", kind="CronJob")
    found = policies([*SHOP, nightly], USED)
    assert found["shop/db"] == ["app=db", "ingress app=nightly, app=web TCP 5432", DNS]
    assert found["shop/web"][1] == "ingress app=nightly TCP 8080"


def test_a_job_that_ran_keeps_what_it_used_alone() -> None:
    nightly = deployment("shop/nightly", "app=nightly", kind="CronJob")
    found = policies([*SHOP, nightly], USED, "shop/nightly -> shop/db TCP/5432")
    assert found["shop/nightly"] == ["app=nightly", "egress app=db TCP 5432", DNS]
    assert found["shop/web"][1] == "egress app=db TCP 5432"


def test_it_is_said_that_workloads_of_which_nothing_is_known_are_refused_by_others() -> None:
    said = "nothing was seen of Deployment shop/api: what they ask of others is refused from now on"
    assert said in tighten([*SHOP, API], USED, "shop/web -> kube-system/coredns UDP/53").remarks


def test_it_is_said_that_the_plugin_enforces_nothing() -> None:
    flannel = deployment("kube-system/flannel", "app=flannel", kind="DaemonSet", hostNetwork=True)
    flannel["spec"]["template"]["spec"]["containers"][0]["name"] = "kube-flannel"
    assert any("enforces no policy" in r for r in tighten([*SHOP, flannel], USED).remarks)
    assert not any("enforces no policy" in r for r in tighten(SHOP, USED).remarks)
