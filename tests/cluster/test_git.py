"""A git revision as a source: what a folder of the same files would be, whatever its names and settings are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mistrust.cluster.files import read_files
from mistrust.cluster.git import named, read_git
from mistrust.kube.errors import InputError, UsageError

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: a}\n"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


def git(*words: str) -> str:
    identity = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    )
    return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout.strip()


def write(path: str, name: str = "x") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(CONFIG.replace("NAME", name))


def commit() -> str:
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "more")
    return git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [k for k in os.environ if k.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    return tmp_path


def names(source: str) -> list[str]:
    return [o.name for o in read_git(source).snapshot.objects]


@pytest.mark.parametrize(
    ("text", "revision", "path"),
    [
        ("git:main", "main", ""),
        ("git:main:deploy/", "main", "deploy"),
        ("git:HEAD~2:./a/../b", "HEAD~2", "b"),
        ("git:v1.0:", "v1.0", ""),
        ("git:main:.", "main", ""),
    ],
)
def test_a_revision_and_a_path(text: str, revision: str, path: str) -> None:
    assert (named(text).revision, named(text).path) == (revision, path)


@pytest.mark.parametrize(
    "text", ["git:", "git::deploy", "git:--upload-pack=x", "git:main:../x", "git:main:/etc", "git:a\0b"]
)
def test_what_names_no_revision(text: str) -> None:
    with pytest.raises(UsageError):
        named(text)


def test_it_is_what_a_folder_of_the_same_files_is() -> None:
    for path in (
        "deploy/a.yaml",
        "deploy/deep/b.json",
        "deploy/.hidden/c.yaml",
        "deploy/node_modules/d.yaml",
        "other/e.yml",
    ):
        write(path, Path(path).stem)
    Path("deploy/notes.txt").write_text("text")
    Path("deploy/values.yaml").write_text("replicas: 2\n")
    commit()
    for root in ("deploy", "."):
        folder = read_files([root]).snapshot
        revision = read_git(f"git:HEAD:{root}").snapshot
        assert [(o.ref, o.origin) for o in revision.objects] == [(o.ref, o.origin) for o in folder.objects]
        assert revision.problems == folder.problems
        assert revision.scope is folder.scope


def test_each_revision_has_its_own_files_and_lines() -> None:
    write("a.yaml", "old")
    first = commit()
    write("a.yaml", "new")
    commit()
    assert names(f"git:{first}") == ["old"]
    assert names("git:main") == ["new"]
    assert names("git:HEAD~1:a.yaml") == ["old"]
    assert read_git("git:HEAD:a.yaml").texts == {"a.yaml": Path("a.yaml").read_bytes()}


def test_names_that_nobody_expects() -> None:
    for name in ("a b.yaml", "-o.yaml", "line\nbreak.yaml", "näme.yaml", "*.yaml", ":(top)x.yaml", "a\\b.yaml"):
        write(f"d/{name}", "x")
    commit()
    assert len(read_git("git:HEAD:d").texts) == 7
    assert names("git:HEAD:d/*.yaml") == ["x"]
    assert names("git:HEAD:d/-o.yaml") == ["x"]


def test_a_link_is_not_followed_and_that_is_said(tmp_path: Path) -> None:
    secret = tmp_path / "outside.yaml"
    secret.write_text(CONFIG)
    write("d/a.yaml")
    Path("d/inside.yaml").symlink_to("a.yaml")
    Path("d/away.yaml").symlink_to("/etc/passwd")
    Path("d/up").symlink_to("../..")
    commit()
    found = read_git("git:HEAD:d").snapshot
    assert [o.name for o in found.objects] == ["x"]
    assert {p.file: p.blinds for p in found.problems} == {"d/inside.yaml": False, "d/away.yaml": True, "d/up": True}


def test_a_submodule_is_not_read_and_that_is_said() -> None:
    write("d/a.yaml")
    first = commit()
    git("update-index", "--add", "--cacheinfo", f"160000,{first},d/library")
    git("commit", "-q", "-m", "more")
    (problem,) = read_git("git:HEAD:d").snapshot.problems
    assert problem.what == "a submodule is not read"
    assert problem.blinds


def test_nothing_of_the_repository_runs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.yaml")
    Path(".gitattributes").write_text("*.yaml filter=evil diff=evil text eol=crlf\n")
    commit()
    marker = repository / "ran"
    for key in (
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "core.fsmonitor",
        "core.pager",
        "alias.ls-tree",
    ):
        git("config", key, f"touch {marker}; cat")
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {marker}")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert names("git:HEAD") == ["x"]
    assert b"\r" not in read_git("git:HEAD").texts["a.yaml"]
    assert not marker.exists()


def test_a_revision_that_is_not_there() -> None:
    write("a.yaml")
    commit()
    with pytest.raises(InputError, match="no such revision"):
        read_git("git:nowhere")


def test_a_path_that_is_not_there_yet_is_empty_and_that_is_said() -> None:
    write("a.yaml")
    commit()
    found = read_git("git:HEAD:later").snapshot
    assert found.objects == ()
    assert [(p.what, p.blinds) for p in found.problems] == [("nothing at later in this revision", False)]


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="git cannot read here"):
        read_git("git:HEAD")


def test_no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="git is not installed"):
        read_git("git:HEAD")
