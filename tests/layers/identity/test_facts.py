"""What is worth a remark: each fact in the cluster that shows it, and not in the one beside it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.layers.identity.objects import GROUP, Plain, binding, cluster, role, rule, thing, typed

from mistrust.access.fact import Fact
from mistrust.kube.snapshot import Gap, Scope
from mistrust.layers.identity.facts import NAMES, facts
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.resources import Resource

RESOURCES = (
    Resource("", "nodes", namespaced=False),
    Resource("", "pods"),
    Resource("", "namespaces", namespaced=False),
)
ADMIN = role("cluster-admin", rule("*", "*", "*"), rule("*", urls="*"))
PODS = role("pods", rule("get", "pods"))
IN_A = role("r", rule("get", "pods"), namespace="a")
ADMISSION = "admissionregistration.k8s.io"
VIEW: Plain = {"clusterRoleSelectors": [{"matchLabels": {"v": "1"}}]}


def told(
    *objects: Plain, scope: Scope | None = None, gaps: Iterable[Gap] = (), defaults: Iterable[Plain] = ()
) -> list[Fact]:
    snapshot = cluster(*objects, scope=scope, gaps=gaps)
    found = list(facts(snapshot, rbac(snapshot, typed(*defaults)), RESOURCES))
    assert {f.name for f in found} <= set(NAMES)
    assert all(f.evidence for f in found)
    return found


def holding(*rules: Plain) -> tuple[Plain, ...]:
    return role("r", *rules), binding("b", "ClusterRole/r", "User/ann")


def holding_in_a(*rules: Plain) -> tuple[Plain, ...]:
    return role("r", *rules), binding("b", "ClusterRole/r", "User/ann", namespace="a")


SHOWN: list[tuple[str, tuple[Plain, ...]]] = [
    ("anonymous", (PODS, binding("b", "ClusterRole/pods", "User/system:anonymous"))),
    ("anonymous", (PODS, binding("b", "ClusterRole/pods", "Group/system:unauthenticated"))),
    ("authenticated", (PODS, binding("b", "ClusterRole/pods", "Group/system:authenticated", namespace="a"))),
    ("all-service-accounts", (PODS, binding("b", "ClusterRole/pods", "Group/system:serviceaccounts"))),
    ("namespace-service-accounts", (PODS, binding("b", "ClusterRole/pods", "Group/system:serviceaccounts:a"))),
    ("masters", (PODS, binding("b", "ClusterRole/pods", "Group/system:masters"))),
    ("default-account", (PODS, binding("b", "ClusterRole/pods", "ServiceAccount/a/default"))),
    ("default-account", (IN_A, binding("b", "Role/r", "ServiceAccount/default", namespace="a"))),
    ("cluster-admin", (ADMIN, binding("b", "ClusterRole/cluster-admin", "User/ann"))),
    ("cluster-admin-workload", (ADMIN, binding("b", "ClusterRole/cluster-admin", "ServiceAccount/a/s"))),
    ("namespace-admin", (ADMIN, binding("b", "ClusterRole/cluster-admin", "User/ann", namespace="a"))),
    ("secrets-everywhere", holding(rule("list", "secrets"))),
    ("secrets-everywhere", holding(rule("get", "*"))),
    ("create-pods-everywhere", holding(rule("create", "pods"))),
    ("exec-everywhere", holding(rule("create", "*/exec"))),
    ("create-volumes", holding(rule("create", "persistentvolumes"))),
    ("node-proxy", holding(rule("get", "nodes/proxy", names=["n1"]))),
    ("create-tokens", holding(rule("create", "serviceaccounts/token"))),
    (
        "approve-certificates",
        holding(rule("update", "certificatesigningrequests/approval", "certificates.k8s.io")),
    ),
    ("admission-control", holding(rule("patch", "mutatingwebhookconfigurations", ADMISSION, names=["x"]))),
    ("escalate", holding_in_a(rule("escalate", "roles", GROUP))),
    ("bind", holding_in_a(rule("bind", "clusterroles", GROUP, names=["view"]))),
    ("impersonate", holding(rule("impersonate", "groups"))),
    ("wildcard-verbs", (role("r", rule("*", "pods")),)),
    ("wildcard-resources", (role("r", rule("get", "*")),)),
    ("no-such-wildcard", (role("r", rule("get", "pods,pods/*")),)),
    ("no-such-wildcard", (role("r", rule("get", "*/*")),)),
    ("urls-in-role", (role("r", rule("get", urls="/metrics"), namespace="a"),)),
    ("names-without-effect", (role("r", rule("create", "pods", names=["x"])),)),
    ("names-for-list", (role("r", rule("get,list", "pods", names=["x"])),)),
    ("rules-overwritten", (role("r", rule("get", "pods"), aggregationRule=VIEW),)),
    ("dangling-role", (binding("b", "ClusterRole/missing", "User/ann"),)),
    ("nobody", (PODS, binding("b", "ClusterRole/pods", "ServiceAccount/s"))),
    ("nobody", (PODS, binding("b", "ClusterRole/pods", "Robot/r"))),
    ("no-effect-in-namespace", holding_in_a(rule("list", "nodes"))),
    ("no-effect-in-namespace", holding_in_a(rule("get", urls="/metrics"))),
]


@pytest.mark.parametrize(("name", "objects"), SHOWN, ids=[f"{n}-{i}" for i, (n, _) in enumerate(SHOWN)])
def test_it_is_told(name: str, objects: tuple[Plain, ...]) -> None:
    assert f"identity.{name}" in {f.name for f in told(*objects)}


HIDDEN: list[tuple[str, tuple[Plain, ...]]] = [
    ("secrets-everywhere", holding_in_a(rule("list", "secrets"))),
    ("secrets-everywhere", holding(rule("get", "secrets", names=["one"]))),
    ("secrets-everywhere", holding(rule("create", "secrets"))),
    ("cluster-admin", holding(rule("*", "*", "*", names=["one"]))),
    ("wildcard-resources", (role("r", rule("get", "*/log")),)),
    ("no-such-wildcard", (role("r", rule("get", "*/log")),)),
    ("names-without-effect", (role("r", rule("create", "serviceaccounts/token", names=["x"])),)),
    ("names-without-effect", (role("r", rule("create,patch", "pods", names=["x"])),)),  # server-side apply
    ("names-for-list", (role("r", rule("get", "pods", names=["x"])),)),
    ("urls-in-role", (role("r", rule("get", urls="/metrics")),)),
    ("no-effect-in-namespace", holding_in_a(rule("list", "nodes"), rule("get", "pods"))),
    ("no-effect-in-namespace", holding_in_a(rule("patch", "namespaces"))),  # a Namespace is inside itself
    ("no-effect-in-namespace", holding_in_a(rule("get", "things", "unknown.io"))),
    ("default-account", (PODS, binding("b", "ClusterRole/pods", "User/default"))),
    ("nobody", (PODS, binding("b", "ClusterRole/pods", "ServiceAccount/s", namespace="a"))),
    ("missing-account", (PODS, binding("b", "ClusterRole/pods", "ServiceAccount/a/s"))),  # files need not hold it
    ("cluster-admin", (ADMIN, binding("b", "ClusterRole/cluster-admin", "Group/system:masters"))),
]


@pytest.mark.parametrize(("name", "objects"), HIDDEN, ids=[f"{n}-{i}" for i, (n, _) in enumerate(HIDDEN)])
def test_it_is_not_told(name: str, objects: tuple[Plain, ...]) -> None:
    assert f"identity.{name}" not in {f.name for f in told(*objects)}


def test_every_name_is_shown_above() -> None:
    assert {f"identity.{name}" for name, _ in SHOWN} | {"identity.missing-account"} == set(NAMES)


ACCOUNT = thing("v1", "ServiceAccount", "there", "a")


def test_an_account_that_does_not_exist_in_a_cluster() -> None:
    objects = (PODS, ACCOUNT, binding("b", "ClusterRole/pods", "ServiceAccount/a/there", "ServiceAccount/a/gone"))
    (fact,) = (f for f in told(*objects, scope=Scope.CLUSTER) if f.name == "identity.missing-account")

    assert fact.subject == "ServiceAccount a/gone"
    assert [(e.op, e.path) for e in fact.edits] == [("remove", ("subjects", 1))]
    assert not told(*objects, scope=Scope.CLUSTER, gaps=[Gap("ServiceAccount", "forbidden")])


def test_a_role_that_could_not_be_listed_is_not_called_missing() -> None:
    objects = (binding("b", "ClusterRole/x", "User/ann"),)

    assert told(*objects, scope=Scope.CLUSTER)
    assert not told(*objects, scope=Scope.CLUSTER, gaps=[Gap("ClusterRole", "forbidden")])


BOOT = {"kubernetes.io/bootstrapping": "rbac-defaults"}
DEFAULTS = (
    role("cluster-admin", rule("*", "*", "*"), labels=BOOT),
    binding("cluster-admin", "ClusterRole/cluster-admin", "Group/system:masters"),
    role("system:discovery", rule("get", urls="/healthz,/version"), labels=BOOT),
    binding("system:discovery", "ClusterRole/system:discovery", "Group/system:authenticated"),
)


def test_what_every_server_grants_by_itself_is_no_news() -> None:
    assert told(defaults=DEFAULTS) == []
    assert told(*DEFAULTS, scope=Scope.CLUSTER, defaults=DEFAULTS) == []
    older = role("system:discovery", rule("get", urls="/healthz"), labels=BOOT)
    assert told(*DEFAULTS[:2], older, DEFAULTS[3], scope=Scope.CLUSTER, defaults=DEFAULTS) == []


def test_a_default_that_somebody_changed_is_news_whatever_its_label_says() -> None:
    more = binding("cluster-admin", "ClusterRole/cluster-admin", "Group/system:masters", "User/eve")
    wider = role("system:discovery", rule("get", urls="/healthz"), rule("get", "secrets"), labels=BOOT)

    changed = told(DEFAULTS[0], more, wider, DEFAULTS[3], scope=Scope.CLUSTER, defaults=DEFAULTS)

    assert {(f.name, f.subject) for f in changed} == {
        ("identity.cluster-admin", "User eve"),
        ("identity.secrets-everywhere", "Group system:authenticated"),
    }


def test_a_label_alone_hides_nothing() -> None:
    mine = role("mine", rule("*", "*", "*"), labels=BOOT)

    assert "identity.cluster-admin" in {
        f.name for f in told(mine, binding("b", "ClusterRole/mine", "User/eve"), defaults=DEFAULTS)
    }


def test_evidence_of_an_aggregated_right_is_where_a_person_would_edit_it() -> None:
    found = told(
        role("sum", aggregationRule=VIEW),
        role("part", rule("list", "secrets"), labels={"v": "1"}),
        binding("b", "ClusterRole/sum", "User/ann"),
    )

    assert [str(f.evidence[0].ref) for f in found] == ["ClusterRole part"]


def test_edits_take_away_only_what_grants_nothing_or_must_go() -> None:
    hollow = role("r", rule("get", "pods/*,pods,pods/log/*"))
    (fact,) = told(hollow)
    assert [(e.op, e.path) for e in fact.edits] == [
        ("remove", ("rules", 0, "resources", 2)),
        ("remove", ("rules", 0, "resources", 0)),
    ]
    (last,) = told(role("r", rule("get", "pods/*")))
    assert last.edits == ()  # a rule without resources is not valid
    (alone,) = told(binding("b", "ClusterRole/missing", "User/ann"))
    assert [(e.op, e.path) for e in alone.edits] == [("remove", ())]


def test_one_fact_for_one_name_subject_and_object() -> None:
    twice = binding("b", "ClusterRole/r", "User/ann", "User/ann")
    found = told(role("r", rule("list", "secrets"), rule("get", "secrets")), twice)

    assert [f.name for f in found] == ["identity.secrets-everywhere"]
