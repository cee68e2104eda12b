"""What fast expressions call while they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mistrust.languages.cel import access, operators
from mistrust.languages.cel.budget import length, pay, spend
from mistrust.languages.cel.function import Function
from mistrust.languages.cel.values import NONE, CelError, Hashed, Optional, Value, equal, key, no_overload

BUILT: Final = frozenset((str, bytes, list))
DEEP: Final = frozenset((list, dict))


def elements(left: list[int], value: Value) -> list[Value]:
    """What a macro looks at, counted."""
    found = access.elements(value)
    spend(left, len(found) + 1)
    return found


def pairs(left: list[int], value: Value) -> list[tuple[Value, Value]]:
    """The same with index or key."""
    found = list(access.pairs(value))
    spend(left, len(found) + 1)
    return found


def paid(left: list[int], function: Function, *args: Value) -> Value:
    """What a function answers, paid for what it looks at and makes."""
    spend(left, function.cost)
    pay(left, *args)
    found = function.answer(*args)
    pay(left, found)
    return found


def added(left: list[int], a: Value, b: Value) -> Value:
    """a + b."""
    found = operators.add(a, b)
    if type(found) in BUILT:
        spend(left, length(found))
    return found


def contained(left: list[int], a: Value, b: Value) -> Value:
    """a in b."""
    if type(b) is list:
        spend(left, len(b))
        if type(a) in DEEP:
            pay(left, b)
    return operators.contained(a, b)


def alike(left: list[int], a: Value, b: Value) -> bool:
    """a == b."""
    if type(a) in DEEP:
        pay(left, a)
    return equal(a, b)


def mapped(items: Sequence[tuple[Value, Value]]) -> Value:
    """A map, each key once."""
    found: dict[Hashed, Value] = {}
    for k, v in items:
        if key(k) in found:
            raise CelError("duplicate key in map")
        found[key(k)] = v
    return found


def optional_map(target: Value, body: Callable[[Value], Value], flat: bool) -> Value:
    """`optMap` and `optFlatMap`."""
    if not isinstance(target, Optional):
        raise no_overload("optMap", target)
    if not target.held:
        return NONE
    found = body(target.held[0])
    if not flat:
        return Optional(found)
    if not isinstance(found, Optional):
        raise no_overload("optFlatMap", found)
    return found
