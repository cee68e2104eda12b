"""What is asked: a snapshot, and the sides of a question."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec
from msgspec import structs

from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.mesh import Mesh, mesh
from mistrust.layers.network.deciding.decide import Ground, ground
from mistrust.layers.network.deciding.party import Party, text
from mistrust.layers.network.engine.cluster import Ties
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.exposure.door import Door
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.exposure.outside import INTERNET, common, spans_in, strangers
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.policies import policies
from mistrust.layers.network.statements.rules import Service, Statement, Tier


class Side(msgspec.Struct, frozen=True):
    """Somebody whom a question is about."""

    told: str
    """As a person calls it."""
    pods: tuple[int, ...] = ()
    """Indexes of endpoints."""
    parties: tuple[Party, ...] = ()
    """Nodes, or an address that is no pod's."""
    internet: bool = False


class Scene:
    """A snapshot that is asked."""

    def __init__(self, snapshot: Snapshot, profile: Profile | None = None) -> None:
        self.snapshot = snapshot
        self.ends = endpoints(snapshot)
        found = ground(snapshot, ends=self.ends)
        self.ground: Ground = structs.replace(found, profiles=(profile,)) if profile is not None else found

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """The engine's answer for each plausible reading, and for both orders of what has none."""
        labels, nodes = namespace_labels(self.snapshot), self.snapshot.of(Node)
        rules, seen = policies(self.snapshot), self.ground.seen
        orders: tuple[Ties, ...] = ("forward", "backward") if self.tied else ("forward",)
        return tuple(
            reach(self.ends, labels, rules, p, nodes=nodes, seen=seen, ties=ties)
            for p in self.ground.profiles
            for ties in orders
        )

    @cached_property
    def tied(self) -> tuple[Service, ...]:
        """What rules are about whose order is not defined: those of cluster-wide policies of one priority."""
        ranks: dict[tuple[Tier, int, bool], list[Statement]] = {}
        for s in policies(self.snapshot).statements():
            if s.tier in (Tier.ADMIN, Tier.BASELINE) and not s.malformed:
                ranks.setdefault((s.tier, s.order[0], s.egress), []).append(s)
        tied = (s for same in ranks.values() if len(same) > 1 for s in same)
        return tuple(dict.fromkeys(rule.service for s in tied for rule in s.rules))

    @cached_property
    def mesh(self) -> Mesh:
        """Every mesh."""
        return mesh(self.snapshot, self.ends)

    @cached_property
    def doors(self) -> tuple[Door, ...]:
        """Every way in from outside that some plausible reading of the policies leaves open."""
        found = dict.fromkeys(d for r in self.reaches for d in doors(self.snapshot, self.ends, r))
        return tuple(sorted(found, key=lambda d: (d.workload, d.cost, d.how, d.port, d.assumes)))


class One(msgspec.Struct, frozen=True):
    """Some of a side that every reading treats alike, and one that stands for them."""

    told: str
    party: Party
    classes: tuple[int, ...] = ()
    """In each engine; empty for who is in none."""
    pod: int = -1
    next: int = -1
    """Another pod of them."""
    outside: bool = False
    """Is it a part of the Internet, for which one address stands?"""


def each(scene: Scene, side: Side) -> Iterator[One]:
    """A side, apart where some reading treats its members apart."""
    if side.internet:
        yield from blocks(scene)
        return
    for party in side.parties:
        told = side.told if len(side.parties) == 1 else str(party)
        known = [str(a) for a in party.addresses]
        classes = tuple(r.block_of(known[0]) for r in scene.reaches) if known else ()
        yield One(told, party, classes)
    alike: dict[tuple[int, ...], list[int]] = {}
    for i in side.pods:
        alike.setdefault(tuple(r.class_of[i] for r in scene.reaches), []).append(i)
    for classes, pods in alike.items():
        first = scene.ends[pods[0]]
        some = f"{first.source.ref}" + (f" and {len(pods) - 1} more" if len(pods) > 1 else "")
        told = side.told if len(alike) == 1 else some
        yield One(told, scene.ground.pod(first), classes, pods[0], pods[1] if len(pods) > 1 else -1)


def another(scene: Scene, a: One, b: One) -> One:
    """`b` as another pod than `a` where there may be several: that a pod reaches itself is not what is asked then."""
    if a.pod < 0 or a.pod != b.pod:
        return b
    if b.next >= 0:
        return structs.replace(b, party=scene.ground.pod(scene.ends[b.next]), pod=b.next)
    itself = scene.ends[b.pod]
    if itself.running:
        return b
    return structs.replace(b, party=structs.replace(b.party, endpoint=structs.replace(itself)))


def blocks(scene: Scene) -> Iterator[One]:
    """The Internet, as far as every reading treats its addresses alike."""
    alike: dict[tuple[int, ...], list[Span]] = {}
    first, *others = scene.reaches
    for b, block in enumerate(first.blocks, first.classes):
        for low, high in common(spans_in(block), INTERNET):
            alike.setdefault((b, *(r.block_of(text(low)) for r in others)), []).append((low, high))
    for classes, spans in alike.items():
        who = strangers(spans)
        told = f"the Internet ({who})" if who else "the Internet"
        yield One(told, scene.ground.at(text(spans[0][0])), classes, outside=True)
