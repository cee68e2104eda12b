"""What `mistrust diff` compares: revisions, folders, dumps and clusters, in any combination."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run
from mistrust.cluster.client import Client
from tests.cluster.test_git import commit, git
from tests.effect.test_laid import live
from tests.paths.cluster import Plain

ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: [RULES]\n"
BINDING = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}
subjects: [{kind: User, name: jane}]
"""
READ = ROLE.replace("RULES", '{apiGroups: [""], resources: [secrets], verbs: [get]}')
LIST = ROLE.replace("RULES", '{apiGroups: [""], resources: [secrets], verbs: [get, list]}')


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    Path("deploy").mkdir()
    Path("deploy/rbac.yaml").write_text(READ + BINDING)
    commit()
    Path("deploy/rbac.yaml").write_text(LIST + BINDING)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """A live cluster; the contexts that were asked for."""
    asked: list[str | None] = []

    class Connected:
        def close(self) -> None:
            """Nothing is open."""

    def connect(context: str | None, kubeconfig: Path | None) -> Connected:
        asked.append(context)
        return Connected()

    monkeypatch.setattr(Client, "from_context", connect)
    monkeypatch.setattr("mistrust.cluster.live.read_live", lambda client, **_: live())
    return asked


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["diff", "-q", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_revision_against_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "git:main:deploy", "deploy")
    assert code == 1
    assert "+ permission  User jane: list secrets everywhere" in out
    assert "deploy/rbac.yaml:4" in out


def test_two_revisions(capsys: pytest.CaptureFixture[str]) -> None:
    commit()
    code, out, _ = say(capsys, "git:HEAD", "git:HEAD~1")
    assert code == 1
    assert "- permission  User jane: list secrets everywhere" in out
    assert say(capsys, "git:HEAD", "git:main")[0] == 0


def test_a_path_that_only_one_revision_has(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "git:main:later", "deploy")
    assert code == 1
    assert "Remark: git:main:later has nothing there: everything counts as new" in out


def test_a_path_that_no_revision_has_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = say(capsys, "git:main:later", "git:HEAD:later")
    assert code == 3
    assert "nothing in either version" in err


def test_a_folder_against_a_cluster_is_the_cluster_with_it_applied(
    cluster: list[str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = say(capsys, "live", "deploy", "-o", "json")
    document = json.loads(out)
    assert code == 1
    assert document["objects"] == {"added": 2, "changed": 0, "removed": 0}
    assert document["remarks"] == ["deploy is applied over live: what only the cluster has is no change"]
    (gained,) = document["permissions"]["gained"]
    assert gained["subjects"] == ["User jane"]
    assert cluster == [None]


def test_a_cluster_that_has_drifted_from_its_folder(
    cluster: list[str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = say(capsys, "git:main:deploy", "context:prod")
    assert "- permission  User jane: get secrets everywhere" in out
    assert cluster == ["prod"]


def test_a_dump_of_a_cluster_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    item: Plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "a", "uid": "u"}}
    Path("dump.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]}))
    _, out, _ = say(capsys, "dump.json", "deploy")
    assert "2 objects added\n" in out


def test_connections_alone_of_revisions(capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, "git:main:deploy", "deploy", "--connections")[:2] == (0, "connections: no change\n")


def test_a_context_needs_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = say(capsys, "deploy", "deploy", "--context", "prod")
    assert code == 2
    assert "say live in the place of OLD or NEW" in err
