"""`validate`: what a rule says of an object."""

from __future__ import annotations

import pytest
from tests.admission.kyverno.policies import deployment, pod, read, rule, said

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.load import policy
from mistrust.admission.kyverno.request import Request, World
from mistrust.admission.review import Review, of_object
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

LATEST = "{containers: [{name: a, image: 'nginx:latest'}]}"
PINNED = "{containers: [{name: a, image: 'nginx:1'}]}"

NO_LATEST = rule("validate: {message: no latest, pattern: {spec: {containers: [{image: '!*:latest'}]}}}")


def test_a_pattern() -> None:
    assert said(NO_LATEST, pod(PINNED)) == {"r": Result.PASS}
    assert said(NO_LATEST, pod(LATEST)) == {"r": Result.FAIL}


def test_what_a_rule_is_not_about_gets_no_answer() -> None:
    assert said(NO_LATEST, read("{apiVersion: v1, kind: Service, metadata: {name: s}}")) == {}


def test_a_failure_tells_the_message_and_the_path() -> None:
    [answer] = policy(NO_LATEST).verdict(Request(of_object(pod(LATEST)))).answers
    assert answer.message.startswith("no latest; /spec/containers/0/image/")
    assert answer.path == "/spec/containers/0/image/"


def test_a_message_names_what_variables_stand_for() -> None:
    given = rule("validate: {message: '{{request.object.metadata.name}} is bad', deny: {}}")
    [answer] = policy(given).verdict(Request(of_object(pod()))).answers
    assert answer.message == "x is bad"


def test_one_of_several_patterns_is_enough() -> None:
    given = rule("validate: {anyPattern: [{spec: {hostPID: true}}, {spec: {hostIPC: true}}]}")
    assert said(given, pod("{hostIPC: true}")) == {"r": Result.PASS}
    assert said(given, pod("{}")) == {"r": Result.FAIL}


def test_conditions_deny() -> None:
    given = rule(
        "validate: {deny: {conditions: {any: [{key: '{{request.object.spec.x}}', operator: Equals, value: 1}]}}}"
    )
    assert said(given, pod("{x: 1}")) == {"r": Result.FAIL}
    assert said(given, pod("{x: 2}")) == {"r": Result.PASS}
    assert said(given, pod("{}")) == {"r": Result.PASS}


def test_what_is_not_there_differs_from_everything() -> None:
    given = rule(
        "validate: {deny: {conditions: {all: [{key: '{{request.object.spec.x}}', operator: NotEquals, value: a}]}}}"
    )
    assert said(given, pod("{}")) == {"r": Result.FAIL}


def test_preconditions_that_do_not_hold_skip() -> None:
    conditions = "preconditions: {all: [{key: '{{request.operation}}', operator: Equals, value: DELETE}]}"
    assert said(rule(f"{conditions}\nvalidate: {{deny: {{}}}}"), pod()) == {"r": Result.SKIP}


def test_for_each_element_with_its_own_conditions() -> None:
    given = rule(
        "validate: {foreach: [{list: 'request.object.spec.containers', preconditions: {all: [{key: '{{element.name}}', "
        "operator: NotEquals, value: skipped}]}, pattern: {image: '!*:latest'}}]}"
    )
    assert said(given, pod(PINNED)) == {"r": Result.PASS}
    assert said(given, pod(LATEST)) == {"r": Result.FAIL}
    assert said(given, pod("{containers: [{name: skipped, image: 'a:latest'}]}")) == {"r": Result.SKIP}
    assert said(given, pod("{}")) == {"r": Result.SKIP}


def test_for_each_inside_of_another() -> None:
    given = rule(
        "validate: {foreach: [{list: request.object.spec.containers, foreach: [{list: element.ports, deny: "
        "{conditions: {any: [{key: '{{element1.p}}', operator: GreaterThan, value: '{{element0.most}}'}]}}}]}]}"
    )
    assert said(given, pod("{containers: [{most: 5, ports: [{p: 4}]}]}")) == {"r": Result.PASS}
    assert said(given, pod("{containers: [{most: 5, ports: [{p: 4}, {p: 6}]}]}")) == {"r": Result.FAIL}


def test_pod_security_with_an_exclusion() -> None:
    baseline = rule("validate: {podSecurity: {level: baseline, version: latest}}")
    excluded = rule(
        "validate: {podSecurity: {level: baseline, version: latest, exclude: [{controlName: Privileged Containers, "
        "images: ['nginx*']}]}}"
    )
    bad = pod("{containers: [{name: a, image: nginx, securityContext: {privileged: true}}]}")
    other = pod("{containers: [{name: a, image: other, securityContext: {privileged: true}}]}")
    assert said(baseline, pod()) == {"r": Result.PASS}
    assert said(baseline, bad) == {"r": Result.FAIL}
    assert said(excluded, bad) == {"r": Result.PASS}
    assert said(excluded, other) == {"r": Result.FAIL}


def test_cel_with_variables_and_conditions() -> None:
    given = rule(
        "celPreconditions: [{name: c, expression: 'has(object.spec.x)'}]\n"
        "validate: {cel: {variables: [{name: v, expression: 'object.spec.x'}], expressions: "
        "[{expression: 'variables.v < 5', messageExpression: '\"got \" + string(variables.v)'}]}}"
    )
    assert said(given, pod("{x: 4}")) == {"r": Result.PASS}
    assert said(given, pod("{x: 6}")) == {"r": Result.FAIL}
    assert said(given, pod("{}")) == {"r": Result.SKIP}
    assert said(given, pod("{x: text}")) == {"r": Result.ERROR}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [(LATEST, {"autogen-r": Result.FAIL}), (PINNED, {"autogen-r": Result.PASS})],
)
def test_a_rule_about_pods_is_about_what_makes_them(spec: str, wanted: dict[str, Result]) -> None:
    assert said(NO_LATEST, deployment(spec)) == wanted


def test_context_variables_are_worked_out_when_they_are_asked_for() -> None:
    given = rule(
        "context: [{name: a, variable: {jmesPath: request.object.spec.x, default: 7}}, "
        "{name: b, variable: {value: {c: '{{ a }}'}}}, {name: never, apiCall: {urlPath: /api/v1/pods}}]\n"
        "validate: {deny: {conditions: {any: [{key: '{{ b.c }}', operator: Equals, value: 7}]}}}"
    )
    assert said(given, pod("{}")) == {"r": Result.FAIL}
    assert said(given, pod("{x: 8}")) == {"r": Result.PASS}


CALL = rule(
    "context: [{name: count, apiCall: {urlPath: '/api/v1/namespaces/{{request.namespace}}/services', "
    "jmesPath: 'items[].metadata.name | length(@)'}}]\n"
    "validate: {deny: {conditions: {any: [{key: '{{ count }}', operator: GreaterThan, value: 0}]}}}"
)
MAP = rule(
    "context: [{name: m, configMap: {name: c, namespace: ns}}]\n"
    "validate: {deny: {conditions: {any: [{key: '{{ m.data.x }}', operator: Equals, value: 'yes'}]}}}"
)


def test_what_asks_a_cluster_that_is_not_known_is_unknown() -> None:
    assert said(CALL, pod()) == {"r": Result.UNKNOWN}
    assert said(MAP, pod()) == {"r": Result.UNKNOWN}


def test_what_asks_a_cluster_that_is_known_is_answered() -> None:
    inside = [
        read("{apiVersion: v1, kind: Service, metadata: {name: s, namespace: ns}}"),
        read("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: ns}, data: {x: 'yes'}}"),
    ]
    assert said(CALL, pod(), World(inside)) == {"r": Result.FAIL}
    assert said(CALL, pod(), World([])) == {"r": Result.PASS}
    assert said(MAP, pod(), World(inside)) == {"r": Result.FAIL}


def test_signatures_of_images_are_unknown() -> None:
    given = rule("verifyImages: [{imageReferences: ['*']}]")
    assert said(given, pod()) == {"r": Result.UNKNOWN}


def test_images_are_named_with_their_parts() -> None:
    given = rule(
        "validate: {deny: {conditions: {all: [{key: '{{ images.containers.*.registry }}', operator: AnyNotIn, "
        "value: [docker.io]}]}}}"
    )
    assert said(given, pod("{containers: [{name: a, image: nginx}]}")) == {"r": Result.PASS}
    assert said(given, pod("{containers: [{name: a, image: ghcr.io/nginx}]}")) == {"r": Result.FAIL}


def test_what_goes_is_asked_as_it_was() -> None:
    given = rule(
        "validate: {deny: {conditions: {all: [{key: '{{request.object.metadata.name}}', operator: Equals, value: x}, "
        "{key: '{{request.operation}}', operator: Equals, value: DELETE}]}}}"
    )
    request = {**of_object(pod()).request, "object": None, "oldObject": pod(), "operation": "DELETE"}
    [answer] = policy(given).verdict(Request(Review(request))).answers
    assert answer.result is Result.FAIL


def test_a_policy_of_a_namespace_is_about_its_objects_alone() -> None:
    given = rule("validate: {deny: {}}", kind="Policy")
    given["metadata"] = {"name": "p", "namespace": "other"}
    assert said(given, pod()) == {}
    given["metadata"] = {"name": "p", "namespace": "ns"}
    assert said(given, pod()) == {"r": Result.FAIL}


@pytest.mark.parametrize(
    "text",
    [
        "validate: {manifests: {}}",
        "validate: {assert: {}}",
        "validate: {pattern: {a: 1}, deny: {}}",
        "validate: {podSecurity: {level: high}}",
        "validate: {podSecurity: {level: baseline, exclude: [{controlName: Nothing}]}}",
        "validate: {deny: {conditions: {any: [{key: a, operator: Like, value: b}]}}}",
        "validate: {deny: {conditions: {some: []}}}",
        "validate: {pattern: {a: '{{ nope(b) }}'}}",
        "validate: {cel: {expressions: [{expression: 'a +'}]}}",
        "context: [{name: a, something: {}}]\nvalidate: {deny: {}}",
        "something: {}\nvalidate: {deny: {}}",
        "validate: {deny: {}}\nmutate: {patchStrategicMerge: {}}",
        "name: again",
    ],
)
def test_what_is_not_understood_is_an_error_that_names_the_rule(text: str) -> None:
    with pytest.raises(InputError) as caught:
        policy(rule(text))
    assert caught.value.where.startswith("ClusterPolicy p, rule")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("object.metadata.name == 'x'", {"r": Result.FAIL}),
        ("object.metadata.name == 'other'", {}),
        ("object.spec.missing", {"": Result.ERROR}),
    ],
)
def test_conditions_of_the_webhook_come_first(expression: str, wanted: dict[str, Result]) -> None:
    given = rule("validate: {deny: {}}")
    spec = given["spec"]
    assert isinstance(spec, dict)
    spec["webhookConfiguration"] = {"matchConditions": [{"name": "c", "expression": expression}]}
    assert said(given, pod()) == wanted


@pytest.mark.parametrize("match", ["{any: [{resources: {kinds: [Pod], things: [a]}}]}", "{any: [{things: {}}]}"])
def test_a_match_that_says_more_than_is_understood_is_an_error(match: str) -> None:
    with pytest.raises(InputError):
        policy(rule("validate: {deny: {}}", match))


def test_loops_over_too_much_are_an_error() -> None:
    inner = "deny: {conditions: {any: [{key: 1, operator: Equals, value: 2}]}}"
    for _ in range(5):
        inner = f"foreach: [{{list: request.object.spec.a, {inner}}}]"
    given = rule(f"validate: {{{inner}}}")
    numbers = ", ".join(map(str, range(20)))
    assert said(given, pod(f"{{a: [{numbers}]}}")) == {"r": Result.ERROR}


def test_what_is_nested_too_deeply_is_an_error() -> None:
    deep = "{a: " * 190 + "1" + "}" * 190
    given = rule("validate: {pattern: {spec: " + deep.replace("1", "'{{ request.object.spec }}'") + "}}")
    assert said(given, pod(deep)) == {"r": Result.ERROR}


def test_a_policy_that_is_nested_too_deeply_is_an_error() -> None:
    deep: Plain = "x"
    for _ in range(2000):
        deep = {"a": deep}
    given = rule("validate: {pattern: {}}")
    spec = given["spec"]
    assert isinstance(spec, dict)
    spec["rules"] = [{"name": "r", "match": {}, "validate": {"pattern": deep}}]
    with pytest.raises(InputError):
        policy(given)
