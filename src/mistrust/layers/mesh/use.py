"""What was seen of connections by the mesh: who connected to whom, how it was protected, and what was asked for."""

from __future__ import annotations

from typing import Final

import msgspec

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.kube.meta import Ref

ONE: Final = "{*}"
"""One segment of a path that was another each time: an identifier."""
REST: Final = "{**}"
"""A rest of a path, of any length."""


class Use(msgspec.Struct, frozen=True, order=True, gc=False):
    """A connection, or requests of one kind over it. A plain flow is one too: it leaves open how it was protected."""

    source: Ref | None
    """A workload; None: outside the cluster, or not known."""
    destination: Ref
    at: int
    """`access.ports.point(protocol, container port)`."""
    identity: str = ""
    """Who the client proved to be, as the server saw it; empty: nobody, or not told."""
    security: str = ""
    """`mtls`, `tls` or `plaintext`; empty: not told."""
    method: str = ""
    path: str = ""
    """Without its query; identifiers stand as `{*}`, a rest of any length as `{**}`."""

    @property
    def port(self) -> int:
        """The number of the port."""
        return self.at % SPAN

    def __str__(self) -> str:
        said = " ".join(w for w in (self.method, self.path) if w)
        where = f"{PROTOCOLS[self.at // SPAN]} {self.port}"
        return f"{self.source or 'somebody outside'} -> {self.destination} {where}{f': {said}' if said else ''}"
