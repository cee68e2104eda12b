"""OPA's conformance cases: modules, a query, and what it has to answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec
from tests.corpora import ROOT

from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.errors import EvaluationError
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.told import told
from mistrust.languages.rego.values import Set, U, Value, ordered, pairs

EXACT: Final = 1 << 53


class Case(msgspec.Struct, frozen=True):
    """One case."""

    note: str
    query: str
    modules: list[str] | None = None
    data: object = None
    input: object = msgspec.UNSET
    input_term: str | None = None
    want_result: list[dict[str, object]] | None = None
    want_error: str | None = None
    want_error_code: str | None = None
    strict_error: bool = False
    sort_bindings: bool = False


@cache
def cases() -> tuple[Case, ...]:
    """Every case, nothing where the corpus is absent."""
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    for file in sorted((ROOT / "rego").glob("*.json")):
        found = json.loads(file.read_bytes())
        yield from msgspec.convert(found["cases"] if isinstance(found, dict) else found, list[Case])


def answer(case: Case) -> list[dict[str, object]]:
    """What we answer, in the form of the cases. Raises `EvaluationError` where there is no answer."""
    modules = [parse(text, f"test-{i}.rego") for i, text in enumerate(case.modules or [])]
    given: object = U if case.input is msgspec.UNSET else case.input
    if case.input_term is not None:
        given = compiled([]).query(f"x = {case.input_term}").ask()[0]["x"]
    query = compiled(modules).query(case.query)
    found = query.ask(given, case.data or {}, strict=case.strict_error, clock=time.time_ns())  # type: ignore[arg-type]
    return [{name: plain(value) for name, value in each.items()} for each in found]


def plain(value: Value) -> object:
    """A value as the cases write it: sets as arrays, other keys than strings as text."""
    if isinstance(value, Set):
        return [plain(v) for v in ordered(value)]
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {(k if isinstance(k, str) else told(k)): plain(v) for k, v in pairs(value)}
    return value


def alike(found: list[dict[str, object]], *, loosely: bool) -> list[str]:
    """Answers in a form that compares: bindings have no order, and `loosely` arrays have none either."""
    return sorted(json.dumps({k: _form(v, loosely) for k, v in each.items()}, sort_keys=True) for each in found)


def _form(value: object, loosely: bool) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    if isinstance(value, list):
        several = [_form(v, loosely=False) for v in value]
        return sorted(several, key=lambda v: json.dumps(v, sort_keys=True)) if loosely else several
    if isinstance(value, dict):
        return {k: _form(v, loosely=False) for k, v in value.items()}
    return value


def holds(case: Case) -> bool:
    """Do we answer as OPA does?"""
    try:
        found = answer(case)
    except EvaluationError as error:
        return case.want_error_code == error.code or (case.want_error_code is None and case.want_error is not None)
    if case.want_error or case.want_error_code:
        return False
    wanted = case.want_result
    return wanted is None or alike(found, loosely=case.sort_bindings) == alike(wanted, loosely=case.sort_bindings)
