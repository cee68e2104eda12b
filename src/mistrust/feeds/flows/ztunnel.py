"""Istio's ztunnel: the access log of ambient mode, as text and as JSON (`LOG_FORMAT=json`).

Written by src/proxy/metrics.rs of istio/ztunnel: one line where a connection ends, at each of the two ends; and at
level debug, one where it opens. In the tunnel (HBONE) the client proved who it is, to the ztunnel of the destination;
without it nothing is encrypted on the way.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mistrust.feeds.flows.sight import End, Inside, Remark, Side, Sight, key, seconds, split, text

SIDES: Final[dict[str, Side]] = {"outbound": "source", "inbound": "destination"}
REJECTED: Final = "policy"
"""In the error of a connection that authorization refused (proxy::Error::AuthorizationPolicyRejection)."""
_HEAD = re.compile(r"(\S+Z)\s+(?:error|warn|info|debug|trace)\s+(\S+?):?\s+(.*)", re.S | re.I)
_FIELD = re.compile(r'([^\s=]+)=("(?:[^"\\]|\\.)*"|\S+)')
_UNIT: Final = {"ms": 0.001, "s": 1.0, "us": 1e-6, "ns": 1e-9}


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line as JSON; the names of the fields hold dots."""

    time: str
    scope: str = ""
    message: str = ""
    src_addr: str = msgspec.field(name="src.addr", default="")
    src_workload: str = msgspec.field(name="src.workload", default="")
    src_namespace: str = msgspec.field(name="src.namespace", default="")
    src_identity: str = msgspec.field(name="src.identity", default="")
    dst_addr: str = msgspec.field(name="dst.addr", default="")
    dst_hbone_addr: str = msgspec.field(name="dst.hbone_addr", default="")
    dst_workload: str = msgspec.field(name="dst.workload", default="")
    dst_namespace: str = msgspec.field(name="dst.namespace", default="")
    direction: str = ""
    bytes_sent: str | int = ""
    bytes_recv: str | int = ""
    duration: str = ""
    error: str = ""


NAMES: Final = tuple(field.encode_name for field in msgspec.structs.fields(Line)[3:])
"""Of the fields that the text writes as `name=value`, after its head."""
_decode = msgspec.json.Decoder(Line).decode


def read(line: bytes) -> tuple[Sight | Remark, ...]:
    """One line. What ztunnel logs about itself is understood, and no use."""
    if line.startswith(b"{"):
        return sight(_decode(line))
    head = _HEAD.match(text(line))
    if head is None:
        raise ValueError("not a line of ztunnel")
    at, scope, rest = head.groups()
    if scope != "access":
        return (Sight(seconds(at), None, 0),)
    fields = dict(_FIELD.findall(rest))
    return sight(Line(at, scope, rest, *(fields.get(name, "").strip('"') for name in NAMES)))


def sight(line: Line) -> tuple[Sight | Remark, ...]:
    """What a line shows. With an error it is a use only if bytes were carried: the tunnel stood before it broke."""
    time = seconds(line.time)
    if line.scope != "access" or not line.message.startswith("connection complete"):
        return (Sight(time, None, 0),)
    side = SIDES.get(line.direction, "")
    refused = bool(line.error) and not (int(line.bytes_sent or 0) or int(line.bytes_recv or 0))
    if refused and not (side == "destination" and REJECTED in line.error):
        return (Sight(time, None, 0),)
    address, port = split(line.dst_hbone_addr.strip('"') or line.dst_addr)
    destination = End(line.dst_namespace, line.dst_workload, "", address)
    if address != split(line.dst_addr)[0]:
        destination = End(address=address)  # to a waypoint, on behalf of a Service: the names are the waypoint's
    source = End(line.src_namespace, line.src_workload, "", split(line.src_addr)[0])
    tunnel, identity = line.dst_hbone_addr != "", line.src_identity if side == "destination" else ""
    told = Inside(identity if tunnel else "", "mtls" if tunnel else "plaintext")
    seen = key("ztunnel", side, source, destination, "TCP", port, refused, told)
    return (Sight(int(time - _took(line.duration)), seen),)


def _took(duration: str) -> float:
    """`15ms` in seconds."""
    number = duration.rstrip("nums")
    return float(number) * _UNIT[duration[len(number) :]] if number else 0.0
