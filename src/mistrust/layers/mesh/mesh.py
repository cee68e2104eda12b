"""The mesh's part of every connection: which channel a client and a server get, at which port, and why."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from mistrust.access.ports import SPAN
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Authn, Authz, Channel, Transport
from mistrust.layers.mesh.classes import Classes
from mistrust.layers.mesh.encryption import Encryption, encryption
from mistrust.layers.mesh.fabric import Fabric
from mistrust.layers.mesh.istio.istio import istio
from mistrust.layers.mesh.linkerd.linkerd import linkerd

UNMESHED: Final = Channel(
    Transport.PLAINTEXT, Authn.NONE, Authz.NONE, plaintext=True, because="neither side is in a mesh"
)

Key = tuple[tuple[int, ...], bool]
"""The class in each mesh, and whether the pod has a network of its own."""


def mesh(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Mesh:
    """Every mesh of the snapshot over these endpoints."""
    found: tuple[Fabric | None, ...] = (istio(snapshot, endpoints), linkerd(snapshot, endpoints))
    return Mesh([f for f in found if f is not None], endpoints, encryption(snapshot))


class Mesh:
    """All meshes of a cluster together: few classes of clients and of servers, and the channel of each pair and port.

    A server's mesh decides about it, whoever the client is; about a server in no mesh, the client's.
    """

    def __init__(self, fabrics: Sequence[Fabric], endpoints: Sequence[Endpoint], nodes: Encryption) -> None:
        self.fabrics = tuple(fabrics)
        self.nodes = nodes
        sources, targets = Classes[Key](), Classes[Key]()
        own = [not e.host_network for e in endpoints]
        everybody = range(len(endpoints))
        self.source_of: Sequence[int] = tuple(
            sources.of((tuple(f.source_of[i] for f in self.fabrics), own[i])) for i in everybody
        )
        """Endpoint -> class of clients."""
        self.target_of: Sequence[int] = tuple(
            targets.of((tuple(f.target_of[i] for f in self.fabrics), own[i])) for i in everybody
        )
        """Endpoint -> class of servers."""
        self.outside: int = sources.of((tuple(f.outside for f in self.fabrics), False))
        """The class of whoever is no endpoint: the Internet, nodes."""
        self._sources, self._targets = sources.keys, targets.keys
        self._cuts: dict[int, tuple[int, ...]] = {}
        self._found: dict[tuple[int, int, int], Channel] = {}
        self._alike: dict[int, Sequence[int]] = {}
        self._told: dict[tuple[int, ...], Sequence[int]] = {}

    @property
    def assumed(self) -> tuple[str, ...]:
        """Settings that the snapshot does not show and what was assumed instead, for a person."""
        return tuple(a for f in self.fabrics for a in f.assumed)

    def cuts(self, target: int) -> tuple[int, ...]:
        """The points of the line of ports where the answer for this class of servers may change, in order."""
        if target not in self._cuts:
            points = {p for f, t in zip(self.fabrics, self._targets[target][0], strict=True) for p in f.cuts(t)}
            self._cuts[target] = tuple(sorted(points | {SPAN, 2 * SPAN}))
        return self._cuts[target]

    def tunnels(self, target: int) -> bool:
        """May a connection to this class of servers travel in a tunnel, on a port of its own (`Channel.carried`)?"""
        return any(f.tunnels(t) for f, t in zip(self.fabrics, self._targets[target][0], strict=True))

    def alike(self, target: int) -> Sequence[int]:
        """For each class of clients the first that gets the same channels from this class of servers.

        Servers that tell the same clients apart answer the same object.
        """
        if target not in self._alike:
            told = [f.alike(t) for f, t in zip(self.fabrics, self._targets[target][0], strict=True)]
            key = tuple(map(id, told))
            if key not in self._told:
                first: dict[Key, int] = {}
                self._told[key] = tuple(
                    first.setdefault((tuple(n[s] for n, s in zip(told, own, strict=True)), apart), c)
                    for c, (own, apart) in enumerate(self._sources)
                )
            self._alike[target] = self._told[key]
        return self._alike[target]

    def channel(self, source: int, target: int, at: int) -> Channel:
        """The channel of a class of clients, a class of servers and a port (`access.ports.point`)."""
        source = self.alike(target)[source]
        key = (source, target, bisect_right(self.cuts(target), at))
        if key not in self._found:
            self._found[key] = self._encrypted(source, target, self._channel(source, target, at))
        return self._found[key]

    def _channel(self, source: int, target: int, at: int) -> Channel:
        clients, servers = self._sources[source][0], self._targets[target][0]
        sides = [*zip(self.fabrics, clients, servers, strict=True)]
        speaking = [(f, s, t) for f, s, t in sides if f.speaks(t) is not False]
        sending = [(f, s, t) for f, s, t in sides if f.sends(s) is not False]
        for fabric, s, t in sorted(speaking, key=lambda side: side[0].speaks(side[2]) is not True):
            return fabric.channel(s, t, at)
        for fabric, s, t in sorted(sending, key=lambda side: side[0].sends(side[1]) is not True):
            return fabric.channel(s, t, at)
        return UNMESHED

    def _encrypted(self, source: int, target: int, found: Channel) -> Channel:
        """Between pods with a network of their own the plugin may encrypt what no mesh does."""
        if found.transport is not Transport.PLAINTEXT or not (self._sources[source][1] and self._targets[target][1]):
            return found
        on = self.nodes.on
        if isinstance(on, str):
            return msgspec.structs.replace(found, unknown=(*found.unknown, on))
        if not on:
            return found
        because = f"{found.because}; between nodes the network encrypts: {self.nodes.because}"
        decided_by = (*found.decided_by, *self.nodes.decided_by)
        return msgspec.structs.replace(
            found, transport=Transport.NODE_ENCRYPTED, because=because, decided_by=decided_by
        )
