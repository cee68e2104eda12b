"""The connections that are allowed, as an exact set: source workload or the Internet, destination workload, port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from operator import or_
from typing import Self

import msgspec
from msgspec import structs

from mistrust.access.ports import NO_PORT, PROTOCOLS, SPAN, Ports, point
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.core import Node, Service
from mistrust.kube.endpoints import Endpoint, endpoints, namespace_labels
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.deciding.decide import Ground, decide, ground
from mistrust.layers.network.deciding.party import text
from mistrust.layers.network.engine.bits import members
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.exposure.behind import Behind
from mistrust.layers.network.exposure.outside import INTERNET, common
from mistrust.layers.network.facts.ambiguity import orders
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.relation import Combination, Relation, Row, combine, either, minus, relation
from mistrust.layers.network.statements.policies import Policies, policies


class Connection(msgspec.Struct, frozen=True, gc=False):
    """A workload, or the Internet, opens a connection to another workload."""

    source: Ref | None
    """None: the Internet, as far as policies see it; whether a door leads there is another question."""
    destination: Ref
    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.source or 'the Internet'} -> {self.destination} {self.protocol} {self.port}"


class Origin(msgspec.Struct, frozen=True):
    """Where a set came from, and can be asked for reasons."""

    snapshot: Snapshot
    ground: Ground
    reach: Reach
    """Under the profile that allows most."""
    pods: Mapping[Ref, tuple[int, ...]]
    """The endpoints of each workload."""


class Connections(msgspec.Struct, frozen=True):
    """An exact set of connections. A workload and itself are none.

    What nobody can know for sure is in the set: it holds everything that is not surely denied.
    """

    relation: Relation
    answers: Mapping[Ref, tuple[int, ...]]
    """Where a workload is known to answer: its declared ports, and those that Services send to."""
    origins: tuple[Origin, ...]

    def __or__(self, other: Self, /) -> Self:
        """Everything that either allows."""
        return self._made(other, either)

    def __sub__(self, other: Self, /) -> Self:
        """What this allows and the other does not."""
        return self._made(other, minus)

    def _made(self, other: Self, how: Combination) -> Self:
        answers = dict(self.answers)
        for ref, points in other.answers.items():
            answers[ref] = tuple(sorted({*points, *answers.get(ref, ())}))
        both = {id(o): o for o in (*self.origins, *other.origins)}
        return structs.replace(
            self, relation=combine(self.relation, other.relation, how), answers=answers, origins=tuple(both.values())
        )

    def ports(self, source: Ref | None, destination: Ref) -> Ports:
        """The ports that one may open to the other."""
        at = self.relation.places
        if destination not in at or source == destination or (source is not None and source not in at):
            return NO_PORT
        wanted = self.relation.internet if source is None else 1 << at[source]
        found = NO_PORT
        for ports, crowds in self.relation.rows[at[destination]]:
            if crowds & wanted:
                found = found | ports
        return found

    def __contains__(self, access: Connection) -> bool:
        return point(access.protocol, access.port) in self.ports(access.source, access.destination)

    def witness(self) -> Connection | None:
        """One connection inside, at a port where the destination answers if there is one; None if there is none."""
        fallback: Connection | None = None
        for destination, row in self._destinations():
            points = self.answers.get(destination, ())
            for ports, crowds in row:
                if not crowds & self.relation.internet and self._first(crowds, destination) is None:
                    continue
                source = None if crowds & self.relation.internet else self._first(crowds, destination)
                known = next((p for p in points if p in ports), -1)
                at = ports.ranges[0][0] if known < 0 else known
                found = Connection(source, destination, PROTOCOLS[at // SPAN], at % SPAN)
                if known >= 0 or not points:
                    return found
                fallback = fallback or found
        return fallback

    def _first(self, crowds: int, besides: Ref) -> Ref | None:
        every = (ref for i in members(crowds) for ref in self.relation.crowds[i].workloads)
        return next((ref for ref in every if ref != besides), None)

    def count(self) -> int:
        """How many (source workload or the Internet, destination workload, port) there are.

        Of a destination the ports count where it is known to answer; where none is known, any port at all counts once.
        """
        sizes: dict[int, int] = {}
        total = 0
        for (at, points), many in Counter(self._answering()).items():
            row = self.relation.rows[at]
            for asked in points or (None,):
                crowds = reduce(or_, (c for ports, c in row if asked is None or asked in ports), 0)
                if crowds not in sizes:
                    sizes[crowds] = self.relation.size(crowds)
                total += many * (sizes[crowds] - (crowds >> at & 1))
        return total

    def _answering(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Of every destination its crowd and where it is known to answer."""
        for at, (crowd, row) in enumerate(zip(self.relation.crowds, self.relation.rows, strict=True)):
            if row:
                yield from ((at, self.answers.get(ref, ())) for ref in crowd.workloads)

    def _destinations(self) -> Iterator[tuple[Ref, Row]]:
        for crowd, row in zip(self.relation.crowds, self.relation.rows, strict=True):
            if row:
                for ref in crowd.workloads:
                    yield ref, row

    def known(self, about: Container[Ref]) -> Iterator[Connection]:
        """The connections to and from some workloads, at ports where the destination is known to answer."""
        every = [ref for crowd in self.relation.crowds for ref in crowd.workloads]
        for destination in sorted(every):
            for at in self.answers.get(destination, ()):
                for source in (None, *sorted(every)):
                    if source in about or destination in about:
                        each = Connection(source, destination, PROTOCOLS[at // SPAN], at % SPAN)
                        if source != destination and each in self:
                            yield each

    def decide(self, access: Connection) -> Verdict:
        """May this connection be opened? The evidence is the rules of both sides, asked again for one pair of pods."""
        inside = access in self
        found: dict[Answer, Verdict] = {}
        for verdict in (v for origin in self.origins for v in _asked(origin, access, self.relation)):
            if inside and verdict.answer is Answer.ALLOWED:
                return verdict
            found.setdefault(verdict.answer, verdict)
        if inside:
            return found.get(Answer.UNKNOWN) or Verdict(Answer.UNKNOWN, "it may be denied, and may not")
        return found.get(Answer.DENIED) or Verdict(Answer.DENIED, "it is not in the set")


def granted(snapshot: Snapshot, given: Sequence[Profile] = ()) -> Connections:
    """Everything that the policies of a snapshot do not surely deny, under the plugins that may run (or `given`)."""
    rules, ends = policies(snapshot), endpoints(snapshot)
    known = ground(snapshot, rules, ends)
    known = structs.replace(known, profiles=tuple(given) or known.profiles)
    owners = [snapshot.workloads[e.workload].ref for e in ends]
    spaces, nodes = namespace_labels(snapshot), snapshot.of(Node)
    pods: dict[Ref, list[int]] = {}
    for i, owner in enumerate(owners):
        pods.setdefault(owner, []).append(i)
    found: Relation | None = None
    origins = []
    for profile, ties in product(widest(known.profiles, rules), orders(rules)):
        solved = reach(ends, spaces, rules, profile, nodes=nodes, seen=known.seen, ties=ties)
        own = relation(solved, owners)
        found = own if found is None else combine(found, own, either)
        origins.append(Origin(snapshot, known, solved, {ref: tuple(each) for ref, each in pods.items()}))
    assert found is not None
    return Connections(found, answering(snapshot, ends, owners), tuple(origins))


def widest(given: Sequence[Profile], rules: Policies) -> tuple[Profile, ...]:
    """The profiles that together allow everything that one of them allows.

    A plugin that enforces nothing allows everything. A plugin whose blocks match more allows more, as long as no
    cluster-wide rule has a block to deny by.
    """
    silent = [p for p in given if not p.enforces]
    if silent:
        return (silent[0],)
    apart: dict[Profile, Profile] = {}
    for p in given:
        apart.setdefault(as_read(p, rules), p)
    kept = list(apart.values())
    peers = (peer for wide in rules.cluster for rule in wide.spec.egress for peer in rule.destinations)
    if all(peer.networks is None for peer in peers):
        kept = [p for p in kept if not any(_allows_more(as_read(q, rules), as_read(p, rules)) for q in kept)]
    return tuple(kept)


def as_read(given: Profile, rules: Policies) -> Profile:
    """A reading without what tells it from none here: its name, and that Cilium's kinds count where there are none."""
    return structs.replace(given, name="", cilium=given.cilium and bool(rules.cilium or rules.always))


def _allows_more(a: Profile, b: Profile) -> bool:
    """Is `a` the same reading but for blocks that match more?"""
    return a != b and a == structs.replace(
        b, blocks_match_pods=True, blocks_match_nodes=a.blocks_match_nodes or b.blocks_match_nodes
    )


def answering(snapshot: Snapshot, ends: Sequence[Endpoint], owners: Sequence[Ref]) -> dict[Ref, tuple[int, ...]]:
    """Where each workload is known to answer: its declared ports, and those that Services send to."""
    found: dict[Ref, set[int]] = {}
    for end, owner in zip(ends, owners, strict=True):
        declared = {point(p.protocol, p.number) for p in end.ports if p.protocol in PROTOCOLS}
        if declared:
            found.setdefault(owner, set()).update(declared)
    behind = Behind(snapshot, ends)
    for service in snapshot.of(Service):
        for port in service.spec.ports:
            if port.protocol in PROTOCOLS:
                for i, number in behind.targets(service, port):
                    found.setdefault(owners[i], set()).add(point(port.protocol, number))
    return {ref: tuple(sorted(points)) for ref, points in found.items()}


def _asked(origin: Origin, access: Connection, among: Relation) -> Iterator[Verdict]:
    """What the specification says of it, for one pair of pods of each two classes."""
    asked, ends = origin.ground, origin.reach.endpoints
    at = point(access.protocol, access.port)
    if access.source is None:
        spans = [s for c in among.crowds for s in common(c.addresses, INTERNET)[:1]]
        sources = [asked.at(text(low)) for low, _ in spans]
    else:
        sources = [asked.pod(ends[i]) for i in _apart(origin, access.source)]
    for source in sources:
        for i in _apart(origin, access.destination):
            yield decide(asked, source, asked.pod(ends[i]), at)


def _apart(origin: Origin, workload: Ref) -> Iterable[int]:
    """One endpoint of each class."""
    return {origin.reach.class_of[i]: i for i in reversed(origin.pods.get(workload, ()))}.values()
