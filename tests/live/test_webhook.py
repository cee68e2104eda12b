"""Our webhook behind a real API server: what it lets in exists, what it keeps out does not, and why is said."""

from __future__ import annotations

import base64
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from mistrust.serve.certificates import authority, issued
from tests.controlplane.client import Reply
from tests.controlplane.server import ControlPlane, start
from tests.serve.policies import OWNER, REPLICAS, WARNED, config_map, deployment, folder
from tests.serve.serving import Serving, serving, until

pytestmark = pytest.mark.slow

NAME = "validate.mistrust.dev"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
PODS = """
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: noprivileged}
spec:
  crd: {spec: {names: {kind: NoPrivileged}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package noprivileged
      violation[{"msg": msg}] {
        c := input.review.object.spec.containers[_]
        c.securityContext.privileged
        msg := sprintf("container %v is privileged", [c.name])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NoPrivileged
metadata: {name: no-privileged}
spec:
  match:
    kinds: [{apiGroups: [""], kinds: [Pod]}]
    namespaceSelector: {matchLabels: {tier: prod}}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: repos}
spec:
  crd: {spec: {names: {kind: Repos}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    code:
    - engine: K8sNativeValidation
      source:
        variables:
        - name: bad
          expression: object.spec.containers.filter(c, !variables.params.repos.exists(r, c.image.startsWith(r)))
        validations:
        - expression: size(variables.bad) == 0
          messageExpression: '"images of elsewhere: " + variables.bad.map(c, c.image).join(", ")'
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Repos
metadata: {name: our-repos}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}
  parameters: {repos: [example.com/]}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedLabels
metadata: {name: keep}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [Secret]}]}
  parameters: {labels: [free-to-go]}
"""
INSTALL = Path(__file__).parents[2] / "deploy" / "mistrust-serve.yaml"
RULES = [
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps", "pods", "secrets"]},
    {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]},
]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with start() as running:
        for name, labels in (("wh-prod", {"tier": "prod"}), ("wh-dev", {}), ("wh-off", {"mistrust": "off"})):
            running.namespace(name, labels)
        yield running


@contextmanager
def hooked(plane: ControlPlane, tmp_path: Path, policies: Path, *flags: str, timeout: int = 5) -> Iterator[Serving]:
    """A server that the API server asks about the namespaces of this test, failing closed."""
    ca = authority(tmp_path / "ca")
    known = ("--kubeconfig", str(plane.kubeconfig))
    with serving(policies, tmp_path / "ca", "--name", "127.0.0.1", "--name", "localhost", *known, *flags) as server:
        server.ready()
        hook = {
            "name": NAME,
            "clientConfig": {
                "url": f"https://127.0.0.1:{server.port}/validate",
                "caBundle": base64.b64encode(ca.certificate).decode(),
            },
            "rules": RULES,
            "namespaceSelector": {"matchExpressions": [{"key": "mistrust", "operator": "NotIn", "values": ["off"]}]},
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": timeout,
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "wh"},
            "webhooks": [hook],
        }
        assert plane.admin.create(configuration).status == 201
        probe = config_map("probe", "wh-dev")
        try:
            until(lambda: tried(plane, probe).status == 403, "the API server asks")
            yield server
        finally:
            plane.admin.delete(configuration)
            until(lambda: tried(plane, probe).status == 201, "the API server no longer asks")


def tried(plane: ControlPlane, manifest: dict[str, object]) -> Reply:
    """Create without keeping."""
    collection, _, _ = plane.admin.path(manifest).rpartition("/")
    return plane.admin.request("POST", f"{collection}?dryRun=All", manifest)


def pod(namespace: str, image: str = "example.com/a:1", **security: object) -> dict[str, object]:
    container = {"name": "main", "image": image, "securityContext": security}
    spec = {"containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": namespace}, "spec": spec}


def denied(*messages: str) -> str:
    return f'admission webhook "{NAME}" denied the request: ' + "\n".join(messages)


def test_samples_are_let_in_and_kept_out_with_their_messages(plane: ControlPlane, tmp_path: Path) -> None:
    policies = folder(tmp_path / "p", owner=OWNER, warned=WARNED, pods=PODS)
    with hooked(plane, tmp_path, policies, "--log", "all") as server:
        assert tried(plane, config_map(namespace="wh-dev", owner="ann", team="a")).status == 201
        assert tried(plane, config_map(namespace="wh-off")).status == 201
        kept_out = [
            (config_map(namespace="wh-dev"), denied("[owner] the label owner is missing")),
            (pod("wh-prod", privileged=True), denied("[no-privileged] container main is privileged")),
            (pod("wh-dev", "evil.example/a:1"), denied("[our-repos] images of elsewhere: evil.example/a:1")),
        ]
        for manifest, message in kept_out:
            reply = tried(plane, manifest)
            assert (reply.status, reply.message) == (403, message)
        assert tried(plane, pod("wh-dev", privileged=True)).status == 201  # another tier
        assert server.metric('mistrust_admission_reviews_total{result="malformed"}') == 0

        # what changes of a Namespace is known at once
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "wh-dev", "labels": {"tier": "prod"}}}
        plane.admin.apply(space)
        until(lambda: tried(plane, pod("wh-dev", privileged=True)).status == 403, "the label counts")
        plane.admin.apply({**space, "metadata": {"name": "wh-dev", "labels": {}}})
        until(lambda: tried(plane, pod("wh-dev", privileged=True)).status == 201, "it no longer counts")

        # a deletion is asked about what goes
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "wh-dev"}}
        free = {**secret, "metadata": {"name": "s", "namespace": "wh-dev", "labels": {"free-to-go": "yes"}}}
        assert plane.admin.create(secret).status == 403
        assert plane.admin.create(free).status == 201
        assert plane.admin.request("DELETE", plane.admin.path(free)).status == 200


OBJECTS: Sequence[tuple[str, dict[str, object]]] = [
    ("few replicas", deployment(2, namespace="wh-prod")),
    ("as many as may be", deployment(5, namespace="wh-prod")),
    ("too many", deployment(6, namespace="wh-prod")),
    ("by far", deployment(10**6, namespace="wh-prod")),
    ("elsewhere", deployment(9, namespace="wh-dev")),
    ("an image of elsewhere", pod("wh-prod", "evil.example/a:1")),
    ("a pod like any", pod("wh-prod")),
    ("a pod of another tier", pod("wh-dev", "evil.example/a:1")),
    ("a field that the expression has no answer for", pod("wh-prod", "example.com/b:1", runAsUser=0)),
    ("that it has one for", pod("wh-prod", "example.com/b:1", runAsUser=0, privileged=False)),
    ("a parameter", config_map("longer-than-ten", "wh-prod")),
    ("a short name", config_map("short", "wh-prod")),
]
VALIDATING = f"""
{REPLICAS}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: prod-images}}
spec:
  matchConstraints:
    namespaceSelector: {{matchLabels: {{tier: prod}}}}
    resourceRules:
    - {{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}}
  matchConditions:
  - {{name: not-b, expression: "!object.spec.containers.exists(c, c.image == 'example.com/x')"}}
  variables:
  - {{name: images, expression: "object.spec.containers.map(c, c.image)"}}
  validations:
  - expression: variables.images.all(i, i.startsWith('example.com/'))
    messageExpression: "'images: ' + variables.images.join(',') + ' in ' + namespaceObject.metadata.name"
  - expression: >-
      !object.spec.containers.exists(c, c.image == 'example.com/b:1') ||
      object.spec.containers[0].securityContext.privileged == false
    message: b is not privileged
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: prod-images}}
spec: {{policyName: prod-images, validationActions: [Deny, Audit]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: longest, namespace: default}}
data: {{length: "10"}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: names}}
spec:
  paramKind: {{apiVersion: v1, kind: ConfigMap}}
  matchConstraints:
    resourceRules:
    - {{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}}
  validations:
  - expression: "size(object.metadata.name) <= int(params.data.length)"
    messageExpression: "'at most ' + params.data.length + ' characters'"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: names}}
spec:
  policyName: names
  paramRef: {{name: longest, namespace: default, parameterNotFoundAction: Deny}}
  validationActions: [Deny]
  matchResources: {{namespaceSelector: {{matchLabels: {{tier: prod}}}}}}
"""
SAID = "denied request: "


def verdict(reply: Reply) -> str:
    """`` for what is let in, else the first message of a policy, without who says so."""
    if reply.status == 201:
        return ""
    _, found, message = reply.message.partition("ValidatingAdmissionPolicy '")
    assert found, reply.message
    return f"{found}{message}".splitlines()[0]


def test_validating_policies_say_what_the_api_server_says(plane: ControlPlane, tmp_path: Path) -> None:
    """The same policies, once in the API server and once in ours, about the same objects."""
    manifests = [each for each in yaml.safe_load_all(VALIDATING) if each]
    plane.admin.apply(*manifests)
    try:
        until(lambda: tried(plane, deployment(6, namespace="wh-dev")).status == 422, "the API server evaluates")
        until(lambda: "images" in verdict(tried(plane, pod("wh-prod", "evil.example/a:1"))), "all of them")
        until(lambda: "10 char" in verdict(tried(plane, config_map("longer-than-ten", "wh-prod"))), "with parameters")
        theirs = [verdict(tried(plane, manifest)) for _, manifest in OBJECTS]
    finally:
        plane.admin.delete(*manifests)
    until(lambda: tried(plane, deployment(6, namespace="wh-dev")).status == 201, "the API server forgets")
    until(lambda: tried(plane, pod("wh-prod", "evil.example/a:1")).status == 201, "all of them")
    until(lambda: tried(plane, config_map("longer-than-ten", "wh-prod")).status == 201, "parameters too")
    policies = folder(tmp_path / "p", validating=VALIDATING, probe=OWNER.replace("owner}", "dev-probe}"))
    with hooked(plane, tmp_path, policies):
        ours = [verdict_of_both(tried(plane, manifest)) for _, manifest in OBJECTS]
    told = [(name, a, b) for (name, _), a, b in zip(OBJECTS, theirs, ours, strict=True) if a != b]
    assert not told
    assert sum(bool(v) for v in theirs) == 6


def verdict_of_both(reply: Reply) -> str:
    """The probe's own constraint, by which one sees that the webhook is asked, says nothing here."""
    kept = [line for line in reply.message.splitlines() if "[dev-probe]" not in line]
    if reply.status == 201 or "ValidatingAdmissionPolicy" not in "\n".join(kept):
        return ""
    return verdict(reply)


def test_under_load_nothing_is_wrongly_let_in_whatever_happens_to_the_server(
    plane: ControlPlane, tmp_path: Path
) -> None:
    """Policies change, the certificate turns, a worker is killed, then the server: failurePolicy is Fail."""
    policies = folder(tmp_path / "p", owner=OWNER)
    let_in: list[int] = []
    kept: list[str] = []
    stop = threading.Event()

    def create() -> None:
        client = plane.as_admin()
        while not stop.is_set():
            path = "/api/v1/namespaces/wh-prod/configmaps?dryRun=All"
            reply = client.request("POST", path, config_map("never", "wh-prod"))
            let_in.extend([reply.status] if reply.status < 300 else [])
            kept.append(reply.message)
        client.close()

    by, certificate, key = authority(tmp_path / "ca"), tmp_path / "tls.crt", tmp_path / "tls.key"

    def turn() -> None:
        pair = issued(by, ["127.0.0.1", "localhost"])
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)

    turn()
    flags = ("--workers", "2", "--tls-cert", str(certificate), "--tls-key", str(key))
    with hooked(plane, tmp_path, policies, *flags, timeout=2) as server:
        threads = [threading.Thread(target=create) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(kept) > 50, "there is load")
            folder(policies, replicas=REPLICAS)
            until(lambda: server.metric("mistrust_policies") == 2, "policies have changed")
            turn()
            changed = 'mistrust_reloads_total{what="certificate",outcome="changed"}'
            until(lambda: server.metric(changed) == 2, "both workers have the new certificate")
            folder(policies, replicas="{")
            until(lambda: server.metric('mistrust_reload_failing{what="policies"}') == 1, "a bad folder is refused")
            assert set(kept) == {denied("[owner] the label owner is missing")}  # so far nothing was lost
            os.kill(int(str(server.events("listening")[0]["process"])), signal.SIGKILL)
            until(lambda: len(server.events("listening")) == 3, "another worker listens")
            folder(policies, replicas=REPLICAS)
            server.ready()
            answered = len(kept)
            until(lambda: len(kept) > answered + 50, "it goes on")
            server.process.kill()
            server.process.wait()
            until(lambda: any("failed calling webhook" in said for said in kept[-5:]), "its workers end as well")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not let_in


def test_the_install_is_taken_by_an_api_server_in_a_restricted_namespace(plane: ControlPlane) -> None:
    manifests = list(yaml.safe_load_all(INSTALL.read_text()))
    first = [m for m in manifests if m["kind"] in ("Namespace", "ServiceAccount")]
    plane.admin.apply(*first)
    until(lambda: tried(plane, config_map(namespace="mistrust")).status == 201, "the namespace is there")
    webhook = next(m for m in manifests if m["kind"] == "ValidatingWebhookConfiguration")
    assert "illegal base64" in tried(plane, webhook).message  # nothing is blocked by one that was not filled in
    webhook["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(plane.ca.read_bytes()).decode()
    for manifest in manifests:
        if manifest not in first:
            reply = tried(plane, manifest)
            assert reply.status == 201, (manifest["kind"], reply.message)
            if manifest["kind"] == "Deployment":
                spec = manifest["spec"]["template"]["spec"]
                metadata = {"name": "a", "namespace": "mistrust"}
                reply = tried(plane, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
                assert reply.status == 201, reply.message
