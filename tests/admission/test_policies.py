"""Every kind of policy, asked in one way: what it finds, and what happens where it has no answer."""

from __future__ import annotations

from typing import cast

import pytest

from mistrust.admission.answer import denials, response
from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.policies import Policies, compiled
from mistrust.admission.policy import OverdueError, Policy, ask, question
from mistrust.admission.review import Object
from mistrust.kube.errors import InputError
from tests.serve.policies import OWNER, REPLICAS, WARNED, config_map, deployment, objects, request

SELECTS = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: prod}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {tier: prod}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [configmaps]}
  validations: [{expression: "false", message: not in production}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: prod}
spec: {policyName: prod, validationActions: [Deny]}
"""
BROKEN = REPLICAS.replace("object.spec.replicas <= 5", "object.spec.nothing <= 5")


def made(*texts: str) -> Policies:
    return compiled(cast("list[tuple[str, Object]]", objects(*texts)))


def found(
    policies: Policies, obj: dict[str, object], operation: str = "CREATE", space: Object | None = None
) -> list[Finding]:
    assert not policies.problems
    return ask(policies.policies, question(request(obj, operation), space))  # type: ignore[arg-type]


def test_findings_of_all_kinds_come_in_order() -> None:
    several = made(OWNER, WARNED, REPLICAS)
    assert [p.name for p in several.policies] == [
        "NeedLabels owner",
        "NeedLabels team",
        "NeedLabels cost",
        "ValidatingAdmissionPolicy few-replicas",
    ]
    actions = [(f.policy, f.action) for f in found(several, config_map())]
    assert actions == [
        ("NeedLabels owner", Action.DENY),
        ("NeedLabels team", Action.WARN),
        ("NeedLabels cost", Action.AUDIT),
    ]
    assert not found(several, config_map(owner="a", team="b", cost="c"))


def test_a_namespace_that_is_not_known_is_no_pass() -> None:
    prod, dev = ({"metadata": {"name": "shop", "labels": {"tier": tier}}} for tier in ("prod", "dev"))
    policies = made(SELECTS)
    [finding] = found(policies, config_map())
    assert (finding.result, finding.action) == (Result.UNKNOWN, Action.DENY)
    assert "Namespace shop is not known" in finding.message
    assert [f.result for f in found(policies, config_map(), space=cast("Object", prod))] == [Result.FAIL]
    assert not found(policies, config_map(), space=cast("Object", dev))
    assert not found(policies, deployment(1))  # about which it would not ask


def test_the_name_of_a_namespace_is_known_without_it() -> None:
    by_name = SELECTS.replace("{tier: prod}", "{kubernetes.io/metadata.name: prod}")
    assert not found(made(by_name), config_map())
    assert found(made(by_name), config_map(namespace="prod"))


def test_an_error_denies_unless_the_policy_says_to_ignore() -> None:
    [finding] = found(made(BROKEN), deployment(1))
    assert (finding.result, finding.action) == (Result.ERROR, Action.DENY)
    assert not found(made(BROKEN.replace("failurePolicy: Fail", "failurePolicy: Ignore")), deployment(1))


def test_a_constraint_says_by_annotation_that_it_is_to_be_ignored() -> None:
    deep = OWNER.replace('msg := sprintf("the label %v is missing", [wanted])', "msg := 5")
    [finding] = found(made(deep), config_map())
    assert (finding.result, finding.action) == (Result.ERROR, Action.DENY)
    ignored = deep.replace("{name: owner}", '{name: owner, annotations: {mistrust.dev/failure-policy: "Ignore"}}')
    [finding] = found(made(ignored), config_map())
    assert (finding.result, finding.action) == (Result.ERROR, Action.AUDIT)


def test_time_that_is_over_is_an_error_of_everything_that_was_not_asked() -> None:
    def endless(_: object) -> list[Finding]:
        raise OverdueError

    several = [Policy(n, Action.DENY, endless if n == "b" else lambda _: []) for n in "abcd"]
    told = [(f.policy, f.result, f.message) for f in ask(several, question(request(config_map())))]  # type: ignore[arg-type]
    assert told == [
        ("b", Result.ERROR, "did not finish in time"),
        ("c", Result.ERROR, "was not asked: the time was over"),
        ("d", Result.ERROR, "was not asked: the time was over"),
    ]


def test_a_fault_of_ours_denies() -> None:
    def faulty(_: object) -> list[Finding]:
        raise ZeroDivisionError("ours")

    [finding] = ask([Policy("a", Action.DENY, faulty)], question(request(config_map())))  # type: ignore[arg-type]
    assert denials([finding])
    assert "ZeroDivisionError" in finding.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (OWNER.split("---")[1], "a constraint without its template"),
        (OWNER.replace("labels[wanted]", "labels[wanted"), "rego"),
        (OWNER.replace("input.parameters.labels", "data.inventory.cluster"), "data.inventory"),
        (OWNER.replace("match:", "enforcementAction: block\n  match:"), "enforcementAction"),
        (REPLICAS.replace("<= 5", "<="), "few-replicas"),
        (REPLICAS.replace("policyName: few", "policyName: other"), "a binding without its policy"),
        ("{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: a}}", "a list of rules"),
        ("{apiVersion: mutations.gatekeeper.sh/v1, kind: Assign, metadata: {name: a}}", "not understood as a policy"),
        (f"{OWNER}---{OWNER}", "two templates of one kind"),
    ],
)
def test_what_is_not_understood_is_a_problem_and_not_left_out(text: str, problem: str) -> None:
    problems = made(text).problems
    assert problems
    assert problem in problems[0]


def test_a_policy_without_a_binding_is_about_nothing() -> None:
    assert made(REPLICAS.split("---")[0]) == Policies()


def test_a_deletion_without_what_is_deleted_is_refused() -> None:
    with pytest.raises(InputError, match="deletion"):
        question(request(config_map(), "DELETE", oldObject=None))  # type: ignore[arg-type]


def test_an_answer_says_each_thing_once_and_not_too_much() -> None:
    one = Finding("K a", Result.FAIL, "[a] no", action=Action.DENY)
    many = [one, one, *(Finding("K b", Result.FAIL, f"[b] {i} {'x' * 400}", action=Action.WARN) for i in range(40))]
    told = response("u", many)
    assert told.status.message == "[a] no"  # type: ignore[union-attr]
    assert [len(w) for w in told.warnings] == [256] * 16  # type: ignore[union-attr]
    assert len(response("u", [Finding("K a", Result.FAIL, "x" * 10_000)]).status.message) == 4096  # type: ignore[union-attr]
    assert response("u", [Finding("K a", Result.FAIL, "\ud800")]).status.message == "?"  # type: ignore[union-attr]


def test_another_version_of_a_kind_cannot_be_converted_and_is_no_pass() -> None:
    """The API server would ask about the object as the version that the policy names."""
    scaled = {**deployment(1), "apiVersion": "apps/v1beta2"}
    [finding] = found(made(REPLICAS), scaled)
    assert (finding.result, finding.action) == (Result.UNKNOWN, Action.DENY)
    assert "apps/v1beta2" in finding.message
    exact = REPLICAS.replace("resourceRules:", "matchPolicy: Exact\n    resourceRules:")
    assert not found(made(exact), scaled)
    assert not found(made(REPLICAS), {**deployment(9), "apiVersion": "example.com/v1"})
    narrowed = (
        "validationActions: [Deny], matchResources: {resourceRules: [{apiGroups: [apps], apiVersions: [v1beta1], "
    )
    narrowed += "operations: ['*'], resources: [deployments]}]}}"
    [finding] = found(made(REPLICAS.replace("validationActions: [Deny]}", narrowed)), deployment(1))
    assert finding.result is Result.UNKNOWN
