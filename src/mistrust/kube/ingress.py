"""Doors for traffic from outside: Ingress and the Gateway API."""

from __future__ import annotations

from typing import ClassVar

from mistrust.kube.meta import Object, Value


class BackendService(Value, frozen=True, gc=False):
    """The Service behind an Ingress path."""

    name: str = ""


class Backend(Value, frozen=True, gc=False):
    """An Ingress backend, in networking.k8s.io/v1 or the older `serviceName` form."""

    service: BackendService | None = None
    service_name: str = ""

    @property
    def target(self) -> str:
        """The name of the Service; empty for a resource backend."""
        return self.service.name if self.service else self.service_name


class IngressPath(Value, frozen=True, gc=False):
    """One path of a host."""

    path: str = ""
    backend: Backend = Backend()


class IngressHTTP(Value, frozen=True, gc=False):
    """The paths of a host."""

    paths: tuple[IngressPath, ...] = ()


class IngressRule(Value, frozen=True, gc=False):
    """A host."""

    host: str = ""
    http: IngressHTTP | None = None


class IngressSpec(Value, frozen=True, gc=False):
    """`spec` of an Ingress."""

    rules: tuple[IngressRule, ...] = ()
    default_backend: Backend | None = None
    backend: Backend | None = None
    """The name of `defaultBackend` before networking.k8s.io/v1."""


class Ingress(Object, frozen=True, gc=False):
    """networking.k8s.io Ingress."""

    GROUP: ClassVar[str] = "networking.k8s.io"
    KIND: ClassVar[str] = "Ingress"
    spec: IngressSpec = IngressSpec()


class RouteRef(Value, frozen=True, gc=False):
    """A parent (Gateway) or a backend (Service) of a route."""

    name: str = ""
    namespace: str = ""
    kind: str = ""
    group: str = ""


class RouteRule(Value, frozen=True, gc=False):
    """One rule of a route."""

    backend_refs: tuple[RouteRef, ...] = ()


class RouteSpec(Value, frozen=True, gc=False):
    """`spec` of a route."""

    parent_refs: tuple[RouteRef, ...] = ()
    rules: tuple[RouteRule, ...] = ()


class Route(Object, frozen=True, gc=False):
    """A route of the Gateway API, of any protocol."""

    GROUP: ClassVar[str] = "gateway.networking.k8s.io"
    spec: RouteSpec = RouteSpec()


class HTTPRoute(Route, frozen=True, gc=False):
    """HTTPRoute."""

    KIND: ClassVar[str] = "HTTPRoute"


class GRPCRoute(Route, frozen=True, gc=False):
    """GRPCRoute."""

    KIND: ClassVar[str] = "GRPCRoute"


class TCPRoute(Route, frozen=True, gc=False):
    """TCPRoute."""

    KIND: ClassVar[str] = "TCPRoute"


class TLSRoute(Route, frozen=True, gc=False):
    """TLSRoute."""

    KIND: ClassVar[str] = "TLSRoute"


class UDPRoute(Route, frozen=True, gc=False):
    """UDPRoute."""

    KIND: ClassVar[str] = "UDPRoute"


class Gateway(Object, frozen=True, gc=False):
    """A Gateway."""

    GROUP: ClassVar[str] = "gateway.networking.k8s.io"
    KIND: ClassVar[str] = "Gateway"
