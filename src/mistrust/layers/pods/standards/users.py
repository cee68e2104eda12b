"""Who a container runs as, and what it sees of /proc; a user namespace relaxes both."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Breach, Check, Revision, Rule
from mistrust.layers.pods.template import POD, Change, containers


def run_as_non_root(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_runAsNonRoot.go: a container may leave it to the pod."""
    pod = spec.security_context.run_as_non_root
    for_all = Change("set", (*POD, "runAsNonRoot"), "true")
    if pod is False:
        yield Breach((*POD, "runAsNonRoot"), "false", "", (for_all,))
    for at, c in containers(spec):
        own = c.security_context.run_as_non_root if c.security_context is not None else None
        path = (*at, "securityContext", "runAsNonRoot")
        if own is False:
            yield Breach(path, "false", c.name, (Change("set", path, "true"),))
        elif own is None and pod is None:
            yield Breach(path, "", c.name, (for_all,))


def run_as_user(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_runAsUser.go."""
    if spec.security_context.run_as_user == 0:
        path = (*POD, "runAsUser")
        yield Breach(path, "0", "", (Change("remove", path),))
    for at, c in containers(spec):
        if c.security_context is not None and c.security_context.run_as_user == 0:
            path = (*at, "securityContext", "runAsUser")
            yield Breach(path, "0", c.name, (Change("remove", path),))


def proc_mount(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_procMount_baseline.go."""
    for at, c in containers(spec):
        mount = c.security_context.proc_mount if c.security_context is not None else None
        if mount is not None and mount != "Default":
            path = (*at, "securityContext", "procMount")
            yield Breach(path, mount, c.name, (Change("remove", path),))


def except_user_namespace(rule: Rule) -> Rule:
    """The rule, for pods that share the node's users (policy/helpers.go relaxPolicyForUserNamespacePod)."""

    def relaxed(metadata: Metadata, spec: PodSpec) -> Iterator[Breach]:
        if spec.host_users is not False:
            yield from rule(metadata, spec)

    return relaxed


CHECKS = (
    Check(
        "procMount",
        Level.BASELINE,
        "procMount",
        (Revision(0, proc_mount), Revision(35, except_user_namespace(proc_mount))),
    ),
    Check("procMount_restricted", Level.RESTRICTED, "procMount", (Revision(35, proc_mount, ("procMount",)),)),
    Check(
        "runAsNonRoot",
        Level.RESTRICTED,
        "runAsNonRoot != true",
        (Revision(0, run_as_non_root), Revision(35, except_user_namespace(run_as_non_root))),
    ),
    Check(
        "runAsUser",
        Level.RESTRICTED,
        "runAsUser=0",
        (Revision(23, run_as_user), Revision(35, except_user_namespace(run_as_user))),
    ),
)
