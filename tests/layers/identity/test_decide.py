"""One request through the authorizer chain: yes with its reason, no, or unknown with what was not seen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.layers.identity.objects import Plain, binding, cluster, lookup, role, rule, typed

from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.errors import UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Gap, Scope, snapshot
from mistrust.kube.version import Version
from mistrust.layers.identity.decide import AUTHORIZERS, decide, parse_authorizers
from mistrust.layers.identity.detours import detours
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.lookup import Lookup, Request

OBJECTS: tuple[Plain, ...] = (
    role("reader", rule("get,list", "pods"), rule("get", "secrets", names=["db"]), namespace="a"),
    binding("readers", "Role/reader", "User/ann", "ServiceAccount/s", namespace="a"),
    role("nodes", rule("list", "nodes"), rule("get", urls="/metrics")),
    binding("nodes", "ClusterRole/nodes", "Group/ops"),
    binding("nodes-in-a", "ClusterRole/nodes", "User/bob", namespace="a"),
    role("relabel", rule("patch", "namespaces"), namespace="a"),
    binding("relabel", "Role/relabel", "User/ann", namespace="a"),
    binding("later", "ClusterRole/missing", "User/eve"),
)


def ask(*objects: Plain, authorizers: Sequence[str] = AUTHORIZERS, gaps: Sequence[Gap] = (), **request: str) -> Verdict:
    groups = tuple(request.pop("groups", "").split())
    return decide(lookup(*(objects or OBJECTS), gaps=gaps), Request(groups=groups, **request), authorizers)


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [
        ({"user": "ann", "verb": "get", "resource": "pods", "namespace": "a"}, True),
        ({"user": "ann", "verb": "get", "resource": "pods", "namespace": "b"}, False),
        ({"user": "ann", "verb": "get", "resource": "pods"}, False),  # all namespaces at once
        ({"user": "ann", "verb": "get", "resource": "pods", "subresource": "log", "namespace": "a"}, False),
        ({"user": "ann", "verb": "get", "resource": "pods", "namespace": "a", "group": "apps"}, False),
        ({"user": "ann", "verb": "get", "resource": "secrets", "namespace": "a", "name": "db"}, True),
        ({"user": "ann", "verb": "get", "resource": "secrets", "namespace": "a", "name": "other"}, False),
        ({"user": "ann", "verb": "get", "resource": "secrets", "namespace": "a"}, False),
        ({"user": "system:serviceaccount:a:s", "verb": "list", "resource": "pods", "namespace": "a"}, True),
        ({"user": "system:serviceaccount:b:s", "verb": "list", "resource": "pods", "namespace": "a"}, False),
        ({"user": "cat", "groups": "ops", "verb": "list", "resource": "nodes"}, True),
        ({"user": "cat", "groups": "ops", "verb": "get", "path": "/metrics"}, True),
        ({"user": "bob", "verb": "list", "resource": "nodes"}, False),  # a RoleBinding reaches no cluster scope
        ({"user": "bob", "verb": "get", "path": "/metrics"}, False),
        ({"user": "bob", "verb": "get", "path": "/metrics", "namespace": "a"}, False),
        ({"user": "ann", "verb": "patch", "resource": "namespaces", "namespace": "a", "name": "a"}, True),
        ({"user": "ann", "verb": "patch", "resource": "namespaces", "name": "a"}, False),
        ({"user": "cat", "groups": "system:masters", "verb": "delete", "resource": "nodes"}, True),
        ({"user": "eve", "verb": "get", "resource": "pods", "namespace": "a"}, False),
    ],
)
def test_the_answer(request_: dict[str, str], allowed: bool) -> None:
    assert ask(**request_).answer is (Answer.ALLOWED if allowed else Answer.DENIED)


def test_a_yes_names_the_binding_the_subject_and_the_rule() -> None:
    verdict = ask(user="ann", verb="get", resource="secrets", namespace="a", name="db")

    assert verdict.because == 'RBAC: allowed by RoleBinding "readers/a" of Role "reader" to User "ann"'
    assert [(str(e.ref), e.path) for e in verdict.decided_by] == [
        ("Role a/reader", ("rules", 1)),
        ("RoleBinding a/readers", ("subjects", 0)),
    ]


def test_the_first_binding_that_allows_it_is_named_whoever_it_names() -> None:
    found = lookup(
        role("r", rule("get", "pods")),
        binding("near", "ClusterRole/r", "User/ann", namespace="a"),
        binding("second", "ClusterRole/r", "User/ann"),
        binding("first", "ClusterRole/r", "Group/devs"),
    )
    by_group = decide(found, Request("ann", ("devs",), "get", "", "pods", "", "a"))
    by_user = decide(found, Request("ann", (), "get", "", "pods", "", "a"))

    assert '"second"' in by_group.because
    assert '"second"' in by_user.because
    reverse = lookup(
        role("r", rule("get", "pods")),
        binding("first", "ClusterRole/r", "Group/devs"),
        binding("second", "ClusterRole/r", "User/ann"),
    )
    assert '"first"' in decide(reverse, Request("ann", ("devs",), "get", "", "pods")).because


def test_a_no_names_the_role_that_is_missing_as_the_server_does() -> None:
    verdict = ask(user="eve", verb="get", resource="pods")

    assert verdict.because == 'RBAC: clusterrole.rbac.authorization.k8s.io "missing" not found'
    assert [(str(e.ref), e.path) for e in verdict.decided_by] == [("ClusterRoleBinding later", ("roleRef",))]


GAPS = [
    (Gap("ClusterRoleBinding", "forbidden"), "ann", "b", True),
    (Gap("RoleBinding", "forbidden"), "ann", "b", True),
    (Gap("RoleBinding", "forbidden"), "ann", "", False),  # none of them reaches the cluster scope
    (Gap("RoleBinding", "forbidden", "c"), "ann", "b", False),
    (Gap("RoleBinding", "forbidden", "b"), "ann", "b", True),
    (Gap("ClusterRole", "forbidden"), "ann", "b", False),  # every binding of ann found its role
    (Gap("ClusterRole", "forbidden"), "eve", "b", True),
    (Gap("Pod", "forbidden"), "ann", "b", False),
]


@pytest.mark.parametrize(("gap", "user", "namespace", "unknown"), GAPS)
def test_a_gap_makes_a_no_unknown_where_it_could_hide_a_yes(gap: Gap, user: str, namespace: str, unknown: bool) -> None:
    verdict = ask(gaps=[gap], user=user, verb="get", resource="pods", namespace=namespace)

    assert verdict.answer is (Answer.UNKNOWN if unknown else Answer.DENIED)
    assert bool(verdict.failed) is unknown


def test_a_yes_stays_a_yes_whatever_was_not_seen() -> None:
    every = [Gap(kind, "forbidden") for kind in ("ClusterRoleBinding", "RoleBinding", "ClusterRole", "Role")]

    assert ask(gaps=every, user="ann", verb="get", resource="pods", namespace="a").answer is Answer.ALLOWED


def test_a_document_that_was_not_understood_may_hide_a_grant() -> None:
    broken = snapshot(typed(*OBJECTS), [Problem("not YAML", "x.yaml", 3), Problem("written twice", "y", blinds=False)])
    verdict = decide(Lookup(rbac(broken)), Request("ann", (), "get", "", "nodes"))

    assert verdict.answer is Answer.UNKNOWN
    assert verdict.failed == ("a document was not understood (x.yaml:3: not YAML)",)


@pytest.mark.parametrize(
    ("authorizers", "user", "groups", "answer"),
    [
        ("Node,RBAC", "system:node:n", "system:nodes", Answer.UNKNOWN),
        ("Node,RBAC", "system:node:n", "", Answer.DENIED),  # the Node authorizer wants both
        ("RBAC", "system:node:n", "system:nodes", Answer.DENIED),
        ("RBAC,Webhook", "cat", "", Answer.UNKNOWN),
        ("RBAC,ABAC", "cat", "", Answer.UNKNOWN),
        ("RBAC,AlwaysDeny", "cat", "", Answer.DENIED),
        ("RBAC,AlwaysAllow", "cat", "", Answer.ALLOWED),
        ("AlwaysDeny", "cat", "ops", Answer.DENIED),
        ("RBAC,Webhook", "cat", "ops", Answer.ALLOWED),
        ("Webhook,RBAC", "cat", "ops", Answer.UNKNOWN),  # the first opinion counts, and a webhook may say no
        ("ABAC,RBAC", "cat", "ops", Answer.ALLOWED),  # ABAC never says no
        ("Webhook,AlwaysAllow", "cat", "", Answer.UNKNOWN),
        ("Webhook", "cat", "system:masters", Answer.ALLOWED),
    ],
)
def test_other_authorizers(authorizers: str, user: str, groups: str, answer: Answer) -> None:
    found = ask(authorizers=parse_authorizers(authorizers), user=user, groups=groups, verb="list", resource="nodes")

    assert found.answer is answer


def test_an_authorization_mode_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="not an authorization mode"):
        parse_authorizers("Node,rbac")


@pytest.mark.parametrize(
    ("version", "doors"),
    [(Version(1, 34), 1), (None, 1), (Version(1, 35), 0)],
)
def test_get_is_another_door_into_a_pod_before_1_35(version: Version | None, doors: int) -> None:
    found = lookup(
        role("r", rule("get", "pods/exec"), namespace="a"), binding("b", "Role/r", "User/ann", namespace="a")
    )
    request = Request("ann", (), "create", "", "pods", "exec", "a")

    assert len(detours(found, request, version)) == doors


def test_the_kubelet_is_another_door_in_every_version() -> None:
    found = lookup(role("r", rule("get", "nodes/proxy")), binding("b", "ClusterRole/r", "User/ann"))

    assert detours(found, Request("ann", (), "create", "", "pods", "exec", "a"), Version(1, 37))
    assert detours(found, Request("ann", (), "get", "", "nodes", "healthz"), Version(1, 37))
    assert not detours(found, Request("ann", (), "get", "", "nodes", "stats"), Version(1, 37))


def test_a_dump_of_a_cluster_is_complete_without_defaults() -> None:
    dump = cluster(*OBJECTS, scope=Scope.CLUSTER)

    assert decide(Lookup(rbac(dump)), Request("zoe", (), "get", "", "pods")).answer is Answer.DENIED
