"""What the pods of a gateway listen to: Istio's Gateway by its selector, the Gateway API's by the pod's label.

Sources: pilot/pkg/model/gateway.go (`MergeGateways`), pilot/pkg/config/kube/gateway (deployments carry the label).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Literal

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.ingress import Gateway
from mistrust.kube.istio import IstioGateway
from mistrust.kube.snapshot import Snapshot

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
HBONE_PORT = 15008


class Listens(msgspec.Struct, frozen=True, gc=False):
    """One port of a gateway."""

    takes: Literal["mutual", "tls", "plain"]
    because: str
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()


class Gateways:
    """Every gateway of the snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._istio = snapshot.of(IstioGateway)
        self._api = {(g.namespace, g.name): g for g in snapshot.of(Gateway)}

    def at(self, e: Endpoint, names: frozenset[int]) -> Listens:
        """What a pod of a gateway takes at a port; `names` are its number and those of the Services before it."""
        if HBONE_PORT in names:
            return Listens("mutual", "the port for HBONE takes mutual TLS alone")
        found = [*self._listeners(e, names)]
        if not found:
            return Listens("plain", "no Gateway opens this port")
        worst = {"plain": 0, "tls": 1, "mutual": 2}
        return min(found, key=lambda listens: worst[listens.takes])

    def ports(self, e: Endpoint) -> Iterator[int]:
        """The ports that differ from the rest."""
        yield HBONE_PORT
        for g in self.of(e):
            yield from (s.port.number for s in g.spec.servers)
        if (api := self._api.get((e.namespace, e.labels.get(GATEWAY_NAME, "")))) is not None:
            yield from (listener.port for listener in api.spec.listeners)

    def key(self, e: Endpoint) -> Hashable:
        """What tells the pods of one gateway from those of others."""
        return tuple(id(g) for g in self.of(e)), e.namespace, e.labels.get(GATEWAY_NAME, "")

    def of(self, e: Endpoint) -> tuple[IstioGateway, ...]:
        """Istio's Gateways that choose a pod by its labels."""
        return tuple(g for g in self._istio if g.spec.selector and g.spec.selector.items() <= e.labels.items())

    def certified(self, e: Endpoint) -> bool:
        """May clients show a pod certificates that are not the mesh's?"""
        modes = {s.tls.mode for g in self.of(e) for s in g.spec.servers if s.tls is not None}
        return not modes.isdisjoint(("MUTUAL", "OPTIONAL_MUTUAL"))

    def _listeners(self, e: Endpoint, names: frozenset[int]) -> Iterator[Listens]:
        for g in self.of(e):
            for i, s in enumerate(g.spec.servers):
                if s.port.number in names:
                    mode = s.tls.mode if s.tls is not None else ""
                    evidence = (at(g, "spec.servers", i, value=f"{s.port.protocol} {mode}".strip()),)
                    if s.tls is None:
                        yield Listens("plain", f"{g.ref} listens without TLS", evidence)
                    else:
                        takes: Literal["mutual", "tls"] = "mutual" if mode == "ISTIO_MUTUAL" else "tls"
                        yield Listens(takes, f"{g.ref} listens with TLS {mode or 'PASSTHROUGH'}", evidence)
        api = self._api.get((e.namespace, e.labels.get(GATEWAY_NAME, "")))
        for i, listener in enumerate(api.spec.listeners) if api is not None else ():
            if listener.port in names and api is not None:
                evidence = (at(api, "spec.listeners", i, "protocol", value=listener.protocol),)
                secure = listener.protocol in ("HTTPS", "TLS")
                yield Listens("tls" if secure else "plain", f"{api.ref} listens for {listener.protocol}", evidence)
