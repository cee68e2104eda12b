"""Every connection of a cluster with its whole verdict, and what is counted, drawn and said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mistrust.access.fact import Fact
from mistrust.access.ports import Ports
from mistrust.channels.atlas import Atlas
from mistrust.channels.crowd import Crowds
from mistrust.channels.drawing import Answers, Doors, atlas, strands
from mistrust.channels.facts import facts
from mistrust.channels.table import Table, join
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.mesh.channel import Transport
from mistrust.layers.mesh.mesh import Mesh
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.exposure.door import Door


class Whole(msgspec.Struct, frozen=True):
    """Network and mesh of one snapshot."""

    workloads: tuple[Workload, ...]
    """By name, each once: copies of one object count as one."""
    places: tuple[int, ...]
    """Of each workload of the snapshot, which one of `workloads` it is."""
    table: Table
    crowds: Crowds
    doors: Doors
    meshed: tuple[bool | None, ...]
    """Of each workload: does a mesh carry it? None: it may."""

    def plaintext(self, answers: Answers) -> tuple[int, int]:
        """How many connections are served in plaintext, and of how many that is unknown.

        Counted as `layers.network.grants` counts connections: source workload or the Internet, destination workload,
        port where it is known to answer.
        """
        counts = [_plaintext(self.crowds, i, answers.get(w.ref, ())) for i, w in enumerate(self.workloads)]
        return sum(yes for yes, _ in counts), sum(unknown for _, unknown in counts)

    def spoken(self) -> frozenset[int]:
        """The workloads of the snapshot, by index, at an end of a connection that travels in plaintext."""
        found = 0
        for i in range(len(self.workloads)):
            for strand in strands(self.crowds, i):
                if strand.channel.transport is Transport.PLAINTEXT:
                    found |= self.crowds.of(strand.sources) | 1 << i
        return frozenset(i for i, place in enumerate(self.places) if found >> place & 1)

    def atlas(self, answers: Answers) -> Atlas | None:
        """The map."""
        return atlas(self.workloads, self.crowds, self.doors, answers)

    def facts(self, answers: Answers) -> Iterator[Fact]:
        """What is worth knowing, of the ports where workloads are known to answer."""
        return facts(self.workloads, self.crowds, self.meshed, self.doors, answers)


def whole(snapshot: Snapshot, network: Reach, mesh: Mesh, doors: Sequence[Door]) -> Whole:
    """Join the two layers over the endpoints that both were asked about."""
    table = join(network, mesh)
    numbers = {ref: i for i, ref in enumerate(sorted({w.ref for w in snapshot.workloads}))}
    places = [numbers[w.ref] for w in snapshot.workloads]
    firsts = dict(zip(reversed(places), reversed(snapshot.workloads), strict=True))
    speaking: list[set[bool | None]] = [set() for _ in numbers]
    for i, endpoint in enumerate(network.endpoints):
        speaking[places[endpoint.workload]].add(_speaks(mesh, i))
    return Whole(
        workloads=tuple(firsts[place] for place in range(len(numbers))),
        places=tuple(places),
        table=table,
        crowds=Crowds(table, places),
        doors=opened(doors, places),
        meshed=tuple(True if True in s else None if None in s else False for s in speaking),
    )


def _speaks(mesh: Mesh, endpoint: int) -> bool | None:
    told = {f.speaks(f.target_of[endpoint]) for f in mesh.fabrics}
    return True if True in told else None if None in told else False


def opened(doors: Sequence[Door], places: Sequence[int]) -> Doors:
    """The container ports behind the doors, by place."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for door in doors:
        ranges.setdefault(places[door.workload], []).append((door.at, door.at + 1))
    return {workload: Ports.of(found) for workload, found in ranges.items()}


def _plaintext(crowds: Crowds, workload: int, points: Sequence[int]) -> tuple[int, int]:
    served: dict[int, int] = {}
    unknown: dict[int, int] = {}
    for strand in strands(crowds, workload):
        if strand.channel.plaintext is False:
            continue
        crowd = crowds.of(strand.sources) & ~(1 << workload)
        into = served if strand.channel.plaintext else unknown
        for at in (p for p in points if p in strand.ports) if points else (0,):
            into[at] = into.get(at, 0) | crowd
    yes = sum(crowd.bit_count() for crowd in served.values())
    return yes, sum((crowd & ~served.get(at, 0)).bit_count() for at, crowd in unknown.items())
