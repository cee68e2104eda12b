"""The engine answers all pairs at once, `decide` reads the specification for one: they must say the same."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.network import dice
from tests.layers.network.scene import Scene

from mistrust.access.ports import PROTOCOLS, point
from mistrust.access.verdict import Answer
from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.layers.network.decide import decide
from mistrust.layers.network.policies import policies
from mistrust.layers.network.profile import CILIUM, PROFILES, Profile
from mistrust.layers.network.reach import Reach, reach


def solved(scene: Scene, profile: Profile) -> Reach:
    s = scene.snapshot
    return reach(endpoints(s), namespace_labels(s), policies(s), profile, nodes=s.of(Node))


def engine_says(found: Reach, source: int, destination: int, at: int, *, pods: bool) -> Answer:
    """Allowed, denied, or unknown where the engine follows both outcomes."""
    if pods and (source == destination or found._own_node(source, destination)):
        return Answer.ALLOWED
    a, b = (found.class_of[source], found.class_of[destination]) if pods else (source, destination)
    if at not in found.ports(a, b):
        return Answer.DENIED
    return Answer.UNKNOWN if at in found.unsure_ports(a, b) else Answer.ALLOWED


def questions(seed: int, scene: Scene, profile: Profile) -> list[str]:
    """Where the two differ."""
    random, found = Random(seed), solved(scene, profile)
    pods = found.endpoints
    wrong = []
    for _ in range(120):
        i, j = random.randrange(len(pods)), random.randrange(len(pods))
        at = point(random.choice(PROTOCOLS), random.choice((*dice.PORTS, 1, 81, 9000, 8100)))
        a, b = scene.ground.pod(pods[i]), scene.ground.pod(pods[j])
        outside = random.random()
        address = random.choice(dice.ADDRESSES)
        if outside < 0.2:
            a, said = scene.ground.at(address), (found.block_of(address), found.class_of[j])
        elif outside < 0.4:
            b, said = scene.ground.at(address), (found.class_of[i], found.block_of(address))
        else:
            said = (i, j)
        if outside < 0.4 and (a.host == b.host != "" or (profile is CILIUM and address.startswith("192."))):
            continue  # the engine knows nodes by address, and not which pods are their own
        engine = engine_says(found, *said, at, pods=outside >= 0.4)
        verdict = decide(scene.ground, a, b, at, profile)
        near = any(e.host_network for e in (pods[i], pods[j])) and engine is Answer.UNKNOWN
        if verdict.answer is not engine and not near:  # of classes it is unknown whether they share a node
            wrong.append(f"seed {seed} {profile.name} {a} -> {b} {at}: engine {engine}, decide {verdict}")
    return wrong


@pytest.mark.parametrize("profile", PROFILES, ids=[p.name for p in PROFILES])
def test_the_engine_and_the_specification_agree(profile: Profile) -> None:
    wrong = [w for seed in range(40) for w in questions(seed, Scene(*dice.cluster(seed)), profile)]

    assert wrong[:3] == []
