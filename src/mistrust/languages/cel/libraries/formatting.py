"""`format`: the clauses of cel-go's string extension (cel-go/ext/formatting.go)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from mistrust.languages.cel.budget import sized
from mistrust.languages.cel.standard import digits, text
from mistrust.languages.cel.times import span, stamp
from mistrust.languages.cel.values import (
    CelError,
    Duration,
    Timestamp,
    Type,
    Value,
    no_overload,
    unkey,
)

_CLAUSE: Final = re.compile(r"%(?:\.(\d+))?(.)", re.S)


class _Missing:
    """No argument."""


def formatted(pattern: Value, args: Value) -> Value:
    """A pattern with the arguments in the place of its clauses."""
    given = text("format", pattern)
    if not isinstance(args, list):
        raise no_overload("format", args)
    left, length = iter(args), [len(given)]

    def clause(match: re.Match[str]) -> str:
        if match[2] == "%" and match[1] is None:
            return "%"
        value = next(left, _Missing)
        if value is _Missing:
            raise CelError(f"index {len(args)} out of range")
        assert not isinstance(value, type)
        said = _clause(value, match[2], int(match[1]) if match[1] is not None else None)
        length[0] = sized(length[0] + len(said))
        return said

    if re.search(r"%(?:\.\d*)?$", given.replace("%%", "")):
        raise CelError("unexpected end of string")
    return _CLAUSE.sub(clause, given)


def _clause(value: Value, verb: str, places: int | None) -> str:
    if places is not None and places > 1000:
        raise CelError("precision out of range")
    match verb:
        case "s":
            return shown(value)
        case "d":
            return _decimal(value)
        case "f":
            return _fixed(value, "f", 6 if places is None else places)
        case "e":
            return _fixed(value, "e", 6 if places is None else places)
        case "b":
            return f"{value:b}" if isinstance(value, bool | int) else _wrong("b", value)
        case "x" | "X":
            return _hexadecimal(value, verb)
        case "o":
            return f"{value:o}" if isinstance(value, int) and not isinstance(value, bool) else _wrong("o", value)
    raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')


def _wrong(verb: str, value: Value) -> str:
    raise CelError(f"error during formatting: clause %{verb} does not take {value!r}")


def _decimal(value: Value) -> str:
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return _special(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    return _wrong("d", value)


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _fixed(value: Value, verb: str, places: int) -> str:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _wrong(verb, value)
    found = float(value)
    if math.isnan(found) or math.isinf(found):
        return _special(found)
    return f"{found:.{places}{verb}}"


def _hexadecimal(value: Value, verb: str) -> str:
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        return data.hex() if verb == "x" else data.hex().upper()
    if not isinstance(value, int) or isinstance(value, bool):
        return _wrong(verb, value)
    return f"{int(value):{verb}}"


def shown(value: Value) -> str:
    """A value as `%s` shows it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return _special(value) if math.isnan(value) or math.isinf(value) else digits(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Timestamp):
        return stamp(value)
    if isinstance(value, Duration):
        return span(value)
    if isinstance(value, Type):
        return value.name
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {v}' for k, v in sorted(_entries(value)))}}}"
    raise no_overload("format", value)


def _entries(value: Value) -> Iterator[tuple[str, str]]:
    assert isinstance(value, dict)
    for k, v in value.items():
        yield shown(unkey(k)), shown(v)
