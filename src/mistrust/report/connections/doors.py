"""What Ingress and Route objects ask of whatever serves them, as np-guard reads it.

The objects do not say which pods serve them, so one stands for all of them: a pod without labels in a namespace of its
own, from where the ports must be reachable that the objects lead to and the containers declare
(np-guard/netpol-analyzer pkg/netpol/connlist/internal/ingressanalyzer).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mistrust.access.ports import NO_PORT, Ports
from mistrust.kube.core import Service, ServicePort
from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.ingress import Ingress
from mistrust.kube.openshift import OpenShiftRoute
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot
from mistrust.report.connections.listed import Peer
from mistrust.report.connections.peers import Population

NAMESPACE = "ingress-controller-ns"
CONTROLLER = Endpoint(
    workload=-1,
    namespace=NAMESPACE,
    name="ingress-controller",
    labels={},
    annotations={},
    ports=(),
    host_network=False,
    account="",
)
LABELS: Mapping[str, str] = {NAMESPACE_NAME: NAMESPACE}
"""Those of its namespace."""


def doors(snapshot: Snapshot, people: Population) -> Mapping[Peer, Ports]:
    """The declared TCP ports of each workload that some Ingress or Route leads to."""
    services = {(s.namespace, s.name): s for s in snapshot.of(Service)}
    owner = {i: peer for peer, members in people.groups.items() for i in members}
    selected: dict[tuple[str, str], list[int]] = {}
    found: dict[Peer, Ports] = {}
    for place, wanted in _wanted(snapshot):
        service = services.get(place)
        if service is None:
            continue
        if place not in selected:
            selected[place] = [
                i
                for i, e in enumerate(people.endpoints)
                if e.namespace == service.namespace and covers(service.spec.selector, e.labels)
            ]
        for i in selected[place]:
            for target in _targets(service.spec.ports, wanted):
                number = _declared(people.endpoints[i], target)
                if number:
                    opened = Ports.span("TCP", number, number)
                    found[owner[i]] = found.get(owner[i], NO_PORT) | opened
    return found


def _wanted(snapshot: Snapshot) -> Iterator[tuple[tuple[str, str], int | str]]:
    """Each Service that is led to, with the port that is asked for; 0 for all of its ports."""
    for ingress in snapshot.of(Ingress):
        spec = ingress.spec
        paths = [path.backend for rule in spec.rules if rule.http is not None for path in rule.http.paths]
        for backend in (spec.default_backend, spec.backend, *paths):
            if backend is not None and backend.target:
                yield (ingress.namespace, backend.target), backend.port
    for route in snapshot.of(OpenShiftRoute):
        wanted = route.spec.port.target_port if route.spec.port is not None else 0
        for target in (route.spec.to, *route.spec.alternate_backends):
            if target.kind in ("", "Service"):
                yield (route.namespace, target.name), wanted


def _targets(ports: Sequence[ServicePort], wanted: int | str) -> list[int | str]:
    """The ports of the pods behind the port of the Service that is asked for: the first that fits, or all."""
    every = [port.target_port or port.port for port in ports]
    if not wanted:
        return every
    return [t for p, t in zip(ports, every, strict=True) if wanted in (p.port, p.target_port, p.name)][:1]


def _declared(pod: Endpoint, target: int | str) -> int:
    """The number of a port that a container declares; 0 where none does."""
    for port in pod.ports:
        if target == port.number or (target == port.name and port.protocol == "TCP"):
            return port.number
    return 0
