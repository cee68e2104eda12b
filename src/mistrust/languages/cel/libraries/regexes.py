"""`find` and `findAll` (k8s.io/apiserver pkg/cel/library/regex.go)."""

from __future__ import annotations

from typing import Final

from mistrust.languages.cel.function import Functions, members
from mistrust.languages.cel.libraries.strings import whole
from mistrust.languages.cel.patterns import compiled
from mistrust.languages.cel.standard import text
from mistrust.languages.cel.values import Value


def find(a: Value, pattern: Value) -> Value:
    """The first match; nothing where there is none."""
    match = compiled(text("find", pattern)).search(text("find", a))
    return match[0] if match is not None else ""


def find_all(a: Value, pattern: Value, count: Value = -1) -> Value:
    """Every match, or the first ones."""
    limit = whole("findAll", count)
    found = [m[0] for m in compiled(text("findAll", pattern)).finditer(text("findAll", a))]
    return [*found] if limit < 0 else [*found[:limit]]


REGEXES: Final[Functions] = members({"find": find, "findAll": find_all})
