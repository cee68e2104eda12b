"""Arrays and casts (topdown/{array,casts}.go)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import (
    array,
    collection,
    failed,
    whole,
)
from mistrust.languages.rego.errors import OperandError
from mistrust.languages.rego.values import Set, Value, kind


def array_concat(a: Value, b: Value) -> Value:
    """One array after the other."""
    return array("array.concat", 1, a) + array("array.concat", 2, b)


def array_slice(value: Value, start: Value, stop: Value) -> Value:
    """A part of an array."""
    name = "array.slice"
    found = array(name, 1, value)
    low, high = max(0, whole(name, 2, start)), min(len(found), whole(name, 3, stop))
    return found[low:high] if low < high else []


def array_reverse(value: Value) -> Value:
    """From its end to its beginning."""
    return array("array.reverse", 1, value)[::-1]


def array_flatten(value: Value) -> Value:
    """With the elements of arrays in the place of the arrays, one level down."""
    out: list[Value] = []
    for each in array("array.flatten", 1, value):
        out += each if isinstance(each, list) else [each]
    return out


def to_number(value: Value) -> Value:
    """A number for a string, a boolean or null."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return _parsed(value)
    raise OperandError(f"operand 1 must be one of {{null, boolean, number, string}} but got {kind(value)}")


def _parsed(value: str) -> int | float:
    stripped = value.lstrip("+-").lower()
    if stripped.startswith(("inf", "nan")) or value != value.strip() or "_" in value:
        raise OperandError(f"to_number: operand 1 must be valid number string but got {value}")
    try:
        found = int(value) if stripped.isdecimal() and stripped.isascii() else float(value)
    except ValueError:
        raise failed("to_number", f"invalid syntax: {value}") from None
    if found in (math.inf, -math.inf):
        raise failed("to_number", f"value out of range: {value}")
    return found


def cast_array(value: Value) -> Value:
    """An array of what is in an array or a set."""
    return collection("cast_array", 1, value)


def cast_set(value: Value) -> Value:
    """A set of what is in an array or a set."""
    return Set(collection("cast_set", 1, value))


_PURE: Final[Mapping[str, Pure]] = {
    "array.concat": array_concat,
    "array.slice": array_slice,
    "array.reverse": array_reverse,
    "array.flatten": array_flatten,
    "to_number": to_number,
    "cast_array": cast_array,
    "cast_set": cast_set,
}
ARRAYS: Final[Mapping[str, Builtin]] = {
    name: pure(function, free=name == "to_number") for name, function in _PURE.items()
}
