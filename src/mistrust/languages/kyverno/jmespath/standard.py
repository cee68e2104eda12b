"""The functions of jmespath.org/specification.html#built-in-functions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import ExceededError, KyvernoError
from mistrust.languages.kyverno.jmespath.function import LARGEST, Argument, Expression, Function, functions
from mistrust.languages.kyverno.jmespath.values import equal, kind
from mistrust.languages.kyverno.scalars import number

Given = list[Plain]
Ordered = int | float | str


def numbers(value: Plain) -> list[float]:
    """The numbers of a list. Raises `KyvernoError` for other elements."""
    found = [v for v in (value if isinstance(value, list) else []) if isinstance(v, int | float)]
    if not isinstance(value, list) or len(found) != len(value) or any(isinstance(v, bool) for v in value):
        raise KyvernoError("a list of numbers is wanted")
    return found


def texts(value: Plain) -> list[str]:
    """The strings of a list. Raises `KyvernoError` for other elements."""
    found = [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(found) != len(value):
        raise KyvernoError("a list of strings is wanted")
    return found


def _orderable(value: Plain) -> list[Ordered]:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return list(texts(value))
    return list(numbers(value))


def text(value: Plain) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def to_number(value: Plain) -> Plain:
    """The number that a text stands for; null for none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return number(found) if math.isfinite(found) else None


def _contains(given: Given) -> Plain:
    inside, sought = given
    if isinstance(inside, str):
        return isinstance(sought, str) and sought in inside
    return isinstance(inside, list) and any(equal(each, sought) for each in inside)


def _join(given: Given) -> Plain:
    between, several = text(given[0]), texts(given[1])
    if len(between) * len(several) + sum(map(len, several)) > LARGEST:
        raise ExceededError("join(): a text that is too long")
    return between.join(several)


def _merge(given: Given) -> Plain:
    return {k: v for each in given if isinstance(each, dict) for k, v in each.items()}


def _length(given: Given) -> Plain:
    [value] = given
    return len(value) if isinstance(value, str | list | dict) else None


def _keys(given: Given) -> Plain:
    [value] = given
    return list(value) if isinstance(value, dict) else None


def _values(given: Given) -> Plain:
    [value] = given
    return list(value.values()) if isinstance(value, dict) else None


def _reverse(given: Given) -> Plain:
    [value] = given
    return value[::-1] if isinstance(value, str | list) else None


def _sort(given: Given) -> Plain:
    return list(_sorted(_orderable(given[0])))


def _sorted(values: list[Ordered]) -> list[Ordered]:
    return sorted(values, key=cmp_to_key(lambda a, b: (a > b) - (a < b)))  # type: ignore[operator]


def _max(given: Given) -> Plain:
    values = _sorted(_orderable(given[0]))
    return values[-1] if values else None


def _min(given: Given) -> Plain:
    values = _sorted(_orderable(given[0]))
    return values[0] if values else None


def _average(given: Given) -> Plain:
    values = numbers(given[0])
    return number(math.fsum(values) / len(values)) if values else None


def _by(choose: Callable[[list[tuple[Ordered, Plain]]], Plain]) -> Callable[[list[Argument]], Plain]:
    def answer(given: list[Argument]) -> Plain:
        several, by = given
        assert isinstance(by, Expression)
        assert isinstance(several, list)
        keys = [by.step(each) for each in several]
        ordered = _orderable(keys) if keys else []
        ranks = {key: i for i, key in enumerate(_sorted(ordered))}
        return choose(sorted(zip(ordered, several, strict=True), key=lambda pair: ranks[pair[0]]))

    return answer


def _map(given: list[Argument]) -> Plain:
    by, several = given
    assert isinstance(by, Expression)
    assert isinstance(several, list)
    return [by.step(each) for each in several]


def _not_null(given: Given) -> Plain:
    return next((v for v in given if v is not None), None)


def _edge(given: Given, holds: Callable[[str, str], bool]) -> Plain:
    a, b = given
    return isinstance(a, str) and isinstance(b, str) and holds(a, b)


def _number(change: Callable[[float], float]) -> Callable[[Given], Plain]:
    def answer(given: Given) -> Plain:
        [value] = given
        return number(change(value)) if isinstance(value, int | float) else None

    return answer


STANDARD: Final[Mapping[str, Function]] = {
    **functions(
        {
            "abs": ("n", _number(abs)),
            "avg": ("a", _average),
            "ceil": ("n", _number(math.ceil)),
            "contains": ("as *", _contains),
            "ends_with": ("s s", lambda given: _edge(given, str.endswith)),
            "floor": ("n", _number(math.floor)),
            "join": ("s a", _join),
            "keys": ("o", _keys),
            "length": ("sao", _length),
            "max": ("a", _max),
            "merge": ("+o", _merge),
            "min": ("a", _min),
            "not_null": ("+*", _not_null),
            "reverse": ("sa", _reverse),
            "sort": ("a", _sort),
            "starts_with": ("s s", lambda given: _edge(given, str.startswith)),
            "sum": ("a", lambda given: number(math.fsum(numbers(given[0])))),
            "to_array": ("*", lambda given: given[0] if isinstance(given[0], list) else [given[0]]),
            "to_number": ("*", lambda given: to_number(given[0])),
            "to_string": ("*", lambda given: text(given[0])),
            "type": ("*", lambda given: kind(given[0])),
            "values": ("o", _values),
        }
    ),
    "map": Function("map", ("&", "a"), _map),
    "max_by": Function("max_by", ("a", "&"), _by(lambda pairs: pairs[-1][1] if pairs else None)),
    "min_by": Function("min_by", ("a", "&"), _by(lambda pairs: pairs[0][1] if pairs else None)),
    "sort_by": Function("sort_by", ("a", "&"), _by(lambda pairs: [value for _, value in pairs])),
}
