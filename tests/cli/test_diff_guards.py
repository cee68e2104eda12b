"""`mistrust diff --guards`: policies on what a change grants, as a gate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from mistrust.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
GUARDS = str(ROOT / "examples" / "effects")
ADMIN = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: orders-admin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: orders, namespace: shop}]
"""
UNREAD = "---\nkind: [\n"
WARNS = """\
apiVersion: mistrust.dev/v1alpha1
kind: EffectPolicy
metadata: {name: only-warns}
spec: {unknown: warn, validations: [{expression: effect.newPaths.size() == 0}]}
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("main", "head"):
        shutil.copytree(ROOT / "examples" / "shop", tmp_path / name)
    monkeypatch.chdir(tmp_path)


def append(text: str) -> None:
    path = Path("head/rbac.yaml")
    path.write_text(path.read_text() + text)


def diff(*more: str, guards: Sequence[str] = (GUARDS,)) -> int:
    return run(["diff", "main", "head", "-q", *(w for g in guards for w in ("--guards", g)), *more])


def test_a_change_that_guards_let_pass_is_no_failure() -> None:
    assert diff() == 0
    append(ADMIN.replace("cluster-admin", "view"))
    assert diff() == 0
    assert diff("--deny", "new-permission") == 1


def test_a_denial_says_the_witness_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    append(ADMIN)
    assert diff("-o", "text", "-o", "md=a.md", "-o", "json=a.json", "-o", "sarif=a.sarif") == 1
    assert "Denied: [no-new-path-to-cluster-admin]" in capsys.readouterr().out
    document = json.loads(Path("a.json").read_text())
    (said,) = document["gate"]["guards"]
    assert "ServiceAccount shop/orders" in said or "Deployment shop/" in said
    assert document["exitCode"] == 1
    assert "Denied by policies" in Path("a.md").read_text()
    assert "no-new-path-to-cluster-admin" in Path("a.sarif").read_text()


def test_what_was_not_read_may_hide_what_guards_deny(capsys: pytest.CaptureFixture[str]) -> None:
    append(UNREAD)
    assert diff() == 3
    assert "it may be hidden: not understood: head/rbac.yaml" in " ".join(capsys.readouterr().out.split())
    assert diff("--allow-unknown") == 0


def test_a_guard_may_warn_of_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    Path("warns.yaml").write_text(WARNS)
    append(UNREAD + ADMIN.replace("cluster-admin", "view"))
    assert diff(guards=["warns.yaml"]) == 0
    assert "Remark: [only-warns]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("guards", "code", "said"),
    [
        (["main"], 3, "not a policy on effects"),
        (["nowhere"], 2, "no such file"),
        (["empty"], 3, "no policies on effects"),
    ],
)
def test_what_is_no_policy_is_refused(
    guards: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert diff(guards=guards) == code
    assert said in capsys.readouterr().err


def test_connections_alone_have_no_guards(capsys: pytest.CaptureFixture[str]) -> None:
    assert diff("--connections") == 2
    assert "--guards is about every layer" in capsys.readouterr().err
