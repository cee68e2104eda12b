"""Numbers: arithmetic, rounding, ranges, bits (topdown/{arithmetic,numbers,bits}.go)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import ELEMENT, sized
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.values import Set, Value, kind, number

Number = int | float
BITS: Final = 1 << 13
"""Of a whole number: what Python still prints."""


def operand(at: int, wanted: str, got: Value, name: str = "") -> OperandError:
    """`operand 1 must be array but got object`."""
    said = f"operand {at} must be {wanted} but got {kind(got)}"
    return OperandError(f"{name}: {said}" if name else said)


def num(at: int, value: Value) -> Number:
    """A number. Raises `OperandError` for something else."""
    if number(value):
        return value
    raise operand(at, "number", value)


def shown(value: Number) -> Number:
    """Whole numbers as such."""
    if type(value) is int:
        if value.bit_length() > BITS:
            raise BuiltinError("number out of range")
    elif isinstance(value, float):
        if math.isinf(value) or math.isnan(value):
            raise BuiltinError("number out of range")
        if value.is_integer() and abs(value) < 1 << 63:
            return int(value)
    return value


def plus(a: Value, b: Value) -> Value:
    """a + b."""
    return shown(num(1, a) + num(2, b))


def minus(a: Value, b: Value) -> Value:
    """a - b; of sets what is only in the first."""
    if isinstance(a, Set) and isinstance(b, Set):
        return Set.of({k: v for k, v in a.items.items() if k not in b.items})
    for at, value, other in ((1, a, b), (2, b, a)):
        if not number(value) and (not isinstance(value, Set) or number(other)):
            raise operand(at, "one of {number, set}" if not isinstance(value, Set) else kind(other), value)
    return shown(num(1, a) - num(2, b))


def mul(a: Value, b: Value) -> Value:
    """a * b."""
    x, y = num(1, a), num(2, b)
    if type(x) is int and type(y) is int and x.bit_length() + y.bit_length() > BITS + 1:
        raise BuiltinError("number out of range")
    return shown(x * y)


def div(a: Value, b: Value) -> Value:
    """a / b."""
    x, y = num(1, a), num(2, b)
    if y == 0:
        raise BuiltinError("divide by zero")
    if type(x) is int and type(y) is int and x % y == 0:
        return x // y
    return shown(x / y)


def rem(a: Value, b: Value) -> Value:
    """a % b, with the sign of a; of whole numbers."""
    x, y = num(1, a), num(2, b)
    if type(shown(x)) is not int or type(shown(y)) is not int:
        raise BuiltinError("modulo on floating-point number")
    if y == 0:
        raise BuiltinError("modulo by zero")
    return int(math.copysign(1, x)) * (abs(int(x)) % abs(int(y)))


def rounded(a: Value) -> Value:
    """To the nearest whole number, halves away from zero."""
    x = num(1, a)
    return int(math.copysign(math.floor(abs(x) + 0.5), x)) if type(x) is float else x


def ceil(a: Value) -> Value:
    """The next whole number above."""
    return math.ceil(num(1, a))


def floor(a: Value) -> Value:
    """The next whole number below."""
    return math.floor(num(1, a))


def absolute(a: Value) -> Value:
    """Without its sign."""
    return abs(num(1, a))


def numbers_range(a: Value, b: Value) -> Value:
    """From one whole number to the other, both included, up or down."""
    x, y = whole("numbers.range", 1, a), whole("numbers.range", 2, b)
    sized("numbers.range", ELEMENT * abs(x - y))
    return list(range(x, y + 1)) if x <= y else list(range(x, y - 1, -1))


def numbers_range_step(a: Value, b: Value, c: Value) -> Value:
    """The same in steps."""
    name = "numbers.range_step"
    x, y, step = (whole(name, i, v) for i, v in enumerate((a, b, c), 1))
    if step <= 0:
        raise BuiltinError(f"{name}: step must be a positive number above zero")
    sized(name, ELEMENT * abs(x - y) // step)
    return list(range(x, y + 1, step)) if x <= y else list(range(x, y - 1, -step))


def whole(name: str, at: int, value: Value) -> int:
    """A whole number. Raises `OperandError` for something else."""
    if not number(value):
        raise operand(at, "number", value, name)
    found = shown(value)
    if type(found) is not int:
        raise OperandError(f"{name}: operand {at} must be integer number but got floating-point number")
    return found


def bits(name: str, function: Callable[[int, int], int]) -> Callable[[Value, Value], Value]:
    """A function of two whole numbers."""

    def answer(a: Value, b: Value) -> Value:
        x, y = whole(name, 1, a), whole(name, 2, b)
        if name in ("bits.lsh", "bits.rsh") and y < 0:
            said = "operand 2 must be an unsigned integer number but got a negative integer"
            raise OperandError(f"{name}: {said}")
        if name == "bits.lsh" and x.bit_length() + y > BITS:
            raise BuiltinError(f"{name}: number out of range")
        return function(x, y)

    return answer


def negate(a: Value) -> Value:
    """~a."""
    return ~whole("bits.negate", 1, a)


_PURE: Final[Mapping[str, Pure]] = {
    "plus": plus,
    "minus": minus,
    "mul": mul,
    "div": div,
    "rem": rem,
    "round": rounded,
    "ceil": ceil,
    "floor": floor,
    "abs": absolute,
    "numbers.range": numbers_range,
    "numbers.range_step": numbers_range_step,
    "bits.and": bits("bits.and", int.__and__),
    "bits.or": bits("bits.or", int.__or__),
    "bits.xor": bits("bits.xor", int.__xor__),
    "bits.lsh": bits("bits.lsh", int.__lshift__),
    "bits.rsh": bits("bits.rsh", int.__rshift__),
    "bits.negate": negate,
}
_BUILDING: Final = ("minus", "numbers.range", "numbers.range_step")
ARITHMETIC: Final[Mapping[str, Builtin]] = {
    name: pure(function, free=name not in _BUILDING) for name, function in _PURE.items()
}
