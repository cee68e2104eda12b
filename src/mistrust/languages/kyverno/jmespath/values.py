"""What is true, equal and less in JMESPath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import ExceededError

Step = Callable[[Plain], Plain]
MOST: Final = 1_000_000
"""Values in one that an expression makes: one that holds itself twice, and that twice, would soon be too large."""


def bounded(value: Plain) -> Plain:
    """The value itself. Raises `ExceededError` for one that is too large."""
    left, rest = MOST, [value]
    while rest:
        each = rest.pop()
        inner = each if isinstance(each, list) else each.values() if isinstance(each, dict) else ()
        left -= len(inner) + 1
        if left < 0:
            raise ExceededError("a value that is too large")
        rest.extend(inner)
    return value


def true(value: Plain) -> bool:
    """Everything but null, false and what is empty."""
    return value is not None and value is not False and value not in ("", [], {})


def equal(a: Plain, b: Plain) -> bool:
    """Are they the same? True is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(k in b and equal(v, b[k]) for k, v in a.items())
    return a == b


def compare(sign: str, a: Plain, b: Plain) -> bool | None:
    """Numbers have an order; for everything else there is no answer."""
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, int | float) or not isinstance(b, int | float):
        return None
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign]


def sliced(start: int | None, stop: int | None, step: int | None) -> Callable[[Plain], list[Plain] | None]:
    """`[start:stop:step]`."""

    def cut(value: Plain) -> list[Plain] | None:
        return value[start:stop:step] if isinstance(value, list) else None

    return cut


def kind(value: Plain) -> str:
    """What JMESPath calls its type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"
