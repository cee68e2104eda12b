"""A step of an attack, as data: what it needs, what it gains, and how a person can check it.

Steps are files of the catalog; this room interprets them and knows none of them by name.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Gain(StrEnum):
    """What an attacker holds afterwards. `ns` is the namespace in which the step's needs were met, or every one."""

    CLUSTER_ADMIN = "cluster-admin"
    NAMESPACE_ADMIN = "namespace-admin"
    """Everything in ns."""
    ANY_IDENTITY = "any-identity"
    """Any user or group name that the step lets one choose (impersonation, a signed client certificate)."""
    SERVICE_ACCOUNT = "service-account"
    """Any service account of ns, or the named ones."""
    USER = "user"
    """The named users."""
    GROUP = "group"
    """The named groups."""
    ROLE = "role"
    """The rights of the named role, or of any role: whatever a binding may be written for."""
    CREATE_POD = "create-pod"
    """A pod of one's own making in ns: any service account and Secret there, and the node if Pod Security admits it."""
    POD = "pod"
    """Code execution in the running pods of ns, or in the named ones."""
    NODE = "node"
    """Root on any node, or on the named ones."""
    NODE_IDENTITY = "node-identity"
    """The kubelet's identity: not an administrator, but every Secret and token of the pods on that node."""
    SECRETS = "secrets"
    """The content of the Secrets of ns, or of the named ones."""
    MITM = "mitm"
    """Traffic of ns to read and change."""
    ADMISSION_BYPASS = "admission-bypass"
    """Admission control in ns no longer stops anything."""
    CLOUD = "cloud"
    """A cloud identity outside the cluster."""
    PERSISTENCE = "persistence"
    LEAK = "leak"
    """Data, but no new power by itself."""
    DISRUPTION = "disruption"
    """Availability or a control is lost."""


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Any of these verbs on any of these resources (`pods/exec` is a resource here), or on any of these URLs."""

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


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A small cluster in which the step holds, or does not."""

    rules: tuple[dict[str, object], ...] = ()
    """RBAC rules of the attacker, a ServiceAccount `attacker` in the namespace `shop`."""
    namespace: str = ""
    """Bound in this namespace by a RoleBinding; cluster-wide where empty."""
    objects: tuple[dict[str, object], ...] = ()
    """Manifests that stand beside."""
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
    technique: tuple[str, ...] = ()
    """MITRE ATT&CK ids."""
    actor: str = "identity"
    """Who acts: `identity` (whoever may send the request), `pod` (code in a pod), `node` (root on a node),
    `node-identity`, or `outside` (no foothold yet)."""
    needs: tuple[Need, ...] = ()
    """All of them, held by one and the same principal."""
    together: bool = False
    """True where the needs may be spread over several identities that the attacker holds."""
    scope: str = "namespace"
    """`namespace`: a RoleBinding suffices, for its namespace. `cluster`: only a ClusterRoleBinding grants it.
    Any other word is the one namespace in which it works (`kube-system`)."""
    named: bool = False
    """True where a rule with `resourceNames` gains only the named targets; else such a rule does not suffice."""
    where: tuple[str, ...] = ()
    """Conditions on the cluster that this room's `conditions` answer: `pod-security-admits-privileged`,
    `kind:applications.argoproj.io`, `token-secret` ..."""
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
