"""Access logs of Envoy as Istio and Envoy Gateway set them: Istio's default text format, and JSON.

The formats are EnvoyTextLogFormat and EnvoyJSONLogFormatIstio of istio/istio pilot/pkg/model/telemetry_logging.go; what
the fields mean is in access_log/usage.rst of Envoy's documentation. A line is a request or, over TCP, a connection.

- A sidecar's *outbound* line and a gateway's are a connection from UPSTREAM_LOCAL to UPSTREAM_HOST, the pod behind the
  Service. A gateway also tells who connected to it.
- A sidecar's *inbound* line is a connection from DOWNSTREAM_REMOTE to DOWNSTREAM_LOCAL.
- DOWNSTREAM_REMOTE with port 0 was taken from X-Forwarded-For: that client opened no connection here. Behind a gateway
  it is always so: who connected is known by what it proved to be, and by the gateway's own line.

Who the client proved to be is told by the proxy that it connected to alone, where it logs `%DOWNSTREAM_PEER_URI_SAN%`.
Whether it came by mTLS is told by Istio's default formats too: the sidecar of a client sends `outbound_.…` as the name
of the server. Where none was sent no TLS was spoken, but by clients that bring a certificate of the mesh and call an
address; where a server takes no plaintext, it is always them. The path is that before any rewriting; on a client's side
it may be another than the server is asked for.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mistrust.access.flow import Security
from mistrust.feeds.flows import request
from mistrust.feeds.flows.sight import NOTHING, UNKNOWN, End, Inside, Remark, Side, Sight, key, seconds, split, text

REFUSED: Final = frozenset(
    ("DPE", "FI", "IH", "LH", "LR", "NC", "NFCF", "NR", "OM", "RL", "RLSE", "UAEX", "UF", "UH", "UO")
)
"""Response flags of what did not reach the upstream: no route or cluster or healthy host, no connection, limits, and
UAEX, a refusal by external authorization. UC, UR, URX, UT, DC broke what stood."""
DENIED: Final = "rbac_access_denied"
"""In the details of what an AuthorizationPolicy refused."""
FORWARDED: Final = (
    Remark("the client of a request is known from X-Forwarded-For only, not who connected", blinds=True),
)
NAMELESS: Final = (Remark("a line of Envoy's own default format does not name the client", blinds=True),)
MESH: Final = "outbound_."
"""How the name begins that a sidecar gives to the server."""
POLICIES: Final[dict[str, Security]] = {"mutual_tls": "mtls", "none": "plaintext"}
"""The words of Istio's metrics."""
_HEAD = re.compile(r'\[(\S+)\] "(.*?)" (\d+) (\S+) (.*)', re.S)
_WORD = r'([^\s"]+)'
_TAIL = re.compile(rf'"([^"]*)" {_WORD} {_WORD} {_WORD} {_WORD} {_WORD} [^"]*$')
_SELF = re.compile(r"(\d{4}-\d\d-\d\dT\S+Z)\s+(?:error|warn|warning|info|debug|trace|critical)\s")
_OUTER = re.compile(r'(?:"[^"]*" ){4}"([^"]*)"$')


Told = str | None | msgspec.UnsetType
"""Null or `-` tells that there is none; a field that is not logged tells nothing."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """The fields that say who connected to whom, and what for, by the names that Istio and Envoy Gateway give them.

    Those that neither logs by default have the names of Envoy's operators, in lower case.
    """

    start_time: str
    upstream_host: str | None
    downstream_remote_address: str | None
    downstream_local_address: str | None = None
    upstream_local_address: str | None = None
    upstream_cluster: str | None = None
    response_flags: str | None = None
    response_code_details: str | None = None
    connection_termination_details: str | None = None
    requested_server_name: Told = msgspec.UNSET
    method: str | None = None
    path: str | None = None
    origin_path: str | None = msgspec.field(name="x-envoy-origin-path", default=None)
    """Envoy Gateway's name for it."""
    downstream_peer_uri_san: str | None = None
    downstream_peer_subject: str | None = None
    downstream_tls_version: Told = msgspec.UNSET
    connection_security_policy: str | None = None


class Self(msgspec.Struct, frozen=True, gc=False):
    """What a proxy logs about itself as JSON."""

    level: str
    time: str


_NONE: Final = ("", "-", None)
_decode = msgspec.json.Decoder(Line).decode
_decode_self = msgspec.json.Decoder(Self).decode


def read(line: bytes) -> tuple[Sight | Remark, ...]:
    """One line. What the proxy logs about itself is understood, and no use."""
    if line.startswith(b"{"):
        try:
            return sights(_decode(line))
        except msgspec.ValidationError:
            return (Sight(seconds(_decode_self(line).time), None, 0),)
    told = text(line)
    if own := _SELF.match(told):
        return (Sight(seconds(own[1]), None, 0),)
    head = _HEAD.match(told)
    if head is None:
        raise ValueError("not an access log of Envoy")
    start, asked, _, flags, rest = head.groups()
    tail = _TAIL.search(rest)
    if tail is None:
        if _OUTER.search(rest) is None:
            raise ValueError("an access log of Envoy in a format of its own")
        return (Sight(seconds(start), None, 0), *NAMELESS)
    details, ended = rest.split(" ", 2)[:2]
    host, cluster, here, local, remote, name = tail.groups()
    method, target, _ = asked.split(" ") if asked.count(" ") == 2 else ("", "", "")
    return sights(Line(start, host, remote, local, here, cluster, flags, details, ended, name, method, target))


def sights(line: Line) -> tuple[Sight | Remark, ...]:
    """What a line shows: one connection, at a gateway two."""
    time = seconds(line.start_time)
    denied = DENIED in f"{line.response_code_details} {line.connection_termination_details}"
    refused = denied or not REFUSED.isdisjoint((line.response_flags or "").split(","))
    cluster = line.upstream_cluster or ""
    inbound = cluster.startswith(("inbound|", "InboundPassthrough"))
    if refused and not (inbound and denied):
        return (Sight(time, None, 0),)
    client, client_port = split(line.downstream_remote_address or "")
    here = split(line.downstream_local_address or "")
    if inbound and client_port:
        return _one(time, "inbound", client, here, inside(line, True), refused)
    if inbound:
        told, to = inside(line, True), End(address=here[0])
        seen = key(UNKNOWN, "destination", End(), to, "TCP", here[1], refused, told) if told != NOTHING else None
        return (Sight(time, seen if here[0] else None), *FORWARDED)
    proxy = split(line.upstream_local_address or "")[0] or client
    upstream = split((line.upstream_host or "").rpartition("/")[2])
    out = _one(time, "outbound", proxy, upstream, _asked(line))
    if client in ("", proxy):
        return out
    return (*out, *(_one(time, "gateway", client, here, inside(line, False)) if client_port else FORWARDED))


def inside(line: Line, inbound: bool) -> Inside:
    """What the proxy that the client connected to tells."""
    names = [n for n in (line.downstream_peer_uri_san, line.downstream_peer_subject) if n and n != "-"]
    identity = names[0] if names else ""
    if "," in identity and line.downstream_peer_uri_san == identity:
        several = identity.split(",")
        identity = next((name for name in several if name.startswith("spiffe:")), several[0])
    asked = _asked(line)
    return Inside(identity, "mtls" if identity else _security(line, inbound), asked.method, asked.path)


def _security(line: Line, inbound: bool) -> Security:
    told = POLICIES.get(line.connection_security_policy or "", "")
    if told:
        return told
    name, version = line.requested_server_name, line.downstream_tls_version
    if inbound and name and name.startswith(MESH):
        return "mtls"
    if version is not msgspec.UNSET:
        return "plaintext" if version in _NONE else "tls"
    if name is msgspec.UNSET or (name in _NONE and not inbound):
        return ""
    return "plaintext" if name in _NONE else "tls"


def _asked(line: Line) -> Inside:
    method, target = line.method or "", line.path or line.origin_path or ""
    if method in ("", "-", "CONNECT"):
        return NOTHING
    return Inside(method=request.method(method), path=request.path(target))


def _one(
    time: int, point: str, source: str, to: tuple[str, int], told: Inside, refused: bool = False
) -> tuple[Sight | Remark, ...]:
    side: Side = "source" if point == "outbound" else "destination"
    seen = key(f"Envoy {point}", side, End(address=source), End(address=to[0]), "TCP", to[1], refused, told)
    return (Sight(time, seen if source and to[0] else None),)
