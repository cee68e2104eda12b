"""The standards name the field of every violation, and their changes lift the pod to the level."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.layers.pods.apply import applied
from tests.layers.pods.make import spec
from tests.layers.pods.pods import POD

from mistrust.access.evidence import FieldPath, show_path
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Pod
from mistrust.kube.version import Version
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import level, violations
from mistrust.layers.pods.standards.registry import CHECKS, rules
from mistrust.layers.pods.template import ordered


@pytest.mark.parametrize(
    ("wanted", "pod", "found"),
    [
        ("baseline", "hostPID: true", [("hostNamespaces", "", "spec.hostPID", "true")]),
        (
            "baseline",
            "initContainers: [{name: i, ports: [{}, {hostPort: 80}]}]",
            [("hostPorts", "i", "spec.initContainers[0].ports[1].hostPort", "80")],
        ),
        (
            "baseline",
            "containers: [{name: a, securityContext: {capabilities: {add: [CHOWN, CAP_CHOWN]}}}]",
            [("capabilities_baseline", "a", "spec.containers[0].securityContext.capabilities.add[1]", "CAP_CHOWN")],
        ),
        (
            "baseline",
            "ephemeralContainers: [{name: e, lifecycle: {preStop: {tcpSocket: {host: h}}}}]",
            [
                (
                    "hostProbesAndHostLifecycle",
                    "e",
                    "spec.ephemeralContainers[0].lifecycle.preStop.tcpSocket.host",
                    "h",
                )
            ],
        ),
        (
            "baseline",
            "volumes: [{name: a, emptyDir: {}}, {name: b, hostPath: {path: /x}}]",
            [("hostPathVolumes", "", "spec.volumes[1].hostPath", "/x")],
        ),
        (
            "baseline",
            "securityContext: {sysctls: [{name: kernel.msgmax}], seccompProfile: {type: Unconfined}}",
            [
                ("seccompProfile_baseline", "", "spec.securityContext.seccompProfile.type", "Unconfined"),
                ("sysctls", "", "spec.securityContext.sysctls[0].name", "kernel.msgmax"),
            ],
        ),
        (
            "restricted",
            "containers: [{name: a}]",
            [
                (
                    "allowPrivilegeEscalation",
                    "a",
                    "spec.containers[0].securityContext.allowPrivilegeEscalation",
                    "",
                ),
                ("capabilities_restricted", "a", "spec.containers[0].securityContext.capabilities.drop", ""),
                ("runAsNonRoot", "a", "spec.containers[0].securityContext.runAsNonRoot", ""),
                ("seccompProfile_restricted", "a", "spec.containers[0].securityContext.seccompProfile", ""),
            ],
        ),
    ],
)
def test_a_violation_names_container_field_and_value(
    wanted: str, pod: str, found: list[tuple[str, str, str, str]]
) -> None:
    answers = violations(Level[wanted.upper()], Metadata(), spec(pod))
    assert [(v.check, v.container, show_path(v.path), v.value) for v in answers] == found


def test_an_annotation_is_named_by_its_key() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/a"
    [found] = violations(Level.BASELINE, Metadata(annotations={key: "unconfined"}), spec("containers: [{name: a}]"))
    assert (found.path, found.container) == (("metadata", "annotations", key), "a")


def test_a_volume_without_a_source_is_an_empty_dir() -> None:
    assert violations(Level.RESTRICTED, Metadata(), spec("volumes: [{name: v}]")) == ()


@pytest.mark.parametrize(
    ("version", "met"),
    [
        (Version(1, 31), "privileged"),
        (Version(1, 32), "restricted"),
        (None, "restricted"),
        (Version(1, 99), "restricted"),
    ],
)
def test_a_level_means_what_its_version_means(version: Version | None, met: str) -> None:
    pod = spec("securityContext: {sysctls: [{name: net.ipv4.tcp_rmem}]}")
    assert str(level(Metadata(), pod, version)) == met


def test_every_check_has_a_name_of_its_own_and_rising_versions() -> None:
    assert len({c.id for c in CHECKS}) == len(CHECKS) == 19
    baseline = {c.id for c in CHECKS if c.level is Level.BASELINE}
    for check in CHECKS:
        since = [r.since for r in check.revisions]
        assert since == sorted(set(since))
        assert {name for r in check.revisions for name in r.overrides} <= baseline


def test_restricted_replaces_what_it_says_better() -> None:
    names = {check.id for check, _ in rules(Level.RESTRICTED, 37)}
    assert not names & {"capabilities_baseline", "hostPathVolumes", "seccompProfile_baseline", "procMount"}
    assert {"privileged", "sysctls"} <= names


@settings(deadline=None)
@given(POD, st.sampled_from([Level.BASELINE, Level.RESTRICTED]))
def test_law_the_changes_of_a_level_lift_any_pod_to_it(plain: dict[str, object], wanted: Level) -> None:
    pod = msgspec.convert(plain, Pod)
    changes = ordered(c for v in violations(wanted, pod.metadata, pod.spec) for c in v.changes)
    lifted = msgspec.convert(applied(plain, changes), Pod)
    assert violations(wanted, lifted.metadata, lifted.spec) == ()


@settings(deadline=None)
@given(POD)
def test_law_a_violation_has_a_value_only_if_its_field_is_there(plain: dict[str, object]) -> None:
    pod = msgspec.convert(plain, Pod)
    for violation in violations(Level.RESTRICTED, pod.metadata, pod.spec):
        if violation.value:
            assert present(plain, violation.path), violation


def present(value: object, path: FieldPath) -> bool:
    for key in path:
        if isinstance(value, list):
            if not isinstance(key, int) or key >= len(value):
                return False
        elif not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True
