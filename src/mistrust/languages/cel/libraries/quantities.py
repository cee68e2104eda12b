"""Quantities, exactly (k8s.io/apiserver pkg/cel/library/quantity.go; apimachinery resource.Quantity)."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.values import HIGH, LOW, CelError, Opaque, Type, Value, no_overload

SUFFIXES: Final = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{s: Fraction(1000) ** i for i, s in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{s: Fraction(1024) ** i for i, s in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
_FORM: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?")


class Quantity(Opaque):
    """A number with a unit."""

    __slots__ = ("amount",)
    kind = Type("kubernetes.Quantity")

    def __init__(self, amount: Fraction) -> None:
        self.amount = amount

    def same(self, other: Opaque) -> bool:
        """Is it as much?"""
        return isinstance(other, Quantity) and other.amount == self.amount


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Quantity:
    match = _FORM.fullmatch(text)
    if match is None or len(text) > 100:
        raise CelError(f"quantities must match the regular expression: {text!r}")
    exponent = Fraction(10) ** int(match[2][1:]) if match[2] else Fraction(1)
    return Quantity(Fraction(match[1]) * exponent * SUFFIXES[match[3] or ""])


def quantity(a: Value) -> Value:
    """A quantity."""
    if isinstance(a, str):
        return _parsed(a)
    raise no_overload("quantity", a)


def is_quantity(a: Value) -> Value:
    """Is it a quantity?"""
    if not isinstance(a, str):
        raise no_overload("isQuantity", a)
    try:
        _parsed(a)
    except CelError:
        return False
    return True


def amount(name: str, a: Value) -> Fraction:
    """How much it is. Raises `CelError` for something else."""
    if isinstance(a, Quantity):
        return a.amount
    raise no_overload(name, a)


def sign(a: Value) -> Value:
    """-1, 0 or 1."""
    found = amount("sign", a)
    return (found > 0) - (found < 0)


def is_integer(a: Value) -> Value:
    """Is it a whole number that 64 bits hold?"""
    found = amount("isInteger", a)
    return found.denominator == 1 and LOW <= found <= HIGH


def as_integer(a: Value) -> Value:
    """As a whole number. An error where it is none."""
    found = amount("asInteger", a)
    if found.denominator != 1 or not LOW <= found <= HIGH:
        raise CelError("cannot convert value to integer")
    return int(found)


def as_float(a: Value) -> Value:
    """As near as a double comes."""
    return float(amount("asApproximateFloat", a))


def _other(name: str, b: Value) -> Fraction:
    return Fraction(b) if type(b) is int else amount(name, b)


def add(a: Value, b: Value) -> Value:
    """Both together."""
    return Quantity(amount("add", a) + _other("add", b))


def sub(a: Value, b: Value) -> Value:
    """The first less the second."""
    return Quantity(amount("sub", a) - _other("sub", b))


QUANTITIES: Final[Functions] = {
    **globals_of({"quantity": quantity, "isQuantity": is_quantity}),
    **members(
        {
            "sign": sign,
            "isInteger": is_integer,
            "asInteger": as_integer,
            "asApproximateFloat": as_float,
            "add": add,
            "sub": sub,
        }
    ),
}
