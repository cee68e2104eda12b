"""Weaknesses that lead nowhere alone: what a reviewer of a pod expects to be told, one remark a field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Container, PodSpec, SecurityContext
from mistrust.kube.version import Version
from mistrust.layers.pods.escapes.confined import Confined, Root, normal
from mistrust.layers.pods.levels import policy_minor
from mistrust.layers.pods.standards.namespaces import host_ports, probe_hosts
from mistrust.layers.pods.standards.sysctls import CHECKS as SYSCTLS
from mistrust.layers.pods.template import POD, Change, Field
from mistrust.layers.pods.told import Remark


def weaknesses(
    metadata: Metadata, spec: PodSpec, several: Sequence[Confined], version: Version | None
) -> Iterator[Remark]:
    """Everything of this kind that is true of a template. What only Linux has is not asked of a Windows pod."""
    linux = spec.os is None or spec.os.name != "windows"
    for c in several:
        if linux:
            yield from _user(c)
            if not c.privileged:
                yield from _confinement(c)
            yield from _root_filesystem(c)
        if _keeps_running(c):
            yield from _limits(c)
        yield from _secrets(c)
    if not spec.host_network:
        for breach in host_ports(metadata, spec):
            clause = f"takes port {breach.value} of the node"
            yield Remark(
                "pods.host-port", clause, breach.container, (Field(breach.path, breach.value),), (), breach.changes
            )
    for breach in probe_hosts(metadata, spec):
        clause = f"has the kubelet call {breach.value}"
        yield Remark(
            "pods.probe-host", clause, breach.container, (Field(breach.path, breach.value),), (), breach.changes
        )
    sysctls = SYSCTLS[0].revision(policy_minor(version))
    for breach in sysctls.rule(metadata, spec) if sysctls is not None else ():
        clause = f"sets kernel parameter {breach.value}"
        yield Remark("pods.unsafe-sysctl", clause, "", (Field(breach.path, breach.value),), (), breach.changes)


def _user(c: Confined) -> Iterator[Remark]:
    if c.own_users or c.root is Root.NO:
        return
    own = c.container.security_context or SecurityContext()
    if c.root is Root.YES:
        path = (*(POD if own.run_as_user is None else (*c.path, "securityContext")), "runAsUser")
        yield Remark("pods.may-run-as-root", "runs as root (user 0)", c.name, (Field(path, "0"),))
        return
    at = POD if own.run_as_non_root is None else (*c.path, "securityContext")
    path = (*at, "runAsNonRoot")
    value = "" if own.run_as_non_root is None else "false"
    clause = "may run as root: neither runAsNonRoot nor a user is set"
    yield Remark("pods.may-run-as-root", clause, c.name, (Field(path, value),), (), (Change("set", path, "true"),))


def _confinement(c: Confined) -> Iterator[Remark]:
    own, inner = c.container.security_context or SecurityContext(), (*c.path, "securityContext")
    if c.seccomp == "":
        path = (*inner, "seccompProfile")
        change = Change("set", (*POD, "seccompProfile"), "{type: RuntimeDefault}")
        yield Remark("pods.no-seccomp", "has no seccomp profile", c.name, (Field(path),), (), (change,))
    if c.escalates:
        path = (*inner, "allowPrivilegeEscalation")
        value = "" if own.allow_privilege_escalation is None else "true"
        change = Change("set", path, "false")
        clause = "may gain privileges (allowPrivilegeEscalation is not false)"
        yield Remark("pods.privilege-escalation", clause, c.name, (Field(path, value),), (), (change,))
    drop = own.capabilities.drop if own.capabilities is not None else ()
    if "ALL" not in map(normal, drop):
        path = (*inner, "capabilities", "drop")
        change = Change("set", path, '["ALL"]')
        clause = "keeps the runtime's default capabilities"
        yield Remark("pods.kept-capabilities", clause, c.name, (Field(path, ", ".join(drop)),), (), (change,))


def _root_filesystem(c: Confined) -> Iterator[Remark]:
    own = c.container.security_context or SecurityContext()
    if own.read_only_root_filesystem is not True:
        path = (*c.path, "securityContext", "readOnlyRootFilesystem")
        value = "" if own.read_only_root_filesystem is None else "false"
        clause = "may write its root file system"
        change = Change("set", path, "true")
        yield Remark("pods.writable-root-filesystem", clause, c.name, (Field(path, value),), (), (change,))


def _keeps_running(c: Confined) -> bool:
    """Containers and sidecars; what runs once before them, or for a while beside them, starves nobody for long."""
    return c.path[1] == "containers" or (c.path[1] == "initContainers" and c.container.restart_policy == "Always")


def _limits(c: Confined) -> Iterator[Remark]:
    for resource, words in (("memory", "memory"), ("cpu", "CPU")):
        if resource not in c.container.resources.limits:
            field = Field((*c.path, "resources", "limits", resource))
            yield Remark(f"pods.no-{resource}-limit", f"has no {words} limit", c.name, (field,))


def _secrets(c: Confined) -> Iterator[Remark]:
    for field, name in _secret_fields(c.container, c):
        yield Remark("pods.secret-in-env", f"has Secret {name} in its environment", c.name, (field,))


def _secret_fields(container: Container, c: Confined) -> Iterator[tuple[Field, str]]:
    for i, variable in enumerate(container.env):
        ref = variable.value_from.secret_key_ref if variable.value_from is not None else None
        if ref is not None:
            yield Field((*c.path, "env", i, "valueFrom", "secretKeyRef"), f"{ref.name}/{ref.key}"), ref.name
    for i, every in enumerate(container.env_from):
        if every.secret_ref is not None:
            yield Field((*c.path, "envFrom", i, "secretRef"), every.secret_ref.name), every.secret_ref.name
