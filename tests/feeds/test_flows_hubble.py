"""Hubble: which of its many events of one connection show that it was used."""

from __future__ import annotations

import json

import pytest
from tests.feeds.flow_logs import reading, remarks, told

from mistrust.access.flow import Peer
from mistrust.access.record import Tally

WEB = {"ID": 1, "identity": 100, "namespace": "shop", "pod_name": "web-7d9f8c6b5-x2x9k", "workloads": [{"name": "web"}]}
DB = {"ID": 2, "identity": 200, "namespace": "shop", "pod_name": "db-0", "workloads": [{"name": "db"}]}
WORLD = {"identity": 2, "labels": ["reserved:world"]}
HOST = {"identity": 1, "labels": ["reserved:host"]}
TIME = "2026-11-02T10:00:00.123456789Z"


def event(**changes: object) -> str:
    """web opens a connection to db, seen at web's node; with changes."""
    flow: dict[str, object] = {
        "time": TIME,
        "verdict": "FORWARDED",
        "IP": {"source": "10.0.0.1", "destination": "10.0.1.2", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 5432, "flags": {"SYN": True}}},
        "source": WEB,
        "destination": DB,
        "Type": "L3_L4",
        "node_name": "n1",
        "event_type": {"type": 4, "sub_type": 3},
        "traffic_direction": "EGRESS",
        "trace_observation_point": "TO_STACK",
        "is_reply": False,
    }
    flow.update(changes)
    flow = {name: value for name, value in flow.items() if value is not None}
    return json.dumps({"flow": flow, "node_name": flow.get("node_name", ""), "time": flow.get("time")}) + "\n"


def l4(protocol: str, port: int, **flags: bool) -> dict[str, object]:
    ports: dict[str, object] = {"source_port": 40000, "destination_port": port}
    return {protocol: ports | ({"flags": flags} if flags else {})}


USED = ["shop/web-7d9f8c6b5-x2x9k -> shop/db-0 TCP 5432"]
INGRESS = {"traffic_direction": "INGRESS", "trace_observation_point": "TO_ENDPOINT", "node_name": "n2"}
DENIED = {"verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED", "is_reply": None}


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({}, True),
        (INGRESS, True),
        # let through by layers 3 and 4 to the proxy: what the proxy refuses is a request, the connection stands
        ({"verdict": "REDIRECTED"}, True),
        # a policy in audit mode denies it, and it happens
        ({"verdict": "AUDIT"}, True),
        ({"verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED"}, False),
        (INGRESS | {"verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED"}, False),
        ({"verdict": "ERROR"}, False),
        ({"verdict": "VERDICT_UNKNOWN"}, False),
        # a socket's address was translated: nobody has decided yet
        ({"verdict": "TRACED", "Type": "SOCK", "l4": l4("TCP", 5432)}, False),
        ({"verdict": "TRANSLATED", "Type": "SOCK", "l4": l4("TCP", 5432)}, False),
        ({"is_reply": True}, False),
        ({"is_reply": None, "reply": True}, False),
        # not said: the first packet of TCP tells by itself, others do not
        ({"is_reply": None, "l4": l4("TCP", 5432, SYN=True)}, True),
        ({"is_reply": None, "l4": l4("TCP", 5432, SYN=True, ACK=True)}, False),
        ({"is_reply": None, "l4": l4("TCP", 5432, ACK=True)}, False),
        ({"is_reply": None, "l4": l4("UDP", 5432)}, False),
        ({"l4": {"ICMPv4": {"type": 8}}}, False),
        ({"l4": None}, False),
        ({"IP": None}, False),
    ],
)
def test_an_event_is_a_use(changes: dict[str, object], used: bool) -> None:
    record = reading(event(**changes))
    assert told(record) == (USED if used else [])
    assert (record.coverage.events, record.coverage.bad) == (1, 0)


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
def test_other_protocols(protocol: str) -> None:
    assert told(reading(event(l4=l4(protocol, 5432)))) == [USED[0].replace("TCP", protocol)]


def test_the_reply_of_a_dns_server_opens_nothing_to_an_ephemeral_port() -> None:
    asked = event(l4=l4("UDP", 53))
    answered = event(
        source=DB, destination=WEB, l4={"UDP": {"source_port": 53, "destination_port": 40000}}, is_reply=True
    )
    assert told(reading(asked + answered)) == [USED[0].replace("TCP 5432", "UDP 53")]


def test_what_the_source_lets_out_and_the_destination_refuses_is_no_use() -> None:
    out = event()
    refused = event(**INGRESS, **DENIED)
    assert told(reading(out + refused)) == []
    assert told(reading(out + refused + event(**INGRESS))) == USED  # it was let in at another time


def test_a_packet_lost_for_another_reason_refuses_nothing() -> None:
    assert told(reading(event() + event(**INGRESS, **DENIED | {"drop_reason_desc": "CT_MAP_INSERTION_FAILED"}))) == USED


def test_two_nodes_and_many_points_see_one_connection_once() -> None:
    remote = {name: value for name, value in WEB.items() if name != "workloads"}  # known on the pod's own node only
    verdict = INGRESS | {"event_type": {"type": 5}, "trace_observation_point": None}
    seen = [
        event(),
        event(trace_observation_point="TO_OVERLAY"),
        event(trace_observation_point="TO_OVERLAY", l4=l4("TCP", 5432, ACK=True)),
        event(**INGRESS, source=remote),
        event(**verdict, source=remote),
    ]
    record = reading("".join(seen))
    assert list(record.uses.values()) == [Tally(1, 1793613600, 1793613600)]
    (flow,) = record.uses
    assert (flow.source.workload, flow.destination.workload) == ("web", "db")
    assert record.coverage.nodes == ("n1", "n2")


def test_connections_are_counted_by_their_first_packet() -> None:
    later = event(l4=l4("TCP", 5432, ACK=True, PSH=True), time="2026-11-02T11:00:00Z")
    record = reading(event() + later + event(time="2026-11-02T09:00:00Z"))
    assert list(record.uses.values()) == [Tally(2, 1793610000, 1793617200)]


def test_a_connection_that_was_open_before_the_log_began_is_used() -> None:
    assert list(reading(event(l4=l4("TCP", 5432, ACK=True))).uses.values()) == [Tally(1, 1793613600, 1793613600)]


def test_other_nodes_and_the_world_have_addresses_and_the_own_node_is_nobody_outside() -> None:
    here = {"source": "10.0.1.1", "destination": "10.0.1.2"}
    probe = event(**INGRESS, source=HOST, IP=here)
    elsewhere = event(**INGRESS, source={"identity": 6, "labels": ["reserved:remote-node"]}, IP=here)
    outside = event(destination=WORLD, IP={"source": "10.0.0.1", "destination": "203.0.113.7"})
    record = reading(probe + elsewhere + outside)
    assert told(record) == [
        "/reserved:host -> shop/db-0 TCP 5432",
        "10.0.1.1 -> shop/db-0 TCP 5432",
        "shop/web-7d9f8c6b5-x2x9k -> 203.0.113.7 TCP 5432",
    ]


def test_the_name_that_was_looked_up_stays_with_an_address_outside() -> None:
    record = reading(
        event(
            destination=WORLD,
            destination_names=["api.example.com"],
            IP={"source": "fd00::1", "destination": "2001:db8::7"},
        )
    )
    (flow,) = record.uses
    assert flow.destination == Peer(address="2001:db8::7", name="api.example.com")


def test_the_address_of_a_service_is_kept_before_it_is_translated() -> None:
    service = {"name": "db", "namespace": "shop"}
    (flow,) = reading(
        event(destination={}, IP={"source": "10.0.0.1", "destination": "10.96.0.5"}, destination_service=service)
    ).uses
    assert (flow.destination, flow.port) == (Peer(address="10.96.0.5"), 5432)


def test_a_request_of_layer_7_is_a_use_and_its_answer_none() -> None:
    http = {"http": {"method": "GET", "url": "http://db/", "headers": [{"key": "x", "value": '"is_reply":true'}]}}
    request = event(Type="L7", l7={"type": "REQUEST", **http}, **INGRESS)
    response = event(Type="L7", l7={"type": "RESPONSE", **http}, is_reply=True, source=DB, destination=WEB)
    refused = event(Type="L7", l7={"type": "REQUEST", **http}, verdict="DROPPED", destination=WEB, source=DB)
    assert told(reading(request + response + refused)) == USED


def test_lost_events_take_from_the_evidence() -> None:
    lost = {
        "lost_events": {"source": "HUBBLE_RING_BUFFER", "num_events_lost": "31"},
        "node_name": "prod/n3",
        "time": TIME,
    }
    coverage = reading(event() + json.dumps(lost)).coverage
    assert remarks(coverage) == ["Hubble lost events before they were written: 31 times"]
    assert coverage.problems[0].blinds
    assert coverage.nodes == ("n1", "n3")


def test_what_is_let_through_by_audit_mode_only_is_said() -> None:
    assert remarks(reading(event(verdict="AUDIT")).coverage) == [
        "a flow was let through by audit mode only: its policy denies it: 1 times"
    ]


def test_undecided_flows_are_said_where_nothing_later_shows_them() -> None:
    coverage = reading(event(is_reply=None, l4=l4("UDP", 53)) * 2).coverage
    assert remarks(coverage) == ["a flow does not say whether it is a reply, and is not counted as a use: 2 times"]
    assert coverage.problems[0].blinds
    early = event(is_reply=None, l4=l4("UDP", 53), trace_observation_point="FROM_ENDPOINT")
    assert remarks(reading(early).coverage) == []


def test_events_of_the_agent_are_no_uses_and_understood() -> None:
    agent = json.dumps({"agent_event": {"type": "AGENT_STARTED"}, "node_name": "n1", "time": TIME})
    coverage = reading(agent + "\n" + event()).coverage
    assert (coverage.events, coverage.bad) == (2, 0)
