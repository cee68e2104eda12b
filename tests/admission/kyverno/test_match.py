"""Which requests a rule is about."""

from __future__ import annotations

import pytest
from tests.admission.kyverno.policies import pod, read

from mistrust.admission.kyverno.match import about, kind, matcher
from mistrust.admission.kyverno.request import Request
from mistrust.admission.review import Review, of_object
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

POD = pod(metadata="{name: web-1, namespace: team-a, labels: {app: web}, annotations: {a/b: c}}")
SPACE = read("{apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {env: prod}}}")


def request(user: Plain = None, operation: str = "CREATE") -> Request:
    given = of_object(POD).request
    return Request(Review({**given, "operation": operation, "userInfo": user or {}}, SPACE), roles=("team-a:dev",))


def matches(match: str, exclude: str = "{}", user: Plain = None, operation: str = "CREATE") -> bool:
    found = read(f"{{m: {match}, e: {exclude}}}")
    left = matcher(found["e"]) if exclude != "{}" else matcher(None)
    return about(matcher(found["m"]), left, request(user, operation))


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ("{kinds: [Pod]}", True),
        ("{kinds: [v1/Pod]}", True),
        ("{kinds: ['*/Pod']}", True),
        ("{kinds: ['*']}", True),
        ("{kinds: ['P*']}", True),
        ("{kinds: [apps/v1/Pod]}", False),
        ("{kinds: [Pod/exec]}", False),
        ("{kinds: [Deployment]}", False),
        ("{kinds: [Pod], names: ['web-*']}", True),
        ("{kinds: [Pod], name: other}", False),
        ("{kinds: [Pod], namespaces: ['team-?']}", True),
        ("{kinds: [Pod], namespaces: [other]}", False),
        ("{kinds: [Pod], selector: {matchLabels: {app: 'w*'}}}", True),
        ("{kinds: [Pod], selector: {matchLabels: {app: api}}}", False),
        ("{selector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}", True),
        ("{selector: {matchExpressions: [{key: app, operator: Exists}]}}", True),
        ("{selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}", False),
        ("{selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}", False),
        ("{annotations: {'a/*': '*'}}", True),
        ("{annotations: {a/b: d}}", False),
        ("{kinds: [Pod], namespaceSelector: {matchLabels: {env: prod}}}", True),
        ("{kinds: [Pod], namespaceSelector: {matchLabels: {env: test}}}", False),
        ("{kinds: [Pod], operations: [CREATE]}", True),
        ("{kinds: [Pod], operations: [DELETE]}", False),
    ],
)
def test_a_filter(resources: str, wanted: bool) -> None:
    assert matches(f"{{any: [{{resources: {resources}}}]}}") is wanted
    assert matches(f"{{resources: {resources}}}") is wanted
    assert matches("{any: [{resources: {kinds: [Pod]}}]}", f"{{any: [{{resources: {resources}}}]}}") is not wanted


def test_any_is_one_of_them_and_all_is_each() -> None:
    both = "[{resources: {kinds: [Pod]}}, {resources: {names: [other]}}]"
    assert matches(f"{{any: {both}}}")
    assert not matches(f"{{all: {both}}}")
    assert not matches("{any: [{}]}")


@pytest.mark.parametrize(
    ("subject", "user", "wanted"),
    [
        ("{kind: User, name: 'al*'}", {"username": "alice"}, True),
        ("{kind: Group, name: admins}", {"username": "bob", "groups": ["admins"]}, True),
        ("{kind: Group, name: admins}", {"username": "bob", "groups": []}, False),
        (
            "{kind: ServiceAccount, name: ci, namespace: team-a}",
            {"username": "system:serviceaccount:team-a:ci"},
            True,
        ),
    ],
)
def test_people(subject: str, user: Plain, wanted: bool) -> None:
    people = f"{{any: [{{subjects: [{subject}]}}]}}"
    pods = "{any: [{resources: {kinds: [Pod]}}]}"
    assert matches(people, user=user) is wanted
    assert matches(pods, people, user=user) is not wanted


def test_where_it_is_not_said_who_asks_a_rule_is_asked_and_nobody_is_excluded() -> None:
    people = "{any: [{subjects: [{kind: User, name: alice}]}]}"
    assert matches(people)
    assert matches("{any: [{resources: {kinds: [Pod]}}]}", people)


def test_roles_are_those_of_who_asks() -> None:
    assert matches("{any: [{roles: ['team-a:*']}]}", user={"username": "x"})
    assert not matches("{any: [{clusterRoles: [admin]}]}", user={"username": "x"})


@pytest.mark.parametrize("text", ["a/b/c/d/e"])
def test_what_is_no_kind_is_an_error(text: str) -> None:
    with pytest.raises(InputError):
        kind(text)


def test_an_operator_of_a_selector_that_is_not_known_is_an_error() -> None:
    with pytest.raises(InputError):
        matches("{any: [{resources: {selector: {matchExpressions: [{key: a, operator: Like}]}}}]}")
