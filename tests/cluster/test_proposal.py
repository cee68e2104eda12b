"""What `tighten -o` wrote, read back over the version that it was written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistrust.cluster.files import read_files
from mistrust.cluster.proposal import is_proposal, proposed
from mistrust.kube.rbac import Role
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Deployment

ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %s, namespace: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [%s]}]
"""
GONE = """
$patch: delete
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %s, namespace: shop}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "current.yaml").write_text("---".join(ROLE % (name, "get, list") for name in ("a", "b", "c")))
    for part in ("changed", "new", "deleted"):
        (tmp_path / "tighter" / part).mkdir(parents=True)
    for name in ("proof.json", "kustomization.yaml"):
        (tmp_path / "tighter" / name).write_text("{}")
    (tmp_path / "tighter/changed/a.yaml").write_text(ROLE % ("a", "get"))
    (tmp_path / "tighter/new/d.yaml").write_text(ROLE % ("d", "list"))
    (tmp_path / "tighter/deleted/b.yaml").write_text(GONE % "b")
    return tmp_path


def read(folder: Path) -> Snapshot:
    current = read_files([str(folder / "current.yaml")]).snapshot
    return proposed(str(folder / "tighter"), current, "default", lambda _: None)


def test_what_changed_what_is_new_and_what_goes(folder: Path) -> None:
    assert is_proposal(str(folder / "tighter"))
    found = {o.name: o.rules[0].verbs for o in read(folder).of(Role)}
    assert found == {"a": ("get",), "c": ("get", "list"), "d": ("list",)}


WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  template:
    spec:
      containers: [{name: a, image: i, securityContext: {privileged: true}}, {name: b, image: j}]
      volumes: [{name: host, hostPath: {path: /}}, {name: tmp, emptyDir: {}}]
"""
FIELDS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      automountServiceAccountToken: false
      containers: [{name: a, securityContext: {privileged: null}}, {name: b}]
      volumes: [{$patch: delete, name: host}]
"""


def test_fields_are_merged_as_kubectl_would(folder: Path) -> None:
    (folder / "current.yaml").write_text(WEB)
    for part in ("changed/a.yaml", "deleted/b.yaml"):
        (folder / "tighter" / part).unlink()
        (folder / "tighter" / part).parent.rmdir()
    (folder / "tighter/fields").mkdir()
    (folder / "tighter/fields/web.yaml").write_text(FIELDS)
    (web,) = read(folder).of(Deployment)
    spec = web.spec.template.spec
    assert (web.metadata.labels, spec.automount_service_account_token) == ({"app": "web"}, False)
    assert [(c.name, c.image) for c in spec.containers] == [("a", "i"), ("b", "j")]
    assert not spec.containers[0].security_context.privileged
    assert [v.name for v in spec.volumes] == ["tmp"]
    assert not read(folder).problems


def test_another_folder_is_none(folder: Path) -> None:
    assert not is_proposal(str(folder))


def test_a_patch_that_is_not_a_whole_object_is_said_and_blinds(folder: Path) -> None:
    (folder / "tighter/patches").mkdir()
    (folder / "tighter/patches/a.yaml").write_text("[]")  # says what changed/a.yaml says
    (folder / "tighter/patches/other.yaml").write_text("[]")
    told = [p for p in read(folder).problems if p.blinds]
    assert [(p.what, Path(p.file).name) for p in told] == [("a patch was not applied", "other.yaml")]


def test_a_change_of_something_that_is_not_there_is_said(folder: Path) -> None:
    (folder / "tighter/deleted/x.yaml").write_text(GONE % "x")
    assert "Role shop/x is to be changed or deleted, and is not in the current version" in str(
        read(folder).problems[-1]
    )
