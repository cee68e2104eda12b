"""What of the granted is used: recorded requests, credited to whom and to what they need."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from tests.layers.identity.hostile import SPACES, asked
from tests.layers.identity.objects import Plain, binding, index, role, rule

from mistrust.access.record import Coverage, Record, Tally
from mistrust.layers.identity.dark import UNRECORDED
from mistrust.layers.identity.grants import Access, Grants, granted
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.resources import Resource
from mistrust.layers.identity.subjects import Principal, group, user
from mistrust.layers.identity.universe import Universe
from mistrust.layers.identity.unused import unused
from mistrust.layers.identity.usage import Usage, nameable, used

ONCE = Tally(1, 100, 100)
UNIVERSE = Universe(
    [
        Resource("", "pods", verbs=("get", "list")),
        Resource("", "pods/log", verbs=("get",)),
        Resource("apps", "deployments/scale", verbs=("get",)),
        Resource("", "nodes", namespaced=False, verbs=("list",)),
        Resource("", "namespaces", namespaced=False, verbs=("get", "list")),
        Resource("rbac.authorization.k8s.io", "roles", verbs=("bind", "escalate", "get")),
    ],
    SPACES,
    ("/healthz",),
)


def usage(world: list[Plain], *requests: Request) -> Usage:
    return used(granted(index(*world), UNIVERSE), Record(dict.fromkeys(requests, ONCE)))


def get(user: str, resource: str, namespace: str = "", name: str = "", *groups: str, verb: str = "get") -> Request:
    return Request(user, groups, verb, "", *resource.split("/"), namespace=namespace, name=name)  # type: ignore[misc]


def pods_of(namespace: str, verbs: str = "get,list") -> list[Plain]:
    return [
        role("r", rule(verbs, "pods"), namespace=namespace),
        binding("b", "Role/r", "User/ann", namespace=namespace),
    ]


A, B = sorted(SPACES)[:2]


def test_a_request_uses_the_verb_on_the_resource_in_its_namespace() -> None:
    found = usage(pods_of(A), get("ann", "pods", A, "web"), get("ann", "pods", A, "cart"))
    assert (found.granted.count(), found.count()) == (2, 1)


def test_a_request_that_nothing_allows_uses_nothing_and_is_told() -> None:
    stray = get("ann", "pods", B, "web")
    found = usage(pods_of(A), stray)
    assert found.count() == 0
    assert dict(found.unexplained) == {stray: ONCE}


def test_a_list_of_all_namespaces_uses_the_right_in_each() -> None:
    world = [role("r", rule("list", "pods")), binding("b", "ClusterRole/r", "User/ann")]
    found = usage(world, get("ann", "pods", verb="list"))
    assert found.count() == found.granted.count() == len(SPACES)


def test_every_grant_that_allows_is_credited_not_only_the_first() -> None:
    world = [*pods_of(A), role("wide", rule("*", "*")), binding("all", "ClusterRole/wide", "User/ann")]
    found = usage(world, get("ann", "pods", A, "web"))
    assert len(found.by_grant) == 2
    assert set(found.by_grant.values()) == {ONCE}


def test_a_grant_that_two_rules_of_one_role_allow_is_credited_once() -> None:
    world = [role("r", rule("get", "pods"), rule("get", "*"), namespace=A), *pods_of(A)[1:]]
    found = usage(world, get("ann", "pods", A, "web"))
    assert list(found.by_grant.values()) == [ONCE]
    assert sorted(rule for _, rule in found.by_rule) == [0, 1]


def test_a_member_uses_what_its_group_was_given() -> None:
    world = [role("r", rule("get", "pods"), namespace=A), binding("b", "Role/r", "Group/devs", namespace=A)]
    found = usage(world, get("ann", "pods", A, "web", "devs"))
    assert {str(p) for p in found.places} == {"Group devs"}
    assert found.count() == 1


def test_verbs_that_no_request_carries_are_unknown_not_unused() -> None:
    world = [
        role("r", rule("bind,escalate,get", "roles", "rbac.authorization.k8s.io"), namespace=A),
        binding("b", "Role/r", "User/ann", namespace=A),
    ]
    found = usage(world)
    assert (found.granted.count(), found.count(), found.unknown()) == (3, 0, 2)
    assert {"bind", "escalate"} <= UNRECORDED


def test_tallies_add_up() -> None:
    assert Tally(2, 10, 20) + Tally(1, 5, 15) == Tally(3, 5, 20)


def slow_count(grants: Grants, requests: list[Request]) -> int:
    """Every place of the universe in every namespace, for everybody: did some request need it?"""
    places = [(v, r) for r in UNIVERSE.resources for v in r.verbs]
    everybody: set[Principal] = {p for r in requests for p in (user(r.user), *map(group, r.groups))}
    total = 0
    for principal in everybody:
        mine = [r for r in requests if principal in (user(r.user), *map(group, r.groups))]
        for i, (verb, resource) in enumerate(places):
            inside = bool(UNIVERSE.in_namespaces >> i & 1)
            for space in sorted(SPACES) if inside else [""]:
                total += any(
                    r.path is None
                    and (r.verb, r.group, r.combined) == (verb, resource.group, resource.resource)
                    and (r.namespace in ("", space) if inside else r.namespace == "")
                    and Access(principal, verb, resource.group, resource.resource, r.namespace, r.name) in grants
                    for r in mine
                )
        total += any(
            r.path == "/healthz" and r.verb == "get" and Access(principal, "get", path="/healthz") in grants
            for r in mine
        )
    return total


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_the_count_is_that_of_the_definition(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, requests = drawn
    grants = granted(index(*world), UNIVERSE)
    found = used(grants, Record(dict.fromkeys(requests, ONCE)))
    assert found.count() == slow_count(grants, list(filter(nameable, dict.fromkeys(requests))))
    assert found.count() <= grants.count()


MONTH = Coverage(first=0, last=30 * 86_400)


def idle(coverage: Coverage, world: list[Plain], *requests: Request) -> list[tuple[str, str]]:
    record = Record(dict.fromkeys(requests, ONCE), coverage)
    return [(f.name, f.subject) for f in unused(used(granted(index(*world), UNIVERSE), record))]


def test_a_binding_that_nothing_needed_in_a_month_is_told() -> None:
    world = [*pods_of(A), *pods_of(B)]
    assert idle(MONTH, world, get("ann", "pods", A)) == [("identity.unused-binding", f"RoleBinding {B}/b")]


def test_a_rule_that_nobody_used_is_told_with_the_edit_that_takes_it_out() -> None:
    world = [role("r", rule("get", "pods"), rule("get", "secrets"), namespace=A), *pods_of(A)[1:]]
    record = Record({get("ann", "pods", A): ONCE}, MONTH)
    (fact,) = unused(used(granted(index(*world), UNIVERSE), record))
    assert (fact.name, fact.detail) == ("identity.unused-rule", "used by nobody in 30 days: get secrets")
    assert [e.path for e in fact.edits] == [("rules", 1)]


def test_a_rule_in_use_by_one_of_two_holders_is_in_use() -> None:
    world = [*pods_of(A), binding("c", "Role/r", "User/bob", namespace=A)]
    assert idle(MONTH, world, get("bob", "pods", A)) == [("identity.unused-binding", f"RoleBinding {A}/b")]


@pytest.mark.parametrize(
    "coverage",
    [Coverage(), Coverage(first=0, last=5 * 86_400), Coverage(first=0, last=30 * 86_400, holes=((10, 20),))],
    ids=["no evidence", "five days", "a hole"],
)
def test_with_too_little_evidence_nothing_is_unused(coverage: Coverage) -> None:
    assert idle(coverage, pods_of(A)) == []


def test_a_role_of_verbs_that_no_log_shows_is_never_unused() -> None:
    rules = rule("bind,escalate", "roles", "rbac.authorization.k8s.io")
    world = [role("r", rules, namespace=A), binding("b", "Role/r", "User/ann", namespace=A)]
    assert idle(MONTH, world) == []
