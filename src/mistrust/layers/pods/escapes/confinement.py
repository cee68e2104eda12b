"""E7 and E14: confinement that was taken off. No way out alone, but every other one gets wider."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec, SecurityContext
from mistrust.kube.version import Version
from mistrust.layers.pods.escapes.confined import Confined
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.standards.profiles import APP_ARMOR
from mistrust.layers.pods.template import POD, Change, Field

UNMASKED_NEEDS_USER_NAMESPACE = Version(1, 31)
"""The first minor whose validation refuses procMount Unmasked beside host users."""

SELINUX_UNCONFINED = frozenset({"spc_t", "unconfined_t", "unconfined_service_t"})


def unmasked(c: Confined, version: Version | None) -> Iterator[Escape]:
    """E7. `procMount: Unmasked` makes /proc/sys writable: the node's core_pattern, unless in a user namespace."""
    own = c.container.security_context or SecurityContext()
    if own.proc_mount == "Unmasked":
        path = (*c.path, "securityContext", "procMount")
        old = version is not None and version < UNMASKED_NEEDS_USER_NAMESPACE
        on_node = old and not c.own_users and c.acts_as_root is not None
        yield Escape(
            "E7",
            "pods.unmasked-proc",
            Power.NODE if on_node else Power.AMPLIFIER,
            c.name,
            f'container "{c.name}" sees and may write all of /proc',
            "the feature gate ProcMountType is on" if on_node else "",
            (Field(path, "Unmasked"),),
            changes=(Change("remove", path),),
        )


def unconfined(metadata: Metadata, spec: PodSpec, c: Confined) -> Iterator[Escape]:
    """E14. Seccomp or AppArmor switched off by name, or an SELinux type that confines nothing."""
    if c.privileged:
        return
    for what, field, change in _switched_off(metadata, spec, c):
        detail = f'container "{c.name}" runs without {what}'
        yield Escape("E14", "pods.unconfined", Power.AMPLIFIER, c.name, detail, "", (field,), changes=(change,))


def _switched_off(metadata: Metadata, spec: PodSpec, c: Confined) -> Iterator[tuple[str, Field, Change]]:
    own, pod, inner = c.container.security_context or SecurityContext(), spec.security_context, "securityContext"
    if c.seccomp == "Unconfined":
        yield _profile("seccomp", (*(POD if own.seccomp_profile is None else (*c.path, inner)), "seccompProfile"))
    if c.app_armor == "Unconfined":
        annotation: FieldPath = ("metadata", "annotations", APP_ARMOR + c.name)
        if own.app_armor_profile is not None:
            yield _profile("AppArmor", (*c.path, inner, "appArmorProfile"))
        elif metadata.annotations.get(APP_ARMOR + c.name) == "unconfined":
            yield "AppArmor", Field(annotation, "unconfined"), Change("remove", annotation)
        else:
            yield _profile("AppArmor", (*POD, "appArmorProfile"))
    options = own.se_linux_options or pod.se_linux_options
    if options is not None and options.type in SELINUX_UNCONFINED:
        path = (*(POD if own.se_linux_options is None else (*c.path, inner)), "seLinuxOptions", "type")
        yield "SELinux", Field(path, options.type), Change("remove", path)


def _profile(what: str, at: FieldPath) -> tuple[str, Field, Change]:
    path = (*at, "type")
    return what, Field(path, "Unconfined"), Change("set", path, "RuntimeDefault")
