"""The operators of conditions (kyverno/pkg/engine/variables/operator)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.patterns import RANGE, holds
from mistrust.languages.kyverno.scalars import duration, has_wild, printed, quantity, wild
from mistrust.languages.kyverno.versions import version

Operator = Callable[[Plain, Plain], bool]
SECOND: Final = 10**9


def _durations(key: Plain, value: Plain) -> tuple[float, float] | None:
    """Both as nanoseconds, if one at least is written as a duration."""
    a, b = (duration(v) if isinstance(v, str) and v != "0" else None for v in (key, value))
    if a is None and b is None:
        return None
    first, second = _seconds(key) if a is None else a, _seconds(value) if b is None else b
    return (first, second) if first is not None and second is not None else None


def _seconds(value: Plain) -> float | None:
    return value * SECOND if isinstance(value, int | float) and not isinstance(value, bool) else None


def _quantities(key: Plain, value: Plain) -> tuple[float, float] | None:
    if not isinstance(key, str) or not isinstance(value, str):
        return None
    a, b = quantity(key), quantity(value)
    return None if a is None or b is None else ((a > b) - (a < b), 0)


def equal(key: Plain, value: Plain) -> bool:
    """Are they equal, texts with wildcards in the value?"""
    match key:
        case None:
            return False
        case bool():
            return value is key
        case int() | float():
            return _same_number(key, value)
        case list() | dict():
            return type(key) is type(value) and key == value
    if (pair := _durations(key, value)) is not None:
        return pair[0] == pair[1]
    if quantity(key) is not None and isinstance(value, str):
        return (both := _quantities(key, value)) is not None and both[0] == 0
    return isinstance(value, str) and wild(value, key)


def _same_number(key: float, value: Plain) -> bool:
    if isinstance(value, str):
        try:
            return (int(value) if isinstance(key, int) else float(value)) == key
        except ValueError:
            return False
    return isinstance(value, int | float) and not isinstance(value, bool) and value == key


def not_equal(key: Plain, value: Plain) -> bool:
    """Do they differ? What is not there does not even do that."""
    return key is not None and not equal(key, value)


def _sought(key: Plain) -> list[str] | None:
    if isinstance(key, list):
        return [printed(k) for k in key]
    return [printed(key)] if isinstance(key, str | int | float) else None


def _offered(value: Plain) -> list[str] | None:
    if isinstance(value, list):
        return [printed(v) for v in value]
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
        if not isinstance(found, list) or not all(isinstance(f, str) for f in found):
            return None if value.strip()[:1] in ("[", "{") else [value]
        return found
    return [printed(value)] if isinstance(value, int | float) and not isinstance(value, bool) else None


def _counted(key: Plain, value: Plain) -> tuple[int, int] | None:
    """How many are sought, and how many of them found; None where a type does not fit."""
    sought = _sought(key)
    if sought is None:
        return None
    if isinstance(value, str) and RANGE.fullmatch(value):
        return len(sought), sum(holds(k, value) for k in sought)
    offered = _offered(value)
    return None if offered is None else (len(sought), _matching(sought, offered))


def _matching(sought: Sequence[str], offered: Sequence[str]) -> int:
    """How many are offered; a pattern on either side stands for what it matches."""
    plain, patterns = set(offered), [o for o in offered if has_wild(o)]
    return sum(
        k in plain or any(wild(p, k) for p in patterns) or (has_wild(k) and any(wild(k, o) for o in plain))
        for k in sought
    )


def any_in(key: Plain, value: Plain) -> bool:
    """Is one of the keys there?"""
    return (found := _counted(key, value)) is not None and found[1] > 0


def all_in(key: Plain, value: Plain) -> bool:
    """Are all there?"""
    return (found := _counted(key, value)) is not None and found[1] == found[0]


def any_not_in(key: Plain, value: Plain) -> bool:
    """Is one not there?"""
    return (found := _counted(key, value)) is not None and found[1] < found[0]


def all_not_in(key: Plain, value: Plain) -> bool:
    """Is none there?"""
    return (found := _counted(key, value)) is not None and found[1] == 0


def _numbers(key: Plain, value: Plain) -> tuple[float, float] | None:
    pair = _durations(key, value) or _quantities(key, value)
    if pair is not None:
        return pair
    a, b = _float(key), _float(value)
    if a is not None and b is not None:
        return a, b
    if isinstance(key, str) and isinstance(value, str):
        first, second = version(key), version(value)
        if first is not None and second is not None:
            return (first > second) - (first < second), 0
    return None


def _float(value: Plain) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _compared(holds: Callable[[float, float], bool]) -> Operator:
    def operator(key: Plain, value: Plain) -> bool:
        pair = _numbers(key, value)
        return pair is not None and holds(*pair)

    return operator


_NUMERIC: Final[Mapping[str, Operator]] = {
    "GreaterThan": _compared(lambda a, b: a > b),
    "GreaterThanOrEquals": _compared(lambda a, b: a >= b),
    "LessThan": _compared(lambda a, b: a < b),
    "LessThanOrEquals": _compared(lambda a, b: a <= b),
}


def _as_duration(operator: Operator) -> Operator:
    """Numbers are seconds."""

    def timed(key: Plain, value: Plain) -> bool:
        a, b = (duration(v) if isinstance(v, str) else _seconds(v) for v in (key, value))
        return a is not None and b is not None and operator(a, b)

    return timed


OPERATORS: Final[Mapping[str, Operator]] = {
    "Equal": equal,
    "Equals": equal,
    "NotEqual": not_equal,
    "NotEquals": not_equal,
    "In": all_in,
    "AllIn": all_in,
    "AnyIn": any_in,
    "NotIn": all_not_in,
    "AllNotIn": all_not_in,
    "AnyNotIn": any_not_in,
    **_NUMERIC,
    **{f"Duration{name}": _as_duration(operator) for name, operator in _NUMERIC.items()},
}
