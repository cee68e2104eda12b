"""What sends and answers: pods that run, or what a template promises, each under the workload that a person knows."""

from __future__ import annotations

import pytest

from mistrust.kube.decode import from_plain
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Snapshot, snapshot

APP = {"name": "app", "image": "shop/web:1"}


def owned(kind: str, name: str) -> dict[str, object]:
    return {"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": True}]}


def deployment(*containers: dict[str, object]) -> tuple[dict[str, object], ...]:
    """A Deployment with its ReplicaSet, as a cluster holds them."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": list(containers)}}
    metadata = {"namespace": "shop", "uid": "u"}
    return (
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**metadata, "name": "web"},
            "spec": {"template": template},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {**metadata, "name": "web-1", **owned("Deployment", "web")},
            "spec": {"replicas": 1, "template": template},
        },
    )


def pod(name: str, *containers: dict[str, object], phase: str = "Running", **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, **owned("ReplicaSet", "web-1")},
        "spec": {"containers": list(containers), **spec},
        "status": {"phase": phase},
    }


def cluster(*plain: dict[str, object]) -> Snapshot:
    objects = [o for p in plain for o in from_plain(p, Origin("t"))]
    assert all(isinstance(o, Object) for o in objects)
    return snapshot([o for o in objects if isinstance(o, Object)])


def told(s: Snapshot) -> list[str]:
    return [f"{e.name} of {s.workloads[e.workload].ref}" for e in endpoints(s)]


def test_a_template_without_pods_promises_one() -> None:
    assert told(cluster(*deployment(APP))) == ["web of Deployment shop/web"]


def test_pods_that_run_stand_for_their_template() -> None:
    assert told(cluster(*deployment(APP), pod("web-1-a", APP))) == ["web-1-a of Deployment shop/web"]


def test_pods_that_have_ended_neither_send_nor_answer() -> None:
    assert told(cluster(*deployment(APP), pod("web-1-a", APP, phase="Succeeded"))) == []


ISTIO = {"name": "istio-proxy", "image": "istio/proxyv2"}


@pytest.mark.parametrize("proxy", [ISTIO, {"name": "linkerd-proxy", "image": "linkerd/proxy"}])
def test_an_injected_pod_is_what_its_owner_promised(proxy: dict[str, object]) -> None:
    """The proxy gives it a shape of its own, so it is a workload of its own everywhere else."""
    s = cluster(*deployment(APP), pod("web-1-a", APP, proxy), pod("web-1-b", APP))
    assert len(s.workloads) == 2
    assert told(s) == ["web-1-b of Deployment shop/web", "web-1-a of Deployment shop/web"]


@pytest.mark.parametrize(
    "other",
    [
        pod("web-1-a", {"name": "app", "image": "evil"}, ISTIO),
        pod("web-1-a", APP, ISTIO, {"name": "more", "image": "evil"}),
        pod("web-1-a", APP, ISTIO, serviceAccountName="admin"),
        pod("web-1-a", APP, ISTIO, hostNetwork=True),
        pod("web-1-a", APP, {"name": "more", "image": "evil"}),
    ],
)
def test_a_pod_that_differs_in_more_stays_apart_whatever_owner_it_claims(other: dict[str, object]) -> None:
    assert told(cluster(*deployment(APP), other)) == ["web of Deployment shop/web", "web-1-a of Pod shop/web-1-a"]
