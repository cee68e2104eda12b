"""The Internet as a set of addresses, and how much of it is let in somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range

from mistrust.layers.network.addresses import V6, Block, cidr
from mistrust.layers.network.engine.lines import Span

PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
)
"""What no stranger of the Internet comes from: the special-purpose addresses registered by IANA (RFC 6890)."""
GLOBAL_V6 = "2000::/3"

SHOWN = 2


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union of ranges, in order."""
    out: list[Span] = []
    for low, high in sorted(spans):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        elif low < high:
            out.append((low, high))
    return tuple(out)


def common(some: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """What lies in both."""
    several = tuple(others)
    return joined((max(a, c), min(b, d)) for a, b in some for c, d in several if max(a, c) < min(b, d))


def without(some: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """What lies in the first alone."""
    left = list(some)
    for c, d in others:
        left = [p for a, b in left for p in ((a, min(b, c)), (max(a, d), b)) if p[0] < p[1]]
    return joined(left)


def spans_of(texts: Iterable[str]) -> tuple[Span, ...]:
    """The addresses of CIDRs; what is none counts for nothing."""
    return joined(found for text in texts if (found := cidr(text)) is not None)


def spans_in(block: Block) -> Iterator[Span]:
    """The addresses of a block of the engine, on the line of both families."""
    return ((low + V6 * block.v6, high + V6 * block.v6) for low, high in block.ranges)


INTERNET = joined((*without(spans_of(["0.0.0.0/0"]), spans_of(PRIVATE)), *spans_of([GLOBAL_V6])))


def strangers(spans: Iterable[Span]) -> str | None:
    """Who of the Internet is among these addresses: "" for everybody, the addresses for a few, None for nobody.

    Most of one family counts as everybody: that some addresses are kept out stops no attacker.

    >>> strangers(spans_of(["0.0.0.0/0"])), strangers(spans_of(["203.0.113.0/24"])), strangers(spans_of(["10.0.0.0/8"]))
    ('', '203.0.113.0/24', None)
    """
    found = common(spans, INTERNET)
    for low, high in ((0, V6), (V6, INTERNET[-1][1])):
        whole = size(common(INTERNET, [(low, high)]))
        if 2 * size(common(found, [(low, high)])) > whole:
            return ""
    return told(found) if found else None


def size(spans: Iterable[Span]) -> int:
    """How many addresses there are."""
    return sum(high - low for low, high in spans)


def told(spans: Iterable[Span]) -> str:
    """Ranges as CIDRs, the first of them."""
    names = [str(network) for low, high in spans for network in _networks(low, high)]
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _networks(low: int, high: int) -> Iterator[IPv4Network | IPv6Network]:
    if low >= V6:
        return summarize_address_range(IPv6Address(low - V6), IPv6Address(high - 1 - V6))
    return summarize_address_range(IPv4Address(low), IPv4Address(high - 1))
