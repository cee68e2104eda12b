"""What the steps rest on, tried on a real API server: each attack that a step describes, and the one it rules out."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controlplane.client import Client, Reply
from tests.controlplane.server import ControlPlane, start, until

pytestmark = pytest.mark.slow

RBAC = "rbac.authorization.k8s.io"
ROLES = f"/apis/{RBAC}/v1/clusterroles"
BINDINGS = f"/apis/{RBAC}/v1/clusterrolebindings"
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
SHOP = "/api/v1/namespaces/test-shop"
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def controlplane() -> Iterator[ControlPlane]:
    with start() as running:
        running.namespace("test-shop")
        yield running


class Attacker:
    """A user with a role of its own, and nothing else."""

    def __init__(self, controlplane: ControlPlane, name: str, rules: list[object], namespace: str = "") -> None:
        within = {"namespace": namespace} if namespace else {}
        kind = "Role" if namespace else "ClusterRole"
        self.role = f"test-{name}"
        controlplane.admin.apply(
            {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": self.role, **within}, "rules": rules},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": f"{kind}Binding",
                "metadata": {"name": self.role, **within},
                "roleRef": {"apiGroup": RBAC, "kind": kind, "name": self.role},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": name}],
            },
        )
        controlplane.settle()
        self.client: Client = controlplane.as_user(name)

    def __call__(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Reply:
        return self.client.request(method, path, body, kind)


def rule(verbs: str, resources: str, group: str = "", **names: list[str]) -> dict[str, object]:
    return {"apiGroups": [group], "resources": resources.split(","), "verbs": verbs.split(","), **names}


def cluster_role(name: str) -> dict[str, object]:
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": EVERYTHING}


def binding(name: str, role: str, user: str) -> dict[str, object]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }


def pod(name: str, account: str = "default") -> dict[str, object]:
    spec = {"serviceAccountName": account, "containers": [{"name": "main", "image": "example.com/main:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "test-shop"}, "spec": spec}


def test_rewrite_clusterrole(controlplane: ControlPlane) -> None:
    with_escalate = Attacker(controlplane, "rewriter", [rule("patch,escalate", "clusterroles", RBAC)])
    patch = {"rules": EVERYTHING}
    assert with_escalate("PATCH", f"{ROLES}/{with_escalate.role}", patch, MERGE).status == 200
    until(lambda: with_escalate("GET", "/api/v1/nodes").status == 200, "the rules count at once")
    without = Attacker(controlplane, "writer", [rule("update,patch", "clusterroles", RBAC)])
    assert without("PATCH", f"{ROLES}/{without.role}", patch, MERGE).status == 403


def test_replace_clusterrole(controlplane: ControlPlane) -> None:
    attacker = Attacker(controlplane, "replacer", [rule("delete,create,escalate", "clusterroles", RBAC)])
    # The role goes with the right to create it: it is replaced by way of another role that is bound to the attacker.
    bound = {**cluster_role("test-harmless"), "rules": [rule("get", "configmaps")]}
    controlplane.admin.apply(bound, binding("test-harmless", "test-harmless", "replacer"))
    controlplane.settle()
    assert attacker("DELETE", f"{ROLES}/test-harmless").status == 200
    assert attacker("POST", ROLES, cluster_role("test-harmless")).status == 201
    until(lambda: attacker("GET", "/api/v1/nodes").status == 200, "the old binding gives the new rules")


def test_bind_is_asked_of_the_role_and_not_of_the_binding(controlplane: ControlPlane) -> None:
    wanted = binding("test-mine", "cluster-admin", "binder")
    misled = Attacker(controlplane, "misled", [rule("create,bind", "clusterrolebindings", RBAC)])
    assert misled("POST", BINDINGS, wanted).status == 403
    rules: list[object] = [
        rule("create", "clusterrolebindings", RBAC),
        rule("bind", "clusterroles", RBAC, resourceNames=["cluster-admin"]),
    ]
    assert Attacker(controlplane, "binder", rules)("POST", BINDINGS, wanted).status == 201
    patch = {"subjects": [{"apiGroup": RBAC, "kind": "User", "name": "joiner"}]}
    joiner = Attacker(controlplane, "joiner", [rule("patch", "clusterrolebindings", RBAC), rules[1]])
    assert joiner("PATCH", f"{BINDINGS}/test-mine", patch, MERGE).status == 200


@pytest.mark.parametrize("sub", ["", "/status", "/finalize"])
def test_relabel_namespace(controlplane: ControlPlane, sub: str) -> None:
    space = controlplane.namespace(f"test-labels{sub.replace('/', '-')}")
    name = f"labeller{sub.replace('/', '-')}"
    attacker = Attacker(controlplane, name, [rule("get,update", f"namespaces,namespaces{sub}")], space)
    path = f"/api/v1/namespaces/{space}"
    found = attacker("GET", path).at()
    assert isinstance(found, dict)
    found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged"
    assert attacker("PUT", path + sub, found).status == 200
    written = controlplane.admin.expect("GET", path).at("metadata", "labels", "pod-security.kubernetes.io/enforce")
    assert written == "privileged"


def test_apply_named_pod(controlplane: ControlPlane) -> None:
    url = f"{SHOP}/pods/named?fieldManager=x&force=true"
    apply = "application/apply-patch+yaml"
    patching = Attacker(controlplane, "patching", [rule("patch", "pods", resourceNames=["named"])])
    assert patching("PATCH", url, pod("named"), apply).status == 403
    both = Attacker(controlplane, "applying", [rule("create,patch", "pods", resourceNames=["named"])])
    assert both("POST", f"{SHOP}/pods", pod("named")).status == 403
    assert both("PATCH", url, pod("named"), apply).status == 201


def test_swap_image_and_nothing_else(controlplane: ControlPlane) -> None:
    controlplane.admin.create(pod("running"))
    attacker = Attacker(controlplane, "swapper", [rule("patch", "pods")])
    image = {"spec": {"containers": [{"name": "main", "image": "example.com/attackers:1"}]}}
    strategic = "application/strategic-merge-patch+json"
    assert attacker("PATCH", f"{SHOP}/pods/running", image, strategic).status == 200
    account = {"spec": {"serviceAccountName": "other"}}
    assert attacker("PATCH", f"{SHOP}/pods/running", account, strategic).status == 422


def test_a_jobs_template_cannot_be_changed(controlplane: ControlPlane) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/main:1"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job", "namespace": "test-shop"}}
    controlplane.admin.apply({**job, "spec": {"template": template}})
    attacker = Attacker(controlplane, "jobber", [rule("patch", "jobs", "batch")])
    image = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example.com/attackers:1"}]}}}}
    strategic = "application/strategic-merge-patch+json"
    assert attacker("PATCH", "/apis/batch/v1/namespaces/test-shop/jobs/job", image, strategic).status == 422


def test_a_controller_revision_is_replaced_and_not_changed(controlplane: ControlPlane) -> None:
    folder = "/apis/apps/v1/namespaces/test-shop/controllerrevisions"
    metadata = {"name": "web-1", "namespace": "test-shop"}
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": 1}
    controlplane.admin.apply({**revision, "data": {"spec": {"a": "old"}}})
    attacker = Attacker(controlplane, "historian", [rule("patch,delete,create", "controllerrevisions", "apps")])
    assert attacker("PATCH", f"{folder}/web-1", {"data": {"spec": {"a": "new"}}}, MERGE).status == 422
    assert attacker("DELETE", f"{folder}/web-1").status == 200
    assert attacker("POST", folder, {**revision, "data": {"spec": {"a": "new"}}}).status == 201


def test_list_named_secret(controlplane: ControlPlane) -> None:
    metadata = {"name": "db", "namespace": "test-shop"}
    controlplane.admin.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    attacker = Attacker(controlplane, "lister", [rule("list,deletecollection", "secrets", resourceNames=["db"])])
    selected = f"{SHOP}/secrets?fieldSelector=metadata.name%3Ddb"
    assert attacker("GET", selected).status == 200
    assert attacker("GET", f"{SHOP}/secrets").status == 403
    assert attacker("DELETE", selected).status == 403


def test_token_secret(controlplane: ControlPlane) -> None:
    attacker = Attacker(
        controlplane, "minter", [rule("create", "secrets"), rule("get", "secrets", resourceNames=["mine"])]
    )
    annotations = {"kubernetes.io/service-account.name": "default"}
    metadata = {"name": "mine", "namespace": "test-shop", "annotations": annotations}
    kind = "kubernetes.io/service-account-token"
    secret = {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata}
    until(lambda: attacker("POST", f"{SHOP}/secrets", secret).status in (201, 409), "the service account is there")
    until(lambda: bool(attacker("GET", f"{SHOP}/secrets/mine").at("data", "token")), "the controller fills it")


def test_token_secret_retarget(controlplane: ControlPlane) -> None:
    admin = controlplane.admin
    space = controlplane.namespace("test-retarget")
    path = f"/api/v1/namespaces/{space}"
    for name in ("weak", "strong"):
        admin.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": space}})
    annotations: dict[str, object] = {"kubernetes.io/service-account.name": "weak"}
    metadata = {"name": "old", "namespace": space, "annotations": annotations}
    kind = "kubernetes.io/service-account-token"
    admin.apply({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata})
    until(lambda: bool(admin.expect("GET", f"{path}/secrets/old").at("data", "token")), "the first token")
    before = admin.expect("GET", f"{path}/secrets/old").at("data", "token")
    attacker = Attacker(controlplane, "retargeter", [rule("get,patch", "secrets", resourceNames=["old"])], space)
    moved = {"kubernetes.io/service-account.name": "strong", "kubernetes.io/service-account.uid": None}
    patch = {"metadata": {"annotations": moved}, "data": None}
    assert attacker("PATCH", f"{path}/secrets/old", patch, MERGE).status == 200
    until(
        lambda: attacker("GET", f"{path}/secrets/old").at("data", "token") not in (None, before), "the stronger token"
    )


def test_groups_are_impersonated_together_with_somebody(controlplane: ControlPlane) -> None:
    def nodes(attacker: Attacker, *headers: tuple[str, str]) -> int:
        return attacker.client.request("GET", "/api/v1/nodes", headers=dict(headers)).status

    masters = ("Impersonate-Group", "system:masters")
    groups = Attacker(controlplane, "grouper", [rule("impersonate", "groups")])
    assert nodes(groups, masters) == 400
    assert nodes(groups, ("Impersonate-User", "grouper"), masters) == 403
    rules: list[object] = [
        rule("impersonate", "users", resourceNames=["selfish"]),
        rule("impersonate", "groups", resourceNames=["system:masters"]),
    ]
    selfish = Attacker(controlplane, "selfish", rules)
    assert nodes(selfish, ("Impersonate-User", "selfish"), masters) == 200
    rules = [rule("impersonate", "serviceaccounts", resourceNames=["default"]), rules[1]]
    carrier = Attacker(controlplane, "carrier", rules)
    assert nodes(carrier, ("Impersonate-User", "system:serviceaccount:test-shop:default"), masters) == 200


def test_sign_client_certificate_without_reading_requests(controlplane: ControlPlane, tmp_path: Path) -> None:
    group = "certificates.k8s.io"
    attacker = Attacker(
        controlplane,
        "signer",
        [
            rule("create", "certificatesigningrequests", group),
            rule("update", "certificatesigningrequests/approval", group),
            rule("approve", "signers", group, resourceNames=["kubernetes.io/*"]),
        ],
    )
    folder = f"/apis/{group}/v1/certificatesigningrequests"
    spec = {
        "request": b64encode(request_for(tmp_path, "system:serviceaccount:kube-system:anybody")).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    wanted = {"apiVersion": f"{group}/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "test-any"}}
    assert attacker("POST", folder, {**wanted, "spec": spec}).status == 201
    condition = {"type": "Approved", "status": "True", "reason": "x", "message": "x"}
    approved = {**wanted, "spec": spec, "status": {"conditions": [condition]}}
    assert attacker("PUT", f"{folder}/test-any/approval", approved).status == 200
    assert attacker("GET", f"{folder}/test-any").status == 403
    again = f"{folder}/test-any/approval"
    until(lambda: bool(attacker("PUT", again, approved).at("status", "certificate")), "the reply shows the certificate")


def request_for(folder: Path, user: str) -> bytes:
    key, out = folder / "key.pem", folder / "request.pem"
    subject = f"/CN={user}"
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", out, "-subj", subject]
    subprocess.run(command, check=True, capture_output=True)
    return out.read_bytes()


def test_bind_clusterrole_in_namespace(controlplane: ControlPlane) -> None:
    rules: list[object] = [
        rule("create", "rolebindings", RBAC),
        rule("bind", "clusterroles", RBAC, resourceNames=["cluster-admin"]),
    ]
    attacker = Attacker(controlplane, "local", rules, "test-shop")
    wanted = {**binding("test-mine", "cluster-admin", "local"), "kind": "RoleBinding"}
    folder = f"/apis/{RBAC}/v1/namespaces/test-shop/rolebindings"
    assert attacker("POST", folder, wanted).status == 201
    until(lambda: attacker("GET", f"{SHOP}/secrets").status == 200, "all of the namespace")
    assert attacker("GET", "/api/v1/nodes").status == 403


def test_volume_of_the_node_passes_the_strictest_level(controlplane: ControlPlane) -> None:
    space = controlplane.namespace("test-restricted", {"pod-security.kubernetes.io/enforce": "restricted"})
    attacker = Attacker(controlplane, "mounter", [rule("create", "persistentvolumes,pods")])
    claim = {"name": "main-root", "namespace": space}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "test-root"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/"},
            "claimRef": claim,
        },
    }
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    container = {
        "name": "main",
        "image": "example.com/main:1",
        "securityContext": {**confined, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumeMounts": [{"name": "root", "mountPath": "/host"}],
    }
    by_claim = {"name": "root", "ephemeral": {"volumeClaimTemplate": template}}
    by_path = {"name": "root", "hostPath": {"path": "/"}}
    main = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "main", "namespace": space}}
    pods = f"/api/v1/namespaces/{space}/pods"
    assert attacker("POST", pods, {**main, "spec": {"containers": [container], "volumes": [by_path]}}).status == 403
    assert attacker("POST", "/api/v1/persistentvolumes", volume).status == 201
    assert attacker("POST", pods, {**main, "spec": {"containers": [container], "volumes": [by_claim]}}).status == 201


def test_a_privileged_ephemeral_container_is_refused_where_baseline_is_enforced(controlplane: ControlPlane) -> None:
    def debug(space: str, name: str) -> int:
        controlplane.admin.apply({**pod("main"), "metadata": {"name": "main", "namespace": space}})
        attacker = Attacker(controlplane, name, [rule("patch", "pods/ephemeralcontainers")], space)
        container = {"name": "debug", "image": "example.com/debug:1", "securityContext": {"privileged": True}}
        path = f"/api/v1/namespaces/{space}/pods/main/ephemeralcontainers"
        patch = {"spec": {"ephemeralContainers": [container]}}
        return attacker("PATCH", path, patch, "application/strategic-merge-patch+json").status

    level = {"pod-security.kubernetes.io/enforce": "baseline"}
    assert debug(controlplane.namespace("test-unlabelled"), "debugger") == 200
    assert debug(controlplane.namespace("test-baseline", level), "refused") == 403
