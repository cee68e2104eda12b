"""Access logs of Envoy as Istio and Envoy Gateway set them: Istio's default text format, and JSON.

The formats are EnvoyTextLogFormat and EnvoyJSONLogFormatIstio of istio/istio pilot/pkg/model/telemetry_logging.go; what
the fields mean is in access_log/usage.rst of Envoy's documentation. A line is a request or, over TCP, a connection.

- A sidecar's *outbound* line and a gateway's are a connection from UPSTREAM_LOCAL to UPSTREAM_HOST, the pod behind the
  Service. A gateway also tells who connected to it.
- A sidecar's *inbound* line is a connection from DOWNSTREAM_REMOTE to DOWNSTREAM_LOCAL.
- DOWNSTREAM_REMOTE with port 0 was taken from X-Forwarded-For: that client opened no connection here.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mistrust.feeds.flows.sight import End, Remark, Side, Sight, key, seconds, split, text

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
_HEAD = re.compile(r'\[(\S+)\] ".*?" (\d+) (\S+) (.*)', re.S)
_WORD = r'([^\s"]+)'
_TAIL = re.compile(rf'"([^"]*)" {_WORD} {_WORD} {_WORD} {_WORD} {_WORD} [^"]*$')
_SELF = re.compile(r"(\d{4}-\d\d-\d\dT\S+Z)\s+(?:error|warn|warning|info|debug|trace|critical)\s")
_OUTER = re.compile(r'(?:"[^"]*" ){4}"([^"]*)"$')


class Line(msgspec.Struct, frozen=True, gc=False):
    """The fields that say who connected to whom, by the names that Istio and Envoy Gateway give them."""

    start_time: str
    upstream_host: str | None
    downstream_remote_address: str | None
    downstream_local_address: str | None = None
    upstream_local_address: str | None = None
    upstream_cluster: str | None = None
    response_flags: str | None = None
    response_code_details: str | None = None
    connection_termination_details: str | None = None


class Self(msgspec.Struct, frozen=True, gc=False):
    """What a proxy logs about itself as JSON."""

    level: str
    time: str


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
    start, _, flags, rest = head.groups()
    tail = _TAIL.search(rest)
    if tail is None:
        if _OUTER.search(rest) is None:
            raise ValueError("an access log of Envoy in a format of its own")
        return (Sight(seconds(start), None, 0), *NAMELESS)
    details, ended = rest.split(" ", 2)[:2]
    host, cluster, here, local, remote, _ = tail.groups()
    return sights(Line(start, host, remote, local, here, cluster, flags, details, ended))


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
    if inbound:
        return _forwarded(time) if not client_port else _one(time, "inbound", client, here, refused)
    proxy = split(line.upstream_local_address or "")[0] or client
    out = _one(time, "outbound", proxy, split((line.upstream_host or "").rpartition("/")[2]), False)
    if client in ("", proxy):
        return out
    return (*out, *(_one(time, "gateway", client, here, False) if client_port else FORWARDED))


def _forwarded(time: int) -> tuple[Sight | Remark, ...]:
    return (Sight(time, None, 0), *FORWARDED)


def _one(time: int, point: str, source: str, to: tuple[str, int], refused: bool) -> tuple[Sight | Remark, ...]:
    side: Side = "source" if point == "outbound" else "destination"
    seen = key(f"Envoy {point}", side, End(address=source), End(address=to[0]), "TCP", to[1], refused)
    return (Sight(time, seen if source and to[0] else None),)
