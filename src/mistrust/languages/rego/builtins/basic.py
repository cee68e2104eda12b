"""Comparison, aggregates, membership and sets (topdown/{comparison,aggregates,sets}.go)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Final

from mistrust.languages.rego.builtins.arithmetic import Number, mul, operand, shown
from mistrust.languages.rego.builtins.builtin import Builtin, Pure, contextual, pure
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.runtime import Context, walk
from mistrust.languages.rego.values import Obj, Set, Value, compare, equal, kind, number, ordered, pairs


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
        *("lt", "lte", "gt", "gte", "equal", "eq", "neq", "count"),
        *("is_null", "is_boolean", "is_number", "is_string", "is_array", "is_object", "is_set", "type_name"),
    )
)
BASIC: Final[Mapping[str, Builtin]] = {
    **{name: pure(function, free=name in _FREE) for name, function in _PURE.items()},
    "walk": contextual(walked),
}
