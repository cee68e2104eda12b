"""What guards say of changes of small clusters, with the witness in the message."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from mistrust.admission.effects.judging import Change, judged
from mistrust.admission.finding import Action, Result
from mistrust.effect.compare import effect
from mistrust.effect.effect import Delta, Effect
from mistrust.effect.objects import differing
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.paths.path import Foothold, Path
from tests.admission.effects.asking import asked, of, said
from tests.effect.changes import given_catalog, versions
from tests.paths.cluster import Plain, account, binding, cluster, named, namespace, pod, role, rule

BASE: tuple[Plain, ...] = (
    namespace("shop"),
    namespace("ops"),
    account("shop", "default"),
    account("shop", "web"),
    pod("shop", "web", "web"),
)
ADMIN = role("cluster-admin", rule("*", "*", "*"))


def test_a_binding_that_opens_a_path_is_denied_with_the_path() -> None:
    guard = of("effect.newPaths.size() == 0", "effect.newPaths[0].text")
    old = cluster(*BASE, ADMIN)
    assert said(guard, old, cluster(*BASE, ADMIN, binding("b", "view", "shop/web", namespace="shop"))) == []
    found = said(guard, old, cluster(*BASE, ADMIN, binding("b", "cluster-admin", "shop/web")))
    assert found == [
        (
            "fail",
            "Pod shop/web, once taken, reaches cluster-admin: Pod shop/web → ServiceAccount shop/web → cluster-admin",
        )
    ]


def test_a_guard_is_not_asked_about_what_it_does_not_match() -> None:
    old, new = cluster(*BASE, ADMIN), cluster(*BASE, ADMIN, binding("b", "cluster-admin", "shop/web"))
    rule_ = "effect.newPermissions.size() == 0"
    assert said(of(rule_, match={"kinds": ["RoleBinding"]}), old, new) == []
    assert said(of(rule_, match={"kinds": ["ClusterRoleBinding"]}), old, new) != []
    assert said(of(rule_, match={"namespaces": ["shop"]}), old, new) == []


def test_permissions_and_escalations_have_names_to_ask_by() -> None:
    reader = role("reader", rule("get,list", "secrets"))
    old, new = cluster(*BASE, reader), cluster(*BASE, reader, binding("b", "reader", "shop/web"))
    assert said(of("effect.newPermissions.all(p, !('get' in p.rules[0].verbs))", "'x'"), old, new) == [("fail", "x")]
    guard = of("effect.newEscalations.all(e, e.namespace != '')", "effect.newEscalations[0].text")
    (found,) = said(guard, old, new)
    assert found[1].startswith("ServiceAccount shop/web: may get,list secrets everywhere, by ClusterRoleBinding b")


def test_a_pod_that_takes_its_node_is_a_new_power() -> None:
    guard = of("effect.newPowers.all(p, p.power != 'node')", "effect.newPowers[0].workload")
    old = cluster(*BASE)
    assert said(guard, old, cluster(*BASE, pod("shop", "more"))) == []
    assert said(guard, old, cluster(*BASE, pod("ops", "tool", privileged=True))) == [("fail", "Pod ops/tool")]


CLOSED = named(
    "NetworkPolicy",
    "closed",
    "shop",
    "networking.k8s.io/v1",
    spec={"podSelector": {}, "policyTypes": ["Ingress"]},
)
SERVER = named(
    "Pod",
    "server",
    "shop",
    labels={"app": "server"},
    spec={"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 8080}]}]},
)
DOOR = named(
    "Service",
    "server",
    "shop",
    spec={"type": "LoadBalancer", "selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
)


def test_a_network_policy_that_goes_exposes_what_is_behind_it() -> None:
    guard = of("effect.newExposure.all(e, e.namespace != 'shop')", "effect.newExposure[0].text")
    old, new = cluster(*BASE, SERVER, DOOR, CLOSED), cluster(*BASE, SERVER, DOOR)
    (found,) = said(guard, old, new)
    assert found == ("fail", "Pod shop/server answers to the outside at TCP 8080 by Service shop/server (LoadBalancer)")
    assert said(guard, new, old) == []


def test_connections_have_a_witness() -> None:
    guard = of("effect.newConnections.all(c, !('Pod shop/web' in c.sources))", "effect.newConnections[0].witness")
    old, new = cluster(*BASE, SERVER, CLOSED), cluster(*BASE, SERVER)
    ((result, witness),) = said(guard, old, new)
    assert result == "fail"
    assert witness.startswith("Pod shop/server -> Pod shop/web TCP")


def test_an_expression_without_a_value_denies() -> None:
    new = cluster(*BASE, pod("ops", "tool", privileged=True))
    (found,) = asked([of("effect.newPowers.all(p, p.nothing == 'x')")], cluster(*BASE), new)
    assert (found.result, found.action) == (Result.ERROR, Action.DENY)
    (found,) = asked([of("object.metadata.name == 'x' && effect.newExposure.size() == 0")], cluster(*BASE), new)
    assert found.result is Result.ERROR


def unseen(found: Snapshot, *kinds: str) -> Snapshot:
    gaps = [Gap(kind, "forbidden") for kind in kinds]
    return snapshot(found.objects, gaps=gaps, scope=Scope.CLUSTER)


def test_what_was_not_seen_denies_or_warns_or_passes_as_the_guard_says() -> None:
    old = unseen(cluster(*BASE), "RoleBinding")
    new = unseen(cluster(*BASE, pod("shop", "more")), "RoleBinding")
    for how, action in (("deny", Action.DENY), ("warn", Action.WARN), ("allow", Action.AUDIT)):
        (found,) = asked([of("effect.newPaths.size() == 0", unknown=how)], old, new)
        assert (found.result, found.action) == (Result.UNKNOWN, action)
        assert "RoleBinding (forbidden)" in found.message
    assert asked([of("effect.newPowers.all(p, p.power != 'node')")], old, new) == []
    (found,) = asked([of("effect.newPaths.size() > 0 || effect.unknown.size() == 0", "'seen'")], old, new)
    assert (found.result, found.message) == (Result.FAIL, "[g] seen")


def test_what_was_not_read_may_be_of_a_kind_that_a_guard_matches() -> None:
    guard = of("effect.newPaths.size() == 0", match={"kinds": ["RoleBinding"]})
    now = unseen(cluster(*BASE), "RoleBinding")
    assert [result for result, _ in said(guard, now, now)] == ["unknown"]
    assert said(guard, cluster(*BASE), cluster(*BASE)) == []


def test_paths_that_are_only_counted_may_be_the_ones_that_matter() -> None:
    start, target = Foothold("pod", "a"), Foothold("node", "")
    only = Effect(paths=Delta((Path(start, target, (), 0.0),)), opened=2)
    refs = [o.ref for o in cluster(*BASE).objects]
    (found,) = judged([of("effect.newPaths.all(p, p.targetKind != 'cluster-admin')")], Change(only, refs, {}))
    assert (found.result, found.action) == (Result.UNKNOWN, Action.DENY)


@given(versions(), versions())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_guard_denies_exactly_what_the_comparison_tells(old: Snapshot, new: Snapshot) -> None:
    told = effect(old, new, given_catalog())
    change = Change(told, differing(old.objects, new.objects), {})
    for name, some in (
        ("newPaths", bool(told.opened)),
        ("newExposure", bool(told.exposure.gained)),
        ("newPermissions", bool(told.granted)),
        ("newEscalations", any(p.escalations for p in told.permissions.gained)),
        ("newPowers", bool(told.powers.gained)),
        ("newPlaintext", bool(told.plaintext.gained)),
        ("lostMutualTLS", bool(told.mutual.lost)),
        ("newConnections", bool(told.connections.gained or told.authorized.gained)),
    ):
        found = judged([of(f"effect.{name}.size() == 0")], change)
        assert any(f.result is Result.FAIL for f in found) is some, name
