"""`mistrust can`, as a person types it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from mistrust.cli.main import run

CI = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: ci}
rules:
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: ci}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects:
- kind: ServiceAccount
  name: runner
"""


@pytest.fixture
def ci(tmp_path: Path) -> str:
    file = tmp_path / "ci.yaml"
    file.write_text(CI)
    return str(file)


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["can", *words, "-q"])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_yes_with_the_lines_that_say_so(ci: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "sa:ci/runner", "patch", "deploy", ci, "-n", "ci")

    assert code == 0
    assert out == (
        'yes  RBAC: allowed by RoleBinding "deployer/ci" of Role "deployer" to ServiceAccount "runner/ci"\n'
        f"     {ci}:8  Role ci/deployer  rules[1]  get,patch deployments.apps\n"
        f"     {ci}:17  RoleBinding ci/deployer  subjects[0]  ServiceAccount ci/runner\n"
    )


def test_no_and_what_would_be_a_yes(ci: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "sa:ci/runner", "create", "pods/exec", ci, "-n", "ci")

    assert code == 1
    assert out.splitlines() == [
        "no  no RBAC rule allows it",
        "     but get pods/exec in ci: allowed, and get pods/exec is enough over WebSocket",
    ]
    assert say(capsys, "sa:ci/runner", "get", "deploy", ci)[1].splitlines()[1:] == [
        "     but allowed in ci; -n asks about one namespace"
    ]
    newer = say(capsys, "sa:ci/runner", "create", "pods/exec", ci, "-n", "ci", "--kubernetes", "1.35")
    assert newer[1] == "no  no RBAC rule allows it\n"


def test_unknown_where_a_document_was_not_understood(ci: str, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Path(ci).with_name("broken.yaml")
    broken.write_text("kind: RoleBinding\nsubjects: [\n")
    folder = str(Path(ci).parent)

    code, out, _ = say(capsys, "ann", "get", "pods", folder, "-n", "ci")
    assert code == 3
    assert out.startswith("unknown  no RBAC rule allows it, but a document was not understood")
    assert say(capsys, "sa:ci/runner", "patch", "deploy", folder, "-n", "ci")[0] == 0


def test_for_machines(ci: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = say(capsys, "sa:ci/runner", "patch", "deploy", ci, "-n", "ci", "-o", "json")
    told = json.loads(out)

    assert told["answer"] == "allowed"
    assert told["request"]["user"] == "system:serviceaccount:ci:runner"
    assert [e["at"] for e in told["evidence"]] == [f"{ci}:8", f"{ci}:17"]


def test_who_and_list(ci: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "who", "patch", "deployments.apps", ci, "-n", "ci")
    assert code == 0
    assert "  ServiceAccount ci/runner  RoleBinding ci/deployer gives Role ci/deployer" in out

    code, out, _ = say(capsys, "list", "sa:ci/runner", ci, "-n", "ci")
    assert code == 0
    lines = out.splitlines()
    assert lines[lines.index("in ci") :] == [
        "in ci",
        f"  ServiceAccount ci/runner  get pods/exec  RoleBinding ci/deployer gives Role ci/deployer  {ci}:5, {ci}:17",
        f"  ServiceAccount ci/runner  get,patch deployments.apps  "
        f"RoleBinding ci/deployer gives Role ci/deployer  {ci}:8, {ci}:17",
    ]


def test_default_roles_of_a_server_count_for_files(ci: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, "ann", "get", "/healthz", ci)[0] == 0
    assert say(capsys, "system:anonymous", "get", "/version", ci)[0] == 0
    assert say(capsys, "system:anonymous", "get", "/metrics", ci)[0] == 1
    assert say(capsys, "system:masters", "delete", "nodes", ci)[0] == 0


def test_groups_that_only_the_person_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "devs.yaml"
    bind = {"name": "devs", "kind": "Group", "apiGroup": "rbac.authorization.k8s.io"}
    ref = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "devs"}}
    file.write_text(yaml.safe_dump({**head, "roleRef": ref, "subjects": [bind]}))

    assert say(capsys, "ann", "get", "pods", str(file))[0] == 1
    assert say(capsys, "ann", "get", "pods", str(file), "--as-group", "devs")[0] == 0
    assert say(capsys, "group:devs", "get", "pods", str(file))[0] == 0
    assert say(capsys, "group:devs", "get", "secrets", str(file))[0] == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ann"], "the question is not complete"),
        (["who", "get"], "the question is not complete"),
        ([], "the question is not complete"),
        (["ann", "get", "podz", "{ci}"], "no such resource is known"),
        (["sa:x", "get", "pods", "{ci}"], "not a service account"),
        (["ann", "get", "pods", "{ci}", "--authorizers", "rbac"], "not an authorization mode"),
        (["--reviews", "/does/not/exist", "{ci}"], "cannot be read"),
    ],
)
def test_a_question_that_cannot_be_asked(
    words: list[str], told: str, ci: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = say(capsys, *(word.format(ci=ci) for word in words))

    assert (code, out) == (2, "")
    assert told in err


def test_reviews_go_on_after_a_bad_line(ci: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    who = {"user": "system:serviceaccount:ci:runner"}
    what = {"verb": "get", "group": "apps", "resource": "deployments", "namespace": "ci"}
    good = json.dumps({"spec": {**who, "resourceAttributes": what}})
    asked = tmp_path / "reviews.jsonl"
    asked.write_text(f"{good}\nnope\n\n{good}")

    assert run(["can", "--reviews", str(asked), ci, "-q"]) == 3
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line)["status"]["allowed"] for line in lines] == [True, False, True]


def test_reviews_from_standard_input(
    ci: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    review = b'{"spec": {"user": "ann", "nonResourceAttributes": {"verb": "get", "path": "/version"}}}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(review)))

    assert run(["can", "--reviews", "-", ci, "-q"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["status"]["allowed"] is False
