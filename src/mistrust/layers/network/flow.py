"""A connection as somebody saw it on the network, before it is known which workloads it was between."""

from __future__ import annotations

import msgspec


class Peer(msgspec.Struct, frozen=True, order=True, gc=False):
    """One end, as far as the observer names it; empty where it does not."""

    namespace: str = ""
    pod: str = ""
    workload: str = ""
    """The owner's name: `web`."""
    address: str = ""
    """IPv4 or IPv6, as it was at that time."""
    name: str = ""
    """The DNS name it was called by."""


class Flow(msgspec.Struct, frozen=True, order=True, gc=False):
    """The source opened a connection to the destination, and was let through. Replies and refusals are no flows."""

    source: Peer
    destination: Peer
    protocol: str
    """TCP, UDP or SCTP."""
    port: int
    """Of the destination: the container's where the observer saw the pod, the Service's where it saw its address."""
