"""What each mesh answers, so that one place can put them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mistrust.access.match import Match
from mistrust.layers.mesh.channel import Channel


class Fabric(Protocol):
    """One mesh over all endpoints: few classes of clients and of servers, and the channel of each pair and port.

    Endpoints are in one class when nothing that this mesh asks tells them apart, members of the mesh or not.
    """

    @property
    def source_of(self) -> Sequence[int]:
        """Endpoint -> class of clients."""

    @property
    def target_of(self) -> Sequence[int]:
        """Endpoint -> class of servers."""

    @property
    def outside(self) -> int:
        """The class of clients that are no endpoint."""

    @property
    def assumed(self) -> Sequence[str]:
        """Settings that the snapshot does not show and what was assumed instead, for a person."""

    def sends(self, source: int) -> Match:
        """Has this class of clients a proxy of this mesh?"""

    def speaks(self, target: int) -> Match:
        """Has this class of servers a proxy of this mesh?"""

    def tunnels(self, target: int) -> bool:
        """May a connection to this class of servers travel in a tunnel, on a port of its own (`Channel.carried`)?"""

    def alike(self, target: int) -> Sequence[int]:
        """For each class of clients a number; those with the same one get the same channels from this class of servers.

        Servers that tell the same clients apart answer the same object.
        """

    def cuts(self, target: int) -> tuple[int, ...]:
        """The points of the line of ports (`access.ports`) where the answer for this class may change, in order."""

    def channel(self, source: int, target: int, at: int) -> Channel:
        """The channel of a class of clients, a class of servers and a port.

        Asked where the server may be in this mesh, or is in none and the client may be in this one.
        """
