"""The connections that every cluster needs although hardly anybody writes them down, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from mistrust.access.ports import PROTOCOLS, point
from mistrust.kube.admission import (
    APIService,
    CustomResourceDefinition,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    WebhookService,
)
from mistrust.kube.core import Endpoints, EndpointSlice, Service
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Metadata, Ref
from mistrust.kube.pods import Container, ContainerPort, PodSpec, PodTemplate
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.workloads import Deployment, TemplateSpec
from mistrust.layers.network.addresses import place
from mistrust.layers.network.exposure.behind import SERVICE_NAME, Behind

RESOLVERS: Final = (
    ("kube-system", "kube-dns"),
    ("kube-system", "coredns"),
    ("kube-system", "rke2-coredns-rke2-coredns"),
    ("openshift-dns", "dns-default"),
)
"""The Services that answer for names: kubeadm and most others, some charts, RKE2, OpenShift (at 5353 of its pods)."""
NODE_LOCAL: Final = "169.254.20.10"
"""Where NodeLocal DNSCache answers on every node (kubernetes/kubernetes cluster/addons/dns/nodelocaldns)."""
API_SERVER: Final = ("default", "kubernetes")
CONTROL: Final = {
    "istio-proxy": (("istio-system", "istiod", 15012),),
    "linkerd-proxy": (
        ("linkerd", "linkerd-identity-headless", 8080),
        ("linkerd", "linkerd-dst-headless", 8086),
        ("linkerd", "linkerd-policy", 8090),
    ),
}
"""What a proxy asks its mesh for, by the name of its container: namespace, Service and port."""

Place = tuple[str, int]
"""An address, and a point on the line of ports."""


class Regulars(msgspec.Struct, frozen=True):
    """What is always added, as far as the snapshot shows it."""

    resolvers: tuple[tuple[Ref, int], ...]
    """Workloads that answer for names, with the ports."""
    node_local: bool
    api_server: tuple[Place, ...]
    """Where the API server answers itself."""
    hooks: tuple[tuple[Ref, int, str], ...]
    """Workloads that the API server calls, at which port, and who says so."""
    control: tuple[tuple[Ref, Ref, int], ...]
    """A workload with a proxy, and what the proxy asks."""
    behind: Behind


def promised(given: Snapshot) -> Snapshot:
    """The snapshot with the resolver of kubeadm where manifests show none: every cluster has one."""
    if given.scope is not Scope.MANIFESTS or _resolvers(given, Behind(given, ()), shown=False):
        return given
    ports = tuple(ContainerPort(container_port=53, protocol=p) for p in ("UDP", "TCP"))
    template = PodTemplate(
        Metadata(labels={"k8s-app": "kube-dns"}), PodSpec(containers=(Container(name="coredns", ports=ports),))
    )
    resolver = Deployment(metadata=Metadata(name="coredns", namespace="kube-system"), spec=TemplateSpec(template))
    return snapshot((*given.objects, resolver), given.problems, gaps=given.gaps, scope=given.scope)


def regulars(given: Snapshot, ends: Sequence[Endpoint]) -> Regulars:
    """Find them."""
    behind = Behind(given, ends)
    refs = [w.ref for w in given.workloads]
    found = {
        (refs[ends[i].workload], point(port.protocol, number))
        for name in RESOLVERS
        if name in behind.services
        for port in behind.services[name].spec.ports
        if port.port == 53 and port.protocol in PROTOCOLS
        for i, number in behind.targets(behind.services[name], port)
    }
    if not found:
        found = {(ref, point(p, 53)) for ref in _resolvers(given, behind, shown=True) for p in ("UDP", "TCP")}
    return Regulars(
        resolvers=tuple(sorted(found)),
        node_local=any(w.labels.get("k8s-app") == "node-local-dns" for w in given.workloads),
        api_server=tuple(dict.fromkeys(_api_server(given, ends))),
        hooks=tuple(dict.fromkeys(_hooks(given, ends, behind))),
        control=tuple(dict.fromkeys(_control(given, ends, behind))),
        behind=behind,
    )


def _resolvers(given: Snapshot, behind: Behind, *, shown: bool) -> list[Ref]:
    labelled = [w.ref for w in given.workloads if w.labels.get("k8s-app") in ("kube-dns", "coredns")]
    return labelled if shown or labelled else [Ref("", "Service", *n) for n in RESOLVERS if n in behind.services]


def placed(given: Snapshot, service: Service, at: int) -> Iterator[Place]:
    """The addresses that were written down for a port of a Service, each with the port that it is sent to."""
    names = {p.name for p in service.spec.ports if p.protocol in PROTOCOLS and point(p.protocol, p.port) == at}
    for s in given.of(EndpointSlice):
        if s.namespace == service.namespace and s.metadata.labels.get(SERVICE_NAME) == service.name:
            points = [point(p.protocol, p.port) for p in s.ports if p.name in names and p.protocol in PROTOCOLS]
            yield from ((a, p) for e in s.endpoints for a in e.addresses for p in points if place(a) is not None)
    for o in given.of(Endpoints):
        if (o.namespace, o.name) == (service.namespace, service.name):
            for subset in o.subsets:
                points = [
                    point(p.protocol, p.port) for p in subset.ports if p.name in names and p.protocol in PROTOCOLS
                ]
                yield from ((a.ip, p) for a in subset.addresses for p in points if place(a.ip) is not None)


def _api_server(given: Snapshot, ends: Sequence[Endpoint]) -> Iterator[Place]:
    for service in given.of(Service):
        if (service.namespace, service.name) == API_SERVER:
            for port in service.spec.ports:
                yield from placed(given, service, point(port.protocol, port.port))
    for e in ends:
        if e.namespace == "kube-system" and e.labels.get("component") == "kube-apiserver":
            yield from ((a, point("TCP", 6443)) for a in e.addresses)


def _hooks(given: Snapshot, ends: Sequence[Endpoint], behind: Behind) -> Iterator[tuple[Ref, int, str]]:
    asked: list[tuple[WebhookService | None, Ref]] = []
    asked += [
        (hook.client_config.service, o.ref) for o in given.of(ValidatingWebhookConfiguration) for hook in o.webhooks
    ]
    asked += [
        (hook.client_config.service, o.ref) for o in given.of(MutatingWebhookConfiguration) for hook in o.webhooks
    ]
    asked += [(o.spec.service, o.ref) for o in given.of(APIService)]
    for o in given.of(CustomResourceDefinition):
        if o.spec.conversion is not None and o.spec.conversion.webhook is not None:
            asked.append((o.spec.conversion.webhook.client_config.service, o.ref))
    for service, ref in asked:
        if service is not None and (service.namespace, service.name) in behind.services:
            called = behind.services[service.namespace, service.name]
            ports = [p for p in called.spec.ports if p.port == 443] or called.spec.ports
            for port in ports:
                for i, number in behind.targets(called, port):
                    yield given.workloads[ends[i].workload].ref, point(port.protocol, number), str(ref)


def _control(given: Snapshot, ends: Sequence[Endpoint], behind: Behind) -> Iterator[tuple[Ref, Ref, int]]:
    refs = [w.ref for w in given.workloads]
    for name, places in CONTROL.items():
        proxied = [w.ref for w in given.workloads if _has(w.spec, name) or any(_has(p.spec, name) for p in w.pods)]
        answering = [
            (refs[ends[i].workload], point(port.protocol, number))
            for space, service, wanted in places
            if (space, service) in behind.services
            for port in behind.services[space, service].spec.ports
            if port.port == wanted
            for i, number in behind.targets(behind.services[space, service], port)
        ]
        yield from ((ref, target, at) for ref in proxied for target, at in answering if ref != target)


def _has(spec: PodSpec, container: str) -> bool:
    return any(c.name == container for _, c in spec.every_container())


def known(places: Iterable[Place]) -> tuple[str, ...]:
    """The addresses alone."""
    return tuple(dict.fromkeys(address for address, _ in places))
