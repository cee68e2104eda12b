"""Sets of classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self


def of(numbers: Iterable[int], size: int) -> int:
    """The numbers, all below `size`, as the bits of one integer."""
    held = bytearray((size >> 3) + 1)
    for n in numbers:
        held[n >> 3] |= 1 << (n & 7)
    return int.from_bytes(held, "little")


def members(bits: int) -> list[int]:
    """Which bits are set, in order."""
    out = []
    for i, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) >> 3, "little")):
        while byte:
            low = byte & -byte
            out.append(i * 8 + low.bit_length() - 1)
            byte ^= low
    return out


class Classes:
    """An immutable set of class ids."""

    __slots__ = ("bits",)

    def __init__(self, bits: int = 0) -> None:
        self.bits = bits

    @classmethod
    def of(cls, ids: Iterable[int]) -> Self:
        """The set of these ids."""
        held = sorted(ids)
        return cls(of(held, held[-1] + 1)) if held else cls()

    def __contains__(self, cls: object) -> bool:
        return isinstance(cls, int) and cls >= 0 and bool(self.bits >> cls & 1)

    def __iter__(self) -> Iterator[int]:
        return iter(members(self.bits))

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __bool__(self) -> bool:
        return self.bits != 0

    def __and__(self, other: Classes) -> Classes:
        return Classes(self.bits & other.bits)

    def __or__(self, other: Classes) -> Classes:
        return Classes(self.bits | other.bits)

    def __sub__(self, other: Classes) -> Classes:
        return Classes(self.bits & ~other.bits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Classes) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Classes.of({list(self)})"
