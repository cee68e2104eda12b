"""Certificates that are shown to whoever comes: at the doors from outside, and by webhooks to the API server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mistrust.access.evidence import at
from mistrust.kube.admission import WebhookService
from mistrust.kube.core import Secret, Service
from mistrust.kube.ingress import Gateway, Ingress
from mistrust.kube.istio import IstioGateway
from mistrust.kube.pods import PodSpec
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.certificates.place import Expected, Place, Use
from mistrust.layers.mesh.certificates.roots import in_secret

SERVED = ("tls.crt", "cert")
"""Where the certificate with its chain stands: kubernetes.io/tls, and Istio's generic form."""
SHOWING = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
"""Modes in which an Istio gateway shows a certificate of its own."""

Asked = dict[tuple[str, str], list[Expected]]
"""By namespace and name of a Secret: the names that its certificate has to be for."""


class Secrets:
    """The Secrets of a snapshot, by namespace and name."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.known: Mapping[tuple[str, str], Secret] = {(s.namespace, s.name): s for s in snapshot.of(Secret)}

    def place(self, namespace: str, name: str, use: Use) -> Place | None:
        """The certificate that a Secret holds for a server."""
        secret = self.known.get((namespace, name))
        for key in SERVED if secret else ():
            if secret and (key in secret.certificates or key in secret.withheld):
                return in_secret(secret, key, use)
        return None


def asked(snapshot: Snapshot, secrets: Secrets) -> Asked:
    """Every Secret that an Ingress or a Gateway shows outside, and the names that are expected of it."""
    found: Asked = {}

    def expect(namespace: str, name: str, expected: Iterable[Expected]) -> None:
        found.setdefault((namespace, name), []).extend(expected)

    for ingress in snapshot.of(Ingress):
        for i, tls in enumerate(ingress.spec.tls):
            if tls.secret_name:
                where = at(ingress, "spec.tls", i, "hosts")
                hosts = tls.hosts or tuple(r.host for r in ingress.spec.rules)
                names = (Expected(h, str(ingress.ref), where) for h in hosts if h)
                expect(ingress.namespace, tls.secret_name, names)
    for gateway in snapshot.of(Gateway):
        for i, listener in enumerate(gateway.spec.listeners):
            if listener.tls is None or listener.tls.mode == "Passthrough":
                continue
            where = at(gateway, "spec.listeners", i, "hostname")
            hosts = (listener.hostname,) if listener.hostname else ()
            for ref in listener.tls.certificate_refs:
                if ref.kind in ("", "Secret") and not ref.group:
                    names = (Expected(h, str(gateway.ref), where) for h in hosts)
                    expect(ref.namespace or gateway.namespace, ref.name, names)
    for door in snapshot.of(IstioGateway):
        for i, server in enumerate(door.spec.servers):
            if server.tls is None or server.tls.mode not in SHOWING:
                continue
            where = at(door, "spec.servers", i, "hosts")
            hosts = tuple(h.rpartition("/")[2] for h in server.hosts)
            for name in dict.fromkeys((*server.tls.credential_names, server.tls.credential_name)):
                namespace = _of_gateway(snapshot, door, name, secrets) if name else ""
                if namespace:
                    names = (Expected(h, str(door.ref), where) for h in hosts if h != "*")
                    expect(namespace, name, names)
    return found


def _of_gateway(snapshot: Snapshot, door: IstioGateway, name: str, secrets: Secrets) -> str:
    """Where a Gateway's Secret stands: in the namespace of the pods that it selects."""
    selector = door.spec.selector
    pods = (w.namespace for w in snapshot.workloads if covers(selector, w.labels))
    return next((n for n in (*pods, door.namespace) if (n, name) in secrets.known), "")


def outside(snapshot: Snapshot, secrets: Secrets) -> Iterator[Place]:
    """The certificates of all doors."""
    for (namespace, name), expected in asked(snapshot, secrets).items():
        place = secrets.place(namespace, name, Use.DOOR)
        if place is not None:
            yield Place(place.evidence, place.use, place.pem, place.withheld, tuple(dict.fromkeys(expected)))


def behind(snapshot: Snapshot, service: WebhookService, secrets: Secrets) -> tuple[Place, ...]:
    """The certificates that the pods behind a Service mount: one of them is what they show."""
    found: dict[str, Place] = {}
    for known in snapshot.of(Service):
        if (known.namespace, known.name) != (service.namespace, service.name):
            continue
        for workload in snapshot.workloads:
            if workload.namespace == known.namespace and covers(known.spec.selector, workload.labels):
                for name in mounted(workload.spec):
                    place = secrets.place(known.namespace, name, Use.WEBHOOK)
                    if place is not None:
                        found[name] = place
    return tuple(found.values())


def mounted(spec: PodSpec) -> Iterator[str]:
    """The names of the Secrets that a pod has as files."""
    for volume in spec.volumes:
        if volume.secret is not None:
            yield volume.secret.secret_name
        if volume.projected is not None:
            yield from (s.secret.name for s in volume.projected.sources if s.secret is not None)
