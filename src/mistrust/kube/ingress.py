"""Doors for traffic from outside: Ingress and the Gateway API.

Sources: k8s.io/api/networking/v1/types.go, sigs.k8s.io/gateway-api apis/v1 and apis/v1beta1 (ReferenceGrant).
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Object, Value
from mistrust.kube.selectors import LabelSelector


class BackendPort(Value, frozen=True, gc=False):
    """A port of the Service, by number or by name."""

    number: int = 0
    name: str = ""


class BackendService(Value, frozen=True, gc=False):
    """The Service behind an Ingress path."""

    name: str = ""
    port: BackendPort = BackendPort()


class Backend(Value, frozen=True, gc=False):
    """An Ingress backend, in networking.k8s.io/v1 or the older `serviceName` form."""

    service: BackendService | None = None
    service_name: str = ""
    service_port: int | str = 0

    @property
    def target(self) -> str:
        """The name of the Service; empty for a resource backend."""
        return self.service.name if self.service else self.service_name

    @property
    def port(self) -> int | str:
        """The port of the Service; 0 where none is given."""
        if self.service is None:
            return self.service_port
        return self.service.port.number or self.service.port.name or 0


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


class IngressTLS(Value, frozen=True, gc=False):
    """The Secret whose certificate serves some hosts."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Value, frozen=True, gc=False):
    """`spec` of an Ingress."""

    ingress_class_name: str = ""
    tls: tuple[IngressTLS, ...] = ()
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
    group: str | None = None
    """Absent it is the Gateway API's group for a parent and the core group for a backend."""
    section_name: str = ""
    port: int = 0


class RouteRule(Value, frozen=True, gc=False):
    """One rule of a route."""

    backend_refs: tuple[RouteRef, ...] = ()


class RouteSpec(Value, frozen=True, gc=False):
    """`spec` of a route."""

    parent_refs: tuple[RouteRef, ...] = ()
    hostnames: tuple[str, ...] = ()
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


class RouteNamespaces(Value, frozen=True, gc=False):
    """Whose routes may attach: All, Same (the default), Selector or None."""

    origin: str = field(name="from", default="Same")
    selector: LabelSelector | None = None


class RouteKind(Value, frozen=True, gc=False):
    """A kind of route."""

    group: str = "gateway.networking.k8s.io"
    kind: str = ""


class AllowedRoutes(Value, frozen=True, gc=False):
    """Which routes a listener takes."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteKind, ...] = ()


class ListenerTLS(Value, frozen=True, gc=False):
    """Terminate (the default) or Passthrough, and the Secrets with the certificates."""

    mode: str = "Terminate"
    certificate_refs: tuple[RouteRef, ...] = ()


class Listener(Value, frozen=True, gc=False):
    """A port that a Gateway listens to."""

    name: str = ""
    hostname: str = ""
    port: int = 0
    protocol: str = ""
    tls: ListenerTLS | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewaySpec(Value, frozen=True, gc=False):
    """`spec` of a Gateway."""

    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] = ()


class Gateway(Object, frozen=True, gc=False):
    """A Gateway."""

    GROUP: ClassVar[str] = "gateway.networking.k8s.io"
    KIND: ClassVar[str] = "Gateway"
    spec: GatewaySpec = GatewaySpec()


class Granted(Value, frozen=True, gc=False):
    """One side of a ReferenceGrant; an empty name is every object of the kind."""

    group: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


class ReferenceGrantSpec(Value, frozen=True, gc=False):
    """`spec` of a ReferenceGrant."""

    sources: tuple[Granted, ...] = field(name="from", default=())
    targets: tuple[Granted, ...] = field(name="to", default=())


class ReferenceGrant(Object, frozen=True, gc=False):
    """Lets objects of other namespaces refer to objects of its own."""

    GROUP: ClassVar[str] = "gateway.networking.k8s.io"
    KIND: ClassVar[str] = "ReferenceGrant"
    spec: ReferenceGrantSpec = ReferenceGrantSpec()
