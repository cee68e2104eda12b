"""Policies of the network: NetworkPolicy, the two admin kinds of v1alpha1, and ClusterNetworkPolicy.

Fields as written; what they mean is `layers.network`. Sources: k8s.io/api/networking/v1/types.go and
sigs.k8s.io/network-policy-api apis/v1alpha1, apis/v1alpha2.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Object, Value
from mistrust.kube.selectors import LabelSelector

POLICY_GROUP = "policy.networking.k8s.io"


class IPBlock(Value, frozen=True, gc=False):
    """A CIDR without some of its parts."""

    cidr: str = ""
    excluded: tuple[str, ...] = field(name="except", default=())


class PolicyPeer(Value, frozen=True, gc=False):
    """One element of `from` or `to`: an address block, or pods by namespace and label."""

    ip_block: IPBlock | None = None
    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None


class PolicyPort(Value, frozen=True, gc=False):
    """One element of `ports`; without `port` it is every port of the protocol."""

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class IngressPolicyRule(Value, frozen=True, gc=False):
    """Who may come in; an empty `from` is everybody, empty `ports` are all."""

    sources: tuple[PolicyPeer, ...] = field(name="from", default=())
    ports: tuple[PolicyPort, ...] = ()


class EgressPolicyRule(Value, frozen=True, gc=False):
    """Where to one may go out."""

    destinations: tuple[PolicyPeer, ...] = field(name="to", default=())
    ports: tuple[PolicyPort, ...] = ()


class NetworkPolicySpec(Value, frozen=True, gc=False):
    """`spec` of a NetworkPolicy."""

    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    """Written even where it is empty: the API requires it."""
    policy_types: tuple[str, ...] = ()
    ingress: tuple[IngressPolicyRule, ...] = ()
    egress: tuple[EgressPolicyRule, ...] = ()

    @property
    def directions(self) -> tuple[str, ...]:
        """`policyTypes` with the API server's default: Ingress, and Egress where there are egress rules."""
        return self.policy_types or (("Ingress", "Egress") if self.egress else ("Ingress",))


class NetworkPolicy(Object, frozen=True, gc=False):
    """networking.k8s.io NetworkPolicy."""

    GROUP: ClassVar[str] = "networking.k8s.io"
    KIND: ClassVar[str] = "NetworkPolicy"
    spec: NetworkPolicySpec = NetworkPolicySpec()


class NamespacedPods(Value, frozen=True, gc=False):
    """Pods by the labels of their namespace and their own; both selectors are required."""

    namespace_selector: LabelSelector = LabelSelector()
    pod_selector: LabelSelector = LabelSelector()


class AdminSubject(Value, frozen=True, gc=False):
    """Whom a cluster-wide policy is about: exactly one of the two."""

    namespaces: LabelSelector | None = None
    pods: NamespacedPods | None = None


class AdminPeer(Value, frozen=True, gc=False):
    """A peer of a cluster-wide policy: exactly one; none of those known here is a peer that nobody understands."""

    namespaces: LabelSelector | None = None
    pods: NamespacedPods | None = None
    nodes: LabelSelector | None = None
    networks: tuple[str, ...] | None = None
    domain_names: tuple[str, ...] | None = None


class PortNumber(Value, frozen=True, gc=False):
    """One port (v1alpha1)."""

    protocol: str = "TCP"
    port: int = 0


class PortRange(Value, frozen=True, gc=False):
    """Ports from `start` to `end`, both included (v1alpha1)."""

    protocol: str = "TCP"
    start: int = 0
    end: int = 0


class AdminPort(Value, frozen=True, gc=False):
    """One element of `ports` (v1alpha1): exactly one of the three."""

    port_number: PortNumber | None = None
    port_range: PortRange | None = None
    named_port: str | None = None


class AdminRule(Value, frozen=True, gc=False):
    """A rule of v1alpha1; absent `ports` are all, an empty list is refused by the server."""

    name: str = ""
    action: str = ""
    """Allow, Deny or Pass."""
    sources: tuple[AdminPeer, ...] = field(name="from", default=())
    destinations: tuple[AdminPeer, ...] = field(name="to", default=())
    ports: tuple[AdminPort, ...] | None = None


class AdminNetworkPolicySpec(Value, frozen=True, gc=False):
    """`spec` of an AdminNetworkPolicy; the lower priority wins."""

    priority: int = 0
    subject: AdminSubject = AdminSubject()
    ingress: tuple[AdminRule, ...] = ()
    egress: tuple[AdminRule, ...] = ()


class AdminNetworkPolicy(Object, frozen=True, gc=False):
    """policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy."""

    GROUP: ClassVar[str] = POLICY_GROUP
    KIND: ClassVar[str] = "AdminNetworkPolicy"
    NAMESPACED: ClassVar[bool] = False
    spec: AdminNetworkPolicySpec = AdminNetworkPolicySpec()


class BaselineAdminNetworkPolicy(Object, frozen=True, gc=False):
    """policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy; the one named `default`."""

    GROUP: ClassVar[str] = POLICY_GROUP
    KIND: ClassVar[str] = "BaselineAdminNetworkPolicy"
    NAMESPACED: ClassVar[bool] = False
    spec: AdminNetworkPolicySpec = AdminNetworkPolicySpec()


class Range(Value, frozen=True, gc=False):
    """Ports from `start` to `end`, both included."""

    start: int = 0
    end: int = 0


class DestinationPort(Value, frozen=True, gc=False):
    """A number or a range."""

    number: int | None = None
    range: Range | None = None


class ProtocolPorts(Value, frozen=True, gc=False):
    """Ports of one protocol; absent `destinationPort` is all of them."""

    destination_port: DestinationPort | None = None


class ProtocolMatch(Value, frozen=True, gc=False):
    """One element of `protocols` (v1alpha2): exactly one of the four."""

    tcp: ProtocolPorts | None = None
    udp: ProtocolPorts | None = None
    sctp: ProtocolPorts | None = None
    destination_named_port: str | None = None


class ClusterRule(Value, frozen=True, gc=False):
    """A rule of v1alpha2; absent `protocols` are all, those without ports included."""

    name: str = ""
    action: str = ""
    """Accept, Deny or Pass."""
    sources: tuple[AdminPeer, ...] = field(name="from", default=())
    destinations: tuple[AdminPeer, ...] = field(name="to", default=())
    protocols: tuple[ProtocolMatch, ...] | None = None


class ClusterNetworkPolicySpec(Value, frozen=True, gc=False):
    """`spec` of a ClusterNetworkPolicy."""

    tier: str = ""
    """Admin or Baseline."""
    priority: int = 0
    subject: AdminSubject = AdminSubject()
    ingress: tuple[ClusterRule, ...] = ()
    egress: tuple[ClusterRule, ...] = ()


class ClusterNetworkPolicy(Object, frozen=True, gc=False):
    """policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy."""

    GROUP: ClassVar[str] = POLICY_GROUP
    KIND: ClassVar[str] = "ClusterNetworkPolicy"
    NAMESPACED: ClassVar[bool] = False
    spec: ClusterNetworkPolicySpec = ClusterNetworkPolicySpec()
