"""Which traffic of a pod goes through its proxy, and which passes it by: neither mutual TLS nor authorization there.

Sources: manifests/charts/istio-control/istio-discovery/files/injection-template.yaml (the arguments of istio-iptables),
tools/istio-iptables/pkg/capture/run.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.mesh.member import Kind
from mistrust.layers.mesh.told import annotation

PREFIX = "traffic.sidecar.istio.io/"
INTERCEPTION = "sidecar.istio.io/interceptionMode"
BYPASS = "ambient.istio.io/bypass-inbound-capture"
OWN: Final = (15020, 15021, 15090)
"""The proxy's own ports for health and metrics: never intercepted."""


class Side(msgspec.Struct, frozen=True, gc=False):
    """What is intercepted in one direction."""

    every: bool = True
    """All ports but the excluded ones; False: none but the included ones."""
    included: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    ranges: bool = False
    """Do annotations about addresses narrow it further?"""

    def __contains__(self, port: object) -> bool:
        return port not in self.excluded and (self.every or port in self.included)

    def points(self) -> frozenset[int]:
        """The ports that differ from their neighbours."""
        return self.excluded if self.every else self.included | self.excluded


ALL = Side()
NOTHING = Side(every=False)


def inbound(e: Endpoint, kind: Kind) -> Side:
    """What of the traffic to an endpoint its proxy sees. A gateway's proxy is the server itself: all of it."""
    match kind:
        case Kind.SIDECAR:
            return NOTHING if _uncaptured(e) else _in(e.annotations)
        case Kind.AMBIENT:
            return NOTHING if e.annotations.get(BYPASS) == "true" else ALL
        case Kind.GATEWAY:
            return ALL
        case _:
            return NOTHING


def outbound(e: Endpoint, kind: Kind) -> Side:
    """What of the traffic from an endpoint its proxy sees; the ports are those that the client dials."""
    match kind:
        case Kind.SIDECAR:
            return NOTHING if _uncaptured(e) else _out(e.annotations)
        case Kind.AMBIENT | Kind.GATEWAY:
            return ALL
        case _:
            return NOTHING


def told(e: Endpoint, direction: str) -> tuple[Evidence, ...]:
    """The annotations about one direction (`Inbound`, `Outbound`)."""
    keys = [k for k in e.annotations if (k.startswith(PREFIX) and direction in k) or k in (INTERCEPTION, BYPASS)]
    return tuple(annotation(e, k) for k in sorted(keys))


def _uncaptured(e: Endpoint) -> bool:
    return e.annotations.get(INTERCEPTION) == "NONE"


def _in(annotations: Mapping[str, str]) -> Side:
    """Every port unless `includeInboundPorts` lists some (an empty list: none)."""
    given = annotations.get(f"{PREFIX}includeInboundPorts", "*")
    excluded = _ports(annotations.get(f"{PREFIX}excludeInboundPorts", ""))
    return Side(given == "*", _ports(given), excluded | frozenset(OWN))


def _out(annotations: Mapping[str, str]) -> Side:
    """Every address unless `includeOutboundIPRanges` lists some (an empty list: none); listed ports in any case."""
    ranges = annotations.get(f"{PREFIX}includeOutboundIPRanges", "*")
    narrowed = ranges not in ("", "*") or bool(annotations.get(f"{PREFIX}excludeOutboundIPRanges", ""))
    included = _ports(annotations.get(f"{PREFIX}includeOutboundPorts", ""))
    excluded = _ports(annotations.get(f"{PREFIX}excludeOutboundPorts", ""))
    return Side(ranges != "", included, excluded, narrowed)


def _ports(text: str) -> frozenset[int]:
    """The numbers in a list; of a list with anything else the injector makes no pod."""
    words = (w.strip() for w in text.split(","))
    return frozenset(int(w) for w in words if w.isdigit())
