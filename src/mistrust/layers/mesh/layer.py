"""The mesh layer: how every connection is protected, by every mesh of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mistrust.access.fact import Fact
from mistrust.kube.endpoints import endpoints
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.facts import every as istio_facts
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.linkerd import facts as linkerd_facts
from mistrust.layers.mesh.linkerd.linkerd import Linkerd
from mistrust.layers.mesh.mesh import Mesh, mesh


class Meshes:
    """Transport, identity and authorization of every connection."""

    name = "mesh"
    absent: Literal["allow", "deny"] = "allow"

    def granted(self, snapshot: Snapshot) -> Mesh:
        """Every mesh over the endpoints of the snapshot."""
        return mesh(snapshot, endpoints(snapshot))

    def facts(self, snapshot: Snapshot, granted: Mesh, /) -> Iterator[Fact]:
        """What is worth knowing about them."""
        for fabric in granted.fabrics:
            match fabric:
                case Istio():
                    yield from istio_facts.facts(fabric, snapshot)
                case Linkerd():
                    yield from linkerd_facts.facts(fabric, snapshot)
                case _:
                    pass
