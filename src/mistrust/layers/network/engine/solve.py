"""The order of tiers, for one destination and all sources at once.

A row is a partition of the ports: for each part, the set of sources. A set of ports is an integer over the parts into
which all policies together cut the line of ports.

Where it is unknown whether a rule matches, both happen. `possible` follows every way that may end in allow, `certain`
takes away every way that may end in deny; where nothing is unknown they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.layers.network.engine.bits import Bits, members
from mistrust.layers.network.engine.selectors import Pair
from mistrust.layers.network.statements.rules import Action, Tier

Row = tuple[tuple[Bits, int], ...]
"""Sources, and the ports that they may open; port sets do not overlap."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """What one rule of a cluster-wide policy matches on the way to one destination."""

    tier: Tier
    action: Action
    ports: int
    sources: Pair


def union(items: Iterable[tuple[int, Bits]], every: int, base: Bits) -> Row:
    """The sources that some item (ports, sources) gives, and those of `base`, for every port of `every`."""
    by_ports: dict[int, Bits] = {}
    for ports, sources in items:
        held = by_ports.get(ports)
        by_ports[ports] = sources if held is None else held | sources
    if every in by_ports:
        base = base | by_ports.pop(every)
    by_part: dict[int, Bits] = {}
    for ports, sources in by_ports.items():
        for part in members(ports):
            by_part[part] = by_part.get(part, base) | sources
    row: dict[Bits, int] = {}
    rest = every
    for part, sources in by_part.items():
        row[sources] = row.get(sources, 0) | 1 << part
        rest ^= 1 << part
    if rest:
        row[base] = row.get(base, 0) | rest
    return tuple(row.items())


def joined(a: Row, b: Row) -> Row:
    """What either allows; both speak of the same ports."""
    row: dict[Bits, int] = {}
    for sources, ports in a:
        for others, more in b:
            if both := ports & more:
                left = sources | others if sources and others else sources or others
                row[left] = row.get(left, 0) | both
    return tuple(row.items())


def crossed(a: Row, b: Row) -> Row:
    """What both allow; parts without sources are left out."""
    row: dict[Bits, int] = {}
    for sources, ports in a:
        for others, more in b:
            if (both := ports & more) and (left := sources & others):
                row[left] = row.get(left, 0) | both
    return tuple(row.items())


def patched(row: Row, sources: Bits, now: Row, every: int) -> Row:
    """The row with another answer for some sources; the row itself where they had none and get none."""
    kept = row
    for held, _ in row:
        if held & sources:
            kept = tuple([(held ^ (held & sources), ports) for held, ports in row])
            break
    if not now:
        return kept
    if len(now) == 1 and now[0][1] == every:
        more = now[0][0]
        return tuple([(held | more, ports) for held, ports in _whole(kept, sources, every)])
    return joined(_whole(kept, sources, every), _whole(now, sources, every))


def _whole(row: Row, like: Bits, every: int) -> Row:
    """The row with the ports that nobody may open."""
    rest = every
    for _, ports in row:
        rest &= ~ports
    return (*row, (like ^ like, rest)) if rest else row


def possible(matches: Sequence[Match], network: Row, isolated: Pair, everyone: Bits) -> Row:
    """Sources that may be allowed; `network` is what NetworkPolicy may allow, `isolated` for whom it decides."""
    out: dict[Bits, int] = {}
    for part, (open_, allowed, passed) in _tiers(matches, network, isolated, everyone, Action.ALLOW):
        sources = open_ | allowed | passed
        out[sources] = out.get(sources, 0) | part
    return tuple(out.items())


def certain(matches: Sequence[Match], network: Row, isolated: Pair, everyone: Bits) -> Row:
    """Sources that are surely allowed; `network` is what NetworkPolicy surely allows."""
    out: dict[Bits, int] = {}
    for part, (_, denied, _) in _tiers(matches, network, isolated, everyone, Action.DENY):
        sources = everyone ^ denied
        out[sources] = out.get(sources, 0) | part
    return tuple(out.items())


State = tuple[Bits, Bits, Bits]
"""Sources still undecided, those with the outcome that is followed, those passed on to the next tier."""


def _tiers(
    matches: Sequence[Match], network: Row, isolated: Pair, everyone: Bits, follow: Action
) -> Iterable[tuple[int, State]]:
    none = everyone ^ everyone
    for sources, ports in network:
        for part, (undecided, reached, passed) in _walk(
            matches, Tier.ADMIN, {ports: (everyone, none, none)}, follow
        ).items():
            yield from _below(matches, part, (undecided | passed, reached, none), sources, isolated, follow)


def _below(
    matches: Sequence[Match], ports: int, state: State, sources: Bits, isolated: Pair, follow: Action
) -> Iterable[tuple[int, State]]:
    """What is said below the Admin tier."""
    for part, (asked, reached, none) in _walk(matches, Tier.PLUGIN, {ports: state}, follow).items():
        decided = asked & isolated.may
        hit = decided & sources if follow is Action.ALLOW else _without(decided, sources)
        now = {part: (_without(asked, isolated.must), reached | hit, none)}
        yield from _walk(matches, Tier.BASELINE, now, follow).items()


def _walk(matches: Sequence[Match], tier: Tier, parts: dict[int, State], follow: Action) -> dict[int, State]:
    for m in matches:
        if m.tier is not tier:
            continue
        cut: dict[int, State] = {}
        for ports, (undecided, reached, passed) in parts.items():
            inside, hit = ports & m.ports, undecided & m.sources.may
            if not inside or not hit:
                cut[ports] = (undecided, reached, passed)
                continue
            if outside := ports & ~m.ports:
                cut[outside] = (undecided, reached, passed)
            cut[inside] = (
                _without(undecided, m.sources.must),
                reached | hit if m.action is follow else reached,
                passed | hit if m.action is Action.PASS else passed,
            )
        parts = cut
    return parts


def _without(a: Bits, b: Bits) -> Bits:
    return a ^ (a & b)
