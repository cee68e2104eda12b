"""Suites of `kyverno test`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.admission.kyverno.policies import pod, read, rule

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.kyverno.suite import is_suite, outcomes
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

Files = dict[str, list[dict[str, Plain]]]
NO_LATEST = rule("validate: {pattern: {spec: {containers: [{image: '!*:latest'}]}}}")
LABEL = rule("mutate: {patchStrategicMerge: {metadata: {labels: {team: a}}}}")
BAD = pod("{containers: [{name: a, image: 'a:latest'}]}", "{name: bad}")
GOOD = pod("{containers: [{name: a, image: 'a:1'}]}", "{name: good}")


def suite(results: str, more: str = "") -> dict[str, Plain]:
    return read(
        "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {name: t}\npolicies: [policy.yaml]\n"
        f"resources: [resource.yaml]\n{more}\nresults: {results}\n"
    )


def run(given: Mapping[str, Plain], **files: dict[str, Plain] | list[dict[str, Plain]]) -> list[tuple[str, Result]]:
    return [(each.name, each.result) for each in told(given, **files)]


def told(given: Mapping[str, Plain], **files: dict[str, Plain] | list[dict[str, Plain]]) -> list[Outcome]:
    known: Files = {"policy.yaml": [NO_LATEST], "resource.yaml": [BAD, GOOD]}
    known |= {f"{name}.yaml": d if isinstance(d, list) else [d] for name, d in files.items()}

    def read_file(path: str) -> Sequence[Mapping[str, Plain]]:
        if path not in known:
            raise InputError("no such file", where=path)
        return known[path]

    return list(outcomes(given, read_file))


@pytest.mark.parametrize(
    ("resource", "result", "wanted"),
    [
        ("bad", "fail", Result.PASS),
        ("bad", "pass", Result.FAIL),
        ("good", "pass", Result.PASS),
        ("good", "fail", Result.FAIL),
        ("good", "skip", Result.FAIL),
        ("default/good", "pass", Result.PASS),
        ("other/good", "pass", Result.ERROR),
        ("nobody", "pass", Result.ERROR),
    ],
)
def test_a_result_has_to_be_as_it_is_wanted(resource: str, result: str, wanted: Result) -> None:
    given = suite(f"[{{policy: p, rule: r, kind: Pod, resources: [{resource}], result: {result}}}]")
    assert run(given) == [(f"p/r/Pod/{resource}", wanted)]


def test_a_rule_that_is_not_about_a_resource_is_skipped_and_no_pass() -> None:
    service = read("{apiVersion: v1, kind: Service, metadata: {name: s}}")
    for result, wanted in (("skip", Result.PASS), ("pass", Result.FAIL), ("fail", Result.FAIL)):
        given = suite(f"[{{policy: p, rule: r, kind: Service, resources: [s], result: {result}}}]")
        assert run(given, resource=service) == [("p/r/Service/s", wanted)]


@pytest.mark.parametrize(("team", "wanted"), [("a", Result.PASS), ("b", Result.FAIL)])
def test_what_an_object_becomes_is_compared(team: str, wanted: Result) -> None:
    after = pod("{containers: [{name: a, image: 'a:1'}]}", f"{{name: good, labels: {{team: {team}}}}}")
    given = suite("[{policy: p, rule: r, kind: Pod, resources: [good], result: pass, patchedResources: after.yaml}]")
    assert run(given, policy=LABEL, after=after) == [("p/r/Pod/good", wanted)]


@pytest.mark.parametrize(("name", "wanted"), [("made-good", Result.PASS), ("other", Result.FAIL)])
def test_what_is_generated_is_compared(name: str, wanted: Result) -> None:
    given = suite("[{policy: p, rule: r, kind: Pod, resources: [good], result: pass, generatedResource: made.yaml}]")
    makes = rule(
        "generate: {apiVersion: v1, kind: ConfigMap, name: 'made-{{request.object.metadata.name}}', "
        "namespace: '{{request.namespace}}', data: {data: {a: b}}}"
    )
    made = read(f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {{a: b}}}}")
    assert run(given, policy=makes, made=made) == [("p/r/Pod/good", wanted)]


def test_values_stand_for_variables_requests_and_namespaces() -> None:
    asks = rule(
        "context: [{name: limit, configMap: {name: c, namespace: d}}]\n"
        "validate: {deny: {conditions: {all: [{key: '{{limit.data.most}}', operator: Equals, value: '5'}, "
        "{key: '{{request.operation}}', operator: Equals, value: UPDATE}, "
        "{key: '{{request.oldObject.metadata.name}}', operator: Equals, value: good}]}}}",
        "{any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {env: prod}}}}]}",
    )
    values = read(
        "{policies: [{name: p, rules: [{name: r, values: {limit.data.most: '5'}}], "
        "resources: [{name: good, values: {request.operation: UPDATE}}]}], "
        "namespaceSelector: [{name: default, labels: {env: prod}}]}"
    )
    results = "[{policy: p, rule: r, kind: Pod, resources: [good], result: fail}]"
    assert run(suite(results, "variables: values.yaml"), policy=asks, values=values) == [("p/r/Pod/good", Result.PASS)]
    assert run(suite(results), policy=asks) == [("p/r/Pod/good", Result.FAIL)]


def test_who_asks_is_told_by_a_file() -> None:
    asks = rule("validate: {deny: {}}", "{any: [{subjects: [{kind: User, name: alice}]}]}")
    results = "[{policy: p, rule: r, kind: Pod, resources: [good], result: skip}]"
    person = read("{apiVersion: cli.kyverno.io/v1alpha1, kind: UserInfo, userInfo: {username: bob}}")
    assert run(suite(results, "userinfo: person.yaml"), policy=asks, person=person) == [("p/r/Pod/good", Result.PASS)]


def test_exceptions_skip() -> None:
    given = suite("[{policy: p, rule: r, kind: Pod, resources: [bad], result: skip}]", "exceptions: [exception.yaml]")
    exception = read(
        "{apiVersion: kyverno.io/v2, kind: PolicyException, metadata: {name: e}, spec: {exceptions: [{policyName: p, "
        "ruleNames: [r]}], match: {any: [{resources: {kinds: [Pod], names: [bad]}}]}}}"
    )
    assert run(given, exception=exception) == [("p/r/Pod/bad", Result.PASS)]


def test_what_is_unknown_is_neither_a_pass_nor_a_failure() -> None:
    verifies = rule("verifyImages: [{imageReferences: ['*']}]")
    for result in ("pass", "fail", "skip"):
        given = suite(f"[{{policy: p, rule: r, kind: Pod, resources: [good], result: {result}}}]")
        assert run(given, policy=verifies) == [("p/r/Pod/good", Result.FAIL)]


def test_a_policy_that_is_not_understood_is_told_where_it_is_asked_for() -> None:
    given = suite("[{policy: p, rule: r, kind: Pod, resources: [good], result: fail}]")
    [outcome] = told(given, policy=rule("validate: {something: {}}"))
    assert outcome.result is Result.ERROR
    assert "something" in outcome.because


def test_a_suite_that_says_more_than_is_understood_is_not_run() -> None:
    [outcome] = told(suite("[]", "checks: [{}]"))
    assert outcome.result is Result.UNKNOWN
    assert "checks" in outcome.because


def test_what_is_a_suite() -> None:
    assert is_suite(suite("[]"))
    assert is_suite({"name": "t", "policies": [], "resources": [], "results": []})
    assert not is_suite(NO_LATEST)
    with pytest.raises(InputError):
        list(outcomes({**suite("[]"), "results": "all"}, lambda _: []))


def test_what_is_cloned_is_in_a_file_that_the_result_names() -> None:
    clones = rule("generate: {apiVersion: v1, kind: Secret, name: copy, namespace: ns, clone: {namespace: d, name: s}}")
    source = read("{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: d, uid: u}, data: {a: b}}")
    made = read("{apiVersion: v1, kind: Secret, metadata: {name: copy, namespace: ns}, data: {a: b}}")
    results = "[{policy: p, rule: r, kind: Pod, resources: [good], result: pass, generatedResource: made.yaml%s}]"
    given = suite(results % ", cloneSourceResource: source.yaml")
    assert run(given, policy=clones, made=made, source=source) == [("p/r/Pod/good", Result.PASS)]
    assert run(suite(results % ""), policy=clones, made=made) == [("p/r/Pod/good", Result.FAIL)]


VAP = read(
    "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: p}, spec: {"
    "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods]}]}, "
    "validations: [{expression: 'object.metadata.name != \"bad\"'}]}}"
)


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [("", {"bad": "fail", "good": "pass"}), ("{env: prod}", {"bad": "skip", "good": "skip"})],
)
def test_a_binding_says_what_a_validating_admission_policy_is_about(selector: str, wanted: dict[str, str]) -> None:
    resources = (
        f"matchResources: {{namespaceSelector: {{matchLabels: {selector}}}}}"
        if selector
        else "validationActions: [Deny]"
    )
    binding = read(
        "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: b}, "
        f"spec: {{policyName: p, {resources}}}}}"
    )
    results = ", ".join(f"{{policy: p, kind: Pod, resources: [{n}], result: {r}}}" for n, r in wanted.items())
    assert run(suite(f"[{results}]"), policy=[VAP, binding]) == [(f"p/Pod/{n}", Result.PASS) for n in wanted]


def test_a_validating_admission_policy_without_bindings_is_asked_too() -> None:
    given = suite("[{policy: p, kind: Pod, resources: [bad], result: fail}]")
    assert run(given, policy=VAP) == [("p/Pod/bad", Result.PASS)]


@pytest.mark.parametrize(("most", "wanted"), [("1", "fail"), ("5", "pass")])
def test_parameters_are_in_files_that_the_suite_names(most: str, wanted: str) -> None:
    spec = VAP["spec"]
    assert isinstance(spec, dict)
    policy = {
        **VAP,
        "spec": {
            **spec,
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "validations": [{"expression": "object.metadata.name.size() <= int(params.data.most)"}],
        },
    }
    binding = read(
        "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: b}, "
        "spec: {policyName: p, paramRef: {name: c, parameterNotFoundAction: Deny}}}"
    )
    params = read(
        f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c, namespace: default}}, data: {{most: '{most}'}}}}"
    )
    given = suite(f"[{{policy: p, kind: Pod, resources: [good], result: {wanted}}}]", "paramResources: [params.yaml]")
    assert run(given, policy=[policy, binding], params=params) == [("p/Pod/good", Result.PASS)]


def test_a_result_may_be_about_an_operation_and_what_was_before() -> None:
    asks = rule(
        "validate: {deny: {conditions: {any: [{key: '{{request.oldObject.metadata.labels.team || ``}}', "
        "operator: Equals, value: before}]}}}",
        "{any: [{resources: {kinds: [Pod], operations: [UPDATE, DELETE]}}]}",
    )
    old = pod("{}", "{name: good, labels: {team: before}}")
    results = (
        "[{policy: p, rule: r, kind: Pod, resources: [good], operation: UPDATE, result: fail}, "
        "{policy: p, rule: r, kind: Pod, resources: [good], resourceOperation: CREATE, result: skip}, "
        "{policy: p, rule: r, kind: Pod, resources: [bad], operation: DELETE, result: pass}]"
    )
    given = suite(results, "oldResources: [old.yaml]")
    assert [result for _, result in run(given, policy=asks, old=old)] == [Result.PASS] * 3


def test_a_result_that_says_more_than_is_understood_is_not_run() -> None:
    [outcome] = told(suite("[{policy: p, kind: Pod, resources: [bad], result: fail, something: 1}]"))
    assert (outcome.result, outcome.because) == (Result.UNKNOWN, "not understood: something")


def test_a_file_that_is_not_there_is_told_by_the_results_that_need_it() -> None:
    given = suite("[{policy: p, rule: r, kind: Pod, resources: [good], result: pass, patchedResources: none.yaml}]")
    [outcome] = told(given, policy=LABEL)
    assert outcome.result is Result.ERROR
    assert "none.yaml" in outcome.because
    [outcome] = told({**suite("[{policy: p, kind: Pod, resources: [good], result: pass}]"), "policies": ["none.yaml"]})
    assert outcome.result is Result.ERROR
