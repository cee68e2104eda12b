"""The standards mean what Kubernetes' own code means, for its own pods and for any pod, in every minor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.layers.pods.pods import POD
from tests.layers.pods.upstream.build import fixtures, oracle

from mistrust.kube.pods import Pod
from mistrust.kube.read import read
from mistrust.kube.version import Version
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import level, violations
from mistrust.layers.pods.policy import policy

LEVELS = {"baseline": Level.BASELINE, "restricted": Level.RESTRICTED}
NEWEST = 38


@pytest.mark.parametrize("name", LEVELS)
def test_every_pod_of_the_upstream_fixtures_passes_or_fails_as_there(name: str) -> None:
    files = sorted(fixtures().glob(f"{name}/v1.*/*/*.yaml"))
    assert len(files) > 1500
    wrong = []
    for file in files:
        objects, problems = read(file.read_bytes(), str(file))
        [pod] = objects
        assert isinstance(pod, Pod)
        assert not problems
        version = Version(1, int(file.parent.parent.name.removeprefix("v1.")))
        found = violations(LEVELS[name], pod.metadata, pod.spec, version)
        if bool(found) != (file.parent.name == "fail"):
            wrong.append(f"{file.parent.parent.name}/{file.name}: {found}")
        if file.parent.name == "fail":
            check = file.stem.rstrip("0123456789")
            assert check in {v.check.lower() for v in found} or name == "restricted", file
    assert not wrong


def asked(pods: Iterable[object]) -> list[dict[str, list[str]]]:
    """What Kubernetes answers for these pods."""
    lines = b"\n".join(json.dumps(pod).encode() for pod in pods)
    ran = subprocess.run([oracle()], input=lines, capture_output=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def reasons(pod: Pod, name: str, minor: int) -> set[str]:
    return {v.reason for v in violations(LEVELS[name], pod.metadata, pod.spec, Version(1, minor))}


def singular(reason: str) -> str:
    return reason.replace("profiles", "profile")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(POD, min_size=20, max_size=20))
def test_any_pod_is_forbidden_for_the_reasons_that_kubernetes_gives(pods: list[dict[str, object]]) -> None:
    for plain, answers in zip(pods, asked(pods), strict=True):
        pod = msgspec.convert(plain, Pod)
        for name in LEVELS:
            for minor in range(NEWEST + 1):
                expected = {singular(r) for r in answers[f"{name}/{minor}"]}
                assert reasons(pod, name, minor) == expected, (name, minor, plain)
        met = {minor: level(pod.metadata, pod.spec, Version(1, minor)) for minor in (24, 34, 35, NEWEST)}
        for minor, answer in met.items():
            wanted = next(
                (LEVELS[n] for n in ("restricted", "baseline") if not answers[f"{n}/{minor}"]), Level.PRIVILEGED
            )
            assert answer is wanted


MODES = ("enforce", "audit", "warn")
VALUES = ["privileged", "baseline", "restricted", "Baseline", "", "latest", "v1.25", "v1.0", "v1.01", "1.25", "v2.1"]
LABELS = st.dictionaries(
    st.sampled_from([f"pod-security.kubernetes.io/{mode}{more}" for mode in MODES for more in ("", "-version")]),
    st.sampled_from([*VALUES, "v1.25\n"]),
    max_size=6,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(LABELS, min_size=50, max_size=50))
def test_any_labels_mean_the_policy_that_kubernetes_reads_in_them(several: list[dict[str, str]]) -> None:
    namespaces = [{"kind": "Namespace", "metadata": {"labels": labels}} for labels in several]
    for labels, answer in zip(several, asked(namespaces), strict=True):
        found = policy(labels)
        modes = {"enforce": found.enforce, "audit": found.audit, "warn": found.warn}
        assert {name: [str(mode)] for name, mode in modes.items()} == {name: answer[name] for name in modes}, labels
        assert [f"metadata.labels[{name}]" for name in found.invalid] == answer["invalid"], labels
