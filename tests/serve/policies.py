"""Small policies of our own, and objects that they let in or keep out."""

from __future__ import annotations

from pathlib import Path

import yaml

OWNER = """
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: needlabels}
spec:
  crd: {spec: {names: {kind: NeedLabels}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package needlabels
      violation[{"msg": msg}] {
        wanted := input.parameters.labels[_]
        not input.review.object.metadata.labels[wanted]
        msg := sprintf("the label %v is missing", [wanted])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedLabels
metadata: {name: owner}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [ConfigMap]}]}
  parameters: {labels: [owner]}
"""
WARNED = """
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedLabels
metadata: {name: team}
spec:
  enforcementAction: warn
  match: {kinds: [{apiGroups: [""], kinds: [ConfigMap]}]}
  parameters: {labels: [team]}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedLabels
metadata: {name: cost}
spec:
  enforcementAction: dryrun
  match: {kinds: [{apiGroups: [""], kinds: [ConfigMap]}]}
  parameters: {labels: [cost]}
"""
REPLICAS = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-replicas}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
  - expression: object.spec.replicas <= 5
    messageExpression: "'at most 5 replicas, not ' + string(object.spec.replicas)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: few-replicas-here}
spec: {policyName: few-replicas, validationActions: [Deny]}
"""
ENDLESS = """
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: endless}
spec:
  crd: {spec: {names: {kind: Endless}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package endless
      violation[{"msg": "found"}] {
        all := numbers.range(1, 3000)
        a := all[_]; b := all[_]; c := all[_]
        a * b * c == -1
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Endless
metadata: {name: endless}
spec: {match: {kinds: [{apiGroups: [""], kinds: [ConfigMap]}]}}
"""


def folder(path: Path, **files: str) -> Path:
    """A folder of policies: `folder(tmp, owner=OWNER)`."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(text)
    return path


def objects(*texts: str) -> list[tuple[str, dict[str, object]]]:
    return [("p.yaml:1", each) for text in texts for each in yaml.safe_load_all(text)]


def config_map(name: str = "a", namespace: str = "shop", **labels: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"secret": "hunter2"}}


def deployment(replicas: int, name: str = "a", namespace: str = "shop") -> dict[str, object]:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def request(obj: dict[str, object], operation: str = "CREATE", **more: object) -> dict[str, object]:
    """The request of a review, as the API server writes it."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    kind = str(obj["kind"])
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    return {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": f"{kind.lower()}s"},
        "name": metadata["name"],
        "namespace": metadata.get("namespace", ""),
        "operation": operation,
        "userInfo": {"username": "ann", "groups": ["devs", "system:authenticated"]},
        "object": None if operation == "DELETE" else obj,
        "oldObject": obj if operation in ("DELETE", "UPDATE") else None,
        "dryRun": False,
        **more,
    }


def review(obj: dict[str, object], operation: str = "CREATE", **more: object) -> dict[str, object]:
    """The same in its AdmissionReview."""
    asked = request(obj, operation, **more)
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}
