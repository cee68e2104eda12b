"""Mathematics (cel-go/ext/math.go)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from mistrust.languages.cel.function import Answer, Functions, globals_of
from mistrust.languages.cel.operators import unsigned, whole
from mistrust.languages.cel.values import NUMBERS, CelError, UInt, Value, compare, no_overload


def _extreme(name: str, sign: int) -> Answer:
    def answer(*args: Value) -> Value:
        several = args[0] if len(args) == 1 and isinstance(args[0], list) else list(args)
        if not several:
            raise CelError(f"{name}(list) argument must not be empty")
        found = several[0]
        for each in several:
            if type(each) not in NUMBERS:
                raise no_overload(name, each)
            if compare(each, found) == sign:
                found = each
        return found

    return answer


def _double(name: str, answer: Callable[[float], Value]) -> Answer:
    def checked(a: Value) -> Value:
        if not isinstance(a, float):
            raise no_overload(name, a)
        return answer(a)

    return checked


def _unless_special(answer: Callable[[float], float]) -> Callable[[float], Value]:
    return lambda a: a if math.isnan(a) or math.isinf(a) else float(answer(a))


def _rounded(a: float) -> float:
    return math.copysign(math.floor(abs(a) + 0.5), a)


def absolute(a: Value) -> Value:
    """Without its sign."""
    if isinstance(a, UInt) or type(a) not in NUMBERS:
        if isinstance(a, UInt):
            return a
        raise no_overload("math.abs", a)
    assert isinstance(a, int | float)
    return abs(a) if isinstance(a, float) else whole(abs(a))


def sign(a: Value) -> Value:
    """-1, 0 or 1, of the same type."""
    if type(a) not in NUMBERS:
        raise no_overload("math.sign", a)
    assert isinstance(a, int | float)
    if isinstance(a, float):
        return a if math.isnan(a) else float((a > 0) - (a < 0))
    found = (a > 0) - (a < 0)
    return UInt(found) if isinstance(a, UInt) else found


def sqrt(a: Value) -> Value:
    """The square root, a double; of a negative number NaN."""
    if type(a) not in NUMBERS:
        raise no_overload("math.sqrt", a)
    assert isinstance(a, int | float)
    return math.nan if a < 0 else math.sqrt(a)


def _bits(name: str, answer: Callable[[int, int], int]) -> Answer:
    def checked(a: Value, b: Value) -> Value:
        if type(a) is not type(b) or type(a) not in (int, UInt):
            raise no_overload(name, a, b)
        assert isinstance(a, int)
        assert isinstance(b, int)
        found = answer(int(a), int(b))
        return UInt(found) if isinstance(a, UInt) else found

    return checked


def bit_not(a: Value) -> Value:
    """~a."""
    if isinstance(a, UInt):
        return UInt(int(a) ^ ((1 << 64) - 1))
    if type(a) is int:
        return ~a
    raise no_overload("math.bitNot", a)


def _shift(name: str, left: bool) -> Answer:
    def checked(a: Value, b: Value) -> Value:
        if type(a) not in (int, UInt) or type(b) is not int:
            raise no_overload(name, a, b)
        assert isinstance(a, int)
        if b < 0:
            raise CelError(f"{name}() negative offset: {b}")
        bits = int(a) & ((1 << 64) - 1)
        found = (bits << b if left else bits >> b) & ((1 << 64) - 1) if b < 64 else 0
        if isinstance(a, UInt):
            return unsigned(found)
        return found - (1 << 64) if found >> 63 else found

    return checked


MATHS: Final[Functions] = globals_of(
    {
        "math.greatest": _extreme("math.greatest", 1),
        "math.least": _extreme("math.least", -1),
        "math.ceil": _double("math.ceil", _unless_special(math.ceil)),
        "math.floor": _double("math.floor", _unless_special(math.floor)),
        "math.round": _double("math.round", _unless_special(_rounded)),
        "math.trunc": _double("math.trunc", _unless_special(math.trunc)),
        "math.isInf": _double("math.isInf", math.isinf),
        "math.isNaN": _double("math.isNaN", math.isnan),
        "math.isFinite": _double("math.isFinite", math.isfinite),
        "math.abs": absolute,
        "math.sign": sign,
        "math.sqrt": sqrt,
        "math.bitAnd": _bits("math.bitAnd", int.__and__),
        "math.bitOr": _bits("math.bitOr", int.__or__),
        "math.bitXor": _bits("math.bitXor", int.__xor__),
        "math.bitNot": bit_not,
        "math.bitShiftLeft": _shift("math.bitShiftLeft", left=True),
        "math.bitShiftRight": _shift("math.bitShiftRight", left=False),
    }
)
