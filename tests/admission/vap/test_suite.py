"""Tests of policies: a sample is allowed, or denied with exactly these messages."""

from __future__ import annotations

import copy

import yaml

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.vap.suite import is_suite, outcomes

POLICY = yaml.safe_load("""
kind: ValidatingAdmissionPolicy
apiVersion: admissionregistration.k8s.io/v1
metadata: {name: few}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]
  validations:
  - {expression: object.spec.replicas <= 5, message: at most five}
""")
BINDING = yaml.safe_load("""
kind: ValidatingAdmissionPolicyBinding
apiVersion: admissionregistration.k8s.io/v1
metadata: {name: few}
spec:
  policyName: few
  validationActions: [Warn]
  matchResources: {objectSelector: {matchExpressions: [{key: many, operator: DoesNotExist}]}}
""")
SUITE = yaml.safe_load("""
kind: PolicyTest
apiVersion: mistrust.dev/v1
metadata: {name: few}
allowed:
- {kind: Deployment, apiVersion: apps/v1, metadata: {name: a}, spec: {replicas: 5}}
denied:
- messages: [at most five]
  object: {kind: Deployment, apiVersion: apps/v1, metadata: {name: a}, spec: {replicas: 6}}
""")


def test_samples_pass_whatever_the_binding_leads_to() -> None:
    assert is_suite(SUITE)
    found = list(outcomes(SUITE, [POLICY, BINDING, SUITE]))
    assert found == [Outcome("few/allowed[0]", Result.PASS), Outcome("few/denied[0]", Result.PASS)]


def test_a_policy_without_a_binding_is_asked_as_it_is() -> None:
    assert [o.result for o in outcomes(SUITE, [POLICY])] == [Result.PASS, Result.PASS]


def test_what_is_said_otherwise_fails() -> None:
    other = copy.deepcopy(SUITE)
    other["denied"][0]["messages"] = ["at most 5"]
    other["allowed"][0]["spec"]["replicas"] = 7
    assert [(o.result, o.because) for o in outcomes(other, [POLICY, BINDING])] == [
        (Result.FAIL, "wanted nothing, got at most five"),
        (Result.FAIL, "wanted at most 5, got at most five"),
    ]


def test_what_the_binding_leaves_out_is_not_denied() -> None:
    other = copy.deepcopy(SUITE)
    other["denied"][0]["object"]["metadata"]["labels"] = {"many": "yes"}
    assert [o.because for o in outcomes(other, [POLICY, BINDING])] == ["", "wanted at most five, got nothing"]


def test_an_expression_without_an_answer_is_no_denial_with_that_message() -> None:
    other = copy.deepcopy(SUITE)
    other["denied"][0]["object"]["spec"] = {}
    for failure in ("Fail", "Ignore"):
        asked = {**POLICY, "spec": {**POLICY["spec"], "failurePolicy": failure}}
        _, last = outcomes(other, [asked, BINDING])
        assert last.result is Result.FAIL
        assert "no such key: replicas" in last.because


def test_what_cannot_be_asked_is_an_error_and_never_a_pass() -> None:
    nothing = {"kind": "PolicyTest", "metadata": {"name": "a"}}
    unsaid = {**SUITE, "denied": [{"object": SUITE["denied"][0]["object"]}]}
    empty = {**SUITE, "allowed": [{}], "denied": []}
    for suite, beside in ((nothing, [POLICY]), (unsaid, [POLICY]), (SUITE, []), (empty, [POLICY])):
        assert [o.result for o in outcomes(suite, beside)] == [Result.ERROR]
