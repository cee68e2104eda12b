"""Sets of small numbers: one integer while they are few, pieces of integers where they would be mostly zeros.

Clusters with many namespaces have many sets that stay inside one of them; a plain integer would be as long as the
highest number in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import compress, count
from typing import Protocol, Self

WIDTH = 1024
"""Numbers in one piece of a `Sparse` set."""
DENSE = 1 << 15
"""Up to so many numbers in all, sets are integers."""
_FEW = 48
_DIGITS = bytes(1 if byte == ord("1") else 0 for byte in range(256))


class Bits(Protocol):
    """What both kinds of sets can do; `a ^ (a & b)` is what is in `a` and not in `b`."""

    def __and__(self, other: Self, /) -> Self: ...
    def __or__(self, other: Self, /) -> Self: ...
    def __xor__(self, other: Self, /) -> Self: ...
    def __bool__(self) -> bool: ...
    def __hash__(self) -> int: ...


class Sparse:
    """A set in pieces of `WIDTH` numbers; empty pieces are left out."""

    __slots__ = ("_hash", "pieces")

    def __init__(self, pieces: Mapping[int, int]) -> None:
        self.pieces = pieces
        self._hash = 0

    def __and__(self, other: Sparse, /) -> Sparse:
        a, b = self.pieces, other.pieces
        if len(b) < len(a):
            a, b = b, a
        return Sparse({k: both for k, x in a.items() if (both := x & b.get(k, 0))})

    def __or__(self, other: Sparse, /) -> Sparse:
        a, b = self.pieces, other.pieces
        if len(b) > len(a):
            a, b = b, a
        if not b:
            return Sparse(a)
        return Sparse({**a, **{k: x | a.get(k, 0) for k, x in b.items()}})

    def __xor__(self, other: Sparse, /) -> Sparse:
        out = dict(self.pieces)
        for k, x in other.pieces.items():
            if left := x ^ out.get(k, 0):
                out[k] = left
            else:
                del out[k]
        return Sparse(out)

    def __bool__(self) -> bool:
        return bool(self.pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sparse) and self.pieces == other.pieces

    def __hash__(self) -> int:
        if not self._hash:
            self._hash = hash(frozenset(self.pieces.items()))
        return self._hash


class Space:
    """Makes the sets of one cluster, all of one kind."""

    def __init__(self, size: int, *, dense: bool | None = None) -> None:
        self.dense = size <= DENSE if dense is None else dense
        self.none = self.of(())
        self.every = self.run(0, size)

    def of(self, numbers: Iterable[int]) -> Bits:
        """The set of these numbers."""
        if self.dense:
            return _packed(numbers)
        by_piece: dict[int, list[int]] = {}
        for n in numbers:
            by_piece.setdefault(n // WIDTH, []).append(n % WIDTH)
        return Sparse({k: _packed(held) for k, held in by_piece.items()})

    def run(self, low: int, high: int) -> Bits:
        """The numbers from `low` to before `high`."""
        if self.dense:
            return _run(low, high)
        pieces = range(low // WIDTH, -(-high // WIDTH)) if low < high else ()
        return Sparse({k: _run(max(low - k * WIDTH, 0), min(high - k * WIDTH, WIDTH)) for k in pieces})

    def union(self, sets: Iterable[Bits]) -> Bits:
        """All of them together."""
        if self.dense:
            out = self.none
            for bits in sets:
                out = out | bits
            return out
        pieces: dict[int, int] = {}
        for bits in sets:
            assert isinstance(bits, Sparse)
            for k, x in bits.pieces.items():
                pieces[k] = pieces.get(k, 0) | x
        return Sparse(pieces)

    def shifted(self, bits: int, by: int) -> Bits:
        """A set given as an integer, every number moved up."""
        return bits << by if self.dense else self.of(n + by for n in members(bits))


def _packed(numbers: Iterable[int]) -> int:
    held = list(numbers)
    if len(held) < _FEW:
        out = 0
        for n in held:
            out |= 1 << n
        return out
    packed = bytearray((max(held) >> 3) + 1)
    for n in held:
        packed[n >> 3] |= 1 << (n & 7)
    return int.from_bytes(packed, "little")


def _run(low: int, high: int) -> int:
    return ((1 << (high - low)) - 1) << low if low < high else 0


def members(bits: Bits) -> list[int]:
    """The numbers in a set, in order."""
    if isinstance(bits, int):
        return _members(bits)
    assert isinstance(bits, Sparse)
    return [k * WIDTH + n for k in sorted(bits.pieces) for n in _members(bits.pieces[k])]


def _members(bits: int) -> list[int]:
    if bits.bit_count() < _FEW:
        out = []
        while bits:
            low = bits & -bits
            out.append(low.bit_length() - 1)
            bits ^= low
        return out
    return list(compress(count(), bin(bits)[:1:-1].encode().translate(_DIGITS)))


def has(bits: Bits, number: int) -> bool:
    """Is the number in the set?"""
    if isinstance(bits, int):
        return bool(bits >> number & 1)
    assert isinstance(bits, Sparse)
    return bool(bits.pieces.get(number // WIDTH, 0) >> (number % WIDTH) & 1)


def size(bits: Bits) -> int:
    """How many numbers are in the set."""
    if isinstance(bits, int):
        return bits.bit_count()
    assert isinstance(bits, Sparse)
    return sum(piece.bit_count() for piece in bits.pieces.values())


class Classes:
    """An immutable set of class ids of one `Reach`."""

    __slots__ = ("bits",)

    def __init__(self, bits: Bits) -> None:
        self.bits = bits

    @classmethod
    def of(cls, ids: Iterable[int]) -> Self:
        """The set of these ids."""
        return cls(_packed(ids))

    def __contains__(self, cls: object) -> bool:
        return isinstance(cls, int) and cls >= 0 and has(self.bits, cls)

    def __iter__(self) -> Iterator[int]:
        return iter(members(self.bits))

    def __len__(self) -> int:
        return size(self.bits)

    def __bool__(self) -> bool:
        return bool(self.bits)

    def __and__(self, other: Classes) -> Classes:
        return Classes(self.bits & _like(other.bits, self.bits))

    def __or__(self, other: Classes) -> Classes:
        return Classes(self.bits | _like(other.bits, self.bits))

    def __sub__(self, other: Classes) -> Classes:
        return Classes(self.bits ^ (self.bits & _like(other.bits, self.bits)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Classes) and self.bits == _like(other.bits, self.bits)

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Classes.of({list(self)})"


def _like(bits: Bits, other: Bits) -> Bits:
    return bits if isinstance(bits, int) == isinstance(other, int) else _other(bits)


def _other(bits: Bits) -> Bits:
    return Space(0, dense=not isinstance(bits, int)).of(members(bits))
