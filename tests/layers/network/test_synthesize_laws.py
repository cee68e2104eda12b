"""Laws of NetworkPolicies that are just enough, on random clusters with random flows: used ⊆ new ⊆ old, and no more."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from tests.layers.network import definition, dice
from tests.layers.network.synthesizing import told
from tests.layers.network.tightened import opens, readings, world

from mistrust.access.change import applied
from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.meta import Object, Ref
from mistrust.kube.separate import units
from mistrust.kube.snapshot import snapshot
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.grants import Origin, granted
from mistrust.layers.network.profile import PROFILES
from mistrust.layers.network.statements.policies import policies
from mistrust.layers.network.synthesize import synthesize
from mistrust.layers.network.usage import used
from mistrust.trust.prove import prove

SEEDS = range(120)
HASH = "pod-template-hash"


def test_the_worlds_are_worth_it() -> None:
    """Most have something to tighten, and workloads that are limited as well as some that are left alone."""
    worlds = [world(seed) for seed in range(40)]
    assert sum(bool(w.found.changes) for w in worlds) > 25
    assert sum(len(w.left) < len(w.old.workloads) for w in worlds) > 25
    assert sum(bool(w.left) for w in worlds) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_used_stays_and_nothing_is_wider(seed: int) -> None:
    w = world(seed)
    proof = prove(granted(w.old), granted(w.new), ((c,) for c in w.usage.seen))
    assert [str(x.access) for x in proof.lost] == []
    assert proof.gain is None


@pytest.mark.parametrize("seed", SEEDS)
def test_no_pod_and_no_address_may_more_than_before_by_the_definition(seed: int) -> None:
    w, random = world(seed), Random(seed)
    before, now = (list(readings(s)) for s in (w.old, w.new))
    pods = before[0].endpoints
    for _ in range(150):
        parties = [random.choice([*pods, *dice.ADDRESSES]) for _ in range(2)]
        protocol, port = random.choice(PROTOCOLS[:2]), random.choice(dice.PORTS)
        if any(definition.connects(v, parties[0], parties[1], protocol, port) for v in now):
            assert any(definition.connects(v, parties[0], parties[1], protocol, port) for v in before), parties


@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_time_there_is_nothing_left_to_do(seed: int) -> None:
    w = world(seed)
    again = used(granted(w.new), w.record, w.new)
    assert synthesize(w.new, again).changes == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_between_limited_workloads_only_what_was_used_is_left(seed: int) -> None:
    """But for names, and for workloads that no label tells apart. Cluster-wide kinds may allow more."""
    w = world(seed, cluster_wide=False)
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
    w = world(seed)
    for origin in granted(w.new).origins:
        for ref, pods in origin.pods.items():
            isolated = {origin.reach.isolated(origin.reach.class_of[i]) for i in pods}
            assert isolated == {(True, True)} or ref in w.left, ref
    named = {p.ref for c in w.found.changes for p in c.new}
    assert not w.left & named


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_changes_no_answer(seed: int) -> None:
    """Every pod of a Deployment has another hash and another name."""
    w = world(seed)
    again = snapshot([_restarted(o) for o in w.new.objects], scope=w.new.scope)
    before, now, refs = granted(w.new), granted(again), [w.ref for w in w.new.workloads]
    assert [w.ref for w in again.workloads] == refs
    for source in (None, *refs):
        for destination in refs:
            assert before.ports(source, destination) == now.ports(source, destination), (source, destination)


@pytest.mark.parametrize("seed", SEEDS)
def test_scaled_to_zero_and_back_workloads_may_what_they_used(seed: int) -> None:
    """The policies were written while nothing ran of the Deployments; what a block of addresses let in is unknown then,
    so that they may be wider than the addresses that pods get afterwards."""
    w = world(seed)
    idle = snapshot([o for o in w.old.objects if HASH not in o.metadata.labels], scope=w.old.scope)
    found = synthesize(idle, used(granted(idle), w.record, idle))
    back = snapshot(applied(w.old.objects, found.changes), scope=w.old.scope)
    assert prove(granted(w.old), granted(back), ((c,) for c in w.usage.seen)).lost == ()


def _restarted(o: Object) -> Object:
    if HASH not in o.metadata.labels:
        return o
    labels = {**o.metadata.labels, HASH: "77c9"}
    metadata = msgspec.structs.replace(o.metadata, labels=labels, name=o.name.replace("5d4f", "77c9"))
    return msgspec.structs.replace(o, metadata=metadata)


@pytest.mark.parametrize("seed", SEEDS)
def test_addresses_and_replicas_keep_what_they_used(seed: int) -> None:
    w = world(seed)
    before, now = granted(w.old).origins, granted(w.new).origins
    for a in w.usage.abroad:
        at = point(a.protocol, a.port)
        if any(opens(o, a.workload, a.address, a.inward, at) for o in before):
            assert any(opens(o, a.workload, a.address, a.inward, at) for o in now), str(a)
    for c in w.usage.within:
        at = point(c.protocol, c.port)
        if any(_among(o, c.destination, at) for o in before):
            assert any(_among(o, c.destination, at) for o in now), str(c)


def _among(origin: Origin, workload: Ref, at: int) -> bool:
    classes = [origin.reach.class_of[i] for i in origin.pods[workload]]
    return all(at in origin.reach.ports(a, b) for a in classes for b in classes)


@pytest.mark.parametrize("seed", SEEDS)
def test_manifests_alone_keep_the_laws_too(seed: int) -> None:
    """Nothing runs: no pod has an address, and a resolver is taken for granted."""
    w = world(seed, cluster_wide=False, promised=True)
    proof = prove(granted(w.old), granted(w.new), ((c,) for c in w.usage.seen))
    assert proof.holds, (proof.lost, str(proof.gain))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_plugin_reads_the_new_policies_alike(seed: int) -> None:
    """Between limited pods, but for old policies that have to stay: no rule rests on whether a block matches a pod."""
    w = world(seed, cluster_wide=False)
    if any("stays, with what it allows" in remark for remark in w.found.remarks):
        return
    rules, ends, spaces = policies(w.new), endpoints(w.new), namespace_labels(w.new)
    limited = [i for i, e in enumerate(ends) if w.new.workloads[e.workload].ref not in w.left]
    read = [reach(ends, spaces, rules, p, nodes=w.new.of(Node)) for p in PROFILES if not p.host_network_selectable]
    for a in limited:
        for b in limited:
            assert len({r.ports(r.class_of[a], r.class_of[b]) for r in read}) == 1, (ends[a].name, ends[b].name)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_input_changes_nothing(seed: int) -> None:
    w = world(seed)
    turned = snapshot(tuple(reversed(w.old.objects)), scope=w.old.scope)
    uses = dict(reversed(w.record.uses.items()))
    found = synthesize(turned, used(granted(turned), msgspec.structs.replace(w.record, uses=uses), turned))
    mine, theirs = (sorted((p.ref, told(p)) for c in each.changes for p in c.new) for each in (w.found, found))
    assert mine == theirs
    assert (w.found.left, sorted(w.found.remarks)) == (found.left, sorted(found.remarks))
