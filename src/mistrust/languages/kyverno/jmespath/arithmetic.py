"""Sums of numbers, quantities and durations (kyverno/pkg/engine/jmespath/arithmetic.go)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

import msgspec

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import ExceededError, KyvernoError
from mistrust.languages.kyverno.jmespath.function import Function, functions
from mistrust.languages.kyverno.jmespath.standard import numbers
from mistrust.languages.kyverno.scalars import duration, duration_text, is_binary, number, quantity, quantity_text

DIGITS: Final = 1 << 12
"""Binary digits of a number."""


class Amount(msgspec.Struct, frozen=True):
    """A number with what it counts."""

    value: Fraction
    unit: str = ""
    """`""`, `quantity` or `duration`."""
    binary: bool = False

    def plain(self) -> Plain:
        """As expressions see it."""
        if self.unit == "duration":
            return duration_text(int(self.value))
        return quantity_text(self.value, binary=self.binary) if self.unit else number(self.value)


def amount(value: Plain) -> Amount:
    """The amount that a number or a text stands for. Raises `KyvernoError` for none."""
    return _readings(value)[0]


def amounts(a: Plain, b: Plain) -> tuple[Amount, Amount]:
    """Two amounts, of one kind if they can be: `30m` is minutes beside `1h`. Raises `KyvernoError` for none."""
    pairs = [(one, other) for one in _readings(a) for other in _readings(b)]
    return next((pair for pair in pairs if pair[0].unit == pair[1].unit), pairs[0])


def _readings(value: Plain) -> list[Amount]:
    found: list[Amount] = []
    if isinstance(value, int | float) and not isinstance(value, bool):
        found.append(Amount(Fraction(value)))
    elif isinstance(value, str):
        if (measured := quantity(value)) is not None:
            found.append(Amount(measured, "quantity", is_binary(value)))
        if (ns := duration(value)) is not None:
            found.append(Amount(Fraction(ns), "duration"))
    if not found:
        raise KyvernoError("not a number, a quantity or a duration")
    return found


def _same(a: Amount, b: Amount) -> None:
    if a.unit != b.unit:
        raise KyvernoError("amounts of different kinds")


def _add(a: Amount, b: Amount) -> Amount:
    _same(a, b)
    return Amount(a.value + b.value, a.unit, a.binary)


def _subtract(a: Amount, b: Amount) -> Amount:
    _same(a, b)
    return Amount(a.value - b.value, a.unit, a.binary)


def _multiply(a: Amount, b: Amount) -> Amount:
    if a.unit and b.unit:
        raise KyvernoError("a product of two amounts with units")
    unit = a if a.unit else b
    return Amount(a.value * b.value, unit.unit, unit.binary)


def _divide(a: Amount, b: Amount) -> Amount:
    if not b.value:
        raise KyvernoError("a division by zero")
    if a.unit == b.unit:
        return Amount(a.value / b.value)
    if b.unit:
        raise KyvernoError("amounts of different kinds")
    return Amount(a.value / b.value, a.unit, a.binary)


def _modulo(a: Amount, b: Amount) -> Amount:
    if a.value.denominator != 1 or b.value.denominator != 1:
        raise KyvernoError("modulo(): whole numbers are wanted")
    if not b.value:
        raise KyvernoError("a division by zero")
    _same(a, b)
    rest = abs(a.value) % abs(b.value)
    return Amount(-rest if a.value < 0 else rest, a.unit, a.binary)


def _of(answer: Callable[[Amount, Amount], Amount]) -> Callable[[list[Plain]], Plain]:
    def answered(given: list[Plain]) -> Plain:
        found = answer(*amounts(given[0], given[1]))
        if max(abs(found.value.numerator), found.value.denominator).bit_length() > DIGITS:
            raise ExceededError("a number that is too large")
        return found.plain()

    return answered


def _round(given: list[Plain]) -> Plain:
    value, digits = numbers(given)
    if not 0 <= digits <= 300 or int(digits) != digits:
        raise KyvernoError("round(): digits are a whole number from 0")
    return number(round(value, int(digits)))


def _sum(given: list[Plain]) -> Plain:
    several = given[0] if isinstance(given[0], list) else []
    if not several:
        raise KyvernoError("sum(): at least one element")
    total = amount(several[0])
    for each in several[1:]:
        total = _add(total, amount(each))
    return total.plain()


ARITHMETIC: Final[Mapping[str, Function]] = functions(
    {
        "add": ("ns ns", _of(_add)),
        "subtract": ("ns ns", _of(_subtract)),
        "multiply": ("ns ns", _of(_multiply)),
        "divide": ("ns ns", _of(_divide)),
        "modulo": ("ns ns", _of(_modulo)),
        "round": ("n n", _round),
        "sum": ("a", _sum),
    }
)
