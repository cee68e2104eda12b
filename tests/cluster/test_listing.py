"""A list is whole or an error: paging, expiry, bounds, and objects that do not fit."""

from __future__ import annotations

import json

import msgspec
import pytest

from mistrust.cluster.client import Limits
from mistrust.cluster.listing import RESTARTS
from mistrust.cluster.refusal import ForbiddenError, GoneError, TooLargeError
from mistrust.kube.errors import RemoteError
from mistrust.kube.pods import Pod
from tests.cluster.loopback import Reply, reply, status

PODS = [{"metadata": {"name": f"p{i}", "namespace": "shop"}} for i in range(7)]


def pages(request, pods=PODS):
    """An API server's paging: the continue token is where to go on."""
    start, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
    end = start + limit
    meta = {"resourceVersion": "42"} | ({"continue": str(end)} if end < len(pods) else {})
    return reply({"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": pods[start:end]})


def names(listing):
    return [p.metadata.name for p in listing.items]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 500])
def test_every_page_size_gives_the_same_objects_in_the_same_order(client_of, page):
    client, server = client_of(pages)
    listing = client.list("/api/v1/pods", Pod, page=page)
    assert names(listing) == [f"p{i}" for i in range(7)]
    assert (listing.resource_version, listing.problems) == ("42", ())
    assert len(server.heard) == -(-7 // page)


def test_selectors_go_with_every_page_but_the_resource_version_only_with_the_first(client_of):
    client, server = client_of(pages)
    query = {"labelSelector": "app=web", "resourceVersion": "7", "resourceVersionMatch": "NotOlderThan"}
    client.list("/api/v1/pods", Pod, page=4, query=query)
    assert server.heard[0].query == query | {"limit": "4"}
    assert server.heard[1].query == {"labelSelector": "app=web", "limit": "4", "continue": "4"}


def test_a_list_that_expires_begins_again_and_delivers_nothing_twice(client_of):
    expired = []

    def answer(request):
        if request.query.get("continue") == "4" and not expired:
            expired.append(request)
            return status(410, "Expired", "The provided continue parameter is too old")
        return pages(request)

    client, server = client_of(answer)
    assert names(client.list("/api/v1/pods", Pod, page=2)) == [f"p{i}" for i in range(7)]
    assert [r.query.get("continue", "-") for r in server.heard] == ["-", "2", "4", "-"]
    assert server.heard[-1].query["limit"] == "8", "larger pages give the list less time to expire"


def test_a_list_that_always_expires_is_an_error_in_the_end(client_of):
    many = PODS * 100
    client, server = client_of(lambda r: status(410, "Expired", "too old") if "continue" in r.query else pages(r, many))
    with pytest.raises(GoneError, match="too old"):
        client.list("/api/v1/pods", Pod, page=1)
    assert sum("continue" not in r.query for r in server.heard) == RESTARTS + 1


def test_an_object_that_does_not_fit_becomes_a_problem_and_its_neighbours_stay(client_of):
    bad = {"metadata": {"name": "bad", "namespace": "shop"}, "spec": {"containers": "none"}}
    client, server = client_of(lambda r: pages(r, [*PODS[:2], bad, 3, *PODS[2:]]))
    listing = client.list("/api/v1/pods", Pod, page=3)
    assert names(listing) == [f"p{i}" for i in range(7)]
    named, nameless = listing.problems
    assert named.what == "the object shop/bad was not understood"
    assert "$.spec.containers" in named.got
    assert named.file == server.url + "/api/v1/pods"
    assert named.blinds
    assert nameless.what == "the object without a name was not understood"


def test_nulls_are_absent_fields_as_for_every_go_client(client_of):
    pod = {"metadata": {"name": "p", "labels": None, "ownerReferences": None}, "spec": {"containers": None}}
    client, _ = client_of(lambda r: pages(r, [pod]))
    listing = client.list("/api/v1/pods", Pod)
    assert names(listing) == ["p"]
    assert listing.problems == ()


def test_null_items_are_an_empty_list(client_of):
    client, _ = client_of(lambda r: reply({"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": None}))
    assert client.list("/api/v1/pods", Pod).items == ()


@pytest.mark.parametrize(
    "body", [b"<html>sign in</html>", b'{"kind":"Pod","metadata":{}}', b'{"items":7}', b"[]", b"{"]
)
def test_what_is_no_list_is_never_an_empty_list(client_of, body):
    client, _ = client_of(lambda r: Reply(body))
    with pytest.raises(RemoteError, match="not a list"):
        client.list("/api/v1/pods", Pod)


def test_a_continue_token_that_comes_back_is_not_followed_for_ever(client_of):
    client, server = client_of(lambda r: reply({"metadata": {"continue": "again"}, "items": PODS}))
    with pytest.raises(RemoteError, match="never ends"):
        client.list("/api/v1/pods", Pod)
    assert len(server.heard) == 2


def test_a_page_over_the_bound_is_asked_for_again_with_fewer_objects(client_of):
    client, server = client_of(pages, Limits(page=400, backoff=0.005))
    assert names(client.list("/api/v1/pods", Pod, page=7)) == [f"p{i}" for i in range(7)]
    assert [r.query["limit"] for r in server.heard][:2] == ["7", "1"]


def test_a_single_object_over_the_bound_is_an_error(client_of):
    client, server = client_of(pages, Limits(page=100, backoff=0.005))
    with pytest.raises(TooLargeError):
        client.list("/api/v1/pods", Pod)
    assert len(server.heard) < 10


def test_a_forbidden_list_says_so_in_the_servers_words(client_of):
    said = 'pods is forbidden: User "dev" cannot list resource "pods"'
    client, _ = client_of(lambda r: status(403, "Forbidden", said))
    with pytest.raises(ForbiddenError) as caught:
        client.list("/api/v1/pods", Pod)
    assert (caught.value.code, caught.value.reason, caught.value.message) == (403, "Forbidden", said)


def test_any_type_can_be_listed(client_of):
    class Name(msgspec.Struct):
        name: str

    client, _ = client_of(lambda r: Reply(json.dumps({"items": [{"name": "a"}, {"name": "b"}]}).encode()))
    assert client.list("/x", Name).items == (Name("a"), Name("b"))
