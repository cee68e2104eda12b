"""What proves use of a right, and what does not: an event a line."""

from pathlib import Path

import pytest
from tests.feeds.audit_events import AT, event, pod, read, used

from mistrust.access.record import Tally
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

GET = ["alice: get pods web in shop"]


@pytest.mark.parametrize(
    ("code", "decision", "want"),
    [
        (200, "allow", GET),
        (404, "allow", GET),
        (409, "allow", GET),
        (422, "allow", GET),
        (429, "allow", GET),  # an eviction that a disruption budget put off
        (500, "allow", GET),
        (504, "allow", GET),
        (403, "allow", []),  # admission refused it
        (401, "allow", []),
        (403, "forbid", []),
        (200, "forbid", []),
        (403, None, []),
        (401, None, []),
        (429, None, []),  # too many in flight: the authorizer was never asked
        (500, None, []),
        (400, None, []),
        (None, None, []),
        (200, None, GET),  # before 1.10 there was no annotation
        (404, None, GET),
        (409, None, GET),
    ],
)
def test_only_what_was_authorized_is_use(tmp_path: Path, code: int | None, decision: str | None, want: list[str]):
    assert used(tmp_path, pod(code=code, decision=decision)) == want


def test_a_server_behind_a_proxy_may_answer_403_itself(tmp_path: Path):
    assert used(tmp_path, pod(sub="proxy", code=403)) == ["alice: get pods/proxy web in shop"]


def test_what_admission_refused_is_counted_apart(tmp_path: Path):
    record = read(tmp_path, pod(), pod("create", "", code=403), pod("patch", code=429, decision=None))
    assert [p.what for p in record.coverage.problems] == [
        "1 requests were authorized and then refused, by admission or by a further check: no use",
        "1 requests failed before it was decided whether they are allowed: no use",
    ]
    assert not any(p.blinds for p in record.coverage.problems)


@pytest.mark.parametrize(
    ("stages", "count"),
    [
        (["ResponseComplete"], 1),
        (["RequestReceived", "ResponseComplete"], 1),
        (["RequestReceived", "ResponseStarted", "ResponseComplete"], 1),
        (["ResponseComplete", "ResponseStarted"], 1),  # files in any order
        (["ResponseStarted"], 1),  # a watch that goes on when the log ends
        (["RequestReceived", "Panic"], 1),
        (["RequestReceived"], 0),
    ],
)
def test_the_stages_of_a_request_count_once(tmp_path: Path, stages: list[str], count: int):
    begun = {"RequestReceived": {"code": None, "decision": None}, "Panic": {"code": 500}}
    record = read(tmp_path, *(pod("watch", "", stage=s, id="one", **begun.get(s, {})) for s in stages))
    assert sum(t.count for t in record.uses.values()) == count
    assert record.coverage.events == len(stages)


def test_an_event_in_two_files_counts_once_and_two_requests_with_one_id_count_both(tmp_path: Path):
    """A client chooses the Audit-ID, so it cannot hide a request behind another one."""
    record = read(tmp_path, pod(id="one"), pod(id="one"), pod("delete", id="one"), pod(id="two"))
    assert {str(r): t.count for r, t in record.uses.items()} == {
        "get pods web in shop": 2,
        "delete pods web in shop": 1,
    }


def test_a_use_has_its_first_and_its_last_time(tmp_path: Path):
    times = ["2026-11-20T10:00:05.9Z", "2026-11-20T10:00:00.1Z", "2026-11-20T12:00:03+02:00"]
    record = read(tmp_path, *(pod(id=t, requestReceivedTimestamp=t) for t in times))
    assert list(record.uses.values()) == [Tally(3, AT, AT + 5)]
    assert (record.coverage.first, record.coverage.last) == (AT, AT + 5)


def test_groups_come_from_the_event(tmp_path: Path):
    who = {"username": "alice", "groups": ["devs", "system:authenticated", "devs"]}
    (request,) = read(tmp_path, pod(user=who)).uses
    assert request == Request("alice", ("devs", "system:authenticated"), "get", "", "pods", "", "shop", "web")


def test_informers_use_list_and_watch(tmp_path: Path):
    ref = {"resource": "deployments", "apiGroup": "apps", "apiVersion": "v1"}
    uri = "/apis/apps/v1/deployments?allowWatchBookmarks=true&watch=true"
    assert used(tmp_path, event("list", "/apis/apps/v1/deployments", ref), event("watch", uri, ref)) == [
        "alice: list deployments.apps",
        "alice: watch deployments.apps",
    ]


SECRETS = {"resource": "secrets", "namespace": "shop", "apiVersion": "v1"}


@pytest.mark.parametrize(
    ("verb", "query", "name"),
    [
        ("list", "fieldSelector=metadata.name=tls", "tls"),
        ("watch", "fieldSelector=metadata.name%3Dtls&watch=true", "tls"),
        ("watch", "watch=1&fieldSelector=metadata.name%3D%3Dtls", "tls"),
        ("list", "fieldSelector=type%3DOpaque%2Cmetadata.name%3Dtls", "tls"),
        ("list", "fieldSelector=metadata.name!%3Dtls", ""),
        ("list", "fieldSelector=metadata.name%3Da%252Fb", ""),
        ("list", "labelSelector=metadata.name%3Dtls", ""),
        ("deletecollection", "fieldSelector=metadata.name%3Dtls", ""),  # RequestInfo names none: 403 with such a rule
    ],
)
def test_a_field_selector_names_the_object(tmp_path: Path, verb: str, query: str, name: str):
    (request,) = read(tmp_path, event(verb, f"/api/v1/namespaces/shop/secrets?{query}", SECRETS)).uses
    assert request.name == name


@pytest.mark.parametrize(
    ("verb", "code", "want"),
    [
        ("patch", 200, ["patch"]),
        ("patch", 201, ["create", "patch"]),  # server-side apply
        ("update", 201, ["create", "update"]),
        ("update", 200, ["update"]),
        ("create", 201, ["create"]),
    ],
)
def test_what_created_an_object_used_create_too(tmp_path: Path, verb: str, code: int, want: list[str]):
    uri = "/api/v1/namespaces/shop/configmaps/x?fieldManager=me"
    found = read(tmp_path, event(verb, uri, SECRETS | {"resource": "configmaps", "name": "x"}, code=code)).uses
    assert sorted(r.verb for r in found) == want
    assert {r.name for r in found} == {"x"}


@pytest.mark.parametrize(
    ("uri", "ref", "want"),
    [
        ("/api/v1/namespaces/shop/secrets", SECRETS | {"name": "tls"}, ("shop", "")),
        ("/api/v1/namespaces/shop/secrets?fieldManager=x", SECRETS | {"name": "secrets"}, ("shop", "")),
        ("/api/v1/namespaces/shop/secrets/tls", SECRETS | {"name": "tls"}, ("shop", "tls")),
        (
            "/api/v1/namespaces/shop/serviceaccounts/app/token",
            SECRETS | {"resource": "serviceaccounts", "subresource": "token", "name": "app"},
            ("shop", "app"),
        ),
        ("/api/v1/namespaces", {"resource": "namespaces", "name": "new", "namespace": "new"}, ("", "")),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"resource": "clusterroles", "namespace": "x"}, ("", "")),
    ],
)
def test_a_create_is_authorized_without_the_name_that_stands_in_its_body(
    tmp_path: Path, uri: str, ref: dict[str, str], want: tuple[str, str]
):
    """objectRef is completed from the body after the authorizer was asked."""
    (request,) = read(tmp_path, event("create", uri, ref, code=201)).uses
    assert (request.namespace, request.name) == want


@pytest.mark.parametrize("sub", ["exec", "attach", "portforward"])
def test_get_and_create_of_streams_are_different_rights(tmp_path: Path, sub: str):
    post, get = pod("create", sub=sub, code=101), pod("get", sub=sub, code=101)
    create, both = (
        [f"alice: create pods/{sub} web in shop"],
        [f"alice: {v} pods/{sub} web in shop" for v in ("create", "get")],
    )
    assert used(tmp_path, post, version=Version(1, 34)) == create
    assert used(tmp_path, get, version=Version(1, 34)) == both[1:]
    assert used(tmp_path, get, version=Version(1, 35)) == both
    assert used(tmp_path, get) == both  # the version is not known: rather a right too many than one lost
    assert used(tmp_path, pod("get", sub="log"), version=Version(1, 35)) == ["alice: get pods/log web in shop"]


def test_a_namespace_is_in_itself(tmp_path: Path):
    ref = {"resource": "namespaces", "namespace": "shop", "name": "shop", "apiVersion": "v1"}
    (request,) = read(tmp_path, event("get", "/api/v1/namespaces/shop", ref)).uses
    assert (request.namespace, request.name) == ("shop", "shop")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/healthz?verbose", "/healthz"),
        ("/api", "/api"),
        ("/apis/apps/v1?timeout=32s", "/apis/apps/v1"),
        ("/a%20b", "/a b"),
    ],
)
def test_requests_for_no_resource_are_their_path(tmp_path: Path, uri: str, path: str):
    (request,) = read(tmp_path, event("get", uri)).uses
    assert (request.path, request.verb, request.resource) == (path, "get", "")


def test_reviews_of_oneself_are_use_like_others(tmp_path: Path):
    ref = {"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io", "apiVersion": "v1"}
    uri = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert used(tmp_path, event("create", uri, ref, code=201)) == [
        "alice: create selfsubjectaccessreviews.authorization.k8s.io"
    ]


def test_an_event_that_was_truncated_has_all_that_matters(tmp_path: Path):
    noted = {"authorization.k8s.io/decision": "allow", "audit.k8s.io/truncated": "true"}
    assert used(tmp_path, pod(level="RequestResponse", annotations=noted)) == GET
