"""The types that are written in CEL: ValidatingPolicy, MutatingPolicy, GeneratingPolicy."""

from __future__ import annotations

import pytest
from tests.admission.kyverno.policies import became, deployment, pod, read, said

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.load import policy
from mistrust.admission.kyverno.request import Request, World
from mistrust.admission.review import of_object
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

PODS = "{resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}"


def typed(kind: str, body: str, match: str = PODS) -> dict[str, Plain]:
    text = f"apiVersion: policies.kyverno.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec:\n"
    lines = "\n".join(f"  {line}" for line in body.strip().splitlines())
    return read(f"{text}  matchConstraints: {match}\n{lines}\n")


def validating(expression: str, more: str = "") -> dict[str, Plain]:
    return typed("ValidatingPolicy", f"validations: [{{expression: {expression!r}}}]\n{more}")


NO_HOST = validating("object.spec.?hostPID.orValue(false) == false")
BAD, GOOD = "{hostPID: true}", "{hostPID: false}"


def test_an_expression_holds_or_does_not() -> None:
    assert said(NO_HOST, pod(GOOD)) == {"": Result.PASS}
    assert said(NO_HOST, pod(BAD)) == {"": Result.FAIL}


def test_what_makes_pods_is_asked_about_its_template() -> None:
    assert said(NO_HOST, deployment(GOOD)) == {"": Result.PASS}
    assert said(NO_HOST, deployment(BAD)) == {"": Result.FAIL}


def test_only_by_the_controllers_that_are_chosen() -> None:
    given = validating("false", "autogen: {podControllers: {controllers: [jobs]}}")
    assert said(given, pod()) == {"": Result.FAIL}
    assert said(given, deployment("{}")) == {}


def test_a_policy_about_more_than_pods_is_about_what_it_says() -> None:
    both = PODS.replace("[pods]", "[pods, services]")
    given = typed("ValidatingPolicy", "validations: [{expression: 'false'}]", both)
    assert said(given, pod()) == {"": Result.FAIL}
    assert said(given, deployment("{}")) == {}


def test_conditions_that_do_not_hold_skip() -> None:
    given = validating("false", "matchConditions: [{name: c, expression: 'object.metadata.name == \"other\"'}]")
    assert said(given, pod()) == {"": Result.SKIP}


def test_an_expression_without_a_value_is_an_error() -> None:
    assert said(validating("object.spec.missing == 1"), pod("{}")) == {"": Result.ERROR}


LOOKS = validating('resource.Get("v1", "configmaps", "default", "allowed").data.names.contains(object.metadata.name)')


def test_what_asks_a_cluster_that_is_not_known_is_unknown() -> None:
    assert said(LOOKS, pod()) == {"": Result.UNKNOWN}
    assert said(validating('http.Get("https://example.com") == 1'), pod()) == {"": Result.UNKNOWN}
    assert said(validating("time.now() > timestamp(0)"), pod()) == {"": Result.UNKNOWN}


def test_what_asks_a_cluster_that_is_known_is_answered() -> None:
    allowed = read("{apiVersion: v1, kind: ConfigMap, metadata: {name: allowed, namespace: default}, data: {names: x}}")
    assert said(LOOKS, pod(), World([allowed])) == {"": Result.PASS}
    assert said(LOOKS, pod(), World([])) == {"": Result.ERROR}
    assert said(validating("time.now() > timestamp(0)"), pod(), World(now=1)) == {"": Result.PASS}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ('image("ghcr.io/a/b:v1").registry() == "ghcr.io"', Result.PASS),
        ('image("ghcr.io/a/b:v1").tag() == "v1"', Result.PASS),
        ('isImage("")', Result.FAIL),
        ('images.containers.exists(i, i == "docker.io/nginx:latest")', Result.PASS),
        ('parseServiceAccount("system:serviceaccount:a:b").Name == "b"', Result.PASS),
        ('yaml.unmarshal("a: 1").a == 1', Result.PASS),
        ('json.unmarshal("{}") == {}', Result.PASS),
    ],
)
def test_what_kyverno_adds_to_cel(expression: str, wanted: Result) -> None:
    assert said(validating(expression), pod()) == {"": wanted}


APPLY = """mutations:
- patchType: ApplyConfiguration
  applyConfiguration:
    expression: 'Object{metadata: Object.metadata{labels: {"team": object.metadata.namespace}}}'
- patchType: JSONPatch
  jsonPatch:
    expression: '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: object.metadata.labels.team}]'
"""  # noqa: E501


def test_mutations_follow_each_other() -> None:
    found = became(typed("MutatingPolicy", APPLY), pod())
    assert isinstance(found, dict)
    assert found["metadata"] == read("{name: x, namespace: ns, labels: {team: ns, a/b: ns}}")


def test_a_mutation_of_pods_is_one_of_templates() -> None:
    body = """mutations:
- patchType: ApplyConfiguration
  applyConfiguration:
    expression: 'Object{spec: Object.spec{hostPID: !object.spec.hostPID}}'
- patchType: JSONPatch
  jsonPatch:
    expression: '[JSONPatch{op: "add", path: "/spec/hostIPC", value: true}]'
"""
    found = became(typed("MutatingPolicy", body), deployment(BAD))
    assert isinstance(found, dict)
    assert found["spec"] == read("{template: {spec: {hostPID: false, hostIPC: true}}}")


def test_what_is_generated_is_told() -> None:
    body = """variables: [{name: ns, expression: object.metadata.namespace}]
generate:
- expression: 'generator.Apply(variables.ns, [{"kind": dyn("Service"), "apiVersion": dyn("v1"), "metadata": dyn({"name": "s"})}])'
"""  # noqa: E501
    [answer] = policy(typed("GeneratingPolicy", body)).verdict(Request(of_object(pod()))).answers
    assert answer.made == (read("{kind: Service, apiVersion: v1, metadata: {name: s, namespace: ns}}"),)


@pytest.mark.parametrize("kind", ["ImageValidatingPolicy", "DeletingPolicy"])
def test_what_is_not_evaluated_is_unknown(kind: str) -> None:
    assert said(typed(kind, "validations: []"), pod()) == {"": Result.UNKNOWN}


@pytest.mark.parametrize(
    "body",
    [
        "validations: [{expression: 'a +'}]",
        "something: {}",
        "evaluation: {mode: JSON}",
        "autogen: {podControllers: {controllers: [nodes]}}",
        "paramKind: {apiVersion: v1, kind: ConfigMap}",
        "validations: {}",
        "mutations: [{patchType: Merge}]",
    ],
)
def test_what_is_not_understood_is_an_error_that_names_the_policy(body: str) -> None:
    with pytest.raises(InputError) as caught:
        policy(typed("ValidatingPolicy", body))
    assert caught.value.where.startswith("ValidatingPolicy p")


def test_an_object_of_a_named_type_is_none_elsewhere() -> None:
    given = read(
        "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: p}, "
        "spec: {validations: [{expression: 'Other{a: 1} == 1'}]}}"
    )
    with pytest.raises(InputError):
        policy(given)
