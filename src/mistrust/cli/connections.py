"""The composition root of everything about connections: network, mesh, both together, and certificates."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from mistrust.access.fact import Fact
from mistrust.access.flow import Flow
from mistrust.access.record import Record, Tally
from mistrust.channels.atlas import Atlas
from mistrust.channels.plaintext import used_in_plaintext
from mistrust.channels.uses import uses
from mistrust.channels.whole import Whole, whole
from mistrust.cli.evidence import Seen
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.certificates.facts import facts as certificate_facts
from mistrust.layers.mesh.certificates.seen import unseen
from mistrust.layers.mesh.layer import Meshes
from mistrust.layers.mesh.mesh import Mesh, mesh
from mistrust.layers.mesh.use import Use
from mistrust.layers.network.doubt import doubtful as unsettled
from mistrust.layers.network.exposure.facts import exposure_facts
from mistrust.layers.network.facts.telling import folded
from mistrust.layers.network.grants import Connections
from mistrust.layers.network.layer import Network
from mistrust.layers.network.least.enough import ENOUGH, thin
from mistrust.layers.network.least.regulars import promised
from mistrust.layers.network.needed import unused_rules
from mistrust.layers.network.usage import Names, used
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
        yield from Network().facts(snapshot, self.connections)
        yield from exposure_facts(snapshot, self.footing.doors)
        yield from Meshes().facts(snapshot, self.mesh)
        yield from certificate_facts(snapshot, int(time.time()))
        yield from self.whole.facts(self.connections.answers)

    def unused(self, snapshot: Snapshot, flows: Record[Flow]) -> Iterator[Fact]:
        """Rules of policies that no flow needed. Manifests that show no resolver are judged with that of kubeadm."""
        given = promised(snapshot)
        connections = self.connections if given is snapshot else Network().granted(given)
        yield from folded(unused_rules(connections, used(connections, flows, given)))

    def rows(self, snapshot: Snapshot, facts: Iterable[Fact], given: Seen) -> tuple[Row, Row]:
        """The rows *connections* and *plaintext ok*."""
        flows = given.flows
        seen = used(self.connections, flows, snapshot) if flows is not None else None
        counted = seen.granted if seen is not None else self.connections
        every = counted.count()
        plain, doubtful = self.whole.plaintext(counted.answers)
        open_spaces = sum(f.name == "network.unsegmented" for f in facts)
        spaces = "1 namespace has" if open_spaces == 1 else f"{open_spaces:,} namespaces have"
        note = f"{spaces} no policy that limits anything" if open_spaces else ""
        carried, workloads = sum(m is True for m in self.whole.meshed), len(self.whole.meshed)
        meshed = f"{carried:,} of {workloads:,} workloads in a mesh" if self.mesh.fabrics else "no mesh"
        unsure = unsettled(counted).count()
        thinly = thin(seen.coverage, ENOUGH) if seen is not None else ""
        hidden = every - seen.count() if seen is not None and thinly else unsure
        spoken, untold = None, 0
        if flows is not None:
            spoken, untold = used_in_plaintext(self.whole, counted.answers, mesh_uses(snapshot, given))
        unclear = doubtful + (plain - spoken if spoken is not None and thinly else untold)
        return (
            Row(
                "connections",
                granted=every,
                used=seen.count() if seen is not None else None,
                excess=share(seen.count(), every) if seen is not None and not thinly else None,
                unknown=hidden / every if hidden and every else None,
                note=note,
                layer="network",
            ),
            Row(
                "plaintext ok",
                granted=plain,
                used=spoken,
                excess=share(spoken + untold, plain) if spoken is not None and not thinly else None,
                unknown=unclear / every if unclear and every else None,
                note=meshed,
                layer="mesh",
            ),
        )

    def remarks(self, snapshot: Snapshot) -> tuple[Problem, ...]:
        """What was not read and what was assumed instead: settings of meshes, certificates in Secrets."""
        settings = (Problem(words, snapshot.name, blinds=False) for words in self.mesh.assumed)
        return (*settings, *unseen(snapshot))

    @property
    def atlas(self) -> Atlas | None:
        """The map."""
        return self.whole.atlas(self.connections.answers)


def mesh_uses(snapshot: Snapshot, seen: Seen) -> Mapping[Use, Tally]:
    """What was seen of connections, told by the workloads of a snapshot; empty without flows."""
    if seen.flows is None:
        return {}
    exchanges = seen.exchanges
    return uses(Names(snapshot), seen.flows.uses, exchanges.uses if exchanges is not None else {})


def share(used: int, granted: int) -> float | None:
    """The part of the granted that is not used, from 0 to 1; None where nothing is granted."""
    return 1 - used / granted if granted else None


def joined(snapshot: Snapshot) -> Joined:
    """Solve the network, ask the meshes about it, and find the doors."""
    connections = Network().granted(snapshot)
    reach = connections.origins[0].reach
    meshes = mesh(snapshot, reach.endpoints)
    bare = footing(snapshot, reach)
    both = whole(snapshot, reach, meshes, bare.doors)
    return Joined(connections, meshes, both, msgspec.structs.replace(bare, plaintext=both.spoken()))
