"""Arguments of the kind that a built-in takes, or the error that OPA gives (topdown/builtins/builtins.go)."""

from __future__ import annotations

from typing import Final

from mistrust.languages.rego.errors import BudgetError, BuiltinError, OperandError
from mistrust.languages.rego.values import Hashed, Set, Value, kind, number, ordered

LARGEST: Final = 1 << 24
"""Characters of one text, and sixteen times the elements of one collection."""
ELEMENT: Final = 16


def wrong(name: str, at: int, wanted: str, got: Value) -> OperandError:
    """`count: operand 1 must be array but got object`."""
    return OperandError(f"{name}: operand {at} must be {wanted} but got {kind(got)}")


def text(name: str, at: int, value: Value) -> str:
    """A string."""
    if isinstance(value, str):
        return value
    raise wrong(name, at, "string", value)


def array(name: str, at: int, value: Value) -> list[Value]:
    """An array."""
    if isinstance(value, list):
        return value
    raise wrong(name, at, "array", value)


def obj(name: str, at: int, value: Value) -> dict[Hashed, Value]:
    """An object."""
    if isinstance(value, dict):
        return value
    raise wrong(name, at, "object", value)


def truth(name: str, at: int, value: Value) -> bool:
    """A boolean."""
    if isinstance(value, bool):
        return value
    raise wrong(name, at, "boolean", value)


def amount(name: str, at: int, value: Value) -> int | float:
    """A number."""
    if number(value):
        return value
    raise wrong(name, at, "number", value)


def whole(name: str, at: int, value: Value) -> int:
    """A whole number."""
    found = amount(name, at, value)
    if isinstance(found, float):
        if not found.is_integer():
            raise OperandError(f"{name}: operand {at} must be integer number but got floating-point number")
        return int(found)
    return found


def collection(name: str, at: int, value: Value, wanted: str = "one of {array, set}") -> list[Value]:
    """What is in an array or, in order, in a set."""
    if isinstance(value, list):
        return value
    if isinstance(value, Set):
        return ordered(value)
    raise wrong(name, at, wanted, value)


def texts(name: str, at: int, value: Value, wanted: str = "one of {array, set}") -> list[str]:
    """The strings in an array or a set."""
    found = collection(name, at, value, wanted)
    for each in found:
        if not isinstance(each, str):
            said = f"{kind(value)} of strings but got {kind(value)} containing {kind(each)}"
            raise OperandError(f"{name}: operand {at} must be {said}")
    return [each for each in found if isinstance(each, str)]


def sized(name: str, size: int) -> int:
    """The size of what a built-in is about to make. Raises `BudgetError` for more than there may be."""
    if size > LARGEST:
        raise BudgetError(f"{name}: the answer is too large")
    return size


def failed(name: str, why: str) -> BuiltinError:
    """The built-in cannot answer."""
    return BuiltinError(f"{name}: {why}")
