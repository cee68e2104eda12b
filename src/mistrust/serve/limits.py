"""Bounds on what one client may ask of a server."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The defaults are for an API server, which is the only client there should be."""

    head: int = 16 << 10
    """Bytes of the request line and the headers."""
    body: int = 7 << 20
    """Bytes of a review: the API server takes 3 MiB of an object, and an update has two of them."""
    handshake: float = 5.0
    """Seconds for TLS."""
    request: float = 10.0
    """Seconds from the first byte of a request to the last, and from a connection to its first request."""
    idle: float = 180.0
    """Seconds between requests. More than the 90 after which the API server gives a connection up: the one that closes
    a connection must not be the one that does not know whether a request is on its way."""
    connections: int = 2000
    """At once, for each worker."""
    budget: float = 1.0
    """Seconds for the policies of one review: nothing else is answered meanwhile."""
    margin: float = 0.8
    """Of the webhook's own timeout, how much may pass until the answer."""
