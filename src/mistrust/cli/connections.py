"""The composition root of everything about connections: network, mesh, both together, and certificates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from mistrust.access.fact import Fact
from mistrust.channels.atlas import Atlas
from mistrust.channels.whole import Whole, whole
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Transport
from mistrust.layers.mesh.mesh import Mesh, mesh
from mistrust.layers.network.grants import Connections, granted
from mistrust.paths.network import Network as Footing
from mistrust.paths.network import network as footing
from mistrust.report.assessment import Row


class Joined(msgspec.Struct, frozen=True):
    """What `check` needs of network and mesh."""

    connections: Connections
    mesh: Mesh
    whole: Whole
    footing: Footing
    """What attack paths walk on."""

    def facts(self, snapshot: Snapshot) -> Iterator[Fact]:
        """Facts of the network, of the mesh, and of both together."""
        yield from self.whole.facts(self.connections.answers)

    def rows(self, facts: Iterable[Fact]) -> tuple[Row, Row]:
        """The rows *connections* and *plaintext ok*."""
        every = self.connections.count()
        plain, doubtful = self.whole.plaintext(self.connections.answers)
        open_spaces = sum(f.name == "network.unsegmented" for f in facts)
        spaces = "1 namespace has" if open_spaces == 1 else f"{open_spaces:,} namespaces have"
        note = f"{spaces} no policy that limits anything" if open_spaces else ""
        meshless = "" if self.mesh.fabrics else "no mesh: only programs themselves encrypt"
        return (
            Row("connections", granted=every, note=note, layer="network"),
            Row(
                "plaintext ok",
                granted=plain,
                unknown=doubtful / every if doubtful and every else None,
                note=meshless,
                layer="mesh",
            ),
        )

    @property
    def atlas(self) -> Atlas | None:
        """The map."""
        return self.whole.atlas()


def joined(snapshot: Snapshot) -> Joined:
    """Solve the network, ask the meshes about it, and find the doors."""
    connections = granted(snapshot)
    reach = connections.origins[0].reach
    meshes = mesh(snapshot, reach.endpoints)
    bare = footing(snapshot, reach)
    both = whole(snapshot, reach, meshes, bare.doors)
    return Joined(connections, meshes, both, msgspec.structs.replace(bare, plaintext=_spoken(both)))


def _spoken(both: Whole) -> frozenset[int]:
    """The workloads at an end of a connection that travels in plaintext."""
    found = 0
    for i in range(len(both.workloads)):
        for row in both.crowds.rows(i):
            for strand in row:
                if strand.channel.transport is Transport.PLAINTEXT:
                    found |= both.crowds.of(strand.sources) | 1 << i
    return frozenset(i for i in range(len(both.workloads)) if found >> i & 1)
