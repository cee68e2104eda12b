"""JSON documents: what is at paths, and patches (topdown/json.go, RFC 6902)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.objects import Object
from mistrust.languages.rego.builtins.operands import array, failed, obj, wrong
from mistrust.languages.rego.errors import OperandError
from mistrust.languages.rego.runtime import Maybe, get
from mistrust.languages.rego.values import Hashed, Set, U, Undefined, Value, equal, fitting, key, kind


def _paths(name: str, value: Value) -> list[list[Value]]:
    """Paths as strings with slashes, or as arrays."""
    if not isinstance(value, list | Set):
        raise wrong(name, 2, "one of {set, array}", value)
    out: list[list[Value]] = []
    for each in value:
        if isinstance(each, str):
            out.append([p.replace("~1", "/").replace("~0", "~") for p in each.lstrip("/").split("/")])
        elif isinstance(each, list):
            out.append(each)
        else:
            said = "must be one of {set, array} containing string paths or array of path segments"
            raise OperandError(f"{name}: operand 2 {said} but got {kind(each)}")
    return out


class _Trie(dict["Hashed", "_Trie | None"]):
    pass


def _trie(paths: Sequence[Sequence[Value]]) -> _Trie:
    root = _Trie()
    for path in paths:
        at = root
        for i, part in enumerate(path):
            hashed = key(part)
            if i == len(path) - 1:
                at[hashed] = None
                break
            inner = at.setdefault(hashed, _Trie())
            if inner is None:
                break
            at = inner
    return root


def json_remove(value: Value, paths: Value) -> Value:
    """Without what is at these paths."""
    found = obj("json.remove", 1, value)
    return _removed(found, _trie(_paths("json.remove", paths)))


def _removed(value: Value, trie: _Trie) -> Value:
    if isinstance(value, dict):
        out: Object = {}
        for k, v in value.items():
            if k not in trie:
                out[k] = v
            elif (inner := trie[k]) is not None:
                out[k] = _removed(v, inner)
        return fitting(out)
    if isinstance(value, list):
        found: list[Value] = []
        for i, v in enumerate(value):
            at = str(i) if str(i) in trie else i
            if at not in trie:
                found.append(v)
            elif (inner := trie[at]) is not None:
                found.append(_removed(v, inner))
        return found
    if isinstance(value, Set):
        return Set(v for k, v in value.items.items() if trie.get(k, 0) is not None)
    return value


def json_filter(value: Value, paths: Value) -> Value:
    """What is at these paths alone."""
    found = obj("json.filter", 1, value)
    return _filtered(found, _trie(_paths("json.filter", paths)))


def _filtered(value: Value, trie: _Trie | None) -> Value:
    if trie is None:
        return value
    if isinstance(value, dict):
        return fitting({k: _filtered(v, trie[k]) for k, v in value.items() if k in trie})
    if isinstance(value, list):
        out: list[Value] = []
        for i, v in enumerate(value):
            at = str(i) if str(i) in trie else i
            if at in trie:
                out.append(_filtered(v, trie[at]))
        return out
    if isinstance(value, Set):
        return Set(v for k, v in value.items.items() if k in trie)
    return value


def json_patch(value: Value, operations: Value) -> Value:
    """With the operations of RFC 6902, and on sets by their elements; one that fails makes all of it undefined."""
    found = value
    for each in array("json.patch", 2, operations):
        if not isinstance(each, dict):
            said = f"must be array of JSON-Patch objects but got array containing {kind(each)}"
            raise OperandError(f"json.patch: operand 2 {said}")
        found = _patched(found, each)
    return found


def _patched(whole: Value, operation: Object) -> Value:
    name = "json.patch"
    op, path = operation.get("op"), _pointer(operation.get("path", U))
    match op:
        case "add":
            return _put(whole, path, _needed(operation, "value"), add=True)
        case "remove":
            return _taken(whole, path)[0]
        case "replace":
            _reach(whole, path)
            return _put(whole, path, _needed(operation, "value"), add=False)
        case "move":
            origin = _pointer(operation.get("from", U))
            rest, moved = _taken(whole, origin)
            return _put(rest, path, moved, add=True)
        case "copy":
            return _put(whole, path, _reach(whole, _pointer(operation.get("from", U))), add=True)
        case "test":
            if not equal(_reach(whole, path), _needed(operation, "value")):
                raise failed(name, "value from EditTree != patch value")
            return whole
    raise failed(name, f"unrecognized op: {op!r}")


def _needed(operation: Object, field: str) -> Value:
    if field not in operation:
        raise failed("json.patch", f"missing required attribute '{field}'")
    return operation[field]


def _pointer(value: Maybe) -> list[Value]:
    if isinstance(value, str):
        if not value:
            return []
        return [p.replace("~1", "/").replace("~0", "~") for p in value.removeprefix("/").split("/")]
    if isinstance(value, list):
        return value
    raise failed("json.patch", "a path must be a string or an array")


def _index(value: list[Value], part: Value, *, end: bool) -> int:
    if end and part == "-":
        return len(value)
    text = str(part) if isinstance(part, int) and not isinstance(part, bool) else part
    if not isinstance(text, str) or not text.isdecimal() or (len(text) > 1 and text[0] == "0"):
        raise failed("json.patch", f"invalid array index {part!r}")
    found = int(text)
    if found >= len(value) + end:
        raise failed("json.patch", f"index {found} out of range")
    return found


def _reach(value: Value, path: Sequence[Value]) -> Value:
    for part in path:
        if isinstance(value, list):
            value = value[_index(value, part, end=False)]
            continue
        found = get(value, part)
        if isinstance(found, Undefined):
            raise failed("json.patch", f"path {part!r} does not exist")
        value = found
    return value


def _put(whole: Value, path: Sequence[Value], value: Value, *, add: bool) -> Value:
    if not path:
        return value
    part, rest = path[0], path[1:]
    if isinstance(whole, dict):
        if rest and key(part) not in whole:
            raise failed("json.patch", f"path {part!r} does not exist")
        inner = _put(whole[key(part)], rest, value, add=add) if rest else value
        return fitting({**whole, key(part): inner})
    if isinstance(whole, list):
        at = _index(whole, part, end=add and not rest)
        if rest:
            return [*whole[:at], _put(whole[at], rest, value, add=add), *whole[at + 1 :]]
        return [*whole[:at], value, *whole[at + (not add) :]]
    if isinstance(whole, Set):
        if rest:
            if part not in whole:
                raise failed("json.patch", f"path {part!r} does not exist")
            inner = _put(part, rest, value, add=add)
            return Set.of({**{k: v for k, v in whole.items.items() if k != key(part)}, key(inner): inner})
        if not equal(part, value):
            raise failed("json.patch", "set key does not equal value to be added")
        return Set.of({**whole.items, key(value): value})
    raise failed("json.patch", f"{kind(whole)} has no {part!r}")


def _taken(whole: Value, path: Sequence[Value]) -> tuple[Value, Value]:
    if not path:
        return None, whole
    part, rest = path[0], path[1:]
    if isinstance(whole, list):
        at = _index(whole, part, end=False)
        if rest:
            inner, gone = _taken(whole[at], rest)
            return [*whole[:at], inner, *whole[at + 1 :]], gone
        return [*whole[:at], *whole[at + 1 :]], whole[at]
    found = get(whole, part)
    if isinstance(found, Undefined):
        raise failed("json.patch", f"path {part!r} does not exist")
    if isinstance(whole, dict):
        if rest:
            inner, gone = _taken(found, rest)
            return fitting({**whole, key(part): inner}), gone
        return fitting({k: v for k, v in whole.items() if k != key(part)}), found
    assert isinstance(whole, Set)
    left = {k: v for k, v in whole.items.items() if k != key(part)}
    if rest:
        inner, gone = _taken(found, rest)
        return Set.of({**left, key(inner): inner}), gone
    return Set.of(left), found


_PURE: Final[Mapping[str, Pure]] = {
    "json.remove": json_remove,
    "json.filter": json_filter,
    "json.patch": json_patch,
}
DOCUMENTS: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
