"""E1 and E13: containers that run as the node itself."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.kube.pods import PodSpec, WindowsOptions
from mistrust.layers.pods.escapes.confined import Confined
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.template import POD, Change, Field


def privileged(c: Confined) -> Iterator[Escape]:
    """E1. All capabilities and devices, no seccomp, no AppArmor; in a user namespace, all of it only inside."""
    if not c.privileged:
        return
    path = (*c.path, "securityContext", "privileged")
    yield Escape(
        "E1",
        "pods.privileged",
        Power.AMPLIFIER if c.own_users else Power.NODE,
        c.name,
        f'container "{c.name}" is privileged' + (", inside its user namespace" if c.own_users else ""),
        c.acts_as_root or "",
        (Field(path, "true"),),
        changes=(Change("remove", path),),
    )


def host_process(spec: PodSpec, c: Confined) -> Iterator[Escape]:
    """E13. A Windows process on the node itself; the container's word counts before the pod's."""

    def said(options: WindowsOptions | None) -> bool | None:
        return options.host_process if options is not None else None

    own = said(c.container.security_context.windows_options if c.container.security_context is not None else None)
    if own is True or (own is None and said(spec.security_context.windows_options) is True):
        at = (*c.path, "securityContext") if own is True else POD
        path = (*at, "windowsOptions", "hostProcess")
        yield Escape(
            "E13",
            "pods.windows-host-process",
            Power.NODE,
            c.name,
            f'container "{c.name}" is a process of the Windows node',
            fields=(Field(path, "true"),),
            changes=(Change("remove", path),),
        )
