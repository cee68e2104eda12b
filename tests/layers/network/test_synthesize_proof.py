"""The proof finds every mutation of a generated policy that matters, as the definition of the API says it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from tests.layers.network import definition
from tests.layers.network.mutations import mutated
from tests.layers.network.tightened import readings, world

from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.grants import Connection, granted
from mistrust.trust.prove import prove

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mutation_that_matters_is_found_by_the_proof(seed: int) -> None:
    """Something goes out of the new policies, or comes in: the proof tells exactly where the definition does."""
    w, random = world(seed, cluster_wide=False), Random(seed)
    made = [p for c in w.found.changes for p in c.new if p.spec.ingress or p.spec.egress]
    hosts = {w.old.workloads[e.workload].ref for e in endpoints(w.old) if e.host_network}
    certain = [c for c in w.usage.seen if not {c.source, c.destination} & hosts and _connects(w.old, c)]
    for _ in range(3 if made else 0):
        victim = random.choice(made)
        mutant = msgspec.structs.replace(victim, spec=mutated(victim.spec, random))
        changed = snapshot([mutant if o is victim else o for o in w.new.objects], scope=w.new.scope)
        proof = prove(granted(w.old), granted(changed), ((c,) for c in w.usage.seen))
        lost = {c for c in certain if not _connects(changed, c)}
        assert {x.access for x in proof.lost}.intersection(certain) == lost
        gained = any(_connects(changed, c) and not _connects(w.old, c) for c in _probes(w.old, hosts))
        assert proof.gain is not None or not gained


def _probes(given: Snapshot, besides: set[Ref]) -> Iterator[Connection]:
    refs = [w.ref for w in given.workloads if w.ref not in besides]
    for source in refs:
        for destination in refs:
            if source != destination:
                yield from (Connection(source, destination, p, n) for p in ("TCP", "SCTP") for n in (1, 80))


def _connects(given: Snapshot, c: Connection) -> bool:
    """May some pod of the one open it to some pod of the other, by the definition, with a plugin that may run?"""
    owners = [given.workloads[e.workload].ref for e in endpoints(given)]
    for reading in readings(given):
        pods = list(zip(owners, reading.endpoints, strict=True))
        sources = [e for ref, e in pods if ref == c.source] if c.source else list(PUBLIC)
        for _, target in (p for p in pods if p[0] == c.destination):
            if any(definition.connects(reading, s, target, c.protocol, c.port) for s in sources):
                return True
    return False


PUBLIC = ("8.8.8.8", "1.1.1.1", "2001:db8::1", "100.0.0.1", "2a00::1")
"""Addresses of the Internet, one of each part that the policies of these clusters tell apart."""


def test_most_mutations_matter() -> None:
    """Otherwise the law above says little."""
    found = 0
    for seed in range(30):
        w, random = world(seed, cluster_wide=False), Random(seed)
        made = [p for c in w.found.changes for p in c.new if p.spec.ingress or p.spec.egress]
        if made:
            victim = random.choice(made)
            mutant = msgspec.structs.replace(victim, spec=mutated(victim.spec, random))
            changed = snapshot([mutant if o is victim else o for o in w.new.objects], scope=w.new.scope)
            found += not prove(granted(w.old), granted(changed), ((c,) for c in w.usage.seen)).holds
    assert found > 10
