"""Which kinds are read, and into what."""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.kube import (
    admission,
    audit_policy,
    cilium,
    core,
    ingress,
    istio,
    kubeconfig,
    linkerd,
    network,
    openshift,
    pods,
    rbac,
    workloads,
)
from mistrust.kube.meta import Object

READ: tuple[type[Object], ...] = (
    pods.Pod,
    workloads.Deployment,
    workloads.ReplicaSet,
    workloads.StatefulSet,
    workloads.DaemonSet,
    workloads.ReplicationController,
    workloads.Job,
    workloads.CronJob,
    workloads.PodTemplateObject,
    rbac.Role,
    rbac.ClusterRole,
    rbac.RoleBinding,
    rbac.ClusterRoleBinding,
    core.Namespace,
    core.Node,
    core.ServiceAccount,
    core.Secret,
    core.ConfigMap,
    core.PersistentVolume,
    core.PersistentVolumeClaim,
    core.Service,
    core.EndpointSlice,
    core.Endpoints,
    network.NetworkPolicy,
    network.AdminNetworkPolicy,
    network.BaselineAdminNetworkPolicy,
    network.ClusterNetworkPolicy,
    cilium.CiliumNetworkPolicy,
    cilium.CiliumClusterwideNetworkPolicy,
    ingress.Ingress,
    ingress.HTTPRoute,
    ingress.GRPCRoute,
    ingress.TCPRoute,
    ingress.TLSRoute,
    ingress.UDPRoute,
    ingress.Gateway,
    ingress.ReferenceGrant,
    openshift.OpenShiftRoute,
    istio.PeerAuthentication,
    istio.AuthorizationPolicy,
    istio.RequestAuthentication,
    istio.DestinationRule,
    istio.IstioGateway,
    istio.VirtualService,
    istio.ServiceEntry,
    istio.Sidecar,
    linkerd.Server,
    linkerd.ServerAuthorization,
    linkerd.LinkerdAuthorizationPolicy,
    linkerd.MeshTLSAuthentication,
    linkerd.NetworkAuthentication,
    linkerd.LinkerdHTTPRoute,
    admission.ValidatingWebhookConfiguration,
    admission.MutatingWebhookConfiguration,
    admission.ValidatingAdmissionPolicy,
    admission.APIService,
    admission.CustomResourceDefinition,
    kubeconfig.KubeconfigInUse,
    audit_policy.AuditPolicy,
)

MOVED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("extensions", "Deployment"): ("apps", "Deployment"),
    ("extensions", "DaemonSet"): ("apps", "DaemonSet"),
    ("extensions", "ReplicaSet"): ("apps", "ReplicaSet"),
    ("extensions", "Ingress"): ("networking.k8s.io", "Ingress"),
    ("extensions", "NetworkPolicy"): ("networking.k8s.io", "NetworkPolicy"),
    ("authorization.openshift.io", "Role"): (rbac.GROUP, "Role"),
    ("authorization.openshift.io", "ClusterRole"): (rbac.GROUP, "ClusterRole"),
}
"""Kinds that changed group; the fields that we read kept their place."""

TYPES: Mapping[tuple[str, str], type[Object]] = {(t.GROUP, t.KIND): t for t in READ}

CLUSTER_SCOPED: frozenset[str] = frozenset(t.KIND for t in READ if not t.NAMESPACED) | {
    "PriorityClass", "StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "RuntimeClass", "IngressClass",
    "ClusterIssuer", "ClusterPolicy", "PodSecurityPolicy", "GatewayClass", "CertificateSigningRequest",
    "ClusterTrustBundle", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding", "FlowSchema", "PriorityLevelConfiguration", "ConstraintTemplate",
    "GlobalNetworkPolicy",
}  # fmt: skip
"""Kinds that never have a namespace; of other kinds that are not read, a missing namespace is left missing."""


def group_of(api_version: str) -> str:
    """`apps/v1` -> `apps`, `v1` -> ``."""
    group, slash, _ = api_version.rpartition("/")
    return group if slash else ""


def type_of(api_version: str, kind: str) -> type[Object] | None:
    """The type that an object is read into; None for a kind that no layer reads. Versions of a group share one type."""
    key = (group_of(api_version), kind)
    return TYPES.get(MOVED.get(key, key))
