"""Connections with addresses that are no pod's: exact as the definition has it, and the proof misses no mutation."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from tests.layers.network import definition, dice
from tests.layers.network.mutations import mutated
from tests.layers.network.scene import cluster, policy
from tests.layers.network.synthesizing import SHOP
from tests.layers.network.tightened import readings, world

from mistrust.access.ports import PROTOCOLS
from mistrust.access.verdict import Answer
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.proving.outside import Outside, outside
from mistrust.layers.network.usage import Abroad
from mistrust.trust.prove import prove

WEB = Ref("apps", "Deployment", "shop", "web")
EGRESS = """
podSelector: {matchLabels: {app: web}}
policyTypes: [Egress]
egress: [{to: [{ipBlock: {cidr: %s}}], ports: [{port: 443}]}]
"""


def web(block: str) -> Outside:
    """What is open where the web may call these addresses alone."""
    return outside(granted(cluster(*SHOP, policy("shop/web", EGRESS % block))))


def test_a_block_of_addresses_is_what_a_workload_may_call() -> None:
    found = web("203.0.113.0/24")
    assert Abroad(WEB, False, "203.0.113.9", "TCP", 443) in found
    assert Abroad(WEB, False, "203.0.113.9", "TCP", 80) not in found
    assert Abroad(WEB, False, "198.51.100.1", "TCP", 443) not in found
    assert Abroad(WEB, True, "198.51.100.1", "TCP", 443) in found


def test_a_wider_block_is_a_gain_and_a_narrower_one_loses_a_use() -> None:
    wide, narrow = web("203.0.113.0/24"), web("203.0.113.0/25")
    use = Abroad(WEB, False, "203.0.113.200", "TCP", 443)
    assert str(prove(narrow, wide, ()).gain) == "Deployment shop/web -> 203.0.113.128 TCP 443"
    proof = prove(wide, narrow, [(use,)])
    assert [str(x.access) for x in proof.lost] == ["Deployment shop/web -> 203.0.113.200 TCP 443"]
    assert proof.lost[0].now.answer is Answer.DENIED
    assert [str(e) for e in proof.lost[0].before.decided_by] == ["NetworkPolicy shop/web spec.egress[0]"]


ADDRESSES = [*dice.ADDRESSES, "8.8.8.8", "192.168.7.7", "2001:db8::1"]


def questions(given: Snapshot, random: Random) -> Iterator[Abroad]:
    """Workloads and addresses, of which none is a pod's and none is on the node's network."""
    ends = endpoints(given)
    taken = {a for e in ends for a in e.addresses}
    hosts = {given.workloads[e.workload].ref for e in ends if e.host_network}
    refs = [w.ref for w in given.workloads if w.ref not in hosts]
    for _ in range(60 if refs else 0):
        address = random.choice([a for a in ADDRESSES if a not in taken])
        protocol, port = random.choice(PROTOCOLS), random.choice(dice.PORTS) % 65_536
        yield Abroad(random.choice(refs), random.random() < 0.5, address, protocol, port)


def by_definition(given: Snapshot, a: Abroad) -> bool:
    """May some pod of the workload, with a plugin that may run?"""
    owners = [given.workloads[e.workload].ref for e in endpoints(given)]
    for reading in readings(given):
        for owner, pod in zip(owners, reading.endpoints, strict=True):
            ends = (a.address, pod) if a.inward else (pod, a.address)
            if owner == a.workload and definition.connects(reading, *ends, a.protocol, a.port):
                return True
    return False


@pytest.mark.parametrize("seed", range(60))
def test_what_is_in_the_set_is_what_the_definition_says(seed: int) -> None:
    given = world(seed).old
    found = outside(granted(given))
    for asked in questions(given, Random(seed)):
        assert (asked in found) == by_definition(given, asked), str(asked)


@pytest.mark.parametrize("seed", range(60))
def test_what_was_used_stays_and_no_address_may_more(seed: int) -> None:
    w = world(seed)
    proof = prove(outside(granted(w.old)), outside(granted(w.new)), ((a,) for a in w.usage.abroad))
    assert [str(x.access) for x in proof.lost] == []
    assert proof.gain is None


@pytest.mark.parametrize("seed", range(60))
def test_a_mutation_that_matters_is_found_by_the_proof(seed: int) -> None:
    w, random = world(seed, cluster_wide=False), Random(seed)
    made = [p for c in w.found.changes for p in c.new if p.spec.ingress or p.spec.egress]
    before = outside(granted(w.old))
    asked = list(questions(w.old, random))
    for _ in range(3 if made else 0):
        victim = random.choice(made)
        mutant = msgspec.structs.replace(victim, spec=mutated(victim.spec, random))
        changed = snapshot([mutant if o is victim else o for o in w.new.objects], scope=w.new.scope)
        proof = prove(before, outside(granted(changed)), ((a,) for a in w.usage.abroad))
        certain = [a for a in w.usage.abroad if by_definition(w.old, a)]
        lost = {a for a in certain if not by_definition(changed, a)}
        assert {x.access for x in proof.lost}.intersection(certain) == lost
        gained = [a for a in asked if by_definition(changed, a) and not by_definition(w.old, a)]
        assert proof.gain is not None or not gained, str(gained[0])
        if proof.gain is not None:
            assert by_definition(changed, proof.gain)
            assert not by_definition(w.old, proof.gain)
