"""Lists: what Kubernetes adds (pkg/cel/library/lists.go), and cel-go's extension (cel-go/ext/lists.go)."""

from __future__ import annotations

from functools import cmp_to_key
from itertools import pairwise
from typing import Final

from mistrust.languages.cel.budget import STEPS, BudgetError
from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.libraries import strings
from mistrust.languages.cel.operators import add
from mistrust.languages.cel.values import CelError, Value, compare, equal, frozen, no_overload, type_of


def several(name: str, a: Value) -> list[Value]:
    """A list. Raises `CelError` for something else."""
    if isinstance(a, list):
        return a
    raise no_overload(name, a)


def is_sorted(a: Value) -> Value:
    """Is no element less than the one before it?"""
    found = several("isSorted", a)
    return all(compare(x, y) in (-1, 0) for x, y in pairwise(found))


def total(a: Value) -> Value:
    """The sum; of nothing 0."""
    found = several("sum", a)
    if not found:
        return 0
    out = found[0]
    if isinstance(out, str | bytes | list | bool):
        raise no_overload("sum", a)
    for each in found[1:]:
        out = add(out, each)
    return out


def smallest(a: Value) -> Value:
    """The least. An error where there is none."""
    return _extreme("min", a, -1)


def largest(a: Value) -> Value:
    """The greatest. An error where there is none."""
    return _extreme("max", a, 1)


def _extreme(name: str, a: Value, sign: int) -> Value:
    found = several(name, a)
    if not found:
        raise CelError(f"{name} called on empty list")
    out = found[0]
    for each in found[1:]:
        if compare(each, out) == sign:
            out = each
    return out


def index_of(a: Value, b: Value, start: Value = 0) -> Value:
    """Where an element, or a part of a string, first is."""
    if isinstance(a, list):
        return next((i for i, each in enumerate(a) if equal(each, b)), -1)
    return strings.index_of(a, b, start)


def last_index_of(a: Value, b: Value, last: Value = strings.UNSET) -> Value:
    """Where it last is."""
    if isinstance(a, list):
        return next((i for i in range(len(a) - 1, -1, -1) if equal(a[i], b)), -1)
    return strings.last_index_of(a, b, last)


def slice_(a: Value, start: Value, end: Value) -> Value:
    """A part of a list."""
    found, low, high = several("slice", a), strings.whole("slice", start), strings.whole("slice", end)
    if low < 0 or high < 0:
        raise CelError(f"cannot slice({low}, {high}), negative indexes not supported")
    if low > high:
        raise CelError(f"cannot slice({low}, {high}), start index must be less than or equal to end index")
    if high > len(found):
        raise CelError(f"cannot slice({low}, {high}), list is length {len(found)}")
    return found[low:high]


def flatten(a: Value, depth: Value = 1) -> Value:
    """With the elements of lists in the place of the lists, so many levels down."""
    levels = strings.whole("flatten", depth)
    if levels < 0:
        raise CelError("level must be non-negative")
    return _flat(several("flatten", a), levels)


def _flat(a: list[Value], levels: int) -> list[Value]:
    if not levels:
        return a
    out: list[Value] = []
    for each in a:
        out += _flat(each, levels - 1) if isinstance(each, list) else [each]
        if len(out) > STEPS:
            raise BudgetError
    return out


def distinct(a: Value) -> Value:
    """Each element once, where it first is."""
    found: dict[object, Value] = {}
    for each in several("distinct", a):
        found.setdefault(frozen(each), each)
    return list(found.values())


def range_(a: Value) -> Value:
    """From 0 on."""
    count = strings.whole("lists.range", a)
    if count > STEPS:
        raise BudgetError
    return list(range(count))


def sort(a: Value) -> Value:
    """In order; all elements have to be of one type that has an order."""
    found = several("sort", a)
    kinds = {type_of(each).name for each in found}
    if len(kinds) > 1:
        raise CelError("list elements must have the same type")
    return sorted(found, key=cmp_to_key(compare))


KUBERNETES_LISTS: Final[Functions] = members(
    {
        "isSorted": is_sorted,
        "sum": total,
        "min": smallest,
        "max": largest,
        "indexOf": index_of,
        "lastIndexOf": last_index_of,
    }
)
LISTS: Final[Functions] = {
    **globals_of({"lists.range": range_}),
    **members({"slice": slice_, "flatten": flatten, "distinct": distinct, "reverse": strings.reverse, "sort": sort}),
}
