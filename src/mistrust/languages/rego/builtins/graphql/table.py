"""The built-ins (topdown/graphql.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.graphql.parse import Tree
from mistrust.languages.rego.builtins.graphql.parse import parse_query as query_of
from mistrust.languages.rego.builtins.graphql.schema import parse_schema as schema_of
from mistrust.languages.rego.builtins.graphql.types import types
from mistrust.languages.rego.builtins.graphql.valid import check
from mistrust.languages.rego.builtins.operands import wrong
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.values import Value


def _query(name: str, value: Value) -> Tree:
    """A query, from its text or its tree."""
    if isinstance(value, str):
        return query_of(value)
    if isinstance(value, dict):
        return value
    raise wrong(name, 1, "one of {string, object}", value)


def _schema(name: str, at: int, value: Value) -> Tree:
    if isinstance(value, str):
        return schema_of(value)
    if isinstance(value, dict):
        return value
    raise wrong(name, at, "one of {string, object}", value)


def parse(query: Value, schema: Value) -> Value:
    """The trees of a query and a schema that fit."""
    name = "graphql.parse"
    asked, known = _query(name, query), _schema(name, 2, schema)
    check(types(known), asked)
    return [asked, known]


def parse_and_verify(query: Value, schema: Value) -> Value:
    """Whether they fit, and their trees."""
    try:
        return [True, *_both(query, schema)]
    except OperandError:
        raise
    except BuiltinError:
        return [False, {}, {}]


def _both(query: Value, schema: Value) -> list[Value]:
    found = parse(query, schema)
    assert isinstance(found, list)
    return found


def is_valid(query: Value, schema: Value) -> Value:
    """Do they fit?"""
    found = parse_and_verify(query, schema)
    assert isinstance(found, list)
    return found[0]


def parse_query(query: Value) -> Value:
    """The tree of a query."""
    return _query("graphql.parse_query", query)


def parse_schema(schema: Value) -> Value:
    """The tree of a schema."""
    return _schema("graphql.parse_schema", 1, schema)


def schema_is_valid(schema: Value) -> Value:
    """Is a schema sound?"""
    try:
        types(_schema("graphql.schema_is_valid", 1, schema))
    except OperandError:
        raise
    except BuiltinError:
        return False
    return True


_PURE: Final[Mapping[str, Pure]] = {
    "graphql.parse": parse,
    "graphql.parse_and_verify": parse_and_verify,
    "graphql.is_valid": is_valid,
    "graphql.parse_query": parse_query,
    "graphql.parse_schema": parse_schema,
    "graphql.schema_is_valid": schema_is_valid,
}
GRAPHQL: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
