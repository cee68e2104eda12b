"""Addresses and blocks (k8s.io/apiserver pkg/cel/library/{ip,cidr}.go)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.standard import to_string
from mistrust.languages.cel.values import CelError, Opaque, Type, Value, no_overload


class Address(Opaque):
    """An IP address."""

    __slots__ = ("ip",)
    kind = Type("net.IP")

    def __init__(self, ip: IPv4Address | IPv6Address) -> None:
        self.ip = ip

    def same(self, other: Opaque) -> bool:
        """Is it the same address?"""
        return isinstance(other, Address) and other.ip == self.ip


class Block(Opaque):
    """A CIDR, with the bits of its host as they were written."""

    __slots__ = ("host", "network")
    kind = Type("net.CIDR")

    def __init__(self, host: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network) -> None:
        self.host, self.network = host, network

    def same(self, other: Opaque) -> bool:
        """Is it the same block?"""
        return isinstance(other, Block) and (other.host, other.network) == (self.host, self.network)


def _parsed(text: str) -> IPv4Address | IPv6Address:
    if "%" in text:
        raise CelError(f'IP Address "{text}" with zone value is not allowed')
    try:
        found = ip_address(text)
    except ValueError as error:
        raise CelError(f'IP Address "{text}" parse error during conversion from string: {error}') from None
    if isinstance(found, IPv6Address) and "." in text:
        raise CelError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def ip(a: Value) -> Value:
    """An address."""
    if isinstance(a, Address):
        return a
    if isinstance(a, str):
        return Address(_parsed(a))
    if isinstance(a, Block):
        return Address(a.host)
    raise no_overload("ip", a)


def is_ip(a: Value) -> Value:
    """Is it an address?"""
    if not isinstance(a, str):
        raise no_overload("isIP", a)
    try:
        _parsed(a)
    except CelError:
        return False
    return True


def is_canonical(a: Value) -> Value:
    """Is it written as it would be printed?"""
    if not isinstance(a, str):
        raise no_overload("ip.isCanonical", a)
    return str(_parsed(a)) == a


def _block(text: str) -> Block:
    host, slash, bits = text.partition("/")
    if not slash or not re.fullmatch(r"0|[1-9]\d{0,2}", bits):
        raise CelError(f'network address parse error during conversion from string: "{text}"')
    try:
        return Block(_parsed(host), ip_network(text, strict=False))
    except ValueError as error:
        raise CelError(f"network address parse error during conversion from string: {error}") from None


def cidr(a: Value) -> Value:
    """A block."""
    if isinstance(a, Block):
        return a
    if isinstance(a, str):
        return _block(a)
    raise no_overload("cidr", a)


def is_cidr(a: Value) -> Value:
    """Is it a block?"""
    if not isinstance(a, str):
        raise no_overload("isCIDR", a)
    try:
        _block(a)
    except CelError:
        return False
    return True


def _address(name: str, a: Value) -> IPv4Address | IPv6Address:
    if isinstance(a, Address):
        return a.ip
    raise no_overload(name, a)


def family(a: Value) -> Value:
    """4 or 6."""
    return _address("family", a).version


def is_unspecified(a: Value) -> Value:
    """0.0.0.0 or ::."""
    return _address("isUnspecified", a).is_unspecified


def is_loopback(a: Value) -> Value:
    """Of the loopback."""
    return _address("isLoopback", a).is_loopback


def is_link_local_multicast(a: Value) -> Value:
    """224.0.0.0/24 or ff02::/16."""
    found = _address("isLinkLocalMulticast", a)
    return found in (ip_network("224.0.0.0/24") if found.version == 4 else ip_network("ff02::/16"))


def is_link_local_unicast(a: Value) -> Value:
    """169.254.0.0/16 or fe80::/10."""
    return _address("isLinkLocalUnicast", a).is_link_local


def is_global_unicast(a: Value) -> Value:
    """None of these, no multicast, and not the broadcast address: net/netip's definition."""
    found = _address("isGlobalUnicast", a)
    apart = found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local
    return not apart and found != ip_address("255.255.255.255")


def _of_block(name: str, a: Value) -> Block:
    if isinstance(a, Block):
        return a
    raise no_overload(name, a)


def contains_ip(a: Value, b: Value) -> Value:
    """Is the address in the block?"""
    block = _of_block("containsIP", a)
    found = _parsed(b) if isinstance(b, str) else _address("containsIP", b)
    return found in block.network


def contains_cidr(a: Value, b: Value) -> Value:
    """Is the whole of the other block in it?"""
    block = _of_block("containsCIDR", a).network
    other = (_block(b) if isinstance(b, str) else _of_block("containsCIDR", b)).network
    if isinstance(block, IPv4Network):
        return isinstance(other, IPv4Network) and other.subnet_of(block)
    return isinstance(other, IPv6Network) and other.subnet_of(block)


def masked(a: Value) -> Value:
    """The block with the bits of its host cleared."""
    found = _of_block("masked", a)
    return Block(found.network.network_address, found.network)


def prefix_length(a: Value) -> Value:
    """How many bits name the network."""
    return _of_block("prefixLength", a).network.prefixlen


def string(a: Value) -> Value:
    """As text."""
    if isinstance(a, Address):
        return str(a.ip)
    if isinstance(a, Block):
        return f"{a.host}/{a.network.prefixlen}"
    return to_string(a)


NETWORK: Final[Functions] = {
    **globals_of(
        {
            "ip": ip,
            "isIP": is_ip,
            "ip.isCanonical": is_canonical,
            "cidr": cidr,
            "isCIDR": is_cidr,
            "string": string,
        }
    ),
    **members(
        {
            "family": family,
            "isUnspecified": is_unspecified,
            "isLoopback": is_loopback,
            "isLinkLocalMulticast": is_link_local_multicast,
            "isLinkLocalUnicast": is_link_local_unicast,
            "isGlobalUnicast": is_global_unicast,
            "containsIP": contains_ip,
            "containsCIDR": contains_cidr,
            "ip": ip,
            "masked": masked,
            "prefixLength": prefix_length,
        }
    ),
}
