"""Linkerd: `linkerd viz tap -o json`, and the proxy's access log.

The tap event is tapEvent in viz/cmd/tap.go of linkerd/linkerd2, without a time, at most `--max-rps` of them a second.
The access log (linkerd/http/access-log of linkerd2-proxy) names the client's address and no server but the `host` that
the client asked for: it shows that there was a request, and not to whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from mistrust.feeds.flows.sight import End, Remark, Side, Sight, key, seconds

SIDES: Final[dict[str, Side]] = {"OUTBOUND": "source", "INBOUND": "destination"}
OWNERS: Final = ("deployment", "statefulset", "daemonset", "job", "replicationcontroller", "replicaset")
BY_PROXY: Final = "l5d-proxy-error"
"""Header of an answer that a proxy gave itself, a refusal among them."""
NO_TIMES: Final = Remark("a tap has no times: its flows have the time of the file")
NO_SERVER: Final = Remark("the access log of Linkerd does not name the server of a request", blinds=True)


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One end, with the labels that Linkerd keeps of it."""

    ip: str = ""
    port: int = 0
    metadata: Mapping[str, str] | None = None


class Header(msgspec.Struct, frozen=True, gc=False):
    """Of an answer."""

    name: str = ""


class ResponseInit(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The beginning of an answer."""

    headers: tuple[Header, ...] | None = None


class Tap(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One event of a request: its beginning, its answer's beginning, its end."""

    source: Endpoint
    destination: Endpoint
    proxy_direction: str
    response_init_event: ResponseInit | None = None


class Access(msgspec.Struct, frozen=True, gc=False):
    """A line of the access log, as JSON."""

    timestamp: str
    client: str = msgspec.field(name="client.addr")
    host: str


_decode_tap = msgspec.json.Decoder(Tap).decode
_decode_access = msgspec.json.Decoder(Access).decode


def read_tap(event: bytes) -> tuple[Sight | Remark, ...]:
    """One event. A request counts where its server began to answer it."""
    tap = _decode_tap(event)
    answer = tap.response_init_event
    if answer is None or any(header.name == BY_PROXY for header in answer.headers or ()):
        return (Sight(0, None, 0),)
    side = SIDES.get(tap.proxy_direction, "")
    seen = key("Linkerd tap", side, _end(tap.source), _end(tap.destination), "TCP", tap.destination.port)
    return Sight(0, seen), NO_TIMES


def read_access(line: bytes) -> tuple[Sight | Remark, ...]:
    """One line."""
    return Sight(seconds(_decode_access(line).timestamp), None, 0), NO_SERVER


def _end(endpoint: Endpoint) -> End:
    known = endpoint.metadata or {}
    owner = next((known[kind] for kind in OWNERS if kind in known), "")
    return End(known.get("namespace", ""), known.get("pod", ""), owner, endpoint.ip)
