"""A snapshot keeps every object, once where copies are equal, and knows what stands for what."""

from __future__ import annotations

from mistrust.kube.core import Namespace
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.pods import Pod
from mistrust.kube.problem import Origin
from mistrust.kube.rbac import ClusterRole
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot


def objects(*values: dict[str, object]) -> list[Object]:
    found = [o for i, v in enumerate(values) for o in from_plain(v, Origin(f"{i}.yaml", 0, -1, 1))]
    assert all(isinstance(o, Object) for o in found)
    return [o for o in found if isinstance(o, Object)]


def make(kind: str, name: str, api: str = "v1", **more: object) -> dict[str, object]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **more.pop("metadata", {})}, **more}  # type: ignore[dict-item]


def owned(kind: str, name: str, owner: str, owner_name: str, owner_api: str, **more: object) -> dict[str, object]:
    reference = {"kind": owner, "name": owner_name, "apiVersion": owner_api, "controller": True}
    api = {"Pod": "v1", "ReplicaSet": "apps/v1", "Job": "batch/v1"}[kind]
    return make(kind, name, api, metadata={"namespace": "a", "ownerReferences": [reference]}, **more)


def test_equal_copies_are_one_object_and_differing_copies_are_all_kept_with_a_remark() -> None:
    admin = make("ClusterRole", "x", "rbac.authorization.k8s.io/v1", rules=[{"verbs": ["*"], "resources": ["*"]}])
    nothing = make("ClusterRole", "x", "rbac.authorization.k8s.io/v1")
    s = snapshot(objects(nothing, nothing, admin, admin))
    assert [len(r.rules) for r in s.of(ClusterRole)] == [0, 1]
    (remark,) = s.problems
    assert remark.file == "2.yaml"
    assert not remark.blinds
    assert "0.yaml" in remark.do


def test_generated_names_make_a_new_object_each_time() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}}
    assert len(snapshot(objects(pod, pod)).of(Pod)) == 2


def test_a_workload_is_named_by_its_topmost_owner_and_holds_its_pods() -> None:
    s = snapshot(
        objects(
            make("Deployment", "web", "apps/v1", metadata={"namespace": "a"}),
            owned("ReplicaSet", "web-1", "Deployment", "web", "apps/v1"),
            owned("Pod", "web-1-a", "ReplicaSet", "web-1", "apps/v1"),
            owned("Pod", "web-1-b", "ReplicaSet", "web-1", "apps/v1"),
            owned("Pod", "lost", "ReplicaSet", "gone", "apps/v1"),
        )
    )
    assert [(str(w.ref), len(w.pods)) for w in s.workloads] == [("Deployment a/web", 2), ("Pod a/lost", 1)]


def test_owners_in_a_circle_hide_nothing() -> None:
    s = snapshot(
        objects(
            owned("ReplicaSet", "x", "Job", "y", "batch/v1"),
            owned("Job", "y", "ReplicaSet", "x", "apps/v1"),
            owned("Pod", "self", "Pod", "self", "v1"),
        )
    )
    assert [str(w.ref) for w in s.workloads] == ["ReplicaSet a/x", "Job a/y", "Pod a/self"]


def test_a_pod_that_only_claims_an_owner_stands_for_itself() -> None:
    quiet = {"template": {"spec": {"containers": [{"name": "web"}]}}}
    loud = {"containers": [{"name": "web", "securityContext": {"privileged": True}}]}
    s = snapshot(
        objects(
            make("Deployment", "web", "apps/v1", metadata={"namespace": "a"}, spec=quiet),
            owned("Pod", "honest", "Deployment", "web", "apps/v1", spec={"containers": [{"name": "web"}]}),
            owned("Pod", "liar", "Deployment", "web", "apps/v1", spec=loud),
            owned("Pod", "liar-2", "Deployment", "web", "apps/v1", spec=loud),
        )
    )
    assert [(str(w.ref), [p.name for p in w.pods]) for w in s.workloads] == [
        ("Deployment a/web", ["honest"]),
        ("Pod a/liar", ["liar", "liar-2"]),
    ]


def test_what_the_server_fills_in_does_not_change_a_shape() -> None:
    token = {"name": "kube-api-access-x7", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    filled = {
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "nodeName": "n1",
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
        "containers": [{"name": "web", "imagePullPolicy": "Always", "volumeMounts": [token]}],
        "volumes": [{"name": "kube-api-access-x7", "projected": {"sources": []}}],
    }
    s = snapshot(
        objects(
            make(
                "Deployment", "web", "apps/v1", metadata={"namespace": "a"},
                spec={"template": {"spec": {"containers": [{"name": "web"}]}}},
            ),
            owned("Pod", "p", "Deployment", "web", "apps/v1", spec=filled),
        )
    )  # fmt: skip
    assert [str(w.ref) for w in s.workloads] == ["Deployment a/web"]


def test_what_a_server_wrote_stands_for_a_cluster() -> None:
    assert snapshot(objects(make("Namespace", "a"))).scope is Scope.MANIFESTS
    assert snapshot(objects(make("Namespace", "a", metadata={"uid": "1"}))).scope is Scope.CLUSTER
    assert snapshot(objects(make("Namespace", "a")), scope=Scope.CLUSTER).scope is Scope.CLUSTER


def test_kinds_that_no_layer_reads_are_counted_and_gaps_are_found_by_kind() -> None:
    s = snapshot(
        objects(make("Application", "x", "argoproj.io/v1alpha1"), make("Application", "y", "argoproj.io/v1alpha1")),
        gaps=[Gap("Pod", "forbidden")],
    )
    assert s.unread() == {"Application.argoproj.io": 2}
    assert s.blind(Pod) == (Gap("Pod", "forbidden"),)
    assert s.blind(Namespace) == ()


def test_an_empty_snapshot_is_empty() -> None:
    assert snapshot([]).objects == Snapshot().objects == ()
