"""Who is in Istio's mesh, and how: each endpoint is, is not, or it is not known."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence


class Kind(StrEnum):
    """How an endpoint takes part."""

    SIDECAR = "sidecar"
    """A proxy in the pod."""
    GATEWAY = "gateway"
    """The pod is a proxy, for others; waypoints too."""
    AMBIENT = "ambient"
    """The node's ztunnel."""
    NONE = "none"
    UNKNOWN = "unknown"


ISTIO = frozenset({Kind.SIDECAR, Kind.GATEWAY, Kind.AMBIENT})


class Member(msgspec.Struct, frozen=True, gc=False):
    """What is known of one endpoint."""

    kind: Kind
    because: str = ""
    """One clause: `its namespace has istio-injection=enabled`."""
    decided_by: tuple[Evidence, ...] = ()
    predicted: bool = False
    """True where no running pod shows it: labels say what the injector will do."""
    maybe: Kind = Kind.NONE
    """Of an UNKNOWN one: what it may be."""


OUTSIDER = Member(Kind.NONE)
