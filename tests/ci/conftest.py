from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci.loopback import Api, api
from tests.cluster.test_git import commit, git

ROOT = Path(__file__).resolve().parents[2]
ADMIN = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "all`$(touch ran)`"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, name: jane}]
"""
QUIET = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"


@pytest.fixture
def server() -> Iterator[Api]:
    with api() as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose origin has a pull request 7, merged as GitHub would: `main` is quiet, the change grants all."""
    for tool in ("bash", "git"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not here")
    for name in [k for k in os.environ if k.startswith(("GIT_", "GITHUB_", "CI_", "RUNNER_"))]:
        monkeypatch.delenv(name)
    origin = tmp_path / "origin"
    (origin / "deploy").mkdir(parents=True)
    monkeypatch.chdir(origin)
    git("init", "-q")
    (origin / "deploy" / "a.yaml").write_text(QUIET)
    commit()
    git("checkout", "-q", "-b", "change")
    (origin / "deploy" / "b.yaml").write_text(ADMIN)
    commit()
    git("checkout", "-q", "--detach", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "change")
    git("update-ref", "refs/pull/7/merge", "HEAD")
    git("checkout", "-q", "main")
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth=1", f"file://{origin}", str(clone))
    monkeypatch.chdir(clone)
    return clone


@pytest.fixture
def tools(tmp_path: Path) -> str:
    """A PATH with `mistrust` and `python` on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    source = os.pathsep.join((str(ROOT / "src"), *sys.path))
    for name, words in (("mistrust", "-m mistrust"), ("python", ""), ("python3", "")):
        file = folder / name
        file.write_text(f'#!/bin/sh\nPYTHONPATH="{source}" exec "{sys.executable}" {words} "$@"\n')
        file.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
