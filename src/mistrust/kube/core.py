"""Core objects around the pods: namespaces, nodes, accounts, Secrets (of their data only certificates), storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
from msgspec import field

from mistrust.kube.meta import Object, Value
from mistrust.kube.pem import Withheld, certificates_in, certificates_of, without_credentials, without_private_keys
from mistrust.kube.pods import CSIVolume, HostPath, NamedRef


class Namespace(Object, frozen=True, gc=False):
    """A Namespace; its labels steer Pod Security admission."""

    KIND: ClassVar[str] = "Namespace"
    NAMESPACED: ClassVar[bool] = False


class Taint(Value, frozen=True, gc=False):
    """Keeps pods without a toleration away."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Value, frozen=True, gc=False):
    """`spec` of a Node."""

    pod_cidrs: tuple[str, ...] = field(name="podCIDRs", default=())
    provider_id: str = field(name="providerID", default="")
    taints: tuple[Taint, ...] = ()


class NodeInfo(Value, frozen=True, gc=False):
    """Versions that the kubelet reports."""

    kubelet_version: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""
    os_image: str = ""
    operating_system: str = ""


class NodeAddress(Value, frozen=True, gc=False):
    """An address of a node."""

    type: str = ""
    address: str = ""


class NodeStatus(Value, frozen=True, gc=False):
    """`status` of a Node."""

    node_info: NodeInfo = NodeInfo()
    addresses: tuple[NodeAddress, ...] = ()


class Node(Object, frozen=True, gc=False):
    """A machine."""

    KIND: ClassVar[str] = "Node"
    NAMESPACED: ClassVar[bool] = False
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ServiceAccount(Object, frozen=True, gc=False):
    """A ServiceAccount; cloud identities hang on its annotations."""

    KIND: ClassVar[str] = "ServiceAccount"
    automount_service_account_token: bool | None = None
    secrets: tuple[NamedRef, ...] = ()
    image_pull_secrets: tuple[NamedRef, ...] = ()


CERTIFICATE_KEYS = frozenset(
    {
        "tls.crt", "ca.crt", "root-cert.pem", "cert-chain.pem", "ca-cert.pem", "ca.pem", "crt.pem", "ca-bundle.crt",
        "cert", "cacert",
    }
)  # fmt: skip
"""Keys under which certificates are kept: kubernetes.io/tls, cert-manager, Istio, Linkerd."""


class Secret(Object, frozen=True, gc=False):
    """A Secret without its data: of it only public certificates, under keys that are made for them, enter the model."""

    KIND: ClassVar[str] = "Secret"
    type: str = "Opaque"
    data: Mapping[str, object] = {}
    """Always empty; it is dropped when the Secret is decoded, as is `stringData`."""
    string_data: Mapping[str, object] = {}
    certificates: Mapping[str, str] = field(name="mistrust.dev/certificates", default={})
    """Certificates as PEM, by key."""
    withheld: Mapping[str, Withheld] = field(name="mistrust.dev/withheld", default={})
    """The keys for certificates whose value is none, and why."""

    def __post_init__(self) -> None:
        if not (self.data or self.string_data or self.certificates or self.withheld):
            return
        found, withheld = {}, {k: w for k, w in self.withheld.items() if k in CERTIFICATE_KEYS}
        told = {**self.data, **self.certificates}
        for key in sorted(CERTIFICATE_KEYS & (told.keys() | self.string_data.keys())):
            if isinstance(value := self.string_data.get(key), str):
                text, why = certificates_in(value)
            elif isinstance(value := told.get(key), str):
                text, why = certificates_of(value)
            else:
                continue
            if text:
                found[key] = text
            if why and value:
                withheld[key] = why
        msgspec.structs.force_setattr(self, "data", {})
        msgspec.structs.force_setattr(self, "string_data", {})
        msgspec.structs.force_setattr(self, "certificates", found)
        msgspec.structs.force_setattr(self, "withheld", withheld)


READ_DATA: tuple[tuple[str, str], ...] = (
    ("istio", "mesh"),
    ("istio-ca-root-cert", "root-cert.pem"),
    ("linkerd-config", "values"),
    ("linkerd-identity-trust-roots", "ca-bundle.crt"),
    ("kubeadm-config", "ClusterConfiguration"),
    ("cluster-info", "kubeconfig"),
    ("kube-root-ca.crt", "ca.crt"),
    ("cilium-config", "enable-wireguard"),
    ("cilium-config", "enable-ipsec"),
    ("cilium-config", "policy-cidr-match-mode"),
    ("cilium-config", "enable-policy"),
    ("cilium-config", "labels"),
)
"""The only data of ConfigMaps that enters the model, by name and key: settings and public certificates."""
REVISIONS = "istio-"
"""A revision of Istio keeps its `mesh` in `istio-<revision>`."""


class ConfigMap(Object, frozen=True, gc=False):
    """A ConfigMap; of its data only what `READ_DATA` names, the rest is dropped when it is decoded."""

    KIND: ClassVar[str] = "ConfigMap"
    data: Mapping[str, str] = {}
    withheld: Mapping[str, Withheld] = field(name="mistrust.dev/withheld", default={})
    """The keys whose value was not taken, or not whole, and why."""

    def __post_init__(self) -> None:
        if not (self.data or self.withheld):
            return
        kept, withheld = {}, {k: w for k, w in self.withheld.items() if reads_data(self.name, k)}
        for key, value in self.data.items():
            if reads_data(self.name, key):
                text, why = _public(key, value)
                if text:
                    kept[key] = text
                if why:
                    withheld[key] = why
        msgspec.structs.force_setattr(self, "data", kept)
        msgspec.structs.force_setattr(self, "withheld", withheld)


def _public(key: str, value: str) -> tuple[str, Withheld | None]:
    if key in CERTIFICATE_KEYS:
        return certificates_in(value)
    return without_credentials(value) if key == "kubeconfig" else without_private_keys(value)


def reads_data(name: str, key: str) -> bool:
    """Does this key of a ConfigMap with this name enter the model?"""
    return (name, key) in READ_DATA or (key == "mesh" and name.startswith(REVISIONS))


def has_data(name: str) -> bool:
    """May a ConfigMap with this name hold data that enters the model?"""
    return name.startswith(REVISIONS) or any(name == known for known, _ in READ_DATA)


class BoundTo(Value, frozen=True, gc=False):
    """The claim that a volume is bound to."""

    namespace: str = ""
    name: str = ""


class VolumeSpec(Value, frozen=True, gc=False):
    """`spec` of a PersistentVolume."""

    host_path: HostPath | None = None
    local: HostPath | None = None
    csi: CSIVolume | None = None
    access_modes: tuple[str, ...] = ()
    claim_ref: BoundTo | None = None
    volume_mode: str = ""


class PersistentVolume(Object, frozen=True, gc=False):
    """A PersistentVolume; one with `hostPath` is a piece of the node."""

    KIND: ClassVar[str] = "PersistentVolume"
    NAMESPACED: ClassVar[bool] = False
    spec: VolumeSpec = VolumeSpec()


class ClaimSpec(Value, frozen=True, gc=False):
    """`spec` of a PersistentVolumeClaim."""

    volume_name: str = ""
    access_modes: tuple[str, ...] = ()
    volume_mode: str = ""
    storage_class_name: str | None = None


class PersistentVolumeClaim(Object, frozen=True, gc=False):
    """A PersistentVolumeClaim."""

    KIND: ClassVar[str] = "PersistentVolumeClaim"
    spec: ClaimSpec = ClaimSpec()


class ServicePort(Value, frozen=True, gc=False):
    """A port of a Service."""

    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    target_port: int | str = 0
    node_port: int = 0
    app_protocol: str = ""
    """What is spoken on it, where the name does not say so."""


class ServiceSpec(Value, frozen=True, gc=False):
    """`spec` of a Service."""

    type: str = "ClusterIP"
    selector: Mapping[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(name="clusterIP", default="")
    external_ips: tuple[str, ...] = field(name="externalIPs", default=())
    external_name: str = ""
    load_balancer_source_ranges: tuple[str, ...] = ()
    external_traffic_policy: str = "Cluster"
    """`Local` keeps the client's address; `Cluster` replaces it by a node's."""
    allocate_load_balancer_node_ports: bool = True
    publish_not_ready_addresses: bool = False


class Service(Object, frozen=True, gc=False):
    """A Service."""

    KIND: ClassVar[str] = "Service"
    spec: ServiceSpec = ServiceSpec()


class EndpointTarget(Value, frozen=True, gc=False):
    """The object behind an address."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class SliceEndpoint(Value, frozen=True, gc=False):
    """One backend of a slice."""

    addresses: tuple[str, ...] = ()
    target_ref: EndpointTarget | None = None


class EndpointPort(Value, frozen=True, gc=False):
    """A port of every backend."""

    name: str = ""
    protocol: str = "TCP"
    port: int = 0


class EndpointSlice(Object, frozen=True, gc=False):
    """Where a Service sends to; one without a selector is written by hand."""

    GROUP: ClassVar[str] = "discovery.k8s.io"
    KIND: ClassVar[str] = "EndpointSlice"
    address_type: str = ""
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class EndpointAddress(Value, frozen=True, gc=False):
    """One backend of Endpoints."""

    ip: str = ""
    target_ref: EndpointTarget | None = None


class EndpointSubset(Value, frozen=True, gc=False):
    """Backends with the same ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Object, frozen=True, gc=False):
    """The older form of EndpointSlice."""

    KIND: ClassVar[str] = "Endpoints"
    subsets: tuple[EndpointSubset, ...] = ()
