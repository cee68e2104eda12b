"""What changed between two sets of connections, pair by pair.

External ranges are compared address by address: neighbours that changed alike are one line, whatever the ranges were
in either version (np-guard/netpol-analyzer pkg/netpol/diff/diff.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import pairwise

import msgspec

from mistrust.access.ports import NO_PORT, Ports
from mistrust.layers.network.addresses import IPV4, IPV6, place
from mistrust.report.connections.gather import show_address
from mistrust.report.connections.listed import ANY_ADDRESS, INGRESS_CONTROLLER, Connections, Peer


class Kind(StrEnum):
    """How a pair differs, in the order of a report."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


class Change(msgspec.Struct, frozen=True, gc=False):
    """What one may open to another, before and after."""

    source: Peer
    target: Peer
    old: Ports
    new: Ports
    source_moved: bool = False
    """Is the source a workload of only one of the two?"""
    target_moved: bool = False

    @property
    def kind(self) -> Kind:
        """How it differs."""
        if self.old == self.new:
            return Kind.UNCHANGED
        if not self.old:
            return Kind.ADDED
        return Kind.CHANGED if self.new else Kind.REMOVED

    @property
    def moved(self) -> str:
        """The workloads that came or went with it, in words; empty if both were there before and after."""
        moved = [
            p.text for p, is_moved in ((self.source, self.source_moved), (self.target, self.target_moved)) if is_moved
        ]
        return f"workload {' and '.join(moved)} {self.kind}" if moved else ""

    @property
    def through_ingress(self) -> bool:
        """Does it come from what serves Ingress objects?"""
        return self.source == INGRESS_CONTROLLER


def compare(old: Connections, new: Connections) -> tuple[Change, ...]:
    """Every pair of either, unchanged ones included, sorted by source and target."""
    pairs: dict[tuple[Peer, Peer], list[Ports]] = {}
    outside: dict[tuple[Peer, bool], tuple[list[Range], list[Range]]] = {}
    for version, connections in enumerate((old, new)):
        for source, target, ports in connections.pairs():
            if _is_range(source) or _is_range(target):
                egress = _is_range(target)
                mine, theirs = (source, target) if egress else (target, source)
                held = outside.setdefault((mine, egress), ([], []))[version]
                held += ((low, high, ports) for low, high in _ranges(theirs))
            else:
                pairs.setdefault((source, target), [NO_PORT, NO_PORT])[version] = ports
    known = (frozenset(old.peers), frozenset(new.peers))
    changes = [_change(s, t, a, b, known) for (s, t), (a, b) in pairs.items()]
    for (mine, egress), (before, after) in outside.items():
        for other, a, b in _folded(list(_swept(before, after))):
            ends = (mine, other) if egress else (other, mine)
            changes.append(_change(*ends, a, b, known))
    return tuple(sorted(changes, key=lambda c: (c.source.text, c.target.text)))


Range = tuple[int, int, Ports]


def _change(
    source: Peer, target: Peer, old: Ports, new: Ports, known: tuple[frozenset[Peer], frozenset[Peer]]
) -> Change:
    if bool(old) == bool(new):
        return Change(source, target, old, new)
    other = known[1] if old else known[0]
    source_moved, target_moved = (not p.external and p not in other for p in (source, target))
    return Change(source, target, old, new, source_moved, target_moved)


def _is_range(peer: Peer) -> bool:
    return peer.external and peer != INGRESS_CONTROLLER


def _ranges(peer: Peer) -> tuple[tuple[int, int], ...]:
    if peer == ANY_ADDRESS:
        return IPV4, IPV6
    low, _, high = peer.text.removesuffix("[External]").partition("-")
    first, last = place(low), place(high)
    if first is None or last is None:
        raise ValueError(f"{peer.text!r} is no range of addresses")
    return ((first, last + 1),)


def _folded(swept: list[tuple[int, int, Ports, Ports]]) -> Iterator[tuple[Peer, Ports, Ports]]:
    """One peer for both families where all of IPv6 changed as all of IPv4 did."""
    if len(swept) == 2 and (swept[0][:2], swept[1][:2]) == (IPV4, IPV6) and swept[0][2:] == swept[1][2:]:
        yield ANY_ADDRESS, *swept[0][2:]
        return
    for low, high, a, b in swept:
        yield Peer(f"{show_address(low)}-{show_address(high - 1)}[External]"), a, b


def _swept(before: list[Range], after: list[Range]) -> Iterator[tuple[int, int, Ports, Ports]]:
    """Widest ranges with the same ports before and the same ports after."""
    edges = sorted({e for low, high, _ in (*before, *after) for e in (low, high)})
    starts = ({low: (high, p) for low, high, p in before}, {low: (high, p) for low, high, p in after})
    until, held = [0, 0], [NO_PORT, NO_PORT]
    last: tuple[int, int, Ports, Ports] | None = None
    for low, high in pairwise(edges):
        for version, ranges in enumerate(starts):
            if low in ranges:
                until[version], held[version] = ranges[low]
            elif low >= until[version]:
                held[version] = NO_PORT
        now = (low, high, held[0], held[1])
        if last is not None and last[1] == low and last[2:] == now[2:]:
            last = (last[0], high, *now[2:])
            continue
        if last is not None and (last[2] or last[3]):
            yield last
        last = now
    if last is not None and (last[2] or last[3]):
        yield last


def changed(changes: tuple[Change, ...]) -> Mapping[Kind, tuple[Change, ...]]:
    """The changes by their kind, in the order of a report, each kind sorted as given."""
    return {kind: tuple(c for c in changes if c.kind is kind) for kind in Kind}
