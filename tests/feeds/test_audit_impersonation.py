"""Both sides of an impersonation: the one who is impersonated makes the request, the other one used `impersonate`."""

from pathlib import Path

import pytest
from tests.feeds.audit_events import pod, used

from mistrust.layers.identity.subjects import AUTHENTICATED

ADMIN = {"username": "admin", "groups": ["ops", AUTHENTICATED]}
SA = ["system:serviceaccounts", "system:serviceaccounts:ci", AUTHENTICATED]
CI = "system:serviceaccount:ci:runner"


@pytest.mark.parametrize(
    ("whom", "asked"),
    [
        ({"username": "bob", "groups": [AUTHENTICATED]}, ["users bob"]),
        ({"username": "system:anonymous", "groups": ["system:unauthenticated"]}, ["users system:anonymous"]),
        (
            {"username": "bob", "groups": ["devs", AUTHENTICATED]},
            ["groups devs", f"groups {AUTHENTICATED}", "users bob"],
        ),
        ({"username": CI, "groups": SA}, ["serviceaccounts runner in ci"]),
        (
            {"username": CI, "groups": ["system:masters", AUTHENTICATED]},
            [f"groups {AUTHENTICATED}", "groups system:masters", "serviceaccounts runner in ci"],
        ),
        (
            {
                "username": "bob",
                "groups": [AUTHENTICATED],
                "uid": "7",
                "extra": {"scopes": ["b", "a"], "acme.com/x": [""]},
            },
            [
                "uids.authentication.k8s.io 7",
                "userextras/acme.com/x.authentication.k8s.io",
                "userextras/scopes.authentication.k8s.io a",
                "userextras/scopes.authentication.k8s.io b",
                "users bob",
            ],
        ),
    ],
)
def test_what_is_asked_of_the_one_who_impersonates(tmp_path: Path, whom: dict[str, object], asked: list[str]):
    want = [f"admin: impersonate {a}" for a in asked] + [f"{whom['username']}: get pods web in shop"]
    assert used(tmp_path, pod(user=ADMIN, impersonatedUser=whom)) == sorted(want)


def test_impersonation_is_used_where_the_request_is_then_forbidden(tmp_path: Path):
    whom = {"username": "bob", "groups": [AUTHENTICATED]}
    refused = pod(user=ADMIN, impersonatedUser=whom, code=403, decision="forbid")
    assert used(tmp_path, refused) == ["admin: impersonate users bob"]


def test_an_impersonation_that_is_forbidden_is_none(tmp_path: Path):
    """The server writes impersonatedUser only once it has allowed it."""
    assert used(tmp_path, pod(user=ADMIN, code=403, decision=None)) == []
    assert (
        used(
            tmp_path,
            pod(user=ADMIN, impersonatedUser={"username": "b"}, stage="RequestReceived", code=None, decision=None),
        )
        == []
    )


@pytest.mark.parametrize(
    ("constraint", "whom", "asked"),
    [
        (
            "impersonate:user-info",
            {"username": "bob", "groups": ["devs", AUTHENTICATED]},
            [
                "users.authentication.k8s.io bob",
                "groups.authentication.k8s.io devs",
                f"groups.authentication.k8s.io {AUTHENTICATED}",
            ],
        ),
        (
            "impersonate:serviceaccount",
            {"username": CI, "groups": SA},
            ["serviceaccounts.authentication.k8s.io runner in ci"],
        ),
        (
            "impersonate:arbitrary-node",
            {"username": "system:node:n1", "groups": ["system:nodes", AUTHENTICATED]},
            ["nodes.authentication.k8s.io n1"],
        ),
        (
            "impersonate:associated-node",
            {"username": "system:node:n1", "groups": ["system:nodes", AUTHENTICATED]},
            ["nodes.authentication.k8s.io *"],
        ),
    ],
)
def test_constrained_impersonation_asks_for_its_own_verbs(
    tmp_path: Path, constraint: str, whom: dict[str, object], asked: list[str]
):
    """From 1.35 on: the identity, and what may be done with it."""
    mode = constraint.partition(":")[2]
    event = pod(user=ADMIN, impersonatedUser=whom, authenticationMetadata={"impersonationConstraint": constraint})
    want = [f"admin: {constraint} {a}" for a in asked]
    want += [f"admin: impersonate-on:{mode}:get pods web in shop", f"{whom['username']}: get pods web in shop"]
    assert used(tmp_path, event) == sorted(want)
