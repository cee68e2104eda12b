"""Units: `10Ki`, `0.5G` (topdown/{parse_units,parse_bytes}.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import failed, text
from mistrust.languages.rego.values import Value

DECIMAL: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}


def units_parse(value: Value) -> Value:
    """`10Ki`, `0.5G`, `100m`: a number with a unit; `m` is a thousandth, `M` a million."""
    name = "units.parse"
    number, unit = _unit(name, text(name, 1, value))
    if unit == "m":
        return _exactly(number / 1000)
    prefix, binary = unit[:1].lower(), unit[1:].lower()
    if (unit and prefix not in DECIMAL) or binary not in ("", "i"):
        raise failed(name, f"unit {unit} not recognized")
    return _exactly(number * (1024 if binary else 1000) ** DECIMAL[prefix])


def units_parse_bytes(value: Value) -> Value:
    """`10KiB`: a number of bytes, rounded down; capitals do not matter."""
    name = "units.parse_bytes"
    number, unit = _unit(name, text(name, 1, value))
    match = re.fullmatch(r"([kmgtpe]?)(i?)(b?)", unit.lower())
    if match is None or (not match[1] and (match[2] or match[3])):
        raise failed(name, f"byte unit {unit.lower()} not recognized")
    found = number * (1024 if match[2] else 1000) ** DECIMAL[match[1]]
    return int(found)


def _unit(name: str, value: str) -> tuple[Fraction, str]:
    value = value.replace('"', "")
    if " " in value:
        raise failed(name, "spaces not allowed in resource strings")
    if not value:
        raise failed(name, "no amount provided")
    digits_ = _amount(value)
    if not digits_:
        raise failed(name, "no amount provided")
    if len(digits_) > 400 or re.search(r"[eE][+-]?\d{4,}", digits_):
        raise failed(name, "could not parse amount to a number")
    try:
        return Fraction(digits_), value[len(digits_) :]
    except (ValueError, ZeroDivisionError):
        raise failed(name, "could not parse amount to a number") from None


def _amount(value: str) -> str:
    at = 0
    while at < len(value):
        c, after = value[at], value[at + 1 : at + 2]
        if c in "eE":
            if not after or not (after.isdigit() or after in "+-"):
                break
            at += 1 if after in "+-" else 0
        elif not (c.isdigit() or c in ".+-"):
            break
        at += 1
    return value[:at]


def _exactly(value: Fraction) -> Value:
    return int(value) if value.denominator == 1 else float(f"{float(value):.10f}") if value > 1 else float(value)


_PURE: Final[Mapping[str, Pure]] = {
    "units.parse": units_parse,
    "units.parse_bytes": units_parse_bytes,
}
UNITS: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
