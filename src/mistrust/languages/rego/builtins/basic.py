"""Comparison, arithmetic, aggregates, membership and sets (topdown/{comparison,arithmetic,aggregates,sets}.go)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, contextual, pure
from mistrust.languages.rego.builtins.operands import ELEMENT, sized
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.runtime import Context, walk
from mistrust.languages.rego.values import Obj, Set, Value, compare, equal, kind, number, ordered, pairs

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


def lt(a: Value, b: Value) -> Value:
    """a < b."""
    return compare(a, b) < 0


def lte(a: Value, b: Value) -> Value:
    """a <= b."""
    return compare(a, b) <= 0


def gt(a: Value, b: Value) -> Value:
    """a > b."""
    return compare(a, b) > 0


def gte(a: Value, b: Value) -> Value:
    """a >= b."""
    return compare(a, b) >= 0


def same(a: Value, b: Value) -> Value:
    """a == b."""
    return equal(a, b)


def other(a: Value, b: Value) -> Value:
    """a != b."""
    return not equal(a, b)


def count(a: Value) -> Value:
    """How many elements, pairs or characters there are."""
    if isinstance(a, list | dict | Set | str):
        return len(a)
    raise operand(1, "one of {array, object, set, string}", a)


def numbers(a: Value) -> list[Number]:
    """The numbers in an array or a set."""
    if not isinstance(a, list | Set):
        raise operand(1, "one of {set, array}", a)
    found: list[Number] = []
    for value in a:
        if not number(value):
            raise OperandError(f"operand 1 must be {kind(a)} of numbers but got {kind(a)} containing {kind(value)}")
        found.append(value)
    return found


def total(a: Value) -> Value:
    """The sum."""
    return shown(sum(numbers(a)))


def product(a: Value) -> Value:
    """The product."""
    found: Value = 1
    for value in numbers(a):
        found = mul(found, value)
    return found


def elements(a: Value) -> list[Value]:
    """What is in an array or a set, in order."""
    if isinstance(a, list):
        return a
    if isinstance(a, Set):
        return ordered(a)
    raise operand(1, "one of {set, array}", a)


def largest(a: Value) -> Value:
    """The last in order. Undefined where there is none."""
    found = ordered(elements(a))
    if not found:
        raise BuiltinError("max of nothing")
    return found[-1]


def smallest(a: Value) -> Value:
    """The first in order. Undefined where there is none."""
    found = ordered(elements(a))
    if not found:
        raise BuiltinError("min of nothing")
    return found[0]


def in_order(a: Value) -> Value:
    """Sorted, as an array."""
    return ordered(elements(a))


def every(a: Value) -> Value:
    """Are all true? Of version 0."""
    return all(v is True for v in elements(a))


def some(a: Value) -> Value:
    """Is any true? Of version 0."""
    return any(v is True for v in elements(a))


def member(a: Value, b: Value) -> Value:
    """Is it an element, or a value of an object?"""
    if isinstance(b, Set):
        return a in b
    found = b if isinstance(b, list) else b.values() if isinstance(b, dict) else ()
    return any(equal(a, v) for v in found)


def member_with_key(k: Value, v: Value, b: Value) -> Value:
    """Is it there under this key?"""
    if isinstance(b, list):
        return any(equal(k, i) and equal(v, x) for i, x in enumerate(b))
    if isinstance(b, dict):
        return any(equal(k, i) and equal(v, x) for i, x in pairs(b))
    return isinstance(b, Set) and equal(k, v) and v in b


def sets(at: int, a: Value) -> Set:
    """A set. Raises `OperandError` for something else."""
    if isinstance(a, Set):
        return a
    raise operand(at, "set", a)


def both(a: Value, b: Value) -> Value:
    """What is in both sets."""
    x, y = sets(1, a), sets(2, b)
    return Set.of({k: v for k, v in x.items.items() if k in y.items})


def either(a: Value, b: Value) -> Value:
    """What is in either set."""
    return Set.of({**sets(1, a).items, **sets(2, b).items})


def sets_in(a: Value) -> list[Set]:
    """The sets in a set."""
    found = list(sets(1, a))
    for value in found:
        if not isinstance(value, Set):
            raise OperandError(f"operand 1 must be set of sets but got set containing {kind(value)}")
    return [v for v in found if isinstance(v, Set)]


def intersection(a: Value) -> Value:
    """What is in all of the sets."""
    found = sets_in(a)
    return reduce(both, found) if found else Set()  # type: ignore[arg-type]


def union(a: Value) -> Value:
    """What is in any of the sets."""
    return reduce(either, sets_in(a), Set())  # type: ignore[arg-type]


def of_kind(*kinds: type) -> Callable[[Value], Value]:
    """Is a value of this kind?"""

    def answer(a: Value) -> Value:
        return type(a) in kinds

    return answer


def type_name(a: Value) -> Value:
    """The name of its type."""
    return kind(a)


def trace(_: Value) -> Value:
    """A note for whoever debugs."""
    return True


def walked(c: Context, value: Value) -> Value:
    """Every value inside a value with its path, where `walk` is called as a function of one answer."""
    return next(walk(c, value))


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
    "lt": lt,
    "lte": lte,
    "gt": gt,
    "gte": gte,
    "equal": same,
    "eq": same,
    "neq": other,
    "count": count,
    "sum": total,
    "product": product,
    "max": largest,
    "min": smallest,
    "sort": in_order,
    "all": every,
    "any": some,
    "internal.member_2": member,
    "internal.member_3": member_with_key,
    "and": both,
    "or": either,
    "intersection": intersection,
    "union": union,
    "is_null": of_kind(type(None)),
    "is_boolean": of_kind(bool),
    "is_number": of_kind(int, float),
    "is_string": of_kind(str),
    "is_array": of_kind(list),
    "is_object": of_kind(dict, Obj),
    "is_set": of_kind(Set),
    "type_name": type_name,
    "trace": trace,
}
_FREE: Final = frozenset(
    (
        *("plus", "mul", "div", "rem", "round", "ceil", "floor", "abs", "lt", "lte", "gt", "gte", "equal", "eq", "neq"),
        *("count", "is_null", "is_boolean", "is_number", "is_string", "is_array", "is_object", "is_set", "type_name"),
    )
)
BASIC: Final[Mapping[str, Builtin]] = {
    **{name: pure(function, free=name in _FREE) for name, function in _PURE.items()},
    "walk": contextual(walked),
}
