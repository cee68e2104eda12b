"""How Istio reads addresses and blocks of them.

Source: istio pilot/pkg/networking/util/util.go (AddrStrToCidrRange).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Block = IPv4Network | IPv6Network


def block(value: str) -> Block | None:
    """An address or a CIDR; host bits do not count. None for what is neither.

    >>> block("10.1.2.3/16")
    IPv4Network('10.1.0.0/16')
    """
    _, slash, bits = value.partition("/")
    if slash and not bits.isdigit():
        return None
    try:
        return ip_network(value, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def inside(address: str, where: Block) -> bool:
    """Is the address in the block? An address that cannot be read is in none."""
    try:
        return ip_address(address) in where
    except ValueError:
        return False
