"""Sets of ports, exactly: TCP, UDP and SCTP, ports 1 to 65535 each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Self

import msgspec

PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
SPAN: Final = 65536
"""A port stands on one line as `index of its protocol * SPAN + number`."""

Range = tuple[int, int]
"""From the first to after the last, on that line; never across a protocol."""


def point(protocol: str, port: int) -> int:
    """Where a port stands on the line.

    >>> point("UDP", 53)
    65589
    """
    return PROTOCOLS.index(protocol) * SPAN + port


class Ports(msgspec.Struct, frozen=True, gc=False):
    """A set of ports: ranges in order, not touching each other within a protocol."""

    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> Self:
        """The union of ranges in any order; empty ones and what lies outside 1 to 65535 are left out."""
        return cls(_joined(_inside(ranges)))

    @classmethod
    def span(cls, protocol: str, first: int = 1, last: int = SPAN - 1) -> Self:
        """The ports `first` to `last` of a protocol, both included.

        >>> str(Ports.span("TCP", 80, 81) | Ports.span("UDP", 53, 53))
        'TCP 80-81,UDP 53'
        """
        return cls.of(((point(protocol, first), point(protocol, last) + 1),))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, at: object) -> bool:
        return isinstance(at, int) and any(low <= at < high for low, high in self.ranges)

    def __iter__(self) -> Iterator[int]:
        return (p for low, high in self.ranges for p in range(low, high))

    def __or__(self, other: Ports, /) -> Ports:
        if not other.ranges or self.ranges == other.ranges:
            return self
        return Ports(_joined((*self.ranges, *other.ranges))) if self.ranges else other

    def __and__(self, other: Ports, /) -> Ports:
        if self.ranges == other.ranges:
            return self
        pairs = ((max(a, c), min(b, d)) for a, b in self.ranges for c, d in other.ranges)
        return Ports(tuple([(low, high) for low, high in pairs if low < high]))

    def __sub__(self, other: Ports, /) -> Ports:
        left = list(self.ranges)
        for c, d in other.ranges:
            left = [piece for a, b in left for piece in ((a, min(b, c)), (max(a, d), b)) if piece[0] < piece[1]]
        return Ports(tuple(left))

    def __le__(self, other: Ports, /) -> bool:
        """Is every port of this in the other?"""
        return not (self - other)

    def count(self) -> int:
        """How many ports there are."""
        return sum(high - low for low, high in self.ranges)

    def __str__(self) -> str:
        if self == EVERY_PORT:
            return "All Connections"
        if not self.ranges:
            return "No Connections"
        told: dict[str, list[str]] = {}
        for low, high in self.ranges:
            first, last = low % SPAN, (high - 1) % SPAN
            told.setdefault(PROTOCOLS[low // SPAN], []).append(str(first) if first == last else f"{first}-{last}")
        return ",".join(f"{protocol} {','.join(told[protocol])}" for protocol in sorted(told))


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The ranges in order, those that overlap or touch as one; a port's number is never 0, so protocols never touch."""
    out: list[Range] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1]:
            if high > out[-1][1]:
                out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return tuple(out)


def _inside(ranges: Iterable[Range]) -> Iterator[Range]:
    for low, high in ranges:
        for i in range(len(PROTOCOLS)):
            a, b = max(low, i * SPAN + 1), min(high, (i + 1) * SPAN)
            if a < b:
                yield a, b


NO_PORT: Final = Ports()
EVERY_PORT: Final = Ports.of(((0, len(PROTOCOLS) * SPAN),))


def told_ports(ports: Ports) -> str:
    """The ports, the short way round: what is not among them where that is less.

    >>> told_ports(EVERY_PORT - Ports.span("TCP", 80, 80))
    'every port but TCP 80'
    """
    if ports == EVERY_PORT:
        return "every port"
    rest = EVERY_PORT - ports
    return f"every port but {rest}" if len(rest.ranges) < len(ports.ranges) else str(ports)
