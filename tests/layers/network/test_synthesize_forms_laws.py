"""Laws of the other kinds in which policies are written, on random clusters with random flows, read back."""

from __future__ import annotations

from functools import reduce
from operator import or_
from random import Random

import msgspec
import pytest
from tests.layers.network import dice
from tests.layers.network.tightened import opens, world

from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.cilium import CiliumNetworkPolicy
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.network import ClusterNetworkPolicy
from mistrust.kube.separate import units
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.grants import granted
from mistrust.layers.network.least.forms import Name
from mistrust.layers.network.proving.outside import outside
from mistrust.layers.network.synthesize import synthesize
from mistrust.layers.network.usage import used
from mistrust.trust.prove import prove

SEEDS = range(120)


FORMS: tuple[Name, ...] = ("cilium", "cluster")
every = pytest.mark.parametrize(("form", "seed"), [(form, seed) for form in FORMS for seed in SEEDS])


def test_the_worlds_are_worth_it() -> None:
    worlds = [world(seed, form="cilium") for seed in range(40)]
    assert sum(bool(w.found.changes) for w in worlds) > 25
    assert sum(len(w.left) < len(w.old.workloads) for w in worlds) > 25
    assert sum(any(isinstance(c.old, CiliumNetworkPolicy) for c in w.found.changes) for w in worlds) > 3
    entities = [str(o) for w in worlds for o in w.new.of(CiliumNetworkPolicy) if "remote-node" in str(o)]
    assert len(entities) > 5
    wide = [world(seed, form="cluster", cluster_wide=False) for seed in range(40)]
    assert sum("allow-dns" in str(w.found.changes) for w in wide) > 8
    assert sum("default-deny" in str(w.new.of(ClusterNetworkPolicy)) for w in wide) > 8


@every
def test_what_was_used_stays_and_nothing_is_wider(form: Name, seed: int) -> None:
    w = world(seed, form=form)
    proof = prove(granted(w.old), granted(w.new), ((c,) for c in w.usage.seen))
    assert [str(x.access) for x in proof.lost] == []
    assert proof.gain is None
    beyond = prove(outside(granted(w.old)), outside(granted(w.new)), ((a,) for a in w.usage.abroad))
    assert [str(x.access) for x in beyond.lost] == []
    assert beyond.gain is None


@every
def test_no_pod_and_no_address_may_more_than_before(form: Name, seed: int) -> None:
    w = world(seed, form=form)
    random, before, now = Random(seed), _reaches(w.old), _reaches(w.new)
    count = len(before[0].endpoints)
    for _ in range(80):
        i, j, address = random.randrange(count), random.randrange(count), random.choice(dice.ADDRESSES)
        for ask in (
            lambda r, i=i, j=j: r.between(i, j),
            lambda r, i=i, a=address: r.ports(r.block_of(a), r.class_of[i]),
            lambda r, i=i, a=address: r.ports(r.class_of[i], r.block_of(a)),
        ):
            assert not reduce(or_, map(ask, now)) - reduce(or_, map(ask, before)), (i, j, address)


def _reaches(given: Snapshot) -> list[Reach]:
    return [origin.reach for origin in granted(given).origins]


@every
def test_a_second_time_there_is_nothing_left_to_do(form: Name, seed: int) -> None:
    w = world(seed, form=form)
    again = used(granted(w.new), w.record, w.new)
    assert synthesize(w.new, again, form=form).changes == ()


@every
def test_between_limited_workloads_only_what_was_used_is_left(form: Name, seed: int) -> None:
    w = world(seed, form=form, cluster_wide=False)
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


@every
def test_every_workload_is_limited_in_both_directions_or_said_to_be_left_alone(form: Name, seed: int) -> None:
    w = world(seed, form=form)
    for origin in granted(w.new).origins:
        for ref, pods in origin.pods.items():
            isolated = {origin.reach.isolated(origin.reach.class_of[i]) for i in pods}
            assert isolated == {(True, True)} or ref in w.left, ref


@every
def test_addresses_keep_what_they_used(form: Name, seed: int) -> None:
    w = world(seed, form=form)
    before, now = granted(w.old).origins, granted(w.new).origins
    for a in w.usage.abroad:
        at = point(a.protocol, a.port)
        if any(opens(o, a.workload, a.address, a.inward, at) for o in before):
            assert any(opens(o, a.workload, a.address, a.inward, at) for o in now), str(a)


@pytest.mark.parametrize("seed", range(60))
def test_manifests_alone_keep_the_laws_too(seed: int) -> None:
    """Nothing runs: no pod has an address, and a resolver is taken for granted."""
    w = world(seed, form="cluster", cluster_wide=False, promised=True)
    proof = prove(granted(w.old), granted(w.new), ((c,) for c in w.usage.seen))
    assert proof.holds, (proof.lost, str(proof.gain))


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_wider_where_no_node_is_shown(seed: int) -> None:
    """Then any address may be a node's, and what is for nodes may be for anybody."""
    w = world(seed, form="cilium", nodes=False)
    proof = prove(granted(w.old), granted(w.new), ((c,) for c in w.usage.seen))
    assert proof.holds, (proof.lost, str(proof.gain))
    beyond = prove(outside(granted(w.old)), outside(granted(w.new)), ((a,) for a in w.usage.abroad))
    assert beyond.holds, (beyond.lost, str(beyond.gain))


@every
def test_a_pod_that_comes_may_no_more_than_before(form: Name, seed: int) -> None:
    """It has no label, so that no policy of a workload is about it."""
    w = world(seed, form=form)
    known, spaces = endpoints(w.old), namespace_labels(w.old)
    for space in spaces:
        newcomer = msgspec.structs.replace(known[0], namespace=space, labels={}, node="n9", addresses=("10.0.9.9",))
        newcomer = msgspec.structs.replace(newcomer, host_network=False, account="default")
        before, now = ([r.with_pod(newcomer) for r in _reaches(s)] for s in (w.old, w.new))
        for i in range(len(known)):
            for pair in ((i, len(known)), (len(known), i)):
                old, new = (reduce(or_, (r.between(*pair) for r in each)) for each in (before, now))
                assert not new - old, (space, known[i].name, pair)
