"""What a server's proxy takes a port to speak: it decides whether a policy can ask about HTTP there.

Sources: istio pkg/config/kube/conversion.go (ConvertProtocol), pkg/config/protocol/instance.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from mistrust.kube.core import Service
from mistrust.layers.mesh.istio.hosts import Via


class Protocol(StrEnum):
    """What the proxy does with the bytes."""

    HTTP = "HTTP"
    TCP = "TCP"
    """Passed on as they are; TLS that the application ends is this too."""
    SNIFFED = "sniffed"
    """Looked at: what is HTTP is treated as HTTP, all else as TCP. So the client chooses."""


_HTTP: Final = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
_TCP: Final = frozenset({"tcp", "tls", "https", "mongo", "mysql", "redis", "hbone"})
_STANDARD: Final = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}
_WELL_KNOWN: Final = frozenset({25, 53, 3306, 27017})
"""Ports where the server speaks first, or not HTTP in any case."""


def named(port: int, name: str, app_protocol: str = "") -> Protocol:
    """What a port of a Service speaks, by its `appProtocol`, else by its name up to the first dash.

    >>> [named(80, n).value for n in ("http-web", "tcp", "web")]
    ['HTTP', 'TCP', 'sniffed']
    """
    word = _STANDARD.get(app_protocol, app_protocol) or name
    word = word.lower()
    prefix = "grpc-web" if word.startswith("grpc-web") else word.partition("-")[0]
    if prefix in _HTTP:
        return Protocol.HTTP
    if prefix in _TCP or port in _WELL_KNOWN:
        return Protocol.TCP
    return Protocol.SNIFFED


def protocol(vias: Iterable[Via], port: int) -> Protocol:
    """What a port of a container speaks, by the Services before it.

    Without any, it is looked at; where they disagree, that is assumed too, because it is the weaker.
    """
    found = {_of(v) for v in vias if v.target == port}
    return found.pop() if len(found) == 1 else Protocol.SNIFFED


def _of(via: Via) -> Protocol:
    if isinstance(via.source, Service):
        said = next((p for p in via.source.spec.ports if p.port == via.port and p.protocol == "TCP"), None)
        return named(via.port, said.name, said.app_protocol) if said is not None else Protocol.SNIFFED
    return Protocol.SNIFFED
