"""What other tools pass over in silence: a `=` scalar, an unknown tag, a bad document, an allow-everything Role."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run

PRIVILEGED = """apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: a}
spec:
  hostNetwork: true
  containers: [{name: c, image: i, securityContext: {privileged: true}}]
"""
EVERYTHING = """apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: all, namespace: a}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: all, namespace: a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: all}
subjects: [{kind: ServiceAccount, name: app, namespace: a}]
"""


def check(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    run(["check", str(folder), "-o", "json", "--gate", "none"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    "beside",
    [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {op: =}}\n",
        "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\nspec: {a: !custom b}\n",
        "a: [\n",
        "\tkind: Pod\n",
        "{{ if .Values.x }}\nkind: Pod\n{{ end }}\n",
        "kind: Pod\napiVersion: v1\nmetadata: {name: x}\nspec: {containers: 7}\n",
    ],
    ids=["equals", "tag", "unclosed", "tab", "template", "wrong-type"],
)
def test_what_stands_beside_it_never_hides_a_privileged_pod(
    beside: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(f"{PRIVILEGED % 'first'}---\n{beside}---\n{PRIVILEGED % 'last'}")
    report = check(tmp_path, capsys)
    text = json.dumps(report["findings"])
    assert "Pod a/first" in text
    assert "Pod a/last" in text
    understood = beside.startswith("apiVersion")
    coverage = report["coverage"]
    assert isinstance(coverage, dict)
    assert bool(coverage["problems"]) != understood


def test_a_role_that_allows_everything_is_found_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "role.yaml").write_text(EVERYTHING)
    report = check(tmp_path, capsys)
    places = json.dumps(report["findings"])
    assert "Role a/all" in places
    assert '"line": 4' in places
