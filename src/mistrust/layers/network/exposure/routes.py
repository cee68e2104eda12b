"""Doors that the routes of the Gateway API open."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import at
from mistrust.kube.ingress import Gateway, GRPCRoute, HTTPRoute, Route, TCPRoute, TLSRoute, UDPRoute
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.attachment import Attached, Attachments
from mistrust.layers.network.exposure.controllers import Controllers, Relayed, relayed
from mistrust.layers.network.exposure.door import Door, Kind, together
from mistrust.layers.network.exposure.services import NETWORK, internal

ROUTES: tuple[type[Route], ...] = (HTTPRoute, GRPCRoute, TCPRoute, TLSRoute, UDPRoute)


def every_route(snapshot: Snapshot) -> Iterator[Route]:
    """The routes of every kind."""
    for kind in ROUTES:
        yield from snapshot.of(kind)


def route_doors(snapshot: Snapshot, controllers: Controllers) -> Iterator[Door]:
    """The doors of every route that some listener takes."""
    attachments = Attachments(snapshot)
    for route in every_route(snapshot):
        for attached in attachments.of(route):
            for r, rule in enumerate(route.spec.rules):
                for b, backend in enumerate(rule.backend_refs):
                    place = (backend.namespace or route.namespace, backend.name)
                    service = controllers.behind.services.get(place)
                    granted = attachments.granted(route, backend)
                    if service is None or granted is None or backend.kind not in ("", "Service") or backend.group:
                        continue
                    evidence = at(route, "spec.rules", r, "backendRefs", b, value=backend.name)
                    through = _through(route, attached, controllers)
                    private = attached.gateway is not None and is_internal(attached.gateway)
                    ports = tuple(p for p in service.spec.ports if backend.port in (0, p.port))
                    one = Relayed(
                        Kind.ROUTE,
                        str(route.ref),
                        (evidence,),
                        through,
                        attached.port,
                        2.0 if private else 0.0,
                        together(attached.assumes, granted, NETWORK if private else ""),
                    )
                    yield from relayed(one, service, ports, controllers)


def _through(route: Route, attached: Attached, controllers: Controllers) -> tuple[int, ...]:
    """The pods of the Gateway, where they are shown."""
    gateway = attached.gateway
    if gateway is None:
        parents = ((p.namespace or route.namespace, p.name) for p in route.spec.parent_refs)
        return tuple(i for place in parents for i in controllers.of_gateway(*place))
    own = controllers.of_gateway(gateway.namespace, gateway.name)
    served, assumes = controllers.serving(gateway.spec.gateway_class_name)
    return own or (served if not assumes else ())


def is_internal(gateway: Gateway) -> bool:
    """Is its class, or an annotation, one that keeps it off the Internet?"""
    name = gateway.spec.gateway_class_name
    return "internal" in name or "rilb" in name or bool(internal(gateway.metadata.annotations))
