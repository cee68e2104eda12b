"""Lists as sets (cel-go/ext/sets.go)."""

from __future__ import annotations

from typing import Final

from mistrust.languages.cel.budget import STEPS, BudgetError
from mistrust.languages.cel.function import Functions, globals_of
from mistrust.languages.cel.operators import contained
from mistrust.languages.cel.values import Value, no_overload


def _lists(name: str, a: Value, b: Value) -> tuple[list[Value], list[Value]]:
    if isinstance(a, list) and isinstance(b, list):
        if len(a) * len(b) > STEPS:
            raise BudgetError
        return a, b
    raise no_overload(name, a, b)


def contains(a: Value, b: Value) -> Value:
    """Is every element of the second in the first?"""
    whole, part = _lists("sets.contains", a, b)
    return all(contained(each, whole) for each in part)


def equivalent(a: Value, b: Value) -> Value:
    """Have they the same elements?"""
    one, other = _lists("sets.equivalent", a, b)
    return all(contained(each, one) for each in other) and all(contained(each, other) for each in one)


def intersects(a: Value, b: Value) -> Value:
    """Have they an element in common?"""
    one, other = _lists("sets.intersects", a, b)
    return any(contained(each, one) for each in other)


SETS: Final[Functions] = globals_of(
    {"sets.contains": contains, "sets.equivalent": equivalent, "sets.intersects": intersects}
)
