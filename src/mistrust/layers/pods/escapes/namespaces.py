"""E2, E9, E10 and E15: namespaces shared with the node, or between the containers of a pod."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.kube.pods import PodSpec
from mistrust.layers.pods.escapes.confined import Confined, held
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.template import SPEC, Change, Field

APP_ARMOR_ALLOWS = "AppArmor does not confine it"


def host_pid(spec: PodSpec, several: Sequence[Confined]) -> Iterator[Escape]:
    """E2. Entering the node's processes takes a privileged container or SYS_PTRACE; looking at some takes nothing.

    Without either, the kernel shows environments and files (`/proc/PID/root`) of processes that have the same user and
    no more capabilities: those of other pods (ptrace(2), "Ptrace access mode checking").
    """
    if not spec.host_pid:
        return
    path = (*SPEC, "hostPID")
    fields, changes = (Field(path, "true"),), (Change("remove", path),)
    entered = False
    for c in several:
        strength = _enters(c)
        if strength is not None:
            how, condition, fact = strength
            entered = True
            detail = f'container "{c.name}" {how} and sees every process of the node'
            yield Escape("E2", fact, Power.NODE, c.name, detail, condition, fields, changes=changes)
    if not entered:
        detail = "sees every process of the node, and the environment of those with its user"
        yield Escape("E2", "pods.host-pid", Power.NODE_PROCESSES, "", detail, fields=fields, changes=changes)


def _enters(c: Confined) -> tuple[str, str, str] | None:
    root = c.acts_as_root
    if c.own_users or root is None:
        return None
    if c.privileged:
        return "is privileged", root, "pods.host-pid"
    capabilities = held(c.container.security_context.capabilities if c.container.security_context else None)
    if capabilities & {"SYS_PTRACE", "ALL"}:
        conditions = (root, "" if c.app_armor == "Unconfined" else APP_ARMOR_ALLOWS)
        return "has SYS_PTRACE", ", and ".join(x for x in conditions if x), "pods.host-pid-ptrace"
    return None


def host_network(spec: PodSpec) -> Iterator[Escape]:
    """E9. The kubelet and others on the node's loopback, its traffic, the metadata service of its cloud."""
    if spec.host_network:
        path = (*SPEC, "hostNetwork")
        detail = "is on the node's network: its loopback, its address, its cloud's metadata service"
        changes = (Change("remove", path),)
        yield Escape(
            "E9", "pods.host-network", Power.NODE_NETWORK, "", detail, fields=(Field(path, "true"),), changes=changes
        )


def host_ipc(spec: PodSpec) -> Iterator[Escape]:
    """E10. Shared memory and semaphores of the node, and of every pod that shares them too."""
    if spec.host_ipc:
        path = (*SPEC, "hostIPC")
        detail = "shares memory with the processes of the node"
        changes = (Change("remove", path),)
        yield Escape(
            "E10", "pods.host-ipc", Power.NODE_PROCESSES, "", detail, fields=(Field(path, "true"),), changes=changes
        )


def shared_processes(spec: PodSpec, several: Sequence[Confined]) -> Iterator[Escape]:
    """E15. Each container reaches the processes, and through `/proc/PID/root` the files, of the others."""
    if spec.share_process_namespace and not spec.host_pid and len(several) > 1:
        path = (*SPEC, "shareProcessNamespace")
        detail = f"its {len(several)} containers see one another's processes"
        yield Escape(
            "E15",
            "pods.shared-processes",
            Power.SIBLING_CONTAINERS,
            "",
            detail,
            "they run as the same user, or one has SYS_PTRACE",
            (Field(path, "true"),),
            changes=(Change("remove", path),),
        )
