"""Changes as files: fields alone where not every field of an object is read, as kustomize takes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mistrust.access.change import Change, Note
from mistrust.access.edited import edited
from mistrust.access.fact import Edit
from mistrust.cli.shop.overlay import merged
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.report.manifests import folder, patch

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  paused: false
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes: [{name: host, hostPath: {path: /}}, {name: tmp, emptyDir: {}}]
      terminationGracePeriodSeconds: 7
      containers:
      - {name: a, image: "a:1", env: [{name: SECRET, value: "1"}], command: [run]}
      - {name: b, image: "b:1", securityContext: {capabilities: {add: [NET_RAW], drop: [NET_RAW]}, runAsUser: 7}}
"""
POD = ("spec", "template", "spec")
EDITS = (
    ("set", (*POD, "automountServiceAccountToken"), "false"),
    ("set", (*POD, "containers", 1, "securityContext", "runAsNonRoot"), "true"),
    ("remove", (*POD, "containers", 1, "securityContext", "capabilities", "add"), ""),
    ("remove", (*POD, "volumes", 0), ""),
)


def change() -> Change:
    [web] = from_plain(yaml.safe_load(WEB), Origin("web.yaml"))
    assert isinstance(web, Object)
    edits = tuple(Edit(web.ref, web.origin, op, path, value) for op, path, value in EDITS)  # type: ignore[arg-type]
    return Change(web, (edited(web, edits),), "its token is not used", (Note("why", "spec.x"),), edits)


WANTED = yaml.safe_load(WEB)
_SPEC = WANTED["spec"]["template"]["spec"]
_SPEC["automountServiceAccountToken"] = False
_SPEC["containers"][1]["securityContext"] = {
    "capabilities": {"drop": ["NET_RAW"]},
    "runAsUser": 7,
    "runAsNonRoot": True,
}
del _SPEC["volumes"][0]


def test_a_workload_is_written_as_the_fields_that_change() -> None:
    files = folder([change()])
    assert list(files) == ["fields/deployment-shop-web.yaml", "kustomization.yaml"]
    text = files["fields/deployment-shop-web.yaml"].decode()
    assert text.startswith("# Deployment shop/web: its token is not used.\n# spec.x: why\napiVersion: apps/v1\n")
    assert yaml.safe_load(text) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "template": {
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [
                        {"name": "a"},
                        {"name": "b", "securityContext": {"runAsNonRoot": True, "capabilities": {"add": None}}},
                    ],
                    "volumes": [{"$patch": "delete", "name": "host"}],
                }
            }
        },
    }


def test_the_fields_that_nobody_reads_are_kept() -> None:
    given = change()
    assert given.old is not None
    assert merged(yaml.safe_load(WEB), patch(given.old, given.edits)) == WANTED


def test_kustomize_makes_of_it_what_was_meant(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here")
    (tmp_path / "web.yaml").write_text(WEB)
    for name, data in folder([change()]).items():
        (tmp_path / "tighter" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tighter" / name).write_bytes(data)
    overlay = {"resources": ["web.yaml"], "components": ["tighter"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    built = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert yaml.safe_load(built) == WANTED


def test_what_a_patch_cannot_say_is_refused() -> None:
    old = change().old
    assert old is not None
    with pytest.raises(ValueError, match="no patch for"):
        patch(old, [Edit(old.ref, old.origin, "set", (*POD, "containers", 0, "command", 0), "x")])


def test_what_is_changed_keeps_its_labels_and_annotations() -> None:
    text = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop, labels: {team: a}, annotations: {meta.helm.sh/release-name: shop}}
spec: {podSelector: {matchLabels: {app: web}}}
"""
    [old] = from_plain(yaml.safe_load(text), Origin("web.yaml"))
    assert isinstance(old, Object)
    files = folder([Change(old, (old,), "keeps what was used")])
    told = yaml.safe_load(files["changed/networkpolicy-shop-web.yaml"])
    assert told["metadata"] == yaml.safe_load(text)["metadata"]
