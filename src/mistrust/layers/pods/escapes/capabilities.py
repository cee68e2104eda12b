"""E3: Linux capabilities that a container asks for beyond what every container gets.

What capabilities(7) says each is good for. The runtimes' own set (CHOWN, DAC_OVERRIDE, MKNOD, SYS_CHROOT ...) leads
nowhere alone: the device cgroup stops MKNOD, and DAC_OVERRIDE needs a path of the node, which is found there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mistrust.access.evidence import FieldPath
from mistrust.kube.pods import Capabilities, PodSpec
from mistrust.layers.pods.escapes.confined import RUNTIME_CAPABILITIES, Confined, held, normal
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.escapes.namespaces import APP_ARMOR_ALLOWS
from mistrust.layers.pods.template import Change, Field


class Use(msgspec.Struct, frozen=True, gc=False):
    """What a capability is good for."""

    power: Power
    what: str
    condition: str = ""


USES: Mapping[str, Use] = {
    "ALL": Use(Power.NODE, "every capability"),
    "SYS_ADMIN": Use(Power.NODE, "mounts file systems and writes the kernel's own files", APP_ARMOR_ALLOWS),
    "SYS_MODULE": Use(Power.NODE, "loads kernel modules"),
    "SYS_RAWIO": Use(
        Power.NODE, "reads and writes the machine's memory through I/O ports", "the kernel allows raw I/O"
    ),
    "DAC_READ_SEARCH": Use(Power.NODE, "opens any file of the node's disk by its handle"),
    "SYS_BOOT": Use(Power.NODE, "starts another kernel (kexec)", "no seccomp profile stops kexec_load"),
    "BPF": Use(Power.AMPLIFIER, "loads programs into the kernel"),
    "PERFMON": Use(Power.AMPLIFIER, "observes the kernel"),
    "SYS_PTRACE": Use(Power.AMPLIFIER, "controls the processes that it sees"),
    "NET_ADMIN": Use(Power.AMPLIFIER, "configures the pod's network, through much kernel code"),
    "SYSLOG": Use(Power.AMPLIFIER, "reads the kernel's log and addresses"),
    "SYS_TIME": Use(Power.AMPLIFIER, "sets the node's clock"),
    "AUDIT_CONTROL": Use(Power.AMPLIFIER, "turns the node's audit off"),
    "MAC_ADMIN": Use(Power.AMPLIFIER, "changes the node's mandatory access control"),
    "MAC_OVERRIDE": Use(Power.AMPLIFIER, "ignores the node's mandatory access control"),
    "CHECKPOINT_RESTORE": Use(Power.AMPLIFIER, "restores processes with chosen ids"),
}


def capabilities(spec: PodSpec, c: Confined) -> Iterator[Escape]:
    """E3. One escape for each capability that is asked for and held; none for a privileged container, which has all.

    A process that is not root starts without any; it gets them through a set-user-ID program, unless
    `allowPrivilegeEscalation` is false. In a user namespace they count only inside.
    """
    asked = c.container.security_context.capabilities if c.container.security_context is not None else None
    root = c.acts_as_root
    if asked is None or c.privileged or root is None:
        return
    has = held(asked)
    for i, written in enumerate(asked.add):
        name = normal(written)
        if name not in has or name in RUNTIME_CAPABILITIES or name not in USES:
            continue
        use = _use(name, has, spec, c)
        path = (*c.path, "securityContext", "capabilities", "add")
        yield Escape(
            "E3",
            "pods.added-capability" if use.power is Power.AMPLIFIER else "pods.dangerous-capability",
            use.power,
            c.name,
            f'container "{c.name}" has {name}: {use.what}',
            ", and ".join(x for x in (root, use.condition) if x),
            (Field((*path, i), written),),
            changes=(_without(asked, path),),
        )


def _use(name: str, has: frozenset[str], spec: PodSpec, c: Confined) -> Use:
    use = USES[name]
    if c.own_users:
        return Use(Power.AMPLIFIER, f"{use.what}, inside its user namespace")
    if name in ("BPF", "PERFMON") and {"BPF", "PERFMON"} <= has:
        return Use(Power.NODE_READ, "traces every process of the node, with BPF and PERFMON together")
    if name == "NET_ADMIN" and spec.host_network:
        return Use(Power.NODE_NETWORK, "configures the node's network")
    if name == "SYS_BOOT" and c.seccomp == "RuntimeDefault":
        return Use(Power.AMPLIFIER, use.what)
    if use.condition == APP_ARMOR_ALLOWS and c.app_armor == "Unconfined":
        return Use(use.power, use.what)
    return use


def _without(asked: Capabilities, path: FieldPath) -> Change:
    """Without every harmful one at once: each of them asks for the same change."""
    kept = [name for name in asked.add if normal(name) not in USES]
    return Change("set", path, f"[{', '.join(kept)}]") if kept else Change("remove", path)
