"""The client against a real API server: what the loopback tests assume is what Kubernetes does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from mistrust.cluster import discovery, listing, watching
from mistrust.cluster.client import Client, Limits
from mistrust.cluster.connection import Connection, connection
from mistrust.cluster.kubeconfig import User
from mistrust.cluster.refusal import ForbiddenError, GoneError, NotFoundError, RefusedError, UnauthorizedError
from mistrust.cluster.secret import Secret
from mistrust.kube.core import ConfigMap
from mistrust.kube.rbac import ClusterRole
from tests.controlplane.server import ControlPlane, start

pytestmark = pytest.mark.slow

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@pytest.fixture
def admin(controlplane: ControlPlane) -> Client:
    return Client.from_context(None, controlplane.kubeconfig)


def as_user(controlplane: ControlPlane, user: User) -> Client:
    cluster = connection(None, controlplane.kubeconfig).cluster
    return Client(Connection("test", cluster, user), limits=Limits(attempts=1))


def config_map(namespace: str, name: str) -> Mapping[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


@pytest.mark.parametrize("page", [1, 7, 50])
def test_pages_are_the_whole_list(admin: Client, page: int) -> None:
    whole = admin.list(ROLES, ClusterRole)
    paged = admin.list(ROLES, ClusterRole, page=page)
    assert [r.name for r in paged.items] == [r.name for r in whole.items]
    assert "cluster-admin" in {r.name for r in paged.items}
    assert paged.problems == ()


def test_an_exact_version_is_listed_over_all_pages(admin: Client) -> None:
    version = admin.list(ROLES, ClusterRole).resource_version
    query = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
    assert admin.list(ROLES, ClusterRole, page=10, query=query).resource_version == version


def test_a_broken_continue_token_is_refused(admin: Client) -> None:
    with pytest.raises(RefusedError, match="continue"):
        admin.get(ROLES, {"limit": "1", "continue": "nonsense"})


def test_discovery_of_today_and_of_old_servers_agree(admin: Client) -> None:
    def old(path: str, query: Mapping[str, str], accept: str) -> bytes:
        return admin.get(path, query, "application/json")

    found = admin.discover()
    walked = discovery.discover(old, admin.server)
    assert found.problems == walked.problems == ()
    assert {key(r) for r in found.resources} == {key(r) for r in walked.resources}
    assert "pods/exec" in {r.name for r in found.resources}


def key(resource: discovery.Resource) -> discovery.Resource:
    return msgspec.structs.replace(resource, verbs=tuple(sorted(resource.verbs)))


def test_a_watch_sees_what_happens_after_the_list_over_many_requests(
    controlplane: ControlPlane, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SERVER_TIMEOUT", 1)
    path = f"/api/v1/namespaces/{controlplane.namespace('watched')}/configmaps"
    watch = admin.watch(path, ConfigMap, admin.list(path, ConfigMap).resource_version)
    events = (e for e in watch if e.type != "BOOKMARK")
    seen = []
    for i in range(3):
        controlplane.admin.apply(config_map("watched", f"m{i}"))
        seen += [(e.type, e.object and e.object.name) for e in islice(events, 1)]
    controlplane.admin.delete(config_map("watched", "m0"))
    seen += [(e.type, e.object and e.object.name) for e in islice(events, 1)]
    watch.close()
    assert seen == [("ADDED", "m0"), ("ADDED", "m1"), ("ADDED", "m2"), ("DELETED", "m0")]


def test_a_list_that_really_expires_begins_again_and_is_whole() -> None:
    """etcd forgets after a second here; the client is held after its first page until the server says 410."""
    with start("--etcd-compaction-interval=1s") as controlplane:
        client = Client.from_context(None, controlplane.kubeconfig)
        expired: list[GoneError] = []

        def get(path: str, query: Mapping[str, str]) -> bytes:
            while "continue" in query and not expired:
                controlplane.admin.apply(config_map("default", f"m{time.monotonic_ns()}"))
                time.sleep(0.2)
                try:
                    client.get(path, query)
                except GoneError as error:
                    expired.append(error)
                    raise
            return client.get(path, query)

        whole = client.list(ROLES, ClusterRole)
        assert [r.name for r in listing.collect(get, ROLES, ClusterRole, "test", page=5).items] == [
            r.name for r in whole.items
        ]
        assert expired[0].reason == "Expired"


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda c: c.get("/api/v1/namespaces/absent"), NotFoundError, 'namespaces "absent" not found'),
        (lambda c: c.get("/apis/absent.example/v1/things"), NotFoundError, "404"),
    ],
)
def test_refusals_are_in_the_servers_words(
    admin: Client, make: Callable[[Client], bytes], kind: type[RefusedError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        make(admin)


def test_impersonation_is_taken_as_asked(controlplane: ControlPlane) -> None:
    path = controlplane.kubeconfig
    cluster, user = connection(None, path).cluster, connection(None, path).user
    nobody = msgspec.structs.replace(user, impersonate="jürgen", impersonate_groups=("devs",))
    with pytest.raises(ForbiddenError, match='User "jürgen" cannot list resource "pods"'):
        Client(Connection("test", cluster, nobody)).get("/api/v1/pods")
    master = msgspec.structs.replace(nobody, impersonate_groups=("system:masters",))
    assert Client(Connection("test", cluster, master)).get("/api/v1/pods")


def test_tokens_of_service_accounts_from_text_and_from_a_file(controlplane: ControlPlane, tmp_path: Path) -> None:
    token = controlplane.token(controlplane.namespace("tokens"), "default")
    (tmp_path / "token").write_text(token + "\n")
    for user in (User(token=Secret(token)), User(token_file=str(tmp_path / "token"))):
        with pytest.raises(ForbiddenError, match="system:serviceaccount:tokens:default"):
            as_user(controlplane, user).get("/api/v1/pods")
    with pytest.raises(UnauthorizedError):
        as_user(controlplane, User(token=Secret(token[:-4] + "AAAA"))).get("/api/v1/pods")


def test_a_plugin_gives_a_certificate_that_the_server_accepts(controlplane: ControlPlane, tmp_path: Path) -> None:
    issued = controlplane.issue("plug", "system:masters")
    status = {"clientCertificateData": issued.certificate.read_text(), "clientKeyData": issued.key.read_text()}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    (tmp_path / "answer").write_text(json.dumps(answer))
    config = {
        "current-context": "p",
        "contexts": [{"name": "p", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {"name": "c", "cluster": {"server": controlplane.server, "certificate-authority": str(controlplane.ca)}}
        ],
        "users": [{"name": "u", "user": {"exec": {
            "command": "cat", "args": [str(tmp_path / "answer")], "interactiveMode": "Never",
            "apiVersion": "client.authentication.k8s.io/v1"}}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(config))
    assert Client.from_context(None, tmp_path / "config").get("/api/v1/pods")
