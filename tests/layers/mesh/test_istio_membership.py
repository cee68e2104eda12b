"""Who is in the mesh: a fact where a pod runs, a prediction from labels where a template promises one.

The table is that of Istio's documentation on sidecar injection (namespace label, pod label), which the webhook's
selectors in mutatingwebhook.yaml and `injectRequired` in pkg/kube/inject/inject.go make true.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.layers.mesh.istio_scene import IN_AMBIENT, INJECTED, Plain, meta, namespace, peers, read, workload

from mistrust.kube.endpoints import endpoints
from mistrust.kube.snapshot import Gap, Scope, snapshot
from mistrust.layers.mesh.istio.membership import members
from mistrust.layers.mesh.member import Member

MESH = peers("istio-system", "STRICT")
INJECT, REV, MODE = "sidecar.istio.io/inject", "istio.io/rev", "istio.io/dataplane-mode"
NONE: Mapping[str, str] = {}


def one(*plain: Plain, scope: Scope | None = None, gaps: tuple[Gap, ...] = ()) -> Member:
    s = snapshot(read(*plain, MESH), scope=scope, gaps=gaps)
    (found,) = members(s, endpoints(s))
    return found


@pytest.mark.parametrize(
    ("of_namespace", "labels", "annotations", "kind"),
    [
        (NONE, NONE, NONE, "none"),
        (NONE, {INJECT: "true"}, NONE, "sidecar"),
        (NONE, {INJECT: "false"}, NONE, "none"),
        (NONE, NONE, {INJECT: "true"}, "none"),  # the webhook sees labels alone
        (NONE, {REV: "1-30"}, NONE, "sidecar"),
        (NONE, {REV: "1-30", INJECT: "false"}, NONE, "none"),
        (INJECTED, NONE, NONE, "sidecar"),
        (INJECTED, {INJECT: "true"}, NONE, "sidecar"),
        (INJECTED, {INJECT: "false"}, NONE, "none"),
        (INJECTED, NONE, {INJECT: "false"}, "none"),
        (INJECTED, {INJECT: "true"}, {INJECT: "false"}, "sidecar"),  # the label wins
        ({"istio-injection": "disabled"}, NONE, NONE, "none"),
        ({"istio-injection": "disabled"}, {INJECT: "true"}, NONE, "none"),
        ({REV: "1-30"}, NONE, NONE, "sidecar"),
        ({REV: "1-30"}, {INJECT: "false"}, NONE, "none"),
        ({REV: "1-30", "istio-injection": "disabled"}, NONE, NONE, "none"),  # istio-injection wins
        (INJECTED, {INJECT: "yes"}, NONE, "unknown"),  # releases differ
        (IN_AMBIENT, NONE, NONE, "ambient"),
        (IN_AMBIENT, {MODE: "none"}, NONE, "none"),
        (NONE, {MODE: "ambient"}, NONE, "ambient"),
        ({**IN_AMBIENT, **INJECTED}, NONE, NONE, "sidecar"),  # a sidecar keeps ztunnel away
        (INJECTED, NONE, {"inject.istio.io/templates": "gateway"}, "gateway"),
    ],
)
def test_what_labels_promise(
    of_namespace: Mapping[str, str], labels: Mapping[str, str], annotations: Mapping[str, str], kind: str
) -> None:
    found = one(namespace("shop", of_namespace), workload("web", labels=labels, annotations=annotations))
    assert found.kind == kind
    assert found.predicted


def test_pods_in_the_nodes_network_are_never_taken_in() -> None:
    assert one(namespace("shop"), workload("web", host_network=True)).kind == "none"
    assert one(namespace("shop", IN_AMBIENT), workload("web", host_network=True)).kind == "none"


def test_the_injector_leaves_system_namespaces_alone() -> None:
    assert one(namespace("kube-system"), workload("dns", "kube-system")).kind == "none"


def test_without_the_namespace_object_nobody_knows_its_labels() -> None:
    found = one(workload("web"))
    assert (found.kind, found.maybe) == ("unknown", "sidecar")
    assert found.because == "Namespace shop, whose labels decide, is not in the snapshot"


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({INJECT: "false", MODE: "none"}, "none"),
        ({INJECT: "false"}, "unknown"),  # its namespace may be in ambient
        ({MODE: "none"}, "unknown"),
    ],
)
def test_its_own_labels_may_rule_out_what_its_namespace_says(labels: dict[str, str], kind: str) -> None:
    assert one(workload("web", labels=labels)).kind == kind


def test_a_pod_in_a_file_is_a_promise_too() -> None:
    """The injector will change it when it is applied."""
    written = dict(pod("app"))
    written["metadata"] = meta("web", "shop")
    found = one(namespace("shop"), written)
    assert (found.kind, found.predicted) == ("sidecar", True)


def test_without_any_sign_of_istio_nobody_is_in_it() -> None:
    s = snapshot(read(workload("web")))
    assert [m.kind for m in members(s, endpoints(s))] == ["none"]


def pod(*containers: str, init: str = "", annotations: Mapping[str, str] = NONE) -> Plain:
    """A pod that runs."""
    spec: dict[str, object] = {"containers": [{"name": c, "image": c} for c in containers]}
    if init:
        spec["initContainers"] = [{"name": init, "image": init, "restartPolicy": "Always"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta("web-1", "shop", uid="u", annotations=annotations),
        "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


@pytest.mark.parametrize(
    ("running", "kind"),
    [
        (pod("app"), "none"),
        (pod("app", "istio-proxy"), "sidecar"),
        (pod("app", init="istio-proxy"), "sidecar"),
        (pod("istio-proxy"), "gateway"),
        (pod("app", annotations={"sidecar.istio.io/status": "{}"}), "sidecar"),
        (pod("app", annotations={"ambient.istio.io/redirection": "enabled"}), "ambient"),
        (pod("app", annotations={"ambient.istio.io/redirection": "pending"}), "unknown"),
    ],
)
def test_a_pod_that_runs_shows_it_whatever_its_namespace_says(running: Plain, kind: str) -> None:
    """It may be older than the label; what counts is what it holds."""
    for labels in (NONE, INJECTED, IN_AMBIENT):
        found = one(namespace("shop", labels), running)
        assert found.kind == kind
        assert not found.predicted


def injector(namespaces: Plain, pods: Plain) -> Plain:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": meta("istio-sidecar-injector"),
        "webhooks": [
            {"name": "x.sidecar-injector.istio.io", "namespaceSelector": namespaces, "objectSelector": pods},
        ],
    }


def test_the_webhooks_of_the_snapshot_decide_before_those_of_the_chart() -> None:
    mine = injector({"matchLabels": {"team": "shop"}}, {})
    assert one(namespace("shop"), workload("web"), mine).kind == "none"
    assert one(namespace("shop", {"team": "shop"}), workload("web"), mine).kind == "sidecar"


def test_in_a_cluster_without_the_injector_labels_do_nothing() -> None:
    assert one(namespace("shop"), workload("web"), scope=Scope.CLUSTER).kind == "none"
    unseen = (Gap("MutatingWebhookConfiguration", "forbidden"),)
    assert one(namespace("shop"), workload("web"), scope=Scope.CLUSTER, gaps=unseen).kind == "sidecar"


def test_the_evidence_is_the_label() -> None:
    found = one(namespace("shop"), workload("web", labels={REV: "1-30"}))
    assert [str(e) for e in found.decided_by] == [
        "Namespace shop metadata.labels.istio-injection enabled",
        'Deployment shop/web spec.template.metadata.labels["istio.io/rev"] 1-30',
    ]
