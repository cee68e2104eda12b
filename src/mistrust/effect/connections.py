"""Connections that came or went as policies decide: few regions of them, the first with one connection explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import product
from operator import or_

import msgspec

from mistrust.access.ports import NO_PORT, PROTOCOLS, SPAN
from mistrust.access.verdict import Answer, Verdict
from mistrust.effect.effect import Delta, Doubt, Ends, Kind, Link
from mistrust.kube.meta import Ref
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.deciding.party import Party, text
from mistrust.layers.network.diff import regions
from mistrust.layers.network.doubt import doubtful
from mistrust.layers.network.exposure.outside import joined
from mistrust.layers.network.grants import Connections, Origin
from mistrust.layers.network.relation import Crowd, Relation, both, combine, minus

EXPLAINED = 40
"""Regions of which one connection is explained; to explain is to decide again, twice."""

NETWORK = frozenset({Kind.CONNECTION, Kind.EXPOSURE, Kind.PLAINTEXT, Kind.PATH})


def connections(old: Connections, new: Connections) -> Delta[Link]:
    """Every difference once, the largest first."""
    if old.relation == new.relation:
        return Delta()
    apart = frozenset(old.relation.places) ^ frozenset(new.relation.places)
    gained: list[Link] = []
    lost: list[Link] = []
    for region in regions(old.relation, new.relation):
        ends = _ends(region.sources), _ends(region.destinations)
        for ports, told in ((region.new - region.old, gained), (region.old - region.new, lost)):
            if ports and (pairs := _pairs(*ends)):
                fresh = any(e.workloads and apart.issuperset(e.workloads) for e in ends)
                told.append(Link(*ends, ports, pairs, fresh))
    return Delta(_explained(gained, old, new, new), _explained(lost, old, new, old))


def _ends(crowds: Iterable[Crowd]) -> Ends:
    several = tuple(crowds)
    return Ends(
        tuple(sorted(ref for c in several for ref in c.workloads)),
        joined(span for c in several for span in c.addresses),
    )


def _pairs(sources: Ends, destinations: Ends) -> int:
    itself = len(set(sources.workloads).intersection(destinations.workloads))
    outside = bool(sources.addresses and destinations.addresses)
    return _size(sources) * _size(destinations) - itself - outside


def _size(ends: Ends) -> int:
    return len(ends.workloads) + bool(ends.addresses)


def _explained(links: list[Link], old: Connections, new: Connections, having: Connections) -> tuple[Link, ...]:
    ordered = sorted(links, key=lambda link: (link.fresh, -link.pairs, link.sources, link.destinations))
    return (*(_with_witness(link, old, new, having) for link in ordered[:EXPLAINED]), *ordered[EXPLAINED:])


def _with_witness(link: Link, old: Connections, new: Connections, having: Connections) -> Link:
    source, destination = _one(link)
    points = having.answers.get(destination, ()) if isinstance(destination, Ref) else ()
    at = next((p for p in points if p in link.ports), link.ports.ranges[0][0])
    before, now = (_verdict(version, source, destination, at) for version in (old, new))
    decided = now if having is new else before
    return msgspec.structs.replace(
        link,
        witness=f"{source} -> {destination} {PROTOCOLS[at // SPAN]} {at % SPAN}",
        before=_words(before),
        now=_words(now),
        evidence=decided.decided_by if decided is not None else (),
    )


def _words(verdict: Verdict | None) -> str:
    return f"{verdict.answer.value}; {verdict.because}" if verdict is not None else ""


def _one(link: Link) -> tuple[Ref | str, Ref | str]:
    """A source and a destination that are not the same; an address as text."""
    sides: list[list[Ref | str]] = [
        [*ends.workloads[:2], *(text(low) for low, _ in ends.addresses[:1])]
        for ends in (link.sources, link.destinations)
    ]
    pairs = product(sides[0], sides[1])
    return next((a, b) for a, b in pairs if a != b and (isinstance(a, Ref) or isinstance(b, Ref)))


def _verdict(version: Connections, source: Ref | str, destination: Ref | str, at: int) -> Verdict | None:
    """What a version decides: of several pods, for one that is let through, if one is. None: an end is not there."""
    first: Verdict | None = None
    for origin in version.origins:
        for a in _parties(origin, source):
            for b in _parties(origin, destination):
                verdict = decide(origin.ground, a, b, at)
                if verdict.answer is Answer.ALLOWED:
                    return verdict
                first = first or verdict
    return first


def _parties(origin: Origin, end: Ref | str) -> Iterator[Party]:
    """One pod of each class, or whoever has the address."""
    if isinstance(end, str):
        yield origin.ground.at(end)
        return
    apart = {origin.reach.class_of[i]: i for i in reversed(origin.pods.get(end, ()))}
    yield from (origin.ground.pod(origin.reach.endpoints[i]) for i in apart.values())


def settled(old: Connections, new: Connections) -> Iterator[Doubt]:
    """Connections that nobody could be sure of before, and that are surely allowed now: they may be new."""
    doubts = doubtful(old).relation if old is not new else Relation((), ())
    if any(doubts.rows):
        sure = combine(combine(doubts, doubtful(new).relation, minus), new.relation, both)
        ports = reduce(or_, (ports for row in sure.rows for ports, _ in row), NO_PORT)
        if ports:
            words = f"connections that may have been denied before are surely allowed now ({ports})"
            yield Doubt("old", words, NETWORK)
