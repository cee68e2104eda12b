"""The control plane that the tests build is a real one: it authenticates, authorizes, admits and controls."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.controlplane import dump_defaults
from tests.controlplane.build import version
from tests.controlplane.client import Client
from tests.controlplane.server import ControlPlane, start, until

pytestmark = pytest.mark.slow

RBAC = "rbac.authorization.k8s.io"


def kubectl(kubeconfig: Path, *words: str) -> str:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not on PATH")
    done = subprocess.run(["kubectl", "--kubeconfig", kubeconfig, *words], capture_output=True, text=True, check=True)
    return done.stdout


def reader(verb: str, resource: str, user: str) -> list[dict[str, object]]:
    metadata = {"name": f"test-{user}", "namespace": "test-reviews"}
    return [
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": [verb]}],
        },
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": metadata["name"]},
        },
    ]


def asks(user: str, verb: str, resource: str, namespace: str = "test-reviews") -> dict[str, object]:
    return {"user": user, "resourceAttributes": {"verb": verb, "resource": resource, "namespace": namespace}}


def pod(namespace: str, **security: object) -> dict[str, object]:
    container = {"name": "main", "image": "example.com/main:1", "securityContext": security}
    metadata = {"name": "main", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def whoami(client: Client) -> tuple[object, object]:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
    reply = client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    return reply.at("status", "userInfo", "username"), reply.at("status", "userInfo", "groups")


def test_kubectl_sees_the_version_that_was_built(controlplane: ControlPlane) -> None:
    assert json.loads(kubectl(controlplane.kubeconfig, "get", "--raw", "/version"))["gitVersion"] == version()


def test_a_certificate_makes_anyone(controlplane: ControlPlane) -> None:
    ann = controlplane.as_user("ann", "shop", "system:nobody")
    assert whoami(ann) == ("ann", ["shop", "system:nobody", "system:authenticated"])
    assert ann.request("GET", "/api/v1/nodes").status == 403
    assert controlplane.as_user("root", "system:masters").request("GET", "/api/v1/nodes").status == 200


def test_an_issued_kubeconfig_is_that_user(controlplane: ControlPlane) -> None:
    issued = controlplane.issue("ann")
    assert kubectl(issued.kubeconfig, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}") == "ann"


def test_a_service_account_token_is_believed_and_reviewed(controlplane: ControlPlane) -> None:
    username, groups = whoami(controlplane.as_service_account("default", "default"))
    assert username == "system:serviceaccount:default:default"
    assert groups == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]

    def believed(token: str) -> object:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        reply = controlplane.admin.expect("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        return reply.at("status", "authenticated")

    assert believed(controlplane.token("default", "default")) is True
    assert believed("no such token") is None


def test_anonymous_is_somebody_without_rights(controlplane: ControlPlane) -> None:
    anonymous = controlplane.as_anonymous()
    assert anonymous.request("GET", "/version").status == 200
    refused = anonymous.request("GET", "/api/v1/pods")
    assert refused.status == 403
    assert "system:anonymous" in refused.message


def test_reviews_answer_for_objects_until_they_are_reset(controlplane: ControlPlane) -> None:
    asked = [asks("ann", "list", "pods"), asks("ann", "list", "secrets"), asks("bob", "list", "pods")]
    try:
        assert controlplane.reviews(reader("list", "pods", "ann"), asked) == [True, False, False]
        assert controlplane.reviews(reader("list", "pods", "bob"), asked) == [True, False, True]
    finally:
        controlplane.reset()
    assert controlplane.reviews([], asked) == [False, False, False]


def test_a_restricted_namespace_refuses_a_privileged_pod(controlplane: ControlPlane) -> None:
    restricted = controlplane.namespace("test-restricted", {"pod-security.kubernetes.io/enforce": "restricted"})
    refused = controlplane.admin.create(pod(restricted, privileged=True))
    assert refused.status == 403
    assert 'violates PodSecurity "restricted:latest"' in refused.message
    assert controlplane.admin.create(pod(controlplane.namespace("test-free"), privileged=True)).status == 201


def test_a_webhook_on_loopback_is_asked(controlplane: ControlPlane) -> None:
    namespace = controlplane.namespace("test-webhook")
    with refusing_webhook(controlplane) as url:
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "test-webhook"},
            "webhooks": [
                {
                    "name": "refuses.mistrust.test",
                    "clientConfig": {"url": url, "caBundle": b64encode(controlplane.ca.read_bytes()).decode()},
                    "rules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                    ],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
        tried = "/api/v1/namespaces/test-webhook/pods?dryRun=All"
        controlplane.admin.apply(configuration)
        try:
            until(
                lambda: "not on a Monday" in controlplane.admin.request("POST", tried, pod(namespace)).message,
                "the webhook's own words refuse a pod",
            )
        finally:
            controlplane.admin.delete(configuration)


@contextmanager
def refusing_webhook(controlplane: ControlPlane) -> Iterator[str]:
    class Refuses(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": "not on a Monday"}}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({**review, "request": None, "response": answer}).encode())

        def log_message(self, *_: object) -> None:
            pass

    issued = controlplane.issue("webhook", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_an_approved_signing_request_is_signed(controlplane: ControlPlane, tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the signing request, is not on PATH")
    key, wanted, certificate = tmp_path / "key", tmp_path / "wanted", tmp_path / "certificate"
    made = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=shop/CN=ann"]
    subprocess.run([*made, "-keyout", key, "-out", wanted], check=True, capture_output=True)
    request = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "test-ann"},
        "spec": {
            "request": b64encode(wanted.read_bytes()).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        },
    }
    approved = {"type": "Approved", "status": "True", "reason": "Test"}
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests/test-ann"
    admin = controlplane.admin
    assert admin.create(request).status == 201
    admin.expect("PATCH", f"{path}/approval", {"status": {"conditions": [approved]}}, "application/merge-patch+json")
    until(lambda: admin.request("GET", path).at("status", "certificate") is not None, "the request is signed")
    certificate.write_bytes(b64decode(str(admin.request("GET", path).at("status", "certificate"))))
    assert whoami(Client(controlplane.server, controlplane.ca, (certificate, key)))[0] == "ann"


def test_server_flags_and_files_are_obeyed(tmp_path: Path) -> None:
    authentication, authorization = tmp_path / "authentication.json", tmp_path / "authorization.json"
    authentication.write_text(
        json.dumps(
            {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "AuthenticationConfiguration",
                "anonymous": {"enabled": True, "conditions": [{"path": "/livez"}]},
            }
        )
    )
    authorization.write_text(
        json.dumps(
            {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "AuthorizationConfiguration",
                "authorizers": [{"type": "RBAC", "name": "rbac"}],
            }
        )
    )
    flags = [f"--authentication-config={authentication}", f"--authorization-config={authorization}"]
    with start(*flags, "--emulated-version=1.36", controllers=()) as controlplane:
        anonymous = controlplane.as_anonymous()
        assert [anonymous.request("GET", path).status for path in ("/livez", "/readyz")] == [200, 401]
        assert controlplane.admin.request("GET", "/version").at("emulationMinor") == "36"
        assert controlplane.reviews([], [asks("ann", "list", "pods")]) == [False]


def test_a_refused_flag_is_told() -> None:
    with pytest.raises(RuntimeError, match="unknown flag: --no-such-flag"), start("--no-such-flag"):
        pass


def test_data_outlives_the_server_and_the_server_not_its_parent(tmp_path: Path) -> None:
    with start(directory=tmp_path, controllers=()) as first:
        first.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}})
        assert first.process.stdin
        first.process.stdin.close()  # as when the parent is killed
        assert first.process.wait(30) == 0
    with start(directory=tmp_path, controllers=()) as again:
        assert again.admin.request("GET", "/api/v1/namespaces/kept").status == 200


def test_the_catalogued_defaults_are_those_of_a_new_server() -> None:
    with start() as untouched:
        for name, content in dump_defaults.files(untouched.admin).items():
            assert (dump_defaults.FOLDER / name).read_bytes() == content, (
                f"{name} is not what Kubernetes {version()} starts with: run python -m tests.controlplane.dump_defaults"
            )
