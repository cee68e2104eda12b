"""Access to what is in values: fields, elements, keys."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.languages.cel.values import (
    NONE,
    CelError,
    Optional,
    UInt,
    Value,
    no_overload,
    sought,
    type_of,
    unkey,
)


def select(a: Value, field: str) -> Value:
    """a.field."""
    if isinstance(a, dict):
        if field in a:
            return a[field]
        raise CelError(f"no such key: {field}")
    if isinstance(a, Optional):
        return Optional(select(a.held[0], field)) if a.held and has(a.held[0], field) else NONE
    raise no_overload("select", a)


def has(a: Value, field: str) -> bool:
    """Is there such a field?"""
    if isinstance(a, dict):
        return field in a
    if isinstance(a, Optional):
        return bool(a.held) and has(a.held[0], field)
    raise no_overload("has", a)


def maybe(a: Value, field: Value) -> Value:
    """a.?field and a[?field]."""
    if isinstance(a, Optional):
        if not a.held:
            return NONE
        a = a.held[0]
    if isinstance(a, dict):
        found = sought(field)
        return Optional(a[found]) if found in a else NONE
    if isinstance(a, list):
        i = position(field)
        return Optional(a[i]) if 0 <= i < len(a) else NONE
    raise no_overload("_[?_]", a, field)


def position(i: Value) -> int:
    """An index: a whole number of any type. Raises `CelError` for something else."""
    if type(i) is int or type(i) is UInt:
        return int(i)
    if isinstance(i, float):
        if i.is_integer():
            return int(i)
        raise CelError("invalid_argument: index is not a whole number")
    raise no_overload("_[_]", i)


def index(a: Value, i: Value) -> Value:
    """a[i]."""
    if isinstance(a, list):
        at = position(i)
        if 0 <= at < len(a):
            return a[at]
        raise CelError(f"index out of bounds: {at}")
    if isinstance(a, dict):
        found = sought(i)
        if found in a:
            return a[found]
        raise CelError(f"no such key: {i!r}")
    if isinstance(a, Optional):
        return maybe(a, i)
    raise no_overload("_[_]", a, i)


def elements(a: Value) -> list[Value]:
    """What a macro looks at: elements, or the keys of a map."""
    if isinstance(a, list):
        return a
    if isinstance(a, dict):
        return [unkey(k) for k in a]
    raise CelError(f"expression of type '{type_of(a)}' cannot be range of a comprehension")


def pairs(a: Value) -> Iterator[tuple[Value, Value]]:
    """Index and element, or key and value."""
    if isinstance(a, list):
        yield from enumerate(a)
    elif isinstance(a, dict):
        yield from ((unkey(k), v) for k, v in a.items())
    else:
        raise CelError(f"expression of type '{type_of(a)}' cannot be range of a comprehension")
