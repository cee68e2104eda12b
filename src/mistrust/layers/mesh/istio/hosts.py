"""The names under which clients reach an endpoint: each port of each Service and ServiceEntry that selects it.

Source: pilot/pkg/serviceregistry/kube/conversion.go (`ConvertService`), pilot/pkg/serviceregistry/serviceentry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.kube.core import EndpointSlice, Service
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import ServiceEntry
from mistrust.kube.meta import Object
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot

DOMAIN: Final = "svc.cluster.local"
EXPORT_TO = "networking.istio.io/exportTo"
SLICE_OF = "kubernetes.io/service-name"
PUBLIC: Final = frozenset({"*"})


class Via(msgspec.Struct, frozen=True, eq=False):
    """One port of one host that leads to a port of an endpoint."""

    host: str
    namespace: str
    port: int
    """The port that clients dial."""
    target: int
    """The port of the container."""
    headless: bool
    """Clients dial the pod's own address."""
    external: bool
    """MESH_EXTERNAL: automatic mutual TLS does not apply."""
    exported: frozenset[str]
    """The namespaces that know it; `*` for all."""
    address: str
    """Its cluster IP, where known."""
    source: Object


class Hosts:
    """Every host of the mesh, and which of them lead to an endpoint."""

    def __init__(self, snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> None:
        self._by_namespace: dict[str, list[Service | ServiceEntry]] = {}
        every: list[Service | ServiceEntry] = [*snapshot.of(Service), *snapshot.of(ServiceEntry)]
        for s in every:
            if _selector(s):
                self._by_namespace.setdefault(s.namespace, []).append(s)
        self._keys = {n: sorted({k for s in held for k in _selector(s)}) for n, held in self._by_namespace.items()}
        self._manual = _manual(snapshot)
        self._known: dict[object, tuple[Via, ...]] = {}
        self.names: frozenset[str] = frozenset(name for s in every for name in names(s))
        """Every host that a rule can be about."""
        self.shown: frozenset[str] = frozenset(n for s in snapshot.of(Service) for n in _exported(s) if n != "*")
        """Namespaces that Services are shown to by name."""
        self.vias: tuple[tuple[Via, ...], ...] = tuple(self._of(e) for e in endpoints)
        """Endpoint -> the ways to dial it."""

    def _of(self, e: Endpoint) -> tuple[Via, ...]:
        keys = self._keys.get(e.namespace, ())
        seen = tuple(e.labels.get(k) for k in keys)
        key = (e.namespace, seen, e.ports)
        if key not in self._known:
            chosen = [s for s in self._by_namespace.get(e.namespace, ()) if covers(_selector(s), e.labels)]
            self._known[key] = tuple(v for s in chosen for v in _vias(s, e))
        who = (("pod", e.namespace, e.name), *(("ip", a, "") for a in e.addresses))
        written = [v for w in who for v in self._manual.get(w, ())] if self._manual else []
        return (*self._known[key], *dict.fromkeys(written)) if written else self._known[key]


def names(s: Service | ServiceEntry) -> tuple[str, ...]:
    """The host names of a Service or a ServiceEntry."""
    return (f"{s.name}.{s.namespace}.{DOMAIN}",) if isinstance(s, Service) else s.spec.hosts


def _selector(s: Service | ServiceEntry) -> Mapping[str, str]:
    if isinstance(s, Service):
        return s.spec.selector if s.spec.type != "ExternalName" else {}
    return s.spec.workload_selector.labels or s.spec.workload_selector.match_labels if s.spec.workload_selector else {}


def _vias(s: Service | ServiceEntry, e: Endpoint) -> Iterator[Via]:
    for host in names(s):
        if isinstance(s, Service):
            for p in s.spec.ports:
                if p.protocol == "TCP":
                    for target in _targets(p.target_port or p.port, e):
                        yield _of_service(s, host, p.port, target)
        else:
            for q in s.spec.ports:
                if q.protocol.upper() != "UDP":
                    external = s.spec.location == "MESH_EXTERNAL"
                    target = q.target_port or q.number
                    headless = s.spec.resolution == "NONE"
                    yield Via(host, s.namespace, q.number, target, headless, external, PUBLIC, "", s)


def _of_service(s: Service, host: str, port: int, target: int) -> Via:
    headless = s.spec.cluster_ip == "None"
    address = "" if headless else s.spec.cluster_ip
    return Via(host, s.namespace, port, target, headless, False, _exported(s), address, s)


def _targets(wanted: int | str, e: Endpoint) -> Iterable[int]:
    if isinstance(wanted, int):
        return (wanted,)
    if wanted.isdigit():
        return (int(wanted),)
    return dict.fromkeys(p.number for p in e.ports if p.name == wanted and p.protocol == "TCP")


def _exported(s: Service) -> frozenset[str]:
    told = s.metadata.annotations.get(EXPORT_TO, "")
    words = frozenset(w.strip() for w in told.split(",") if w.strip())
    if not words or "*" in words:
        return PUBLIC
    return frozenset() if "~" in words else frozenset(s.namespace if w == "." else w for w in words)


def _manual(snapshot: Snapshot) -> dict[tuple[str, str, str], list[Via]]:
    """Services without a selector reach what their EndpointSlices, written by hand, name: a pod or an address."""
    bare = {(s.namespace, s.name): s for s in snapshot.of(Service) if not _selector(s)}
    out: dict[tuple[str, str, str], list[Via]] = {}
    for piece in snapshot.of(EndpointSlice):
        service = bare.get((piece.namespace, piece.metadata.labels.get(SLICE_OF, "")))
        if service is None:
            continue
        host = names(service)[0]
        dialled = {p.name: p.port for p in service.spec.ports if p.protocol == "TCP"}
        for p in piece.ports:
            if p.protocol != "TCP" or p.name not in dialled:
                continue
            via = _of_service(service, host, dialled[p.name], p.port)
            for backend in piece.endpoints:
                if backend.target_ref is not None and backend.target_ref.kind == "Pod":
                    who = ("pod", backend.target_ref.namespace or piece.namespace, backend.target_ref.name)
                    out.setdefault(who, []).append(via)
                else:
                    for address in backend.addresses:
                        out.setdefault(("ip", address, ""), []).append(via)
    return out
