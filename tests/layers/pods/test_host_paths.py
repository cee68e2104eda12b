"""Paths of the node: what each is worth, however it is written and mounted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.layers.pods.make import told, ways_out

from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.escapes.hostpaths import STRENGTH, normal_path, worth
from mistrust.layers.pods.escapes.places import TABLE


def mounting(path: str, mount: str = "", context: str = "{runAsUser: 0}", volume: str = "") -> str:
    source = volume or f"hostPath: {{path: {json.dumps(path)}}}"
    mounts = f"volumeMounts: [{{name: v, mountPath: /v, {mount}}}]"
    return f"containers: [{{name: web, securityContext: {context}, {mounts}}}]\nvolumes: [{{name: v, {source}}}]"


WRITE = [
    ("/", "E4"),
    ("/etc", "E4"),
    ("/etc/cron.d", "E4"),
    ("/etc/kubernetes/x", "E4"),
    ("/home/user/.ssh", "E4"),
    ("/var", "E4"),
    ("/var/lib", "E4"),
    ("/var/lib/kubelet/pods", "E4"),
    ("/usr/bin", "E4"),
    ("/lib/systemd/system", "E4"),
    ("/boot", "E4"),
    ("/run", "E6"),
    ("/var/run", "E6"),
    ("/var/run/docker.sock", "E6"),
    ("/run/containerd", "E6"),
    ("/run/containerd/containerd.sock", "E6"),
    ("/run/k3s/containerd/containerd.sock", "E6"),
    ("/run/crio/crio.sock", "E6"),
    ("/var/run/cri-dockerd.sock", "E6"),
    ("/proc", "E7"),
    ("/proc/sys/kernel", "E7"),
    ("/etc/kubernetes/manifests", "E11"),
    ("/etc/cni/net.d", "E11"),
    ("/opt", "E11"),
    ("/opt/cni/bin", "E11"),
    ("/var/lib/kubelet/device-plugins", "E11"),
    ("/var/lib/kubelet/plugins/csi.example.com", "E11"),
    ("/dev", "E12"),
    ("C:\\", "E4"),
    ("\\\\.\\pipe\\docker_engine", "E6"),
]


@pytest.mark.parametrize(("path", "code"), WRITE)
def test_a_writable_mount_of_it_takes_the_node(path: str, code: str) -> None:
    assert told(mounting(path)) == [(code, "node")]


READ = [
    ("/", [("E6", "node"), ("E5", "node-read")]),
    ("/etc", [("E5", "node-read")]),
    ("/etc/kubernetes/pki", [("E5", "node-read")]),
    ("/var/lib/kubelet", [("E5", "node-read")]),
    ("/var/lib/etcd/member", [("E5", "node-read")]),
    ("/root/.kube", [("E5", "node-read")]),
    ("/var", [("E5", "node-read")]),
    ("/proc", [("E5", "node-processes")]),
    ("/var/run/docker.sock", [("E6", "node")]),
    ("/var/run", [("E6", "node")]),
    ("/run/containerd", [("E6", "node")]),
    ("/usr/bin", []),
    ("/lib/modules", []),
    ("/sys", []),
    ("/var/log", []),
    ("/etc/passwd", []),
]


@pytest.mark.parametrize(("path", "ways"), READ)
def test_a_read_only_mount_of_it_shows_credentials_or_a_socket(path: str, ways: list[tuple[str, str]]) -> None:
    assert told(mounting(path, "readOnly: true")) == ways


@pytest.mark.parametrize(
    "path", ["/data", "/mnt/disk", "/tmp", "/srv/app", "/opt/app", "/etc/localtime", "/run/flannel"]
)
def test_a_mount_of_it_takes_nothing(path: str) -> None:
    assert told(mounting(path)) == []


def test_logs_that_are_written_lead_to_any_file_if_someone_reads_them() -> None:
    [found] = ways_out(mounting("/var/log"))
    assert (found.code, str(found.power)) == ("E8", "node-read")
    assert "read through the API" in found.condition
    assert told(mounting("/var/log/pods")) == [("E8", "node-read")]
    assert told(mounting("/var/log/app")) == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/etc/", "/etc"),
        ("//etc", "/etc"),
        ("/srv/../etc/./cron.d", "/etc/cron.d"),
        ("/../..", "/"),
        ("/var/run/x", "/run/x"),
        ("/var/running", "/var/running"),
        ("/proc/1/root/etc", "/etc"),
        ("/proc/1/root", "/"),
        ("/proc/1/root/var/run/docker.sock", "/run/docker.sock"),
        ("", "/"),
        ("C:\\Windows\\", "c:/windows"),
    ],
)
def test_a_path_is_read_as_the_node_resolves_it(written: str, meant: str) -> None:
    assert normal_path(written) == meant


def test_a_sub_path_narrows_what_is_mounted() -> None:
    assert told(mounting("/var", "subPath: lib/app")) == []
    assert told(mounting("/srv", "subPath: kubernetes")) == [("E4", "node")]
    assert told(mounting("/var", "subPathExpr: $(X)")) == [("E4", "node")]


def test_a_volume_that_is_mounted_nowhere_is_no_way_out() -> None:
    assert told("containers: [{name: a}]\nvolumes: [{name: v, hostPath: {path: /}}]") == []


def test_read_only_is_said_by_the_mount_or_by_the_claim() -> None:
    volume = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: p}
spec: {hostPath: {path: /etc/kubernetes}, claimRef: {namespace: shop, name: c}}
"""
    claim = "persistentVolumeClaim: {claimName: c}"
    [found] = ways_out(mounting("", volume=claim), volume)
    assert (found.code, str(found.power)) == ("E4", "node")
    assert [str(e) for e in found.also] == ["PersistentVolume p spec.hostPath.path /etc/kubernetes"]
    assert found.changes == ()
    read_only = "persistentVolumeClaim: {claimName: c, readOnly: true}"
    assert told(mounting("", volume=read_only), volume) == [("E5", "node-read")]


def test_the_files_of_the_node_guard_it_from_a_user_that_is_never_root() -> None:
    never = "{runAsUser: 1000, allowPrivilegeEscalation: false}"
    [found] = ways_out(mounting("/", "readOnly: true", never))
    assert (str(found.power), found.fact) == ("amplifier", "pods.host-path")


def test_a_user_namespace_does_not_guard_it_because_volumes_are_mapped() -> None:
    assert told("hostUsers: false\n" + mounting("/etc")) == [("E4", "node")]


def test_the_smallest_change_is_a_read_only_mount_where_that_is_enough() -> None:
    [usr] = ways_out(mounting("/usr"))
    assert [(c.op, c.path[-1], c.value) for c in usr.changes] == [("set", "readOnly", "true")]
    [etc] = ways_out(mounting("/etc"))
    assert [c.op for c in etc.changes] == ["remove", "remove"]


PATHS = st.lists(
    st.sampled_from(sorted({part for place in TABLE for part in place.path.split("/") if part} | {"x", "y"})),
    max_size=4,
).map(lambda parts: "/" + "/".join(parts))


def strongest(path: str, writable: bool) -> int:
    return min((STRENGTH[w.power] for w in worth(path, writable)), default=len(Power))


@given(PATHS)
def test_law_writing_is_worth_at_least_as_much_as_reading(path: str) -> None:
    assert strongest(path, True) <= strongest(path, False)


@given(PATHS, st.booleans())
def test_law_a_directory_is_worth_at_least_as_much_as_each_place_in_it(path: str, writable: bool) -> None:
    inside = [strongest(p.path, writable) for p in TABLE if p.path.startswith(path.rstrip("/") + "/")]
    assert strongest(path, writable) <= min(inside, default=len(Power))


@given(PATHS)
def test_law_normal_paths_stay_normal(path: str) -> None:
    assert normal_path(normal_path(path)) == normal_path(path)
