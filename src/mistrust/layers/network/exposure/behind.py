"""Which pods stand behind a Service, and at which of their ports.

Sources: pkg/controller/endpointslice and staging/src/k8s.io/endpointslice (FindPort, ports by name and protocol);
Services without a selector: k8s.io/api/discovery/v1 (LabelServiceName).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.kube.core import Endpoints, EndpointSlice, EndpointTarget, Service, ServicePort
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot

SERVICE_NAME = "kubernetes.io/service-name"

Target = tuple[int, int]
"""Index of an endpoint, and its port."""


class Behind:
    """Answers what Services select, each once."""

    def __init__(self, snapshot: Snapshot, ends: Sequence[Endpoint]) -> None:
        self.ends = ends
        self.services = {(s.namespace, s.name): s for s in snapshot.of(Service)}
        self._snapshot = snapshot
        self._labelled: dict[tuple[str, str, str], list[int]] | None = None
        self._selected: dict[tuple[str, str], tuple[int, ...]] = {}
        self._named: dict[tuple[str, str], int] | None = None
        self._addressed: dict[str, int] = {}

    def pods(self, service: Service) -> tuple[int, ...]:
        """The endpoints that a Service selects."""
        place = (service.namespace, service.name)
        if place not in self._selected:
            self._selected[place] = tuple(self._select(service))
        return self._selected[place]

    def targets(self, service: Service, port: ServicePort) -> Iterator[Target]:
        """The pods behind one port of a Service, each with the port that it is sent to.

        A target port by name is looked up in each pod; one that does not have it is not behind the port.
        """
        if service.spec.type == "ExternalName":
            return
        found = self._chosen(service, port) if service.spec.selector else self._by_hand(service, port)
        yield from ((i, number) for i, number in found if sound(port.protocol, number))

    def _chosen(self, service: Service, port: ServicePort) -> Iterator[Target]:
        for i in self.pods(service):
            wanted = port.target_port or port.port
            yield i, wanted if isinstance(wanted, int) else port_named(self.ends[i], wanted, port.protocol)

    def _select(self, service: Service) -> Iterator[int]:
        selector = service.spec.selector
        if not selector:
            return
        if self._labelled is None:
            self._labelled = self._index()
        candidates = min((self._labelled[service.namespace, k, v] for k, v in selector.items()), key=len)
        yield from (i for i in candidates if covers(selector, self.ends[i].labels))

    def _index(self) -> dict[tuple[str, str, str], list[int]]:
        """The endpoints that have a label which some Service asks for."""
        found: dict[tuple[str, str, str], list[int]] = {
            (s.namespace, k, v): [] for s in self._snapshot.of(Service) for k, v in s.spec.selector.items()
        }
        for i, e in enumerate(self.ends):
            for label in e.labels.items():
                at = found.get((e.namespace, *label))
                if at is not None:
                    at.append(i)
        return found

    def _by_hand(self, service: Service, port: ServicePort) -> Iterator[Target]:
        """What somebody wrote down instead of a selector."""
        found: dict[Target, None] = {}
        for s in self._snapshot.of(EndpointSlice):
            if s.namespace == service.namespace and s.metadata.labels.get(SERVICE_NAME) == service.name:
                numbers = [p.port for p in s.ports if p.name == port.name and p.protocol == port.protocol]
                for e in s.endpoints:
                    for i in self._written(s.namespace, e.target_ref, e.addresses):
                        found.update(dict.fromkeys((i, n) for n in numbers))
        for o in self._snapshot.of(Endpoints):
            if (o.namespace, o.name) == (service.namespace, service.name):
                for subset in o.subsets:
                    numbers = [p.port for p in subset.ports if p.name == port.name and p.protocol == port.protocol]
                    for a in subset.addresses:
                        for i in self._written(o.namespace, a.target_ref, (a.ip,)):
                            found.update(dict.fromkeys((i, n) for n in numbers))
        yield from found

    def _written(self, namespace: str, target: EndpointTarget | None, addresses: Sequence[str]) -> Iterator[int]:
        if self._named is None:
            self._named = {(e.namespace, e.name): i for i, e in enumerate(self.ends) if e.running}
            self._addressed = {a: i for i, e in enumerate(self.ends) for a in e.addresses if not e.host_network}
        if target is not None and target.kind == "Pod":
            own = self._named.get((target.namespace or namespace, target.name))
            if own is not None:
                yield own
                return
        yield from dict.fromkeys(self._addressed[a] for a in addresses if a in self._addressed)


def sound(protocol: str, number: int) -> bool:
    """Is there such a port? The API server refuses others; files may hold them."""
    return protocol in PROTOCOLS and 0 < number < SPAN


def port_named(pod: Endpoint, name: str, protocol: str) -> int:
    """The number behind a port name, which must be of the same protocol; 0 if the pod has none."""
    return next((p.number for p in pod.ports if p.name == name and p.protocol == protocol), 0)
