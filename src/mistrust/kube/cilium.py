"""Cilium's own policies. Source: cilium pkg/policy/api and pkg/k8s/apis/cilium.io/v2.

Fields as written; what they mean is `layers.network`. A list that is there and empty is not one that is absent.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Object, Present, Value
from mistrust.kube.selectors import LabelSelector

GROUP = "cilium.io"
Selectors = tuple[LabelSelector, ...] | None


class CIDRRule(Value, frozen=True, gc=False):
    """A CIDR without some of its parts, or a group of CIDRs that is written elsewhere."""

    cidr: str = ""
    cidr_group_ref: str = ""
    cidr_group_selector: Present | None = None
    excluded: tuple[str, ...] = field(name="except", default=())


class PortProtocol(Value, frozen=True, gc=False):
    """One port: a number or a name, as text; 0 is every port, no protocol is every one."""

    port: str | int = ""
    end_port: int | None = None
    protocol: str = ""


class HTTPRule(Value, frozen=True, gc=False):
    """What a request has to be like; nothing at all is every request."""

    path: str = ""
    method: str = ""
    host: str = ""
    headers: tuple[str, ...] = ()
    header_matches: tuple[Present, ...] = ()


class FQDNSelector(Value, frozen=True, gc=False):
    """A DNS name, or a pattern of names."""

    match_name: str = ""
    match_pattern: str = ""


class L7Rules(Value, frozen=True, gc=False):
    """What of a connection that stands may pass."""

    http: tuple[HTTPRule, ...] | None = None
    kafka: tuple[Present, ...] | None = None
    dns: tuple[FQDNSelector, ...] | None = None
    l7proto: str = ""
    l7: tuple[Present, ...] | None = None


class PortRule(Value, frozen=True, gc=False):
    """Ports, and what is asked of connections to them."""

    ports: tuple[PortProtocol, ...] = ()
    rules: L7Rules | None = None
    server_names: tuple[str, ...] = ()
    listener: Present | None = None
    terminating_tls: Present | None = field(name="terminatingTLS", default=None)
    originating_tls: Present | None = field(name="originatingTLS", default=None)


class Authentication(Value, frozen=True, gc=False):
    """Whether both sides have to prove who they are."""

    mode: str = ""


class CiliumIngressRule(Value, frozen=True, gc=False):
    """Who comes in where; the same form for what is allowed and what is denied."""

    endpoints: Selectors = field(name="fromEndpoints", default=None)
    requires: Selectors = field(name="fromRequires", default=None)
    cidr: tuple[str, ...] | None = field(name="fromCIDR", default=None)
    cidr_set: tuple[CIDRRule, ...] | None = field(name="fromCIDRSet", default=None)
    entities: tuple[str, ...] | None = field(name="fromEntities", default=None)
    groups: tuple[Present, ...] | None = field(name="fromGroups", default=None)
    nodes: Selectors = field(name="fromNodes", default=None)
    to_ports: tuple[PortRule, ...] | None = None
    icmps: tuple[Present, ...] | None = None
    authentication: Authentication | None = None


class CiliumEgressRule(Value, frozen=True, gc=False):
    """Where to one may go."""

    endpoints: Selectors = field(name="toEndpoints", default=None)
    requires: Selectors = field(name="toRequires", default=None)
    cidr: tuple[str, ...] | None = field(name="toCIDR", default=None)
    cidr_set: tuple[CIDRRule, ...] | None = field(name="toCIDRSet", default=None)
    entities: tuple[str, ...] | None = field(name="toEntities", default=None)
    groups: tuple[Present, ...] | None = field(name="toGroups", default=None)
    nodes: Selectors = field(name="toNodes", default=None)
    services: tuple[Present, ...] | None = field(name="toServices", default=None)
    names: tuple[FQDNSelector, ...] | None = field(name="toFQDNs", default=None)
    to_ports: tuple[PortRule, ...] | None = None
    icmps: tuple[Present, ...] | None = None
    authentication: Authentication | None = None


class DefaultDeny(Value, frozen=True, gc=False):
    """Whether the rule denies what nobody allows; unset: where it has rules."""

    ingress: bool | None = None
    egress: bool | None = None


class CiliumRule(Value, frozen=True, gc=False):
    """One rule: whom it is about, and both directions."""

    description: str = ""
    endpoint_selector: LabelSelector | None = None
    node_selector: LabelSelector | None = None
    enable_default_deny: DefaultDeny = DefaultDeny()
    ingress: tuple[CiliumIngressRule, ...] = ()
    ingress_deny: tuple[CiliumIngressRule, ...] = ()
    egress: tuple[CiliumEgressRule, ...] = ()
    egress_deny: tuple[CiliumEgressRule, ...] = ()


class CiliumNetworkPolicy(Object, frozen=True, gc=False):
    """cilium.io/v2 CiliumNetworkPolicy: about pods of its namespace."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "CiliumNetworkPolicy"
    spec: CiliumRule | None = None
    specs: tuple[CiliumRule, ...] = ()


class CiliumClusterwideNetworkPolicy(Object, frozen=True, gc=False):
    """cilium.io/v2 CiliumClusterwideNetworkPolicy: about pods of any namespace, or about nodes."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "CiliumClusterwideNetworkPolicy"
    NAMESPACED: ClassVar[bool] = False
    spec: CiliumRule | None = None
    specs: tuple[CiliumRule, ...] = ()


CiliumPolicy = CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy


def rules_of(policy: CiliumPolicy) -> tuple[tuple[str, CiliumRule], ...]:
    """Every rule with the path of its field."""
    alone = (("spec", policy.spec),) if policy.spec is not None else ()
    return (*alone, *((f"specs[{i}]", rule) for i, rule in enumerate(policy.specs)))
