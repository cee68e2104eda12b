"""Attack paths that a change opens and closes, by start and target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mistrust.paths.attack import Goal, Start, shortest
from mistrust.paths.hops import foothold
from mistrust.paths.path import Foothold, Path
from mistrust.paths.terrain import Terrain

WRITTEN = 200
"""Paths that are written out hop by hop; all are counted."""

Pair = tuple[Foothold, Foothold]


class Ways(msgspec.Struct, frozen=True):
    """Which starts reach which targets in one version."""

    land: Terrain
    pairs: Mapping[Pair, tuple[Goal, Start]]
    """A start that is reached from outside and could be taken inside as well stands for the former."""


def ways(land: Terrain, goals: Sequence[Goal]) -> Ways:
    """The pairs of `paths.attack.survey`."""
    pairs: dict[Pair, tuple[Goal, Start]] = {}
    for goal in goals:
        for start in goal.starts:
            pair = foothold(land, land.graph.keys[start.node]), goal.target
            if pair not in pairs or pairs[pair][1].inside:
                pairs[pair] = goal, start
    return Ways(land, pairs)


def came(before: Ways, after: Ways) -> tuple[tuple[Path, ...], int, frozenset[tuple[str, str]]]:
    """The shortest paths of the pairs that only `after` has, how many pairs, and those whose start must be taken."""
    found = {p: way for p, way in after.pairs.items() if p not in before.pairs or _nearer(way[1], before.pairs[p][1])}
    outside = [way for way in found.values() if not way[1].inside]
    inner = [way for way in found.values() if way[1].inside]
    written = shortest(after.land, outside, WRITTEN)
    written += shortest(after.land, inner, WRITTEN - len(written))
    within = frozenset((str(start), str(target)) for (start, target), way in found.items() if way[1].inside)
    return written, len(found), within


def _nearer(now: Start, then: Start) -> bool:
    """Did the start have to be taken before, and is it reached from outside now?"""
    return then.inside and not now.inside
