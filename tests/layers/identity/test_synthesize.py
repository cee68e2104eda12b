"""RBAC that is just enough: what was used stays, the rest goes, nothing is wider than before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from tests.layers.identity.hostile import asked
from tests.layers.identity.objects import Plain, binding, role, rule, typed

from mistrust.access.change import Change, applied
from mistrust.access.record import Tally
from mistrust.kube.meta import Object
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from mistrust.kube.snapshot import snapshot
from mistrust.layers.identity.grants import granted
from mistrust.layers.identity.index import Rbac, rbac
from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.identity.synthesize import synthesize
from mistrust.layers.identity.universe import Universe
from mistrust.layers.identity.usage import nameable


def index(objects: Sequence[Object]) -> Rbac:
    return rbac(snapshot(objects))


def tightened(objects: Sequence[Object], requests: Sequence[Request]) -> tuple[Change, ...]:
    return synthesize(objects, dict.fromkeys(requests, Tally(1, 0, 0)), index).changes


def changes(world: list[Plain], *requests: Request) -> tuple[tuple[Change, ...], tuple[Object, ...]]:
    objects = typed(*world)
    found = tightened(objects, requests)
    return found, applied(objects, found)


def ask(user: str, verb: str, resource: str, namespace: str = "", name: str = "", group: str = "") -> Request:
    main, _, sub = resource.partition("/")
    return Request(user, (), verb, group, main, sub, namespace, name)


def told(rules: tuple[object, ...]) -> list[str]:
    return [f"{','.join(r.verbs)} {','.join(r.resources or r.non_resource_urls)}" for r in rules]  # type: ignore[attr-defined]


def test_a_role_keeps_the_verbs_and_resources_that_were_used() -> None:
    world = [
        role("r", rule("get,list,watch,delete", "pods,secrets"), rule("*", "configmaps"), namespace="a"),
        binding("b", "Role/r", "User/ann", namespace="a"),
    ]
    (change,), _ = changes(world, ask("ann", "list", "pods", "a"), ask("ann", "get", "pods", "a", "web"))
    (new,) = change.new
    assert isinstance(new, Role)
    assert told(new.rules) == ["get,list pods"]


def test_resources_with_the_same_verbs_stay_one_rule_in_the_order_they_were_written() -> None:
    world = [
        role("r", rule("get,list", "pods,services,secrets"), namespace="a"),
        binding("b", "Role/r", "User/ann", namespace="a"),
    ]
    uses = [ask("ann", "get", r, "a", "x") for r in ("services", "pods")]
    (change,), _ = changes(world, *uses)
    assert told(change.new[0].rules) == ["get pods,services"]  # type: ignore[attr-defined]


def test_a_wildcard_becomes_what_it_was_used_for() -> None:
    world = [role("r", rule("*", "*", "*"), namespace="a"), binding("b", "Role/r", "User/ann", namespace="a")]
    (change,), _ = changes(world, ask("ann", "patch", "deployments", "a", "web", "apps"))
    assert told(change.new[0].rules) == ["patch deployments"]  # type: ignore[attr-defined]


def test_a_binding_that_nothing_needed_goes() -> None:
    world = [role("r", rule("get", "pods"), namespace="a"), binding("b", "Role/r", "User/ann", namespace="a")]
    (change,), objects = changes(world)
    assert (change.new, change.because) == ((), "nothing that it gives was used")
    assert not [o for o in objects if isinstance(o, RoleBinding)]


def test_a_subject_that_used_nothing_goes() -> None:
    world = [
        role("r", rule("get", "pods"), namespace="a"),
        binding("b", "Role/r", "User/ann", "User/bob", namespace="a"),
    ]
    (change,), _ = changes(world, ask("bob", "get", "pods", "a", "web"))
    assert [s.name for s in change.new[0].subjects] == ["bob"]  # type: ignore[attr-defined]


def test_a_grant_for_the_cluster_that_is_used_in_one_namespace_is_bound_there() -> None:
    world = [role("r", rule("get", "pods")), binding("b", "ClusterRole/r", "User/ann")]
    (change,), objects = changes(world, ask("ann", "get", "pods", "a", "web"))
    assert [str(o.ref) for o in change.new] == ["RoleBinding a/b"]
    assert not [o for o in objects if isinstance(o, ClusterRoleBinding)]


@pytest.mark.parametrize("name", ["b", "b-in-namespace"])
def test_a_name_that_is_taken_is_not_taken_again(name: str) -> None:
    world = [
        role("r", rule("get", "pods")),
        binding("b", "ClusterRole/r", "User/ann"),
        role("other", rule("get", "secrets"), namespace="a"),
        binding(name, "Role/other", "User/bob", namespace="a"),
        binding("b", "Role/other", "User/bob", namespace="a"),
    ]
    found, _ = changes(world, ask("ann", "get", "pods", "a", "web"), ask("bob", "get", "secrets", "a", "x"))
    new = [str(o.ref) for c in found for o in c.new if isinstance(c.old, ClusterRoleBinding)]
    assert new == ["RoleBinding a/b-in-namespace" + ("-in-namespace" if name != "b" else "")]


def test_a_list_of_all_namespaces_keeps_the_grant_for_the_cluster() -> None:
    world = [role("r", rule("list", "pods")), binding("b", "ClusterRole/r", "User/ann")]
    assert changes(world, ask("ann", "list", "pods"))[0] == ()


def test_verbs_that_no_log_shows_stay_where_they_are_named() -> None:
    rules = (rule("bind,get", "roles", "rbac.authorization.k8s.io"), rule("get", "pods"))
    world = [role("r", *rules, namespace="a"), binding("b", "Role/r", "User/ann", namespace="a")]
    (change,), _ = changes(world, ask("ann", "get", "pods", "a", "web"))
    assert told(change.new[0].rules) == ["bind roles", "get pods"]  # type: ignore[attr-defined]


def test_the_narrowest_grant_is_kept_where_several_allow() -> None:
    world = [
        role("wide", rule("*", "*", "*")),
        binding("all", "ClusterRole/wide", "User/ann"),
        role("r", rule("get", "pods"), namespace="a"),
        binding("b", "Role/r", "User/ann", namespace="a"),
    ]
    found, _ = changes(world, ask("ann", "get", "pods", "a", "web"))
    assert [(str(c.old.ref), c.new) for c in found] == [("ClusterRoleBinding all", ())]


def test_a_grant_to_one_is_kept_before_a_grant_to_everybody() -> None:
    """What everybody has is trust that a thousand others do not need."""
    world = [
        role("all", rule("list", "secrets"), namespace="a"),
        binding("all", "Role/all", "Group/system:authenticated", namespace="a"),
        role("own", rule("get,list,watch,create", "secrets,pods")),
        binding("own", "ClusterRole/own", "User/ann"),
    ]
    use = Request("ann", ("system:authenticated",), "list", "", "secrets", "", "a", "")
    found, _ = changes(world, use)
    assert [(str(c.old.ref), [str(o.ref) for o in c.new]) for c in found] == [
        ("ClusterRole own", ["ClusterRole own"]),
        ("ClusterRoleBinding own", ["RoleBinding a/own"]),
        ("RoleBinding a/all", []),
    ]


def test_a_grant_that_became_the_narrowest_takes_over() -> None:
    """The Role that both have shrinks to little; then it is narrower than Ann's own, which loses what it has twice."""
    world = [
        role("shared", rule("*", "*", "*"), namespace="a"),
        binding("shared", "Role/shared", "User/ann", "User/bob", namespace="a"),
        role("own", rule("get,list,watch", "pods,services")),
        binding("own", "ClusterRole/own", "User/ann"),
    ]
    uses = [
        ask("bob", "get", "pods", "a", "web"),
        ask("ann", "get", "pods", "a", "web"),
        ask("ann", "delete", "pods", "a", "web"),
        ask("ann", "list", "services"),
    ]
    found, objects = changes(world, *uses)
    assert tightened(objects, uses) == ()
    assert [str(c.old.ref) for c in found] == ["ClusterRole own", "Role a/shared"]


def test_a_request_for_a_wildcard_keeps_no_wildcard_alive() -> None:
    """It is authorized before the server finds that there is no such resource."""
    world = [role("r", rule("*", "*", "*"), namespace="a"), binding("b", "Role/r", "User/ann", namespace="a")]
    found, _ = changes(world, ask("ann", "get", "*", "a", group="*"), ask("ann", "get", "pods", "a", "web"))
    assert [told(c.new[0].rules) for c in found] == [["get pods"]]  # type: ignore[attr-defined]


def test_roles_that_are_made_of_others_are_left_alone() -> None:
    part = role("part", rule("get,list", "pods"), labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"})
    world = [part, binding("b", "ClusterRole/part", "User/ann")]
    found, _ = changes(world, ask("ann", "get", "pods", "", "web"))
    assert not [c for c in found if isinstance(c.old, ClusterRole)]


UNIVERSE = Universe([], ["a", "b"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_what_was_used_is_allowed_and_nothing_is_wider(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, requests = drawn
    objects = typed(*world)
    old = index(objects)
    new_objects = applied(objects, tightened(objects, requests))
    new = index(new_objects)
    before, after = Lookup(old), Lookup(new)
    for request in filter(nameable, requests):
        assert after.allows(request) == before.allows(request), str(request)
    assert (granted(new, UNIVERSE) - granted(old, UNIVERSE)).witness() is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_a_second_time_there_is_nothing_left_to_do(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, requests = drawn
    objects = typed(*world)
    once = applied(objects, tightened(objects, requests))
    assert tightened(once, requests) == ()
