"""What somebody saw on the network, before it is known which workloads it was between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from mistrust.access.record import Days, Record, Tally

Security = Literal["mtls", "tls", "plaintext", ""]
"""How a connection was protected: both ends proved who they are; it was encrypted, and no certificate of the client is
known; no proxy encrypted it; it is not told."""


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


class Exchange(msgspec.Struct, frozen=True, order=True, gc=False):
    """What a proxy saw inside a connection that was let through: who the client proved to be, and what it asked for."""

    source: Peer
    destination: Peer
    protocol: str
    port: int
    identity: str = ""
    """That the client authenticated with: `spiffe://cluster.local/ns/shop/sa/web`,
    `web.shop.serviceaccount.identity.linkerd.cluster.local`; empty where it proved none, or it is not told."""
    security: Security = ""
    method: str = ""
    """Of HTTP; empty for a connection that is not HTTP, or where it is not told."""
    path: str = ""
    """Of HTTP, without query; segments that look like identifiers are `{*}`, a rest of any length is `{**}`."""


class Traffic(Record[Flow], frozen=True):
    """Every connection that was seen, and what proxies saw inside."""

    exchanges: Mapping[Exchange, Tally] = {}


class TrafficDays(Days[Flow], frozen=True):
    """The same day by day."""

    exchanges: Mapping[int, Mapping[Exchange, Tally]] = {}
    """By the number of the day since 1970, UTC."""

    def since(self, day: int) -> TrafficDays:
        """Only this day and those after it."""
        later = super().since(day)
        return TrafficDays(later.uses, later.coverage, {n: uses for n, uses in self.exchanges.items() if n >= day})
