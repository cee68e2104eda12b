"""One question about two sides: what is answered covers every port that was asked for, once, and is what decides."""

from __future__ import annotations

from itertools import product

import pytest
from tests.layers.network.dice import PORTS, cluster
from tests.layers.network.scene import Plain, namespace, pod, policy
from tests.layers.network.scene import cluster as taken

from mistrust.access.ports import EVERY_PORT, NO_PORT, Ports, point
from mistrust.access.verdict import Answer
from mistrust.channels.around import around
from mistrust.channels.ask import answer_of, ask
from mistrust.channels.scene import Scene, Side
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.profile import CILIUM, UPSTREAM

SEEDS = range(40)
POINTS = [point(protocol, number) for protocol, number in product(("TCP", "UDP"), (1, *PORTS))]


def sides(scene: Scene) -> list[Side]:
    pods = [Side(str(e.source.ref), (i,)) for i, e in enumerate(scene.ends)]
    outside = [Side(a, parties=(scene.ground.at(a),)) for a in ("8.8.8.8", "10.9.9.9", "2001:db8::1")]
    return [*pods, *outside]


def tied(objects: list[Plain]) -> list[Plain]:
    """The same with one priority for all cluster-wide policies."""
    for o in objects:
        if "priority" in o.get("spec", {}):
            o["spec"]["priority"] = 7
    return objects


@pytest.mark.parametrize("profile", [None, UPSTREAM, CILIUM], ids=lambda p: p.name if p else "plausible")
@pytest.mark.parametrize("seed", range(2 * len(SEEDS)))
def test_every_port_is_answered_once_and_as_the_specification_says(seed: int, profile: object) -> None:
    objects = cluster(seed // 2)
    scene = Scene(taken(*(tied(objects) if seed % 2 else objects)), profile)  # type: ignore[arg-type]
    for source, target in product(sides(scene)[:5], sides(scene)[:5]):
        if not source.pods and not target.pods:
            continue
        found = ask(scene, source, target, lambda _: EVERY_PORT)
        covered = NO_PORT
        for f in found:
            assert not covered & f.ports
            covered = covered | f.ports
        assert covered == EVERY_PORT
        a, b = (scene.ground.pod(scene.ends[s.pods[0]]) if s.pods else s.parties[0] for s in (source, target))
        for at in POINTS:
            answer = next(f.verdict.answer for f in found if at in f.ports)
            assert answer is decide(scene.ground, a, b, at).answer, (source.told, target.told, at)


@pytest.mark.parametrize("seed", range(2 * len(SEEDS)))
def test_the_list_of_one_side_is_the_questions_one_by_one(seed: int) -> None:
    objects = cluster(seed // 2)
    scene = Scene(taken(*(tied(objects) if seed % 2 else objects)))
    pods = [s for s in sides(scene) if s.pods]
    machines = [p for p in scene.ground.holders.values() if p.endpoint is None]
    nodes = [Side(str(p), parties=(p,)) for p in machines] + [Side("a node", parties=tuple(machines))]
    for own, outgoing in product((*pods[:3], *nodes), (True, False)):
        listed = {n.told: n for n in around(scene, own, outgoing=outgoing)}
        for other in pods:
            if other == own:
                continue
            ends = (own, other) if outgoing else (other, own)
            found = ask(scene, *ends, lambda _: EVERY_PORT)
            open_, sure = NO_PORT, NO_PORT
            for f in found:
                open_ = open_ if f.verdict.answer is Answer.DENIED else open_ | f.ports
                sure = sure | f.ports if f.verdict.answer is Answer.ALLOWED else sure
            told = listed.get(other.told)
            near = own.pods and scene.reaches[0].between(ends[0].pods[0], ends[1].pods[0]) == EVERY_PORT
            if not near:
                assert (told.ports if told else NO_PORT) == open_
                assert (told.ports - told.unsure if told else NO_PORT) == sure


@pytest.mark.parametrize("seed", SEEDS)
def test_addresses_in_the_list_of_a_pod_are_the_questions_about_them(seed: int) -> None:
    scene = Scene(taken(*cluster(seed)))
    asked = [scene.ground.at(a) for a in ("8.8.8.8", "10.9.9.9", "2001:db8::1", "192.168.0.1", "192.168.0.2")]
    for (i, end), outgoing in product(enumerate(scene.ends), (True, False)):
        own = Side(str(end.source.ref), (i,))
        outside = [n for n in around(scene, own, outgoing=outgoing) if n.spans]
        for party in asked:
            if party.node is not None and party.node.name == end.node:
                continue
            other = Side(str(party), parties=(party,))
            open_, sure = NO_PORT, NO_PORT
            for f in ask(scene, *((own, other) if outgoing else (other, own)), lambda _: EVERY_PORT):
                open_ = open_ if f.verdict.answer is Answer.DENIED else open_ | f.ports
                sure = sure | f.ports if f.verdict.answer is Answer.ALLOWED else sure
            at = place(str(party.addresses[0]))
            told = [n for n in outside if any(low <= at < high for low, high in n.spans)]
            assert [n.ports for n in told] == ([open_] if open_ else [])
            assert all(n.ports - n.unsure == sure for n in told)


def test_pods_of_a_workload_that_are_treated_apart_are_answered_apart() -> None:
    def owned(name: str, labels: str) -> Plain:
        one = pod(f"shop/{name}", labels)
        one["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api", "controller": True}
        ]
        return one

    made = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "api", "namespace": "shop"}}
    spec = {"template": {"spec": {"containers": [{"name": "c", "image": "i", "ports": []}]}}}
    scene = Scene(
        taken(
            namespace("shop"),
            {**made, "spec": spec},
            owned("api-1", "x=1"),
            owned("api-2", "x=2"),
            owned("api-3", "x=2"),
            pod("shop/web", "app=web"),
            policy("shop/one", "{podSelector: {matchLabels: {x: '1'}}, ingress: []}"),
        )
    )
    ends = {e.name: i for i, e in enumerate(scene.ends)}
    api = Side("ReplicaSet shop/api", tuple(ends[f"api-{n}"] for n in (1, 2, 3)))
    found = ask(scene, Side("Pod shop/web", (ends["web"],)), api, lambda _: Ports.span("TCP", 80, 80))
    assert [(f.target, f.verdict.answer) for f in found] == [
        ("Pod shop/api-2 and 1 more", Answer.ALLOWED),
        ("Pod shop/api-1", Answer.DENIED),
    ]
    assert answer_of(found) is Answer.ALLOWED
    among = ask(scene, api, api, lambda _: Ports.span("TCP", 80, 80))
    assert {(f.source, f.target): f.verdict.answer for f in among} == {
        ("Pod shop/api-1", "Pod shop/api-1"): Answer.ALLOWED,  # itself
        ("Pod shop/api-1", "Pod shop/api-2 and 1 more"): Answer.ALLOWED,
        ("Pod shop/api-2 and 1 more", "Pod shop/api-1"): Answer.DENIED,
        ("Pod shop/api-2 and 1 more", "Pod shop/api-2 and 1 more"): Answer.ALLOWED,
    }


def test_ports_on_which_policies_of_one_priority_contradict_each_other_are_told_apart() -> None:
    def wide(name: str, action: str, ports: str = "") -> Plain:
        rule = {"action": action, "from": [{"namespaces": {}}]}
        told = {"portNumber": {"protocol": "TCP", "port": int(ports)}} if ports else None
        return {
            "apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy", "metadata": {"name": name},
            "spec": {
                "priority": 50, "subject": {"namespaces": {}}, "ingress": [rule | ({"ports": [told]} if told else {})]
            },
        }  # fmt: skip

    three = wide("a", "Allow", "80"), wide("b", "Deny"), wide("c", "Allow", "81")
    scene = Scene(taken(namespace("shop"), pod("shop/web", "app=web"), pod("shop/db", "app=db"), *three), UPSTREAM)
    ends = {e.name: i for i, e in enumerate(scene.ends)}
    web, db = (Side(f"Pod shop/{name}", (ends[name],)) for name in ("web", "db"))
    found = ask(scene, web, db, lambda _: EVERY_PORT)
    either = Ports.span("TCP", 80, 81)
    open_ = dict.fromkeys(Answer, NO_PORT)
    for f in found:
        open_[f.verdict.answer] |= f.ports
    assert open_ == {Answer.ALLOWED: NO_PORT, Answer.UNKNOWN: either, Answer.DENIED: EVERY_PORT - either}
    assert [n.unsure for n in around(scene, web, outgoing=True) if n.told == "Pod shop/db"] == [either]
