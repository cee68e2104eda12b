"""What ties a pod to the node: its namespaces, its ports, the targets of its probes, Windows host processes."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Container, Handler, PodSpec, WindowsOptions
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Breach, Check, Revision
from mistrust.layers.pods.template import POD, SPEC, Change, containers


def host_namespaces(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_hostNamespaces.go."""
    for key, shared in (("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)):
        if shared:
            yield _gone((*SPEC, key), "true")


def host_ports(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_hostPorts.go."""
    for at, c in containers(spec):
        for i, port in enumerate(c.ports):
            if port.host_port != 0:
                yield _gone((*at, "ports", i, "hostPort"), str(port.host_port), c.name)


def probe_hosts(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_hostProbesAndhostLifecycle.go: the kubelet sends these requests, from the node."""
    for at, c in containers(spec):
        for path, handler in handlers(c):
            if handler.http_get is not None and handler.http_get.host:
                yield _gone((*at, *path, "httpGet", "host"), handler.http_get.host, c.name)
            if handler.tcp_socket is not None and handler.tcp_socket.host:
                yield _gone((*at, *path, "tcpSocket", "host"), handler.tcp_socket.host, c.name)


def handlers(container: Container) -> Iterator[tuple[FieldPath, Handler]]:
    """The probes and lifecycle hooks of a container, with their paths."""
    hooks = container.lifecycle
    for path, handler in (
        (("livenessProbe",), container.liveness_probe),
        (("readinessProbe",), container.readiness_probe),
        (("startupProbe",), container.startup_probe),
        (("lifecycle", "postStart"), hooks.post_start if hooks else None),
        (("lifecycle", "preStop"), hooks.pre_stop if hooks else None),
    ):
        if handler is not None:
            yield path, handler


def host_process(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_windowsHostProcess.go."""

    def is_set(options: WindowsOptions | None) -> bool:
        return options is not None and options.host_process is True

    if is_set(spec.security_context.windows_options):
        yield _gone((*POD, "windowsOptions", "hostProcess"), "true")
    for at, c in containers(spec):
        if c.security_context is not None and is_set(c.security_context.windows_options):
            yield _gone((*at, "securityContext", "windowsOptions", "hostProcess"), "true", c.name)


def _gone(path: FieldPath, value: str, container: str = "") -> Breach:
    return Breach(path, value, container, (Change("remove", path),))


CHECKS = (
    Check("hostNamespaces", Level.BASELINE, "host namespaces", (Revision(0, host_namespaces),)),
    Check("hostPorts", Level.BASELINE, "hostPort", (Revision(0, host_ports),)),
    Check("hostProbesAndHostLifecycle", Level.BASELINE, "probe or lifecycle host", (Revision(34, probe_hosts),)),
    Check("windowsHostProcess", Level.BASELINE, "hostProcess", (Revision(0, host_process),)),
)
