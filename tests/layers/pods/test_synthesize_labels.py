"""A namespace enforces the strictest level that all its pods meet, where it is shown that no others come."""

from __future__ import annotations

import pytest
from tests.layers.pods.evidence import account, call, kubelet, log
from tests.layers.pods.make import cluster, deployment, one

from mistrust.access.change import Tightened, applied
from mistrust.kube.core import Namespace
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.kube.version import Version
from mistrust.layers.pods.synthesize import synthesize
from mistrust.layers.pods.usage import Call, used

PREFIX = "pod-security.kubernetes.io/"
HARD = """
automountServiceAccountToken: false
securityContext: {runAsUser: 1000, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
containers: [{name: web, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
"""
PLAIN = "automountServiceAccountToken: false\n" + one("")
SERVER = Version(1, 34)


def space(name: str = "shop", **labels: str) -> str:
    said = ", ".join(f"{PREFIX}{k.replace('_', '-')}: {v}" for k, v in labels.items())
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{said}}}}}"


def tightened(world: Snapshot, *calls: Call) -> Tightened:
    return synthesize(world, used(world, log(kubelet("none"), *calls)))


def labels(world: Snapshot, found: Tightened, name: str = "shop") -> dict[str, str]:
    """The Pod Security labels of a namespace afterwards."""
    after = snapshot(applied(world.objects, found.changes))
    [own] = [n for n in after.of(Namespace) if n.name == name]
    return {k.removeprefix(PREFIX): v for k, v in own.metadata.labels.items() if k.startswith(PREFIX)}


def why(world: Snapshot, *calls: Call, name: str = "shop") -> str:
    """Why the labels of a namespace stay."""
    found = tightened(world, *calls)
    assert not [c for c in found.changes if isinstance(c.old, Namespace) and c.old.name == name]
    [because] = [each.because for each in found.left if each.ref.kind == "Namespace" and each.ref.name == name]
    return because.removeprefix("its Pod Security labels stay: ")


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ((HARD,), {"enforce": "restricted", "enforce-version": "v1.34"}),
        ((PLAIN,), {"enforce": "baseline", "enforce-version": "v1.34", "warn": "restricted", "audit": "restricted"}),
        (
            (HARD, PLAIN),
            {"enforce": "baseline", "enforce-version": "v1.34", "warn": "restricted", "audit": "restricted"},
        ),
    ],
)
def test_the_least_strict_pod_decides(pods: tuple[str, ...], expected: dict[str, str]) -> None:
    world = cluster(space(), *(deployment(pod, f"w{i}") for i, pod in enumerate(pods)), version=SERVER)
    assert labels(world, tightened(world)) == expected


def test_a_pod_that_needs_its_node_is_named_and_stays() -> None:
    world = cluster(space(), deployment("hostPID: true\n" + PLAIN), version=SERVER)
    assert why(world) == "beyond baseline is Deployment shop/web (host namespaces)"
    [left] = [each for each in tightened(world).left if each.ref.name == "web"]
    assert left.because == "what baseline forbids stays (host namespaces): no log tells whether it needs that"


def test_without_a_version_of_the_server_the_level_holds_in_every_version() -> None:
    pod = PLAIN + "\nsecurityContext: {sysctls: [{name: net.ipv4.tcp_rmem, value: '1'}]}"
    assert "forbidden sysctls" in why(cluster(space(), deployment(pod)))
    world = cluster(space(), deployment(PLAIN))
    assert "enforce-version" not in labels(world, tightened(world))


def test_nothing_gets_looser() -> None:
    world = cluster(space(enforce="restricted"), deployment(PLAIN), version=SERVER)
    assert tightened(world).changes == ()
    pinned = cluster(space(enforce="baseline", enforce_version="v1.24"), deployment(HARD), version=Version(1, 37))
    found = labels(pinned, tightened(pinned))
    assert found == {"enforce": "restricted", "enforce-version": "v1.24"}


def test_what_others_make_is_not_shown_and_so_nothing_is_forbidden() -> None:
    world = cluster(space(), deployment(HARD), version=SERVER)
    runner = account("runner", "ci")
    assert why(world, call(runner, "create", "pods")).startswith(f"{runner} created pods: what it needs")
    assert "created jobs migrate" in why(world, call("alice", "create", "jobs.batch", "migrate"))
    assert "ephemeral containers" in why(world, call("alice", "patch", "pods/ephemeralcontainers", "web-1"))
    controller = account("replicaset-controller", "kube-system")
    for fine in (
        call(controller, "create", "pods"),
        call("system:kube-controller-manager", "create", "pods"),
        call("alice", "create", "deployments.apps", "web"),
        call(runner, "create", "pods", namespace="elsewhere"),
    ):
        assert labels(world, tightened(world, fine))["enforce"] == "restricted"


ROLLOUT = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r, namespace: shop}"
LIMITS = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: shop}"
HOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: inject}
webhooks:
- name: inject.example.com
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
"""


def test_a_kind_that_is_not_read_may_make_pods() -> None:
    assert why(cluster(space(), deployment(HARD), ROLLOUT)).startswith("Rollout shop/r may make pods")
    world = cluster(space(), deployment(HARD), LIMITS)
    assert labels(world, tightened(world))["enforce"] == "restricted"


def test_what_is_added_to_pods_on_their_way_in_has_to_be_seen() -> None:
    assert why(cluster(space(), deployment(HARD), HOOK)).startswith("webhook inject.example.com may change pods of")
    meshed = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}"
    assert why(cluster(meshed, deployment(HARD))).startswith("istio-injection has containers added to pods")


MESHED = """
apiVersion: v1
kind: Pod
metadata:
  name: web-x
  namespace: shop
  uid: u
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}]
spec:
  automountServiceAccountToken: false
  securityContext: {runAsUser: 1000, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  initContainers: [{name: istio-init, securityContext: {capabilities: {add: [%s]}}}]
  containers: [{name: web, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
"""


def test_a_running_pod_shows_what_was_added_to_it() -> None:
    meshed = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}"
    assert why(cluster(meshed, deployment(HARD), MESHED % "NET_ADMIN")).startswith("beyond baseline is Pod shop/web-x")
    harmless = cluster(meshed, deployment(HARD), MESHED % "CHOWN")
    assert labels(harmless, tightened(harmless))["enforce"] == "baseline"


def test_what_cannot_be_labelled_is_said() -> None:
    assert why(cluster(deployment(PLAIN))) == "it is not in the snapshot: it cannot be labelled"
    system = deployment(HARD, namespace="kube-system")
    assert "the cluster's own parts" in why(cluster(space("kube-system"), system), name="kube-system")
    assert "does not enforce" in why(cluster(space(), deployment(HARD), version=Version(1, 22)))
    assert why(cluster(space(), version=SERVER)) == "no file shows what runs there"
    gapped = snapshot(cluster(space(), deployment(HARD)).objects, gaps=[Gap("StatefulSet", "forbidden")])
    assert why(gapped) == "not every kind that makes pods could be seen there"


def test_an_empty_namespace_of_a_cluster_admits_restricted_pods_alone() -> None:
    world = snapshot(cluster(space()).objects, scope=Scope.CLUSTER, version=SERVER)
    assert labels(world, tightened(world))["enforce"] == "restricted"


def without_loss(pod: str) -> list[str]:
    """The fields that change so that the namespace can be stricter."""
    found = tightened(cluster(space(), deployment("automountServiceAccountToken: false\n" + pod), version=SERVER))
    return [str(note) for c in found.changes if not isinstance(c.old, Namespace) for note in c.notes]


ALMOST = """
securityContext: {%s seccompProfile: {type: RuntimeDefault}}
containers:
- name: web
  securityContext: {%s allowPrivilegeEscalation: false, capabilities: {drop: [ALL%s]%s}}
"""
AT = "spec.template.spec.containers[0].securityContext"


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        (
            ALMOST % ("", "runAsUser: 1000,", "", ""),
            [f"{AT}.runAsNonRoot: it runs as user 1000, as the manifest says: nothing changes"],
        ),
        (
            ALMOST % ("runAsUser: 1000,", "", "", ""),
            [f"{AT}.runAsNonRoot: it runs as user 1000, as the manifest says: nothing changes"],
        ),
        (ALMOST % ("runAsUser: 0,", "runAsUser: 1000,", "", ""), []),
        (ALMOST % ("", "", "", ""), []),
        (ALMOST % ("", "runAsUser: 0,", "", ""), []),
        (
            ALMOST % ("runAsNonRoot: false,", "runAsUser: 7,", "", ""),
            [
                "spec.template.spec.securityContext.runAsNonRoot: "
                "every container says of itself that it does not run as root",
                f"{AT}.runAsNonRoot: it runs as user 7, as the manifest says: nothing changes",
            ],
        ),
        (
            ALMOST % ("runAsNonRoot: true,", "", ", NET_RAW", ", add: [NET_RAW]"),
            [f"{AT}.capabilities.add: what is dropped by name is not held, added or not"],
        ),
        (ALMOST % ("runAsNonRoot: true,", "", "", ", add: [NET_RAW]"), []),
        ("nodeSelector: {kubernetes.io/os: windows}\n" + ALMOST % ("", "runAsUser: 1000,", "", ""), []),
    ],
)
def test_a_field_is_completed_only_where_nothing_is_lost(pod: str, found: list[str]) -> None:
    assert sorted(without_loss(pod)) == sorted(found)


def test_a_volume_that_no_container_mounts_goes() -> None:
    pod = one("volumeMounts: [{name: used, mountPath: /u}]")
    volumes = "\nvolumes: [{name: used, emptyDir: {}}, {name: host, hostPath: {path: /}}, {name: nfs, nfs: {}}]"
    assert without_loss(pod + volumes) == [
        "spec.template.spec.volumes[1]: no container mounts it: the kubelet does not set it up"
    ]
    assert without_loss(pod.replace("used", "host") + volumes.replace("name: used", "name: other")) == []
