"""A watch delivers each event once, through broken connections, until the server no longer can."""

from __future__ import annotations

import json
import threading
import time
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.cluster.client import Client, Limits
from mistrust.cluster.connection import Connection
from mistrust.cluster.kubeconfig import Cluster, User
from mistrust.cluster.refusal import ForbiddenError, GoneError, TooLargeError, UnreachableError
from mistrust.cluster.watching import FAILURES, Watch
from mistrust.kube.errors import RemoteError
from mistrust.kube.pods import Pod
from tests.cluster.loopback import Reply, reply, status


def event(type_, version, name="web-0"):
    metadata = {"resourceVersion": str(version)} | ({"name": name} if name else {})
    return json.dumps({"type": type_, "object": {"kind": "Pod", "metadata": metadata}}).encode() + b"\n"


def take(watch, count):
    """The first `count` events as (type, resourceVersion)."""
    found = []
    for e in watch:
        found.append((e.type, e.resource_version))
        if len(found) == count:
            return found
    return found


def scripted(*bodies):
    """A server that gives one body a request, then only silence that ends at once."""
    left = list(bodies)
    return lambda request: left.pop(0) if left else Reply([])


def test_events_carry_the_object_and_ask_for_bookmarks(client_of):
    client, server = client_of(scripted(Reply([event("ADDED", 11, "a"), event("DELETED", 12, "a")])))
    first, second = islice(client.watch("/api/v1/pods", Pod, "10"), 2)
    assert (first.type, first.object.metadata.name, first.resource_version) == ("ADDED", "a", "11")
    assert (second.type, second.resource_version) == ("DELETED", "12")
    query = server.heard[0].query
    assert (query["watch"], query["allowWatchBookmarks"], query["resourceVersion"]) == ("1", "true", "10")
    assert int(query["timeoutSeconds"]) > 0


@pytest.mark.parametrize("cut", [True, False], ids=["dropped connection", "server timeout"])
def test_a_watch_goes_on_where_it_stopped(client_of, cut):
    client, server = client_of(
        scripted(
            Reply([event("ADDED", 11)], cut=cut), Reply([event("BOOKMARK", 99, "")]), Reply([event("MODIFIED", 100)])
        )
    )
    assert take(client.watch("/api/v1/pods", Pod, "10"), 3) == [
        ("ADDED", "11"),
        ("BOOKMARK", "99"),
        ("MODIFIED", "100"),
    ]
    assert [r.query["resourceVersion"] for r in server.heard] == ["10", "11", "99"]


def test_half_an_event_at_the_end_of_a_connection_is_not_lost_and_not_seen_twice(client_of):
    whole = event("MODIFIED", 12)
    client, server = client_of(
        scripted(Reply([event("ADDED", 11) + whole[:20]], cut=True), Reply([whole, event("MODIFIED", 13)]))
    )
    assert take(client.watch("/api/v1/pods", Pod, "10"), 3) == [("ADDED", "11"), ("MODIFIED", "12"), ("MODIFIED", "13")]
    assert server.heard[1].query["resourceVersion"] == "11"


@pytest.mark.parametrize(
    "answer",
    [
        status(410, "Expired", "too old resource version: 10 (50)"),
        Reply([b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version: 10"}}\n']),
    ],
    ids=["http", "event"],
)
def test_gone_tells_the_caller_to_list_again(client_of, answer):
    client, server = client_of(scripted(answer))
    with pytest.raises(GoneError, match="too old resource version") as caught:
        take(client.watch("/api/v1/pods", Pod, "10"), 1)
    assert caught.value.code == 410
    assert len(server.heard) == 1


def test_forbidden_is_not_tried_again(client_of):
    client, server = client_of(scripted(status(403, "Forbidden", "no")))
    with pytest.raises(ForbiddenError):
        take(client.watch("/api/v1/pods", Pod, "10"), 1)
    assert len(server.heard) == 1


def test_an_error_event_that_passes_is_resumed(client_of):
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd is busy"}}
    client, _ = client_of(scripted(Reply([json.dumps(error).encode() + b"\n"]), Reply([event("ADDED", 11)])))
    assert take(client.watch("/api/v1/pods", Pod, "10"), 1) == [("ADDED", "11")]


def test_an_object_that_does_not_fit_is_an_event_with_a_problem(client_of):
    bad = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "x", "resourceVersion": "11"}, "spec": 3}})
    nothing = b'{"type":"ADDED","object":7}\n'
    client, _ = client_of(scripted(Reply([bad.encode() + b"\n", nothing, event("ADDED", 12)])))
    first, without_version, second = islice(client.watch("/api/v1/pods", Pod, "10"), 3)
    assert without_version.resource_version == "11", "the last version seen is where to go on"
    assert first.object is None
    assert "$.spec" in first.problem.got
    assert first.resource_version == "11"
    assert second.object.metadata.name == "web-0"


@pytest.mark.parametrize("line", [b"<html>\n", b'{"type":"PARTY","object":{}}\n', b"[]\n"])
def test_what_is_no_watch_is_an_error(client_of, line):
    client, _ = client_of(scripted(Reply([line])))
    with pytest.raises(RemoteError, match="not a watch"):
        take(client.watch("/api/v1/pods", Pod, "10"), 1)


def test_an_event_over_the_bound_is_an_error_before_it_fills_the_memory(client_of):
    client, _ = client_of(scripted(Reply([b"x" * 50_000] * 50)), Limits(event=200_000))
    with pytest.raises(TooLargeError, match="195 KiB"):
        take(client.watch("/api/v1/pods", Pod, "10"), 1)


def test_a_server_that_stays_away_ends_the_watch(serve):
    server = serve(lambda r: Reply())
    server.stop()
    to = Connection("test", Cluster(server=server.url), User())
    client = Client(to, limits=Limits(attempts=1, connect=1), environ={})
    watch = Watch(client._open, "/api/v1/pods", Pod, "10", server.url, backoff=0.001)
    with pytest.raises(UnreachableError, match="refused"):
        take(watch, 1)


def test_a_server_that_drops_after_every_event_is_followed_all_the_same(client_of):
    client, server = client_of(scripted(*(Reply([event("ADDED", v)], cut=True) for v in range(11, 11 + 2 * FAILURES))))
    watch = Watch(client._open, "/api/v1/pods", Pod, "10", server.url, backoff=0.001)
    assert len(take(watch, 2 * FAILURES)) == 2 * FAILURES


def test_a_server_that_only_drops_ends_the_watch(client_of):
    client, server = client_of(lambda r: Reply([b'{"type":'], cut=True))
    watch = Watch(client._open, "/api/v1/pods", Pod, "10", server.url, backoff=0.001)
    with pytest.raises(UnreachableError, match="broke off"):
        take(watch, 1)
    assert len(server.heard) == FAILURES


@pytest.mark.parametrize("version", ["", "0"])
def test_a_watch_begins_at_a_list(client_of, version):
    client, _ = client_of(scripted())
    with pytest.raises(ValueError, match="resourceVersion of a list"):
        client.watch("/api/v1/pods", Pod, version)


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
def test_close_ends_a_waiting_watch_from_another_thread(serve, certificates, encrypted):
    waiting, over = threading.Event(), threading.Event()

    def silent(request):
        def pieces():
            yield event("ADDED", 11)
            waiting.set()
            over.wait(20)

        return Reply(pieces())

    server = serve(silent, certificates.server() if encrypted else None)
    authority = str(certificates.path("ca.crt")) if encrypted else ""
    client = Client(Connection("t", Cluster(server=server.url, certificate_authority=authority), User()), environ={})
    watch = client.watch("/api/v1/pods", Pod, "10")
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(e.type for e in watch))
    reader.start()
    assert waiting.wait(10)
    time.sleep(0.05)  # now it waits for the next event
    watch.close()
    reader.join(5)
    over.set()
    assert not reader.is_alive()
    assert seen == ["ADDED"]


class Pieces:
    """A stream that ends its pieces anywhere."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read1(self, amt, decode_content):
        return self.pieces.pop(0) if self.pieces else b""

    def close(self):
        pass

    shutdown = close


@given(st.lists(st.integers(1, 30), max_size=40))
def test_events_do_not_depend_on_where_the_pieces_end(sizes):
    text = b"".join(event("ADDED", v, f"pod-{v}") for v in range(11, 19))
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces = [p for p in [*pieces, rest] if p]
    watch = Watch(lambda *_: Pieces(pieces), "/x", Pod, "10", "test")
    assert take(watch, 8) == [("ADDED", str(v)) for v in range(11, 19)]
    assert watch.resource_version == "18"


def test_a_watch_uses_its_own_silence_bound_and_no_compression(client_of):
    client, server = client_of(scripted(Reply([event("ADDED", 11)])))
    take(client.watch("/api/v1/pods", Pod, "10"), 1)
    assert "gzip" not in server.heard[0].headers.get("accept-encoding", [""])[0]


def test_a_busy_server_is_asked_again_for_a_watch(client_of):
    client, _ = client_of(scripted(status(429, "TooManyRequests", "slow down"), Reply([event("ADDED", 11)])))
    assert take(client.watch("/api/v1/pods", Pod, "10"), 1) == [("ADDED", "11")]


def test_a_list_hands_over_to_a_watch(client_of):
    client, _ = client_of(
        lambda r: Reply([event("ADDED", 43)]) if "watch" in r.query
        else reply({"metadata": {"resourceVersion": "42"}, "items": []})
    )  # fmt: skip
    listing = client.list("/api/v1/pods", Pod)
    assert take(client.watch("/api/v1/pods", Pod, listing.resource_version), 1) == [("ADDED", "43")]
