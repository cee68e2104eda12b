"""What one rule means, line by line as the API server's evaluation_helpers_test.go and policy_comparator_test.go do."""

from __future__ import annotations

import pytest
from tests.layers.identity.objects import policy

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.rules import ANY, NONE, covers, permits, permits_split, permits_url

RESOURCES = [
    # rule's resources, asked resource, matches
    ("*", "pods", True),
    ("*", "pods/log", True),
    ("pods", "pods", True),
    ("pods", "pods/log", False),
    ("pods/log", "pods/log", True),
    ("pods/log", "pods", False),
    ("*/log", "pods/log", True),
    ("*/log", "pods", False),
    ("*/log", "pods/logs", False),
    ("pods/*", "pods/log", False),
    ("pods/*", "pods", False),
    ("*/*", "pods/log", False),
    ("*/", "pods", False),
    ("*/", "pods/log", False),
    ("Pods", "pods", False),
    ("pod", "pods", False),
    ("*/scale", "deployments/scale", True),
]


@pytest.mark.parametrize(("written", "asked", "matches"), RESOURCES)
def test_resources(written: str, asked: str, matches: bool) -> None:
    assert permits(policy("get", written), "get", "", asked) == (ANY if matches else NONE)


@pytest.mark.parametrize(
    ("verbs", "asked", "matches"),
    [
        ("get", "get", True),
        ("*", "anything", True),
        ("get", "GET", False),
        ("get*", "get", False),
        ("list", "get", False),
    ],
)
def test_verbs_are_exact_or_a_star(verbs: str, asked: str, matches: bool) -> None:
    assert permits(policy(verbs, "pods"), asked, "", "pods") == (ANY if matches else NONE)


@pytest.mark.parametrize(
    ("groups", "asked", "matches"),
    [("", "", True), ("apps", "apps", True), ("", "apps", False), ("*", "x.io", True), ("apps*", "apps", False)],
)
def test_groups_are_exact_or_a_star_and_empty_is_the_core(groups: str, asked: str, matches: bool) -> None:
    assert permits(policy("get", "pods", groups), "get", asked, "pods") == (ANY if matches else NONE)


def test_resource_names_are_letters_only() -> None:
    assert permits(policy("get", "pods", names=["a", "*"]), "get", "", "pods") == frozenset({"a", "*"})
    assert permits(policy("list", "pods", names=[""]), "list", "", "pods") == frozenset(
        {""}
    )  # a request without a name


def test_a_review_that_writes_the_subresource_into_the_resource_is_not_matched_by_a_star() -> None:
    assert permits_split(policy("get", "*/exec"), "get", "", "pods/exec", "") == NONE
    assert permits_split(policy("get", "pods/exec"), "get", "", "pods/exec", "") is ANY
    assert permits_split(policy("get", "*/exec"), "get", "", "pods/exec", "exec") is ANY


@pytest.mark.parametrize(
    ("written", "path", "matches"),
    [
        ("*", "/anything", True),
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/etcd", False),
        ("/healthz/*", "/healthz/etcd", True),
        ("/healthz/*", "/healthz", False),
        ("/healthz*", "/healthzzz", True),
        ("/apis/**", "/apis/x", True),
        ("/x/*/z", "/x/y/z", False),
        ("/x/*/z", "/x/*/z", True),
        ("", "/", False),
    ],
)
def test_urls(written: str, path: str, matches: bool) -> None:
    assert permits_url(PolicyRule(verbs=("get",), non_resource_urls=(written,)), "get", path) is matches


def test_a_rule_about_urls_permits_no_resource_and_the_reverse() -> None:
    assert permits(policy("get", urls="*"), "get", "", "pods") == NONE
    assert not permits_url(policy("*", "*", "*"), "get", "/healthz")


EIGHT = "get,list,watch,create,update,patch,delete,deletecollection"


@pytest.mark.parametrize(
    ("owner", "wanted", "covered"),
    [
        ([policy("*", "*", "*")], policy("get", "pods"), True),
        ([policy(EIGHT, "*", "*")], policy("*", "pods"), False),
        ([policy(EIGHT, "*", "*")], policy(EIGHT, "*/exec"), True),
        ([policy("get", "pods", names=["x", "y"])], policy("get", "pods", names=["x"]), True),
        ([policy("get", "pods", names=["x", "y"])], policy("get", "pods"), False),
        ([policy("get", "pods")], policy("get", "pods", names=["x"]), True),
        ([policy("get", "pods"), policy("list", "pods")], policy("get,list", "pods"), True),
        ([policy("get", "*/log")], policy("get", "pods/log"), True),
        ([policy("get", "pods/*")], policy("get", "pods/log"), False),
        ([policy("get", urls="/a*")], policy("get", urls="/a/b*"), True),
        ([policy("get", urls="/a/b*")], policy("get", urls="/a*"), False),
        ([policy("get", urls="*")], policy("get", urls="/metrics"), True),
        ([policy("get", "pods")], PolicyRule(verbs=("get",)), True),
    ],
)
def test_covers_compares_how_rules_are_written(owner: list[PolicyRule], wanted: PolicyRule, covered: bool) -> None:
    assert (covers(owner, wanted) == ()) is covered


def test_what_is_not_covered_is_told_in_few_parts() -> None:
    missing = covers([policy("get", "pods")], policy("get,list,watch", "pods,services"))

    assert set(missing) == {
        policy("get", "services"),
        policy("list,watch", "pods"),
        policy("list,watch", "services"),
    }


def test_a_huge_rule_is_compared_in_no_time() -> None:
    many = tuple(str(i) for i in range(2000))
    wanted = PolicyRule(many, many, many, many)

    assert covers([policy("*", "*", "*")], wanted) == ()
    assert covers([], wanted) == (wanted,)
