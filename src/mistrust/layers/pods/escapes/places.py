"""Places of a node's file system, and what holding one of them is worth: the table behind E4 to E8, E11 and E12.

A mount matters through the place it lies in, and through every place that lies in it. The most specific row decides
for a path inside, so a harmless corner of a dangerous place has a row of its own.
"""

from __future__ import annotations

import msgspec

from mistrust.layers.pods.escapes.escape import Power

NODE, READ, PROCESSES, AMPLIFIER = Power.NODE, Power.NODE_READ, Power.NODE_PROCESSES, Power.AMPLIFIER


class Place(msgspec.Struct, frozen=True, gc=False):
    """One place."""

    path: str
    code: str
    write: Power | None
    """What a writable mount is worth."""
    read: Power | None
    """What a read-only mount is worth. Connecting to a socket needs no writable mount (unix(7))."""
    what: str
    """What a container that mounts it does: `commands the container runtime`."""
    condition: str = ""
    reads: str = ""
    """The same for a read-only mount, where that differs."""
    exact: bool = False
    """True where the row speaks of the place itself, and not of what lies in it."""


def _places(
    code: str, write: Power | None, read: Power | None, what: str, *paths: str, condition: str = "", reads: str = ""
) -> list[Place]:
    """A path that ends in a full stop is exact."""
    return [Place(p.removesuffix("."), code, write, read, what, condition, reads, p.endswith(".")) for p in paths]


CORE_PATTERN = "sets core_pattern, a program that the node runs as root"
LOGS_ASKED = "logs of the node or of its pods are read through the API (the kubelet follows links)"

TABLE: tuple[Place, ...] = (
    *_places("E4", NODE, READ, "holds every file of the node", "/.", "c:."),
    *_places(
        "E6",
        NODE,
        NODE,
        "commands the container runtime",
        "/run/containerd",
        "/run/docker.sock",
        "/run/docker",
        "/run/k3s/containerd",
        "/run/crio",
        "/run/podman",
        "/run/cri-dockerd.sock",
        "/run/dockershim.sock",
        "/run/frakti.sock",
        "/run/isulad.sock",
        "/run/balena-engine.sock",
        "/run/buildkit",
        "//./pipe/docker_engine",
        "//./pipe/containerd-containerd",
    ),
    *_places("E6", NODE, NODE, "commands systemd", "/run/systemd/private", "/run/dbus"),
    *_places("E7", NODE, PROCESSES, CORE_PATTERN, "/proc.", reads="sees the processes of the node"),
    *_places("E7", NODE, None, CORE_PATTERN, "/proc/sys"),
    *_places(
        "E8", READ, None, "leads logs to any file of the node", "/var/log.", "/var/log/pods", condition=LOGS_ASKED
    ),
    *_places("E8", READ, None, "leads logs to any file of the node", "/var/log/containers", condition=LOGS_ASKED),
    *_places("E8", READ, None, "leads logs to any file", "/var/lib/docker/containers", condition=LOGS_ASKED),
    *_places("E11", NODE, None, "writes static pods, which the kubelet starts", "/etc/kubernetes/manifests"),
    *_places(
        "E11",
        NODE,
        None,
        "writes manifests that the server applies",
        "/etc/kubernetes/addons",
        "/var/lib/rancher/k3s/server/manifests",
        "/var/lib/rancher/rke2/server/manifests",
        "/var/lib/rancher/rke2/agent/pod-manifests",
    ),
    *_places("E11", NODE, None, "writes programs that the runtime starts as root", "/opt/cni"),
    *_places(
        "E11", NODE, READ, "says which programs the runtime starts as root", "/etc/cni", reads="holds kubeconfigs"
    ),
    *_places("E11", NODE, None, "writes programs that the kubelet starts", "/usr/libexec/kubernetes"),
    *_places("E11", NODE, None, "speaks for storage drivers, which mount for the node", "/var/lib/kubelet/plugins"),
    *_places("E11", NODE, None, "registers storage drivers with the kubelet", "/var/lib/kubelet/plugins_registry"),
    *_places(
        "E11",
        NODE,
        None,
        "registers devices with the kubelet",
        "/var/lib/kubelet/device-plugins",
        condition="a pod asks for the device that is offered",
    ),
    *_places("", None, None, "", "/var/lib/kubelet/pod-resources", "/var/lib/kubelet/seccomp"),
    *_places(
        "E12",
        NODE,
        None,
        "puts devices in the place of the node's own",
        "/dev.",
        condition="a process of the node opens what was put there",
    ),
    *_places("E12", PROCESSES, PROCESSES, "shares memory with processes of the node", "/dev/shm"),  # noqa: S108
    *_places("E12", AMPLIFIER, None, "sees a device; the device cgroup keeps it closed", "/dev"),
    *_places(
        "", None, None, "", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/log", "/dev/termination-log"
    ),
    *_places(
        "E4",
        NODE,
        READ,
        "holds credentials and settings of the node",
        "/etc/kubernetes",
        "/etc/rancher",
        "/etc/ssh",
        "/etc/shadow",
        "/root",
        "/home",
        "/srv/kubernetes",
        "/var/lib/kubelet",
        "/var/lib/kube-proxy",
        "/var/lib/kube-scheduler",
        "/var/lib/kube-controller-manager",
        "/var/lib/rancher",
        "/var/lib/k0s",
        "/var/lib/minikube",
        "/var/lib/cloud",
        "/var/snap",
        "c:/etc/kubernetes",
        "c:/k",
        "c:/programdata",
        "c:/users",
        "c:/var/lib/kubelet",
        "c:/windows",
    ),
    *_places("E4", NODE, READ, "holds the state of the whole cluster", "/var/lib/etcd"),
    *_places(
        "E4",
        NODE,
        READ,
        "holds the files of every container",
        "/var/lib/docker",
        "/var/lib/containerd",
        "/var/lib/containers",
    ),
    *_places(
        "E4",
        NODE,
        None,
        "changes what the node runs as root",
        "/etc",
        "/bin",
        "/boot",
        "/lib",
        "/lib32",
        "/lib64",
        "/run/systemd/system",
        "/run/udev",
        "/sbin",
        "/usr",
        "/var/spool/at",
        "/var/spool/cron",
    ),
    *_places(
        "E4",
        NODE,
        None,
        "names a program that the kernel starts as root",
        "/sys.",
        "/sys/fs/cgroup",
        "/sys/kernel",
        condition="the node has cgroup v1 or a uevent helper",
    ),
    *_places(
        "",
        None,
        None,
        "",
        "/etc/hostname",
        "/etc/localtime",
        "/etc/lsb-release",
        "/etc/machine-id",
        "/etc/os-release",
        "/etc/timezone",
        "/sys/fs/bpf",
        "/usr/lib/os-release",
        "/usr/share",
    ),
)
