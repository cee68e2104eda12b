"""A real Envoy that plays the server's side of the mesh, and clients that speak to it as requests say.

One process holds one listener for each case. Every listener takes plaintext and mutual TLS on one port, as a sidecar in
PERMISSIVE mode does. What a request is made of reaches Envoy so:

| the request's | how |
| --- | --- |
| principal | client certificate with that SPIFFE ID; none: plaintext |
| source | the client's socket is bound to it (127.0.0.0/8) |
| remote, destination, port | a PROXY protocol header, which Envoy takes for the client's and the dialled address |
| sni | TLS server name |
| method, host, path, headers | the request |
| claims | a signed token that Envoy's own jwt_authn filter checks |
| what filters left | a header that header_to_metadata turns into metadata; not for TCP, where no filter does it |
"""

from __future__ import annotations

import base64
import hmac
import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.peers.certificates import Authority
from tests.peers.rbac import Outcome

from mistrust.layers.mesh.istio.authorization.requests import Http, Request

TYPE = "type.googleapis.com/envoy.extensions"
LEFT = "x-left"
LEFT_AS = {"metadata_namespace": "envoy.filters.a.b", "key": "c"}
ASKED = "x-asked"
BYTES = b"neither TLS nor HTTP"
"""As many as the TLS inspector needs to see that it is not TLS."""

SECRET = b"known to the test and to envoy, and to nobody else"


class Refused(Exception):  # noqa: N818 - what Envoy did, not what went wrong here
    """Envoy did not take a configuration."""


class Envoy:
    """A running Envoy."""

    def __init__(self, ports: dict[str, int], authority: Authority) -> None:
        self.ports = ports
        self.authority = authority

    def answers(self, listener: str, requests: Iterable[Request]) -> Iterator[tuple[Request, Outcome]]:
        """What Envoy answers; requests that can share a connection do."""
        groups: dict[str, list[Request]] = {}
        for r in requests:
            groups.setdefault(repr((r.principal, r.source, r.remote, r.destination, r.port, r.sni)), []).append(r)
        for group in groups.values():
            with self._connection(listener, group[0]) as link:
                if group[0].http is None:
                    yield group[0], _echoed(link)
                    continue
                stream = link.makefile("rb")
                for r in group:
                    assert isinstance(r.http, Http)
                    link.sendall(_written(r, r.http))
                    yield r, _answered(stream, r)

    @contextmanager
    def _connection(self, listener: str, r: Request) -> Iterator[socket.socket]:
        plain = socket.socket()
        plain.settimeout(10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.bind((r.source or "127.0.0.1", 0))
        plain.connect(("127.0.0.1", self.ports[listener]))
        plain.sendall(f"PROXY TCP4 {r.remote} {r.destination} 40000 {r.port}\r\n".encode())
        link: socket.socket = plain
        if r.principal is not None:
            context = self.authority.context(f"spiffe://{r.principal}")
            link = context.wrap_socket(plain, server_hostname=r.sni or None)
        with link:
            yield link


def _echoed(link: socket.socket) -> Outcome:
    try:
        link.sendall(BYTES)
        return Outcome.ALLOWED if link.recv(1) == BYTES[:1] else Outcome.DENIED
    except (ConnectionError, ssl.SSLError):
        return Outcome.DENIED


def _written(r: Request, http: Http) -> bytes:
    lines = [f"{http.method} {http.path} HTTP/1.1", f"host: {http.host}"]
    lines += [f"{name}: {value}" for name, value in http.headers.items()]
    lines += [f"{LEFT}: {value}" for value in (r.metadata or {}).values()]
    if http.claims is not None:
        lines.append(f"authorization: Bearer {token(http.claims)}")
    return "\r\n".join([*lines, "", ""]).encode()


def _answered(stream: Any, request: Request) -> Outcome:
    status = int(stream.readline().split()[1])
    length, asked = 0, False
    while (line := stream.readline().strip().lower()) != b"":
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        asked |= name == ASKED.encode() and b"istio-ext-authz" in value
    body = stream.read(length)
    assert status in (200, 401, 403), (status, body, request)
    if status != 200:
        return Outcome.DENIED
    return Outcome.ASKED if asked else Outcome.ALLOWED


def token(claims: Any) -> str:
    """A signed token with these claims."""
    parts = [_b64(json.dumps(p).encode()) for p in ({"alg": "HS256", "kid": "test"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_b64(hmac.digest(SECRET, signed.encode(), 'sha256'))}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def envoy(
    folder: Path,
    listeners: dict[str, list[dict[str, Any]]],
    tokens: dict[str, list[dict[str, Any]]] | None = None,
    options: dict[str, dict[str, Any]] | None = None,
) -> Iterator[Envoy]:
    """Envoy with one listener for each entry: a chain of RBAC filters, for HTTP or for TCP as their types say.

    `tokens` are the rules for tokens at a listener (`issuer`, `audiences`); without any every signed token is taken.
    `options` are further fields of its HTTP connection manager.
    Skips where Envoy is not installed; raises Refused, with Envoy's words, if it does not take the filters.
    """
    program = shutil.which("envoy", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("envoy is not installed (it is in requirements/dev.txt)")
    authority = Authority(folder)
    config = {
        "admin": {"address": _any_port()},
        "static_resources": {
            "listeners": [
                _listener(n, f, authority, (tokens or {}).get(n, [{}]), (options or {}).get(n, {}))
                for n, f in listeners.items()
            ]
        },
    }
    (folder / "envoy.json").write_text(json.dumps(config))
    admin = folder / "admin"
    arguments = ["-c", str(folder / "envoy.json"), "--admin-address-path", str(admin), "--use-dynamic-base-id"]
    log = folder / "log"
    with log.open("wb") as errors:
        running = subprocess.Popen(
            [program, *arguments, "--concurrency", "1", "-l", "warning"], stdout=errors, stderr=errors
        )
    try:
        yield Envoy(_ports(running, admin, log), authority)
    finally:
        running.terminate()
        running.wait(20)


def _ports(running: subprocess.Popen[bytes], admin: Path, log: Path) -> dict[str, int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise Refused(log.read_text()[-3000:])
        try:
            address = admin.read_text()
            with urllib.request.urlopen(f"http://{address}/ready", timeout=2) as ready:
                ready.read()
            with urllib.request.urlopen(f"http://{address}/listeners?format=json", timeout=2) as told:
                found = json.load(told)["listener_statuses"]
            return {s["name"]: s["local_address"]["socket_address"]["port_value"] for s in found}
        except (OSError, KeyError):
            time.sleep(0.05)
    raise Refused("envoy is not ready after a minute: " + log.read_text()[-3000:])


def _any_port() -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": 0}}


def _listener(
    name: str,
    filters: list[dict[str, Any]],
    authority: Authority,
    tokens: list[dict[str, Any]],
    options: dict[str, Any],
) -> dict[str, Any]:
    http = all("filters.http." in f["name"] for f in filters) if filters else False
    chain = [_http_manager(filters, tokens, options)] if http else [*map(_network, filters), _echo()]
    certificate = authority.leaf("spiffe://cluster.local/ns/server/sa/server")
    return {
        "name": name,
        "address": _any_port(),
        "listener_filters": [
            _typed("envoy.filters.listener.proxy_protocol", "filters.listener.proxy_protocol.v3.ProxyProtocol"),
            _typed("envoy.filters.listener.tls_inspector", "filters.listener.tls_inspector.v3.TlsInspector"),
        ],
        "filter_chains": [
            {"filter_chain_match": {"transport_protocol": "raw_buffer"}, "filters": chain},
            {
                "filter_chain_match": {"transport_protocol": "tls"},
                "filters": chain,
                "transport_socket": _typed(
                    "envoy.transport_sockets.tls",
                    "transport_sockets.tls.v3.DownstreamTlsContext",
                    require_client_certificate=True,
                    common_tls_context={
                        "tls_certificates": [
                            {
                                "certificate_chain": {"filename": str(certificate)},
                                "private_key": {"filename": str(authority.key_file)},
                            }
                        ],
                        "validation_context": {"trusted_ca": {"filename": str(authority.ca_file)}},
                    },
                ),
            },
        ],
    }


def _network(f: dict[str, Any]) -> dict[str, Any]:
    return {"name": f["name"], "typed_config": f["typedConfig"]}


def _echo() -> dict[str, Any]:
    return _typed("envoy.filters.network.echo", "filters.network.echo.v3.Echo")


def _http_manager(
    filters: list[dict[str, Any]], tokens: list[dict[str, Any]], options: dict[str, Any]
) -> dict[str, Any]:
    asked = "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_ext_authz_shadow_effective_policy_id)%"
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200},
        "response_headers_to_add": [{"header": {"key": ASKED, "value": asked}}],
    }
    return _typed(
        "hcm",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in",
        **options,
        http_protocol_options={"allow_custom_methods": True},
        route_config={"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [route]}]},
        http_filters=[
            *([_jwt(tokens)] if tokens else []),
            _typed(
                "left",
                "filters.http.header_to_metadata.v3.Config",
                request_rules=[{"header": LEFT, "on_header_present": {**LEFT_AS, "type": "STRING"}}],
            ),
            *map(_network, filters),
            _typed("envoy.filters.http.router", "filters.http.router.v3.Router"),
        ],
    )


def _jwt(tokens: list[dict[str, Any]]) -> dict[str, Any]:
    keys = {"keys": [{"kty": "oct", "alg": "HS256", "kid": "test", "k": _b64(SECRET)}]}
    common = {
        "local_jwks": {"inline_string": json.dumps(keys)},
        "payload_in_metadata": "payload",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "permission"]},
    }
    names = [{"provider_name": str(i)} for i in range(len(tokens))]
    return _typed(
        "envoy.filters.http.jwt_authn",
        "filters.http.jwt_authn.v3.JwtAuthentication",
        providers={str(i): {**common, **rule} for i, rule in enumerate(tokens)},
        rules=[
            {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [*names, {"allow_missing": {}}]}}}
        ],
    )


def _typed(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{TYPE}.{kind}", **fields}}
