"""What was seen of connections, told by the workloads of a snapshot, as the mesh layer wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from mistrust.access.ports import PROTOCOLS, point
from mistrust.access.record import Tally
from mistrust.layers.mesh.use import Use
from mistrust.layers.network.flow import Flow, Peer
from mistrust.layers.network.usage import Names


class Exchange(Protocol):
    """A connection, or requests of one kind over it, as an observer tells it."""

    @property
    def source(self) -> Peer:
        """Who opened it."""

    @property
    def destination(self) -> Peer:
        """Who answered."""

    @property
    def protocol(self) -> str:
        """TCP, UDP or SCTP."""

    @property
    def port(self) -> int:
        """The container's, or the Service's where its address or name is the destination."""

    @property
    def identity(self) -> str:
        """Who the client proved to be."""

    @property
    def security(self) -> str:
        """`mtls`, `tls`, `plaintext`, or empty."""

    @property
    def method(self) -> str:
        """Of HTTP."""

    @property
    def path(self) -> str:
        """Of HTTP, without its query."""


E = TypeVar("E", bound=Exchange)


def uses(names: Names, exchanges: Mapping[E, Tally]) -> dict[Use, Tally]:
    """What came to workloads; what went elsewhere, or to somebody who is not shown, is left out."""
    found: dict[Use, Tally] = {}
    for e, tally in exchanges.items():
        if e.protocol not in PROTOCOLS:
            continue
        source = names.who(e.source) or (None,)
        for target, port in names.targets(Flow(e.source, e.destination, e.protocol, e.port)):
            at = point(e.protocol, port)
            use = Use(source[0], target, at, e.identity, e.security, e.method, e.path)
            found[use] = found[use] + tally if use in found else tally
    return found


def flows(names: Names, seen: Mapping[Flow, Tally]) -> dict[Use, Tally]:
    """The same of plain flows: that a connection happened, and nothing of how."""
    found: dict[Use, Tally] = {}
    for flow, tally in seen.items():
        source = names.who(flow.source) or (None,)
        for target, port in names.targets(flow) if flow.protocol in PROTOCOLS else ():
            use = Use(source[0], target, point(flow.protocol, port))
            found[use] = found[use] + tally if use in found else tally
    return found
