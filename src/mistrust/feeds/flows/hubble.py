"""Cilium Hubble: what the exporter and `hubble observe -o json` write.

ExportEvent of api/v1/observer/observer.proto around the Flow of api/v1/flow/flow.proto, as protojson. What the fields
mean is in pkg/hubble/parser: one connection is shown once for each point that a packet passes, on each node.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mistrust.feeds.flows import request
from mistrust.feeds.flows.sight import Key, Remark, Side, Sight, seconds


class Flags(msgspec.Struct, frozen=True, gc=False):
    """TCPFlags; false ones are not written."""

    syn: bool = msgspec.field(name="SYN", default=False)
    ack: bool = msgspec.field(name="ACK", default=False)


class Ports(msgspec.Struct, frozen=True, gc=False):
    """TCP, UDP or SCTP."""

    destination_port: int = 0
    flags: Flags | None = None


class Layer4(msgspec.Struct, frozen=True, gc=False):
    """One of them; ICMP is none."""

    tcp: Ports | None = msgspec.field(name="TCP", default=None)
    udp: Ports | None = msgspec.field(name="UDP", default=None)
    sctp: Ports | None = msgspec.field(name="SCTP", default=None)


class Layer3(msgspec.Struct, frozen=True, gc=False):
    """IP."""

    source: str = ""
    destination: str = ""


class Workload(msgspec.Struct, frozen=True, gc=False):
    """The owner of a pod; known on the pod's own node."""

    name: str = ""


class Http(msgspec.Struct, frozen=True, gc=False):
    """A request; its URL may be without host, and has its query."""

    method: str = ""
    url: str = ""


class Layer7(msgspec.Struct, frozen=True, gc=False):
    """What the proxy of Cilium saw."""

    http: Http | None = None


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """A pod where it has a pod_name; else the host, another node, the world."""

    identity: int = 0
    namespace: str = ""
    pod_name: str = ""
    workloads: tuple[Workload, ...] = ()


class Flow(msgspec.Struct, frozen=True, gc=False):
    """The fields that say who opened a connection to whom; every other field is skipped while it is parsed."""

    time: str = ""
    verdict: str = ""
    drop_reason_desc: str = ""
    ip: Layer3 | None = msgspec.field(name="IP", default=None)
    l4: Layer4 | None = None
    l7: Layer7 | None = None
    source: Endpoint = Endpoint()
    destination: Endpoint = Endpoint()
    type: str = msgspec.field(name="Type", default="")
    node_name: str = ""
    destination_names: tuple[str, ...] = ()
    reply: bool = False
    is_reply: bool | None = None
    trace_observation_point: str = ""
    traffic_direction: str = ""


class Lost(msgspec.Struct, frozen=True, gc=False):
    """LostEvent; protojson writes 64-bit numbers as strings."""

    source: str = ""
    num_events_lost: str | int = 0


class Other(msgspec.Struct, frozen=True, gc=False):
    """An event that tells no flow."""


class Export(msgspec.Struct, frozen=True, gc=False):
    """ExportEvent: one of its fields is set."""

    flow: Flow | None = None
    lost_events: Lost | None = None
    node_status: Other | None = None
    agent_event: Other | None = None
    debug_event: Other | None = None
    node_name: str = ""
    time: str = ""


LET_THROUGH: Final = frozenset(("FORWARDED", "REDIRECTED", "AUDIT"))
"""REDIRECTED went to the proxy of layer 7: the connection stands, whatever becomes of a request in it. AUDIT would have
been dropped if audit mode were off, but was not: it happened. TRACED and TRANSLATED (sockets, before any policy)
decide nothing, and what follows of the connection is shown again."""
REFUSED: Final = frozenset(("POLICY_DENIED", "POLICY_DENY", "AUTH_REQUIRED"))
SIDES: Final[dict[str, Side]] = {"EGRESS": "source", "INGRESS": "destination"}
EARLY: Final = ("FROM_", "TO_OVERLAY")
"""Points that a packet passes before it is looked up, or again in a tunnel: what follows says more."""
OWN_NODE: Final = {1: "reserved:host", 4: "reserved:health"}
"""pkg/identity/numericidentity.go. A pod's own node always reaches it, and is nobody outside: probes need nothing."""
UNDECIDED: Final = Remark("a flow does not say whether it is a reply, and is not counted as a use", blinds=True)
AUDITED: Final = Remark("a flow was let through by audit mode only: its policy denies it")

_decode = msgspec.json.Decoder(Export).decode
_NOBODY: Final = Layer4()


def read(line: bytes) -> tuple[Sight | Remark, ...]:
    """One line of the exporter. A refusal at the destination is kept: the source's node had let it through."""
    event = _decode(line)
    flow = event.flow
    if flow is None:
        return _other(event)
    time, node = seconds(flow.time or event.time), flow.node_name or event.node_name
    refused = flow.verdict not in LET_THROUGH
    if flow.is_reply or flow.reply or flow.ip is None:
        return (Sight(time, None, 0, node),)
    l4 = flow.l4 or _NOBODY
    protocol, ports = ("TCP", l4.tcp) if l4.tcp else ("UDP", l4.udp) if l4.udp else ("SCTP", l4.sctp)
    side = SIDES.get(flow.traffic_direction, "")
    if ports is None or not ports.destination_port:
        return (Sight(time, None, 0, node),)
    if refused and not (side == "destination" and flow.drop_reason_desc in REFUSED):
        return (Sight(time, None, 0, node),)
    flags, begins = ports.flags, 1
    if flags is not None:
        begins = int(flags.syn)
    if flow.is_reply is None and not refused and not (flags and flags.syn and not flags.ack):
        if flags and flags.syn:
            return (Sight(time, None, 0, node),)
        unsure = Sight(time, None, 0, node)
        return (unsure,) if flow.trace_observation_point.startswith(EARLY) else (unsure, UNDECIDED)
    s, d = flow.source, flow.destination
    key: Key = (
        flow.trace_observation_point or flow.type,
        side,
        refused,
        s.namespace,
        s.pod_name,
        s.workloads[0].name if s.workloads else OWN_NODE.get(s.identity, ""),
        flow.ip.source,
        d.namespace,
        d.pod_name,
        d.workloads[0].name if d.workloads else OWN_NODE.get(d.identity, ""),
        flow.ip.destination,
        flow.destination_names[0] if flow.destination_names and not d.pod_name else "",
        protocol,
        ports.destination_port,
    )
    if flow.l7 is not None and (http := flow.l7.http) is not None:
        key = (*key, "", "", request.method(http.method), request.path(http.url))
    seen = Sight(time, key, begins, node)
    return (seen, AUDITED) if flow.verdict == "AUDIT" else (seen,)


def _other(event: Export) -> tuple[Sight | Remark, ...]:
    seen = Sight(seconds(event.time) if event.time else 0, None, 0, event.node_name)
    if event.lost_events is not None:
        count = int(event.lost_events.num_events_lost) or 1
        return seen, Remark("Hubble lost events before they were written", count, blinds=True)
    if event.node_status is None and event.agent_event is None and event.debug_event is None:
        raise ValueError("no flow and no event of Hubble")
    return (seen,)
