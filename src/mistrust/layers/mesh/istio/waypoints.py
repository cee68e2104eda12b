"""Waypoints: proxies of ambient that ask policies about HTTP, and which connections lead through them.

A waypoint is for Services unless its label says otherwise, and then whoever dials the address of a pod goes around it.
Source: istio pilot/pkg/serviceregistry/ambient/waypoints.go.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.ingress import Gateway
from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.authorization.attachment import GATEWAY_NAME, WAYPOINT_CLASS, Named, Waypoint
from mistrust.layers.mesh.istio.authorization.protocols import Protocol, protocol
from mistrust.layers.mesh.istio.hosts import Hosts

USE: Final = "istio.io/use-waypoint"
USE_NAMESPACE: Final = "istio.io/use-waypoint-namespace"
FOR: Final = "istio.io/waypoint-for"
MANAGED: Final = "gateway.istio.io/managed"
MESH_CONTROLLER: Final = "istio.io-mesh-controller"


class Step(msgspec.Struct, frozen=True, gc=False):
    """A waypoint on the way to one port of a server."""

    waypoint: Waypoint
    account: Named
    """The service account whose name the server sees instead of the client's."""
    ports: tuple[int, ...]
    """The port that a rule may mean: the Service's, and the container's where it differs."""
    protocol: Protocol


class Waypoints:
    """Every waypoint, and which of them stand before an endpoint; endpoints are named by their index."""

    def __init__(self, snapshot: Snapshot, endpoints: Sequence[Endpoint], hosts: Hosts) -> None:
        self._endpoints, self._hosts = endpoints, hosts
        self._namespaces = {n.name: n.metadata.labels for n in snapshot.of(Namespace)}
        self._gateways = {
            Named(g.namespace, g.name): g for g in snapshot.of(Gateway) if g.spec.gateway_class_name == WAYPOINT_CLASS
        }
        self._accounts = {
            Named(e.namespace, e.labels[GATEWAY_NAME]): Named(e.namespace, e.account)
            for e in endpoints
            if GATEWAY_NAME in e.labels
        }

    def is_one(self, e: Endpoint) -> bool:
        """Is it a pod of a waypoint?"""
        return (
            e.labels.get(MANAGED) == MESH_CONTROLLER
            or Named(e.namespace, e.labels.get(GATEWAY_NAME, "")) in self._gateways
        )

    def all(self, target: int) -> bool:
        """Does every connection of the mesh's clients lead through a waypoint, the pod's own address included?"""
        return self._of_pod(target) is not None

    def before(self, target: int, port: int) -> Iterator[Step]:
        """The waypoints on the ways to a port."""
        if not self._gateways:
            return
        vias = self._hosts.vias[target]
        for via in vias:
            if via.target == port and (found := self.of_service(via.source)) is not None:
                waypoint = Waypoint(found, Named(via.namespace, via.source.name))
                yield Step(
                    waypoint, self._account(found), tuple(dict.fromkeys((via.port, port))), protocol((via,), port)
                )
        if (found := self._of_pod(target)) is not None:
            yield Step(Waypoint(found, None), self._account(found), (port,), protocol(vias, port))

    def every(self, target: int) -> Iterator[Waypoint]:
        """The waypoints before any port."""
        if not self._gateways:
            return
        for via in self._hosts.vias[target]:
            if (found := self.of_service(via.source)) is not None:
                yield Waypoint(found, Named(via.namespace, via.source.name))
        if (found := self._of_pod(target)) is not None:
            yield Waypoint(found, None)

    def key(self, target: int) -> Hashable:
        """What tells one server from another here."""
        return self._of_pod(target), tuple(
            (v.port, v.target, found, v.source.name)
            for v in self._hosts.vias[target]
            if (found := self.of_service(v.source)) is not None
        )

    def chosen(self, labels: Mapping[str, str], namespace: str) -> Named | None:
        """The waypoint that an object's labels, or else its namespace's, choose; it need not exist."""
        for said in (labels, self._namespaces.get(namespace, {})):
            if name := said.get(USE, ""):
                return None if name == "none" else Named(said.get(USE_NAMESPACE) or namespace, name)
        return None

    def of_service(self, service: Object) -> Named | None:
        """The waypoint before a Service."""
        return self._existing(service.metadata.labels, service.namespace, ("service", "all"))

    def _of_pod(self, target: int) -> Named | None:
        e = self._endpoints[target]
        return self._existing(e.labels, e.namespace, ("workload", "all"))

    def _existing(self, labels: Mapping[str, str], namespace: str, kinds: tuple[str, ...]) -> Named | None:
        found = self.chosen(labels, namespace)
        gateway = self._gateways.get(found) if found is not None else None
        return found if gateway is not None and gateway.metadata.labels.get(FOR, "service") in kinds else None

    def _account(self, waypoint: Named) -> Named:
        return self._accounts.get(waypoint, waypoint)
