"""The starter set's policies of pods are Pod Security: what they deny together is what its levels forbid."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from tests.layers.pods.pods import POD
from tests.layers.pods.upstream.build import fixtures

from mistrust.admission.finding import Finding, Result
from mistrust.admission.plain import text
from mistrust.admission.review import Object, of_object
from mistrust.admission.vap.policy import binding, findings, no_params, policy
from mistrust.catalog.starter import starter
from mistrust.kube.pods import Pod
from mistrust.kube.version import Version
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import violations

BASELINE = {
    "added-capabilities",
    "host-namespaces",
    "host-paths",
    "host-ports",
    "host-process-containers",
    "privileged-containers",
    "probes-of-other-hosts",
    "selinux-options",
    "unconfined-apparmor",
    "unconfined-seccomp",
    "unmasked-proc",
    "unsafe-sysctls",
}
RESTRICTED = BASELINE | {
    "kept-capabilities",
    "missing-seccomp",
    "privilege-escalation",
    "root-users",
    "unsafe-volumes",
}
LEVELS = {Level.BASELINE: BASELINE, Level.RESTRICTED: RESTRICTED}
SET = {e.name: (policy(e.policy), binding(e.binding)) for e in starter()}
MINOR = 34
"""The last in which procMount does not depend on hostUsers, on which ours never does."""


def denied(pod: Object, names: set[str]) -> list[Finding]:
    review = of_object(pod)
    return [f for name in sorted(names) for f in findings(SET[name][0], [SET[name][1]], review, no_params)]


@pytest.mark.parametrize("minor", [30, MINOR])
@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_the_pods_that_kubernetes_tests_its_levels_with_pass_and_fail_as_there(level: Level, minor: int) -> None:
    files = sorted(fixtures().glob(f"{level}/v1.{minor}/*/*.yaml"))
    assert len(files) >= 40
    for file in files:
        found = denied(yaml.safe_load(file.read_bytes()), LEVELS[level])
        assert bool(found) is (file.parent.name == "fail"), (file.name, found)
        assert all(f.result is Result.FAIL for f in found), (file.name, found)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(POD)
def test_any_pod_is_denied_if_its_level_forbids_it(plain: dict[str, object]) -> None:
    pod = msgspec.convert(plain, Pod)
    seen = settled({"apiVersion": "v1", "kind": "Pod", **plain})
    windows = text(seen, "spec", "os", "name") == "windows"
    for level, names in LEVELS.items():
        # restricted asks no Windows pod for its profile; none can have one
        found = denied(seen, names - {"unconfined-seccomp"} if windows and level is Level.RESTRICTED else names)
        forbidden = violations(level, pod.metadata, pod.spec, Version(1, MINOR))
        assert bool(found) is bool(forbidden), (found, forbidden)


def settled(given: dict[str, object]) -> Object:
    """A pod as the API server shows it: without fields that are null."""
    return cast("Object", _settled(given))


def _settled(value: object) -> object:
    if isinstance(value, dict):
        return {k: _settled(v) for k, v in value.items() if v is not None}
    return [_settled(v) for v in value] if isinstance(value, list) else value
