"""SubjectAccessReviews: what goes in comes out, with a status; a bad one is told, and never a yes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from tests.layers.identity.objects import binding, lookup, role, rule

from mistrust.kube.snapshot import Gap
from mistrust.layers.identity.decide import decide
from mistrust.layers.identity.reviews import answer

OBJECTS = (
    role("r", rule("get", "pods/log"), rule("get", urls="/metrics")),
    binding("b", "ClusterRole/r", "User/ann", "Group/devs"),
)


def ask(review: object, *gaps: Gap) -> tuple[dict[str, object], bool]:
    line = review if isinstance(review, bytes) else json.dumps(review).encode()
    answered, understood = answer(line, partial(decide, lookup(*OBJECTS, gaps=gaps)))
    found = json.loads(answered)
    assert isinstance(found, dict)
    return found, understood


LOG = {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "a"}
REASON = 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "ann"'


def test_a_review_comes_back_whole_with_its_status() -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {"name": "x"},
        "spec": {"user": "ann", "uid": "1", "extra": {"scopes": ["a"]}, "resourceAttributes": {**LOG, "version": "v1"}},
        "status": {"allowed": False, "reason": "old"},
    }

    found, understood = ask(review)

    assert understood
    assert found == {**review, "status": {"allowed": True, "denied": False, "reason": REASON}}


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"user": "ann", "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}, True),
        ({"groups": ["devs"], "resourceAttributes": LOG}, True),
        ({"user": "bob", "groups": ["devs"], "resourceAttributes": LOG}, True),
        ({"user": "bob", "resourceAttributes": LOG}, False),  # no group is added to what the review says
        ({"user": "ann", "resourceAttributes": {**LOG, "subresource": None}}, False),
        ({"user": "ann", "groups": None, "resourceAttributes": {**LOG, "name": None}}, True),
        ({"user": "ann", "resourceAttributes": {**LOG, "labelSelector": {"rawSelector": "a=b"}}}, True),
        ({"user": "bob", "groups": ["system:masters"], "resourceAttributes": LOG}, True),
    ],
)
def test_who_and_what(spec: dict[str, object], allowed: bool) -> None:
    found, understood = ask({"spec": spec})

    assert understood
    assert found["status"]["allowed"] is allowed  # type: ignore[index]


BAD: list[tuple[object, str]] = [
    (b"{", "truncated"),
    (b"nope", "malformed"),
    (b"\xff\xfe", "malformed"),
    (b"[1]", "not a JSON object"),
    ({"spec": {"user": 1}}, "spec.user"),
    ({"spec": []}, "spec"),
    ({}, "at least one of user or group"),
    ({"spec": {"user": "ann"}}, "exactly one of"),
    ({"spec": {"user": "ann", "resourceAttributes": LOG, "nonResourceAttributes": {}}}, "in combination"),
    (b"[" * 100_000, "recursion"),
]


@pytest.mark.parametrize(("review", "told"), BAD)
def test_a_bad_line_says_what_is_wrong_with_it(review: object, told: str) -> None:
    found, understood = ask(review)
    status = found["status"]

    assert not understood
    assert isinstance(status, dict)
    assert told in status["evaluationError"]
    assert status["allowed"] is status["denied"] is False


def test_unknown_is_no_yes_and_says_why() -> None:
    found, understood = ask({"spec": {"user": "bob", "resourceAttributes": LOG}}, Gap("RoleBinding", "forbidden"))
    status = found["status"]

    assert understood
    assert isinstance(status, dict)
    assert status["allowed"] is False
    assert status["evaluationError"] == "RoleBinding objects were not seen (forbidden)"
