"""`mistrust policy test` and `mistrust policy check` with policies of Kyverno, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistrust.cli.main import run

POLICY = """\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: no-latest}
spec:
  validationFailureAction: Enforce
  rules:
  - name: tag
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: a tag is wanted, pattern: {spec: {containers: [{image: "!*:latest"}]}}}
"""
PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec: {containers: [{name: a, image: "nginx:latest"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: good}
spec: {template: {spec: {containers: [{name: a, image: "nginx:1"}]}}}
"""
SUITE = """\
apiVersion: cli.kyverno.io/v1alpha1
kind: Test
metadata: {name: t}
policies: [policy.yaml]
resources: [pods.yaml]
results:
- {policy: no-latest, rule: tag, kind: Pod, resources: [bad], result: fail}
- {policy: no-latest, rule: tag, kind: Deployment, resources: [good], result: pass}
"""
EXCEPTION = """\
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: known}
spec:
  exceptions: [{policyName: no-latest, ruleNames: [tag]}]
  match: {any: [{resources: {kinds: [Pod], names: [bad]}}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("policy", POLICY), ("pods", PODS), ("kyverno-test", SUITE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def say(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run(["policy", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_every_result_of_a_suite_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, "test", folder) == (0, "2 passed, 0 failed, 0 skipped\n", "")


def test_a_result_that_does_not_hold_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = folder / "kyverno-test.yaml"
    suite.write_text(SUITE.replace("result: fail", "result: pass"))
    code, out, _ = say(capsys, "test", folder)
    assert code == 1
    assert f"fail: {suite}: no-latest/tag/Pod/bad: wanted pass, got fail (a tag is wanted; /spec/containers/0" in out


def test_objects_are_held_against_policies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "check", "-d", folder / "policy.yaml", folder / "pods.yaml")
    assert code == 1
    assert out.startswith("deny: Pod bad: ClusterPolicy no-latest tag: a tag is wanted; /spec/containers/0/image/")
    assert out.endswith("2 objects, 1 policies: 1 failures, 0 without an answer\n")


def test_an_exception_is_heeded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies = folder / "policies"
    policies.mkdir()
    (policies / "policy.yaml").write_text(f"{POLICY}---\n{EXCEPTION}")
    code, out, _ = say(capsys, "check", "-d", policies, folder / "pods.yaml")
    assert (code, out) == (0, "2 objects, 1 policies: 0 failures, 0 without an answer\n")


def test_what_is_unknown_is_told_and_no_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verifies = POLICY.partition("    validate")[0] + "    verifyImages: [{imageReferences: ['*']}]\n"
    (folder / "policy.yaml").write_text(verifies)
    code, out, _ = say(capsys, "check", "-d", folder / "policy.yaml", folder / "pods.yaml")
    assert code == 3
    assert "unknown: Pod bad: ClusterPolicy no-latest tag: it asks a registry for the signatures of images" in out


def test_a_policy_that_is_not_understood_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "policy.yaml").write_text(POLICY.replace("pattern:", "something:"))
    code, _, err = say(capsys, "check", "-d", folder / "policy.yaml", folder / "pods.yaml")
    assert code == 3
    assert "ClusterPolicy no-latest, rule tag: not a validation that is understood: got something" in err
