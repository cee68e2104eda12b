"""What a container is when it runs: the pod's and its own security context, and upstream's defaults, put together.

k8s.io/kubernetes/pkg/securitycontext/util.go (DetermineEffectiveSecurityContext). For capabilities: the runtimes'
order (containerd internal/cri/opts, CRI-O server/container_create_linux.go): add ALL, drop ALL, add each, drop each.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Capabilities, Container, PodSpec, SecurityContext
from mistrust.kube.version import LATEST, Version
from mistrust.layers.pods.standards.profiles import APP_ARMOR
from mistrust.layers.pods.template import containers

USER_NAMESPACES_SINCE = Version(1, 33)
"""The first minor with the feature gate UserNamespacesSupport on; before, the API server drops `hostUsers: false`."""

RUNTIME_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What containerd gives to a container that asks for nothing (pkg/oci); CRI-O gives fewer."""


ANNOTATED: Mapping[str, str] = {"runtime/default": "RuntimeDefault", "unconfined": "Unconfined"}


class Root(StrEnum):
    """Does the container's first process run as user 0?"""

    YES = "yes"
    UNKNOWN = "unknown"
    """The image's USER decides."""
    NO = "no"


class Confined(msgspec.Struct, frozen=True, gc=False):
    """A container as it runs."""

    path: FieldPath
    """From the template: `("spec", "containers", 0)`."""
    container: Container
    user: int | None
    root: Root
    privileged: bool
    escalates: bool
    """May a set-user-ID program of the image give it more (no_new_privs is not set)?"""
    own_users: bool
    """In a user namespace: its root is nobody on the node. Volumes are mapped, and stay the node's."""
    app_armor: str
    """`RuntimeDefault`, `Localhost` or `Unconfined`; empty where the runtime decides."""
    seccomp: str
    """As above."""

    @property
    def name(self) -> str:
        """The container's name."""
        return self.container.name

    @property
    def acts_as_root(self) -> str | None:
        """The condition under which its processes are root; empty for none, None where they never are."""
        if self.root is Root.YES:
            return ""
        if self.root is Root.UNKNOWN:
            return "the image runs as root"
        if self.user == 0:
            return None  # runAsNonRoot beside user 0: the kubelet does not start it
        user = "a user other than root" if self.user is None else f"user {self.user}"
        return f"it runs as {user}, and the image holds a set-user-ID program" if self.escalates else None


def confined(metadata: Metadata, spec: PodSpec, version: Version | None = None) -> tuple[Confined, ...]:
    """Every container of a pod as it runs."""
    own_users = spec.host_users is False and (version or LATEST) >= USER_NAMESPACES_SINCE
    return tuple(_confined(at, c, metadata, spec, own_users) for at, c in containers(spec))


def _confined(at: FieldPath, c: Container, metadata: Metadata, spec: PodSpec, own_users: bool) -> Confined:
    own, pod = c.security_context or SecurityContext(), spec.security_context
    user = pod.run_as_user if own.run_as_user is None else own.run_as_user
    non_root = pod.run_as_non_root if own.run_as_non_root is None else own.run_as_non_root
    if user is not None:
        root = Root.YES if user == 0 and not non_root else Root.NO
    else:
        root = Root.NO if non_root else Root.UNKNOWN
    seccomp = own.seccomp_profile or pod.seccomp_profile
    return Confined(
        path=at,
        container=c,
        user=user,
        root=root,
        privileged=own.privileged is True,
        escalates=own.allow_privilege_escalation is not False,
        own_users=own_users,
        app_armor=_app_armor(c, metadata, spec),
        seccomp=seccomp.type if seccomp is not None else "",
    )


def _app_armor(c: Container, metadata: Metadata, spec: PodSpec) -> str:
    """The container's field, else its annotation, else the pod's field (pkg/security/apparmor/helpers.go)."""
    if c.security_context is not None and c.security_context.app_armor_profile is not None:
        return c.security_context.app_armor_profile.type
    annotation = metadata.annotations.get(APP_ARMOR + c.name, "")
    if annotation.startswith("localhost/"):
        return "Localhost"
    if annotation in ANNOTATED:
        return ANNOTATED[annotation]
    return spec.security_context.app_armor_profile.type if spec.security_context.app_armor_profile is not None else ""


def normal(capability: str) -> str:
    """`cap_net_admin`, `CAP_NET_ADMIN` -> `NET_ADMIN`; CRI-O takes the prefix, and so it counts."""
    return capability.upper().removeprefix("CAP_")


def held(capabilities: Capabilities | None) -> frozenset[str]:
    """The capabilities of a container that is not privileged; `ALL` stands for every one that was not dropped.

    >>> sorted(held(Capabilities(add=("CAP_SYS_ADMIN",), drop=("ALL",))))
    ['SYS_ADMIN']
    """
    if capabilities is None:
        return RUNTIME_CAPABILITIES
    add, drop = {normal(c) for c in capabilities.add}, {normal(c) for c in capabilities.drop}
    everything = "ALL" in add and "ALL" not in drop
    start = frozenset() if "ALL" in drop else RUNTIME_CAPABILITIES
    kept = (start | add) - drop - {"ALL"}
    return kept | {"ALL"} if everything else kept
