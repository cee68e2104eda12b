"""Objects (topdown/{object,subset}.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import array, collection, obj
from mistrust.languages.rego.errors import OperandError
from mistrust.languages.rego.runtime import Maybe, get
from mistrust.languages.rego.values import Hashed, Set, Undefined, Value, equal, fitting, key, kind, unkey

Object = dict[Hashed, Value]
OBJECT_SET_ARRAY: Final = "one of {object, set, array}"


def object_get(value: Value, path: Value, default: Value) -> Value:
    """What is under a key, or at the end of a path of keys; else the default."""
    found: Maybe = obj("object.get", 1, value)
    if isinstance(path, list):
        for part in path:
            found = get(found, part)
            if isinstance(found, Undefined):
                return default
        return found if not isinstance(found, Undefined) else default
    found = get(found, path)
    return default if isinstance(found, Undefined) else found


def object_keys(value: Value) -> Value:
    """The keys, as a set."""
    return Set.of({k: unkey(k) for k in obj("object.keys", 1, value)})


def _keys(name: str, value: Value) -> list[Value]:
    if isinstance(value, dict):
        return [unkey(k) for k in value]
    return collection(name, 2, value, OBJECT_SET_ARRAY)


def object_remove(value: Value, keys: Value) -> Value:
    """Without these keys."""
    found = obj("object.remove", 1, value)
    gone = {key(k) for k in _keys("object.remove", keys)}
    return fitting({k: v for k, v in found.items() if k not in gone})


def object_filter(value: Value, keys: Value) -> Value:
    """With these keys alone."""
    found = obj("object.filter", 1, value)
    kept = {key(k) for k in _keys("object.filter", keys)}
    return fitting({k: v for k, v in found.items() if k in kept})


def object_union(a: Value, b: Value) -> Value:
    """Both, level by level; where they differ the second counts."""
    return _union(obj("object.union", 1, a), obj("object.union", 2, b))


def _union(a: Object, b: Object) -> Object:
    out = dict(a)
    for k, v in b.items():
        old = out.get(k)
        out[k] = _union(old, v) if isinstance(old, dict) and isinstance(v, dict) else v
    return fitting(out)


def object_union_n(values: Value) -> Value:
    """All of them, one after the other."""
    out: Object = {}
    for each in array("object.union_n", 1, values):
        if not isinstance(each, dict):
            said = f"must be array of objects but got array containing {kind(each)}"
            raise OperandError(f"object.union_n: operand 1 {said}")
        out = _union(out, each)
    return out


def object_subset(a: Value, b: Value) -> Value:
    """Is the second contained in the first?"""
    if isinstance(a, dict) and isinstance(b, dict):
        return _within(a, b)
    if isinstance(a, Set) and isinstance(b, Set):
        return b.items.keys() <= a.items.keys()
    if isinstance(a, list) and isinstance(b, list):
        return any(all(map(equal, a[i:], b)) for i in range(len(a) - len(b) + 1))
    if isinstance(a, list) and isinstance(b, Set):
        return b.items.keys() <= {key(v) for v in a}
    raise OperandError("object.subset: both arguments object.subset must be of the same type or array and set")


def _within(a: Object, b: Object) -> bool:
    for k, v in b.items():
        if k not in a:
            return False
        mine = a[k]
        if isinstance(mine, dict | Set | list) and type(v) is type(mine):
            if not object_subset(mine, v):
                return False
        elif not equal(mine, v):
            return False
    return True


# Paths


# Graphs


_PURE: Final[Mapping[str, Pure]] = {
    "object.get": object_get,
    "object.keys": object_keys,
    "object.remove": object_remove,
    "object.filter": object_filter,
    "object.union": object_union,
    "object.union_n": object_union_n,
    "object.subset": object_subset,
}
OBJECTS: Final[Mapping[str, Builtin]] = {
    name: pure(function, free=name == "object.get") for name, function in _PURE.items()
}
