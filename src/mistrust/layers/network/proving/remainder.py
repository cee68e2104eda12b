"""What is allowed and was not used, exactly, and why it is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import or_

import msgspec

from mistrust.access.obligation import Obligation
from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.meta import Ref
from mistrust.layers.network.engine.bits import members
from mistrust.layers.network.grants import Connection, Connections

NEITHER = "no policy limits either end"
SOURCE = "no policy limits the source, and a rule of the destination lets it in"
DESTINATION = "no policy limits the destination, and a rule of the source lets it out"
RULES = "rules of both ends allow them"
ANY = -1
"""Stands for any port, where nobody is known to answer."""


class Left(msgspec.Struct, frozen=True):
    """Part of what is left over."""

    because: str
    count: int
    """In the units of `Connections.count`."""
    witness: Connection


def remainder(new: Connections, used: Iterable[Connection]) -> tuple[Left, ...]:
    """All that is allowed and not used, by reason, the most first; the sum is exact."""
    taken = frozenset(_distinct(new, used))
    into, out = _limited(new)
    places = new.relation.places
    counts: Counter[str] = Counter()
    for (crowd, points), many in Counter(_answering(new)).items():
        for at in points or (ANY,):
            for because, sources in _split(_openers(new, crowd, at), out, bool(into >> crowd & 1)):
                counts[because] += many * (new.relation.size(sources) - (sources >> crowd & 1))
    for source, destination, _ in taken:
        limited = source is not None and bool(out >> places[source] & 1)
        counts[_BECAUSE[limited, bool(into >> places[destination] & 1)]] -= 1
    first = _witnesses(new, taken, {because for because, count in counts.items() if count})
    return tuple(Left(because, count, first[because]) for because, count in counts.most_common() if count)


_BECAUSE: Mapping[tuple[bool, bool], str] = {
    (False, False): NEITHER,
    (False, True): SOURCE,
    (True, False): DESTINATION,
    (True, True): RULES,
}


def minimality(new: Connections, used: Iterable[Connection]) -> Obligation:
    """Is nothing left over?"""
    left = remainder(new, used)
    if not left:
        return Obligation("minimality", True, "nothing is allowed that was not used")
    total = sum(each.count for each in left)
    told = "; ".join(f"of {each.count:,} {each.because}" for each in left)
    witnesses = tuple(f"{each.witness} ({each.because})" for each in left)
    return Obligation("minimality", False, f"{total:,} allowed connections were not used: {told}", witnesses)


Use = tuple[Ref | None, Ref, int]
"""Source, destination and point on the line of ports, or `ANY`."""


def _distinct(new: Connections, used: Iterable[Connection]) -> Iterator[Use]:
    """The uses that are allowed, in the units of `Connections.count`."""
    for c in used:
        at = point(c.protocol, c.port)
        points = new.answers.get(c.destination, ())
        if c in new and (not points or at in points):
            yield c.source, c.destination, at if points else ANY


def _answering(new: Connections) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Of every destination its crowd and where it is known to answer."""
    for at, (crowd, row) in enumerate(zip(new.relation.crowds, new.relation.rows, strict=True)):
        if row:
            yield from ((at, new.answers.get(ref, ())) for ref in crowd.workloads)


def _openers(new: Connections, crowd: int, at: int) -> int:
    """Who may open a port of a crowd."""
    return reduce(or_, (who for ports, who in new.relation.rows[crowd] if at == ANY or at in ports), 0)


def _split(openers: int, out: int, limited: bool) -> Iterator[tuple[str, int]]:
    yield _BECAUSE[True, limited], openers & out
    yield _BECAUSE[False, limited], openers & ~out


def _limited(new: Connections) -> tuple[int, int]:
    """The crowds that are limited in what comes in, and those in what goes out, whichever plugin runs."""
    into = out = sum(1 << i for i, crowd in enumerate(new.relation.crowds) if crowd.workloads)
    for origin in new.origins:
        for ref, pods in origin.pods.items():
            each = [origin.reach.isolated(origin.reach.class_of[i]) for i in pods]
            bit = 1 << new.relation.places[ref]
            into &= -1 if all(i for i, _ in each) else ~bit
            out &= -1 if all(o for _, o in each) else ~bit
    return into, out


def _witnesses(new: Connections, taken: frozenset[Use], wanted: set[str]) -> Mapping[str, Connection]:
    """One connection for each reason."""
    into, out = _limited(new)
    found: dict[str, Connection] = {}
    for at, (crowd, row) in enumerate(zip(new.relation.crowds, new.relation.rows, strict=True)):
        for destination in crowd.workloads if row else ():
            if wanted <= found.keys():
                return found
            for asked in new.answers.get(destination, ()) or (ANY,):
                for because, sources in _split(_openers(new, at, asked), out, bool(into >> at & 1)):
                    if because in wanted and because not in found:
                        each = _named(new, sources, destination)
                        source = next((s for s in each if (s, destination, asked) not in taken), destination)
                        if source != destination:
                            found[because] = _connection(new, source, destination, asked)
    return found


def _named(new: Connections, sources: int, destination: Ref) -> Iterator[Ref | None]:
    if sources & new.relation.internet:
        yield None
    for i in members(sources):
        yield from (ref for ref in new.relation.crowds[i].workloads if ref != destination)


def _connection(new: Connections, source: Ref | None, destination: Ref, at: int) -> Connection:
    if at == ANY:
        at = new.ports(source, destination).ranges[0][0]
    return Connection(source, destination, PROTOCOLS[at // SPAN], at % SPAN)
