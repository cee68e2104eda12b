"""What there is to attack: namespaces, service accounts, workloads, nodes and Secrets, looked up once a snapshot."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.kube.admission import APIService, CustomResourceDefinition
from mistrust.kube.core import Namespace, Node, Secret, ServiceAccount
from mistrust.kube.meta import Object, Other
from mistrust.kube.pods import PodSpec
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.workloads import PodTemplateObject, Workload
from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.every import escapes, surroundings
from mistrust.paths.legs import ANYWHERE, Legs, legs
from mistrust.paths.network import Network

Account = tuple[str, str]
"""Namespace and name of a service account."""

CONTROL_PLANE_LABELS = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})
"""cmd/kubeadm/app/constants/constants.go (LabelNodeRoleControlPlane) and its former name."""

TOKEN_SECRET = "kubernetes.io/service-account-token"  # noqa: S105
TOKEN_ACCOUNT = "kubernetes.io/service-account.name"  # noqa: S105
"""k8s.io/api/core/v1/types.go (SecretTypeServiceAccountToken, ServiceAccountNameKey)."""

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
"""What every API server creates by itself: pkg/controlplane/controller/systemnamespaces."""

SOMEWHERE = "any"
"""The node of a workload of which only the manifest is known."""
CONTROL_PLANE = "control-plane"
"""A control-plane node of which only a manifest tells."""


class Inventory(msgspec.Struct, frozen=True):
    """The things of one snapshot that an attacker may hold or pass through."""

    snapshot: Snapshot
    namespaces: tuple[str, ...]
    """Sorted; those that an object names included."""
    accounts: Mapping[Account, ServiceAccount | None]
    """None for one that a workload runs as although the snapshot does not show it."""
    workloads: tuple[Workload, ...]
    """Everything that runs pods, by name; templates kept for later are left out."""
    ways_out: tuple[tuple[Escape, ...], ...]
    """For each workload what leads out of its containers."""
    nodes: Mapping[str, Node | None]
    """By name; None for one that only pods name. Empty for manifests."""
    control_plane: frozenset[str]
    """The nodes that certainly hold the control plane's keys."""
    token_secrets: Mapping[Account, Secret]
    """Long-lived tokens kept in Secrets, by the service account that they are for; worthless without it."""
    legs: Legs = ANYWHERE
    """Where the workloads get to over the network."""


def inventory(snapshot: Snapshot, net: Network | None = None) -> Inventory:
    """Look the snapshot through once. The answer does not depend on the order of the objects.

    Without a network every pod gets everywhere.
    """
    workloads = sorted(
        (w for w in snapshot.workloads if not isinstance(w.source, PodTemplateObject)),
        key=lambda w: (w.ref, w.source.origin.file, w.source.origin.document, w.source.origin.item),
    )
    namespaces = {o.namespace for o in snapshot.objects if o.namespace}
    namespaces.update(n.name for n in snapshot.of(Namespace))
    if snapshot.scope is Scope.MANIFESTS or snapshot.blind(Namespace):
        namespaces.update(SYSTEM_NAMESPACES)
    accounts: dict[Account, ServiceAccount | None] = {(w.namespace, w.spec.identity): None for w in workloads}
    if snapshot.scope is Scope.MANIFESTS:
        accounts.update(dict.fromkeys((n, "default") for n in namespaces))
    accounts.update({(a.namespace, a.name): a for a in snapshot.of(ServiceAccount)})
    nodes: dict[str, Node | None] = {}
    if snapshot.scope is Scope.CLUSTER:
        nodes = dict.fromkeys(sorted({n for w in workloads for n in nodes_of(w)}))
        nodes.update({n.name: n for n in snapshot.of(Node)})
    labelled = {n for n, node in nodes.items() if node and not CONTROL_PLANE_LABELS.isdisjoint(node.metadata.labels)}
    serving = {n for w in workloads if is_api_server(w) for n in nodes_of(w)} & nodes.keys()
    around = surroundings(snapshot)
    secrets = {
        (s.namespace, s.metadata.annotations.get(TOKEN_ACCOUNT, "")): s
        for s in sorted(snapshot.of(Secret), key=lambda s: s.ref, reverse=True)
        if s.type == TOKEN_SECRET
    }
    if snapshot.scope is Scope.MANIFESTS or snapshot.blind(ServiceAccount):
        accounts.update(dict.fromkeys(a for a in secrets if a[1] and a not in accounts))
    return Inventory(
        snapshot=snapshot,
        namespaces=tuple(sorted(namespaces)),
        accounts=dict(sorted(accounts.items())),
        workloads=tuple(workloads),
        ways_out=tuple(escapes(w, around) for w in workloads),
        nodes=dict(sorted(nodes.items())),
        control_plane=frozenset(labelled | serving),
        token_secrets={a: s for a, s in secrets.items() if a in accounts},
        legs=legs(snapshot, workloads, net) if net is not None else ANYWHERE,
    )


def nodes_of(workload: Workload) -> tuple[str, ...]:
    """The nodes that its pods are bound to, each once, sorted; empty where no pod tells."""
    return tuple(sorted({p.spec.node_name for p in workload.pods if p.spec.node_name}))


def wants_control_plane(spec: PodSpec) -> bool:
    """Does the pod say that it is meant for a control-plane node: by selecting one, or tolerating just its taint?"""
    return not CONTROL_PLANE_LABELS.isdisjoint(spec.node_selector) or any(
        t.key in CONTROL_PLANE_LABELS for t in spec.tolerations
    )


def is_control_plane(workload: Workload) -> bool:
    """A mirror pod of kubeadm's static control plane: cmd/kubeadm/app/util/staticpod (ComponentPod, its labels)."""
    return workload.namespace == "kube-system" and workload.labels.get("tier") == "control-plane"


def is_api_server(workload: Workload) -> bool:
    """The API server among them: where it runs, its keys are."""
    return is_control_plane(workload) and workload.labels.get("component") == "kube-apiserver"


def has_resource(snapshot: Snapshot, resource: str) -> bool:
    """Does the cluster have `plural.group`: by its definition, by an aggregated API, or by an object of that kind?"""
    plural, _, group = resource.partition(".")
    return (
        any(d.spec.group == group and d.spec.names.plural == plural for d in snapshot.of(CustomResourceDefinition))
        or any(a.spec.group == group and a.spec.service for a in snapshot.of(APIService))
        or any(group == t.GROUP and plurals(t.KIND) == plural for t in snapshot.kinds if t is not Other)
        or any(o.ref.group == group and plurals(o.kind) == plural for o in snapshot.of(Other))
    )


def plurals(kind: str) -> str:
    """The usual plural of a kind: k8s.io/apimachinery/pkg/api/meta/restmapper.go (UnsafeGuessKindToResource)."""
    word = kind.lower()
    if word.endswith("endpoints"):
        return word
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def objects_named(snapshot: Snapshot, name: str) -> tuple[Object, ...]:
    """The objects that `Kind name` or `Kind namespace/name` stands for."""
    kind = name.partition(" ")[0]
    return tuple(
        o
        for t, objects in snapshot.kinds.items()
        if t is Other or kind == t.KIND
        for o in objects
        if str(o.ref) == name
    )
