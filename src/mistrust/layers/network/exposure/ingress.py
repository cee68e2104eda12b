"""Doors that an Ingress opens.

Sources: k8s.io/api/networking/v1/types.go (IngressBackend); kubernetes.io/docs/concepts/services-networking/ingress.
"""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import at
from mistrust.kube.core import Service, ServicePort
from mistrust.kube.ingress import Backend, Ingress
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.controllers import Controllers, Relayed, relayed
from mistrust.layers.network.exposure.door import Door, Kind, together
from mistrust.layers.network.exposure.services import NETWORK

CLASS = "kubernetes.io/ingress.class"
"""How an Ingress named its class before `ingressClassName`."""
CLOUD = ("alb", "gce", "gce-internal", "azure-application-gateway", "azure/application-gateway")
"""Classes that a load balancer of the cloud serves: no pod is in between."""
ALB_SCHEME = "alb.ingress.kubernetes.io/scheme"
AZURE_PRIVATE = "appgw.ingress.kubernetes.io/use-private-ip"


def ingress_doors(snapshot: Snapshot, controllers: Controllers) -> Iterator[Door]:
    """The doors of every Ingress."""
    for ingress in snapshot.of(Ingress):
        name = class_of(ingress)
        pods, assumes = ((), "") if name in CLOUD else controllers.serving(name)
        private = is_private(ingress)
        for path, backend in backends(ingress):
            service = controllers.behind.services.get((ingress.namespace, backend.target))
            if service is None:
                continue
            route = Relayed(
                Kind.INGRESS,
                str(ingress.ref),
                (at(ingress, path, value=backend.target),),
                pods,
                cost=2.0 if private else 0.0,
                assumes=together(NETWORK if private else "", assumes),
            )
            yield from relayed(route, service, ports_of(service, backend), controllers)


def class_of(ingress: Ingress) -> str:
    """The name of its class; empty for the default one."""
    return ingress.spec.ingress_class_name or ingress.metadata.annotations.get(CLASS, "")


def is_private(ingress: Ingress) -> bool:
    """Does its cloud keep it off the Internet? The AWS controller does unless it is told otherwise."""
    annotations = ingress.metadata.annotations
    match class_of(ingress):
        case "alb":
            return annotations.get(ALB_SCHEME, "internal") != "internet-facing"
        case "gce-internal":
            return True
        case "azure-application-gateway" | "azure/application-gateway":
            return annotations.get(AZURE_PRIVATE, "").lower() == "true"
        case _:
            return False


def backends(ingress: Ingress) -> Iterator[tuple[str, Backend]]:
    """Every backend that is a Service, with the path of its field."""
    spec = ingress.spec
    if spec.default_backend and spec.default_backend.target:
        yield "spec.defaultBackend", spec.default_backend
    if spec.backend and spec.backend.target:
        yield "spec.backend", spec.backend
    for r, rule in enumerate(spec.rules):
        for p, path in enumerate(rule.http.paths if rule.http else ()):
            if path.backend.target:
                yield f"spec.rules[{r}].http.paths[{p}].backend", path.backend


def ports_of(service: Service, backend: Backend) -> tuple[ServicePort, ...]:
    """The port of the Service that a backend names, by number or by name; all where it names none."""
    if not backend.port:
        return service.spec.ports
    return tuple(p for p in service.spec.ports if backend.port in (p.port, p.name))
