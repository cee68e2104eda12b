"""A step of an attack, as data: what it needs, what it gains, and how a person can check it.

Steps are files of the catalog; this room interprets them and knows none of them by name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Gain(StrEnum):
    """What an attacker holds afterwards.

    `ns` is the namespace in which the step's needs were met, or every one. "The named ones" are the step's `targets`,
    or the `resourceNames` of the rule that met a need with `names: target`; without either, all of them.
    """

    CLUSTER_ADMIN = "cluster-admin"
    NAMESPACE_ADMIN = "namespace-admin"
    """Everything in ns."""
    ANY_IDENTITY = "any-identity"
    """Any user, group or service account name but `system:masters` (a client certificate signed on request)."""
    SERVICE_ACCOUNT = "service-account"
    """Any service account of ns, or the named ones; a target is `namespace/name`, or a name in ns."""
    USER = "user"
    """Any user that is not a service account, or the named ones."""
    GROUP = "group"
    """Any group, `system:masters` included, or the named ones."""
    ROLE = "role"
    """The rights of any role, or of the named ones, in ns: whatever a binding may be written for. Roles or
    ClusterRoles, as the resource of the need with `names: target` says."""
    REWRITE_ROLE = "rewrite-role"
    """Any rules in any role, or in the named ones: everything, wherever such a role is bound to the attacker."""
    CREATE_POD = "create-pod"
    """A pod of one's own making in ns: any service account and Secret there, and the node if Pod Security admits it."""
    POD = "pod"
    """Code execution in the running pods of ns, or in the named ones."""
    NODE_PODS = "node-pods"
    """Code execution in every pod on any node, or on the named ones, without being root there."""
    NODE = "node"
    """Root on any node, or on the named ones; the target `control-plane` means the nodes of the control plane."""
    NODE_IDENTITY = "node-identity"
    """The kubelet's identity: not an administrator, but every Secret and token of the pods on that node."""
    SECRETS = "secrets"
    """The content of the Secrets of ns, or of the named ones."""
    NAMESPACE_LABELS = "namespace-labels"
    """The labels of ns: with them Pod Security, and every selector of webhooks and network policies."""
    MITM = "mitm"
    """Traffic of ns to read and change."""
    ADMISSION_BYPASS = "admission-bypass"
    """A webhook or policy in ns no longer stops anything. Pod Security still does."""
    CLOUD = "cloud"
    """A cloud identity outside the cluster."""
    PERSISTENCE = "persistence"
    """A way back in, or rights for somebody else."""
    LEAK = "leak"
    """Data, but no new power by itself."""
    DISRUPTION = "disruption"
    """Availability or a control is lost."""


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Any of these verbs on any of these resources (`pods/exec` is a resource here), or on any of these URLs.

    A verb, group or resource `*` asks for a rule that itself says `*`.
    """

    verbs: tuple[str, ...]
    resources: tuple[str, ...] = ()
    group: str = ""
    names: tuple[str, ...] = ()
    """The object must be one of these: a rule with `resourceNames` suffices if it lists one."""
    urls: tuple[str, ...] = ()


class Need(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One condition on the attacker's rights: any of these permissions."""

    any: tuple[Permission, ...]
    scope: str = ""
    """Overrides the step's scope for this need."""
    names: Literal["every", "target", "some"] = "every"
    """What a rule with `resourceNames` is worth. `every`: nothing, unless it lists one of the permission's own names
    (`create` has no name to compare). `target`: it gains the named ones, and only these. `some`: as much as a rule
    without (patching any one Deployment is as good as another)."""


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A small cluster in which the step holds, or does not."""

    rules: tuple[dict[str, object], ...] = ()
    """RBAC rules of the attacker, a ServiceAccount `attacker` in the namespace `shop`."""
    namespace: str = ""
    """Bound in this namespace by a RoleBinding; cluster-wide where empty."""
    objects: tuple[dict[str, object], ...] = ()
    """Manifests that stand beside. For the actor `pod` a Pod `shop/attacker`, if the plain one does not do; for
    `node` and `node-identity` the Node `attacker`."""
    kubernetes: str = ""
    """The version, where it matters."""
    why: str = ""
    """What this example shows."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A step of an attack."""

    id: str
    """File name of the step, and its name everywhere: `token-request`."""
    code: str
    """Its row in the catalog's order: `C1`."""
    title: str
    """What the attacker does, in the imperative: "Mint a token for a service account"."""
    gains: Gain
    targets: tuple[str, ...] = ()
    """What exactly is gained, where the rule does not say it: `flux-system/kustomize-controller`, `system:masters`."""
    technique: tuple[str, ...] = ()
    """MITRE ATT&CK ids."""
    actor: Literal["identity", "pod", "node", "node-identity", "outside"] = "identity"
    """Who acts: `identity` (whoever may send the request), `pod` (code in a pod, whose service account meets the
    needs), `node` (root on a node), `node-identity`, or `outside` (no foothold yet)."""
    needs: tuple[Need, ...] = ()
    """All of them, held by one and the same principal: its own grants and those of the groups it is certainly in."""
    together: bool = False
    """True where the needs may be spread over several identities that the attacker holds."""
    scope: str = "namespace"
    """`namespace`: a RoleBinding suffices, for its namespace. `cluster`: only a ClusterRoleBinding grants it.
    Any other word is the one namespace in which it works (`kube-system`)."""
    where: tuple[str, ...] = ()
    """Conditions on the cluster, all of them, answered by `paths.conditions`:

    - `pod-security-admits-privileged`: ns lets a privileged pod in
    - `token-secret`: ns has a Secret of type `kubernetes.io/service-account-token`
    - `dangling-role`: a binding of ns names a role that does not exist
    - `kind:applications.argoproj.io`: the cluster has this resource
    - `object:ConfigMap kube-system/aws-auth`: this object exists
    - `annotation:eks.amazonaws.com/role-arn`: the acting service account carries it
    - `pod:host-network`, `pod:host-pid`, `pod:host-path=/var/log`: the acting pod is so
    - `pod:reaches-metadata`: policies let the acting pod open a connection to the cloud's metadata service
    - `pod:kubelet-alone`: policies keep the acting pod from the API server, and not from a kubelet
    - `pod:beside-plaintext`: something travels in plaintext on a node of the acting pod
    """
    kubernetes: str = ""
    """Version gate: `<1.35`, `>=1.35`; empty for every version."""
    assumes: str = ""
    """What cannot be seen from the objects and is taken for granted, said in every report."""
    cost: float = 1.0
    """How hard it is for an attacker; orders equal paths, never hides one."""
    prose: str = ""
    """What happens, why it works, how to defend: Markdown."""
    references: tuple[str, ...] = ()
    holds: tuple[Example, ...] = ()
    fails: tuple[Example, ...] = ()
