"""OpenTelemetry traces: OTLP/JSON, one request a line, as the collector's file exporter writes it; and what spans say.

trace.proto of opentelemetry-proto as JSON, with attributes of the semantic conventions, old names and new. The resource
is the source of a client's span, and the destination of a server's. Addresses of the network layer come first;
`server.address` is the name that the client called. `client.address` is not read: it may come from a header. Of a
request the template comes first (`http.route`, `url.template`); a call of gRPC is a POST of `/package.Service/Method`.
Traces are sampled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import msgspec

from mistrust.feeds.flows import request
from mistrust.feeds.flows.observers import LOOPBACK, canonical
from mistrust.feeds.flows.sight import NOTHING, End, Inside, Remark, Sight, key

CLIENTS: Final = frozenset((3, 4, "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER"))
SERVERS: Final = frozenset((2, "SPAN_KIND_SERVER"))
FAILED: Final = frozenset((2, "STATUS_CODE_ERROR"))
ANSWERED: Final = (
    *("http.response.status_code", "http.status_code", "rpc.grpc.status_code", "rpc.response.status_code"),
    "db.response.status_code",
)
PEER: Final = ("network.peer.address", "net.sock.peer.addr", "net.peer.ip")
PEER_PORT: Final = ("network.peer.port", "net.sock.peer.port")
SERVER: Final = ("server.address", "net.peer.name", "peer.address")
SERVER_PORT: Final = ("server.port", "net.peer.port")
HOST: Final = ("network.local.address", "net.sock.host.addr", "net.host.ip")
HOST_PORT: Final = ("network.local.port", "net.sock.host.port", "server.port", "net.host.port")
METHOD: Final = ("http.request.method", "http.method")
TEMPLATE: Final = ("http.route", "url.template")
TARGET: Final = ("url.path", "http.target", "url.full", "http.url")
TRANSPORT: Final = ("network.transport", "net.transport")
OWNERS: Final = tuple(f"k8s.{kind}.name" for kind in ("deployment", "statefulset", "daemonset", "cronjob", "job"))
NAMES: Final = (
    *("k8s.namespace.name", "k8s.pod.name", "k8s.pod.ip"),
    *("rpc.system", "rpc.system.name", "rpc.service", "rpc.method"),
    *(*OWNERS, *ANSWERED, *PEER, *PEER_PORT, *SERVER, *SERVER_PORT, *HOST, *HOST_PORT),
    *(*METHOD, *TEMPLATE, *TARGET, *TRANSPORT),
)
"""Of every attribute that is looked at."""
UNSURE: Final = Remark("a call failed without an answer, and is not counted as a use")
NAMELESS: Final = Remark("a span does not name the other end of its call, or not the port", blinds=True)


class Value(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """AnyValue; 64-bit numbers are strings."""

    string_value: str | None = None
    int_value: str | int | None = None


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """KeyValue."""

    key: str
    value: Value = Value()


class Status(msgspec.Struct, frozen=True, gc=False):
    """Of a span."""

    code: int | str = 0


class Span(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The fields that tell a call; every other field is skipped."""

    kind: int | str = 0
    start_time_unix_nano: str | int = 0
    attributes: tuple[Attribute, ...] = ()
    status: Status = Status()


class ScopeSpans(msgspec.Struct, frozen=True, gc=False):
    """Spans of one library."""

    spans: tuple[Span, ...] = ()


class Resource(msgspec.Struct, frozen=True, gc=False):
    """Who made the spans."""

    attributes: tuple[Attribute, ...] = ()


class ResourceSpans(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Spans of one process; the second list is the name before 1.0."""

    resource: Resource = Resource()
    scope_spans: tuple[ScopeSpans, ...] = ()
    instrumentation_library_spans: tuple[ScopeSpans, ...] = ()


class Traces(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """ExportTraceServiceRequest."""

    resource_spans: tuple[ResourceSpans, ...]


_decode = msgspec.json.Decoder(Traces).decode
Known = Mapping[str, str]


def read(line: bytes) -> tuple[Sight | Remark, ...]:
    """One request: every span in it."""
    return sights(_decode(line))


def sights(traces: Traces) -> tuple[Sight | Remark, ...]:
    """What every span shows."""
    return tuple(_sights(traces))


def _sights(traces: Traces) -> Iterator[Sight | Remark]:
    for of in traces.resource_spans:
        resource = _known(of.resource.attributes)
        here = End(
            resource.get("k8s.namespace.name", ""),
            resource.get("k8s.pod.name", ""),
            _first(resource, OWNERS),
            _address(resource.get("k8s.pod.ip", "")),
        )
        for spans in (*of.scope_spans, *of.instrumentation_library_spans):
            for span in spans.spans:
                yield from _call(span, here)


def _call(span: Span, here: End) -> Iterator[Sight | Remark]:
    time = int(span.start_time_unix_nano) // 1_000_000_000
    known = _known(span.attributes)
    protocol = _first(known, TRANSPORT).removeprefix("ip_") or "tcp"
    if protocol not in ("tcp", "udp", "quic") or span.kind not in CLIENTS | SERVERS:
        yield Sight(time, None, 0)
        return
    protocol = "UDP" if protocol == "quic" else protocol
    peer = _address(_first(known, PEER))
    if canonical(peer) == LOOPBACK:  # a proxy beside the process
        peer = ""
    if span.kind in SERVERS:
        own = msgspec.structs.replace(here, address=_address(_first(known, HOST)) or here.address)
        port = _port(known, HOST_PORT)
        seen = key("OTLP server", "destination", End(address=peer), own, protocol, port, inside=_inside(known))
        seen = seen if peer and own != End() else None
    elif span.status.code in FAILED and not _first(known, ANSWERED):
        yield Sight(time, None, 0)
        yield UNSURE
        return
    else:
        name = _first(known, SERVER)
        other = End(address=peer or _address(name), name="" if _address(name) else name)
        port = _port(known, PEER_PORT if peer else SERVER_PORT) or _port(known, SERVER_PORT)
        seen = key("OTLP client", "source", here, other, protocol, port, inside=_inside(known))
        seen = seen if here != End() and other != End() else None
    yield Sight(time, seen)
    if seen is None:
        yield NAMELESS


def _inside(known: Known) -> Inside:
    if method := _first(known, METHOD):
        target, template = _first(known, TARGET), _first(known, TEMPLATE)
        path = request.route(template, target) if template else request.path(target)
        return Inside(method=request.method(method), path=path)
    name = known.get("rpc.method", "")
    if not name or "grpc" not in (known.get("rpc.system"), known.get("rpc.system.name")):
        return NOTHING
    service = known.get("rpc.service", "")
    if "/" not in name and not service:
        return NOTHING
    return Inside(method="POST", path=request.path(f"/{name}" if "/" in name else f"/{service}/{name}"))


def _known(attributes: tuple[Attribute, ...]) -> Known:
    return {a.key: a.value.string_value or str(a.value.int_value or "") for a in attributes}


def _first(known: Known, names: tuple[str, ...]) -> str:
    for name in names:
        if found := known.get(name):
            return found
    return ""


def _port(known: Known, names: tuple[str, ...]) -> int:
    text = _first(known, names)
    return int(text) if text.isdecimal() else 0


@lru_cache(maxsize=1 << 16)
def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
