"""What an endpoint accepts at one of its ports, its proxy, its annotations and its policies taken together."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import Sidecar
from mistrust.layers.mesh.istio.ambient import ztunnel
from mistrust.layers.mesh.istio.capture import OWN, inbound, told
from mistrust.layers.mesh.istio.gateways import HBONE_PORT, Listens
from mistrust.layers.mesh.istio.server import Mode, Scope, sidecar
from mistrust.layers.mesh.member import Kind


class Takes(StrEnum):
    """What gets through."""

    MUTUAL = "mutual"
    """Mutual TLS of the mesh alone."""
    BOTH = "both"
    """Mutual TLS of the mesh, and everything else as it is."""
    ANYTHING = "anything"
    """Everything as it is: no proxy looks at it, or the proxy passes it on."""
    TLS = "tls"
    """TLS that the proxy itself ends, with a certificate that is not the mesh's."""


class Accepts(msgspec.Struct, frozen=True, gc=False):
    """What one port takes."""

    takes: Takes
    kind: Kind
    because: str
    mode: Mode = Mode.PERMISSIVE
    """The mode of its PeerAuthentication: clients go by it even where the port is excluded."""
    captured: bool = True
    """Does the proxy see it, so that authorization is asked?"""
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()


def accepted(
    e: Endpoint, kind: Kind, port: int, scope: Scope, held: Sidecar | None, listens: Listens | None
) -> Accepts:
    """What the endpoint takes at a TCP port, if `kind` is how it takes part.

    `held` is the Sidecar for it, `listens` what it opens there as a gateway.
    """
    match kind:
        case Kind.SIDECAR:
            return _sidecar(e, port, scope, held)
        case Kind.AMBIENT if port == HBONE_PORT:
            return Accepts(Takes.MUTUAL, kind, "ztunnel takes mutual TLS alone at its own port")
        case Kind.AMBIENT:
            served = ztunnel(scope, port)
            if port not in inbound(e, kind):
                because = "an annotation keeps what comes in from ztunnel"
                return Accepts(Takes.ANYTHING, kind, because, served.mode, False, told(e, "Inbound"))
            takes = Takes.MUTUAL if served.mode is Mode.STRICT else Takes.BOTH
            doubt = (served.doubt,) if served.doubt else ()
            return Accepts(takes, kind, served.because, served.mode, True, served.decided_by, doubt)
        case Kind.GATEWAY if listens is not None:
            takes = {"mutual": Takes.MUTUAL, "tls": Takes.TLS}.get(listens.takes, Takes.ANYTHING)
            return Accepts(takes, kind, listens.because, Mode.PERMISSIVE, True, listens.decided_by, listens.unknown)
        case _:
            return Accepts(Takes.ANYTHING, kind, "the server is in no mesh", captured=False)


def _sidecar(e: Endpoint, port: int, scope: Scope, held: Sidecar | None) -> Accepts:
    served = sidecar(scope, port)
    doubt = (served.doubt,) if served.doubt else ()
    if port not in inbound(e, Kind.SIDECAR):
        own = "it is a port of the proxy itself" if port in OWN else "it is excluded from the server's proxy"
        because = f"port {port} has neither mutual TLS nor authorization: {own}"
        return Accepts(Takes.ANYTHING, Kind.SIDECAR, because, served.mode, False, told(e, "Inbound"), doubt)
    if served.mode is not Mode.DISABLE:
        takes = Takes.MUTUAL if served.mode is Mode.STRICT else Takes.BOTH
        return Accepts(takes, Kind.SIDECAR, served.because, served.mode, True, served.decided_by, doubt)
    for i, listener in enumerate(held.spec.ingress) if held is not None else ():
        if listener.port.number == port and listener.tls is not None and held is not None:
            evidence = (*served.decided_by, at(held, "spec.ingress", i, "tls", value=listener.tls.mode))
            return Accepts(Takes.TLS, Kind.SIDECAR, f"{held.ref} ends TLS itself", Mode.DISABLE, True, evidence, doubt)
    return Accepts(Takes.ANYTHING, Kind.SIDECAR, served.because, Mode.DISABLE, True, served.decided_by, doubt)
