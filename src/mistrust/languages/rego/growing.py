"""Documents that several rules make together, level by level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mistrust.languages.rego.errors import ConflictError
from mistrust.languages.rego.runtime import Maybe
from mistrust.languages.rego.values import (
    Hashed,
    Set,
    U,
    Undefined,
    Value,
    equal,
    fitting,
    key,
)

KEYS: Final = "object keys must be unique"


def put_key(found: dict[object, Value], k: Value, value: Value) -> None:
    """A pair of an object. Raises `ConflictError` if the key has another value."""
    hashed = key(k)
    if hashed in found and not equal(found[hashed], value):
        raise ConflictError(KEYS)
    found[hashed] = value


class Growing(dict[object, object]):
    """An object that rules make together, level by level."""


class Members(dict[object, Value]):
    """A set that rules make together."""


def put(root: Growing, path: Sequence[Value], value: Value) -> None:
    """What a rule says is at a path. Raises `ConflictError` if something else is there."""
    at = _level(root, path[:-1])
    last = key(path[-1])
    known = at.get(last, U)
    if known is U:
        at[last] = value
    elif isinstance(known, Growing | Members) or not equal(known, value):  # type: ignore[arg-type]
        raise ConflictError(KEYS)


def put_member(root: Growing, path: Sequence[Value], value: Value) -> None:
    """An element of the set at a path."""
    at = _level(root, path[:-1])
    known = at.setdefault(key(path[-1]), Members())
    if not isinstance(known, Members):
        raise ConflictError(KEYS)
    known[key(value)] = value


def _level(root: Growing, path: Sequence[Value]) -> Growing:
    at = root
    for part in path:
        inner = at.setdefault(key(part), Growing())
        if not isinstance(inner, Growing):
            raise ConflictError(KEYS)
        at = inner
    return at


def grown(found: object) -> Value:
    """The finished value."""
    if isinstance(found, Members):
        return Set.of(found)  # type: ignore[arg-type]
    if isinstance(found, Growing):
        return fitting({k: grown(v) for k, v in found.items()})  # type: ignore[misc]
    return found  # type: ignore[return-value]


def merged(virtual: Mapping[Hashed, Maybe], base: Maybe) -> Value:
    """What data says over what rules say; rules that say nothing leave no trace."""
    found: dict[Hashed, Value] = {name: v for name, v in virtual.items() if not isinstance(v, Undefined)}
    for name, value in base.items() if isinstance(base, dict) else ():
        inner = found.get(name)
        found[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return fitting(found)
