"""The order of tiers, for one destination and all sources at once.

A row is a partition of the ports: for each part, the set of sources. Sets are integers; a port set is an integer over
the pieces into which all policies together cut the line of ports.

Where it is unknown whether a rule matches, both happen. `possible` follows every way that may end in allow, `certain`
takes away every way that may end in deny; where nothing is unknown they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.layers.network.rules import Action, Tier

Row = dict[int, int]
"""Sources -> ports."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """What one rule of a cluster-wide policy matches on the way to one destination."""

    tier: Tier
    action: Action
    ports: int
    must: int
    """Sources that it surely matches."""
    may: int
    """Sources that it may match, those included."""


class Isolation(msgspec.Struct, frozen=True, gc=False):
    """Sources for which NetworkPolicy decides."""

    must: int
    may: int


def union(items: Iterable[tuple[int, int]], base: int, every: int) -> Row:
    """The sources that some item (ports, sources) gives, or `base`, for every port of `every`."""
    by_ports: dict[int, int] = {}
    for ports, sources in items:
        by_ports[ports] = by_ports.get(ports, 0) | sources
    parts = {every: base}
    for ports, sources in by_ports.items():
        if not ports or not sources & ~base:
            continue
        cut: dict[int, int] = {}
        for p, held in parts.items():
            if inside := p & ports:
                cut[inside] = held | sources
            if outside := p & ~ports:
                cut[outside] = held
        parts = cut
    return merged(parts)


def merged(parts: dict[int, int]) -> Row:
    """Parts ports -> sources turned into a row."""
    row: Row = {}
    for ports, sources in parts.items():
        row[sources] = row.get(sources, 0) | ports
    return row


def crossed(a: Row, b: Row, limit: int) -> Row:
    """What both allow, of the sources in `limit`; parts without sources are left out."""
    row: Row = {}
    for sources, ports in a.items():
        for others, more in b.items():
            if (both := ports & more) and (left := sources & others & limit):
                row[left] = row.get(left, 0) | both
    return row


def possible(matches: Sequence[Match], network: Row, isolated: Isolation, everyone: int) -> Row:
    """Sources that may be allowed; `network` is what NetworkPolicy may allow to whom it decides for."""
    out: dict[int, int] = {}
    for sources, ports in network.items():
        for part, (undecided, allowed, passed) in _walk(matches, Tier.ADMIN, {ports: (everyone, 0, 0)}, Action.ALLOW):
            asked = undecided | passed
            now = {part: (asked & ~isolated.must, allowed | asked & isolated.may & sources, 0)}
            for p, (left, yes, skipped) in _walk(matches, Tier.BASELINE, now, Action.ALLOW):
                out[p] = yes | left | skipped
    return merged(out)


def certain(matches: Sequence[Match], network: Row, isolated: Isolation, everyone: int) -> Row:
    """Sources that are surely allowed; `network` is what NetworkPolicy surely allows to whom it decides for."""
    out: dict[int, int] = {}
    for sources, ports in network.items():
        for part, (undecided, denied, passed) in _walk(matches, Tier.ADMIN, {ports: (everyone, 0, 0)}, Action.DENY):
            asked = undecided | passed
            now = {part: (asked & ~isolated.must, denied | asked & isolated.may & ~sources, 0)}
            for p, (_, no, _) in _walk(matches, Tier.BASELINE, now, Action.DENY):
                out[p] = everyone & ~no
    return merged(out)


State = tuple[int, int, int]
"""Sources still undecided, those with the outcome that is followed, those passed on to the next tier."""


def _walk(matches: Sequence[Match], tier: Tier, parts: dict[int, State], follow: Action) -> Iterable[tuple[int, State]]:
    for m in matches:
        if m.tier is not tier:
            continue
        cut: dict[int, State] = {}
        for ports, (undecided, reached, passed) in parts.items():
            inside, hit = ports & m.ports, undecided & m.may
            if not inside or not hit:
                cut[ports] = (undecided, reached, passed)
                continue
            if outside := ports & ~m.ports:
                cut[outside] = (undecided, reached, passed)
            cut[inside] = (
                undecided & ~m.must,
                reached | hit if m.action is follow else reached,
                passed | hit if m.action is Action.PASS else passed,
            )
        parts = cut
    return parts.items()
