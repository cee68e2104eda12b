"""A snapshot of a real API server: everything that may be seen, and a gap for what may not."""

from __future__ import annotations

import pytest

from mistrust.cluster.client import Client
from mistrust.cluster.live import read_live
from mistrust.cluster.saved import load, save
from mistrust.kube.core import ConfigMap, Namespace, Secret
from mistrust.kube.kubeconfig import KubeconfigInUse
from mistrust.kube.pods import Pod
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, Role
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.version import Version
from tests.controlplane.server import ControlPlane

pytestmark = pytest.mark.slow


def snapshot_as(controlplane: ControlPlane, user: str, *groups: str, namespace: str = "") -> Snapshot:
    client = Client.from_context(None, controlplane.issue(user, *groups).kubeconfig)
    try:
        return read_live(client, namespace=namespace)
    finally:
        client.close()


def test_an_administrator_sees_everything_and_no_secret_leaves_the_server(controlplane: ControlPlane) -> None:
    controlplane.namespace("seen")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "seen"}}
    controlplane.admin.apply({**secret, "stringData": {"password": "hunter2"}})
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "seen"}}
    controlplane.admin.apply({**settings, "data": {"mesh": "trustDomain: prod", "password": "hunter2"}})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "seen"}}
    controlplane.admin.apply({**pod, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    s = snapshot_as(controlplane, "root", "system:masters")
    assert s.scope is Scope.CLUSTER
    assert s.version is not None
    assert s.version >= Version(1, 30)
    assert s.gaps == ()
    assert s.problems == ()
    assert {"cluster-admin", "view", "system:node"} <= {r.name for r in s.of(ClusterRole)}
    assert "seen" in {n.name for n in s.of(Namespace)}
    (found,) = (p for p in s.of(Pod) if p.namespace == "seen")
    assert found.spec.identity == "default"
    assert "s" in {x.name for x in s.of(Secret)}
    assert {m.name: dict(m.data) for m in s.of(ConfigMap) if m.namespace == "seen"}["istio"] == {
        "mesh": "trustDomain: prod"
    }
    assert load(save(s), "s.mist") == s


def test_what_may_not_be_listed_is_a_gap_and_never_an_absence(controlplane: ControlPlane) -> None:
    s = snapshot_as(controlplane, "nobody")
    assert [type(o) for o in s.objects] == [KubeconfigInUse], "of itself one knows the certificate"
    assert {"Pod", "ClusterRole", "Secret", "RoleBinding"} <= {g.kind for g in s.gaps}
    assert all(g.why.startswith("forbidden") for g in s.gaps)


def test_a_namespace_that_may_be_listed_is_read_and_the_rest_is_a_gap(controlplane: ControlPlane) -> None:
    controlplane.namespace("mine")
    view = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "ann", "namespace": "mine"},
        "roleRef": view,
        "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    controlplane.admin.apply(binding)
    s = snapshot_as(controlplane, "ann", namespace="mine")
    assert {o.namespace for o in s.of(Role)} <= {"mine"}
    assert s.of(ClusterRoleBinding) == ()
    assert {g.kind: g.why for g in s.gaps}["Role"] == "forbidden outside namespace mine"
    assert {g.kind: g.why for g in s.gaps}["ClusterRoleBinding"].startswith("forbidden: ")
