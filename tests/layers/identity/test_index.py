"""Bindings joined with roles: aggregation, defaults, dangling references, and where each rule is written."""

from __future__ import annotations

from tests.layers.identity.objects import Plain, binding, index, policy, role, rule, thing

from mistrust.kube.rbac import PolicyRule
from mistrust.kube.snapshot import Gap, Scope
from mistrust.layers.identity.index import Grant, Rbac, summary

VIEW = {"aggregate-to-view": "true"}
SELECTS_VIEW: Plain = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": VIEW}]}}
DEFAULT = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def rules_of(rbac: Rbac, name: str) -> set[PolicyRule]:
    return {r for found in rbac.roles["ClusterRole", "", name] for r in found.rules}


def only(rbac: Rbac) -> Grant:
    (grant,) = rbac.grants
    return grant


def test_cluster_role_bindings_come_first_as_the_authorizer_asks_them() -> None:
    rbac = index(
        binding("near", "Role/r", "User/ann", namespace="a"),
        role("r", rule("get", "pods"), namespace="a"),
        binding("far", "ClusterRole/c", "User/ann"),
        role("c", rule("get", "pods")),
    )

    assert [(g.binding.name, g.namespace) for g in rbac.grants] == [("far", ""), ("near", "a")]
    assert len(rbac.contents) == 1  # equal rules are one content
    assert [str(p) for p in rbac.principals] == ["User ann"]


def test_a_role_is_found_only_in_its_own_namespace_and_never_from_a_cluster_role_binding() -> None:
    rbac = index(
        role("r", rule("get", "pods"), namespace="a"),
        binding("other", "Role/r", "User/ann", namespace="b"),
        binding("wide", "Role/r", "User/ann"),
        binding("odd", "Robot/r", "User/ann", namespace="a"),
    )

    assert rbac.grants == ()
    assert {b.name for b in rbac.dangling} == {"other", "wide", "odd"}


def test_manifests_aggregate_by_label_and_evidence_names_the_contributor() -> None:
    rbac = index(
        role("sum", **SELECTS_VIEW),
        role("part", rule("get", "secrets"), rule("get", "pods"), labels=VIEW),
        role("same", rule("get", "pods"), labels=VIEW),
        role("apart", rule("get", "nodes")),
        binding("b", "ClusterRole/sum", "User/ann"),
    )
    grant = only(rbac)

    assert set(grant.role.rules) == {policy("get", "secrets"), policy("get", "pods")}
    place, who = grant.evidence(grant.role.rules.index(policy("get", "secrets")))
    assert (place.ref.name, place.path) == ("part", ("rules", 0))
    assert (who.ref.name, who.path, who.value) == ("b", ("subjects", 0), "User ann")


def test_aggregates_of_aggregates_and_cycles_of_them() -> None:
    labels = {"aggregate-to-admin": "true"}
    rbac = index(
        role("admin", aggregationRule={"clusterRoleSelectors": [{"matchLabels": labels}]}, labels=VIEW),
        role("view", labels=labels, **SELECTS_VIEW),
        role("part", rule("get", "pods"), labels=VIEW),
        role("self", labels={"s": "1"}, aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"s": "1"}}]}),
    )

    assert rules_of(rbac, "admin") == rules_of(rbac, "view") == {policy("get", "pods")}
    assert rules_of(rbac, "self") == set()


def test_rules_written_into_an_aggregated_role_are_overwritten() -> None:
    rbac = index(role("sum", rule("*", "*", "*"), **SELECTS_VIEW))

    assert rules_of(rbac, "sum") == set()


def test_a_selector_by_expression_is_aggregated_too() -> None:
    selector: Plain = {"clusterRoleSelectors": [{"matchExpressions": [{"key": "x", "operator": "Exists"}]}]}
    rbac = index(role("sum", aggregationRule=selector), role("part", rule("get", "pods"), labels={"x": "anything"}))

    assert rules_of(rbac, "sum") == {policy("get", "pods")}


def test_what_a_server_wrote_is_trusted_even_if_its_controller_did_not_run() -> None:
    """A dump without uids still has the server's own `cluster-admin`: its aggregated roles say what is in force."""
    part = role("part", rule("get", "pods"), labels=VIEW)
    written = index(
        role("cluster-admin", rule("*", "*", "*"), labels=DEFAULT), role("sum", rules=None, **SELECTS_VIEW), part
    )
    live = index(role("sum", **SELECTS_VIEW), part, scope=Scope.CLUSTER)

    assert rules_of(written, "sum") == rules_of(live, "sum") == set()


def test_the_contributor_is_known_for_live_aggregates_too() -> None:
    rbac = index(
        role("sum", rule("get", "pods"), rule("get", "nodes"), **SELECTS_VIEW),
        role("part", rule("get", "pods"), labels=VIEW),
        binding("b", "ClusterRole/sum", "User/ann"),
        scope=Scope.CLUSTER,
    )
    grant = only(rbac)

    assert [grant.role.at(i)[0].name for i in range(2)] == ["part", "sum"]


DEFAULTS = (
    role("view", rule("get", "pods"), labels=DEFAULT, **SELECTS_VIEW),
    role("part", rule("get", "pods"), labels=VIEW | DEFAULT),
    role("cluster-admin", rule("*", "*", "*"), labels=DEFAULT),
    binding("cluster-admin", "ClusterRole/cluster-admin", "Group/system:masters"),
)


def test_manifests_stand_on_the_default_roles_of_a_server() -> None:
    rbac = index(binding("b", "ClusterRole/cluster-admin", "User/ann"), defaults=DEFAULTS)

    assert {str(g.principal) for g in rbac.grants} == {"User ann", "Group system:masters"}
    assert rbac.dangling == ()


def test_manifests_may_extend_or_replace_a_default_role() -> None:
    extended = index(role("mine", rule("get", "crds", "x.io"), labels=VIEW), defaults=DEFAULTS)
    replaced = index(role("cluster-admin", rule("get", "pods")), defaults=DEFAULTS)

    assert rules_of(extended, "view") == {policy("get", "pods"), policy("get", "crds", "x.io")}
    assert rules_of(replaced, "cluster-admin") == {policy("get", "pods")}


def test_a_cluster_has_only_the_defaults_that_are_in_it() -> None:
    rbac = index(binding("b", "ClusterRole/cluster-admin", "User/ann"), scope=Scope.CLUSTER, defaults=DEFAULTS)

    assert rbac.grants == ()
    assert [b.name for b in rbac.dangling] == ["b"]


def test_a_role_written_twice_counts_as_both() -> None:
    rbac = index(
        role("r", rule("get", "pods")), role("r", rule("get", "nodes")), binding("b", "ClusterRole/r", "User/ann")
    )

    assert {r for g in rbac.grants for r in g.role.rules} == {policy("get", "pods"), policy("get", "nodes")}


def test_what_was_not_seen_is_said() -> None:
    rbac = index(thing("v1", "Namespace", "a"), gaps=[Gap("Role", "forbidden", "a"), Gap("Pod", "forbidden")])

    assert rbac.unseen == ("Role objects in a were not seen (forbidden)",)


def test_the_words_of_the_api_server() -> None:
    rbac = index(
        role("r", rule("get", "pods")),
        binding("far", "ClusterRole/r", "ServiceAccount/ci/runner", "Group/devs"),
        binding("near", "ClusterRole/r", "ServiceAccount/runner", namespace="ci"),
    )

    assert [str(g) for g in rbac.grants] == [
        'ClusterRoleBinding "far" of ClusterRole "r" to ServiceAccount "runner/ci"',
        'ClusterRoleBinding "far" of ClusterRole "r" to Group "devs"',
        'RoleBinding "near/ci" of ClusterRole "r" to ServiceAccount "runner/ci"',
    ]


def test_a_rule_in_one_line() -> None:
    assert summary(policy("get,list", "deployments,pods", ",apps", names=["x"])) == (
        "get,list deployments.apps,pods.apps named x"
    )
    assert summary(policy("get", urls="/metrics")) == "get /metrics"


def test_a_huge_rule_is_still_one_line() -> None:
    many = ",".join(f"r{i}" for i in range(5000))

    assert len(summary(policy("get", many, "a,b,c", names=[f"n{i}" for i in range(5000)]))) < 300
