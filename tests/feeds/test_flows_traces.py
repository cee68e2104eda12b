"""OTLP traces: calls by spans of clients and servers. They prove use, and never that something is not used."""

from __future__ import annotations

import json

import pytest
from tests.feeds.flow_logs import reading, remarks, told

from mistrust.access.flow import Peer

WEB = {"k8s.namespace.name": "shop", "k8s.pod.name": "web-7d9f8c6b5-x2x9k", "k8s.deployment.name": "web"}
CLIENT, SERVER = 3, 2
DB = {"network.peer.address": "10.0.0.2", "network.peer.port": 5432}

Attributes = dict[str, object]


def trace(
    kind: int | str, attributes: dict[str, object], resource: dict[str, object] | None = None, status: int = 0
) -> str:
    """A request with one span."""
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "call", "kind": kind,
        "startTimeUnixNano": "1700000000123456789", "endTimeUnixNano": "1700000001123456789",
        "attributes": listed(attributes), "status": {"code": status},
    }  # fmt: skip
    of = {"resource": {"attributes": listed(WEB if resource is None else resource)}, "scopeSpans": [{"spans": [span]}]}
    return json.dumps({"resourceSpans": [of]}) + "\n"


def listed(attributes: dict[str, object]) -> list[dict[str, object]]:
    kinds = {int: "intValue", str: "stringValue", list: "arrayValue"}
    return [
        {"key": name, "value": {kinds[type(value)]: str(value) if isinstance(value, int) else value}}
        for name, value in attributes.items()
    ]


@pytest.mark.parametrize(
    ("attributes", "destination"),
    [
        (DB, Peer(address="10.0.0.2")),
        (DB | {"server.address": "db.svc", "server.port": 80}, Peer(address="10.0.0.2", name="db.svc")),  # who answered
        ({"server.address": "db.shop.svc", "server.port": 5432}, Peer(name="db.shop.svc")),
        ({"server.address": "fd00::2", "server.port": 5432}, Peer(address="fd00::2")),
        ({"net.sock.peer.addr": "10.0.0.2", "net.sock.peer.port": 5432}, Peer(address="10.0.0.2")),
        ({"net.peer.name": "db", "net.peer.port": 5432}, Peer(name="db")),
        ({"net.peer.ip": "10.0.0.2", "net.peer.port": 5432}, Peer(address="10.0.0.2")),
    ],
)
@pytest.mark.parametrize("kind", [CLIENT, "SPAN_KIND_CLIENT", 4])
def test_a_clients_span(kind: int | str, attributes: Attributes, destination: Peer) -> None:
    (flow,) = reading(trace(kind, attributes)).uses
    assert flow.source == Peer("shop", "web-7d9f8c6b5-x2x9k", "web")
    assert (flow.destination, flow.protocol, flow.port) == (destination, "TCP", 5432)


def test_a_servers_span_has_its_peer_as_source_and_its_own_port() -> None:
    attributes = {"network.peer.address": "10.0.0.9", "network.peer.port": 51234, "server.port": 8080}
    (flow,) = reading(trace(SERVER, attributes | {"network.local.port": 8081})).uses
    assert (flow.source, flow.port) == (Peer(address="10.0.0.9"), 8081)
    assert flow.destination == Peer("shop", "web-7d9f8c6b5-x2x9k", "web")
    assert told(reading(trace(SERVER, attributes))) == ["10.0.0.9 -> shop/web-7d9f8c6b5-x2x9k TCP 8080"]


def test_the_address_of_a_pod_is_the_resources_or_the_spans() -> None:
    pod = WEB | {"k8s.pod.ip": "10.0.0.8"}
    (client,) = reading(trace(CLIENT, DB, pod)).uses
    assert client.source.address == "10.0.0.8"
    called: Attributes = {"network.peer.address": "10.0.0.9", "server.port": 80}
    (server,) = reading(trace(SERVER, called, pod)).uses
    assert server.destination.address == "10.0.0.8"
    (server,) = reading(trace(SERVER, called | {"network.local.address": "10.0.0.7"}, pod)).uses
    assert server.destination.address == "10.0.0.7"


def test_the_client_that_a_header_names_is_not_the_peer() -> None:
    record = reading(trace(SERVER, {"client.address": "203.0.113.7", "server.port": 8080}))
    assert told(record) == []
    assert remarks(record.coverage) == ["a span does not name the other end of its call, or not the port: 1 times"]


@pytest.mark.parametrize(
    ("attributes", "used"),
    [(DB, False), (DB | {"http.response.status_code": 500}, True), (DB | {"rpc.grpc.status_code": 7}, True)],
)
def test_a_failed_call_is_a_use_where_it_was_answered(attributes: dict[str, object], used: bool) -> None:
    assert bool(reading(trace(CLIENT, attributes, status=2)).uses) is used


def test_what_is_not_a_call_over_the_network_is_no_use() -> None:
    record = reading(trace(1, DB) + trace(5, DB) + trace(CLIENT, DB | {"network.transport": "unix"}))
    assert told(record) == []
    assert (record.coverage.events, remarks(record.coverage)) == (3, [])


def test_a_proxy_beside_the_process_is_not_the_other_end() -> None:
    beside = DB | {"network.peer.address": "127.0.0.1", "server.address": "db.shop.svc", "server.port": 5432}
    (flow,) = reading(trace(CLIENT, beside)).uses
    assert (flow.destination, flow.port) == (Peer(name="db.shop.svc"), 5432)
    assert told(reading(trace(SERVER, beside))) == []


@pytest.mark.parametrize(
    "transport", [{"network.transport": "udp"}, {"net.transport": "ip_udp"}, {"network.transport": "quic"}]
)
def test_udp_and_quic(transport: Attributes) -> None:
    assert told(reading(trace(CLIENT, DB | transport))) == ["shop/web-7d9f8c6b5-x2x9k -> 10.0.0.2 UDP 5432"]


def test_traces_are_sampled_and_flows_are_not() -> None:
    coverage = reading(trace(CLIENT, DB)).coverage
    assert coverage.sampled
    assert (coverage.first, coverage.last) == (1700000000, 1700000000)


def test_nobody_is_made_up_for_a_span_without_a_resource() -> None:
    assert told(reading(trace(CLIENT, DB, resource={"service.name": "web"}))) == []


def test_attributes_of_other_types_are_skipped() -> None:
    assert told(reading(trace(CLIENT, DB | {"http.request.header.x": []}))) == [
        "shop/web-7d9f8c6b5-x2x9k -> 10.0.0.2 TCP 5432"
    ]
