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
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.profile import PROFILES, Profile
from mistrust.layers.network.statements.policies import policies


def solved(scene: Scene, profile: Profile) -> Reach:
    s = scene.snapshot
    return reach(endpoints(s), namespace_labels(s), policies(s), profile, nodes=s.of(Node), seen=scene.ground.seen)


def engine_says(found: Reach, a: Party, b: Party, at: int) -> Answer:
    """Allowed, denied, or unknown where the engine follows both outcomes."""
    ends = {id(e): i for i, e in enumerate(found.endpoints)}
    classes = [
        found.class_of[ends[id(p.endpoint)]] if p.endpoint is not None else found.block_of(str(p.addresses[0]))
        for p in (a, b)
    ]
    if a.endpoint is not None and b.endpoint is not None:
        near = a.host == b.host and a.endpoint.host_network != b.endpoint.host_network
        if a.endpoint is b.endpoint or (near and not found.profile.host_network_selectable):
            return Answer.ALLOWED
        possible = found.between(ends[id(a.endpoint)], ends[id(b.endpoint)])
    elif a.node is not None and a.endpoint is None and b.endpoint is not None:
        if a.host == b.host:
            return Answer.ALLOWED
        possible = found.from_node(a.host, ends[id(b.endpoint)])
    else:
        possible = found.ports(*classes)
    if at not in possible:
        return Answer.DENIED
    return Answer.UNKNOWN if at in found.unsure_ports(*classes) else Answer.ALLOWED


def questions(seed: int, scene: Scene, profile: Profile, *, open_too: bool = True) -> list[str]:
    """Where the two differ; without `open_too`, only where both are definite."""
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
            a = scene.ground.at(address)
        elif outside < 0.4:
            b = scene.ground.at(address)
        engine = engine_says(found, a, b, at)
        verdict = decide(scene.ground, a, b, at, profile)
        vague = _node(a) or _node(b)
        if not open_too and Answer.UNKNOWN in (engine, verdict.answer):
            continue
        if verdict.answer is not engine and not (engine is Answer.UNKNOWN and vague):
            wrong.append(f"seed {seed} {profile.name} {a} -> {b} {at}: engine {engine}, decide {verdict}")
    return wrong


def _node(party: Party) -> bool:
    """Is it a node, or on its network? The engine does not know which of several nodes."""
    return party.endpoint.host_network if party.endpoint is not None else party.node is not None


@pytest.mark.parametrize("profile", PROFILES, ids=[p.name for p in PROFILES])
def test_the_engine_and_the_specification_agree(profile: Profile) -> None:
    wrong = [w for seed in (*range(40), 147) for w in questions(seed, Scene(*dice.cluster(seed)), profile)]

    assert wrong[:3] == []


@pytest.mark.parametrize("profile", PROFILES, ids=[p.name for p in PROFILES])
def test_they_never_contradict_each_other_where_something_is_missing(profile: Profile) -> None:
    """How much stays open differs: `decide` doubts whatever a refused policy is near to, the engine its subjects."""
    wrong = [w for seed in range(60) for w in questions(seed, Scene(*dice.rough(seed)), profile, open_too=False)]

    assert wrong[:3] == []


@pytest.mark.slow
def test_a_hundred_thousand_questions() -> None:
    wrong = [w for p in PROFILES for seed in range(1000, 1170) for w in questions(seed, Scene(*dice.cluster(seed)), p)]

    assert wrong[:3] == []
