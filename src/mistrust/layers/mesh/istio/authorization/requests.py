"""What a client sends to a server of the mesh: one request or one connection, or everything that it may send."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Final

import msgspec

from mistrust.layers.mesh.istio.authorization.truth import Truth

Claim = str | float | bool | tuple["Claim", ...] | Mapping[str, "Claim"] | None
"""A value in a token."""


class Http(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request as the server's proxy sees it, paths normalised as the mesh is told to."""

    method: str = "GET"
    path: str = "/"
    """With its query."""
    host: str = ""
    """The authority, with the port if the client wrote one."""
    headers: Mapping[str, str] = {}
    """Names in lower case; of a name sent twice the values with a comma between."""
    claims: Mapping[str, Claim] | None = None
    """Of the token that the proxy has checked; None without one."""


class Anything(Enum):
    """Not one, but all: every HTTP request that a client can make up, every address outside, every name."""

    HTTP = "every request"

    PLACE = "every address"
    NAME = "every name"


ANY_HTTP: Final = Anything.HTTP
ANYWHERE: Final = Anything.PLACE
ANYBODY: Final = Anything.NAME


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request, or a connection. What is None is not told, except where it says otherwise."""

    port: int
    """Where it arrives: the container's port."""
    principal: str | Anything | None = None
    """Proved by mutual TLS, as Istio writes it: `cluster.local/ns/shop/sa/web`. None: nobody proved who they are.
    ANYBODY: whoever has a certificate that the server takes."""
    source: str | Anything | None = None
    """The address of the peer; ANYWHERE for whoever is outside."""
    remote: str | Anything | None = None
    """The address of the client, which HTTP proxies take from X-Forwarded-For."""
    destination: str | None = None
    """The address that was dialled."""
    sni: str | None = None
    """The server name in TLS; empty for none."""
    http: Http | Anything | None = None
    """None: bytes over TCP."""
    tokens: bool = True
    """Does the proxy check tokens? If not, none counts."""
    metadata: Mapping[tuple[str, str], Claim] | None = None
    """What filters before the authorization left, by filter and key."""
    assumed: Mapping[Hashable, Truth] = {}
    """Answers taken for granted: to questions of rules, and by name those of external authorizers."""

    def __hash__(self) -> int:
        """Of what is hashable, and most often differs."""
        return hash((self.port, self.principal, self.source, self.remote, self.destination, self.sni))
