"""Mistakes that other tools were shown to make with pods. We do not make them."""

from __future__ import annotations

import pytest
from tests.layers.pods.make import one, told


def mount(path: str, more: str = "") -> str:
    return (
        one(f"volumeMounts: [{{name: v, mountPath: /v{more}}}]")
        + f"\nvolumes: [{{name: v, hostPath: {{path: {path}}}}}]"
    )


@pytest.mark.parametrize("path", ["/var/run", "/var/run/containerd", "/var/run/docker.sock", "/var/run/crio/crio.sock"])
def test_var_run_is_not_safe(path: str) -> None:
    """KubeHound: the safe list `^/var/run/.*` hides every runtime socket."""
    assert told(mount(path)) == [("E6", "node")]


def test_a_pattern_for_tmp_does_not_cover_what_merely_begins_so() -> None:
    """KubeHound: the safe list `^/tmp?.*` also matches other names, and would hide mounts that resolve elsewhere."""
    assert told(mount("/tmp")) == []
    assert told(mount("/tm/../etc/kubernetes")) == [("E4", "node")]


@pytest.mark.parametrize("path", ["/etc/kubernetes/pki", "/etc/kubernetes/x", "/var/lib/kubelet/pods/1", "/root/.ssh"])
def test_places_are_compared_by_prefix_and_not_as_a_list_of_names(path: str) -> None:
    """KubeHound: an exact list of seven paths misses everything below and above them."""
    assert told(mount(path)) == [("E4", "node")]
    assert told(mount(path, ", readOnly: true")) == [("E5", "node-read")]


def test_a_read_only_socket_is_still_a_socket() -> None:
    assert told(mount("/var/run/docker.sock", ", readOnly: true")) == [("E6", "node")]


@pytest.mark.parametrize("name", ["ALL", "CAP_SYS_ADMIN", "SYS_MODULE", "DAC_READ_SEARCH"])
def test_capabilities_are_neither_three_names_nor_one_spelling(name: str) -> None:
    """KubeHound and IceKube know three capabilities each, without ALL and without the prefix."""
    assert told(one(f"securityContext: {{capabilities: {{add: [{name}]}}}}")) == [("E3", "node")]


def test_a_missing_user_is_not_user_0() -> None:
    """KubeHound stores an unset runAsUser as 0: here it is a condition that is told."""
    from tests.layers.pods.make import ways_out

    [found] = ways_out(mount("/proc"))
    assert found.condition == "the image runs as root"
    [sure] = ways_out("securityContext: {runAsUser: 0}\n" + mount("/proc"))
    assert sure.certain


def test_a_volume_that_no_container_mounts_is_not_counted() -> None:
    assert told(one("") + "\nvolumes: [{name: v, hostPath: {path: /var/run/docker.sock}}]") == []
