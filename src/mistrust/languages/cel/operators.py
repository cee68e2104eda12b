"""Operators and access: what signs mean (langdef.md#list-of-standard-definitions)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from mistrust.languages.cel.values import (
    HIGH,
    LOW,
    TOP,
    CelError,
    Duration,
    Timestamp,
    UInt,
    Value,
    compare,
    equal,
    no_overload,
    sought,
)


def whole(found: int) -> int:
    """An integer. Raises `CelError` beyond 64 bits."""
    if LOW <= found <= HIGH:
        return found
    raise CelError("integer overflow")


def unsigned(found: int) -> UInt:
    """An unsigned integer. Raises `CelError` beyond 64 bits and below 0."""
    if 0 <= found <= TOP:
        return UInt(found)
    raise CelError("unsigned integer overflow")


def add(a: Value, b: Value) -> Value:
    """a + b."""
    kind, other = type(a), type(b)
    if kind is other:
        if kind is int:
            return whole(a + b)  # type: ignore[operator,arg-type]
        if kind is float or kind is str or kind is bytes or kind is list:
            return a + b  # type: ignore[operator]
        if kind is UInt:
            return unsigned(int(a) + int(b))  # type: ignore[arg-type]
    if isinstance(a, Duration) and isinstance(b, Duration):
        return Duration(a.ns + b.ns)
    if isinstance(a, Timestamp) and isinstance(b, Duration):
        return Timestamp(a.ns + b.ns)
    if isinstance(a, Duration) and isinstance(b, Timestamp):
        return Timestamp(a.ns + b.ns)
    raise no_overload("_+_", a, b)


def subtract(a: Value, b: Value) -> Value:
    """a - b."""
    kind, other = type(a), type(b)
    if kind is other:
        if kind is int:
            return whole(a - b)  # type: ignore[operator,arg-type]
        if kind is float:
            return a - b  # type: ignore[operator]
        if kind is UInt:
            return unsigned(int(a) - int(b))  # type: ignore[arg-type]
    if isinstance(a, Duration) and isinstance(b, Duration):
        return Duration(a.ns - b.ns)
    if isinstance(a, Timestamp) and isinstance(b, Timestamp):
        return Duration(a.ns - b.ns)
    if isinstance(a, Timestamp) and isinstance(b, Duration):
        return Timestamp(a.ns - b.ns)
    raise no_overload("_-_", a, b)


def multiply(a: Value, b: Value) -> Value:
    """a * b."""
    kind = type(a)
    if kind is type(b):
        if kind is int:
            return whole(a * b)  # type: ignore[operator,arg-type]
        if kind is float:
            return a * b  # type: ignore[operator]
        if kind is UInt:
            return unsigned(int(a) * int(b))  # type: ignore[arg-type]
    raise no_overload("_*_", a, b)


def divide(a: Value, b: Value) -> Value:
    """a / b; of integers towards zero."""
    kind = type(a)
    if kind is type(b):
        if isinstance(a, float) and isinstance(b, float):
            if b == 0:
                return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
            return a / b
        if kind is int or kind is UInt:
            x, y = int(a), int(b)  # type: ignore[arg-type]
            if y == 0:
                raise CelError("division by zero")
            found = abs(x) // abs(y)
            found = found if (x < 0) == (y < 0) else -found
            return whole(found) if kind is int else unsigned(found)
    raise no_overload("_/_", a, b)


def modulo(a: Value, b: Value) -> Value:
    """a % b, with the sign of a."""
    kind = type(a)
    if kind is type(b) and (kind is int or kind is UInt):
        x, y = int(a), int(b)  # type: ignore[arg-type]
        if y == 0:
            raise CelError("modulus by zero")
        found = abs(x) % abs(y)
        return whole(-found if x < 0 else found) if kind is int else unsigned(found)
    raise no_overload("_%_", a, b)


def negate(a: Value) -> Value:
    """-a."""
    if type(a) is int:
        return whole(-a)
    if isinstance(a, float):
        return -a
    raise no_overload("-_", a)


def truth(a: Value) -> bool:
    """A boolean. Raises `CelError` for something else."""
    if a is True or a is False:
        return a
    raise no_overload("bool", a)


def refute(a: Value) -> Value:
    """!a."""
    return not truth(a)


def same(a: Value, b: Value) -> Value:
    """a == b."""
    return equal(a, b)


def differs(a: Value, b: Value) -> Value:
    """a != b."""
    return not equal(a, b)


def less(a: Value, b: Value) -> Value:
    """a < b."""
    return compare(a, b) == -1


def at_most(a: Value, b: Value) -> Value:
    """a <= b."""
    return compare(a, b) in (-1, 0)


def greater(a: Value, b: Value) -> Value:
    """a > b."""
    return compare(a, b) == 1


def at_least(a: Value, b: Value) -> Value:
    """a >= b."""
    return compare(a, b) in (0, 1)


def contained(a: Value, b: Value) -> Value:
    """a in b: an element of a list, a key of a map."""
    if isinstance(b, list):
        return any(equal(a, each) for each in b)
    if isinstance(b, dict):
        return sought(a) in b
    raise no_overload("@in", a, b)


OPERATORS: Final[Mapping[str, Callable[[Value], Value] | Callable[[Value, Value], Value]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "-_": negate,
    "!": refute,
    "==": same,
    "!=": differs,
    "<": less,
    "<=": at_most,
    ">": greater,
    ">=": at_least,
    "in": contained,
}
