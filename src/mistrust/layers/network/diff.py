"""What changed between two sets of connections, as few regions: sources alike, destinations alike, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mistrust.access.ports import Ports
from mistrust.layers.network.engine.bits import members
from mistrust.layers.network.engine.lines import Ranges
from mistrust.layers.network.relation import Crowd, Relation, Row, aligned, overlay


class Region(msgspec.Struct, frozen=True):
    """Every source may open `new` of every destination, and could open `old`; they differ.

    A workload that is among the sources and the destinations means the others, not itself.
    """

    sources: tuple[Crowd, ...]
    destinations: tuple[Crowd, ...]
    old: Ports
    new: Ports

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        if not self.old:
            return "added"
        return "changed" if self.new else "removed"


def regions(old: Relation, new: Relation) -> Iterator[Region]:
    """Every difference once. Of two equal relations there is none."""
    crowds, rows = aligned(old, new)
    alike: dict[tuple[int, int], list[int]] = {}
    for at, (before, after) in enumerate(rows):
        if before is not after and before != after:
            alike.setdefault((id(before), id(after)), []).append(at)
    for group in alike.values():
        for sources, was, now in _changes(*rows[group[0]]):
            own = [at for at in group if _without(crowds, sources, at)]
            shown = _without(crowds, sources, own[0]) if len(own) == 1 else sources
            if own:
                yield Region(tuple(crowds[i] for i in members(shown)), tuple(crowds[i] for i in own), was, now)


def _without(crowds: Sequence[Crowd], sources: int, destination: int) -> int:
    """The sources without a destination that is alone in its crowd: it is no source of its own."""
    return sources & ~(1 << destination) if len(crowds[destination].workloads) == 1 else sources


def _changes(before: Row, after: Row) -> Iterator[tuple[int, Ports, Ports]]:
    """Sets of sources with what they could and can open, where the two differ."""
    pieces: Sequence[tuple[Ranges, int, int]] = tuple(overlay(before, after))
    groups = [0]
    for _, x, y in pieces:
        groups[0] |= x ^ y
    for _, x, y in pieces:
        for cut in (x, y):
            groups = [part for g in groups for part in (g & cut, g & ~cut) if part]
    for group in groups:
        was = [piece for ranges, x, _ in pieces if group & x for piece in ranges]
        now = [piece for ranges, _, y in pieces if group & y for piece in ranges]
        yield group, Ports.of(was), Ports.of(now)
