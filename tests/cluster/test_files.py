"""Folders, files, standard input and saved snapshots: nothing that was asked for is skipped in silence."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from mistrust.cluster.files import read_files
from mistrust.cluster.saved import load, save
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.snapshot import Scope

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n"


def names(*paths: Path | str) -> list[str]:
    return [o.name for o in read_files([str(p) for p in paths]).snapshot.objects]


def test_a_folder_is_walked_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "z.yml").write_text(NAMESPACE % "third")
    (tmp_path / "a.yaml").write_text(NAMESPACE % "first")
    (tmp_path / "c.json").write_text(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}))
    (tmp_path / "notes.txt").write_text("not for us")
    assert names(tmp_path) == ["first", "x", "third"]


def test_hidden_folders_are_not_manifests_and_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.yaml").write_text(NAMESPACE % "hidden")
    (tmp_path / "a.yaml").write_text(NAMESPACE % "seen")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert names(tmp_path) == ["seen"]


def test_a_missing_input_is_an_error_and_never_an_empty_cluster(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: cannot be read: got No such file"):
        read_files([str(tmp_path / "gone.yaml")])


def test_a_file_that_cannot_be_read_in_a_folder_is_a_problem_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / "b.yaml").write_text(NAMESPACE % "b")
    s = read_files([str(tmp_path)]).snapshot
    assert [o.name for o in s.objects] == ["b"]
    assert [(p.what, p.blinds) for p in s.problems] == [("cannot be read", True)]


def test_an_empty_source_is_said(tmp_path: Path) -> None:
    (problem,) = read_files([str(tmp_path)]).snapshot.problems
    assert problem.what == "no Kubernetes objects"
    assert problem.blinds


def test_a_values_file_in_a_folder_is_a_remark_and_named_on_the_command_line_a_problem(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("image: {tag: v1}\n")
    (tmp_path / "a.yaml").write_text(NAMESPACE % "a")
    assert [p.blinds for p in read_files([str(tmp_path)]).snapshot.problems] == [False]
    assert [p.blinds for p in read_files([str(tmp_path / "values.yaml")]).snapshot.problems] == [True]


def test_a_saved_snapshot_is_the_same_snapshot_and_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        NAMESPACE % "a"
        + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: aHVudGVyMg==}\n"
        + "---\napiVersion: argoproj.io/v1\nkind: Application\nmetadata: {name: x, namespace: q}\n"
        + "---\nbroken: [\n"
    )
    before = read_files([str(tmp_path)]).snapshot
    data = save(before)
    (tmp_path / "s.mist").write_bytes(data)
    after = read_files([str(tmp_path / "s.mist")]).snapshot
    assert after == before
    assert save(after) == data
    assert b"aHVudGVyMg" not in gzip.decompress(data)
    assert after.scope is Scope.MANIFESTS


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(b"{}", mtime=0), "not a saved snapshot"),
        (gzip.compress(b'{"form": "mistrust.dev/snapshot/9"}', mtime=0), "another form"),
        (
            gzip.compress(b'{"form": "mistrust.dev/snapshot/1"}\nnonsense', mtime=0),
            "s.mist:2: a damaged saved snapshot",
        ),
        (gzip.compress(b'{"form": "mistrust.dev/snapshot/1"}', mtime=0)[:-9], "half a file"),
    ],
)
def test_a_damaged_snapshot_is_refused_with_the_place(data: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        load(data, "s.mist")


def test_a_pipe_in_a_folder_is_a_problem_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").write_text(NAMESPACE % "a")
    s = read_files([str(tmp_path)]).snapshot
    assert [o.name for o in s.objects] == ["a"]
    assert [(p.what, p.blinds) for p in s.problems] == [("not a regular file", True)]


def test_a_pipe_that_is_named_is_read_once_and_its_text_kept_for_the_lines(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    writer = threading.Thread(target=pipe.write_text, args=(NAMESPACE % "a",))
    writer.start()
    source = read_files([str(pipe)])
    writer.join()
    assert source.texts == {str(pipe): (NAMESPACE % "a").encode()}


@pytest.mark.parametrize("paths", [[""], ["-", "-"]])
def test_a_source_that_is_none_is_usage(paths: list[str]) -> None:
    with pytest.raises(UsageError, match="no such source"):
        read_files(paths)


def test_files_that_leave_the_namespace_to_kubectl_are_told_from_their_bindings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: server}\n---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: server}\n"
        "roleRef: {kind: ClusterRole, name: cluster-admin}\n"
        "subjects: [{kind: ServiceAccount, name: server, namespace: argocd}]\n"
    )
    (problem,) = read_files([str(tmp_path)]).snapshot.problems
    assert problem.blinds
    assert problem.do == "give -n argocd if that is where they will be applied"
    assert read_files([str(tmp_path)], namespace="argocd").snapshot.problems == ()
