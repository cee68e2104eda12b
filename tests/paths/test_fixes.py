"""The smallest set of changes: what it prefers, what it never touches, and how it says what to do."""

from __future__ import annotations

import msgspec
import pytest
from tests.paths.cluster import Plain, account, binding, cluster, granted, namespace, pod, role, rule
from tests.paths.steps import RBAC, STEPS

from mistrust.access.record import Record, Tally
from mistrust.catalog.load import default_rbac
from mistrust.kube.audit_policy import AuditPolicy, AuditRule
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.identity.dark import Dark
from mistrust.layers.identity.grants import granted as identity
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.universe import Universe
from mistrust.layers.identity.usage import used
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, attack
from mistrust.paths.inuse import InUse, in_use
from mistrust.paths.path import Fixes, Foothold

EVERYTHING = rule("*", "*", "*")
SECRETS = Foothold("secrets", "ci")


def fixes(snapshot: Snapshot, target: Foothold = SECRETS, protected: tuple[Ref, ...] = ()) -> Fixes:
    return attack(snapshot, rbac(snapshot, default_rbac()), STEPS, (ANY_POD,), (target,), protected=protected).fixes


def titles(found: Fixes) -> list[str]:
    return [c.title for c in found.changes]


def ci(*more: Plain, runner: str = "runner") -> Snapshot:
    return cluster(namespace("ci", "restricted"), account("ci", "runner"), pod("ci", "job", runner), *more)


def test_nothing_to_do_is_an_answer_too() -> None:
    assert fixes(ci()) == Fixes((), cut=0, remaining=0, optimal=True)


def test_a_rule_loses_just_what_is_dangerous() -> None:
    found = fixes(ci(*granted("ci/runner", rule("get,list,create", "secrets,configmaps"), namespace="ci")))
    (change,) = found.changes
    assert (found.cut, found.remaining, found.optimal) == (1, 0, True)
    assert change.title == "Role ci/ci-runner: drop secrets get, list"
    assert (change.kind, change.cost, change.cuts, change.note) == ("rule", 1.05, 1, "")
    assert [(e.op, e.path, e.value) for e in change.edits] == [
        ("set", ("rules", 0), '{"verbs":["create"],"apiGroups":[""],"resources":["secrets"]}'),
        ("add", ("rules",), '{"verbs":["get","list","create"],"apiGroups":[""],"resources":["configmaps"]}'),
    ]
    assert [str(e) for e in change.evidence] == ["Role ci/ci-runner rules[0] get,list,create secrets,configmaps"]


def test_one_role_is_changed_once_however_many_of_its_rules_matter() -> None:
    rules = [rule("get", "secrets"), rule("get", "pods"), rule("list", "secrets")]
    found = fixes(ci(*granted("ci/runner", *rules, namespace="ci")))
    (change,) = found.changes
    assert change.title == "Role ci/ci-runner: drop secrets get, secrets list"
    assert [(e.op, e.path) for e in change.edits] == [("remove", ("rules", 2)), ("remove", ("rules", 0))]


def test_two_bindings_that_give_the_same_are_both_in_the_way() -> None:
    """Narrowing the role they share is one change; where it may not be changed, both have to go."""
    snapshot = ci(
        role("reader", rule("get", "secrets")),
        binding("first", "reader", "ci/runner", "ci/other", namespace="ci"),
        binding("second", "reader", "ci/runner", "group:devs"),
    )
    assert titles(fixes(snapshot)) == ["ClusterRole reader: drop secrets get"]
    assert titles(fixes(snapshot, protected=(Ref(RBAC, "ClusterRole", "", "reader"),))) == [
        "ClusterRoleBinding second: drop ServiceAccount ci/runner",
        "RoleBinding ci/first: drop ServiceAccount ci/runner",
    ]


def test_what_nobody_may_change_is_said_to_remain() -> None:
    snapshot = ci(*granted("ci/runner", rule("get", "secrets"), namespace="ci", name="reader"))
    protected = (
        Ref(RBAC, "Role", "ci", "reader"), Ref(RBAC, "RoleBinding", "ci", "reader"), Ref("", "Pod", "ci", "job"),
    )  # fmt: skip
    found = fixes(snapshot, protected=protected)
    assert (found.changes, found.cut, found.remaining, found.optimal) == ((), 0, 1, True)


def test_roles_that_kubernetes_brings_are_never_edited() -> None:
    snapshot = cluster(
        account("ci", "runner"), pod("ci", "job", "runner"), binding("edit", "edit", "ci/runner", namespace="ci"),
        scope=Scope.MANIFESTS,
    )  # fmt: skip
    assert titles(fixes(snapshot)) == ["RoleBinding ci/edit: delete"]


def test_a_subject_that_somebody_added_to_a_default_binding_can_go() -> None:
    admin = binding("cluster-admin", "cluster-admin", "group:system:masters", "ci/runner")
    snapshot = cluster(account("ci", "runner"), pod("ci", "job", "runner"), admin, scope=Scope.MANIFESTS)
    found = fixes(snapshot, CLUSTER_ADMIN)
    assert titles(found) == ["ClusterRoleBinding cluster-admin: drop ServiceAccount ci/runner"]
    assert [(e.op, e.path) for e in found.changes[0].edits] == [("remove", ("subjects", 1))]


def test_a_rule_with_a_wildcard_needs_its_owner() -> None:
    (change,) = fixes(ci(*granted("ci/runner", rule("*", "secrets"), namespace="ci"))).changes
    assert change.note == "needs owner"
    assert '"create"' in change.edits[0].value


def test_the_token_of_a_default_service_account_is_the_cheapest_to_lose() -> None:
    snapshot = ci(*granted("ci/default", rule("get", "secrets"), EVERYTHING, namespace="ci"), runner="default")
    assert titles(fixes(snapshot)) == ["Pod ci/job: do not mount the token of default"]


def test_a_pod_that_escapes_is_hardened_with_all_its_ways_out() -> None:
    (change,) = fixes(ci(pod("ci", "agent", node="worker", privileged=True)), ANY_NODE).changes
    assert change.title == "Pod ci/agent: no privileged"
    assert [e.path for e in change.edits] == [("spec", "containers", 0, "securityContext", "privileged")]


def test_pod_security_closes_a_namespace_for_pods_of_ones_own() -> None:
    open_to_all = cluster(
        namespace("ci"), namespace("kube-system"), account("ci", "runner"), pod("ci", "job", "runner", node="worker"),
        *granted("ci/runner", rule("create", "pods"), namespace="ci"),
    )  # fmt: skip
    narrowed = fixes(open_to_all, ANY_NODE)
    assert titles(narrowed) == ["Role ci/ci-runner: drop pods create"], "the cheaper of two ways"
    kept = tuple(Ref(RBAC, kind, "ci", "ci-runner") for kind in ("Role", "RoleBinding"))
    labelled = fixes(open_to_all, ANY_NODE, protected=kept)
    assert titles(labelled) == ["Namespace ci: enforce Pod Security baseline"]
    (edit,) = labelled.changes[0].edits
    assert (edit.path[-1], edit.value) == ("pod-security.kubernetes.io/enforce", "baseline")


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_an_answer_that_ran_out_of_time_still_cuts(seconds: float) -> None:
    snapshot = ci(*granted("ci/runner", rule("get", "secrets"), namespace="ci"))
    found = attack(snapshot, rbac(snapshot), STEPS, (ANY_POD,), (SECRETS,), seconds=seconds).fixes
    assert (found.cut, found.remaining) == (1, 0)


def recorded(snapshot: Snapshot, *requests: Request, days: float = 30) -> InUse:
    universe = Universe([], ["ci"])
    usage = used(identity(rbac(snapshot, default_rbac()), universe), Record(dict.fromkeys(requests, Tally(1, 0, 0))))
    return msgspec.structs.replace(in_use(usage, requests), days=days)


def runner(verb: str, resource: str) -> Request:
    return Request("system:serviceaccount:ci:runner", (), verb, "", resource, namespace="ci", name="x")


def with_evidence(snapshot: Snapshot, *requests: Request, days: float = 30) -> Fixes:
    index = rbac(snapshot, default_rbac())
    known = recorded(snapshot, *requests, days=days)
    return attack(snapshot, index, STEPS, (ANY_POD,), (SECRETS,), used=known).fixes


def test_what_nobody_used_is_said_to_be_unused() -> None:
    found = with_evidence(ci(*granted("ci/runner", rule("get,list,create", "secrets"), namespace="ci")))
    (change,) = found.changes
    assert (change.title, change.note) == ("Role ci/ci-runner: drop secrets get, list", "unused 30 d")


def test_with_too_little_evidence_nothing_is_said() -> None:
    found = with_evidence(ci(*granted("ci/runner", rule("get", "secrets"), namespace="ci")), days=0)
    assert [c.note for c in found.changes] == [""]


def test_where_no_log_would_show_a_use_that_is_said() -> None:
    snapshot = ci(*granted("ci/runner", rule("get", "secrets"), namespace="ci"))
    index = rbac(snapshot, default_rbac())
    dark = Dark(policies=[AuditPolicy(rules=(AuditRule("None", users=("system:serviceaccount:ci:runner",)),))])
    usage = used(identity(index, Universe([], ["ci"])), Record({}), dark)
    known = msgspec.structs.replace(in_use(usage, ()), days=30)
    (change,) = attack(snapshot, index, STEPS, (ANY_POD,), (SECRETS,), used=known).fixes.changes
    assert change.note == "use is not logged"


def test_what_is_in_use_is_taken_away_last_and_says_so() -> None:
    """Two roles give the same; the one that is not needed goes first, and then the other is in the way."""
    snapshot = ci(*granted("ci/runner", rule("get", "secrets"), namespace="ci"))
    (change,) = with_evidence(snapshot, runner("get", "secrets")).changes
    assert change.note == "in use: ci/runner get secrets x in ci"
    assert change.cost > 20


def test_a_token_that_is_used_is_not_the_cheap_way_out() -> None:
    """The pod holds a token that reads Secrets, and lists pods with it: narrowing the rule loses nothing."""
    snapshot = ci(*granted("ci/runner", rule("get", "secrets"), rule("list", "pods"), namespace="ci"))
    (change,) = with_evidence(snapshot, runner("list", "pods")).changes
    assert (change.title, change.note) == ("Role ci/ci-runner: drop secrets get", "unused 30 d")
    protected = (Ref(RBAC, "Role", "ci", "ci-runner"), Ref(RBAC, "RoleBinding", "ci", "ci-runner"))
    index, known = rbac(snapshot, default_rbac()), recorded(snapshot, runner("list", "pods"))
    found = attack(snapshot, index, STEPS, (ANY_POD,), (SECRETS,), protected=protected, used=known).fixes
    assert [c.note for c in found.changes] == ["in use: ci/runner list pods x in ci"]


def test_evidence_never_changes_what_can_be_cut() -> None:
    snapshot = ci(*granted("ci/runner", rule("get", "secrets"), namespace="ci"))
    assert with_evidence(snapshot, runner("get", "secrets")).cut == fixes(snapshot).cut == 1
