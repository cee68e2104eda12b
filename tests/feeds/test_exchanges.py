"""What proxies tell of the inside of connections: who the client proved to be, how it was protected, what it asked for.

Each case is one exchange between 10.0.0.1 and 10.0.0.2, port 8080, as `identity security method path`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.feeds.flow_logs import exchanged, inside, reading, remarks, told
from tests.feeds.test_flows_traces import CLIENT, SERVER, trace

from mistrust.access.record import Tally
from mistrust.feeds.flows import paths
from mistrust.feeds.flows.observers import exchanges
from mistrust.feeds.flows.sight import Count, Key, Side
from mistrust.store.store import FLOWS, Store

SA = "spiffe://cluster.local/ns/shop/sa/web"
TIME = "2026-11-02T10:00:00.000Z"
SECONDS = 1793613600


def sidecar(
    asked: str = "GET /cart/7?q=s3cret HTTP/1.1",
    answer: str = "200 - via_upstream -",
    at: str = "in",
    name: str = "outbound_.80_._.cart.shop.svc.cluster.local",
) -> str:
    """A line of Istio's default text format, of the server's sidecar or the client's."""
    ends = {
        "in": f'"10.0.0.2:8080" inbound|8080|| 127.0.0.6:41854 10.0.0.2:8080 10.0.0.1:37652 {name} default',
        "out": '"10.0.0.2:8080" outbound|80||cart.shop.svc 10.0.0.1:37652 10.96.0.9:80 10.0.0.1:46520 - -',
    }
    return f'[{TIME}] "{asked}" {answer} "-" 0 135 4 4 "-" "curl" "8496" "cart" {ends[at]}\n'


def as_json(**changes: object) -> str:
    """The same as JSON, with fields that people add."""
    line: dict[str, object] = {
        "start_time": TIME, "method": "GET", "path": "/cart/7?q=s3cret", "protocol": "HTTP/1.1", "response_code": 200,
        "response_flags": "-", "response_code_details": "via_upstream", "connection_termination_details": None,
        "upstream_host": "10.0.0.2:8080", "upstream_cluster": "inbound|8080||", "upstream_local_address": "127.0.0.6:1",
        "downstream_local_address": "10.0.0.2:8080", "downstream_remote_address": "10.0.0.1:37652",
    }  # fmt: skip
    return json.dumps(line | changes) + "\n"


GATEWAY = {
    "upstream_cluster": "outbound|80||web.shop.svc.cluster.local",
    "upstream_local_address": "10.0.0.1:51000",
    "downstream_local_address": "10.0.0.1:8443",
    "downstream_remote_address": "203.0.113.7:5555",
}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        # the name that a sidecar sends to the server tells mTLS; a request without any came in plaintext
        (sidecar(), "- mtls GET /cart/{*}"),
        (sidecar(name="-"), "- plaintext GET /cart/{*}"),
        (sidecar(name="cart.example"), "- tls GET /cart/{*}"),
        # on the client's side it tells what was asked for; the application speaks to its sidecar on the loopback
        (sidecar(at="out"), "- - GET /cart/{*}"),
        (sidecar("POST /shop.Cart/Add HTTP/2"), "- mtls POST /shop.Cart/Add"),
        # TCP, a tunnel, and what is no request
        (sidecar("- - -", "0 - - -"), "- mtls - -"),
        (sidecar("- - -", "0 - - -", name="-"), "- plaintext - -"),
        (sidecar("CONNECT db:5432 HTTP/1.1"), "- mtls - -"),
        (sidecar("EVIL / HTTP/1.1"), "- mtls - /"),
        (as_json(), "- - GET /cart/{*}"),
        (as_json(path=None, **{"x-envoy-origin-path": "/a/b"}), "- - GET /a/b"),
        (as_json(requested_server_name=None), "- plaintext GET /cart/{*}"),
        (as_json(downstream_peer_uri_san=SA, downstream_tls_version="TLSv1.3"), f"{SA} mtls GET /cart/{{*}}"),
        (as_json(downstream_peer_uri_san=f"https://x,{SA}"), f"{SA} mtls GET /cart/{{*}}"),
        (as_json(downstream_peer_uri_san="-", downstream_tls_version="-"), "- plaintext GET /cart/{*}"),
        (as_json(downstream_tls_version="TLSv1.3"), "- tls GET /cart/{*}"),
        (as_json(downstream_peer_subject="CN=web,O=shop"), "CN=web,O=shop mtls GET /cart/{*}"),
        (as_json(connection_security_policy="mutual_tls"), "- mtls GET /cart/{*}"),
        (as_json(connection_security_policy="none", requested_server_name="x"), "- plaintext GET /cart/{*}"),
        (as_json(connection_security_policy="unknown"), "- - GET /cart/{*}"),
    ],
)
def test_envoy(line: str, found: str) -> None:
    record = reading(line)
    assert exchanged(record) == [f"10.0.0.1 -> 10.0.0.2 TCP 8080 {found}"]
    assert list(record.exchanges.values()) == [Tally(1, SECONDS, SECONDS)]
    assert told(record) == ["10.0.0.1 -> 10.0.0.2 TCP 8080"]


def test_a_gateway_tells_how_its_client_came_and_what_it_asked_the_pod() -> None:
    record = reading(as_json(**GATEWAY, requested_server_name="www.shop.example"))
    assert exchanged(record) == [
        "10.0.0.1 -> 10.0.0.2 TCP 8080 - - GET /cart/{*}",
        "203.0.113.7 -> 10.0.0.1 TCP 8443 - tls GET /cart/{*}",
    ]
    # TLS to an address gives no name either
    assert "203.0.113.7 -> 10.0.0.1 TCP 8443 - - GET /cart/{*}" in exchanged(
        reading(as_json(**GATEWAY, requested_server_name=None))
    )


def test_behind_a_gateway_the_client_is_who_it_proved_to_be() -> None:
    """X-Forwarded-For takes the place of the address of who connected."""
    gateway = "spiffe://cluster.local/ns/istio-system/sa/gateway"
    line = as_json(downstream_remote_address="203.0.113.7:0", downstream_peer_uri_san=gateway)
    record = reading(line * 2 + sidecar(name="-").replace("10.0.0.1:37652", "203.0.113.8:0"))
    assert told(record) == []
    assert exchanged(record) == [
        "? -> 10.0.0.2 TCP 8080 - plaintext GET /cart/{*}",
        f"? -> 10.0.0.2 TCP 8080 {gateway} mtls GET /cart/{{*}}",
    ]
    assert sorted(tally.count for tally in record.exchanges.values()) == [1, 2]


DENIED = "403 - rbac_access_denied_matched_policy[none] -"


def test_what_is_refused_is_no_use() -> None:
    assert exchanged(reading(sidecar(answer=DENIED))) == []
    assert exchanged(reading(sidecar(at="out", answer="403 - via_upstream -"), sidecar(answer=DENIED))) == []
    assert exchanged(reading(sidecar(at="out", answer="503 UF - -"))) == []
    behind = sidecar(answer=DENIED).replace("10.0.0.1:37652", "203.0.113.7:0")
    assert exchanged(reading(sidecar(at="out", answer="403 - via_upstream -"), behind)) == []
    # of one request the refusal says nothing of another
    one, other = sidecar("GET /a HTTP/1.1"), sidecar("GET /b HTTP/1.1", DENIED)
    assert exchanged(reading(one + other)) == ["10.0.0.1 -> 10.0.0.2 TCP 8080 - mtls GET /a"]


def test_both_sidecars_tell_of_one_exchange_and_the_servers_tells_more() -> None:
    record = reading(sidecar() * 2, sidecar(at="out") * 3)
    assert exchanged(record) == ["10.0.0.1 -> 10.0.0.2 TCP 8080 - mtls GET /cart/{*}"]
    assert [tally.count for tally in record.exchanges.values()] == [3]


def test_a_client_that_came_in_two_ways_did_both_and_its_own_side_says_nothing_of_which() -> None:
    record = reading(sidecar() * 2 + sidecar(name="-"), sidecar(at="out") * 9)
    assert [(inside(e), t.count) for e, t in sorted(record.exchanges.items())] == [
        ("- mtls GET /cart/{*}", 2),
        ("- plaintext GET /cart/{*}", 1),
    ]


def test_a_log_without_identities_and_one_with_them_tell_of_the_same_client() -> None:
    record = reading(sidecar() + as_json(downstream_peer_uri_san=SA))
    assert [(inside(e), t.count) for e, t in record.exchanges.items()] == [(f"{SA} mtls GET /cart/{{*}}", 2)]


ZTUNNEL = (
    f"{TIME}\tinfo\taccess\tconnection complete\tsrc.addr=10.0.0.1:33772 "
    f'src.workload="web-0" src.namespace="shop" src.identity="{SA}" dst.addr=10.0.0.2:15008 '
    'dst.hbone_addr=10.0.0.2:8080 dst.service="cart.shop.svc.cluster.local" dst.workload="cart-0" dst.namespace="shop" '
    'dst.identity="spiffe://cluster.local/ns/shop/sa/cart" direction="inbound" bytes_sent=84 bytes_recv=358 '
    'duration="0ms"\n'
)
OUTBOUND = ZTUNNEL.replace('"inbound"', '"outbound"')
BARE = ZTUNNEL.replace("dst.addr=10.0.0.2:15008 dst.hbone_addr=10.0.0.2:8080", "dst.addr=10.0.0.2:8080").replace(
    f'src.identity="{SA}" ', ""
)
REJECTED = ZTUNNEL.replace("bytes_sent=84 bytes_recv=358", "bytes_sent=0 bytes_recv=0").rstrip() + (
    ' error="connection closed due to policy rejection: allow policies exist, but none allowed"\n'
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ZTUNNEL, [f"{SA} mtls - -"]),
        (OUTBOUND, ["- mtls - -"]),
        (OUTBOUND + ZTUNNEL, [f"{SA} mtls - -"]),
        (BARE, ["- plaintext - -"]),
        (OUTBOUND + REJECTED, []),
    ],
)
def test_ztunnel_tells_who_the_client_was_and_nothing_of_requests(text: str, found: list[str]) -> None:
    assert [inside(e) for e in reading(text).exchanges] == found


def tap(direction: str = "INBOUND", tls: str = "true", client: str | None = None, **event: object) -> str:
    proved = {"tls": tls} | ({"client_id": client} if client is not None else {})
    ours, theirs = {"namespace": "shop", "pod": "web-0"}, {"namespace": "shop", "pod": "cart-0"}
    known = (ours | proved, theirs) if direction == "INBOUND" else (ours, theirs | proved)
    ends = [{"ip": f"10.0.0.{i + 1}", "port": port, "metadata": known[i]} for i, port in enumerate((36976, 8080))]
    line = {"source": ends[0], "destination": ends[1], "routeMeta": None, "proxyDirection": direction}
    return json.dumps(line | event, indent=2) + "\n"


ID = {"base": 4, "stream": 1}
ASKS = {
    "requestInitEvent": {
        "id": ID,
        "method": "POST",
        "scheme": "",
        "authority": "cart",
        "path": "/v1/pay",
        "headers": [],
    }
}
ANSWERS = {"responseInitEvent": {"id": ID, "sinceRequestInit": {"nanos": 9}, "httpStatus": 200, "headers": []}}
REFUSES = {
    "responseInitEvent": {"id": ID, "httpStatus": 403, "headers": [{"name": "l5d-proxy-error", "valueStr": "x"}]}
}
WEB = "web.shop.serviceaccount.identity.linkerd.cluster.local"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"client": WEB}, f"{WEB} mtls POST /v1/pay"),
        ({"client": ""}, "- tls POST /v1/pay"),  # TLS, and no certificate
        ({"tls": "no_tls_from_remote"}, "- plaintext POST /v1/pay"),
        ({"tls": "not_provided_by_remote"}, "- plaintext POST /v1/pay"),
        ({"tls": "detect_timeout"}, "- - POST /v1/pay"),
        ({"direction": "OUTBOUND"}, "- mtls POST /v1/pay"),
        ({"direction": "OUTBOUND", "tls": "not_provided_by_service_discovery"}, "- plaintext POST /v1/pay"),
    ],
)
def test_a_tap_of_linkerd(said: dict[str, str], found: str) -> None:
    record = reading(tap(**said, **ASKS) + tap(**said, **ANSWERS))
    assert [inside(e) for e in record.exchanges] == [found]
    assert [inside(e) for e in reading(tap(**said, **ANSWERS)).exchanges] in (
        [found.replace("POST /v1/pay", "- -")],
        [],
    )
    assert reading(tap(**said, **ASKS) + tap(**said, **REFUSES)).exchanges == {}


def test_an_answer_in_a_tap_belongs_to_its_own_request() -> None:
    other = json.loads(json.dumps(ASKS).replace('"stream": 1', '"stream": 2').replace("/v1/pay", "/v2"))
    record = reading(tap(client=WEB, **ASKS) + tap(client=WEB, **other) + tap(client=WEB, **ANSWERS))
    assert [inside(e) for e in record.exchanges] == [f"{WEB} mtls POST /v1/pay"]


def hubble(**changes: object) -> str:
    ends = {
        "source": {"namespace": "shop", "pod_name": "web-0"},
        "destination": {"namespace": "shop", "pod_name": "cart-0"},
    }
    flow: dict[str, object] = {
        "time": TIME, "verdict": "FORWARDED", "IP": {"source": "10.0.0.1", "destination": "10.0.0.2"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 8080}}, "Type": "L7", "is_reply": False,
        "traffic_direction": "INGRESS",
        "l7": {"type": "REQUEST", "http": {"method": "GET", "url": "http://cart:8080/cart/7?q=s3cret"}},
    }  # fmt: skip
    return json.dumps({"flow": flow | ends | changes, "node_name": "n1"}) + "\n"


def test_hubble_tells_requests_that_its_proxy_let_through() -> None:
    answer = hubble(
        is_reply=True, l7={"type": "RESPONSE", "http": {"code": 200, "method": "GET", "url": "http://cart:8080/x"}}
    )
    record = reading(hubble() + answer + hubble(verdict="DROPPED"))
    assert exchanged(record) == ["shop/web-0 -> shop/cart-0 TCP 8080 - - GET /cart/{*}"]
    assert reading(hubble(l7={"type": "REQUEST", "dns": {"query": "x."}})).exchanges == {}
    assert reading(hubble(l7=None, Type="L3_L4")).exchanges == {}


CALL = {"network.peer.address": "10.0.0.2", "network.peer.port": 8080}


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"http.request.method": "GET", "url.full": "https://u:pw@cart:8080/cart/7?q=s3cret"}, ["- - GET /cart/{*}"]),
        (
            {"http.request.method": "GET", "url.full": "http://cart/u/jane", "url.template": "/u/{name}"},
            ["- - GET /u/{*}"],
        ),
        ({"http.method": "GET", "http.url": "http://cart:8080/a"}, ["- - GET /a"]),
        ({"http.method": "GET", "http.target": "/a?b"}, ["- - GET /a"]),
        ({"http.request.method": "_OTHER", "url.path": "/a"}, ["- - - /a"]),
        ({"rpc.system": "grpc", "rpc.service": "shop.Cart", "rpc.method": "Add"}, ["- - POST /shop.Cart/Add"]),
        ({"rpc.system.name": "grpc", "rpc.method": "shop.Cart/Add"}, ["- - POST /shop.Cart/Add"]),
        ({"rpc.system": "grpc", "rpc.service": "shop.Cart"}, []),
        ({"db.system": "postgresql"}, []),
    ],
)
def test_a_clients_span(attributes: dict[str, object], found: list[str]) -> None:
    record = reading(trace(CLIENT, CALL | attributes))
    assert [inside(e) for e in record.exchanges] == found
    assert len(record.uses) == 1
    assert record.coverage.sampled


def test_a_servers_span_has_the_route() -> None:
    asked = {"http.request.method": "GET", "url.path": "/users/jane", "http.route": "/users/:name", "server.port": 8080}
    (exchange,) = reading(trace(SERVER, {"network.peer.address": "10.0.0.9"} | asked)).exchanges
    assert (exchange.source.address, exchange.destination.pod) == ("10.0.0.9", "web-7d9f8c6b5-x2x9k")
    assert inside(exchange) == "- - GET /users/{*}"


def test_an_end_that_is_told_by_its_address_is_the_pod_that_another_observer_names_there() -> None:
    l4 = hubble(l7=None, Type="L3_L4")
    record = reading(l4 * 2, sidecar() * 3)
    assert exchanged(record) == ["shop/web-0 -> shop/cart-0 TCP 8080 - mtls GET /cart/{*}"]
    assert told(record) == ["shop/web-0 -> shop/cart-0 TCP 8080"]
    assert [tally.count for tally in record.uses.values()] == [3]  # not five
    # an address that was another pod's too is nobody's
    again = l4.replace("web-0", "job-1")
    assert exchanged(reading(l4 + again, sidecar())) == ["10.0.0.1 -> shop/cart-0 TCP 8080 - mtls GET /cart/{*}"]


def test_the_same_sightings_by_the_slow_definition() -> None:
    """Random sightings of few requests: who let each through, who told most of its client, and who counted most."""
    dice = random.Random(12)
    for _ in range(400):
        groups: dict[Key, Count] = {}
        for _ in range(dice.randrange(1, 10)):
            side: Side = dice.choice(("source", "destination"))
            refused = side == "destination" and dice.random() < 0.3
            first, last = sorted(dice.choices(range(9), k=2))
            ends = ("ns", dice.choice("ab"), "", "", "ns", "c", "", "", "")
            fact = dice.choice(("", "x", "y")), dice.choice(("", "mtls", "plaintext"))
            asked = "GET", dice.choice(("/a", "/b"))
            key: Key = (dice.choice("pq"), side, refused, *ends, "TCP", 80, *fact, *asked)
            groups[key] = Count(dice.randrange(1, 5), first, last)
        found, merged = exchanges(groups, {})
        assert merged == 0
        assert {((e.source.pod, e.path, e.identity, e.security), t) for e, t in found.items()} == slow(groups)


def slow(groups: dict[Key, Count]) -> set[tuple[tuple[str, ...], Tally]]:
    out = set()
    for pod, path in {(key[4], key[-1]) for key in groups}:
        rows = [(key, seen) for key, seen in groups.items() if (key[4], key[-1]) == (pod, path)]
        let = [(key, seen) for key, seen in rows if not key[2]]
        if not let or (len(let) < len(rows) and all(key[1] == "source" for key, _ in let)):
            continue
        facts = {key[14:16] for key, _ in let}
        top = [f for f in facts if not any(f != g and fits(f, g) for g in facts)]
        for fact in top:
            own = [(key, s) for key, s in let if [t for t in top if fits(key[14:16], t)] == [fact]]
            counts: dict[tuple[object, ...], int] = {}
            for key, seen in own:
                counts[key[:2]] = counts.get(key[:2], 0) + seen.count
            times = [s.first for _, s in own], [s.last for _, s in own]
            out.add(((pod, path, *fact), Tally(max(counts.values()), min(times[0]), max(times[1]))))
    return out


def fits(fact: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return all(ours in ("", theirs) for ours, theirs in zip(fact, other, strict=True))


def lines(dice: random.Random, count: int) -> list[str]:
    """Of many observers of few things."""
    out = []
    for _ in range(count):
        asked = f"{dice.choice(('GET', 'PUT'))} /{dice.choice('abcdefgh')}/{dice.choice(('x', 'y', '7'))} HTTP/1.1"
        name = dice.choice(("-", "outbound_.80_._.cart"))
        line = dice.choice(
            (
                sidecar(asked, name=name),
                sidecar(asked, DENIED, name=name),
                sidecar(asked, at="out"),
                as_json(downstream_peer_uri_san=dice.choice((SA, None, SA + "2")), path=asked.split()[1]),
                sidecar("- - -", "0 - - -", name=name),
            )
        )
        out.append(line.replace("10:00:00", f"{dice.randint(10, 12)}:{dice.randint(10, 59)}:00"))
    return out


@pytest.mark.parametrize("widest", [4, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_logs_may_be_split_ordered_and_kept_in_any_way(
    seed: int, widest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "WIDEST", widest)
    dice = random.Random(seed)
    found = lines(dice, 120)
    whole = reading("".join(found))
    assert whole.exchanges
    assert ("so many paths" in str(remarks(whole.coverage))) is (widest == 4)
    store = Store(tmp_path / "store", create=True)
    logs: list[list[str]] = [[], [], []]
    for line in dice.sample(found, len(found)):
        dice.choice(logs).append(line)
    parts = ["".join(log) for log in logs]
    other = reading(*parts)
    assert (other.exchanges, other.uses, remarks(other.coverage)) == (
        whole.exchanges,
        whole.uses,
        remarks(whole.coverage),
    )
    for i, part in enumerate(parts):
        log = tmp_path / f"{i}.log"
        log.write_text(part)
        list(store.add(str(log)))
    kept = store.record(FLOWS)
    assert kept == other
    store.close()


def test_a_hostile_client_fills_no_memory_and_says_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "WIDEST", 50)
    text = "".join(sidecar(f"GET /{'x' * (i % 60)}{chr(97 + i % 26)}q/{i}?token=s3cret HTTP/1.1") for i in range(3000))
    record = reading(text)
    assert exchanged(record) == ["10.0.0.1 -> 10.0.0.2 TCP 8080 - mtls GET /{**}"]
    assert remarks(record.coverage) == ["so many paths were asked for that parts of them are left out: 1 ports"]
    assert not any(problem.blinds for problem in record.coverage.problems)
    assert "s3cret" not in repr(reading(text[:2000]))
