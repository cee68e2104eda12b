"""Laws of reachability: the engine answers what the plain definition answers, however it got there."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace
from tests.layers.network.definition import Party, World, connects, probes
from tests.layers.network.worlds import NUMBERS, OUTSIDE, PROTOCOLS, READINGS, Maker

from mistrust.access.ports import point
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.statements.policies import Policies

NODES = ("10.9.0.1", "10.9.0.2")


def solved(world: World, **more: object) -> Reach:
    return reach(
        world.endpoints,
        world.namespaces,
        Policies(world.network, world.cluster),
        world.profile,
        nodes=world.nodes,
        ties="backward" if world.backward else "forward",
        **more,
    )


def classes_of(network: Reach, world: World, *parties: Party) -> list[int]:
    ids = {id(e): c for e, c in zip(world.endpoints, network.class_of, strict=True)}
    return [ids[id(p)] if isinstance(p, Endpoint) else network.block_of(p) for p in parties]


def answers(network: Reach, world: World, source: Party, destination: Party, at: int) -> tuple[bool, bool]:
    """Surely allowed, and possibly allowed."""
    a, b = classes_of(network, world, source, destination)
    unsure = at in network.unsure_ports(a, b)
    if isinstance(source, Endpoint) and isinstance(destination, Endpoint):
        places = {id(e): i for i, e in enumerate(world.endpoints)}
        may = at in network.between(places[id(source)], places[id(destination)])
    else:
        may = at in network.ports(a, b)
    return may and not unsure, may


def exact(world: World, *parties: Party) -> bool:
    """Is everything known that this answer depends on? Not which pods a node has, nor which address a pod uses."""
    told = repr(world.cluster)
    if any(p in NODES or (isinstance(p, Endpoint) and len(p.addresses) > 1) for p in parties):
        return False
    return "nodes=LabelSelector" not in told


def check(world: World, chance: Random, count: int) -> tuple[int, int]:
    """Ask so many random questions; how many there were, and how many had one answer only."""
    network = solved(world)
    pairs = list(probes(world, OUTSIDE))
    asked = settled = 0
    for source, destination in chance.choices(pairs, k=count):
        protocol, number = chance.choice(PROTOCOLS), chance.choice(NUMBERS)
        truth = connects(world, source, destination, protocol, number)
        sure, may = answers(network, world, source, destination, point(protocol, number))
        where = (world, source, destination, protocol, number)
        assert not sure or truth or source is destination, where
        assert may or not truth, where
        if exact(world, source, destination):
            assert may == truth, where
            settled += 1
        asked += 1
    return asked, settled


@pytest.mark.parametrize("seed", range(120))
def test_the_engine_answers_what_the_definition_says(seed: int) -> None:
    asked, _ = check(Maker(seed).world(), Random(seed), 150)
    assert asked == 150


@pytest.mark.slow
def test_a_hundred_thousand_answers_are_those_of_the_definition() -> None:
    totals = [check(Maker(seed).world(), Random(seed), 100) for seed in range(1000, 2200)]
    assert sum(asked for asked, _ in totals) >= 120_000
    assert sum(settled for _, settled in totals) >= 60_000


def table(network: Reach, world: World) -> dict[tuple[str, str], tuple[str, str]]:
    """Every pair by name: what may be open, and what of that is unsure."""
    named = {e.name: i for i, e in enumerate(network.endpoints)}
    out = {}
    for (a, i), (b, j) in ((x, y) for x in named.items() for y in named.items()):
        unsure = network.unsure_ports(network.class_of[i], network.class_of[j])
        out[a, b] = (str(network.between(i, j)), str(unsure))
    for address in OUTSIDE:
        block = network.block_of(address)
        for name, i in named.items():
            c = network.class_of[i]
            out[address, name] = (str(network.ports(block, c)), str(network.unsure_ports(block, c)))
            out[name, address] = (str(network.ports(c, block)), str(network.unsure_ports(c, block)))
    return out


@pytest.mark.parametrize("seed", range(25))
def test_the_order_of_the_input_never_matters(seed: int) -> None:
    world, chance = Maker(seed).world(), Random(seed)
    shuffled = replace(
        world,
        endpoints=tuple(chance.sample(world.endpoints, len(world.endpoints))),
        network=tuple(chance.sample(world.network, len(world.network))),
        cluster=tuple(chance.sample(world.cluster, len(world.cluster))),
        nodes=world.nodes[::-1],
        namespaces=dict(reversed(world.namespaces.items())),
    )
    assert table(solved(world), world) == table(solved(shuffled), shuffled)


@pytest.mark.parametrize("seed", range(40, 65))
def test_keeping_things_apart_never_changes_an_answer(seed: int) -> None:
    world, chance = Maker(seed).world(), Random(seed)
    apart = [chance.randint(0, 2) for _ in world.endpoints]
    cuts = [point(chance.choice(PROTOCOLS), chance.randint(1, 65535)) for _ in range(3)]
    finer = solved(world, apart=apart, cuts=cuts, addresses=("10.1.0.0/17", "no CIDR", "2000::/3"))
    assert table(solved(world), world) == table(finer, world)
    for c in range(finer.classes):
        assert len({apart[i] for i in finer.members(c)}) == 1
        for part in finer.row(c):
            (first, *_), (*_, last) = part.ports.ranges[0], part.ports.ranges[-1]
            assert not any(first < cut < last for cut in cuts)
    edges = {low for b in finer.blocks for low, _ in b.ranges if not b.v6}
    assert {10 << 24 | 1 << 16, 10 << 24 | 1 << 16 | 1 << 15} <= edges


@pytest.mark.parametrize("seed", range(65, 80))
def test_sets_in_pieces_answer_as_sets_in_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    maker, chance = Maker(seed), Random(seed)
    world = maker.world()
    whole = table(solved(world), world)
    dense = Classes.of(solved(world).row(0)[0].sources) if solved(world).row(0) else Classes.of(())
    monkeypatch.setattr("mistrust.layers.network.engine.bits.DENSE", -1)
    monkeypatch.setattr("mistrust.layers.network.engine.bits.WIDTH", 3)
    network = solved(world, spare=2)
    assert table(solved(world), world) == table(network, world) == whole
    if network.row(0):
        sparse = solved(world).row(0)[0].sources
        assert sparse == dense == sparse & dense == sparse | dense
        assert list(sparse) == list(dense)
        assert not sparse - dense
        assert len(sparse) == len(dense)
    for step in range(3):
        network, world = event(network, world, maker, chance, 100 + step)
        assert table(network, world) == table(solved(world), world)


@pytest.mark.parametrize("seed", range(80, 120))
def test_whatever_address_a_promised_pod_gets_was_foreseen(seed: int) -> None:
    world, chance = Maker(seed).world(), Random(seed)
    promised = [e if chance.random() < 0.4 or e.host_network else replace(e, addresses=()) for e in world.endpoints]
    hidden = replace(world, endpoints=tuple(promised))
    foreseen(world, hidden, solved(hidden), seed)


@pytest.mark.parametrize("seed", range(140, 170))
def test_whatever_labels_an_unseen_namespace_has_were_foreseen(seed: int) -> None:
    world = Maker(seed).world()
    name = "kubernetes.io/metadata.name"
    known = {n: labels if n == "shop" else {name: n} for n, labels in world.namespaces.items()}
    hidden = replace(world, namespaces=known)
    foreseen(world, hidden, solved(hidden, seen=("shop",)), seed)


@pytest.mark.parametrize("seed", range(170, 200))
def test_a_policy_that_the_server_refuses_may_be_there_or_not(seed: int) -> None:
    world, good = Maker(seed).world(), Maker(-seed).network(99)
    bad = replace(good, spec=replace(good.spec, policy_types=(*good.spec.directions, "Both")))
    broken = replace(world, network=(*world.network, bad))
    assert Policies(broken.network).problems
    network = solved(broken)
    foreseen(world, broken, network, seed)
    foreseen(replace(world, network=(*world.network, good)), broken, network, seed)


def foreseen(truth: World, asked: World, network: Reach, seed: int) -> None:
    """Every answer about `truth` is between the bounds that were given for what is known of it."""
    chance = Random(seed)
    twins = {id(a): b for a, b in zip(truth.endpoints, asked.endpoints, strict=True)}
    for source, destination in chance.choices(list(probes(truth, OUTSIDE)), k=100):
        protocol, number = chance.choice(PROTOCOLS), chance.choice(NUMBERS)
        if source is destination:
            continue
        real = connects(truth, source, destination, protocol, number)
        a, b = (twins.get(id(p), p) for p in (source, destination))
        sure, may = answers(network, asked, a, b, point(protocol, number))
        assert [sure, real, may] == sorted([sure, real, may]), (truth, source, destination, protocol, number)


@pytest.mark.parametrize("seed", [*range(200, 240), 3311])
def test_events_end_where_a_fresh_start_ends(seed: int) -> None:
    events_in_a_row(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3000, 3600))
def test_many_events_end_where_a_fresh_start_ends(seed: int) -> None:
    events_in_a_row(seed)


def events_in_a_row(seed: int) -> None:
    maker, chance = Maker(seed), Random(seed)
    world = maker.world(profile=chance.choice(READINGS))
    if chance.random() < 0.3:
        world = replace(
            world, endpoints=tuple(replace(e, addresses=e.addresses[i % 2 :]) for i, e in enumerate(world.endpoints))
        )
    seen = None if chance.random() < 0.7 else ("shop",)
    network = solved(world, spare=chance.choice((0, 1, 4)), seen=seen)
    for step in range(6):
        if chance.random() < 0.7:
            table(network, world)
        network, world = event(network, world, maker, chance, 100 + step)
        assert table(network, world) == table(solved(world, seen=seen), world), (seed, step)


def event(network: Reach, world: World, maker: Maker, chance: Random, number: int) -> tuple[Reach, World]:
    """One pod or policy more or less, in both."""
    match chance.randint(0, 4):
        case 0:
            like = chance.choice(world.endpoints)
            pod = replace(like, name=f"p{number}") if chance.random() < 0.4 else maker.pod(number)
            return network.with_pod(pod), replace(world, endpoints=(*world.endpoints, pod))
        case 1 if len(world.endpoints) > 1:
            i = chance.randrange(len(world.endpoints))
            return network.without_pod(i), replace(world, endpoints=world.endpoints[:i] + world.endpoints[i + 1 :])
        case 2 if world.network:
            gone = chance.choice(world.network)
            return network.without_policy(gone), replace(world, network=tuple(p for p in world.network if p != gone))
        case 3 if chance.random() < 0.7:
            if world.cluster and chance.random() < 0.5:
                lost = chance.choice(world.cluster)
                less = tuple(p for p in world.cluster if p is not lost)
                return network.without_policy(lost), replace(world, cluster=less)
            wide = maker.cluster(number)
            return network.with_policy(wide), replace(world, cluster=(*world.cluster, wide))
        case _:
            policy = maker.network(number)
            if chance.random() < 0.15:
                policy = replace(policy, spec=replace(policy.spec, policy_types=("Ingress", "Egress", "Both")))
            return network.with_policy(policy), replace(world, network=(*world.network, policy))
