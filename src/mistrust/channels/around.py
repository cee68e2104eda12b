"""Everything that one side may open a connection to, or that may open one to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

import msgspec
from msgspec import structs

from mistrust.access.ports import EVERY_PORT, NO_PORT, Ports
from mistrust.access.verdict import Answer
from mistrust.channels.ask import ask
from mistrust.channels.scene import Scene, Side
from mistrust.layers.network.deciding.party import Party, text
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.exposure.outside import INTERNET, common, joined, spans_in
from mistrust.layers.network.exposure.outside import told as addresses

UNSURE = "network plugins differ, or it hangs on what is not shown or not defined"


class Neighbour(msgspec.Struct, frozen=True):
    """Somebody at the other end."""

    told: str
    ports: Ports
    unsure: Ports = NO_PORT
    """Those of the ports that may be closed as well."""
    why: str = ""
    """What that hangs on."""
    spans: tuple[Span, ...] = ()
    """The addresses, where it is outside."""


def around(scene: Scene, side: Side, *, outgoing: bool) -> tuple[Neighbour, ...]:
    """Workloads in the order of the snapshot, then addresses outside.

    A port counts if some pod of the one may open it at some pod of the other. From the Internet only what a door
    leads to counts.
    """
    if side.internet and outgoing:
        return tuple(dict.fromkeys(_through_doors(scene)))
    answers = [_opened(r, _classes(r, side), outgoing=outgoing) for r in scene.reaches]
    pods: dict[int, list[int]] = {}
    for i, e in enumerate(scene.ends):
        pods.setdefault(e.workload, []).append(i)
    found: list[Neighbour] = []
    for workload, members in pods.items():
        if set(members) & set(side.pods):
            continue
        told = str(scene.snapshot.workloads[workload].ref)
        if any(party.node is not None for party in side.parties):
            found += _neighbour(told, _asked(scene, side, Side(told, tuple(members)), outgoing=outgoing))
            continue
        each = [
            _union(answer.get(c, NOTHING) for c in {r.class_of[i] for i in members})
            for r, answer in zip(scene.reaches, answers, strict=True)
        ]
        if any(allowed != sure for allowed, sure in each):
            ends = (side.pods, members) if outgoing else (members, side.pods)
            each = [_closely(scene, r, *ends) for r in scene.reaches] if side.pods else each
        found += _neighbour(told, _agreed(each))
    outside = _outside(scene, side, answers, outgoing=outgoing) if side.pods else {}
    for opened, spans in outside.items():
        found += _neighbour(addresses(joined(spans)), opened, joined(spans))
    return tuple(found)


Opened = tuple[Ports, Ports]
"""What may be open, and what of it surely is."""
NOTHING: Opened = (NO_PORT, NO_PORT)


def _classes(reach: Reach, side: Side) -> set[int]:
    if side.internet:
        blocks = enumerate(reach.blocks, reach.classes)
        return {c for c, block in blocks if common(spans_in(block), INTERNET)}
    known = (str(a) for party in side.parties for a in party.addresses)
    return {reach.class_of[i] for i in side.pods} | {reach.block_of(a) for a in known}


def _opened(reach: Reach, own: Collection[int], *, outgoing: bool) -> Mapping[int, Opened]:
    """By class of the other end; between two addresses outside nothing is said."""
    found: dict[int, Opened] = {}
    every = range(reach.classes + len(reach.blocks)) if any(c < reach.classes for c in own) else range(reach.classes)
    for d in every if outgoing else own:
        for parts, maybe in ((reach.row(d), False), (reach.unsure(d), True)):
            for part in parts:
                for other in _others(part.sources, own, d, outgoing=outgoing):
                    if other in every:
                        allowed, sure = found.get(other, NOTHING)
                        found[other] = allowed | part.ports, sure - part.ports if maybe else sure | part.ports
    return found


def _others(sources: Collection[int], own: Collection[int], d: int, *, outgoing: bool) -> Iterator[int]:
    if not outgoing:
        yield from sources
    elif any(c in sources for c in own):
        yield d


def _closely(scene: Scene, reach: Reach, sources: Sequence[int], targets: Sequence[int]) -> Opened:
    """The same pod by pod, which also knows who shares a node."""

    def apart(pods: Sequence[int]) -> Iterable[int]:
        return {(reach.class_of[i], scene.ends[i].node): i for i in pods}.values()

    def opened() -> Iterator[Opened]:
        for a, b in product(apart(sources), apart(targets)):
            allowed = reach.between(a, b)
            unsure = reach.unsure_ports(reach.class_of[a], reach.class_of[b])
            yield allowed, allowed if allowed == EVERY_PORT and _share(scene, a, b) else allowed - unsure

    return _union(opened())


def _share(scene: Scene, a: int, b: int) -> bool:
    """Is one of them its node to the other?"""
    one, other = scene.ends[a], scene.ends[b]
    return bool(one.node) and one.node == other.node and one.host_network != other.host_network


def _union(each: Iterator[Opened]) -> Opened:
    allowed, sure = NOTHING
    for a, s in each:
        allowed, sure = allowed | a, sure | s
    return allowed, sure


def _agreed(each: Iterable[Opened]) -> Opened:
    """What some reading allows, and what all of them surely do."""
    allowed, sure = NO_PORT, EVERY_PORT
    for a, s in each:
        allowed, sure = allowed | a, sure & s
    return allowed, sure


def _neighbour(who: str, opened: Opened, spans: Iterable[Span] = ()) -> Iterator[Neighbour]:
    allowed, sure = opened
    if allowed:
        unsure = allowed - sure
        yield Neighbour(who, allowed, unsure, UNSURE if unsure else "", tuple(spans))


def _asked(scene: Scene, side: Side, other: Side, *, outgoing: bool) -> Opened:
    """The answer to the question itself, which knows who shares a node."""
    open_ = dict.fromkeys(Answer, NO_PORT)
    for f in ask(scene, *((side, other) if outgoing else (other, side)), lambda _: EVERY_PORT):
        open_[f.verdict.answer] |= f.ports
    return open_[Answer.ALLOWED] | open_[Answer.UNKNOWN], open_[Answer.ALLOWED]


def _outside(
    scene: Scene, side: Side, answers: Sequence[Mapping[int, Opened]], *, outgoing: bool
) -> dict[Opened, list[Span]]:
    """Addresses that are no pod's; of nodes those that are not the pod's own count."""
    first = scene.reaches[0]
    machines = _machines(scene, first)
    found: dict[Opened, list[Span]] = {}
    for c, block in enumerate(first.blocks, first.classes):
        spans = list(spans_in(block))
        nodes = machines.get(c, ())
        if len(nodes) == sum(high - low for low, high in spans):
            opened = _asked(scene, side, Side("a node", parties=nodes[:2]), outgoing=outgoing)
        else:
            low = text(spans[0][0])
            opened = _agreed(
                answer.get(r.block_of(low), NOTHING) for r, answer in zip(scene.reaches, answers, strict=True)
            )
        if opened[0]:
            found.setdefault(opened, []).extend(spans)
    return found


def _machines(scene: Scene, reach: Reach) -> dict[int, tuple[Party, ...]]:
    """The nodes by the class of each of their addresses."""
    found: dict[int, tuple[Party, ...]] = {}
    for address, party in scene.ground.holders.items():
        if party.endpoint is None:
            c = reach.block_of(str(address))
            found[c] = (*found.get(c, ()), structs.replace(party, addresses=(address,)))
    return found


def _through_doors(scene: Scene) -> Iterator[Neighbour]:
    for door in scene.doors:
        here = Ports.of([(door.at, door.at + 1)])
        who = f"{scene.snapshot.workloads[door.workload].ref}, through {door.how}"
        yield Neighbour(who, here, here if door.assumes else NO_PORT, f"if {door.assumes}" if door.assumes else "")
