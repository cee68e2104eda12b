"""Istio's kinds, as far as they decide who may talk to whom and how the channel is protected.

Sources: istio.io/api security/v1, networking/v1, type/v1beta1, mesh/v1alpha1/config.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Object, Value

SECURITY = "security.istio.io"
NETWORKING = "networking.istio.io"


class WorkloadSelector(Value, frozen=True, gc=False):
    """Selects pods of the policy's namespace; without labels all of them."""

    match_labels: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    """The field's name in Sidecar."""


class TargetRef(Value, frozen=True, gc=False):
    """The Gateway, GatewayClass, Service or ServiceEntry that a policy is attached to."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


class MutualTLS(Value, frozen=True, gc=False):
    """UNSET, DISABLE, PERMISSIVE or STRICT; empty is UNSET."""

    mode: str = ""


class PeerAuthenticationSpec(Value, frozen=True, gc=False):
    """`spec` of a PeerAuthentication."""

    selector: WorkloadSelector | None = None
    mtls: MutualTLS | None = None
    port_level_mtls: Mapping[str, MutualTLS] = {}
    """By container port, not by the Service's."""


class PeerAuthentication(Object, frozen=True, gc=False):
    """What a workload's server side accepts."""

    GROUP: ClassVar[str] = SECURITY
    KIND: ClassVar[str] = "PeerAuthentication"
    spec: PeerAuthenticationSpec = PeerAuthenticationSpec()


class Source(Value, frozen=True, gc=False):
    """Who: all of what is given must match, any of each list."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()


class From(Value, frozen=True, gc=False):
    """One element of `from`."""

    source: Source | None = None


class Operation(Value, frozen=True, gc=False):
    """What: all of what is given must match, any of each list."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


class To(Value, frozen=True, gc=False):
    """One element of `to`."""

    operation: Operation | None = None


class Condition(Value, frozen=True, gc=False):
    """One element of `when`."""

    key: str = ""
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


class AuthorizationRule(Value, frozen=True, gc=False):
    """Any of `from`, any of `to`, all of `when`; an empty rule matches everything."""

    sources: tuple[From, ...] = field(name="from", default=())
    operations: tuple[To, ...] = field(name="to", default=())
    conditions: tuple[Condition, ...] = field(name="when", default=())


class Provider(Value, frozen=True, gc=False):
    """The external authorizer of a CUSTOM policy."""

    name: str = ""


class AuthorizationPolicySpec(Value, frozen=True, gc=False):
    """`spec` of an AuthorizationPolicy; an empty one denies everything."""

    selector: WorkloadSelector | None = None
    target_ref: TargetRef | None = None
    target_refs: tuple[TargetRef, ...] = ()
    action: str = "ALLOW"
    """ALLOW, DENY, AUDIT or CUSTOM."""
    provider: Provider | None = None
    rules: tuple[AuthorizationRule, ...] = ()


class AuthorizationPolicy(Object, frozen=True, gc=False):
    """Who may do what at a workload."""

    GROUP: ClassVar[str] = SECURITY
    KIND: ClassVar[str] = "AuthorizationPolicy"
    spec: AuthorizationPolicySpec = AuthorizationPolicySpec()


class JWTRule(Value, frozen=True, gc=False):
    """One issuer of tokens."""

    issuer: str = ""
    audiences: tuple[str, ...] = ()


class RequestAuthenticationSpec(Value, frozen=True, gc=False):
    """`spec` of a RequestAuthentication."""

    selector: WorkloadSelector | None = None
    target_ref: TargetRef | None = None
    target_refs: tuple[TargetRef, ...] = ()
    jwt_rules: tuple[JWTRule, ...] = ()


class RequestAuthentication(Object, frozen=True, gc=False):
    """Which tokens are valid; a request without a token passes."""

    GROUP: ClassVar[str] = SECURITY
    KIND: ClassVar[str] = "RequestAuthentication"
    spec: RequestAuthenticationSpec = RequestAuthenticationSpec()


class ClientTLS(Value, frozen=True, gc=False):
    """DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL, and what the client checks."""

    mode: str = ""
    ca_certificates: str = ""
    credential_name: str = ""
    insecure_skip_verify: bool | None = None
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""


class PortSelector(Value, frozen=True, gc=False):
    """A port by number."""

    number: int = 0


class LoadBalancer(Value, frozen=True, gc=False):
    """`simple: PASSTHROUGH` sends to the address that the client dialled."""

    simple: str = ""


class PortTrafficPolicy(Value, frozen=True, gc=False):
    """What differs for one port of the Service."""

    port: PortSelector = PortSelector()
    tls: ClientTLS | None = None
    load_balancer: LoadBalancer | None = None


class TrafficPolicy(Value, frozen=True, gc=False):
    """How clients connect."""

    tls: ClientTLS | None = None
    load_balancer: LoadBalancer | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()


class Subset(Value, frozen=True, gc=False):
    """A named part of a Service's pods."""

    name: str = ""
    labels: Mapping[str, str] = {}
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Value, frozen=True, gc=False):
    """`spec` of a DestinationRule."""

    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = None


class DestinationRule(Object, frozen=True, gc=False):
    """What a workload's client side does."""

    GROUP: ClassVar[str] = NETWORKING
    KIND: ClassVar[str] = "DestinationRule"
    spec: DestinationRuleSpec = DestinationRuleSpec()


class ServerPort(Value, frozen=True, gc=False):
    """A port that a gateway, or a service entry, has."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = 0


class ServerTLS(Value, frozen=True, gc=False):
    """PASSTHROUGH, SIMPLE, MUTUAL, OPTIONAL_MUTUAL, AUTO_PASSTHROUGH or ISTIO_MUTUAL."""

    mode: str = ""
    credential_name: str = ""
    credential_names: tuple[str, ...] = ()
    https_redirect: bool | None = None


class GatewayServer(Value, frozen=True, gc=False):
    """One listener."""

    port: ServerPort = ServerPort()
    hosts: tuple[str, ...] = ()
    tls: ServerTLS | None = None


class GatewaySpec(Value, frozen=True, gc=False):
    """`spec` of an Istio Gateway."""

    selector: Mapping[str, str] = {}
    servers: tuple[GatewayServer, ...] = ()


class IstioGateway(Object, frozen=True, gc=False):
    """networking.istio.io Gateway: what the pods of a gateway listen to."""

    GROUP: ClassVar[str] = NETWORKING
    KIND: ClassVar[str] = "Gateway"
    spec: GatewaySpec = GatewaySpec()


class RouteDestination(Value, frozen=True, gc=False):
    """A Service by host name."""

    host: str = ""
    subset: str = ""
    port: PortSelector | None = None


class WeightedDestination(Value, frozen=True, gc=False):
    """One element of `route`."""

    destination: RouteDestination = RouteDestination()


class VirtualRoute(Value, frozen=True, gc=False):
    """One element of `http`, `tls` or `tcp`."""

    route: tuple[WeightedDestination, ...] = ()


class VirtualServiceSpec(Value, frozen=True, gc=False):
    """`spec` of a VirtualService."""

    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    export_to: tuple[str, ...] = ()
    http: tuple[VirtualRoute, ...] = ()
    tls: tuple[VirtualRoute, ...] = ()
    tcp: tuple[VirtualRoute, ...] = ()


class VirtualService(Object, frozen=True, gc=False):
    """Where requests go."""

    GROUP: ClassVar[str] = NETWORKING
    KIND: ClassVar[str] = "VirtualService"
    spec: VirtualServiceSpec = VirtualServiceSpec()


class ServiceEntrySpec(Value, frozen=True, gc=False):
    """`spec` of a ServiceEntry."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[ServerPort, ...] = ()
    location: str = "MESH_EXTERNAL"
    resolution: str = "NONE"
    workload_selector: WorkloadSelector | None = None


class ServiceEntry(Object, frozen=True, gc=False):
    """A service that the mesh is told about."""

    GROUP: ClassVar[str] = NETWORKING
    KIND: ClassVar[str] = "ServiceEntry"
    spec: ServiceEntrySpec = ServiceEntrySpec()


class SidecarListener(Value, frozen=True, gc=False):
    """One inbound listener; with `tls` it ends TLS itself."""

    port: ServerPort = ServerPort()
    default_endpoint: str = ""
    tls: ServerTLS | None = None


class SidecarEgress(Value, frozen=True, gc=False):
    """What the sidecar's clients may know of: `namespace/host`, with `.` for its own and `*` for every namespace."""

    hosts: tuple[str, ...] = ()


class OutboundPolicy(Value, frozen=True, gc=False):
    """ALLOW_ANY or REGISTRY_ONLY: what becomes of traffic to where the mesh knows nothing."""

    mode: str = ""


class SidecarSpec(Value, frozen=True, gc=False):
    """`spec` of a Sidecar."""

    workload_selector: WorkloadSelector | None = None
    ingress: tuple[SidecarListener, ...] = ()
    egress: tuple[SidecarEgress, ...] = ()
    outbound_traffic_policy: OutboundPolicy | None = None


class Sidecar(Object, frozen=True, gc=False):
    """What a sidecar listens to and knows of."""

    GROUP: ClassVar[str] = NETWORKING
    KIND: ClassVar[str] = "Sidecar"
    spec: SidecarSpec = SidecarSpec()
