"""Which listener of which Gateway takes a route, and whether a route may name a Service of another namespace.

Sources: sigs.k8s.io/gateway-api apis/v1/shared_types.go (ParentReference, Hostname), gateway_types.go (AllowedRoutes,
RouteNamespaces), apis/v1beta1/referencegrant_types.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import namespace_labels
from mistrust.kube.ingress import Gateway, Granted, Listener, ReferenceGrant, Route, RouteRef
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Snapshot

GROUP = Gateway.GROUP
KINDS: Mapping[str, tuple[str, ...]] = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute", "TCPRoute"),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}
"""What a listener takes where `allowedRoutes.kinds` is empty."""
WITH_HOSTS = ("HTTPRoute", "GRPCRoute", "TLSRoute")

INSIDE = ("istio-waypoint",)
"""Classes of Gateways that face the inside of a mesh."""

UNSHOWN = "its Gateway, which is not shown, faces the outside"


class Attached(msgspec.Struct, frozen=True):
    """A route at one listener. Without a Gateway: it names one that the snapshot does not show."""

    gateway: Gateway | None = None
    listener: int = -1
    assumes: str = ""

    @property
    def port(self) -> int:
        """The listener's."""
        return self.gateway.spec.listeners[self.listener].port if self.gateway else 0


class Attachments:
    """Answers where routes attach, and what ReferenceGrants permit."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._gateways = {(g.namespace, g.name): g for g in snapshot.of(Gateway)}
        self._labels = namespace_labels(snapshot)
        self._shown = {n.name for n in snapshot.of(Namespace)}
        self._grants: dict[str, list[ReferenceGrant]] = {}
        for grant in snapshot.of(ReferenceGrant):
            self._grants.setdefault(grant.namespace, []).append(grant)
        self._blind = bool(snapshot.blind(ReferenceGrant))

    def of(self, route: Route) -> Iterator[Attached]:
        """The listeners that take a route. Parents of another kind (a Service, in a mesh) face the inside."""
        for parent in route.spec.parent_refs:
            if parent.kind not in ("", "Gateway") or parent.group not in (None, GROUP):
                continue
            gateway = self._gateways.get((parent.namespace or route.namespace, parent.name))
            if gateway is None:
                yield Attached(assumes=UNSHOWN)
                continue
            if gateway.spec.gateway_class_name in INSIDE:
                continue
            for i, listener in enumerate(gateway.spec.listeners):
                assumes = self._takes(gateway, listener, route, parent)
                if assumes is not None:
                    yield Attached(gateway, i, assumes)

    def _takes(self, gateway: Gateway, listener: Listener, route: Route, parent: RouteRef) -> str | None:
        if parent.section_name not in ("", listener.name) or parent.port not in (0, listener.port):
            return None
        kinds = listener.allowed_routes.kinds
        allowed = tuple(k.kind for k in kinds if k.group == GROUP) if kinds else KINDS.get(listener.protocol)
        if allowed is not None and route.KIND not in allowed:
            return None
        hosts = route.spec.hostnames if route.KIND in WITH_HOSTS else ()
        if listener.hostname and hosts and not any(meet(listener.hostname, h) for h in hosts):
            return None
        return self._from(gateway, listener, route.namespace)

    def _from(self, gateway: Gateway, listener: Listener, namespace: str) -> str | None:
        spaces = listener.allowed_routes.namespaces
        match spaces.origin:
            case "All":
                return ""
            case "Same":
                return "" if namespace == gateway.namespace else None
            case "Selector":
                if matches(spaces.selector, self._labels.get(namespace, {})):
                    return ""
                labelled = f"namespace {namespace}, which is not shown, has the labels that {gateway.ref} asks for"
                return None if namespace in self._shown or spaces.selector is None else labelled
            case _:
                return None

    def granted(self, route: Route, backend: RouteRef) -> str | None:
        """May the route name this backend? "" for yes, None for no, else what it depends on."""
        space = backend.namespace or route.namespace
        if space == route.namespace or any(_permits(g, route, backend) for g in self._grants.get(space, ())):
            return ""
        return f"a ReferenceGrant of {space}, which could not be seen, permits it" if self._blind else None


def _permits(grant: ReferenceGrant, route: Route, backend: RouteRef) -> bool:
    source = any((s.group, s.kind, s.namespace) == (GROUP, route.KIND, route.namespace) for s in grant.spec.sources)
    return source and any(_names(t, backend) for t in grant.spec.targets)


def _names(target: Granted, backend: RouteRef) -> bool:
    kind = backend.kind or "Service"
    return (target.group, target.kind) == (backend.group or "", kind) and target.name in ("", backend.name)


def meet(one: str, other: str) -> bool:
    """Is there a host that both names mean? `*.` stands for one label or more.

    >>> meet("*.shop.example", "www.shop.example"), meet("*.shop.example", "shop.example")
    (True, False)
    """
    a, b = one.lower(), other.lower()
    if a == b:
        return True
    if b.startswith("*."):
        a, b = b, a
    return a.startswith("*.") and b.removeprefix("*").endswith(a[1:]) and b.removeprefix("*") != a[1:]
