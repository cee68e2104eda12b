"""Guards at the door of a cluster: each request laid over it, and what the whole comparison would say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mistrust.admission.effects.standing import Standing
from mistrust.admission.finding import Action, Result
from mistrust.admission.policy import OverdueError, ask, question
from mistrust.admission.review import Review
from mistrust.effect.compare import between
from mistrust.effect.doubts import IDENTITY
from mistrust.effect.effect import Kind
from mistrust.effect.laid import laid_over, without
from mistrust.effect.state import state
from mistrust.kube.build import Plain as Json
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from tests.admission.effects.asking import CATALOG, of
from tests.admission.effects.test_judging import ADMIN, BASE, CLOSED, DOOR, SERVER
from tests.effect.changes import given_catalog
from tests.paths.cluster import Plain, binding, cluster, named, pod, read, role, rule
from tests.paths.strategies import bindings, clusters

NO_PATH = of("effect.newPaths.size() == 0", "effect.newPaths[0].text")
NO_DOOR = of("effect.newExposure.size() == 0", "effect.newExposure[0].text")
NO_NODE = of("effect.newPowers.all(p, p.power != 'node')", "effect.newPowers[0].text")
OBJECTS = (*BASE, ADMIN, SERVER, DOOR, CLOSED)


@cache
def standing() -> Standing:
    return Standing(cluster(*OBJECTS), CATALOG)


def request(o: Plain, operation: str = "CREATE", **more: Json) -> dict[str, Json]:
    """What the API server asks about an object."""
    (known,) = read([o])
    sent = msgspec.to_builtins(o)
    deleted = operation == "DELETE"
    return {
        "uid": "u",
        "kind": {"group": known.ref.group, "version": "v1", "kind": known.ref.kind},
        "name": known.name,
        "namespace": known.namespace,
        "operation": operation,
        "object": None if deleted else sent,
        "oldObject": sent if deleted else None,
        **more,
    }


def results(guard: object, o: Plain, operation: str = "CREATE", **more: Json) -> list[tuple[str, str]]:
    found = standing().judge([guard], Review(request(o, operation, **more)))  # type: ignore[list-item]
    return [(f.result.value, f.message.removeprefix("[g] ")) for f in found]


def test_a_binding_that_opens_a_path_is_denied_at_the_door() -> None:
    assert results(NO_PATH, binding("b", "view", "shop/web", namespace="shop")) == []
    ((result, words),) = results(NO_PATH, binding("b", "cluster-admin", "shop/web"))
    assert result == "fail"
    assert "Pod shop/web → ServiceAccount shop/web → cluster-admin" in words


def test_to_delete_a_policy_may_expose() -> None:
    ((result, words),) = results(NO_DOOR, CLOSED, "DELETE")
    assert (result, words[:41]) == ("fail", "Pod shop/server answers to the outside at")
    assert results(NO_DOOR, DOOR, "DELETE") == []
    assert results(NO_DOOR, CLOSED, "UPDATE") == []


def test_a_pod_that_takes_its_node_is_denied_at_the_door() -> None:
    assert [r for r, _ in results(NO_NODE, pod("ops", "tool", privileged=True))] == ["fail"]
    assert results(NO_NODE, pod("ops", "tool")) == []


def test_expressions_see_the_request() -> None:
    guard = of("request.operation == 'DELETE' || object.metadata.name != 'b' || effect.newPaths.size() == 0")
    assert [r for r, _ in results(guard, binding("b", "cluster-admin", "shop/web"))] == ["fail"]
    assert results(guard, binding("c", "cluster-admin", "shop/web")) == []


@pytest.mark.parametrize(
    "more",
    [{"subResource": "scale"}, {"object": {"apiVersion": "v1", "kind": "Pod", "spec": 1}}, {"object": None}],
)
def test_what_is_not_understood_is_unknown_and_never_allowed(more: dict[str, Json]) -> None:
    ((result, words),) = results(NO_PATH, pod("ops", "tool"), **more)
    assert result == "unknown"
    assert "not " in words


def test_to_connect_changes_nothing() -> None:
    assert results(NO_PATH, pod("ops", "tool"), "CONNECT", subResource="exec") == []


@contextmanager
def over() -> Iterator[None]:
    """No time at all."""
    raise OverdueError
    yield


def test_guards_are_policies_of_admission_and_an_overdue_one_denies() -> None:
    (policy,) = standing().policies([NO_PATH])
    about = question(request(binding("b", "cluster-admin", "shop/web")))
    (found,) = ask([policy], about)
    assert (found.policy, found.result) == ("EffectPolicy g", Result.FAIL)
    (found,) = ask([policy], about, over())
    assert (found.result, found.action) == (Result.ERROR, Action.DENY)


MORE: tuple[Plain, ...] = (
    named("NetworkPolicy", "n", "a", "networking.k8s.io/v1", spec={"podSelector": {}, "policyTypes": ["Ingress"]}),
    named("Service", "s", "a", spec={"type": "LoadBalancer", "selector": {"app": "server"}, "ports": [{"port": 80}]}),
    named("PeerAuthentication", "m", "a", "security.istio.io/v1", spec={"mtls": {"mode": "STRICT"}}),
    named("ConfigMap", "c", "a"),
    binding("every", "admin", *(f"{ns}/{name}" for ns in "ab" for name in "xyz")),
    pod("a", "root", "x", privileged=True),
)


@given(clusters(), clusters(), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_part_says_what_the_whole_comparison_says(old: list[Plain], more: list[Plain], data: st.DataObject) -> None:
    """One object comes, is written otherwise or goes; every kind is asked about, by itself and with others."""
    operation = data.draw(st.sampled_from(("CREATE", "DELETE")))
    there = data.draw(st.sets(st.integers(0, len(MORE) - 1))) if operation == "CREATE" else range(len(MORE))
    objects = snapshot(read([*old, *(MORE[i] for i in there)]), scope=Scope.CLUSTER)
    one = data.draw(st.sampled_from([*old, *MORE] if operation == "DELETE" else [*more, *MORE]))
    kinds = frozenset(data.draw(st.one_of(st.just(set(Kind)), st.sets(st.sampled_from(list(Kind)), min_size=1))))
    compare(objects, one, operation, kinds)


@given(clusters(), bindings("b1"), st.sampled_from(("CREATE", "DELETE")))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_a_binding_changes_is_told_without_the_rest(old: list[Plain], one: Plain, operation: str) -> None:
    """Where nobody asks for paths, nothing but the subjects is looked at."""
    harmless = [role("none", rule("get", "configmaps")), binding("other", "r1", "user:bob", "group:devs")]
    objects = snapshot(read([*old, *harmless]), scope=Scope.CLUSTER)
    subjects = one["subjects"]
    for name in ("none", one["roleRef"]["name"]):  # type: ignore[index]
        for more in ([], [{"kind": "User", "name": "bob"}], [{"kind": "Group", "name": "devs"}]):
            ref = {**one["roleRef"], "name": name}  # type: ignore[dict-item]
            compare(objects, {**one, "roleRef": ref, "subjects": more or subjects}, operation, IDENTITY - {Kind.PATH})


def compare(objects: Snapshot, one: Plain, operation: str, kinds: frozenset[Kind]) -> None:
    (after,) = read([one])
    gone = operation == "DELETE"
    new = without(objects, after.ref) if gone else laid_over(objects, snapshot([after], scope=Scope.MANIFESTS))
    told = between(state(objects, given_catalog()), state(new, given_catalog()))
    door = Standing(objects, given_catalog())
    found = door.change(Review(request(one, operation)), after.ref, None if gone else after, kinds).effect
    for kind, fields in (
        (Kind.PATH, ("opened", "paths")),
        (Kind.EXPOSURE, ("exposure",)),
        (Kind.POWER, ("powers",)),
        (Kind.PLAINTEXT, ("plaintext",)),
        (Kind.PERMISSION, ("permissions", "granted")),
        (Kind.ESCALATION, ("permissions",)),
        (Kind.CONNECTION, ("connections", "authorized")),
    ):
        if kind in kinds:
            for field in fields:
                mine, whole = getattr(found, field), getattr(told, field)
                assert getattr(mine, "gained", mine) == getattr(whole, "gained", whole), (kind, field)
