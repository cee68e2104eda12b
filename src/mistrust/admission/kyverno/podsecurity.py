"""`podSecurity`: the Pod Security Standards with exclusions (kyverno/pkg/pss)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.outcome import Body, Outcome
from mistrust.admission.kyverno.request import Request, Scope, pod_spec
from mistrust.admission.plain import items, mapping, text, texts
from mistrust.kube.build import Plain
from mistrust.kube.decode import without_nulls
from mistrust.kube.errors import Error, InputError
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.kube.version import Version, parse_version
from mistrust.languages.kyverno.errors import KyvernoError
from mistrust.languages.kyverno.scalars import wild
from mistrust.layers.pods.levels import violations
from mistrust.layers.pods.policy import LEVELS
from mistrust.layers.pods.standards.check import Violation

CONTROLS: Final[Mapping[str, tuple[str, ...]]] = {
    "HostProcess": ("windowsHostProcess",),
    "Host Namespaces": ("hostNamespaces",),
    "Privileged Containers": ("privileged",),
    "Capabilities": ("capabilities_baseline", "capabilities_restricted"),
    "HostPath Volumes": ("hostPathVolumes",),
    "Host Ports": ("hostPorts",),
    "AppArmor": ("appArmorProfile",),
    "SELinux": ("seLinuxOptions",),
    "/proc Mount Type": ("procMount", "procMount_restricted"),
    "Seccomp": ("seccompProfile_baseline", "seccompProfile_restricted"),
    "Sysctls": ("sysctls",),
    "Volume Types": ("restrictedVolumes",),
    "Privilege Escalation": ("allowPrivilegeEscalation",),
    "Running as Non-root": ("runAsNonRoot",),
    "Running as Non-root user": ("runAsUser",),
}


def pod_security(given: Mapping[str, Plain]) -> Body:
    """Compile. Raises `InputError` for a level, a version or a control that there is not."""
    wanted = LEVELS.get(text(given, "level"))
    if wanted is None:
        raise InputError("not a Pod Security level", got=text(given, "level"), wanted=", ".join(LEVELS))
    excluded = [each for each in items(given, "exclude") if isinstance(each, dict)]
    for each in excluded:
        if text(each, "controlName") not in CONTROLS:
            raise InputError("not a control", got=text(each, "controlName"), wanted=", ".join(CONTROLS))
    version = _version(text(given, "version"))

    def body(request: Request, scope: Scope) -> Outcome:
        del scope
        spec = pod_spec(request.object)
        try:
            metadata = msgspec.convert(without_nulls(_metadata(request.object)), Metadata)
            typed = msgspec.convert(without_nulls(dict(spec)), PodSpec)
        except msgspec.ValidationError as error:
            raise KyvernoError(f"not a pod: {error}") from None
        images = {text(c, "name"): text(c, "image") for c in _containers(spec)}
        found = [
            v
            for v in violations(wanted, metadata, typed, version)
            if not any(_excludes(each, v, images) for each in excluded)
        ]
        told = "; ".join(dict.fromkeys(f"{v.reason} ({'.'.join(map(str, v.path))})" for v in found))
        return Outcome(Result.FAIL, told, "/".join(map(str, found[0].path))) if found else Outcome(Result.PASS)

    return body


def _version(given: str) -> Version | None:
    try:
        return None if given in ("", "latest") else parse_version(given.removeprefix("v"))
    except Error as error:
        raise InputError(error.what, got=error.got, wanted=error.wanted) from None


def _metadata(given: Mapping[str, Plain]) -> dict[str, Plain]:
    at = {"Pod": (), "CronJob": ("spec", "jobTemplate", "spec", "template")}.get(
        text(given, "kind"), ("spec", "template")
    )
    return dict(mapping(given, *at, "metadata"))


def _containers(spec: Mapping[str, Plain]) -> Iterator[Plain]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        yield from items(spec, kind)


def _excludes(given: Mapping[str, Plain], found: Violation, images: Mapping[str, str]) -> bool:
    """Is a violation of a control that does not count, for this image, this field, this value?"""
    if found.check not in CONTROLS[text(given, "controlName")]:
        return False
    patterns, field, values = texts(given, "images"), text(given, "restrictedField"), items(given, "values")
    if patterns and not any(wild(p, images.get(found.container, "\0")) for p in patterns):
        return False
    if not patterns and found.container and not field:
        return True
    if field and _bare(field) != _bare(".".join(map(str, found.path))):
        return False
    return not values or not field or any(wild(str(v), found.value) for v in values)


def _bare(path: str) -> str:
    """A path without the numbers of elements."""
    parts = path.replace("[*]", "").replace("[", ".").replace("]", "").split(".")
    return ".".join(p for p in parts if not p.isdecimal())
