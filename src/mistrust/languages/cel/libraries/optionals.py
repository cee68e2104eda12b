"""Values that may not be there (cel-go/cel/library.go: OptionalTypes)."""

from __future__ import annotations

from typing import Final

from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.values import NONE, CelError, Duration, Optional, Timestamp, Value, no_overload


def optional(name: str, a: Value) -> Optional:
    """An optional. Raises `CelError` for something else."""
    if isinstance(a, Optional):
        return a
    raise no_overload(name, a)


def of(a: Value) -> Value:
    """One that is there."""
    return Optional(a)


def none() -> Value:
    """One that is not."""
    return NONE


def of_non_zero(a: Value) -> Value:
    """One that is there unless the value is the zero of its type."""
    empty = a is None or (isinstance(a, bool | int | float | str | bytes | list | dict) and not a)
    zero = isinstance(a, Timestamp | Duration) and a.ns == 0
    return NONE if empty or zero else Optional(a)


def has_value(a: Value) -> Value:
    """Is it there?"""
    return bool(optional("hasValue", a).held)


def value(a: Value) -> Value:
    """What it holds. An error where it is not there."""
    found = optional("value", a)
    if not found.held:
        raise CelError("optional.none() dereference")
    return found.held[0]


def or_(a: Value, b: Value) -> Value:
    """The first, or the second where the first is not there."""
    found, other = optional("or", a), optional("or", b)
    return found if found.held else other


def or_value(a: Value, b: Value) -> Value:
    """What it holds, or a value where it is not there; cel-go takes what is no optional for what one holds."""
    if not isinstance(a, Optional):
        return a
    return a.held[0] if a.held else b


def unwrapped(a: Value) -> Value:
    """What the optionals of a list hold."""
    if not isinstance(a, list):
        raise no_overload("optional.unwrap", a)
    return [v for each in a for v in optional("optional.unwrap", each).held]


def first(a: Value) -> Value:
    """The first element, if there is one."""
    if not isinstance(a, list):
        raise no_overload("first", a)
    return Optional(a[0]) if a else NONE


def last(a: Value) -> Value:
    """The last element, if there is one."""
    if not isinstance(a, list):
        raise no_overload("last", a)
    return Optional(a[-1]) if a else NONE


OPTIONALS: Final[Functions] = {
    **globals_of({"optional.of": of, "optional.none": none, "optional.ofNonZeroValue": of_non_zero}, free=True),
    **globals_of({"optional.unwrap": unwrapped}),
    **members(
        {"hasValue": has_value, "value": value, "or": or_, "orValue": or_value, "first": first, "last": last}, free=True
    ),
    **members({"unwrapOpt": unwrapped}),
}
