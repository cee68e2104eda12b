"""The authorizer: what an expression asks, and what it makes of the answer."""

from __future__ import annotations

import pytest
from tests.languages.cel.asking import failed, valued

from mistrust.languages.cel.libraries.authorizer import Answer, Authorizer, Question, ResourceCheck
from mistrust.languages.cel.values import Value


class Recorded:
    """Allows `get`, cannot tell of `watch`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def __call__(self, asked: Question, /) -> Answer:
        self.asked.append(asked)
        return Answer(asked.verb in ("get", "watch"), "because", "no answer" if asked.verb == "watch" else "")


def names(recorded: Recorded) -> dict[str, Value]:
    request = ResourceCheck(recorded, Question(resource="pods", namespace="a"))
    return {"authorizer": Authorizer(recorded), "authorizer.requestResource": request}


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("authorizer.path('/healthz').check('get')", Question("get", path="/healthz")),
        ("authorizer.group('').resource('pods').check('get')", Question("get", resource="pods")),
        (
            "authorizer.group('apps').resource('deployments').subresource('scale').namespace('a').name('b').check('get')",
            Question("get", "apps", "deployments", "scale", "a", "b"),
        ),
        (
            "authorizer.serviceAccount('a', 'b').group('').resource('pods').check('get')",
            Question("get", resource="pods", account=("a", "b")),
        ),
        (
            "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=a').labelSelector('b').check('get')",
            Question("get", resource="pods", field_selector="spec.nodeName=a", label_selector="b"),
        ),
        ("authorizer.requestResource.check('get')", Question("get", resource="pods", namespace="a")),
    ],
)
def test_a_question_is_put_together(text: str, asked: Question) -> None:
    recorded = Recorded()
    assert valued(f"{text}.allowed()", names(recorded)) is True
    assert recorded.asked == [asked]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("check('get').allowed()", True),
        ("check('delete').allowed()", False),
        ("check('get').reason()", "because"),
        ("check('get').errored()", False),
        ("check('watch').errored()", True),
        ("check('watch').error()", "no answer"),
        ("check('watch').allowed()", False),
    ],
)
def test_what_could_not_be_found_out_is_not_allowed(text: str, value: object) -> None:
    assert valued(f"authorizer.path('/').{text}", names(Recorded())) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("authorizer.path('')", "path must not be empty"),
        ("authorizer.serviceAccount('a', 'B')", "Invalid service account name"),
        ("authorizer.serviceAccount('a.b', 'c')", "Invalid service account namespace"),
        ("authorizer.check('get')", "no such overload: check(kubernetes.authorization.Authorizer, string)"),
        (
            "authorizer.path('/').namespace('a')",
            "no such overload: namespace(kubernetes.authorization.PathCheck, string)",
        ),
        ("authorizer.group('').check('get')", "no such overload: check(kubernetes.authorization.GroupCheck, string)"),
        ("authorizer.path('/').allowed()", "no such overload: allowed(kubernetes.authorization.PathCheck)"),
    ],
)
def test_what_cannot_be_asked_is_said(text: str, said: str) -> None:
    assert failed(text, names(Recorded())) == said


def test_an_expression_may_ask_twice() -> None:
    twice = "[{}].all(x, authorizer.path('/').check('get').allowed())"
    assert valued(twice.format("1, 2"), names(Recorded())) is True
    assert "cost limit" in failed(twice.format("1, 2, 3"), names(Recorded()))


def test_selectors_came_with_1_32() -> None:
    text = "authorizer.group('').resource('pods').labelSelector('a').check('get').allowed()"
    assert "no such overload: labelSelector" in failed(text, names(Recorded()), "1.31")
    assert valued(text, names(Recorded()), "1.32") is True
