"""Kyverno's policies behind a webhook: what it cannot answer for is refused, or unknown, and never let in."""

from __future__ import annotations

from typing import cast

import pytest
from tests.admission.kyverno.policies import Document, pod, read, rule

from mistrust.admission.answer import denials
from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.policies import compiled
from mistrust.admission.policy import ask, question
from mistrust.kube.build import Plain

LABELLED = """
validate:
  failureAction: Enforce
  message: an owner is wanted
  pattern: {metadata: {labels: {owner: "?*"}}}
"""
IN_PROD = "{any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {tier: prod}}}}]}"
PROD = read("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: prod}}\n")
DEV = read("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: dev}}\n")


def found(
    given: Document, *others: Document, space: Document | None = None, what: Document | None = None
) -> list[Finding]:
    policies = compiled([("policy.yaml", each) for each in (given, *others)])
    assert policies.problems == ()
    obj = what or pod(metadata="{name: x, namespace: shop}")
    request: dict[str, Plain] = {
        "uid": "1", "operation": "CREATE", "namespace": "shop", "name": "x", "object": obj,
        "kind": {"group": "", "version": "v1", "kind": cast("str", obj["kind"])},
        "resource": {"group": "", "version": "v1", "resource": f"{obj['kind']}s".lower()},
        "userInfo": {"username": "ann", "groups": ["system:authenticated"]},
    }  # fmt: skip
    return ask(policies.policies, question(request, space))


def test_a_violation_denies() -> None:
    [one] = found(rule(LABELLED))
    assert (one.policy, one.result, one.action) == ("ClusterPolicy p", Result.FAIL, Action.DENY)
    assert "an owner is wanted" in one.message
    assert denials([one])
    assert not found(rule(LABELLED), what=pod(metadata="{name: x, namespace: shop, labels: {owner: me}}"))


def test_what_only_audits_denies_nothing() -> None:
    assert not denials(found(rule(LABELLED.replace("Enforce", "Audit"))))


def test_a_namespace_that_is_not_known_is_unknown_and_denied() -> None:
    policy = rule(LABELLED, match=IN_PROD)
    [one] = found(policy)
    assert (one.result, one.action) == (Result.UNKNOWN, Action.DENY)
    assert [f.result for f in found(policy, space=PROD)] == [Result.FAIL]
    assert found(policy, space=DEV) == []
    config_map = read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\n")
    assert found(policy, what=config_map) == []


def test_what_only_audits_denies_nothing_where_it_has_no_answer_either() -> None:
    [one] = found(rule(LABELLED.replace("Enforce", "Audit"), match=IN_PROD))
    assert (one.result, one.action) == (Result.UNKNOWN, Action.AUDIT)
    assert not denials([one])


def test_an_exception_that_asks_for_nothing_more_excepts() -> None:
    exception = read(
        "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e, namespace: shop}\n"
        "spec: {exceptions: [{policyName: p, ruleNames: [r]}], match: {any: [{resources: {kinds: [Pod]}}]}}\n"
    )
    assert found(rule(LABELLED), exception) == []


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (rule("mutate: {patchStrategicMerge: {metadata: {labels: {a: b}}}}"), "changes objects"),
        (rule(LABELLED, match="{any: [{resources: {kinds: [Pod]}, clusterRoles: [cluster-admin]}]}"), "clusterRoles"),
        (rule("generate: {apiVersion: v1, kind: ConfigMap, name: a, namespace: shop, data: {}}"), "makes, deletes"),
    ],
)
def test_what_it_would_get_wrong_is_refused(policy: Document, why: str) -> None:
    policies = compiled([("policy.yaml", policy)])
    assert policies.policies == ()
    [problem] = policies.problems
    assert why in problem
