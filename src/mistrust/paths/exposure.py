"""Which workloads answer to the outside world, and through which door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.core import Service
from mistrust.kube.ingress import Backend, Gateway, GRPCRoute, HTTPRoute, Ingress, Route, TCPRoute, TLSRoute, UDPRoute
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload

ROUTES: tuple[type[Route], ...] = (HTTPRoute, GRPCRoute, TCPRoute, TLSRoute, UDPRoute)

INTERNAL = {
    "networking.gke.io/load-balancer-type": "internal",
    "cloud.google.com/load-balancer-type": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
"""Annotations by which a cloud keeps a load balancer off the Internet, with the value that does so, in lower case."""


class Exposure(msgspec.Struct, frozen=True):
    """One door to one workload."""

    workload: Workload
    how: str
    """`Service shop/web (LoadBalancer)`."""
    evidence: tuple[Evidence, ...]
    cost: float = 0.0
    """0 for a door that is meant for the world; more where the nodes, or a private network, must be reachable first."""
    assumes: str = ""


def exposures(snapshot: Snapshot, workloads: Sequence[Workload]) -> tuple[Exposure, ...]:
    """The easiest door of each workload that has one, in the order of `workloads`."""
    behind = _Selected(workloads)
    best: dict[int, Exposure] = {}
    for index, exposure in (*_services(snapshot, behind), *_routes(snapshot, behind), *_hosts(workloads)):
        known = best.get(index)
        if known is None or _order(exposure) < _order(known):
            best[index] = exposure
    return tuple(best[i] for i in sorted(best))


def _order(exposure: Exposure) -> tuple[float, str]:
    return exposure.cost, exposure.how


class _Selected:
    """Answers which workloads a Service selects, from one label that it asks for."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self.workloads = workloads
        self.by_label: dict[tuple[str, str, str], list[int]] = {}
        for i, w in enumerate(workloads):
            for key, value in w.labels.items():
                self.by_label.setdefault((w.namespace, key, value), []).append(i)

    def by(self, service: Service) -> Iterator[tuple[int, Workload]]:
        selector = service.spec.selector
        if not selector:
            return
        candidates = min((self.by_label.get((service.namespace, k, v), []) for k, v in selector.items()), key=len)
        for i in candidates:
            if covers(selector, self.workloads[i].labels):
                yield i, self.workloads[i]


def _services(snapshot: Snapshot, behind: _Selected) -> Iterator[tuple[int, Exposure]]:
    for service in snapshot.of(Service):
        door = _door(service)
        if door is None:
            continue
        how, field, value, cost, assumes = door
        for i, workload in behind.by(service):
            yield i, Exposure(workload, how, (at(service, field, value=value), _selector(service)), cost, assumes)


def _door(service: Service) -> tuple[str, str, str, float, str] | None:
    spec = service.spec
    if spec.type == "LoadBalancer":
        private = any(service.metadata.annotations.get(k, "").lower() == v for k, v in INTERNAL.items())
        limited = [r for r in spec.load_balancer_source_ranges if not r.endswith("/0")]
        if private:
            assumes = "the attacker is in the private network"
            return f"{service.ref} (internal LoadBalancer)", "spec.type", spec.type, 2.0, assumes
        if limited and len(limited) == len(spec.load_balancer_source_ranges):
            value = ", ".join(limited)
            assumes = f"the attacker comes from {value}"
            return f"{service.ref} (LoadBalancer)", "spec.loadBalancerSourceRanges", value, 2.0, assumes
        return f"{service.ref} (LoadBalancer)", "spec.type", spec.type, 0.0, ""
    if spec.external_ips:
        return f"{service.ref} (externalIPs)", "spec.externalIPs", ", ".join(spec.external_ips), 0.5, ""
    if spec.type == "NodePort":
        return f"{service.ref} (NodePort)", "spec.type", spec.type, 1.0, "the nodes can be reached from outside"
    return None


def _selector(service: Service) -> Evidence:
    return at(service, "spec.selector", value=", ".join(f"{k}={v}" for k, v in service.spec.selector.items()))


def _routes(snapshot: Snapshot, behind: _Selected) -> Iterator[tuple[int, Exposure]]:
    services = {(s.namespace, s.name): s for s in snapshot.of(Service)}
    for ingress in snapshot.of(Ingress):
        for path, name in _backends(ingress):
            service = services.get((ingress.namespace, name))
            for i, workload in behind.by(service) if service else ():
                found = (at(ingress, path, value=name), _selector(service)) if service else ()
                yield i, Exposure(workload, str(ingress.ref), found)
    gateways = {(g.namespace, g.name) for g in snapshot.of(Gateway)}
    for kind in ROUTES:
        for route in snapshot.of(kind):
            doors = [p for p in route.spec.parent_refs if p.kind in ("", "Gateway")]
            if route.spec.parent_refs and not doors:  # a mesh route: its parent is a Service, it faces the inside
                continue
            shown = any((p.namespace or route.namespace, p.name) in gateways for p in doors)
            assumes = "" if shown else "its Gateway, which is not shown, faces the outside"
            for r, rule in enumerate(route.spec.rules):
                for b, backend in enumerate(rule.backend_refs):
                    service = services.get((backend.namespace or route.namespace, backend.name))
                    if service is None or backend.kind not in ("", "Service"):
                        continue
                    evidence = (at(route, "spec.rules", r, "backendRefs", b, value=backend.name), _selector(service))
                    for i, workload in behind.by(service):
                        yield i, Exposure(workload, str(route.ref), evidence, 0.0, assumes)


def _backends(ingress: Ingress) -> Iterator[tuple[str, str]]:
    def of(backend: Backend | None) -> str:
        return backend.target if backend else ""

    spec = ingress.spec
    if name := of(spec.default_backend):
        yield "spec.defaultBackend", name
    if name := of(spec.backend):
        yield "spec.backend", name
    for r, rule in enumerate(spec.rules):
        for p, path in enumerate(rule.http.paths if rule.http else ()):
            if path.backend.target:
                yield f"spec.rules[{r}].http.paths[{p}].backend", path.backend.target


def _hosts(workloads: Sequence[Workload]) -> Iterator[tuple[int, Exposure]]:
    assumes = "the node can be reached from outside"
    for i, workload in enumerate(workloads):
        spec = workload.spec
        for where, container in spec.every_container():
            for p, port in enumerate(container.ports):
                field = f"{workload.path}.{where}.ports[{p}].hostPort"
                evidence = at(workload.source, field, value=str(port.host_port))
                if port.host_port and not spec.host_network and not port.host_ip.startswith("127."):
                    yield i, Exposure(workload, f"hostPort {port.host_port}", (evidence,), 1.0, assumes)
                elif spec.host_network and port.container_port:
                    evidence = at(workload.source, f"{workload.path}.hostNetwork", value="true")
                    yield i, Exposure(workload, f"port {port.container_port} of its node", (evidence,), 2.0, assumes)
