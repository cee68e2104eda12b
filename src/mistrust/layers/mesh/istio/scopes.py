"""What a client's proxy knows of the mesh: the Sidecar that holds for it, and where it may send otherwise.

Source: pilot/pkg/model/sidecar.go, push_context.go (`getSidecarScope`): of a namespace's Sidecars the oldest that
selects the pod by labels, else the oldest without a selector, else the one of the root namespace without a selector.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import msgspec

from mistrust.kube.istio import Sidecar
from mistrust.layers.mesh.istio.config import Config
from mistrust.layers.mesh.istio.hosts import Via


class Known(msgspec.Struct, frozen=True):
    """What one client may know."""

    hosts: tuple[str, ...] = ()
    """`namespace/host` patterns; empty for everything that is exported to it."""
    registry_only: bool = False
    """Is what it does not know refused?"""

    def sees(self, via: Via, namespace: str) -> bool:
        """Does it know this host?"""
        if "*" not in via.exported and namespace not in via.exported:
            return False
        return not self.hosts or any(_covers(h, via, namespace) for h in self.hosts)

    def key(self) -> Hashable:
        """What tells it from others."""
        return self.hosts, self.registry_only


class Scopes:
    """Every Sidecar, and which of them holds for a pod."""

    def __init__(self, sidecars: Iterable[Sidecar], config: Config) -> None:
        self._config = config
        self._by_namespace: dict[str, list[Sidecar]] = {}
        self.narrow = False
        """Does some Sidecar limit what its pods know?"""
        for s in sorted(sidecars, key=lambda s: (s.metadata.creation_timestamp, f"{s.name}.{s.namespace}")):
            self._by_namespace.setdefault(s.namespace, []).append(s)
            self.narrow = self.narrow or bool(s.spec.egress)

    def of(self, namespace: str, labels: Mapping[str, str]) -> Sidecar | None:
        """The Sidecar that holds for a pod."""
        held = self._by_namespace.get(namespace, ())
        selecting = [s for s in held if _selects(s)]
        chosen = [s for s in selecting if _selects(s).items() <= labels.items()]
        common = [s for s in held if not _selects(s)]
        rest = [s for s in self._by_namespace.get(self._config.root, ()) if not _selects(s)]
        return next(iter((*chosen, *common, *rest)), None)

    def known(self, namespace: str, labels: Mapping[str, str]) -> Known:
        """What a pod's proxy knows."""
        held = self.of(namespace, labels)
        registry_only = self._config.registry_only
        if held is None:
            return Known((), registry_only)
        if held.spec.outbound_traffic_policy is not None:
            registry_only = held.spec.outbound_traffic_policy.mode == "REGISTRY_ONLY"
        hosts = tuple(sorted({h for e in held.spec.egress for h in e.hosts}))
        return Known(() if "*/*" in hosts else hosts, registry_only)


def _selects(s: Sidecar) -> Mapping[str, str]:
    chosen = s.spec.workload_selector
    return {} if chosen is None else chosen.labels or chosen.match_labels


def _covers(pattern: str, via: Via, namespace: str) -> bool:
    where, slash, host = pattern.partition("/")
    if not slash:
        where, host = "*", pattern
    if where != "*" and via.namespace != (namespace if where == "." else where):
        return False
    return host in ("*", via.host) or (host.startswith("*") and via.host.endswith(host[1:]))
