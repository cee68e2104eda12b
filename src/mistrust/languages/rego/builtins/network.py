"""Addresses (topdown/cidr.go)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import collection, failed, text, wrong
from mistrust.languages.rego.errors import OperandError
from mistrust.languages.rego.values import Set, Value, kind, ordered, pairs

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
MOST: Final = 1 << 16
"""Addresses that are written out."""


def _network(name: str, value: str) -> Network:
    if "/" not in value:
        raise failed(name, f"invalid CIDR address: {value}")
    try:
        return ip_network(value, strict=False)
    except ValueError:
        raise failed(name, f"invalid CIDR address: {value}") from None


def _either(name: str, value: str) -> Network:
    """A block, or an address as one."""
    try:
        return ip_network(value, strict=False)
    except ValueError:
        raise failed(name, f"not a valid textual representation of an IP address or CIDR: {value}") from None


def cidr_contains(block: Value, other: Value) -> Value:
    """Is the address, or the whole of the other block, in it?"""
    name = "net.cidr_contains"
    return _contains(_network(name, text(name, 1, block)), _either(name, text(name, 2, other)))


def _contains(block: Network, other: Network) -> bool:
    if isinstance(block, IPv4Network):
        return isinstance(other, IPv4Network) and other.subnet_of(block)
    return isinstance(other, IPv6Network) and other.subnet_of(block)


def cidr_intersects(a: Value, b: Value) -> Value:
    """Have two blocks an address in common?"""
    name = "net.cidr_intersects"
    one, other = _network(name, text(name, 1, a)), _network(name, text(name, 2, b))
    return one.version == other.version and one.overlaps(other)


def cidr_is_valid(value: Value) -> Value:
    """Is it a block?"""
    if not isinstance(value, str) or "/" not in value:
        return False
    try:
        ip_network(value, strict=False)
    except ValueError:
        return False
    return value.rpartition("/")[2].isdecimal()


def cidr_expand(value: Value) -> Value:
    """Every address of a block."""
    name = "net.cidr_expand"
    block = _network(name, text(name, 1, value))
    if block.num_addresses > MOST:
        raise failed(name, f"more than {MOST} addresses")
    return Set(map(str, block))


def cidr_merge(values: Value) -> Value:
    """The same addresses as few blocks as that takes."""
    name = "net.cidr_merge"
    found: list[Network] = []
    for each in collection(name, 1, values, "one of {array, set}"):
        if not isinstance(each, str):
            raise OperandError(f"{name}: operand 1 must be {kind(values)} of strings but got {kind(each)}")
        if "/" not in each:
            if ":" in each:
                raise failed(name, "IPv6 invalid: needs prefix length")
            each = f"{each}/{_classful(each)}"
        found.append(_network(name, each))
    four = [n for n in found if isinstance(n, IPv4Network)]
    six = [n for n in found if isinstance(n, IPv6Network)]
    return Set(map(str, (*collapse_addresses(four), *collapse_addresses(six))))


def _classful(value: str) -> int:
    """The default mask of an IPv4 address: net.IP.DefaultMask."""
    try:
        first = IPv4Address(value).packed[0]
    except ValueError:
        raise failed("net.cidr_merge", f"invalid IP address: {value}") from None
    return 8 if first < 128 else 16 if first < 192 else 24


def cidr_contains_matches(blocks: Value, others: Value) -> Value:
    """Which of the blocks contain which of the others: by index, by key, or by the string itself."""
    name = "net.cidr_contains_matches"
    many = [(k, _either(name, v)) for k, v in _named(name, 2, others)]
    return Set(
        [key, inner_key]
        for key, value in _named(name, 1, blocks)
        for inner_key, inner in many
        if _contains(_either(name, value), inner)
    )


def _named(name: str, at: int, value: Value) -> Iterator[tuple[Value, str]]:
    several: Iterable[tuple[Value, Value]]
    if isinstance(value, str):
        several = [(value, value)]
    elif isinstance(value, list):
        several = enumerate(value)
    elif isinstance(value, Set):
        several = [(v, v) for v in ordered(value)]
    elif isinstance(value, dict):
        several = pairs(value)
    else:
        raise wrong(name, at, "one of {string, array, set, object}", value)
    for k, each in several:
        first = each[0] if isinstance(each, list) and each else each
        if not isinstance(first, str):
            raise failed(name, f"operand {at}: element must be string or non-empty array")
        yield k, first


def lookup_ip_addr(value: Value) -> Value:
    """The addresses of a name: an address by itself; a name is not asked for, because that needs the network."""
    name = "net.lookup_ip_addr"
    given = text(name, 1, value)
    try:
        return Set([str(ip_address(given))])
    except ValueError:
        raise failed(name, "looking up names is not granted") from None


_PURE: Final[Mapping[str, Pure]] = {
    "net.cidr_contains": cidr_contains,
    "net.cidr_contains_matches": cidr_contains_matches,
    "net.cidr_expand": cidr_expand,
    "net.cidr_intersects": cidr_intersects,
    "net.cidr_is_valid": cidr_is_valid,
    "net.cidr_merge": cidr_merge,
    "net.cidr_overlap": cidr_contains,
    "net.lookup_ip_addr": lookup_ip_addr,
}
NETWORK: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
