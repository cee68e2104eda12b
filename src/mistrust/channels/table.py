"""Network and mesh joined: for every destination who may connect, on which ports, over what kind of channel.

The classes of the network are refined by those of the mesh, so all endpoints of a class have the same answer, and the
answers are kept as the network keeps them: one row of parts for each destination class, shared where equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from typing import Protocol

import msgspec
from msgspec import structs

from mistrust.access.ports import PROTOCOLS, SPAN, Ports, point
from mistrust.layers.mesh.channel import Authn, Authz, Channel, Transport
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.reach import Part, Reach


class Meshed(Protocol):
    """What is asked of a mesh; `layers.mesh` answers it."""

    source_of: Sequence[int]
    target_of: Sequence[int]
    outside: int

    def alike(self, target: int, /) -> Sequence[int]:
        """For each source class the first that gets the same answers from a target; one object for targets alike."""

    def tunnels(self, target: int, /) -> bool:
        """May a connection to a target travel on another port than the one that is dialled?"""

    def cuts(self, target: int, /) -> tuple[int, ...]:
        """Where on the line of ports the answer for a target may change."""

    def channel(self, source: int, target: int, at: int, /) -> Channel:
        """The answer for one source class, target class and port."""


class Strand(msgspec.Struct, frozen=True, gc=False):
    """Sources that may open the same ports of a destination over the same kind of channel."""

    ports: Ports
    sources: Classes
    channel: Channel
    unsure: bool = False
    """May the network deny it as well?"""


class Table(msgspec.Struct, frozen=True):
    """Every pair of endpoints, with the whole verdict."""

    reach: Reach
    rows: tuple[tuple[Strand, ...], ...]
    """By destination class of `reach`; equal rows are one object."""

    def between(self, source: int, destination: int) -> Iterator[tuple[Ports, Channel]]:
        """What one endpoint may open to another, by indexes of endpoints."""
        own = self.reach.class_of[source]
        for strand in self.rows[self.reach.class_of[destination]]:
            if own in strand.sources:
                yield strand.ports, strand.channel


def join(network: Reach, mesh: Meshed) -> Table:
    """Ask the mesh about every part of every row.

    The network is solved again where the mesh tells its classes apart.
    """
    kinds: dict[tuple[int, int], int] = {}
    apart = [kinds.setdefault(key, len(kinds)) for key in zip(mesh.source_of, mesh.target_of, strict=True)]
    if len(kinds) > 1:
        network = network.told_apart(apart)
    source_of, target_of = _by_class(network, mesh)
    groups: dict[int, Mapping[int, Classes]] = {}
    known: dict[tuple[tuple[Part, ...], tuple[Part, ...], int], tuple[Strand, ...]] = {}
    rows: list[tuple[Strand, ...]] = []
    for c in range(network.classes):
        row, unsure, target = network.row(c), network.unsure(c), target_of[c]
        if (row, unsure, target) not in known:
            cuts, alike = mesh.cuts(target), mesh.alike(target)
            if id(alike) not in groups:
                groups[id(alike)] = _grouped(source_of, alike)
            sure = tuple(_without(row, unsure))
            told = tuple(
                strand
                for parts, doubt in ((sure, False), (unsure, True))
                for part in parts
                for strand in _strands(part, groups[id(alike)], mesh, target, cuts, doubt)
            )
            if mesh.tunnels(target):
                told = carried(told, sure, unsure, groups[id(alike)], mesh, target)
            known[row, unsure, target] = told
        rows.append(known[row, unsure, target])
    return Table(network, tuple(rows))


def _grouped(source_of: Sequence[int], alike: Sequence[int]) -> Mapping[int, Classes]:
    """The network's classes by what a target can tell apart about them."""
    held: dict[int, list[int]] = {}
    for c, source in enumerate(source_of):
        held.setdefault(alike[source], []).append(c)
    return {source: Classes.of(members) for source, members in held.items()}


def _without(row: Sequence[Part], unsure: Sequence[Part]) -> Iterator[Part]:
    for part in row:
        left = part.ports
        for doubt in unsure:
            if both := left & doubt.ports:
                if sources := part.sources - doubt.sources:
                    yield Part(both, sources)
                left = left - both
        if left:
            yield Part(left, part.sources)


def _by_class(network: Reach, mesh: Meshed) -> tuple[list[int], list[int]]:
    sources, targets = [mesh.outside] * (network.classes + len(network.blocks)), [0] * network.classes
    for endpoint, c in enumerate(network.class_of):
        sources[c], targets[c] = mesh.source_of[endpoint], mesh.target_of[endpoint]
    return sources, targets


def _strands(
    part: Part, groups: Mapping[int, Classes], mesh: Meshed, target: int, cuts: Sequence[int], doubt: bool
) -> Iterator[Strand]:
    pieces = tuple(pieces_of(part.ports, cuts))
    found: dict[tuple[Ports, Channel], Classes] = {}
    for source, members in groups.items():
        inside = part.sources & members
        if not inside:
            continue
        by_channel: dict[Channel, list[tuple[int, int]]] = {}
        for low, high in pieces:
            by_channel.setdefault(mesh.channel(source, target, low), []).append((low, high))
        for channel, ranges in by_channel.items():
            key = Ports.of(ranges), channel
            found[key] = found[key] | inside if key in found else inside
    for (own, channel), who in found.items():
        yield Strand(own, who, channel, doubt)


def carried(
    told: Sequence[Strand],
    sure: Sequence[Part],
    unsure: Sequence[Part],
    groups: Mapping[int, Classes],
    mesh: Meshed,
    target: int,
) -> tuple[Strand, ...]:
    """The strands, those in a tunnel as the network sees them: on the tunnel's port, whatever port is dialled.

    Where the network lets the tunnel's port through, every port of the target is open to the tunnel; where it does not,
    none is, because the client's proxy does not fall back to plaintext. Policies about other ports limit plaintext.
    Where it is not known whether there is a tunnel, what only one of the two ports lets through is in doubt, and so is
    what neither lets through where another pod may open the connection in the client's place.
    """
    ranges: dict[tuple[Channel, bool, Classes], list[tuple[int, int]]] = {}
    for source, members in groups.items():
        for low, high in pieces_of(Ports.span("TCP"), mesh.cuts(target)):
            channel = mesh.channel(source, target, low)
            if not channel.carried:
                continue
            at = point("TCP", channel.carried)
            through, maybe = (_open(parts, at) & members for parts in (sure, unsure))
            hidden = structs.replace(channel, plaintext=False)
            for ports, dialled in _dialled(Ports.of([(low, high)]), (*sure, *unsure)):
                opened = dialled & members
                both = through & _open(sure, ports.ranges[0][0]) & opened
                for kind, doubt, who in (
                    (
                        (channel, False, both),
                        (channel, True, opened - both),
                        (hidden, True, (through | maybe) - opened),
                    )
                    if channel.perhaps
                    else (
                        (channel, False, through & opened),
                        (hidden, False, through - opened),
                        (channel, True, maybe & opened),
                        (hidden, True, maybe - opened),
                        (channel if channel.relayed else _stopped(channel), channel.relayed, opened - through - maybe),
                    )
                ):
                    if who:
                        ranges.setdefault((kind, doubt, who), []).extend(ports.ranges)
                if channel.relayed and (others := members - opened - through - maybe):
                    ranges.setdefault((hidden, True, others), []).extend(ports.ranges)
    found: dict[tuple[Ports, Channel, bool], Classes] = {}
    for (channel, doubt, who), pieces in ranges.items():
        key = Ports.of(pieces), channel, doubt
        found[key] = found[key] | who if key in found else who
    kept = (s for s in told if not s.channel.carried)
    return (*kept, *(Strand(ports, who, channel, doubt) for (ports, channel, doubt), who in found.items()))


def _open(parts: Sequence[Part], at: int) -> Classes:
    """Who may open a port."""
    return reduce(Classes.__or__, (p.sources for p in parts if at in p.ports), Classes.of(()))


def _dialled(ports: Ports, parts: Sequence[Part]) -> Iterator[tuple[Ports, Classes]]:
    """The ports, apart where other sources may open them, with these sources."""
    pieces: list[tuple[Ports, Classes]] = [(ports, Classes.of(()))]
    for part in parts:
        cut: list[tuple[Ports, Classes]] = []
        for piece, who in pieces:
            both = piece & part.ports
            cut += [(p, w) for p, w in ((both, who | part.sources), (piece - both, who)) if p]
        pieces = cut
    yield from pieces


def _stopped(channel: Channel) -> Channel:
    """The port that is dialled is open, the tunnel's is not."""
    why = f"the network lets this port through, but not {channel.carried}, on which the tunnel of the mesh comes"
    return Channel(Transport.BROKEN, Authn.NONE, Authz.DENIED, channel.plaintext, why, channel.decided_by)


def pieces_of(ports: Ports, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The ranges of a set of ports, cut where the answer may change and between protocols.

    >>> list(pieces_of(Ports.span("TCP", 1, 100), (80,)))
    [(1, 80), (80, 101)]
    """
    walls = sorted({*cuts, *(i * SPAN for i in range(len(PROTOCOLS)))})
    for low, high in ports.ranges:
        inner = [low, *(w for w in walls if low < w < high), high]
        yield from pairwise(inner)
