"""Calico: flow logs of Felix, and flows of Goldmane as its API, its stream and Whisker show them.

The first is JSONOutput of felix/collector/flowlog, the others are goldmane/proto/api.proto as protojson, and
FlowResponse of whisker-backend. Each end reports a flow: once as `src`, once as `dst`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mistrust.feeds.flows.sight import End, Remark, Side, Sight, key, seconds

SIDES: Final[dict[str, Side]] = {"src": "source", "dst": "destination"}
PROTOCOLS: Final = {"6": "TCP", "17": "UDP", "132": "SCTP"}
TYPES: Final = ("", "wep", "hep", "ns", "net")
REPORTERS: Final = ("", "src", "dst")
ACTIONS: Final = ("", "allow", "deny", "pass")
"""The numbers of Goldmane's enums."""
PODS: Final = frozenset(("wep", "workloadendpoint", ""))
HASH: Final = re.compile(r"(.+)-[bcdf4-9]{5,10}")
"""A ReplicaSet's name: its hash is decimal digits in the alphabet of k8s.io/apimachinery/pkg/util/rand
(SafeEncodeString), which leaves these ten characters."""
TEMPLATE: Final = "pod-template-hash="
AGGREGATED: Final = Remark("a flow is aggregated over ports, and is not counted as a use", blinds=True)

Number = str | int | None


class Labels(msgspec.Struct, frozen=True, gc=False):
    """Of the pods of one end."""

    labels: tuple[str, ...] | None = None


class FlowLog(msgspec.Struct, frozen=True, gc=False):
    """A line of Felix, or a flow of Whisker: some fields have different names and types."""

    start_time: str | int
    action: str | int
    reporter: str | int
    source_namespace: str = ""
    dest_namespace: str = ""
    source_name: str = ""
    dest_name: str = ""
    source_name_aggr: str = ""
    dest_name_aggr: str = ""
    source_type: str = ""
    dest_type: str = ""
    source_ip: str | None = None
    dest_ip: str | None = None
    source_labels: Labels | str | None = None
    dest_labels: Labels | str | None = None
    dest_port: Number = None
    proto: str = ""
    protocol: str = ""
    num_flows_started: Number = 0


class FlowKey(msgspec.Struct, frozen=True, gc=False):
    """FlowKey of Goldmane. Its enums are names, or numbers where Go's own encoder wrote them."""

    reporter: str | int
    action: str | int
    source_name: str = ""
    source_namespace: str = ""
    source_type: str | int = ""
    dest_name: str = ""
    dest_namespace: str = ""
    dest_type: str | int = ""
    dest_port: Number = 0
    proto: str = ""


class GoldmaneFlow(msgspec.Struct, frozen=True, gc=False):
    """Flow of Goldmane, as its emitter and `UseProtoNames` write it."""

    start_time: Number
    key: FlowKey = msgspec.field(name="Key")
    source_labels: tuple[str, ...] | None = ()
    dest_labels: tuple[str, ...] | None = ()
    num_connections_started: Number = 0


class FlowResult(msgspec.Struct, frozen=True, gc=False):
    """What Goldmane streams."""

    flow: GoldmaneFlow


_decode = msgspec.json.Decoder(FlowLog).decode
_decode_goldmane = msgspec.json.Decoder(GoldmaneFlow).decode
_decode_result = msgspec.json.Decoder(FlowResult).decode
_CAMEL = re.compile(rb'(?<=[a-z])[A-Z](?=[A-Za-z]*"\s*:)')


def read(line: bytes) -> tuple[Sight | Remark, ...]:
    """One line of Felix, or one flow of Whisker."""
    log = _decode(line)
    source = _end(log.source_namespace, log.source_name_aggr, log.source_name, log.source_type, log.source_labels)
    target = _end(log.dest_namespace, log.dest_name_aggr, log.dest_name, log.dest_type, log.dest_labels)
    return _sight(
        log.start_time if isinstance(log.start_time, int) else seconds(log.start_time),
        _named(REPORTERS, log.reporter),
        _named(ACTIONS, log.action),
        msgspec.structs.replace(source, address=log.source_ip or ""),
        msgspec.structs.replace(target, address=log.dest_ip or ""),
        log.proto or log.protocol,
        log.dest_port,
        log.num_flows_started,
    )


def read_goldmane(line: bytes) -> tuple[Sight | Remark, ...]:
    """One flow of Goldmane."""
    if b'"destPort"' in line:  # protojson, which may also keep the names of the fields as they are
        line = _CAMEL.sub(lambda capital: b"_" + capital[0].lower(), line)
    flow = _decode_result(line).flow if b'"flow"' in line else _decode_goldmane(line)
    k = flow.key
    source = _end(k.source_namespace, k.source_name, "", _named(TYPES, k.source_type), Labels(flow.source_labels))
    target = _end(k.dest_namespace, k.dest_name, "", _named(TYPES, k.dest_type), Labels(flow.dest_labels))
    reporter, action = _named(REPORTERS, k.reporter), _named(ACTIONS, k.action)
    started = flow.num_connections_started
    return _sight(int(flow.start_time or 0), reporter, action, source, target, k.proto, k.dest_port, started)


def _named(names: tuple[str, ...], value: str | int) -> str:
    return value if isinstance(value, str) else names[value] if 0 <= value < len(names) else ""


def _sight(
    time: int, reporter: str, action: str, source: End, target: End, protocol: str, port: Number, started: Number
) -> tuple[Sight | Remark, ...]:
    side = SIDES.get(reporter.lower(), "")
    refused = action.lower() != "allow"
    if refused and side != "destination":
        return (Sight(time, None, 0),)
    if not port or port == "-":
        return (Sight(time, None, 0), AGGREGATED) if PROTOCOLS.get(protocol, protocol.upper()) != "ICMP" else ()
    protocol = PROTOCOLS.get(protocol, protocol)
    return (Sight(time, key("Calico", side, source, target, protocol, int(port), refused), int(started or 0)),)


def _end(namespace: str, aggregated: str, name: str, kind: str, labels: Labels | str | None) -> End:
    """Pods of one owner are `web-7d9f8c6b5-*`; of a DaemonSet or a StatefulSet `web-*`; on their own `web`."""
    if kind.lower() not in PODS or namespace in ("", "-"):
        return End()
    if name not in ("", "-") and not name.endswith("*"):
        return End(namespace, name)
    pods = aggregated if aggregated not in ("", "-") else name
    if not pods.endswith("-*"):
        return End(namespace, pods)
    owner = pods[:-2]
    known = labels.labels or () if isinstance(labels, Labels) else (labels or "").split(" | ")
    template = next((label[len(TEMPLATE) :] for label in known if label.startswith(TEMPLATE)), "")
    if template and owner.endswith("-" + template):
        return End(namespace, "", owner[: -len(template) - 1])
    hashed = HASH.fullmatch(owner) if not any(known) else None
    return End(namespace, "", hashed[1] if hashed else owner)
