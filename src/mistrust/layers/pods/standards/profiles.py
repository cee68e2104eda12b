"""Confinement by the kernel: AppArmor, SELinux and seccomp."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec, SELinuxOptions
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Breach, Check, Revision, Rule
from mistrust.layers.pods.standards.privileges import except_windows
from mistrust.layers.pods.template import POD, Change, containers

APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
"""k8s.io/api/core/v1/annotation_key_constants.go."""

PROFILES = frozenset({"RuntimeDefault", "Localhost"})


def app_armor(metadata: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_appArmorProfile.go: the field and, in every version, the annotation."""
    profile = spec.security_context.app_armor_profile
    if profile is not None and profile.type not in PROFILES:
        yield _type((*POD, "appArmorProfile"), profile.type)
    for at, c in containers(spec):
        profile = c.security_context.app_armor_profile if c.security_context is not None else None
        if profile is not None and profile.type not in PROFILES:
            yield _type((*at, "securityContext", "appArmorProfile"), profile.type, c.name)
    for key, value in sorted(metadata.annotations.items()):
        if key.startswith(APP_ARMOR) and value and value != "runtime/default" and not value.startswith("localhost/"):
            path: FieldPath = ("metadata", "annotations", key)
            yield Breach(path, value, key.removeprefix(APP_ARMOR), (Change("remove", path),))


def se_linux(*more: str) -> Rule:
    """policy/check_seLinuxOptions.go, with the types that a later minor allows."""
    types = frozenset({"", "container_t", "container_init_t", "container_kvm_t", *more})

    def rule(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
        yield from bad(POD, spec.security_context.se_linux_options)
        for at, c in containers(spec):
            if c.security_context is not None:
                yield from bad((*at, "securityContext"), c.security_context.se_linux_options, c.name)

    def bad(at: FieldPath, options: SELinuxOptions | None, container: str = "") -> Iterator[Breach]:
        if options is None:
            return
        for key, value in (
            ("type", "" if options.type in types else options.type),
            ("user", options.user),
            ("role", options.role),
        ):
            if value:
                path: FieldPath = (*at, "seLinuxOptions", key)
                yield Breach(path, value, container, (Change("remove", path),))

    return rule


def seccomp_annotations(metadata: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_seccompProfile_baseline.go before 1.19; an empty value is forbidden too."""
    keys = {SECCOMP_POD: "", **{SECCOMP_CONTAINER + c.name: c.name for _, c in containers(spec)}}
    for key, container in keys.items():
        value = metadata.annotations.get(key, "runtime/default")
        if value not in ("runtime/default", "docker/default") and not value.startswith("localhost/"):
            path: FieldPath = ("metadata", "annotations", key)
            yield Breach(path, value, container, (Change("set", path, "runtime/default"),))


def seccomp_baseline(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_seccompProfile_baseline.go."""
    profile = spec.security_context.seccomp_profile
    if profile is not None and profile.type not in PROFILES:
        yield _type((*POD, "seccompProfile"), profile.type)
    for at, c in containers(spec):
        profile = c.security_context.seccomp_profile if c.security_context is not None else None
        if profile is not None and profile.type not in PROFILES:
            yield _type((*at, "securityContext", "seccompProfile"), profile.type, c.name)


def seccomp_restricted(metadata: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_seccompProfile_restricted.go: a container may leave it to the pod."""
    yield from seccomp_baseline(metadata, spec)
    if spec.security_context.seccomp_profile is None:
        change = Change("set", (*POD, "seccompProfile"), "{type: RuntimeDefault}")
        for at, c in containers(spec):
            if c.security_context is None or c.security_context.seccomp_profile is None:
                yield Breach((*at, "securityContext", "seccompProfile"), "", c.name, (change,))


def _type(at: FieldPath, value: str, container: str = "") -> Breach:
    path = (*at, "type")
    return Breach(path, value, container, (Change("set", path, "RuntimeDefault"),))


_REPLACES = ("seccompProfile_baseline",)

CHECKS = (
    Check("appArmorProfile", Level.BASELINE, "forbidden AppArmor profile", (Revision(0, app_armor),)),
    Check(
        "seLinuxOptions",
        Level.BASELINE,
        "seLinuxOptions",
        (Revision(0, se_linux()), Revision(31, se_linux("container_engine_t"))),
    ),
    Check(
        "seccompProfile_baseline",
        Level.BASELINE,
        "seccompProfile",
        (Revision(0, seccomp_annotations), Revision(19, seccomp_baseline)),
    ),
    Check(
        "seccompProfile_restricted",
        Level.RESTRICTED,
        "seccompProfile",
        (
            Revision(19, seccomp_restricted, _REPLACES),
            Revision(25, except_windows(seccomp_restricted), _REPLACES),
        ),
    ),
)
