"""Laws of Cilium's policies: the engine, the reading of one connection and the plain definition say the same."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.network import cilium_dice, dice
from tests.layers.network.cilium_definition import End, World, connects, ends
from tests.layers.network.scene import Plain, Scene
from tests.layers.network.test_decide_laws import engine_says, questions, solved

from mistrust.access.ports import PROTOCOLS, point
from mistrust.access.verdict import Answer
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.profile import CILIUM, UPSTREAM
from mistrust.layers.network.statements.policies import policies

ANSWERS = {True: Answer.ALLOWED, False: Answer.DENIED, None: Answer.UNKNOWN}
PORTS = (*dice.PORTS, 81, 9000, 6443)


def defined(objects: list[Plain]) -> tuple[World, list[End]]:
    kinds: dict[str, list[Plain]] = {}
    for o in objects:
        kinds.setdefault(o["kind"], []).append(o)
    policies = tuple(o for kind, each in kinds.items() if kind.startswith("Cilium") for o in each)
    spaces = {o["metadata"]["name"]: o["metadata"]["labels"] for o in kinds["Namespace"]}
    world = World(policies, spaces, frozenset((cilium_dice.SERVER,)))
    return world, ends(kinds["Pod"], kinds["Node"], dice.ADDRESSES[:6])


def check(seed: int, count: int) -> int:
    """Ask so many questions; how many had a definite answer."""
    objects, random = cilium_dice.cluster(seed), Random(seed)
    scene, (world, everybody) = Scene(*objects), defined(cilium_dice.cluster(seed))
    found = solved(scene, CILIUM)
    scene.pods = {f"{e.namespace}/{e.name}": e for e in found.endpoints}
    settled = 0
    for _ in range(count):
        a, b = random.choice(everybody), random.choice(everybody)
        if a.kind == b.kind == "world" or ("node" in (a.name[:4], b.name[:4]) and a.kind == b.kind):
            continue
        protocol, port = random.choice(PROTOCOLS), random.choice(PORTS)
        truth = ANSWERS[connects(world, a, b, protocol, port)]
        at, source, destination = point(protocol, port), scene.party(a.name), scene.party(b.name)
        where = f"seed {seed} {a.name} -> {b.name} {protocol} {port}"
        verdict = decide(scene.ground, source, destination, at, CILIUM)
        near = a.node == b.node and a.kind != b.kind
        if not (near and verdict.answer is Answer.UNKNOWN):  # a denial of the own node is said to be unknown
            assert verdict.answer is truth, (where, verdict)
        if "node/" not in a.name + b.name and not near:
            assert engine_says(found, source, destination, at) is truth, where
        settled += truth is not Answer.UNKNOWN
    return settled


@pytest.mark.parametrize("seed", range(150))
def test_engine_and_reading_say_what_the_definition_says(seed: int) -> None:
    check(seed, 60)


def test_the_questions_are_worth_it() -> None:
    assert sum(check(seed, 40) for seed in range(30)) > 700


@pytest.mark.slow
def test_a_hundred_thousand_answers_of_cilium() -> None:
    assert sum(check(seed, 100) for seed in range(1000, 2100)) > 60_000


@pytest.mark.parametrize("seed", range(60))
def test_both_readings_agree_beside_every_other_kind(seed: int) -> None:
    """NetworkPolicies and the cluster-wide kinds in one cluster with Cilium's."""
    random = Random(seed)
    own = [cilium_dice.policy(random, i) for i in range(random.randint(1, 4))]
    wrong = questions(seed, Scene(*dice.cluster(seed), cilium_dice.server(), *own), CILIUM)
    assert [w for w in wrong if "may mean the pod's own node" not in w] == []


@pytest.mark.parametrize("seed", range(40))
def test_they_never_contradict_each_other_where_something_is_missing(seed: int) -> None:
    random = Random(seed)
    own = [cilium_dice.policy(random, i) for i in range(random.randint(1, 4))]
    assert questions(seed, Scene(*dice.rough(seed), *own), CILIUM, open_too=False)[:3] == []


@pytest.mark.parametrize("seed", range(10))
def test_no_other_plugin_reads_them(seed: int) -> None:
    random = Random(seed)
    own = [cilium_dice.policy(random, i) for i in range(3)]
    with_them, without = Scene(*dice.cluster(seed), *own), Scene(*dice.cluster(seed))
    a, b = solved(with_them, UPSTREAM), solved(without, UPSTREAM)
    for i in range(len(a.endpoints)):
        for j in range(len(a.endpoints)):
            assert a.between(i, j) == b.between(i, j)


@pytest.mark.parametrize("seed", range(25))
def test_one_policy_more_or_less_is_the_same_as_all_of_them_afresh(seed: int) -> None:
    random = Random(seed)
    bare = cilium_dice.cluster(seed)
    scene, more = Scene(*bare), Scene(*bare, cilium_dice.policy(random, 99))
    last = policies(more.snapshot).cilium[-1]
    grown, afresh = solved(scene, CILIUM).with_policy(last), solved(more, CILIUM)
    shrunk, before = grown.without_policy(last), solved(scene, CILIUM)
    for a, b in ((grown, afresh), (shrunk, before)):
        for i in range(len(a.endpoints)):
            for j in range(len(a.endpoints)):
                assert a.between(i, j) == b.between(i, j), (i, j)
