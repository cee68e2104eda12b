"""What a mesh makes of one connection: transport, authenticated identity, authorization."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence


class Transport(StrEnum):
    """How the bytes travel. The order is from safest to worst; UNKNOWN is never safe."""

    MTLS_ENFORCED = "mtls-enforced"
    """Mutual TLS, and the server refuses plaintext."""
    MTLS_OPPORTUNISTIC = "mtls-opportunistic"
    """This client speaks mutual TLS; the server would take plaintext too."""
    TLS = "tls"
    """TLS that the mesh does not vouch for: the client names no mesh identity."""
    NODE_ENCRYPTED = "node-encrypted"
    """The plugin encrypts between nodes; no workload is authenticated."""
    PLAINTEXT = "plaintext"
    BROKEN = "broken"
    """The two sides do not fit: no connection comes about."""
    UNKNOWN = "unknown"


class Authn(StrEnum):
    """Who the server knows the client to be."""

    WORKLOAD = "workload"
    NODE = "node"
    NONE = "none"
    UNKNOWN = "unknown"


class Authz(StrEnum):
    """What authorization says."""

    DENIED = "denied"
    """No request passes."""
    REQUESTS = "requests"
    """Some requests pass; which is said in `because`."""
    IDENTITY = "identity"
    """Everything passes, and others' identities would not."""
    ADDRESS = "address"
    """Everything passes because of the address: nobody proved who they are."""
    NONE = "none"
    """Nothing is checked."""
    UNKNOWN = "unknown"


class Channel(msgspec.Struct, frozen=True, gc=False):
    """The mesh's part of a verdict, for one source, destination and port."""

    transport: Transport
    authn: Authn
    authz: Authz
    plaintext: bool | None
    """Would the server, this source being where it is, serve it in plaintext, authorization included? None: unknown."""
    because: str = ""
    """One sentence for a person."""
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()
    """What is missing to be sure."""
    carried: int = 0
    """The TCP port that the network sees in place of the one that is dialled, where a tunnel carries the connection."""
    perhaps: bool = False
    """Is it not known whether a tunnel carries it?"""
    relayed: bool = False
    """May another pod of the mesh open it in the client's place? The network then sees that pod."""
