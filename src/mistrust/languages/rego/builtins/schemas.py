"""JSON Schema, as much of drafts 4 to 7 as policies use, told as gojsonschema tells it (topdown/jsonschema.go)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

import msgspec
import re2

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.encoding import plain
from mistrust.languages.rego.builtins.operands import wrong
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.values import Hashed, Value, equal
from mistrust.languages.rego.values import kind as kind_of

TYPES: Final = ("array", "boolean", "integer", "number", "null", "object", "string")
DEEPEST: Final = 64
Schema = Value


class Failure(msgspec.Struct, frozen=True):
    """Something that does not hold."""

    field: str
    """`id.0`, `(root)`."""
    kind: str
    said: str


def _document(name: str, at: int, value: Value) -> Value:
    if isinstance(value, str):
        try:
            return cast("Value", json.loads(value))
        except (ValueError, RecursionError) as error:
            raise BuiltinError(f"{name}: {error}") from None
    if isinstance(value, dict):
        return cast("Value", plain(value))
    raise wrong(name, at, "one of {string, object}", value)


def _sound(schema: Schema, depth: int = 0) -> None:
    """Raises `BuiltinError` for a schema that is none."""
    if depth > DEEPEST:
        raise BuiltinError("the schema is too deep")
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise BuiltinError("schema must be an object")
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in TYPES:
            known = " ".join(TYPES)
            raise BuiltinError(
                f"has a primitive type that is NOT VALID -- given: /{kind}/ Expected valid values are:[{known}]"
            )
    for each in ("properties", "patternProperties", "definitions"):
        found = schema.get(each, {})
        if not isinstance(found, dict):
            raise BuiltinError(f"{each} must be of type object")
        for inner in found.values():
            _sound(inner, depth + 1)
    for each in ("items", "additionalProperties", "not", "contains"):
        found = schema.get(each, True)
        for inner in found if isinstance(found, list) else [found]:
            _sound(inner, depth + 1)
    for each in ("allOf", "anyOf", "oneOf"):
        several = schema.get(each, [])
        if not isinstance(several, list):
            raise BuiltinError(f"{each} must be of type array")
        for inner in several:
            _sound(inner, depth + 1)


def verify_schema(schema: Value) -> Value:
    """Is it a schema, and if not, why?"""
    try:
        _sound(_document("json.verify_schema", 1, schema))
    except BuiltinError as error:
        return [False, f"jsonschema: {error}"]
    return [True, None]


def match_schema(document: Value, schema: Value) -> Value:
    """Does a document hold to a schema, and where does it not?"""
    name = "json.match_schema"
    given, wanted = _document(name, 1, document), _document(name, 2, schema)
    try:
        _sound(wanted)
    except BuiltinError as error:
        raise BuiltinError(f"{name}: {error}") from None
    found = list(_failures(given, wanted, wanted, "(root)", 0))
    told: list[Value] = [
        {"desc": f.said, "error": f"{f.field}: {f.said}", "field": f.field, "type": f.kind} for f in found
    ]
    return [not told, told]


def _kinds(value: Value) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("boolean",)
    if isinstance(value, int):
        return ("integer", "number")
    if isinstance(value, float):
        return ("integer", "number") if value.is_integer() else ("number",)
    return (kind_of(value),)


def _failures(value: Value, schema: Schema, root: Schema, at: str, depth: int) -> Iterator[Failure]:
    if depth > DEEPEST:
        raise BuiltinError("the schema is too deep")
    if schema is False:
        yield Failure(at, "false", "False always fails validation")
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _failures(value, _referred(root, reference), root, at, depth + 1)
        return
    yield from _type(value, schema, at)
    yield from _combined(value, schema, root, at, depth)
    if isinstance(value, dict):
        yield from _object(value, schema, root, at, depth)
    elif isinstance(value, list):
        yield from _array(value, schema, root, at, depth)
    elif isinstance(value, str):
        yield from _string(value, schema, at)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, schema, at)


def _referred(root: Schema, reference: str) -> Schema:
    found: Value = root
    if not reference.startswith("#"):
        raise BuiltinError(f"a schema elsewhere is not read: {reference}")
    for part in filter(None, reference[1:].split("/")):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or key not in found:
            raise BuiltinError(f"no schema at {reference}")
        found = found[key]
    return found


def _type(value: Value, schema: Mapping[Hashed, Value], at: str) -> Iterator[Failure]:
    kinds = schema.get("type")
    wanted = kinds if isinstance(kinds, list) else [kinds] if kinds is not None else []
    if wanted and not set(_kinds(value)) & {str(w) for w in wanted}:
        said = ",".join(str(w) for w in wanted)
        yield Failure(at, "invalid_type", f"Invalid type. Expected: {said}, given: {_kinds(value)[0]}")
    several = schema.get("enum")
    if isinstance(several, list) and not any(equal(value, each) for each in several):
        said = ", ".join(json.dumps(plain(each)) for each in several)
        yield Failure(at, "enum", f"{_last(at)} must be one of the following: {said}")
    if "const" in schema and not equal(value, schema["const"]):
        yield Failure(at, "const", f"{_last(at)} does not match: {json.dumps(plain(schema['const']))}")


def _last(at: str) -> str:
    return at.rpartition(".")[2]


def _inner(at: str, name: str) -> str:
    return name if at == "(root)" else f"{at}.{name}"


def _combined(value: Value, schema: Mapping[Hashed, Value], root: Schema, at: str, depth: int) -> Iterator[Failure]:
    def holds(inner: Schema) -> bool:
        return next(_failures(value, inner, root, at, depth + 1), None) is None

    every, some, one = (schema.get(k) for k in ("allOf", "anyOf", "oneOf"))
    for inner in every if isinstance(every, list) else ():
        yield from _failures(value, inner, root, at, depth + 1)
    if isinstance(some, list) and not any(map(holds, some)):
        yield Failure(at, "number_any_of", "Must validate at least one schema (anyOf)")
    if isinstance(one, list) and sum(map(holds, one)) != 1:
        yield Failure(at, "number_one_of", "Must validate one and only one schema (oneOf)")
    if "not" in schema and holds(schema["not"]):
        yield Failure(at, "number_not", "Must not validate the schema (not)")


def _object(
    value: Mapping[Hashed, Value], schema: Mapping[Hashed, Value], root: Schema, at: str, depth: int
) -> Iterator[Failure]:
    required = schema.get("required")
    for needed in required if isinstance(required, list) else ():
        if needed not in value:
            yield Failure(at, "required", f"{needed} is required")
    properties, patterns = schema.get("properties"), schema.get("patternProperties")
    known = properties if isinstance(properties, dict) else {}
    matched = patterns if isinstance(patterns, dict) else {}
    for name, inner in value.items():
        place = _inner(at, str(name))
        asked: list[Value] = [known[name]] if name in known else []
        asked += [s for p, s in matched.items() if re2.compile(str(p)).search(str(name))]
        for each in asked:
            yield from _failures(inner, each, root, place, depth + 1)
        rest = schema.get("additionalProperties", True)
        if not asked and rest is False:
            yield Failure(at, "additional_property_not_allowed", f"Additional property {name} is not allowed")
        elif not asked:
            yield from _failures(inner, rest, root, place, depth + 1)
    yield from _between(len(value), schema, "Properties", at, "object")


def _array(value: list[Value], schema: Mapping[Hashed, Value], root: Schema, at: str, depth: int) -> Iterator[Failure]:
    items = schema.get("items")
    for i, each in enumerate(value):
        inner = (items[i] if i < len(items) else True) if isinstance(items, list) else items
        yield from _failures(each, inner if inner is not None else True, root, _inner(at, str(i)), depth + 1)
    if schema.get("uniqueItems") is True:
        for i, each in enumerate(value):
            if any(equal(each, other) for other in value[:i]):
                yield Failure(at, "unique", f"array items[{value.index(each)},{i}] must be unique")
                break
    yield from _between(len(value), schema, "Items", at, "array")


def _between(size: int, schema: Mapping[Hashed, Value], what: str, at: str, kind: str) -> Iterator[Failure]:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    word = what.lower()
    if isinstance(least, int) and size < least:
        yield Failure(at, f"{kind}_min_{word}", f"{kind.capitalize()} must have at least {least} {word}")
    if isinstance(most, int) and size > most:
        yield Failure(at, f"{kind}_max_{word}", f"{kind.capitalize()} must have at most {most} {word}")


def _string(value: str, schema: Mapping[Hashed, Value], at: str) -> Iterator[Failure]:
    least, most, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    if isinstance(least, int) and len(value) < least:
        yield Failure(at, "string_gte", f"String length must be greater than or equal to {least}")
    if isinstance(most, int) and len(value) > most:
        yield Failure(at, "string_lte", f"String length must be less than or equal to {most}")
    if isinstance(pattern, str) and not re2.compile(pattern).search(value):
        yield Failure(at, "pattern", f"Does not match pattern '{pattern}'")


def _number(value: float, schema: Mapping[Hashed, Value], at: str) -> Iterator[Failure]:
    bounds: tuple[tuple[str, Callable[[float], bool], str, str], ...] = (
        ("minimum", lambda n: value >= n, "number_gte", "Must be greater than or equal to"),
        ("maximum", lambda n: value <= n, "number_lte", "Must be less than or equal to"),
        ("exclusiveMinimum", lambda n: value > n, "number_gt", "Must be greater than"),
        ("exclusiveMaximum", lambda n: value < n, "number_lt", "Must be less than"),
        ("multipleOf", lambda n: n != 0 and value % n == 0, "multiple_of", "Must be a multiple of"),
    )
    for name, holds, kind, said in bounds:
        bound = schema.get(name)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and not holds(bound):
            yield Failure(at, kind, f"{said} {bound}")


_PURE: Final[Mapping[str, Pure]] = {"json.match_schema": match_schema, "json.verify_schema": verify_schema}
SCHEMAS: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
