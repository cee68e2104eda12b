"""Doors that Istio's Gateways and VirtualServices open.

Sources: istio.io/api networking/v1 (Gateway, VirtualService); pilot/pkg/model/gateway.go and push_context.go for how
gateways and hosts are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.evidence import at
from mistrust.kube.core import Service
from mistrust.kube.istio import IstioGateway, RouteDestination, VirtualRoute, VirtualService
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.attachment import UNSHOWN, meet
from mistrust.layers.network.exposure.controllers import Controllers, Relayed, relayed
from mistrust.layers.network.exposure.door import Door, Kind

MESH = "mesh"
"""The sidecars, in place of a gateway."""
PROTOCOLS = ("http", "tls", "tcp")


def istio_doors(snapshot: Snapshot, controllers: Controllers) -> Iterator[Door]:
    """The doors of every VirtualService that a gateway serves."""
    gateways = {(g.namespace, g.name): g for g in snapshot.of(IstioGateway)}
    for virtual in snapshot.of(VirtualService):
        for place in named_gateways(virtual):
            gateway = gateways.get(place)
            pods: tuple[int, ...] = ()
            port, assumes = 0, UNSHOWN
            if gateway is not None:
                server = next((s for s in gateway.spec.servers if serving(s.hosts, gateway, virtual)), None)
                if server is None or not _exported(virtual, gateway.namespace):
                    continue
                pods, port, assumes = _pods(gateway, controllers), server.port.number, ""
            yield from _doors(virtual, pods, port, assumes, controllers)


def _doors(
    virtual: VirtualService, pods: tuple[int, ...], outer: int, assumes: str, controllers: Controllers
) -> Iterator[Door]:
    for word in PROTOCOLS:
        routes: tuple[VirtualRoute, ...] = getattr(virtual.spec, word)
        for r, route in enumerate(routes):
            for d, weighted in enumerate(route.route):
                to = weighted.destination
                service = _service(virtual, to, controllers)
                if service is None:
                    continue
                evidence = at(virtual, f"spec.{word}", r, "route", d, "destination.host", value=to.host)
                one = Relayed(Kind.VIRTUAL_SERVICE, str(virtual.ref), (evidence,), pods, outer, 0.0, assumes)
                wanted = to.port.number if to.port else 0
                ports = tuple(p for p in service.spec.ports if wanted in (0, p.port))
                yield from relayed(one, service, ports, controllers)


def named_gateways(virtual: VirtualService) -> Iterator[tuple[str, str]]:
    """Namespace and name of the gateways that a VirtualService is for; the sidecars are none."""
    for text in virtual.spec.gateways:
        space, slash, own = text.rpartition("/")
        if text != MESH:
            yield space if slash else virtual.namespace, own


def _pods(gateway: IstioGateway, controllers: Controllers) -> tuple[int, ...]:
    """The pods that a Gateway configures: of any namespace."""
    return tuple(i for i, e in enumerate(controllers.ends) if covers(gateway.spec.selector, e.labels))


def serving(hosts: Sequence[str], gateway: IstioGateway, virtual: VirtualService) -> bool:
    """Does a server take a host of the VirtualService, and from its namespace? `ns/host`, with `.` and `*` for ns."""
    for text in hosts:
        space, slash, host = text.rpartition("/")
        if (
            slash
            and space not in ("*", virtual.namespace)
            and not (space == "." and virtual.namespace == gateway.namespace)
        ):
            continue
        if any(host == "*" or own == "*" or meet(host, own) for own in virtual.spec.hosts):
            return True
    return False


def _exported(virtual: VirtualService, namespace: str) -> bool:
    to = virtual.spec.export_to
    return not to or "*" in to or namespace in to or ("." in to and virtual.namespace == namespace)


def _service(virtual: VirtualService, to: RouteDestination, controllers: Controllers) -> Service | None:
    """The Service that a host name means: a short name is one of the VirtualService's namespace."""
    name, _, rest = to.host.partition(".")
    space, _, domain = rest.partition(".")
    if domain and not (domain == "svc" or domain.startswith("svc.")):
        return None
    return controllers.behind.services.get((space or virtual.namespace, name))
