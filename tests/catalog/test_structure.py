"""What code draws and a file explains: the examples of each file are put to that code."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mistrust.catalog.load import explain, steps, structure
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.layers.identity.index import rbac
from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.escapes.every import escapes
from mistrust.paths.attack import CLUSTER_ADMIN, INTERNET, attack
from mistrust.paths.network import network_of
from mistrust.paths.path import Foothold
from mistrust.paths.step import Example, Gain, Step

ENTRIES = [explain(entry.id) for entry in structure()]

BETWEEN = {
    "pods-of-the-node": (Foothold("pod", "Pod shop/attacker"), Foothold("identity", "ServiceAccount ops/agent")),
    "kubelet-identity": (Foothold("node-identity", "worker-1"), Foothold("identity", "ServiceAccount ops/agent")),
    "control-plane-keys": (Foothold("pod", "Pod shop/attacker"), CLUSTER_ADMIN),
    "neighbour-over-network": (Foothold("pod", "Pod shop/attacker"), Foothold("pod", "Pod ops/db")),
    "intercept-plaintext": (Foothold("pod", "Pod ops/attacker"), Foothold("mitm", "shop")),
    "exposed-workload": (INTERNET, Foothold("identity", "ServiceAccount shop/default")),
}
"""For what the attack graph draws: where the attacker is, and what the entry leads to."""

HOLDS = [pytest.param(s, e, id=f"{s.id}-{i}") for s in ENTRIES for i, e in enumerate(s.holds)]
FAILS = [pytest.param(s, e, id=f"{s.id}-{i}") for s in ENTRIES for i, e in enumerate(s.fails)]


@pytest.mark.parametrize(("entry", "example"), HOLDS)
def test_holds(entry: Step, example: Example) -> None:
    assert follows(entry, example), example.why


@pytest.mark.parametrize(("entry", "example"), FAILS)
def test_fails(entry: Step, example: Example) -> None:
    assert not follows(entry, example), example.why


def test_it_is_told_apart_from_what_the_engine_interprets() -> None:
    assert not {e.id for e in structure()} & {s.id for s in steps()}
    assert all(e.where[0].startswith(("escape:", "structure:")) and not e.needs for e in structure())


def follows(entry: Step, example: Example) -> bool:
    cluster = surroundings(example)
    if entry.id in BETWEEN:
        start, target = BETWEEN[entry.id]
        every = frozenset(range(len(cluster.workloads)))  # without a mesh all is plaintext
        net = replace(network_of(cluster), plaintext=every)
        return attack(cluster, rbac(cluster), (), [start], [target], network=net).pairs > 0
    attacker = next(w for w in cluster.workloads if w.ref.name == "attacker")
    return any(
        e.code == entry.code and (e.power is Power.NODE or entry.gains is not Gain.NODE)
        for e in escapes(attacker, cluster)
    )


def surroundings(example: Example) -> Snapshot:
    objects = [o for manifest in example.objects for o in from_plain(manifest, Origin("the example"))]
    assert all(isinstance(o, Object) for o in objects)
    return snapshot((o for o in objects if isinstance(o, Object)), scope=Scope.CLUSTER)
