"""Every connection of a cluster with its whole verdict, and what is counted, drawn and said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mistrust.access.fact import Fact
from mistrust.access.ports import Ports
from mistrust.channels.atlas import Atlas
from mistrust.channels.crowd import Crowds
from mistrust.channels.drawing import Doors, atlas, strands
from mistrust.channels.facts import facts
from mistrust.channels.table import Table, join
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.mesh.mesh import Mesh
from mistrust.layers.network.exposure.door import Door
from mistrust.layers.network.reach import Reach


class Whole(msgspec.Struct, frozen=True):
    """Network and mesh of one snapshot."""

    workloads: tuple[Workload, ...]
    table: Table
    crowds: Crowds
    doors: Doors
    meshed: tuple[bool, ...]
    """Of each workload: does a mesh carry it, or may one?"""

    def plaintext(self, answers: Mapping[Ref, Sequence[int]]) -> tuple[int, int]:
        """How many connections are served in plaintext, and of how many that is unknown.

        Counted as `layers.network.grants` counts connections: source workload or the Internet, destination workload,
        port where it is known to answer.
        """
        counts = [_plaintext(self.crowds, i, answers.get(w.ref, ())) for i, w in enumerate(self.workloads)]
        return sum(yes for yes, _ in counts), sum(unknown for _, unknown in counts)

    def atlas(self) -> Atlas | None:
        """The map."""
        return atlas(self.workloads, self.crowds, self.doors)

    def facts(self, answers: Mapping[Ref, Sequence[int]]) -> Iterator[Fact]:
        """What is worth knowing, of the ports where workloads are known to answer."""
        return facts(self.workloads, self.crowds, self.meshed, self.doors, answers)


def whole(snapshot: Snapshot, network: Reach, mesh: Mesh, doors: Sequence[Door]) -> Whole:
    """Join the two layers over the endpoints that both were asked about."""
    table = join(network, mesh)
    meshed = [False] * len(snapshot.workloads)
    for i, endpoint in enumerate(network.endpoints):
        if any(f.speaks(f.target_of[i]) is not False for f in mesh.fabrics):
            meshed[endpoint.workload] = True
    return Whole(
        workloads=snapshot.workloads,
        table=table,
        crowds=Crowds(table, len(snapshot.workloads)),
        doors=opened(doors),
        meshed=tuple(meshed),
    )


def opened(doors: Sequence[Door]) -> Doors:
    """The container ports behind the doors, by workload."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for door in doors:
        ranges.setdefault(door.workload, []).append((door.at, door.at + 1))
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
