"""Laws of CiliumNetworkPolicies that are just enough, on random clusters with random flows, read back."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.network import dice
from tests.layers.network.tightened import World, opens, world

from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.cilium import CiliumNetworkPolicy
from mistrust.kube.endpoints import endpoints
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.grants import granted
from mistrust.layers.network.least.separate import units
from mistrust.layers.network.synthesize import synthesize
from mistrust.layers.network.usage import used
from mistrust.trust.prove import prove

SEEDS = range(120)


def cilium(seed: int, **more: bool) -> World:
    return world(seed, form="cilium", **more)


def test_the_worlds_are_worth_it() -> None:
    worlds = [cilium(seed) for seed in range(40)]
    assert sum(bool(w.found.changes) for w in worlds) > 25
    assert sum(len(w.left) < len(w.old.workloads) for w in worlds) > 25
    assert sum(any(isinstance(c.old, CiliumNetworkPolicy) for c in w.found.changes) for w in worlds) > 3
    entities = [str(o) for w in worlds for o in w.new.of(CiliumNetworkPolicy) if "remote-node" in str(o)]
    assert len(entities) > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_used_stays_and_nothing_is_wider(seed: int) -> None:
    w = cilium(seed)
    proof = prove(granted(w.old), granted(w.new), ((c,) for c in w.usage.seen))
    assert [str(x.access) for x in proof.lost] == []
    assert proof.gain is None
    assert not [p for c in w.found.changes for p in c.new if isinstance(p, NetworkPolicy) and p.spec.ingress]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_pod_and_no_address_may_more_than_before(seed: int) -> None:
    w = cilium(seed)
    random, before, now = Random(seed), granted(w.old).origins[0].reach, granted(w.new).origins[0].reach
    classes = [(i, j) for i in range(len(before.endpoints)) for j in range(len(before.endpoints))]
    for i, j in random.sample(classes, min(len(classes), 60)):
        assert not now.between(i, j) - before.between(i, j), (before.endpoints[i].name, before.endpoints[j].name)
    for address in dice.ADDRESSES:
        for i in range(len(before.endpoints)):
            ends = [(r.block_of(address), r.class_of[i]) for r in (before, now)]
            for turn in (1, -1):
                old, new = (r.ports(*pair[::turn]) for r, pair in zip((before, now), ends, strict=True))
                assert not new - old, (address, before.endpoints[i].name, turn)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_time_there_is_nothing_left_to_do(seed: int) -> None:
    w = cilium(seed)
    again = used(granted(w.new), w.record, w.new)
    assert synthesize(w.new, again, form="cilium").changes == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_between_limited_workloads_only_what_was_used_is_left(seed: int) -> None:
    w = cilium(seed, cluster_wide=False)
    if any("stays, with what it allows" in remark for remark in w.found.remarks) or "CiliumClusterwide" in str(w.old):
        return
    now, left = granted(w.new), w.left
    unit = {ref: u.workloads for u in units(w.old, endpoints(w.old)) for ref in u.workloads}
    wanted = {
        (s, d, c.protocol, c.port)
        for c in (*w.usage.seen, *w.usage.within)
        for s in unit.get(c.source, ())
        for d in unit.get(c.destination, ())
    }
    for source in unit.keys() - left:
        for destination in unit.keys() - left:
            for low, high in now.ports(source, destination).ranges:
                assert high == low + 1, (source, destination)
                protocol, port = PROTOCOLS[low // SPAN], low % SPAN
                dns = destination.name == "coredns" and port == 53
                assert dns or (source, destination, protocol, port) in wanted, (source, destination, protocol, port)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_workload_is_limited_in_both_directions_or_said_to_be_left_alone(seed: int) -> None:
    w = cilium(seed)
    for origin in granted(w.new).origins:
        for ref, pods in origin.pods.items():
            isolated = {origin.reach.isolated(origin.reach.class_of[i]) for i in pods}
            assert isolated == {(True, True)} or ref in w.left, ref


@pytest.mark.parametrize("seed", SEEDS)
def test_addresses_keep_what_they_used(seed: int) -> None:
    w = cilium(seed)
    before, now = granted(w.old).origins[0], granted(w.new).origins[0]
    for a in w.usage.abroad:
        at = point(a.protocol, a.port)
        if opens(before, a.workload, a.address, a.inward, at):
            assert opens(now, a.workload, a.address, a.inward, at) or a.workload in w.left, str(a)
