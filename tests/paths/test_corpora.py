"""Public collections of bad manifests: what is known to lead somewhere does, and nothing else."""

from __future__ import annotations

from tests.corpora import corpus

from mistrust.catalog.load import default_rbac, steps
from mistrust.cluster.files import read_files
from mistrust.layers.identity.index import rbac
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, attack
from mistrust.paths.path import Foothold, Paths

SECRETS = Foothold("secrets", "kube-system")


def found(folder: str, start: Foothold, *targets: Foothold) -> Paths:
    snapshot = read_files([str(corpus("manifests") / folder)]).snapshot
    return attack(snapshot, rbac(snapshot, default_rbac()), steps(), (start,), targets)


def test_kubernetes_goats_superadmin_is_cluster_admin_by_one_step() -> None:
    start = Foothold("identity", "ServiceAccount kube-system/superadmin")
    (path,) = found("kubernetes-goat/scenarios/insecure-rbac", start, CLUSTER_ADMIN).paths
    assert [h.step for h in path.hops] == ["all-rights"]
    assert {str(e.ref) for e in path.hops[0].grants} == {"ClusterRole cluster-admin", "ClusterRoleBinding superadmin"}


def test_kubernetes_goats_privileged_pods_take_their_node() -> None:
    answer = found("kubernetes-goat/scenarios", ANY_POD, ANY_NODE)
    assert {p.start.name.rpartition("/")[2] for p in answer.paths} == {
        "docker-bench-security", "health-check-deployment", "system-monitor-deployment",
    }  # fmt: skip
    assert (answer.fixes.cut, answer.fixes.remaining, answer.fixes.optimal) == (3, 0, True)


def test_bad_pods_escape_by_what_they_are_named_after() -> None:
    answer = found("bad-pods", ANY_POD, ANY_NODE)
    kinds = {p.start.name.rpartition("/")[2].partition("-exec")[0].partition("-revshell")[0] for p in answer.paths}
    assert kinds == {"everything-allowed", "priv-and-hostpid", "priv", "hostpath"}
    assert answer.fixes.remaining == 0


def test_an_operator_that_writes_secrets_everywhere_has_the_cluster() -> None:
    """Prometheus Operator may create Secrets in kube-system, and so mint a token of a controller there."""
    answer = found("kube-prometheus", ANY_POD, CLUSTER_ADMIN)
    (path,) = answer.paths
    assert path.start == Foothold("pod", "Deployment monitoring/prometheus-operator")
    assert path.hops[1].target.name == "ServiceAccount kube-system/clusterrole-aggregation-controller"
    assert answer.fixes.cut == 1


def test_ordinary_applications_lead_nowhere() -> None:
    for folder in ("bookinfo", "online-boutique"):
        assert found(folder, ANY_POD, CLUSTER_ADMIN, ANY_NODE, SECRETS).pairs == 0
