"""The network leg of paths: against the slow definition, which asks about every connection by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.paths.cluster import Plain, cluster, named
from tests.paths.edited import edited
from tests.paths.naive import Fact, World
from tests.paths.steps import STEPS
from tests.paths.strategies import NAMESPACES, clusters

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.endpoints import endpoints
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.snapshot import snapshot as make
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.subjects import group, user
from mistrust.layers.network.deciding.decide import decide, ground
from mistrust.layers.network.profile import UPSTREAM
from mistrust.paths import neighbours
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET, attack
from mistrust.paths.costs import Costs
from mistrust.paths.network import network_of
from mistrust.paths.path import Foothold, Paths

GROUP = Foothold("identity", "Group devs")
TARGETS: dict[Foothold, Fact] = {
    CLUSTER_ADMIN: ("cluster-admin",),
    ANY_NODE: ("some node",),
    Foothold("secrets", "b"): ("gain", "secrets", "b"),
}
API = "192.168.9.9"
law = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class Asked:
    """Every connection is decided by itself, as the policies are written."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.ground = ground(snapshot)
        self.pods = {f"Pod {e.namespace}/{e.name}": e for e in endpoints(snapshot)}

    def asks_api(self, pod: str) -> bool:
        source = self.ground.pod(self.pods[pod])
        return self._open(source, self.ground.at(API), point("TCP", 6443))

    def open_to(self, pod: str) -> Iterator[str]:
        source = self.ground.pod(self.pods[pod])
        for name, e in self.pods.items():
            if any(self._open(source, self.ground.pod(e), point(p.protocol, p.number)) for p in e.ports):
                yield name

    def _open(self, source: object, destination: object, at: int) -> bool:
        return decide(self.ground, source, destination, at, UPSTREAM).answer is not Answer.DENIED  # type: ignore[arg-type]


labels = st.sampled_from([{"app": "p0"}, {"app": "p1"}, {"app": "p2"}, {"tier": "back"}, {}])
blocks = st.sampled_from(["0.0.0.0/0", "10.0.0.0/31", "10.0.0.0/8", "192.168.9.9/32", "192.168.0.1/32"])


@st.composite
def policies(draw: st.DrawFn, name: str) -> Plain:
    """A NetworkPolicy of any kind that these clusters can tell apart."""

    def peer() -> Plain:
        match draw(st.integers(0, 3)):
            case 0:
                return {"podSelector": {"matchLabels": draw(labels)}}
            case 1:
                return {
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": draw(st.sampled_from(NAMESPACES))}
                    }
                }
            case 2:
                return {"namespaceSelector": {}, "podSelector": {"matchLabels": draw(labels)}}
            case _:
                return {"ipBlock": {"cidr": draw(blocks)}}

    def rules(word: str) -> list[Plain]:
        several = []
        for _ in range(draw(st.integers(0, 2))):
            peers = [peer() for _ in range(draw(st.integers(0, 2)))]
            ports = (
                [{"port": draw(st.sampled_from([80, 6443, "http" if word == "from" else 53]))}]
                if draw(st.booleans())
                else []
            )
            several.append({word: peers, "ports": ports})
        return several

    types = draw(st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
    spec = {
        "podSelector": {"matchLabels": draw(labels)},
        "policyTypes": types,
        **({"ingress": rules("from")} if "Ingress" in types else {}),
        **({"egress": rules("to")} if "Egress" in types else {}),
    }
    return named("NetworkPolicy", name, draw(st.sampled_from(NAMESPACES)), "networking.k8s.io/v1", spec=spec)


@st.composite
def networks(draw: st.DrawFn, *, doors: bool = False) -> list[Plain]:
    """A cluster whose pods have addresses, labels and ports, and policies over them."""
    found = draw(clusters())
    address = 0
    for o in found:
        if o["kind"] == "Node":
            number = str(o["metadata"]["name"])[1:]  # type: ignore[index]
            o["status"] = {"addresses": [{"type": "InternalIP", "address": f"192.168.0.{number}"}]}
        if o["kind"] == "Pod":
            spec = o["spec"]
            o["metadata"]["labels"] = draw(labels)  # type: ignore[index]
            if draw(st.integers(0, 3)):
                ports = [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "name": "dns", "protocol": "UDP"}]
                spec["containers"][0]["ports"] = ports[: draw(st.integers(1, 2))]  # type: ignore[index]
            spec["hostNetwork"] = draw(st.integers(0, 4)) == 0  # type: ignore[index]
            node = str(spec["nodeName"])[1:]  # type: ignore[index]
            own = f"192.168.0.{node}" if spec["hostNetwork"] else f"10.0.0.{address}"  # type: ignore[index]
            o["status"] = {"phase": "Running", "podIPs": [{"ip": own}]}
            address += 1
    subset = {"addresses": [{"ip": API}], "ports": [{"port": 6443}]}
    found.append(named("Endpoints", "kubernetes", "default", subsets=[subset]))
    found += [draw(policies(f"np{i}")) for i in range(draw(st.integers(0, 4)))]
    if doors:
        chosen = {"type": "LoadBalancer", "selector": draw(labels.filter(bool)), "ports": [{"port": 80}]}
        found.append(named("Service", "front", draw(st.sampled_from(NAMESPACES)), spec=chosen))
    return found


def answered(snapshot: Snapshot, *starts: Foothold, costs: Costs | None = None) -> Paths:
    every = tuple(Foothold("pod", str(w.ref)) for w in snapshot.workloads)
    net, index = network_of(snapshot), rbac(snapshot)
    return attack(snapshot, index, STEPS, starts or (*every, GROUP), tuple(TARGETS), costs=costs, network=net)


def pairs(found: Paths) -> set[tuple[str, Foothold]]:
    assert len(found.paths) == found.pairs
    return {(p.start.name, p.target) for p in found.paths}


def defined(snapshot: Snapshot) -> set[tuple[str, Foothold]]:
    world = World(snapshot, STEPS, asked=[user("jane"), group("devs")], wires=Asked(snapshot))
    starts: dict[str, Fact] = {str(w.ref): ("pod", str(w.ref)) for w in snapshot.workloads}
    starts[GROUP.name] = ("identity", "Group", "devs")
    return {
        (name, target)
        for name, start in starts.items()
        for held in [world.holds(start)]
        for target, fact in TARGETS.items()
        if fact in held
    }


@law
@given(networks())
def test_the_graph_equals_its_slow_definition(objects: list[Plain]) -> None:
    snapshot = cluster(*objects)
    assert pairs(answered(snapshot)) == defined(snapshot)


@law
@given(networks(doors=True), st.integers())
def test_the_order_of_the_objects_does_not_matter(objects: list[Plain], seed: int) -> None:
    first = cluster(*objects)
    shuffled = list(first.objects)
    random.Random(seed).shuffle(shuffled)
    second = make(shuffled, scope=Scope.CLUSTER)
    assert answered(second) == answered(first)
    assert answered(second, INTERNET) == answered(first, INTERNET)


@law
@given(networks(doors=True))
def test_the_changes_really_cut(objects: list[Plain]) -> None:
    """Made in the files and read again, they leave what no change can cut: also where policies are cheap."""
    one = Foothold("pod", str(cluster(*objects).workloads[0].ref))
    for starts, costs in product(((), (INTERNET,), (one,)), (Costs(), Costs(network=0.1))):
        before = answered(cluster(*objects), *starts, costs=costs)
        fixes = before.fixes
        changed = edited(objects, (e for c in fixes.changes for e in c.edits))
        after = answered(cluster(*changed), *starts, costs=costs)
        event("network" if any(c.kind == "network" for c in fixes.changes) else "no network")
        assert fixes.optimal
        assert fixes.cut + fixes.remaining == before.pairs
        assert after.pairs == fixes.remaining
        assert all(c.cuts > 0 for c in fixes.changes)


@law
@given(networks(doors=True))
def test_policies_only_take_away(objects: list[Plain]) -> None:
    free = [o for o in objects if o["kind"] != "NetworkPolicy"]
    for starts in ((), (INTERNET,), (ANY_POD,)):
        assert pairs(answered(cluster(*objects), *starts)) <= pairs(answered(cluster(*free), *starts))


@law
@given(networks())
def test_any_pod_stands_for_itself_alone(objects: list[Plain]) -> None:
    """Where no policy limits anything, the network adds nothing to what any pod by itself is worth."""
    free = cluster(*(o for o in objects if o["kind"] != "NetworkPolicy"))
    without = attack(free, rbac(free), STEPS, (ANY_POD,), tuple(TARGETS))
    assert answered(free, ANY_POD) == without


@law
@given(networks(doors=True))
def test_crowds_that_are_taken_together_change_nothing(objects: list[Plain]) -> None:
    """Large clusters have crowds by the thousand, these have a handful: so here two are already many."""
    snapshot = cluster(*objects)
    apart = answered(snapshot)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "TOGETHER", 2)
        together = answered(snapshot)
    assert (pairs(together), together.fixes) == (pairs(apart), apart.fixes)
    assert [len(p.hops) for p in together.paths] == [len(p.hops) for p in apart.paths]
