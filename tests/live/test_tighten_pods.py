"""Tightened pods on a real API server: kubectl applies the fields, the pods still get in, and others no longer do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mistrust.cluster.client import Client
from mistrust.cluster.live import read_live
from mistrust.kube.core import Namespace
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Deployment
from mistrust.layers.pods.synthesize import synthesize
from mistrust.layers.pods.usage import used
from mistrust.report.manifests import folder
from tests.controlplane.server import ControlPlane
from tests.layers.pods.evidence import kubelet, log

pytestmark = pytest.mark.slow

SPACE = "tightened"
TEMPLATE = yaml.safe_load("""
metadata: {labels: {app: web}}
spec:
  securityContext: {seccompProfile: {type: RuntimeDefault}, runAsNonRoot: false}
  volumes: [{name: forgotten, hostPath: {path: /}}, {name: tmp, emptyDir: {}}]
  initContainers:
  - name: first
    image: i
    env: [{name: KEPT, value: "1"}]
    securityContext: {runAsUser: 7, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  containers:
  - name: sidecar
    image: i
    securityContext: {runAsUser: 7, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  - name: web
    image: i
    command: [run]
    volumeMounts: [{name: tmp, mountPath: /tmp}]
    securityContext:
      runAsUser: 7
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL, NET_RAW], add: [NET_RAW]}
""")
ANY = {"metadata": {}, "spec": {"hostPID": True, "containers": [{"name": "c", "image": "i"}]}}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": SPACE},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}


def live(controlplane: ControlPlane) -> Snapshot:
    client = Client.from_context(None, controlplane.kubeconfig)
    try:
        return read_live(client)
    finally:
        client.close()


def pod(controlplane: ControlPlane, name: str, template: object) -> int:
    """The status of the answer to a pod with this template."""
    assert isinstance(template, dict)
    metadata = {**template["metadata"], "name": name, "namespace": SPACE}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    return controlplane.admin.create(manifest).status


def test_the_fields_apply_and_the_label_keeps_others_out(controlplane: ControlPlane, tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here")
    controlplane.namespace(SPACE)
    controlplane.admin.apply(WEB)
    assert pod(controlplane, "any", ANY) == 201
    controlplane.admin.delete({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any", "namespace": SPACE}})

    old = live(controlplane)
    found = synthesize(old, used(old, log(kubelet("default", SPACE))))
    mine = [c for c in found.changes if c.old is not None and SPACE in (c.old.name, c.old.namespace)]
    assert [c.old.KIND for c in mine if c.old is not None] == ["Deployment", "Namespace"]
    for name, data in folder(mine).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for file in sorted((tmp_path / "fields").iterdir()):
        words = ["kubectl", f"--kubeconfig={controlplane.kubeconfig}", "patch", "-f", file, "--patch-file", file]
        subprocess.run(words, check=True, capture_output=True)

    new = live(controlplane)
    wanted = {o.ref: o for c in mine for o in c.new}
    [web] = [d for d in new.of(Deployment) if d.namespace == SPACE]
    [space] = [n for n in new.of(Namespace) if n.name == SPACE]
    meant = wanted[web.ref]
    assert isinstance(meant, Deployment)
    assert web.spec == meant.spec
    assert space.metadata.labels == wanted[space.ref].metadata.labels
    path = f"/apis/apps/v1/namespaces/{SPACE}/deployments/web"
    template = controlplane.admin.expect("GET", path).at("spec", "template")
    assert isinstance(template, dict)
    assert [c["name"] for c in template["spec"]["containers"]] == ["sidecar", "web"]
    assert template["spec"]["initContainers"][0]["env"] == [{"name": "KEPT", "value": "1"}]
    assert template["spec"]["containers"][1]["command"] == ["run"]

    assert pod(controlplane, "mine", template) == 201
    assert pod(controlplane, "old", TEMPLATE) == 403
    assert pod(controlplane, "any", ANY) == 403
    again = synthesize(new, used(new, log(kubelet("default", SPACE))))
    assert not [c for c in again.changes if c.old is not None and SPACE in (c.old.name, c.old.namespace)]
