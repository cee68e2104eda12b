"""Scalars against patterns (kyverno/pkg/engine/pattern): `|`, `&`, comparisons, ranges and wildcards."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.scalars import duration, quantity, wild

_END: Final = r"([-|+]?\d+(?:\.\d+)?[A-Za-z]*)"
RANGE: Final = re.compile(f"{_END}-{_END}", re.ASCII)
NOT_RANGE: Final = re.compile(f"{_END}!-{_END}", re.ASCII)
SIGNS: Final = (">=", "<=", ">", "<", "!")


def holds(value: Plain, pattern: Plain) -> bool:
    """Is a scalar as a pattern says?"""
    match pattern:
        case bool():
            return value is pattern
        case int() | float():
            return _number(value, pattern)
        case None:
            return value is None or (not isinstance(value, list | dict) and not value)
        case str():
            return _text(value, pattern)
        case dict():
            return isinstance(value, dict)
    return False


def _number(value: Plain, pattern: float) -> bool:
    if isinstance(value, str):
        try:
            return (int(value) if isinstance(pattern, int) else float(value)) == pattern
        except ValueError:
            return False
    return isinstance(value, int | float) and not isinstance(value, bool) and value == pattern


def _text(value: Plain, pattern: str) -> bool:
    if value == pattern:
        return True
    return any(all(_condition(value, c.strip(" ")) for c in each.split("&")) for each in pattern.split("|"))


def _condition(value: Plain, pattern: str) -> bool:
    if len(pattern) >= 2:
        for sign in SIGNS:
            if pattern.startswith(sign):
                return compares(value, pattern[len(sign) :].strip(), sign)
        if (found := NOT_RANGE.fullmatch(pattern)) is not None:
            return compares(value, found[1], "<") or compares(value, found[2], ">")
        if (found := RANGE.fullmatch(pattern)) is not None:
            return compares(value, found[1], ">=") and compares(value, found[2], "<=")
    return compares(value, pattern.strip(), "")


def compares(value: Plain, pattern: str, sign: str) -> bool:
    """Is a value as one comparison says: as durations, as quantities, or as texts?"""
    return _durations(value, pattern, sign) or _quantities(value, pattern, sign) or _texts(value, pattern, sign)


def _durations(value: Plain, pattern: str, sign: str) -> bool:
    wanted, given = duration(pattern), _as_text(value)
    found = duration(given) if wanted is not None and given is not None else None
    return wanted is not None and found is not None and ordered(found - wanted, sign)


def _quantities(value: Plain, pattern: str, sign: str) -> bool:
    wanted, given = quantity(pattern), _as_text(value)
    found = quantity(given) if wanted is not None and given is not None else None
    return wanted is not None and found is not None and ordered(found - wanted, sign)


def ordered(difference: float | Fraction, sign: str) -> bool:
    """Does the sign of a difference satisfy a comparison?"""
    match sign:
        case "":
            return difference == 0
        case "!":
            return difference != 0
        case ">":
            return difference > 0
        case "<":
            return difference < 0
        case ">=":
            return difference >= 0
    return difference <= 0


def _texts(value: Plain, pattern: str, sign: str) -> bool:
    if sign not in ("", "!"):
        return False
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = value
        case int():
            text = str(value)
        case float():
            text = f"{value:E}"
        case _:
            return False
    return wild(pattern, text) is (sign == "")


def _as_text(value: Plain) -> str | None:
    match value:
        case None:
            return "0"
        case str():
            return value
        case bool() | list() | dict():
            return None
        case float():
            return f"{value:f}"
    return str(value)
