"""Privileged containers, capabilities, and gaining more than one started with."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Breach, Check, Revision, Rule
from mistrust.layers.pods.template import Change, containers

BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""Compared as written, prefixes and case included (policy/check_capabilities_baseline.go)."""

RESTRICTED_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})


def privileged(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_privileged.go."""
    for at, c in containers(spec):
        if c.security_context is not None and c.security_context.privileged is True:
            path = (*at, "securityContext", "privileged")
            yield Breach(path, "true", c.name, (Change("remove", path),))


def capabilities_baseline(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_capabilities_baseline.go."""
    yield from _added(spec, BASELINE_CAPABILITIES)


def capabilities_restricted(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_capabilities_restricted.go."""
    for at, c in containers(spec):
        held = c.security_context.capabilities if c.security_context is not None else None
        if held is None or "ALL" not in held.drop:
            path = (*at, "securityContext", "capabilities", "drop")
            value = _listed(held.drop) if held is not None and held.drop else ""
            yield Breach(path, value, c.name, (Change("set", path, '["ALL"]'),))
    yield from _added(spec, RESTRICTED_CAPABILITIES)


def _added(spec: PodSpec, allowed: frozenset[str]) -> Iterator[Breach]:
    for at, c in containers(spec):
        if c.security_context is None or c.security_context.capabilities is None:
            continue
        path: FieldPath = (*at, "securityContext", "capabilities", "add")
        add = c.security_context.capabilities.add
        kept = tuple(name for name in add if name in allowed)
        change = Change("set", path, _listed(kept)) if kept else Change("remove", path)
        for i, name in enumerate(add):
            if name not in allowed:
                yield Breach((*path, i), name, c.name, (change,))


def _listed(names: tuple[str, ...]) -> str:
    return f"[{', '.join(names)}]"


def allow_privilege_escalation(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_allowPrivilegeEscalation.go."""
    for at, c in containers(spec):
        allowed = c.security_context.allow_privilege_escalation if c.security_context is not None else None
        if allowed is not False:
            path = (*at, "securityContext", "allowPrivilegeEscalation")
            yield Breach(path, "" if allowed is None else "true", c.name, (Change("set", path, "false"),))


def except_windows(rule: Rule) -> Rule:
    """The rule, for pods that do not say that they are Windows pods; API validation refuses Linux fields in those."""

    def relaxed(metadata: Metadata, spec: PodSpec) -> Iterator[Breach]:
        if spec.os is None or spec.os.name != "windows":
            yield from rule(metadata, spec)

    return relaxed


_REPLACES = ("capabilities_baseline",)

CHECKS = (
    Check("privileged", Level.BASELINE, "privileged", (Revision(0, privileged),)),
    Check("capabilities_baseline", Level.BASELINE, "non-default capabilities", (Revision(0, capabilities_baseline),)),
    Check(
        "capabilities_restricted",
        Level.RESTRICTED,
        "unrestricted capabilities",
        (
            Revision(22, capabilities_restricted, _REPLACES),
            Revision(25, except_windows(capabilities_restricted), _REPLACES),
        ),
    ),
    Check(
        "allowPrivilegeEscalation",
        Level.RESTRICTED,
        "allowPrivilegeEscalation != false",
        (Revision(8, allow_privilege_escalation), Revision(25, except_windows(allow_privilege_escalation))),
    ),
)
