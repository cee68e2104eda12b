"""What leads where: each test is one small cluster and the path that it has, or has not."""

from __future__ import annotations

import pytest
from tests.paths.cluster import account, binding, cluster, granted, named, namespace, pod, role, rule
from tests.paths.steps import RBAC, STEPS

from mistrust.kube.errors import UsageError
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.identity.index import rbac
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET, attack
from mistrust.paths.path import Foothold, Paths

RUNNER = Foothold("identity", "ServiceAccount ci/runner")
EVERYTHING = rule("*", "*", "*")


def paths(snapshot: Snapshot, start: Foothold = RUNNER, target: Foothold = CLUSTER_ADMIN) -> Paths:
    return attack(snapshot, rbac(snapshot), STEPS, (start,), (target,))


def hops(found: Paths) -> list[str]:
    """The footholds of the only path."""
    (path,) = found.paths
    return [str(path.hops[0].source), *(str(h.target) for h in path.hops)]


def test_a_pod_holds_its_service_account() -> None:
    found = paths(
        cluster(
            namespace("ci"),
            account("ci", "runner"),
            pod("ci", "job", "runner"),
            *granted("ci/runner", EVERYTHING),
        ),
        ANY_POD,
    )
    assert hops(found) == ["Pod ci/job", "ServiceAccount ci/runner", "cluster-admin"]
    assert found.paths[0].hops[1].step == "all-rights"
    assert {str(e.ref) for e in found.paths[0].hops[1].grants} == {
        "ClusterRole ci-runner",
        "ClusterRoleBinding ci-runner",
    }


def test_all_rights_in_a_namespace_are_not_cluster_admin() -> None:
    snapshot = cluster(namespace("ci"), account("ci", "runner"), *granted("ci/runner", EVERYTHING, namespace="ci"))
    assert paths(snapshot).pairs == 0


def test_creating_pods_gives_every_service_account_of_the_namespace() -> None:
    snapshot = cluster(
        namespace("ci", "restricted"),
        account("ci", "runner"),
        account("ci", "deployer"),
        *granted("ci/runner", rule("create", "pods"), namespace="ci"),
        *granted("ci/deployer", EVERYTHING),
    )
    assert hops(paths(snapshot)) == [
        "ServiceAccount ci/runner",
        "create-pod ci",
        "ServiceAccount ci/deployer",
        "cluster-admin",
    ]


@pytest.mark.parametrize(("level", "pairs"), [("", 1), ("privileged", 1), ("baseline", 0), ("restricted", 0)])
def test_a_pod_of_ones_own_takes_the_node_where_pod_security_admits_it(level: str, pairs: int) -> None:
    snapshot = cluster(
        namespace("ci", level),
        account("ci", "runner"),
        named("Node", "worker"),
        *granted("ci/runner", rule("create", "pods"), namespace="ci"),
    )
    assert paths(snapshot, target=ANY_NODE).pairs == pairs


def test_whoever_may_relabel_the_namespace_too_takes_pod_security_off_it() -> None:
    snapshot = cluster(
        namespace("ci", "restricted"),
        account("ci", "runner"),
        named("Node", "worker"),
        *granted("ci/runner", rule("create", "pods"), rule("patch", "namespaces"), namespace="ci"),
    )
    found = paths(snapshot, target=ANY_NODE)
    assert found.pairs == 1
    assert "takes Pod Security off" in found.paths[0].hops[-1].how
    assert found.paths[0].hops[-1].also, "it rests on both powers"


def test_a_node_holds_its_pods_and_a_control_plane_node_the_cluster() -> None:
    control_plane = named("Node", "cp", labels={"node-role.kubernetes.io/control-plane": ""})
    on = lambda node: cluster(  # noqa: E731
        namespace("ci"), account("ci", "runner"), control_plane, named("Node", "worker"),
        pod("ci", "agent", node=node, privileged=True),
    )  # fmt: skip
    assert hops(paths(on("cp"), ANY_POD)) == ["Pod ci/agent", "node cp", "cluster-admin"]
    assert paths(on("worker"), ANY_POD).pairs == 0


def test_manifests_do_not_say_who_shares_a_node_and_the_hop_says_so() -> None:
    snapshot = cluster(
        pod("ci", "agent", privileged=True), pod("ops", "backup", "backup"), *granted("ops/backup", EVERYTHING),
        scope=Scope.MANIFESTS,
    )  # fmt: skip
    found = paths(snapshot, Foothold("pod", "Pod ci/agent"))
    assert hops(found)[:2] == ["Pod ci/agent", "a node"]
    assert hops(found)[-2:] == ["ServiceAccount ops/backup", "cluster-admin"]


def test_a_token_only_reaches_the_pods_that_mount_it() -> None:
    without = pod("ci", "job", "runner")
    without["spec"]["automountServiceAccountToken"] = False  # type: ignore[index]
    snapshot = cluster(namespace("ci"), account("ci", "runner"), without, *granted("ci/runner", EVERYTHING))
    assert paths(snapshot, ANY_POD).pairs == 0


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "pairs"), [("", 1), ("deployer", 1), ("other", 0)])
def test_a_rule_with_names_gains_only_these(names: str, pairs: int) -> None:
    snapshot = cluster(
        namespace("ci"),
        *(account("ci", n) for n in ("runner", "deployer", "other")),
        *granted("ci/runner", rule("create", "serviceaccounts/token", names=names), namespace="ci"),
        *granted("ci/deployer", EVERYTHING),
    )
    assert paths(snapshot).pairs == pairs


@pytest.mark.parametrize(("may_bind", "pairs"), [("", 1), ("cluster-admin", 1), ("view", 0), ("view,admins", 1)])
def test_bind_gives_the_named_roles_and_no_others(may_bind: str, pairs: int) -> None:
    snapshot = cluster(
        namespace("ci"),
        account("ci", "runner"),
        role("cluster-admin", EVERYTHING),
        role("admins", EVERYTHING),
        role("view", rule("get,list", "pods")),
        *granted(
            "ci/runner", rule("create", "clusterrolebindings", RBAC), rule("bind", "clusterroles", RBAC, names=may_bind)
        ),
    )
    assert paths(snapshot).pairs == pairs


def test_a_role_that_is_bound_adds_to_what_one_has() -> None:
    """Neither the runner nor the role may have tokens written: together they may."""
    snapshot = cluster(
        namespace("ci"),
        account("ci", "runner"),
        account("ci", "deployer"),
        role("reader", rule("get", "secrets")),
        *granted(
            "ci/runner",
            rule("create", "clusterrolebindings", RBAC),
            rule("bind", "clusterroles", RBAC, names="reader"),
            rule("create", "secrets"),
        ),
        *granted("ci/deployer", EVERYTHING),
    )
    found = paths(snapshot)
    assert hops(found) == [
        "ServiceAccount ci/runner",
        "ServiceAccount ci/runner with ClusterRole reader",
        "ServiceAccount ci/deployer",
        "cluster-admin",
    ]


def test_a_role_that_is_bound_in_namespaces_gives_nothing_beyond_them() -> None:
    snapshot = cluster(
        namespace("ci", "restricted"),
        account("ci", "runner"),
        named("Node", "worker"),
        role("proxy", rule("get", "nodes/proxy")),
        *granted("ci/runner", rule("create", "rolebindings", RBAC), rule("bind", "clusterroles", RBAC, names="proxy")),
        pod("ops", "backup", "backup", node="worker"),
        account("ops", "backup"),
        *granted("ops/backup", EVERYTHING),
    )
    assert paths(snapshot).pairs == 0


@pytest.mark.parametrize(("bound", "pairs"), [("", 1), ("ci", 0)])
def test_rewriting_a_role_helps_where_it_is_bound_to_oneself(bound: str, pairs: int) -> None:
    may = ["update,escalate", "clusterroles", RBAC, "mine"]
    snapshot = cluster(
        namespace("ci", "restricted"),
        account("ci", "runner"),
        role("mine"),
        binding("mine", "mine", "ci/runner", namespace=bound),
        *granted("ci/runner", rule(*may), name="writer"),
    )
    assert paths(snapshot).pairs == pairs


def test_rewriting_a_role_that_somebody_else_holds_gains_nothing() -> None:
    snapshot = cluster(
        namespace("ci"),
        account("ci", "runner"),
        role("theirs"),
        binding("theirs", "theirs", "group:admins"),
        *granted("ci/runner", rule("update,escalate", "clusterroles", RBAC, names="theirs")),
    )
    assert paths(snapshot).pairs == 0


# --- one principal, several grants -----------------------------------------------------------------------------------


def test_needs_of_one_step_may_come_from_several_roles_and_from_groups() -> None:
    snapshot = cluster(
        namespace("ci"),
        account("ci", "runner"),
        account("ci", "deployer"),
        *granted("ci/runner", rule("create", "secrets"), namespace="ci", name="writer"),
        *granted("group:system:serviceaccounts:ci", rule("get", "secrets"), name="readers"),
        *granted("ci/deployer", EVERYTHING),
    )
    found = paths(snapshot)
    assert hops(found)[1:] == ["ServiceAccount ci/deployer", "cluster-admin"]
    assert {str(e.ref) for e in found.paths[0].hops[0].grants} == {
        "Role ci/writer", "RoleBinding ci/writer", "ClusterRole readers", "ClusterRoleBinding readers",
    }  # fmt: skip


def test_needs_of_two_identities_do_not_add_up() -> None:
    snapshot = cluster(
        namespace("ci", "restricted"),
        *(account("ci", n) for n in ("runner", "reader", "deployer")),
        *granted("ci/runner", rule("create", "serviceaccounts/token", names="reader"), namespace="ci", name="token"),
        *granted("ci/runner", rule("create", "secrets"), namespace="ci", name="writer"),
        *granted("ci/reader", rule("get", "secrets"), namespace="ci", name="reader"),
        *granted("ci/deployer", EVERYTHING),
    )
    assert paths(snapshot).pairs == 0


@pytest.mark.parametrize(("approver", "pairs"), [("helper", 1), ("stranger", 0)])
def test_unless_the_step_says_that_they_do(approver: str, pairs: int) -> None:
    """One asks for a certificate, the other approves; the runner may be `helper`, but not `stranger`."""
    csr = "certificates.k8s.io"
    snapshot = cluster(
        namespace("ci", "restricted"),
        *(account("ci", n) for n in ("runner", "helper", "stranger", "admin")),
        *granted("ci/runner", rule("create", "serviceaccounts/token", names="helper"), namespace="ci", name="token"),
        *granted("ci/runner", rule("create", "certificatesigningrequests", csr), name="asks"),
        *granted(f"ci/{approver}", rule("update", "certificatesigningrequests/approval", csr), name="approves"),
        *granted("ci/admin", EVERYTHING, name="admin"),
    )
    found = paths(snapshot)
    assert found.pairs == pairs
    if pairs:
        assert [h.also for h in found.paths[0].hops if h.step == "sign-together"] != [()]


def test_impersonating_a_group_needs_somebody_to_carry_it() -> None:
    group = rule("impersonate", "groups")
    alone = cluster(namespace("ci"), account("ci", "runner"), *granted("ci/runner", group))
    carried = cluster(
        namespace("ci"), account("ci", "runner"), *granted("ci/runner", group, rule("impersonate", "users", names="x"))
    )
    assert paths(alone).pairs == 0
    assert hops(paths(carried)) == ["ServiceAccount ci/runner", "Group system:masters", "cluster-admin"]


LOAD_BALANCER = {"type": "LoadBalancer", "ports": [{"port": 80}]}

# --- starts and targets ----------------------------------------------------------------------------------------------


def test_the_internet_starts_at_every_door_by_itself() -> None:
    web = pod("shop", "web", "web")
    web["metadata"]["labels"] = {"app": "web"}  # type: ignore[index]
    snapshot = cluster(
        namespace("shop"), account("shop", "web"), web, pod("shop", "inner", "web"),
        named("Service", "web", "shop", spec={**LOAD_BALANCER, "selector": {"app": "web"}}),
        *granted("shop/web", EVERYTHING),
    )  # fmt: skip
    found = paths(snapshot, INTERNET)
    assert hops(found) == ["internet", "Pod shop/web", "ServiceAccount shop/web", "cluster-admin"]
    assert found.paths[0].start == Foothold("pod", "Pod shop/web")
    assert paths(snapshot, ANY_POD).pairs == 2


def test_any_authenticated_user_may_be_a_start() -> None:
    snapshot = cluster(*granted("group:system:authenticated", EVERYTHING))
    assert paths(snapshot, Foothold("identity", "Group system:authenticated")).pairs == 1
    assert paths(snapshot, Foothold("identity", "Group system:unauthenticated")).pairs == 0


def test_a_start_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="no such start or target"):
        paths(cluster(namespace("ci")), Foothold("pod", "Deployment ci/none"))
    with pytest.raises(UsageError, match="not an identity"):
        paths(cluster(namespace("ci")), Foothold("identity", "jane"))


def test_a_service_account_that_does_not_exist_is_no_way() -> None:
    grants = [*granted("ci/runner", rule("create", "pods"), namespace="ci"), *granted("ci/gone", EVERYTHING)]
    live = cluster(namespace("ci", "restricted"), account("ci", "runner"), *grants)
    files = cluster(namespace("ci", "restricted"), account("ci", "runner"), *grants, scope=Scope.MANIFESTS)
    assert paths(live).pairs == 0
    assert paths(files).pairs == 1, "files may leave out what another file makes"


def test_a_start_inside_is_told_apart_and_answers_where_nothing_else_does() -> None:
    """One exposed harmless pod must not hide what a privileged one is worth."""
    snapshot = cluster(pod("ci", "agent", privileged=True), pod("ci", "quiet"), scope=Scope.MANIFESTS)
    found = attack(snapshot, rbac(snapshot), STEPS, (Foothold("pod", "Pod ci/quiet"),), (ANY_NODE,), inside=(ANY_POD,))
    assert found.supposed
    assert [str(p.start) for p in found.paths] == ["Pod ci/agent"]
    assert (found.searched, found.taken, found.takeable, found.pairs) == (1, 1, 1, 1)
    beside = attack(snapshot, rbac(snapshot), STEPS, (ANY_POD,), (ANY_NODE,), inside=(ANY_POD,))
    assert not beside.supposed
    assert beside.inside == ()
