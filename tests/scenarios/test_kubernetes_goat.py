"""Kubernetes Goat: each scenario, its flaw, and the layer that the flaw belongs to. Those of the pods layer are found.

Layers: `pods` is tested here; `identity` (RBAC), `network` (reachability), `image` (what is inside an image) and
`admission` (policies of other engines) are the business of other rooms.
"""

from __future__ import annotations

import pytest

from mistrust.access.evidence import show_path
from mistrust.access.fact import Fact
from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from mistrust.layers.pods.facts import facts
from tests.corpora import corpus

SCENARIOS: dict[str, tuple[tuple[str, str], ...]] = {
    "batch-check": (("image", "a layer of the image starts a crypto miner"),),
    "build-code": (("image", "the image holds a .git folder with cloud keys"), ("network", "anybody may read it")),
    "cache-store": (("network", "a database without a password is reachable from every namespace"),),
    "docker-bench-security": (
        ("pods", "a benchmark runs privileged, in every namespace of the node, with the runtime's socket"),
    ),
    "health-check": (("pods", "a web page runs commands beside the runtime's socket, in a privileged container"),),
    "hidden-in-layers": (("image", "a deleted secret is still in a lower layer"),),
    "hunger-check": (
        ("pods", "no limits: one container can starve the node"),
        ("identity", "service account big-monolith-sa reads every Secret of its namespace (core resources *)"),
    ),
    "insecure-rbac": (("identity", "service account kube-system/superadmin is cluster-admin"),),
    "internal-proxy": (
        ("network", "a proxy reaches every service of the cluster (request forgery), and a NodePort opens it"),
    ),
    "kube-bench-security": (("pods", "a benchmark reads the keys of the control plane and of the kubelet"),),
    "kubernetes-goat-home": (),
    "kyverno-namespace-exec-block": (("admission", "a policy forbids exec in one namespace, and all others allow it"),),
    "metadata-db": (("network", "the metadata of an instance answers everybody"),),
    "poor-registry": (("network", "a registry without a password is reachable"), ("image", "its image holds a key")),
    "system-monitor": (
        ("pods", "the file system, processes and memory of the node are in a privileged container"),
        ("pods", "a Secret is in the environment"),
    ),
}

FOUND: dict[str, dict[str, str]] = {
    "docker-bench-security": {
        "pods.privileged": "spec.template.spec.containers[0].securityContext.privileged",
        "pods.host-pid": "spec.template.spec.hostPID",
        "pods.host-ipc": "spec.template.spec.hostIPC",
        "pods.host-network": "spec.template.spec.hostNetwork",
        "pods.runtime-socket": "spec.template.spec.containers[0].volumeMounts[6]",
        "pods.host-path-read": "spec.template.spec.containers[0].volumeMounts[0]",
    },
    "health-check": {
        "pods.privileged": "spec.template.spec.containers[0].securityContext.privileged",
        "pods.runtime-socket": "spec.template.spec.containers[0].volumeMounts[0]",
    },
    "hunger-check": {
        "pods.no-memory-limit": "spec.template.spec.containers[0].resources.limits.memory",
        "pods.no-cpu-limit": "spec.template.spec.containers[0].resources.limits.cpu",
    },
    "kube-bench-security": {
        "pods.host-pid": "spec.template.spec.hostPID",
        "pods.host-path-read": "spec.template.spec.containers[0].volumeMounts[0]",
    },
    "system-monitor": {
        "pods.privileged": "spec.template.spec.containers[0].securityContext.privileged",
        "pods.host-pid": "spec.template.spec.hostPID",
        "pods.host-ipc": "spec.template.spec.hostIPC",
        "pods.host-path-write": "spec.template.spec.containers[0].volumeMounts[0]",
        "pods.secret-in-env": "spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef",
    },
}
"""The facts that say the flaw, each with the first field that it rests on."""

WAYS_OUT = {
    "pods.privileged",
    "pods.host-pid",
    "pods.host-pid-ptrace",
    "pods.host-ipc",
    "pods.host-network",
    "pods.host-path-write",
    "pods.host-path-read",
    "pods.runtime-socket",
    "pods.dangerous-capability",
}


def found(scenario: str) -> list[Fact]:
    objects = []
    for file in sorted((corpus("manifests") / "kubernetes-goat" / "scenarios" / scenario).glob("*.yaml")):
        objects += read(file.read_bytes(), file.name)[0]
    return list(facts(snapshot(objects)))


def test_the_table_knows_every_scenario() -> None:
    folders = (corpus("manifests") / "kubernetes-goat" / "scenarios").iterdir()
    assert {folder.name for folder in folders} == set(SCENARIOS)
    assert {name for name, flaws in SCENARIOS.items() if "pods" in dict(flaws)} == set(FOUND)


@pytest.mark.parametrize("scenario", FOUND)
def test_the_flaw_in_the_pods_is_found_at_its_field(scenario: str) -> None:
    told = {f.name: show_path(f.evidence[0].path) for f in found(scenario)}
    assert FOUND[scenario].items() <= told.items()
    assert WAYS_OUT & set(told) == WAYS_OUT & set(FOUND[scenario])


@pytest.mark.parametrize("scenario", sorted(set(SCENARIOS) - set(FOUND)))
def test_no_way_out_is_invented_where_the_flaw_is_elsewhere(scenario: str) -> None:
    assert not WAYS_OUT & {f.name for f in found(scenario)}


def test_reading_the_keys_of_the_control_plane_names_each_place() -> None:
    [master] = [f for f in found("kube-bench-security") if f.name == "pods.host-path-read" and "master" in f.subject]
    for place in ("/var/lib/etcd", "/etc/kubernetes", "/var/lib/kubelet", "/etc/cni/net.d"):
        assert f"mounts {place} of the node read-only" in master.detail
    assert "/usr/bin" not in master.detail
