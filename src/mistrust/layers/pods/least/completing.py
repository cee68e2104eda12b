"""Changes of a template that bring it to a stricter level and, by the definition of the fields, lose nothing.

Few fields are such. A dropped capability, a seccomp profile or `allowPrivilegeEscalation: false` may stop a program
that the image holds (one with file capabilities runs with them as any user, no_new_privs or not, if it is what the
runtime starts), and no manifest and no log shows whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.kube.core import Node
from mistrust.kube.pods import Container, PodSpec, PodTemplate, SecurityContext
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.version import Version
from mistrust.layers.pods.least.reshaping import Reasons, remade
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import violations
from mistrust.layers.pods.standards.check import Violation
from mistrust.layers.pods.template import POD, SPEC, Change, containers

OS: Final = "kubernetes.io/os"

UNMOUNTED: Final = "no container mounts it: the kubelet does not set it up"
"""pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go."""
DROPPED: Final = "what is dropped by name is not held, added or not"
"""containerd internal/cri/opts and CRI-O server/container_create_linux.go: add each, then drop each."""
NOT_ROOT: Final = "it runs as user {}, as the manifest says: nothing changes"
"""pkg/kubelet/kuberuntime/security_context.go verifyRunAsNonRoot: a user that is set is all that is looked at."""
NOT_ALLOWED: Final = "every container says of itself that it does not run as root"


class Ground(msgspec.Struct, frozen=True):
    """What a template alone does not tell."""

    windows: bool
    """May a pod that names no operating system come to a Windows node?"""
    injected: bool
    """May something change its pods that mounts its volumes?"""


def ground(snapshot: Snapshot, injected: bool) -> Ground:
    """Look the snapshot through."""
    systems = {n.status.node_info.operating_system for n in snapshot.of(Node)}
    return Ground("windows" in systems, injected)


def completed(template: PodTemplate, level: Level, versions: Sequence[Version | None], on: Ground) -> Reasons | None:
    """The changes after which a template meets a level in all these versions; None where no such changes are known."""
    breaches = {v: None for version in versions for v in violations(level, template.metadata, template.spec, version)}
    answers = [dict(_answer(v, template.spec, on)) for v in breaches]
    if not all(answers):
        return None
    found = {change: why for answer in answers for change, why in answer.items()}
    now = remade(template, found)
    left = (violations(level, now.metadata, now.spec, version) for version in versions)
    return None if any(left) else found


def _answer(v: Violation, spec: PodSpec, on: Ground) -> Iterator[tuple[Change, str]]:
    """What takes a violation away and loses nothing; nothing where that cannot be said."""
    answer = _ANSWERS.get(v.check)
    return answer(v, spec, on) if answer is not None else iter(())


def _volume(v: Violation, spec: PodSpec, on: Ground) -> Iterator[tuple[Change, str]]:
    index = v.path[2]
    assert isinstance(index, int)
    name = spec.volumes[index].name
    mounted = {m.name for _, c in containers(spec) for m in c.volume_mounts}
    mounted |= {d.name for _, c in containers(spec) for d in c.volume_devices}
    if name not in mounted and not on.injected:
        yield Change("remove", (*SPEC, "volumes", index)), UNMOUNTED


def _capability(v: Violation, spec: PodSpec, _: Ground) -> Iterator[tuple[Change, str]]:
    """Names are compared as they are written: containerd takes none with the prefix `CAP_`."""
    at, held = next((at, _own(c).capabilities) for at, c in containers(spec) if at == v.path[:3])
    if held is None or v.path[5:6] != ("add",):
        return
    dropped = {name.upper() for name in held.drop} - {"ALL"}
    if v.value.upper() in dropped:
        kept = [name for name in held.add if name.upper() not in dropped]
        path = (*at, "securityContext", "capabilities", "add")
        change = Change("set", path, f"[{', '.join(kept)}]") if kept else Change("remove", path)
        yield change, DROPPED


def _not_root(v: Violation, spec: PodSpec, on: Ground) -> Iterator[tuple[Change, str]]:
    """Set in each container, so that nothing that is added to the pod inherits it."""
    wanted = [(at, c) for at, c in containers(spec) if _own(c).run_as_non_root is not True]
    if v.path[:2] == POD:
        users = [_user(c, spec) for _, c in wanted]
        if all(users) and (not wanted or not on_windows(spec, on)):
            yield Change("remove", (*POD, "runAsNonRoot")), NOT_ALLOWED
    else:
        wanted = [(at, c) for at, c in wanted if at == v.path[:3]]
    for at, c in wanted:
        user = _user(c, spec)
        if user and not on_windows(spec, on):
            yield Change("set", (*at, "securityContext", "runAsNonRoot"), "true"), NOT_ROOT.format(user)


def _own(c: Container) -> SecurityContext:
    return c.security_context or SecurityContext()


def _user(c: Container, spec: PodSpec) -> int | None:
    own = _own(c).run_as_user
    return spec.security_context.run_as_user if own is None else own


def on_windows(spec: PodSpec, on: Ground) -> bool:
    """May its pods run on Windows, where a user number means nothing?"""
    said = spec.os.name if spec.os is not None else spec.node_selector.get(OS, "")
    options = [spec.security_context.windows_options, *(_own(c).windows_options for _, c in containers(spec))]
    return said != "linux" and (said != "" or on.windows or any(o is not None for o in options))


_ANSWERS: Final[Mapping[str, Callable[[Violation, PodSpec, Ground], Iterator[tuple[Change, str]]]]] = {
    "hostPathVolumes": _volume,
    "restrictedVolumes": _volume,
    "capabilities_baseline": _capability,
    "capabilities_restricted": _capability,
    "runAsNonRoot": _not_root,
}
