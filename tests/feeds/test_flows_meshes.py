"""Access logs of Istio's sidecars, gateways and ztunnel, of Envoy, and what Linkerd shows."""

from __future__ import annotations

import json

import pytest
from tests.feeds.flow_logs import reading, remarks, told

from mistrust.access.flow import Peer
from mistrust.access.record import Tally

# the example of Istio's documentation (tasks/observability/logs/access-log), of a request from curl to httpbin
CURL = (
    '[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "curl/7.73.0-DEV" '
    '"84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "10.44.1.27:80" '
    "outbound|8000||httpbin.foo.svc.cluster.local 10.44.1.23:37652 10.0.45.184:8000 10.44.1.23:46520 - default\n"
)
HTTPBIN = (
    '[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0-DEV" '
    '"84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 '
    "10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.httpbin.foo.svc.cluster.local default\n"
)
GATEWAY = (
    '[2026-01-01T00:00:00.000Z] "GET / HTTP/2" 200 - via_upstream - "-" 0 9 1 1 "203.0.113.7" "x" "y" "shop.example" '
    '"10.0.1.5:8080" outbound|80||web.shop.svc.cluster.local 10.0.0.9:51000 10.0.0.9:8443 203.0.113.7:5555 - -\n'
)
USED = ["10.44.1.23 -> 10.44.1.27 TCP 80"]


def test_both_sidecars_tell_of_one_connection_to_the_pod_behind_the_service() -> None:
    record = reading(CURL, HTTPBIN)
    assert told(record) == told(reading(CURL)) == told(reading(HTTPBIN)) == USED
    assert list(record.uses.values()) == [Tally(1, 1606339578, 1606339578)]


@pytest.mark.parametrize("flags", ["UF", "UF,URX", "NR", "UAEX", "UH", "NC", "RL"])
def test_what_did_not_reach_the_other_end_is_no_use(flags: str) -> None:
    assert told(reading(CURL.replace("418 - via", f"503 {flags} via"))) == []


@pytest.mark.parametrize("flags", ["UC", "URX", "DC", "UT", "-"])
def test_what_broke_after_it_stood_is_a_use(flags: str) -> None:
    assert told(reading(CURL.replace("418 - via", f"503 {flags} via"))) == USED


def test_what_an_authorization_policy_refuses_is_no_use_although_the_client_reached_the_proxy() -> None:
    refused = HTTPBIN.replace("418 - via_upstream", "403 - rbac_access_denied_matched_policy[none]")
    assert told(reading(refused)) == []
    assert told(reading(CURL.replace(" 418 ", " 403 "), refused)) == []
    assert told(reading(CURL, refused, HTTPBIN)) == USED  # another request was let in


def test_a_gateway_tells_of_two_connections() -> None:
    assert told(reading(GATEWAY)) == ["10.0.0.9 -> 10.0.1.5 TCP 8080", "203.0.113.7 -> 10.0.0.9 TCP 8443"]


def test_a_client_from_a_header_opened_no_connection() -> None:
    record = reading(HTTPBIN.replace("10.44.1.23:37652 outbound_", "203.0.113.7:0 outbound_"))
    assert told(record) == []
    assert remarks(record.coverage) == [
        "the client of a request is known from X-Forwarded-For only, not who connected: 1 times"
    ]


def test_a_user_agent_cannot_choose_the_ends() -> None:
    forged = '"x" "y" "z" "6.6.6.6:1" outbound|1||x 7.7.7.7:1 1.1.1.1:1 7.7.7.7:1 - default'
    assert told(reading(CURL.replace('"curl/7.73.0-DEV"', forged))) == USED


def test_ipv6() -> None:
    six = CURL.replace("10.44.1.27:80", "[fd00::27]:80").replace("10.44.1.23", "[fd00::23]")
    assert told(reading(six)) == ["fd00::23 -> fd00::27 TCP 80"]


def test_through_a_tunnel_to_a_pod() -> None:
    assert told(reading(CURL.replace('"10.44.1.27:80"', '"envoy://connect_originate/10.44.1.27:80"'))) == USED


def test_json() -> None:
    names = ("upstream_host", "upstream_cluster", "upstream_local_address", "downstream_local_address")
    values = ("10.44.1.27:80", "outbound|8000||httpbin.foo.svc.cluster.local", "10.44.1.23:37652", "10.0.45.184:8000")
    line = dict(zip(names, values, strict=True)) | {
        "start_time": "2020-11-25T21:26:18.409Z",
        "downstream_remote_address": "10.44.1.23:46520",
        "response_flags": "-",
        "response_code_details": "via_upstream",
        "connection_termination_details": None,
        "requested_server_name": None,
    }
    own = json.dumps({"level": "info", "time": "2020-11-25T21:26:17.000000Z", "scope": "xdsproxy", "msg": "connected"})
    assert told(reading(json.dumps(line))) == USED
    assert told(reading(json.dumps(line | {"response_flags": "UAEX"}))) == []
    coverage = reading(json.dumps(line) + "\n" + own).coverage
    assert (coverage.events, coverage.bad) == (2, 0)


def test_what_a_proxy_says_about_itself_is_no_bad_line() -> None:
    own = "2020-11-25T21:26:17.000000Z\tinfo\txdsproxy\tconnected to upstream XDS server: istiod\n"
    coverage = reading(CURL + own).coverage
    assert (coverage.events, coverage.bad) == (2, 0)


def test_envoys_own_default_format_does_not_name_the_client() -> None:
    line = (
        '[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" '
        '"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"\n'
    )
    record = reading(line)
    assert told(record) == []
    assert remarks(record.coverage) == ["a line of Envoy's own default format does not name the client: 1 times"]


# the example of Istio's documentation (ambient/usage/verify-mtls-enabled)
SLEEP = (
    "2024-08-21T15:32:05.754291Z\tinfo\taccess\tconnection complete\tsrc.addr=10.42.0.9:33772 "
    'src.workload="sleep-7656cf8794-6lsm4" src.namespace="default" '
    'src.identity="spiffe://cluster.local/ns/default/sa/sleep" dst.addr=10.42.0.5:15008 '
    'dst.hbone_addr=10.42.0.5:9080 dst.service="details.default.svc.cluster.local" '
    'dst.workload="details-v1-857849f66-ft8wx" dst.namespace="default" '
    'dst.identity="spiffe://cluster.local/ns/default/sa/bookinfo-details" direction="outbound" '
    'bytes_sent=84 bytes_recv=358 duration="15ms"\n'
)
INBOUND = SLEEP.replace('"outbound"', '"inbound"')
DETAILS = ["default/sleep-7656cf8794-6lsm4 -> default/details-v1-857849f66-ft8wx TCP 9080"]
BROKEN = ' error="io error: Connection refused (os error 111)"\n'


def test_both_ends_of_ztunnel_tell_of_one_connection_to_the_port_inside_the_tunnel() -> None:
    record = reading(SLEEP, INBOUND)
    assert told(record) == DETAILS
    assert [t.count for t in record.uses.values()] == [1]
    (flow,) = record.uses
    assert (flow.source.address, flow.destination.address) == ("10.42.0.9", "10.42.0.5")


def test_a_connection_of_ztunnel_is_used_from_where_it_opened() -> None:
    assert list(reading(SLEEP.replace('"15ms"', '"90000ms"')).uses.values()) == [Tally(1, 1724254235, 1724254235)]


def test_an_error_after_bytes_were_carried_is_a_use_and_before_is_none() -> None:
    assert told(reading(SLEEP.rstrip() + BROKEN)) == DETAILS
    empty = SLEEP.replace("bytes_sent=84 bytes_recv=358", "bytes_sent=0 bytes_recv=0").rstrip()
    assert told(reading(empty + BROKEN)) == []


def test_what_the_destinations_ztunnel_refuses_is_no_use() -> None:
    empty = INBOUND.replace("bytes_sent=84 bytes_recv=358", "bytes_sent=0 bytes_recv=0").rstrip()
    rejected = empty + ' error="connection closed due to policy rejection: allow policies exist, but none allowed"\n'
    assert told(reading(SLEEP, rejected)) == []
    assert told(reading(SLEEP, rejected, INBOUND)) == DETAILS


def test_a_server_that_did_not_listen_once_takes_nothing_from_what_was_used() -> None:
    empty = INBOUND.replace("bytes_sent=84 bytes_recv=358", "bytes_sent=0 bytes_recv=0").rstrip()
    assert told(reading(SLEEP, empty + BROKEN)) == DETAILS


def test_to_a_waypoint_the_address_of_the_service_stays() -> None:
    line = SLEEP.replace("dst.hbone_addr=10.42.0.5:9080", "dst.hbone_addr=10.96.0.7:9080")
    (flow,) = reading(line).uses
    assert (flow.destination, flow.port) == (Peer(address="10.96.0.7"), 9080)


def test_ztunnel_without_a_tunnel_and_what_it_says_about_itself() -> None:
    plain = SLEEP.replace("dst.addr=10.42.0.5:15008 dst.hbone_addr=10.42.0.5:9080", "dst.addr=10.42.0.5:9080")
    opened = SLEEP.replace("info\taccess\tconnection complete", "debug\taccess\tconnection opened")
    own = "2024-08-21T15:32:05.754291Z\tinfo\txds::client\tstream established xds_id=1\n"
    record = reading(plain + own + opened)
    assert told(record) == DETAILS
    assert [t.count for t in record.uses.values()] == [1]
    assert (record.coverage.events, record.coverage.bad) == (3, 0)


def test_ztunnel_as_json() -> None:
    line = {
        "level": "info", "time": "2024-08-21T15:32:05.754291Z", "scope": "access", "message": "connection complete",
        "src.addr": "10.42.0.9:33772", "src.workload": "sleep-7656cf8794-6lsm4", "src.namespace": "default",
        "dst.addr": "10.42.0.5:15008", "dst.hbone_addr": "10.42.0.5:9080", "dst.namespace": "default",
        "dst.workload": "details-v1-857849f66-ft8wx", "direction": "outbound", "bytes_sent": 84, "bytes_recv": 358,
        "duration": "15ms",
    }  # fmt: skip
    assert reading(json.dumps(line)).uses == reading(SLEEP).uses


def tap(direction: str, answer: dict[str, object]) -> str:
    """An event as `linkerd viz tap -o json` prints it: over many lines."""
    pod = {"namespace": "emojivoto", "pod": "web-6bf9d4b4bd-8q7rx", "deployment": "web", "serviceaccount": "web"}
    event = {
        "source": {"ip": "10.1.6.146", "port": 36976, "metadata": pod},
        "destination": {
            "ip": "10.1.6.148",
            "port": 8080,
            "metadata": pod | {"pod": "voting-1", "deployment": "voting"},
        },
        "routeMeta": None,
        "proxyDirection": direction,
    }
    return json.dumps(event | answer, indent=2) + "\n"


def test_an_answered_request_that_linkerd_taps_is_a_use_at_the_time_of_the_file() -> None:
    answered = {"responseInitEvent": {"id": {"base": 1, "stream": 0}, "httpStatus": 200, "headers": []}}
    asked = {"requestInitEvent": {"id": {"base": 1, "stream": 0}, "method": "GET", "path": "/", "headers": []}}
    record = reading(tap("OUTBOUND", asked) + tap("OUTBOUND", answered) + tap("INBOUND", answered))
    assert told(record) == ["emojivoto/web-6bf9d4b4bd-8q7rx -> emojivoto/voting-1 TCP 8080"]
    (tally,) = record.uses.values()
    assert tally.count == 1
    assert tally.first > 1_700_000_000
    assert record.coverage.sampled
    assert remarks(record.coverage) == ["a tap has no times: its flows have the time of the file: 2 times"]


def test_an_answer_of_the_proxy_itself_is_no_use() -> None:
    refused = {"responseInitEvent": {"httpStatus": 403, "headers": [{"name": "l5d-proxy-error", "valueStr": "x"}]}}
    assert told(reading(tap("OUTBOUND", refused))) == []


def test_linkerds_access_log_does_not_name_the_server() -> None:
    line = {
        "client.addr": "10.42.0.63:51160", "client.id": "-", "host": "podinfo:9898", "method": "GET",
        "processing_ns": "39826", "request_bytes": "", "response_bytes": "14", "status": 200,
        "timestamp": "2022-08-23T20:28:20.071809492Z", "total_ns": "1", "trace_id": "", "uri": "http://podinfo:9898/",
        "user_agent": "curl", "version": "HTTP/1.1",
    }  # fmt: skip
    record = reading(json.dumps(line))
    assert told(record) == []
    assert record.coverage.events == 1
    assert record.coverage.problems[0].blinds
