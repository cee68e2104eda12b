"""What a real Envoy writes for connections that are known, in Istio's two formats, and what is read out of it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mistrust.feeds.flows.envoy import read
from mistrust.feeds.flows.request import path
from mistrust.feeds.flows.sight import Sight

TYPE = "type.googleapis.com/envoy"
TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
"""EnvoyTextLogFormat of istio/istio pilot/pkg/model/telemetry_logging.go."""
JSON = {
    "start_time": "%START_TIME%",
    "route_name": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "user_agent": "%REQ(USER-AGENT)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
}
"""EnvoyJSONLogFormatIstio of the same file, as far as it matters here."""
OUT, IN = "outbound|80||up.shop.svc.cluster.local", "inbound|80||"


class Server(BaseHTTPRequestHandler):
    """Answers everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Proxy:
    """A running Envoy with three listeners: out, in (which denies /denied), and tcp."""

    def __init__(self, folder: Path, ports: dict[str, int], upstream: int) -> None:
        self.folder, self.ports, self.upstream = folder, ports, upstream

    def get(self, listener: str, path: str, source: str = "127.0.0.1", agent: str = "x", forwarded: str = "") -> None:
        with socket.create_connection(("127.0.0.1", self.ports[listener]), 10, (source, 0)) as link:
            more = f"x-forwarded-for: {forwarded}\r\n" if forwarded else ""
            head = f"GET {path} HTTP/1.1\r\nhost: a\r\nuser-agent: {agent}\r\n{more}connection: close\r\n\r\n"
            link.sendall(head.encode())
            while link.recv(4096):
                pass

    def connections(self) -> list[set[tuple[str, str, str, int]]]:
        """Of each line that Envoy wrote since: who connected to whom; the same by text and by JSON."""
        text, json = ([{_ends(s) for s in sights} for sights in lines] for lines in self.sights())
        assert text == json
        return text

    def asked(self) -> list[set[tuple[str, ...]]]:
        """Of each line: how the client was protected, and what it asked for."""
        text, json = ([{s.key[15:] for s in sights if s.key} for sights in lines] for lines in self.sights())
        assert text == json
        return text

    def sights(self) -> Iterator[list[list[Sight]]]:
        """What is read out of each line that Envoy wrote since, by text and by JSON."""
        for name in ("text", "json"):
            path = self.folder / name
            deadline = time.monotonic() + 20
            while not path.read_bytes() and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.1)
            lines = path.read_bytes().splitlines()
            path.write_bytes(b"")
            yield [[s for s in read(line) if isinstance(s, Sight) and s.key] for line in lines]


def _ends(seen: Sight) -> tuple[str, str, str, int]:
    assert seen.key is not None
    assert abs(seen.time - time.time()) < 60
    point, _, refused, _, _, _, source, _, _, _, destination, _, _, port = seen.key[:14]
    return point + (" refused" if refused else ""), source, destination, port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which("envoy", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("envoy is not installed (it is in requirements/dev.txt)")
    folder = tmp_path_factory.mktemp("envoy")
    for name in ("text", "json"):
        (folder / name).write_bytes(b"")
    with serving() as upstream:
        (folder / "envoy.json").write_text(json.dumps(config(folder, upstream)))
        admin = folder / "admin"
        arguments = ["-c", str(folder / "envoy.json"), "--admin-address-path", str(admin), "--use-dynamic-base-id"]
        command = [program, *arguments, "--concurrency", "1", "-l", "error", "--file-flush-interval-msec", "50"]
        running = subprocess.Popen(command, stderr=(folder / "log").open("wb"))
        try:
            yield Proxy(folder, ports(running, admin, folder / "log"), upstream)
        finally:
            running.terminate()
            running.wait(20)


@contextmanager
def serving() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def ports(running: subprocess.Popen[bytes], admin: Path, log: Path) -> dict[str, int]:
    deadline = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < deadline:
        try:
            url = f"http://{admin.read_text()}/listeners?format=json"
            with urllib.request.urlopen(url, timeout=2) as told:
                found = json.load(told)["listener_statuses"]
            if len(found) == 3:
                return {s["name"]: s["local_address"]["socket_address"]["port_value"] for s in found}
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text()[-3000:])


def config(folder: Path, upstream: int) -> dict[str, Any]:
    logs = [
        typed("text", "extensions.access_loggers.file.v3.FileAccessLog", path=str(folder / "text"), **written(TEXT)),
        typed("json", "extensions.access_loggers.file.v3.FileAccessLog", path=str(folder / "json"), **written(JSON)),
    ]
    clusters = {OUT: upstream, IN: upstream, "outbound|81||down": 1}
    tcp = "extensions.filters.network.tcp_proxy.v3.TcpProxy"
    filters = {
        "out": manager(logs, [("/up", OUT), ("/down", "outbound|81||down")], []),
        "in": manager(logs, [("/", IN)], [denied()]),
        "tcp": typed("tcp", tcp, stat_prefix="t", cluster=OUT, access_log=logs),
    }
    return {
        "admin": {"address": address(0)},
        "static_resources": {
            "listeners": [
                {"name": name, "address": address(0), "filter_chains": [{"filters": [found]}]}
                for name, found in filters.items()
            ],
            "clusters": [
                {
                    "name": name,
                    "type": "STATIC",
                    "connect_timeout": "2s",
                    "load_assignment": {
                        "cluster_name": name,
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
                    },
                }
                for name, port in clusters.items()
            ],
        },
    }


def written(form: str | dict[str, str]) -> dict[str, Any]:
    if isinstance(form, str):
        return {"log_format": {"text_format_source": {"inline_string": form}}}
    return {"log_format": {"json_format": form}}


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def manager(logs: list[dict[str, Any]], routes: list[tuple[str, str]], filters: list[dict[str, Any]]) -> dict[str, Any]:
    table = [{"match": {"prefix": prefix}, "route": {"cluster": cluster}} for prefix, cluster in routes]
    return typed(
        "http",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="h",
        normalize_path=True,
        access_log=logs,
        route_config={"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": table}]},
        http_filters=[*filters, typed("router", "extensions.filters.http.router.v3.Router")],
    )


def denied() -> dict[str, Any]:
    rule = {"permissions": [{"url_path": {"path": {"exact": "/denied"}}}], "principals": [{"any": True}]}
    rules = {"action": "DENY", "policies": {"ns[shop]-policy[no]-rule[0]": rule}}
    return typed("envoy.filters.http.rbac", "extensions.filters.http.rbac.v3.RBAC", rules=rules)


def typed(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{TYPE}.{kind}", **fields}}


def test_a_sidecars_outbound_request(proxy: Proxy) -> None:
    proxy.get("out", "/up")
    assert proxy.connections() == [{("Envoy outbound", "127.0.0.1", "127.0.0.1", proxy.upstream)}]


@pytest.mark.parametrize("path", ["/down", "/nowhere"])
def test_a_request_that_reaches_nobody(proxy: Proxy, path: str) -> None:
    proxy.get("out", path)
    assert proxy.connections() == [set()]


def test_a_gateways_request_is_two_connections(proxy: Proxy) -> None:
    proxy.get("out", "/up", source="127.0.0.5")
    assert proxy.connections() == [
        {
            ("Envoy outbound", "127.0.0.1", "127.0.0.1", proxy.upstream),
            ("Envoy gateway", "127.0.0.5", "127.0.0.1", proxy.ports["out"]),
        }
    ]


def test_a_sidecars_inbound_request(proxy: Proxy) -> None:
    proxy.get("in", "/", source="127.0.0.5")
    assert proxy.connections() == [{("Envoy inbound", "127.0.0.5", "127.0.0.1", proxy.ports["in"])}]


def test_a_request_that_authorization_refuses(proxy: Proxy) -> None:
    proxy.get("in", "/denied", source="127.0.0.5")
    assert proxy.connections() == [{("Envoy inbound refused", "127.0.0.5", "127.0.0.1", proxy.ports["in"])}]


def test_a_client_from_a_header(proxy: Proxy) -> None:
    """It opened no connection; what it asked for is told, and not who it is."""
    proxy.get("in", "/", source="127.0.0.5", forwarded="203.0.113.7")
    assert proxy.connections() == [{("inside only", "", "127.0.0.1", proxy.ports["in"])}]


def test_a_client_cannot_choose_what_is_read(proxy: Proxy) -> None:
    forged = '"x" "y" "z" "6.6.6.6:1" outbound|1||x 7.7.7.7:1 1.1.1.1:1 7.7.7.7:1 - default'
    proxy.get("out", '/up/"quoted"', agent=forged)
    assert proxy.connections() == [{("Envoy outbound", "127.0.0.1", "127.0.0.1", proxy.upstream)}]


@pytest.mark.parametrize(
    "target",
    [
        "/cart/7/items?token=s3cret",
        "/some%2fdata/%61%62%63",
        "/some\\data",
        "/some//data///abc",
        "/public/./data/abc/../xyz",
        "/a/%2e%2e/b/%2E/",
        "/a/..",
        "/../../b",
        "/k=v,w;x",
        "/{id}/a",
        "/a%7eb/~",
        "/shop.Cart/AddItem",
        "/a'(b)!$&*+",
        "/J%C3%B6rg/%zz",
    ],
)
def test_a_path_is_normalised_as_envoy_does(proxy: Proxy, target: str) -> None:
    """Envoy has done it before it logs: what the client sent and what is logged are the same path."""
    proxy.get("in", target, source="127.0.0.5")
    assert proxy.asked() == [{("plaintext", "GET", path(target))}]


def test_a_tcp_connection(proxy: Proxy) -> None:
    proxy.get("tcp", "/up")
    assert proxy.connections() == [{("Envoy outbound", "127.0.0.1", "127.0.0.1", proxy.upstream)}]
