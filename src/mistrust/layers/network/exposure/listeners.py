"""Listeners that face the outside: those that take routes of every namespace, and those that serve in the clear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.ingress import Gateway, Ingress, Listener
from mistrust.kube.istio import GatewayServer, IstioGateway, VirtualService
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.attachment import INSIDE, Attachments
from mistrust.layers.network.exposure.door import Door, Kind
from mistrust.layers.network.exposure.ingress import is_private
from mistrust.layers.network.exposure.istio import named_gateways, serving
from mistrust.layers.network.exposure.routes import every_route, is_internal

CERTIFICATES = ("cert", "router.tls", "ssl-policy")
"""In the name of an annotation by which a controller gets its certificate without `spec.tls`."""


def listener_facts(snapshot: Snapshot, doors: Sequence[Door]) -> Iterator[Fact]:
    """`doors` are those for the Internet."""
    routed = {d.how for d in doors if d.kind in (Kind.INGRESS, Kind.ROUTE, Kind.VIRTUAL_SERVICE)}
    yield from _taking_all(snapshot)
    yield from _gateways(snapshot, routed)
    yield from _ingresses(snapshot, routed)
    yield from _istio(snapshot, routed)


def _taking_all(snapshot: Snapshot) -> Iterator[Fact]:
    for gateway in snapshot.of(Gateway):
        if gateway.spec.gateway_class_name in INSIDE:
            continue
        taking = [(i, one) for i, one in enumerate(gateway.spec.listeners) if _takes_all(one)]
        if taking:
            evidence = tuple(
                at(
                    gateway,
                    "spec.listeners",
                    i,
                    "allowedRoutes.namespaces.from",
                    value=one.allowed_routes.namespaces.origin,
                )
                for i, one in taking
            )
            clause = f"listener {_names(one.name for _, one in taking)} takes routes of every namespace"
            yield Fact("network.open-gateway", str(gateway.ref), gateway.ref, clause, evidence)


def _takes_all(listener: Listener) -> bool:
    spaces = listener.allowed_routes.namespaces
    return spaces.origin == "All" or (spaces.origin == "Selector" and spaces.selector == LabelSelector())


def _gateways(snapshot: Snapshot, routed: set[str]) -> Iterator[Fact]:
    attachments = Attachments(snapshot)
    clear: dict[int, dict[int, str]] = {}
    gateways = {id(g): g for g in snapshot.of(Gateway)}
    for route in every_route(snapshot):
        for attached in attachments.of(route) if str(route.ref) in routed else ():
            g = attached.gateway
            if g is not None and g.spec.listeners[attached.listener].protocol == "HTTP" and not is_internal(g):
                clear.setdefault(id(g), {}).setdefault(attached.listener, str(route.ref))
    for number, several in clear.items():
        gateway = gateways[number]
        evidence = tuple(at(gateway, "spec.listeners", i, "protocol", value="HTTP") for i in several)
        names = _names(gateway.spec.listeners[i].name for i in several)
        clause = f"listener {names} serves {', '.join(dict.fromkeys(several.values()))} without TLS"
        yield _in_the_clear(gateway, clause, evidence)


def _ingresses(snapshot: Snapshot, routed: set[str]) -> Iterator[Fact]:
    for ingress in snapshot.of(Ingress):
        if str(ingress.ref) not in routed or is_private(ingress) or _certified(ingress):
            continue
        sealed = {host for tls in ingress.spec.tls for host in tls.hosts}
        every = any(not tls.hosts for tls in ingress.spec.tls)
        clear = [
            (r, rule.host) for r, rule in enumerate(ingress.spec.rules) if rule.http and not _covered(rule.host, sealed)
        ]
        if clear and not every:
            evidence = tuple(at(ingress, "spec.rules", r, "host", value=host) for r, host in clear)
            clause = f"serves {', '.join(dict.fromkeys(host or 'every host' for _, host in clear))} without TLS"
            yield _in_the_clear(ingress, clause, evidence)


def _covered(host: str, sealed: set[str]) -> bool:
    """Does a certificate for these hosts serve this one? A wildcard stands for one label."""
    return host in sealed or f"*.{host.partition('.')[2]}" in sealed


def _certified(ingress: Ingress) -> bool:
    return any(part in key for key in ingress.metadata.annotations for part in CERTIFICATES)


def _istio(snapshot: Snapshot, routed: set[str]) -> Iterator[Fact]:
    gateways = {(g.namespace, g.name): g for g in snapshot.of(IstioGateway)}
    clear: dict[tuple[str, str], dict[int, str]] = {}
    for virtual in snapshot.of(VirtualService):
        for place in named_gateways(virtual) if str(virtual.ref) in routed else ():
            gateway = gateways.get(place)
            for i, server in enumerate(gateway.spec.servers if gateway else ()):
                if gateway and _plain(server) and serving(server.hosts, gateway, virtual):
                    clear.setdefault(place, {}).setdefault(i, str(virtual.ref))
    for place, several in clear.items():
        gateway = gateways[place]
        evidence = tuple(at(gateway, "spec.servers", i, "port.protocol", value="HTTP") for i in several)
        clause = f"serves {', '.join(dict.fromkeys(several.values()))} without TLS"
        yield _in_the_clear(gateway, clause, evidence)


def _plain(server: GatewayServer) -> bool:
    plain = server.port.protocol.upper() in ("HTTP", "HTTP2", "GRPC")
    return plain and not (server.tls is not None and server.tls.https_redirect)


def _in_the_clear(o: Gateway | Ingress | IstioGateway, clause: str, evidence: tuple[Evidence, ...]) -> Fact:
    return Fact("network.plain-http", str(o.ref), o.ref, clause, evidence)


def _names(names: Iterator[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
