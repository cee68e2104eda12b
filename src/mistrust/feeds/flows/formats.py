"""The formats of flow logs and traces, and by what a line tells its own."""

from __future__ import annotations

import re
from typing import Final

from mistrust.feeds.flows import calico, conntrack, envoy, hubble, linkerd, otlp, protobuf, vpc, ztunnel
from mistrust.feeds.flows.sight import Format, Reader


def _format(name: str, like: bytes, read: Reader, sampled: bool = False) -> Format:
    return Format(name, re.compile(like, re.S), lambda: read, sampled)


FORMATS: Final = (
    _format("OpenTelemetry traces", rb'^\s*\{.*"resourceSpans"\s*:', otlp.read, sampled=True),
    _format("OpenTelemetry traces as protobuf", protobuf.LIKE, protobuf.read, sampled=True),
    _format("Calico Goldmane", rb'^\s*\{.*"Key"\s*:\s*\{.*"reporter"\s*:', calico.read_goldmane),
    _format("Calico", rb'^\s*\{.*"reporter"\s*:\s*["1-9]', calico.read),
    _format("Cilium Hubble", rb'^\s*\{.*"(?:flow|lost_events|node_status|agent_event)"\s*:\s*\{', hubble.read),
    _format("ztunnel", rb'^\s*\{.*"scope"\s*:\s*"access"|^\S+Z\s+\w+\s+access:?\s', ztunnel.read),
    _format("Envoy", rb'^\s*\{.*"upstream_host"\s*:|^\[\d{4}-\d\d-\d\dT\S+Z\] "', envoy.read),
    Format(
        "Linkerd tap",
        re.compile(rb'^\s*\{.*"proxyDirection"\s*:', re.S),
        linkerd.tap_reader,
        sampled=True,
        remembers=True,
    ),
    _format("Linkerd access log", rb'^\s*\{.*"client\.addr"\s*:', linkerd.read_access),
    _format("conntrack", rb"\bsrc=\S+ .*\bdst=\S+ .*\bsrc=", conntrack.read),
    Format("VPC flow logs", re.compile(rb"\bsrcaddr\b.*\bdstaddr\b|^2(?: \S+){13}\s*$"), vpc.reader, remembers=True),
)
"""In the order in which they are tried."""
