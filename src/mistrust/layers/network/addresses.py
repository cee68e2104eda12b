"""Addresses on one line: IPv4 first, IPv6 after it; CIDRs, and the blocks that every policy treats alike.

A CIDR means what Go's net.ParseCIDR makes of it (k8s.io/utils/net ParseCIDRSloppy): bits behind the prefix are dropped,
leading zeros of an IPv4 number are taken as decimal.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

import msgspec

from mistrust.kube.network import IPBlock
from mistrust.layers.network.engine.lines import Line, Ranges, Span

V6 = 1 << 40
"""Where IPv6 begins on the line."""
IPV4: Span = (0, 1 << 32)
IPV6: Span = (V6, V6 + (1 << 128))
FAMILIES: Ranges = (IPV4, IPV6)


class Block(msgspec.Struct, frozen=True, gc=False):
    """External addresses that every policy treats alike."""

    ranges: Ranges
    """Half-open ranges of integers of one family, in order."""
    v6: bool = False

    def __contains__(self, address: object) -> bool:
        """Is an address, as text, one of them?"""
        at = place(address) if isinstance(address, str) else None
        return at is not None and any(low <= at - V6 * self.v6 < high for low, high in self.ranges)


@lru_cache(1 << 12)
def cidr(text: str) -> Span | None:
    """The addresses of a CIDR; None for what is no CIDR.

    >>> cidr("10.0.0.7/8") == cidr("10.0.0.0/8")
    True
    """
    address, slash, bits = text.partition("/")
    low = place(address)
    if low is None or not slash or not (bits.isascii() and bits.isdigit()) or len(bits) > 3:
        return None
    width, prefix = 128 if low >= V6 else 32, int(bits)
    if width == 32 and ":" in address:  # IPv4 written as IPv6
        prefix -= 96
    if not 0 <= prefix <= width:
        return None
    size = 1 << (width - prefix)
    low -= (low - V6 if width == 128 else low) % size
    return low, low + size


def place(text: str) -> int | None:
    """Where one address stands on the line; None for what is no address. IPv4 inside IPv6 is IPv4, as in Go."""
    if ":" not in text:
        parts = text.split(".")
        if len(parts) != 4:
            return None
        at = 0
        for part in parts:
            if not (part.isascii() and part.isdigit()) or len(part) > 10 or int(part) > 255:
                return None
            at = at << 8 | int(part)
        return at
    try:
        v6 = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if v6.scope_id is not None:
        return None
    return int(v6.ipv4_mapped) if v6.ipv4_mapped is not None else V6 + int(v6)


def spans(block: IPBlock) -> Ranges | None:
    """The addresses of an ipBlock, ranges in order; None where it is malformed.

    The API server refuses an exception that is not strictly inside the block
    (k8s.io/kubernetes pkg/apis/networking/validation, ValidateIPBlock).
    """
    whole = cidr(block.cidr)
    if whole is None:
        return None
    left = [whole]
    for text in block.excluded:
        out = cidr(text)
        if out is None or out == whole or not (whole[0] <= out[0] and out[1] <= whole[1]):
            return None
        left = [p for a, b in left for p in ((a, min(b, out[0])), (max(a, out[1]), b)) if p[0] < p[1]]
    return tuple(left)


def blocks(line: Line) -> tuple[Block, ...]:
    """The parts of the line of addresses, numbers counted from the start of their family."""
    out = []
    for ranges in line.each():
        v6 = ranges[0][0] >= V6
        out.append(Block(tuple((a - V6 * v6, b - V6 * v6) for a, b in ranges), v6))
    return tuple(out)
