"""One use of a server, as exact as a policy can tell it from others."""

from __future__ import annotations

import msgspec

from mistrust.kube.meta import Ref
from mistrust.layers.mesh.istio.authorization.requests import Http, Request


class Access(msgspec.Struct, frozen=True):
    """A client sends a request, or bytes, to a port of a workload."""

    source: Ref | None
    """None: outside the cluster; with a principal whoever has that name and is no workload that is shown."""
    destination: Ref
    request: Request
    """With a principal it comes over mutual TLS; without one in plaintext, or in TLS that no mesh vouches for."""
    partly: bool = False
    """Is only method and path of the request known?"""

    def __str__(self) -> str:
        r = self.request
        how = f"as {r.principal}" if r.principal is not None else "without an identity"
        said = f": {r.http.method} {r.http.path}" if isinstance(r.http, Http) else ""
        host = f" at {r.http.host}" if isinstance(r.http, Http) and not self.partly else ""
        return f"{self.source or 'somebody outside'} -> {self.destination} TCP {r.port} {how}{said}{host}"
