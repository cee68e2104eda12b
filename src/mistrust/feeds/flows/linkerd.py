"""Linkerd: `linkerd viz tap -o json`, and the proxy's access log.

The tap event is tapEvent in viz/cmd/tap.go of linkerd/linkerd2, without a time, at most `--max-rps` of them a second.
The proxy (linkerd/proxy/tap of linkerd2-proxy) notes with the source of what comes in whether it came by TLS, and the
name that the client proved; with the destination of what goes out, whether it went by TLS. What was asked for is an
event of its own, before that of the answer.
The access log (linkerd/http/access-log of linkerd2-proxy) names the client's address and no server but the `host` that
the client asked for: it shows that there was a request, and not to whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from mistrust.access.flow import Security
from mistrust.feeds.flows import request
from mistrust.feeds.flows.sight import End, Inside, Reader, Remark, Side, Sight, key, seconds

SIDES: Final[dict[str, Side]] = {"OUTBOUND": "source", "INBOUND": "destination"}
OWNERS: Final = ("deployment", "statefulset", "daemonset", "job", "replicationcontroller", "replicaset")
BY_PROXY: Final = "l5d-proxy-error"
"""Header of an answer that a proxy gave itself, a refusal among them."""
PLAIN: Final = frozenset(
    ("no_tls_from_remote", "not_provided_by_remote", "not_provided_by_service_discovery", "disabled", "port_skipped")
)
"""Why there was no TLS. Others leave it open."""
WAITING: Final = 1 << 12
"""Requests whose answers are waited for."""
NO_TIMES: Final = Remark("a tap has no times: its flows have the time of the file")
NO_SERVER: Final = Remark("the access log of Linkerd does not name the server of a request", blinds=True)


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One end, with the labels that Linkerd keeps of it."""

    ip: str = ""
    port: int = 0
    metadata: Mapping[str, str] | None = None


class Id(msgspec.Struct, frozen=True, gc=False):
    """Of a request, in one tap of one proxy."""

    base: int = 0
    stream: int = 0


class RequestInit(msgspec.Struct, frozen=True, gc=False):
    """What was asked for."""

    id: Id = Id()
    method: str = ""
    path: str = ""


class Header(msgspec.Struct, frozen=True, gc=False):
    """Of an answer."""

    name: str = ""


class ResponseInit(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The beginning of an answer."""

    id: Id = Id()
    headers: tuple[Header, ...] | None = None


class Tap(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One event of a request: its beginning, its answer's beginning, its end."""

    source: Endpoint
    destination: Endpoint
    proxy_direction: str
    request_init_event: RequestInit | None = None
    response_init_event: ResponseInit | None = None


class Access(msgspec.Struct, frozen=True, gc=False):
    """A line of the access log, as JSON."""

    timestamp: str
    client: str = msgspec.field(name="client.addr")
    host: str


_decode_tap = msgspec.json.Decoder(Tap).decode
_decode_access = msgspec.json.Decoder(Access).decode


def tap_reader() -> Reader:
    """A reader for one file: what was asked for comes before it is answered."""
    return _Tap().read


class _Tap:
    def __init__(self) -> None:
        self.asked: dict[tuple[Side, str, int, str, int, Id], Inside] = {}

    def read(self, event: bytes) -> tuple[Sight | Remark, ...]:
        """One event of a tap. A request counts where its server began to answer it."""
        tap = _decode_tap(event)
        side = SIDES.get(tap.proxy_direction, "")
        ends = (tap.source.ip, tap.source.port, tap.destination.ip, tap.destination.port)
        if (asks := tap.request_init_event) is not None:
            told = Inside(method=request.method(asks.method), path=request.path(asks.path))
            self.asked[side, *ends, asks.id] = told
            if len(self.asked) > WAITING:
                del self.asked[next(iter(self.asked))]
        answer = tap.response_init_event
        if answer is None or any(header.name == BY_PROXY for header in answer.headers or ()):
            return (Sight(0, None, 0),)
        asked = self.asked.pop((side, *ends, answer.id), Inside())
        told = Inside(*_proved(tap, side), asked.method, asked.path)
        source, destination = _end(tap.source), _end(tap.destination)
        seen = key("Linkerd tap", side, source, destination, "TCP", tap.destination.port, inside=told)
        return Sight(0, seen), NO_TIMES


def _proved(tap: Tap, side: Side) -> tuple[str, Security]:
    known = (tap.source if side == "destination" else tap.destination).metadata or {}
    tls, identity = known.get("tls", ""), known.get("client_id", "") if side == "destination" else ""
    if tls == "true":
        return identity, "mtls" if identity or side == "source" else "tls"
    return "", "plaintext" if tls in PLAIN else ""


def read_access(line: bytes) -> tuple[Sight | Remark, ...]:
    """One line."""
    return Sight(seconds(_decode_access(line).timestamp), None, 0), NO_SERVER


def _end(endpoint: Endpoint) -> End:
    known = endpoint.metadata or {}
    owner = next((known[kind] for kind in OWNERS if kind in known), "")
    return End(known.get("namespace", ""), known.get("pod", ""), owner, endpoint.ip)
