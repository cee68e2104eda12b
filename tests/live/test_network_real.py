"""What we say is reachable connects, and what we say is not does not: real packets between network namespaces.

Small clusters by the throw of dice. Each pod is a namespace with its address, on a wire to a router; the router's
nftables hold the policies, pod by pod, as a plugin writes them (`nftables.py`). From everywhere to everywhere every
port is tried, and the kernel's answer must be the engine's, and that of the slow reading of the specification.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pytest

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.core import Node
from mistrust.kube.decode import from_plain
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.deciding.decide import Ground, decide, ground
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.profile import CILIUM, UPSTREAM, Profile
from mistrust.layers.network.statements.policies import policies
from tests.live.misreadings import MISREADINGS, misread
from tests.live.netns import Host, missing, network
from tests.live.nftables import Rules
from tests.live.probes import Probe, Servers, protocols, servers
from tests.live.small_clusters import ADDRESSES, FAR, NODE, OUTSIDE, PORTS, Dice, Plain

pytestmark = pytest.mark.slow

CLUSTERS = 500
FEWER = 100
"""For a plugin whose address blocks match neither pods nor nodes."""
BATCH = 25
"""Clusters in one test."""
TRIED = tuple(p for p in PORTS if p[0] in protocols())


@dataclass(frozen=True)
class Lab:
    """Hosts by address, and the servers on all of them."""

    router: Host
    hosts: dict[str, Host]
    servers: Servers


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if lacks := missing():
        pytest.skip(lacks)
    with network([*ADDRESSES, FAR, OUTSIDE], NODE) as (router, hosts), servers((router, *hosts), TRIED) as open_:
        yield Lab(router, {a: h for h in (router, *hosts) for a in h.addresses}, open_)


End = int | str
"""A pod by number, or an address outside."""
Question = tuple[End, End, str, int]
"""Who, to whom, protocol, port."""
NONE, SOME, EVERY = Answer.DENIED, Answer.UNKNOWN, Answer.ALLOWED
"""Of the families of addresses, how many connect."""


class Said:
    """What we say about one cluster."""

    def __init__(self, dice: Dice, profile: Profile = UPSTREAM) -> None:
        self.profile = profile
        self.families = dice.families
        self.objects = objects = dice.objects()
        read = [each for i, o in enumerate(objects) for each in from_plain(o, Origin("dice.yaml", i, -1, i + 1))]
        assert not [each for each in read if isinstance(each, Problem)]
        self.snapshot: Snapshot = snapshot(read, ())
        self.pods = endpoints(self.snapshot)
        self.ground: Ground = ground(self.snapshot)
        given = policies(self.snapshot)
        assert given.problems == ()
        nodes = self.snapshot.of(Node)
        self.reach: Reach = reach(self.pods, namespace_labels(self.snapshot), given, profile, nodes=nodes)

    def engine(self, source: End, destination: End, at: int) -> Answer:
        """Unknown where one family of addresses would connect and another would not.

        Between a pod and one on the network of a node it depends on whether that is the pod's own node, which a class
        does not say: then one family that connects is enough.
        """
        if self.by_pods(source, destination):
            return Answer.ALLOWED if at in self.reach.between(source, destination) else Answer.DENIED
        of = [self.reach.class_of[e] if isinstance(e, int) else self.reach.block_of(e) for e in (source, destination)]
        if at not in self.reach.ports(*of):
            return Answer.DENIED
        return Answer.UNKNOWN if at in self.reach.unsure_ports(*of) else Answer.ALLOWED

    def fits(self, ours: Answer, real: Answer, source: End, destination: End) -> bool:
        """Is the engine's answer right? With two families it may be unknown although a rule for each lets it through:
        the engine does not put two halves together."""
        if self.by_pods(source, destination):
            return ours is (NONE if real is NONE else EVERY)
        return ours is real or (ours is SOME and real is EVERY and len(self.families) > 1)

    def by_pods(self, source: End, destination: End) -> bool:
        """Is this a question of two pods, and not of their classes?"""
        if isinstance(source, int) and isinstance(destination, int):
            return source == destination or any(self.pods[e].host_network for e in (source, destination))
        return False

    def slow(self, source: End, destination: End, at: int) -> Answer:
        """The slow reading of the specification; one family that connects is enough for it."""
        ends = [
            self.ground.pod(self.pods[e]) if isinstance(e, int) else self.ground.at(e) for e in (source, destination)
        ]
        return decide(self.ground, *ends, at, self.profile).answer


def questions(said: Said) -> Iterator[Question]:
    """Everybody to everybody on every port; whoever is outside asks and is asked once for each family."""
    everybody: list[End] = [*range(len(said.pods)), *(OUTSIDE[f] for f in said.families)]
    for source in everybody:
        for destination in everybody:
            if isinstance(source, int) or isinstance(destination, int):
                yield from ((source, destination, protocol, port) for protocol, port in TRIED)


def probes(lab: Lab, said: Said, source: End, destination: End, protocol: str, port: int) -> list[Probe]:
    """One for each family that both have."""

    def own(end: End) -> tuple[str, ...]:
        return said.pods[end].addresses if isinstance(end, int) else (end,)

    pairs = [(a, b) for a in own(source) for b in own(destination) if (":" in a) == (":" in b)]
    return [Probe(lab.hosts[a], b, protocol, port) for a, b in pairs]


def asked(lab: Lab, said: Said, rules: list[Plain], zone: int) -> Iterator[tuple[Question, Answer]]:
    """Every question about a cluster with the kernel's answer, under the policies among `rules`."""
    outside_only = not said.profile.blocks_match_pods
    lab.router.netns.run("nft", "-f", "-", given=Rules(rules, zone, outside_only=outside_only).text())
    every = [(q, several) for q in questions(said) if (several := probes(lab, said, *q))]
    answers = iter(lab.servers.tried([p for _, several in every for p in several]))
    for question, several in every:
        found = list(islice(answers, len(several)))
        yield question, EVERY if all(found) else SOME if any(found) else NONE


@pytest.mark.parametrize(
    ("profile", "first"),
    [
        *((UPSTREAM, first) for first in range(0, CLUSTERS, BATCH)),
        *((CILIUM, first) for first in range(CLUSTERS, CLUSTERS + FEWER, BATCH)),
    ],
    ids=lambda value: value.name if isinstance(value, Profile) else str(value),
)
def test_the_kernel_agrees(lab: Lab, profile: Profile, first: int) -> None:
    wrong, counts = [], Counter[Answer]()
    for seed in range(first, first + BATCH):
        said = Said(Dice(seed), profile)
        for (source, destination, protocol, port), real in asked(lab, said, said.objects, seed + 1):
            at = point(protocol, port)
            engine, slow = said.engine(source, destination, at), said.slow(source, destination, at)
            counts[real] += 1
            if not said.fits(engine, real, source, destination) or slow is not (NONE if real is NONE else EVERY):
                question = f"{source} -> {destination} {protocol}/{port}"
                wrong.append(f"seed {seed}: {question}: {real}, the engine says {engine}, the slow reading {slow}")
    assert wrong == []
    assert min(counts[NONE], counts[EVERY]) > 0.1 * counts.total()


@pytest.mark.parametrize("misreading", MISREADINGS)
def test_every_misreading_would_be_noticed(lab: Lab, misreading: str) -> None:
    """The judge is not asleep: a plugin that gets one thing wrong refuses or lets through what we do not."""
    change = MISREADINGS[misreading]
    for seed in range(100):
        said = Said(Dice(seed))
        rules = [misread(o, change) for o in said.objects]
        if rules == said.objects:
            continue
        for (source, destination, protocol, port), real in asked(lab, said, rules, 10_000 + seed):
            if not said.fits(said.engine(source, destination, point(protocol, port)), real, source, destination):
                return
    pytest.fail("100 clusters do not show it")
