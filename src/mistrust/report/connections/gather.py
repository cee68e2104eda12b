"""From reachability between classes of pods to connections between workloads and ranges of addresses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

import msgspec

from mistrust.access.ports import NO_PORT, Ports
from mistrust.layers.network.addresses import IPV4, V6
from mistrust.layers.network.engine.reach import Part, Reach
from mistrust.layers.network.statements.policies import Policies
from mistrust.report.connections.listed import (
    ANY_ADDRESS,
    INGRESS_CONTROLLER,
    Connections,
    Peer,
    Targets,
    workload_peer,
)

Span = tuple[int, int]
"""Half-open, on the line of addresses."""

Table = Mapping[int, Mapping[int, Ports]]
"""Ports by source class and target class."""


class Cuts(msgspec.Struct, frozen=True):
    """Where to cut the external addresses; nothing is merged across a cut."""

    ingress: tuple[Span, ...] = ()
    egress: tuple[Span, ...] = ()


class Doors(msgspec.Struct, frozen=True):
    """What Ingress and Route objects open: the endpoint that stands for the controller, and ports by workload."""

    controller: int
    ports: Mapping[Peer, Ports]


def cuts_of(policies: Policies) -> Cuts:
    """The address ranges that policies name, direction by direction, as np-guard cuts by them."""
    found: tuple[list[Span], list[Span]] = ([], [])
    for statement in policies.statements():
        for rule in statement.rules:
            for peer in rule.peers:
                if peer.addresses is not None:
                    found[statement.egress].extend(peer.addresses.ranges)
    return Cuts(tuple(found[0]), tuple(found[1]))


def gather(
    reach: Reach,
    groups: Mapping[Peer, Sequence[int]],
    cuts: Cuts | None = None,
    doors: Doors | None = None,
    *,
    fold: bool = True,
    about: Collection[Peer] | None = None,
) -> Connections:
    """Every connection between workloads, and between workloads and the outside.

    `groups` are the endpoints of each workload. Pods of one workload that are not treated alike are told one by one.
    With `cuts`, external ranges are those between the cuts, of IPv4 alone; without, the widest that are treated alike,
    of both families; with `fold` one peer stands for both where all of IPv6 is treated as all of IPv4 is. Where only
    some workloads are asked `about`, connections among the others are left out.
    """
    wanted = {reach.class_of[i] for members in groups.values() for i in members}
    outside = range(reach.classes, reach.classes + len(reach.blocks))
    known = wanted | set(outside)
    near = known if about is None else {reach.class_of[i] for peer in about for i in groups.get(peer, ())}
    table = _table(reach, reach.row, known, near)
    sources: dict[int, list[Peer]] = {}
    for peer, cls in _apart(reach, groups, table):
        sources.setdefault(cls, []).append(peer)
    peers = tuple(sorted(p for members in sources.values() for p in members))
    targets = {cls: list(members) for cls, members in sources.items()}
    for peer, cls in _ranges(reach, table, egress=True, cuts=cuts.egress if cuts else None, fold=fold):
        targets.setdefault(cls, []).append(peer)
    for peer, cls in _ranges(reach, table, egress=False, cuts=cuts.ingress if cuts else None, fold=fold):
        sources.setdefault(cls, []).append(peer)
    rows = _rows(table, sources, targets)
    if doors is not None and (behind := _behind(reach, doors, targets)):
        rows.append((INGRESS_CONTROLLER, behind))
    unsure = _rows(_table(reach, reach.unsure, known, near), sources, targets)
    return Connections(peers, tuple(sorted(rows, key=_source)), unsure=tuple(sorted(unsure, key=_source)))


def _source(row: tuple[Peer, Targets]) -> str:
    return row[0].text


def _rows(
    table: Table, sources: Mapping[int, Sequence[Peer]], targets: Mapping[int, Sequence[Peer]]
) -> list[tuple[Peer, Targets]]:
    rows: list[tuple[Peer, Targets]] = []
    for cls, members in sources.items():
        opened = _targets(table.get(cls, {}), targets)
        if opened:
            rows += ((peer, opened) for peer in members)
    return rows


def _table(
    reach: Reach, parts: Callable[[int], Iterable[Part]], known: Collection[int], near: Collection[int]
) -> dict[int, dict[int, Ports]]:
    """Ports between the known classes, as far as one of the two is among `near`."""
    found: dict[int, dict[int, Ports]] = {}
    for d in sorted(known):
        for part in parts(d):
            sources = (s for s in part.sources if s in known) if d in near else (s for s in near if s in part.sources)
            for s in sources:
                if s < reach.classes or d < reach.classes:
                    row = found.setdefault(s, {})
                    row[d] = row[d] | part.ports if d in row else part.ports
    return found


def _apart(reach: Reach, groups: Mapping[Peer, Sequence[int]], table: Table) -> Iterator[tuple[Peer, int]]:
    """Each workload with a class that stands for all its pods, or its pods one by one."""
    for peer, members in groups.items():
        classes = sorted({reach.class_of[i] for i in members})
        if len(classes) == 1 or _alike(classes, table):
            yield peer, classes[0]
            continue
        for i in members:
            e = reach.endpoints[i]
            yield workload_peer(e.namespace, e.name, "Pod") if e.running else peer, reach.class_of[i]


def _alike(classes: Sequence[int], table: Table) -> bool:
    """Do these classes open, and are they open to, the same, apart from each other?"""

    def outgoing(cls: int) -> dict[int, Ports]:
        return {d: p for d, p in table.get(cls, {}).items() if d not in classes}

    if any(outgoing(c) != outgoing(classes[0]) for c in classes[1:]):
        return False
    columns = [[row.get(c, NO_PORT) for s, row in table.items() if s not in classes] for c in classes]
    return all(column == columns[0] for column in columns[1:])


def _targets(row: Mapping[int, Ports], targets: Mapping[int, Sequence[Peer]]) -> Targets:
    return tuple(sorted(((peer, ports) for d, ports in row.items() for peer in targets.get(d, ())), key=_by_text))


def _by_text(target: tuple[Peer, Ports]) -> str:
    return target[0].text


def _behind(reach: Reach, doors: Doors, targets: Mapping[int, Sequence[Peer]]) -> Targets:
    controller = reach.class_of[doors.controller]
    found = []
    for cls, peers in targets.items():
        if cls < reach.classes:
            for peer in peers:
                both = doors.ports.get(peer, NO_PORT) & reach.ports(controller, cls)
                if both:
                    found.append((peer, both))
    return tuple(sorted(found, key=_by_text))


def _ranges(
    reach: Reach, table: Table, *, egress: bool, cuts: Sequence[Span] | None, fold: bool
) -> Iterator[tuple[Peer, int]]:
    """External ranges as targets (`egress`) or sources, each with the class that stands for it."""
    held = sorted(
        (low + V6 * block.v6, high + V6 * block.v6, reach.classes + b)
        for b, block in enumerate(reach.blocks)
        for low, high in block.ranges
        if cuts is None or not block.v6
    )
    if cuts is None:
        answers = {cls: _answers(table, cls, egress=egress) for _, _, cls in held}
        merged = _merged(held, answers)
        if fold and len(merged) == 2 and answers[merged[0][2]] == answers[merged[1][2]]:
            yield ANY_ADDRESS, merged[0][2]
            return
    else:
        edges = {edge for cut in cuts for edge in cut}
        merged = [(low, high, cls) for low, high, cls in _joined(held, edges) if high <= IPV4[1]]
    for low, high, cls in merged:
        yield Peer(f"{show_address(low)}-{show_address(high - 1)}[External]"), cls


def _answers(table: Table, cls: int, *, egress: bool) -> frozenset[tuple[int, Ports]]:
    if egress:
        return frozenset((s, row[cls]) for s, row in table.items() if cls in row)
    return frozenset(table.get(cls, {}).items())


def _merged(
    held: Sequence[tuple[int, int, int]], answers: Mapping[int, frozenset[tuple[int, Ports]]]
) -> list[tuple[int, int, int]]:
    """Neighbours with the same answers become one range, families apart."""
    out: list[tuple[int, int, int]] = []
    for low, high, cls in held:
        if out and out[-1][1] == low and answers[out[-1][2]] == answers[cls]:
            out[-1] = (out[-1][0], high, out[-1][2])
        else:
            out.append((low, high, cls))
    return out


def _joined(held: Sequence[tuple[int, int, int]], edges: set[int]) -> list[tuple[int, int, int]]:
    """Neighbours become one range wherever no cut is between them."""
    out: list[tuple[int, int, int]] = []
    for low, high, cls in held:
        if out and out[-1][1] == low and low not in edges:
            out[-1] = (out[-1][0], high, out[-1][2])
        else:
            out.append((low, high, cls))
    return out


def show_address(at: int) -> str:
    """An address from its place on the line.

    >>> show_address(0), show_address(FAMILIES[1][0])
    ('0.0.0.0', '::')
    """
    return str(IPv4Address(at) if at < V6 else IPv6Address(at - V6))
