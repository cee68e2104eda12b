"""Which requests an audit policy leaves out, and of whom that is not known."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from mistrust.kube.audit_policy import AuditPolicy, AuditRule
from mistrust.kube.kinds import type_of
from mistrust.layers.identity.logged import unlogged
from mistrust.layers.identity.subjects import Principal, account, group, groups_of, user

Point = tuple[str, ...]
GET_PODS: Point = ("get", "", "pods")
REST = {"level": "Metadata"}


def policy(*rules: dict[str, object], **more: object) -> AuditPolicy:
    return msgspec.convert({"rules": list(rules), **more}, AuditPolicy)


def none(**rule: object) -> AuditPolicy:
    """A policy that leaves something out, and logs the rest."""
    return policy({"level": "None", **rule}, REST)


def test_the_kind_is_read() -> None:
    assert type_of("audit.k8s.io/v1", "Policy") is AuditPolicy
    assert type_of("kyverno.io/v1", "Policy") is None


def test_where_no_rule_matches_nothing_is_logged() -> None:
    assert unlogged(policy(), user("ann"), GET_PODS, "shop") == -1


def test_the_first_rule_that_matches_decides() -> None:
    assert unlogged(policy(REST, {"level": "None"}), user("ann"), GET_PODS, "shop") is None
    assert unlogged(policy({"level": "None"}, REST), user("ann"), GET_PODS, "shop") == 0


PODS = {"resources": [{"group": "", "resources": ["pods"]}]}


def resources(*names: str, group: str = "", objects: tuple[str, ...] = ()) -> dict[str, object]:
    return {"resources": [{"group": group, "resources": list(names), "resourceNames": list(objects)}]}


@pytest.mark.parametrize(
    ("rule", "point", "left_out"),
    [
        (PODS, GET_PODS, True),
        (PODS, ("get", "", "pods/log"), False),
        (PODS, ("get", "apps", "pods"), False),
        (resources("pods/log"), ("get", "", "pods/log"), True),
        (resources("pods/*"), ("get", "", "pods/log"), True),
        (resources("pods/*"), GET_PODS, True),
        (resources("*/log"), ("get", "", "pods/log"), True),
        (resources("*/log"), GET_PODS, False),
        (resources("*"), ("get", "", "pods/log"), True),
        ({"resources": [{"group": ""}]}, ("get", "", "secrets"), True),
        ({"resources": [{"group": "apps"}]}, ("get", "", "secrets"), False),
        (resources("pods", objects=("web",)), GET_PODS, True),  # of web it is
        (resources("pods", objects=("web",)), ("get", "", "secrets"), False),
        ({"verbs": ["get"]}, GET_PODS, True),
        ({"verbs": ["*"]}, GET_PODS, False),  # no wildcard
        ({"namespaces": ["shop"]}, GET_PODS, True),
        ({"namespaces": ["ci"]}, GET_PODS, False),
        ({"namespaces": ["shop"]}, ("get", "/healthz"), False),
        ({"nonResourceURLs": ["/healthz*"]}, ("get", "/healthz/ping"), True),
        ({"nonResourceURLs": ["/healthz"]}, ("get", "/healthz/ping"), False),
        ({"nonResourceURLs": ["*"]}, ("get", "/metrics"), True),
        ({"nonResourceURLs": ["*"]}, GET_PODS, False),
        ({}, GET_PODS, True),
    ],
)
def test_what_a_rule_is_about(rule: dict[str, object], point: Point, left_out: bool) -> None:
    assert (unlogged(none(**rule), user("ann"), point, "shop") == 0) is left_out


@pytest.mark.parametrize(
    ("who", "rule", "left_out"),
    [
        (user("ann"), {"users": ["ann"]}, True),
        (user("ann"), {"users": ["bob"]}, False),
        (user("ann"), {"userGroups": ["devs"]}, True),  # she may be one of them
        (user("ann"), {"userGroups": ["system:authenticated"]}, True),
        (user("ann"), {"userGroups": ["system:nodes"]}, False),
        (user("system:node:n1"), {"userGroups": ["system:nodes"]}, True),
        (user("ann"), {"userGroups": ["system:serviceaccounts"]}, False),
        (account("ci", "x"), {"userGroups": ["devs"]}, False),  # all groups of a service account are known
        (account("ci", "x"), {"userGroups": ["system:serviceaccounts:ci"]}, True),
        (group("devs"), {"users": ["ann"]}, True),  # she may be one of them
        (group("devs"), {"users": ["system:serviceaccount:ci:x"]}, False),
        (group("system:serviceaccounts:ci"), {"users": ["system:serviceaccount:ci:x"]}, True),
        (group("devs"), {"userGroups": ["devs"]}, True),
        (group("system:serviceaccounts:ci"), {"userGroups": ["devs"]}, False),
        (user("system:anonymous"), {"userGroups": ["devs"]}, False),
    ],
)
def test_whom_a_rule_is_about(who: Principal, rule: dict[str, object], left_out: bool) -> None:
    assert (unlogged(none(**rule), who, GET_PODS, "shop") == 0) is left_out


@pytest.mark.parametrize(
    ("omitted", "point", "left_out"),
    [
        (["RequestReceived"], GET_PODS, False),
        (["ResponseComplete"], GET_PODS, True),
        (["ResponseComplete"], ("watch", "", "pods"), False),
        (["ResponseComplete", "ResponseStarted"], ("watch", "", "pods"), True),
        (["ResponseComplete"], ("create", "", "pods/exec"), False),
    ],
)
def test_stages_that_are_left_out(omitted: list[str], point: Point, left_out: bool) -> None:
    in_rule, in_policy = policy({**REST, "omitStages": omitted}), policy(REST, omitStages=omitted)
    for each in (in_rule, in_policy):
        assert (unlogged(each, user("ann"), point, "shop") == 0) is left_out


GROUPS = ("devs", "ops")
RULES = st.builds(
    AuditRule,
    level=st.sampled_from(["None", "Metadata"]),
    users=st.lists(st.sampled_from(["ann", "bob"]), max_size=1).map(tuple),
    user_groups=st.lists(st.sampled_from([*GROUPS, "system:authenticated"]), max_size=2).map(tuple),
    verbs=st.lists(st.sampled_from(["get", "list"]), max_size=1).map(tuple),
)


def logged(given: AuditPolicy, name: str, groups: tuple[str, ...], verb: str) -> bool:
    """The definition, for a request of which everything is known."""
    for rule in given.rules:
        if rule.users and name not in rule.users:
            continue
        if rule.user_groups and not set(groups) & set(rule.user_groups):
            continue
        if rule.verbs and verb not in rule.verbs:
            continue
        return rule.level != "None"
    return False


@drawn(st.lists(RULES, max_size=4), st.sampled_from(["ann", "bob", "eve"]), st.sampled_from(["get", "list"]))
def test_a_use_is_surely_logged_exactly_where_it_is_whatever_groups_somebody_has(
    rules: list[AuditRule], name: str, verb: str
) -> None:
    given = AuditPolicy(rules=tuple(rules))
    known = groups_of(user(name))
    every = [(*known, *more) for more in ((), ("devs",), ("ops",), GROUPS)]
    surely = unlogged(given, user(name), (verb, "", "pods"), "shop") is None
    definitely = all(logged(given, name, groups, verb) for groups in every)
    assert definitely or not surely  # never called logged where it may not be
