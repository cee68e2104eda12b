"""Narrowing a rule: what goes, what stays, and what only a person can decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.rules import NONE, permits
from mistrust.paths.narrowing import narrowed
from mistrust.paths.needs import meets
from mistrust.paths.step import Need, Permission


def need(verbs: str, resources: str, group: str = "") -> Need:
    return Need((Permission(tuple(verbs.split(",")), tuple(resources.split(",")), group),))


def rule(verbs: str, resources: str, groups: str = "", names: str = "") -> PolicyRule:
    return PolicyRule(
        verbs=tuple(verbs.split(",")),
        api_groups=tuple(groups.split(",")),
        resources=tuple(resources.split(",")),
        resource_names=tuple(names.split(",")) if names else (),
    )


@pytest.mark.parametrize(
    ("before", "taken", "after", "dropped"),
    [
        (rule("get,list", "secrets"), need("get,list", "secrets"), [], [("secrets", ("get", "list"))]),
        (rule("get,create", "secrets"), need("get", "secrets"), [rule("create", "secrets")], [("secrets", ("get",))]),
        (
            rule("get,list", "pods,secrets,services"),
            need("get,list,watch", "secrets"),
            [rule("get,list", "pods,services")],
            [("secrets", ("get", "list"))],
        ),
        (
            rule("get,create", "pods,secrets"),
            need("get", "secrets"),
            [rule("get,create", "pods"), rule("create", "secrets")],
            [("secrets", ("get",))],
        ),
        (rule("get", "secrets", names="a"), need("get", "secrets"), [], [("secrets", ("get",))]),
        (rule("create", "*/exec"), need("create", "pods/exec"), [], [("*/exec", ("create",))]),
    ],
)
def test_exactly_what_the_need_asks_for_goes(
    before: PolicyRule, taken: Need, after: list[PolicyRule], dropped: list[tuple[str, tuple[str, ...]]]
) -> None:
    found = narrowed(before, [taken])
    assert list(found.rules) == after
    assert list(found.dropped) == dropped
    assert not found.guessed


def test_any_verb_becomes_the_ordinary_ones_that_stay() -> None:
    found = narrowed(rule("*", "secrets"), [need("get,list,watch", "secrets")])
    assert found.rules == (rule("create,update,patch,delete,deletecollection", "secrets"),)
    assert found.guessed


def test_any_resource_cannot_say_all_but_these() -> None:
    found = narrowed(rule("*", "*", "*"), [need("get", "secrets")])
    assert found.rules == ()
    assert found.guessed


WORDS = st.sampled_from(["get", "list", "create", "*"])
THINGS = st.sampled_from(["pods", "secrets", "pods/exec", "*/exec", "*"])
GROUPS = st.sampled_from(["", "apps", "*"])
rules = st.builds(
    PolicyRule,
    verbs=st.lists(WORDS, min_size=1, unique=True).map(tuple),
    api_groups=st.lists(GROUPS, min_size=1, unique=True).map(tuple),
    resources=st.lists(THINGS, min_size=1, unique=True).map(tuple),
)
needs = st.builds(
    need,
    st.sampled_from(["get", "get,list", "create"]),
    st.sampled_from(["secrets", "pods/exec"]),
    st.sampled_from(["", "apps"]),
)


@given(rules, needs)
def test_what_is_left_meets_the_need_no_more_and_nothing_is_added(before: PolicyRule, taken: Need) -> None:
    left = narrowed(before, [taken]).rules
    assert all(meets(r, taken) == NONE for r in left)
    for group in ("", "apps"):
        for resource in ("pods", "secrets", "pods/exec"):
            for verb in ("get", "list", "create", "delete"):
                after = any(permits(r, verb, group, resource) != NONE for r in left)
                assert not after or permits(before, verb, group, resource) != NONE


@given(rules.filter(lambda r: "*" not in (*r.verbs, *r.api_groups, *r.resources)), needs)
def test_nothing_else_is_lost(before: PolicyRule, taken: Need) -> None:
    left = narrowed(before, [taken]).rules
    asked = {(v, p.group, r) for p in taken.any for v in p.verbs for r in p.resources}
    for group in before.api_groups:
        for resource in before.resources:
            for verb in before.verbs:
                hit = any(
                    verb == v and group == g and (resource == r or resource == f"*/{r.partition('/')[2]}")
                    for v, g, r in asked
                )
                assert hit or any(
                    verb in r.verbs and group in r.api_groups and resource in r.resources for r in left
                ), (group, resource, verb)
