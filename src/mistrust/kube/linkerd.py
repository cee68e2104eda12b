"""Linkerd's policy kinds. Sources: linkerd2 policy-controller/k8s/api/src/policy, and its CRDs."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from mistrust.kube.ingress import RouteRef
from mistrust.kube.meta import Object, Present, Value
from mistrust.kube.network import IPBlock
from mistrust.kube.selectors import LabelSelector

GROUP = "policy.linkerd.io"


class ServerSpec(Value, frozen=True, gc=False):
    """`spec` of a Server: one port of some pods."""

    pod_selector: LabelSelector | None = None
    external_workload_selector: LabelSelector | None = None
    port: int | str = 0
    proxy_protocol: str = "unknown"
    access_policy: str = "deny"
    """What holds where no authorization applies: deny, audit, all-unauthenticated, ..."""


class Server(Object, frozen=True, gc=False):
    """A port that policies may be attached to."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "Server"
    spec: ServerSpec = ServerSpec()


class ServerRef(Value, frozen=True, gc=False):
    """Servers by name or by label."""

    name: str = ""
    selector: LabelSelector | None = None


class AccountRef(Value, frozen=True, gc=False):
    """A ServiceAccount; an empty namespace is the policy's."""

    name: str = ""
    namespace: str = ""


class MeshTLS(Value, frozen=True, gc=False):
    """Clients that speak the mesh's TLS."""

    unauthenticated_tls: bool | None = field(name="unauthenticatedTLS", default=None)
    identities: tuple[str, ...] = ()
    service_accounts: tuple[AccountRef, ...] = ()


class Client(Value, frozen=True, gc=False):
    """Who may connect."""

    unauthenticated: bool | None = None
    mesh_tls: MeshTLS | None = field(name="meshTLS", default=None)
    networks: tuple[IPBlock, ...] | None = None


class ServerAuthorizationSpec(Value, frozen=True, gc=False):
    """`spec` of a ServerAuthorization."""

    server: ServerRef = ServerRef()
    client: Client = Client()


class ServerAuthorization(Object, frozen=True, gc=False):
    """Who may connect to some Servers."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "ServerAuthorization"
    spec: ServerAuthorizationSpec = ServerAuthorizationSpec()


class LinkerdRef(Value, frozen=True, gc=False):
    """Another object, in the same namespace if none is given."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


class LinkerdAuthorizationSpec(Value, frozen=True, gc=False):
    """`spec` of Linkerd's AuthorizationPolicy."""

    target_ref: LinkerdRef = LinkerdRef()
    required_authentication_refs: tuple[LinkerdRef, ...] = ()


class LinkerdAuthorizationPolicy(Object, frozen=True, gc=False):
    """policy.linkerd.io AuthorizationPolicy."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "AuthorizationPolicy"
    spec: LinkerdAuthorizationSpec = LinkerdAuthorizationSpec()


class MeshTLSAuthenticationSpec(Value, frozen=True, gc=False):
    """`spec` of a MeshTLSAuthentication."""

    identities: tuple[str, ...] | None = None
    identity_refs: tuple[LinkerdRef, ...] | None = None


class MeshTLSAuthentication(Object, frozen=True, gc=False):
    """Identities of the mesh."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "MeshTLSAuthentication"
    spec: MeshTLSAuthenticationSpec = MeshTLSAuthenticationSpec()


class NetworkAuthenticationSpec(Value, frozen=True, gc=False):
    """`spec` of a NetworkAuthentication."""

    networks: tuple[IPBlock, ...] = ()


class NetworkAuthentication(Object, frozen=True, gc=False):
    """Addresses of clients."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "NetworkAuthentication"
    spec: NetworkAuthenticationSpec = NetworkAuthenticationSpec()


class PathMatch(Value, frozen=True, gc=False):
    """A path: Exact, PathPrefix or RegularExpression."""

    type: str = "PathPrefix"
    value: str = "/"


class RouteMatch(Value, frozen=True, gc=False):
    """One request shape."""

    path: PathMatch | None = None
    method: str = ""
    headers: tuple[Present, ...] = ()
    query_params: tuple[Present, ...] = ()


class InboundRule(Value, frozen=True, gc=False):
    """One rule of an inbound route."""

    matches: tuple[RouteMatch, ...] = ()


class InboundRouteSpec(Value, frozen=True, gc=False):
    """`spec` of a route attached to a Server."""

    parent_refs: tuple[RouteRef, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[InboundRule, ...] = ()


class LinkerdHTTPRoute(Object, frozen=True, gc=False):
    """policy.linkerd.io HTTPRoute."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "HTTPRoute"
    spec: InboundRouteSpec = InboundRouteSpec()
