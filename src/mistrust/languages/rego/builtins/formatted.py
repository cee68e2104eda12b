"""`sprintf` as Go's fmt does it, for the values that OPA hands to it (topdown/strings.go: builtinSprintf)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from mistrust.languages.rego.builtins.operands import sized
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.told import digits, told
from mistrust.languages.rego.values import Value

LONGEST: Final = 1 << 20
"""Of one field, in characters."""
_VERB: Final = re.compile(r"%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+)?)?(?:\[(\d+)\])?(.)?", re.S)


def sprintf(pattern: str, args: Sequence[Value]) -> str:
    """The pattern with the arguments in the place of its verbs."""
    if pattern == "%s" and len(args) == 1:
        return plain(args[0])
    if pattern == "%d" and len(args) == 1 and type(args[0]) is int:
        return str(args[0])
    at, begin, out = 0, 0, []
    indexed = False
    length = 0
    for match in _VERB.finditer(pattern):
        out.append(pattern[begin : match.start()])
        begin = match.end()
        flags, width, precision, index, verb = match.groups()
        dotted = "." in match[0].partition("[")[0]
        if verb == "%":
            out.append("%")
            continue
        if verb is None:
            out.append("%!(NOVERB)")
            continue
        size = places = None
        if width == "*":
            size, at = (args[at] if at < len(args) else None), at + 1
        elif width:
            size = int(width)
        if precision == "*":
            places, at = (args[at] if at < len(args) else None), at + 1
        elif dotted:
            places = int(precision or 0)
        if index:
            at, indexed = int(index) - 1, True
        if not 0 <= at < len(args):
            out.append(f"%!{verb}(BADINDEX)" if index else f"%!{verb}(MISSING)")
            continue
        if any(isinstance(n, int) and abs(n) > LONGEST for n in (size, places)):
            raise BuiltinError("sprintf: too wide")
        out.append(_one(args[at], verb, flags, size, places))
        length = sized("sprintf", length + len(out[-1]))
        at += 1
    out.append(pattern[begin:])
    if at < len(args) and not indexed:
        extra = ", ".join(f"{_type(v)}={plain(v)}" for v in args[at:])
        out.append(f"%!(EXTRA {extra})")
    return "".join(out)


def plain(value: Value) -> str:
    """A value as `%v` prints it."""
    return value if isinstance(value, str) else told(value)


def _type(value: Value) -> str:
    if type(value) is int:
        return "int"
    return "float64" if isinstance(value, float) else "string"


def _one(value: Value, verb: str, flags: str, size: Value, places: Value) -> str:
    width = size if isinstance(size, int) else 0
    if width < 0:
        flags, width = flags + "-", -width
    body = _body(value, verb, flags, places if isinstance(places, int) else None)
    if len(body) >= width:
        return body
    if "-" in flags:
        return body.ljust(width)
    if "0" in flags:
        sign = body[:1] if body[:1] in ("+", "-") and type(value) in (int, float) else ""
        return sign + body[len(sign) :].rjust(width - len(sign), "0")
    return body.rjust(width)


def _body(value: Value, verb: str, flags: str, places: int | None) -> str:
    number = type(value) in (int, float)
    if verb == "T":
        return _type(value)
    if number and isinstance(value, int) and not isinstance(value, bool):
        return _integer(value, verb, flags, places)
    if number and isinstance(value, float):
        return _float(value, verb, flags, places)
    said = plain(value)
    if verb in ("s", "v"):
        if verb == "v" and "#" in flags:
            said = _quoted(said)
        return said if places is None else said[:places]
    if verb == "q":
        return _quoted(said if places is None else said[:places])
    if verb in ("x", "X"):
        found = said.encode().hex(" " if " " in flags else "") if " " in flags else said.encode().hex()
        return found.upper() if verb == "X" else found
    return f"%!{verb}(string={said})"


def _integer(value: int, verb: str, flags: str, places: int | None) -> str:
    sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
    size = abs(value)
    match verb:
        case "d" | "v":
            body = str(size)
        case "b":
            body = f"{size:b}"
        case "o":
            body = ("0" if "#" in flags else "") + f"{size:o}"
        case "O":
            body = f"0o{size:o}"
        case "x":
            body = ("0x" if "#" in flags else "") + f"{size:x}"
        case "X":
            body = ("0X" if "#" in flags else "") + f"{size:X}"
        case "c":
            return chr(value) if 0 <= value < 0x110000 else "\ufffd"
        case "q":
            return f"'{chr(value)}'" if 0 <= value < 0x110000 else "'\ufffd'"
        case "U":
            return f"U+{value:04X}"
        case "e" | "E" | "f" | "F" | "g" | "G":
            return f"%!{verb}(int={value})"
        case "s":
            return f"%!s(int={value})"
        case _:
            return f"%!{verb}(int={value})"
    if places is not None:
        body = body.rjust(places, "0")
    return sign + body


def _float(value: float, verb: str, flags: str, places: int | None) -> str:
    sign = "+" if "+" in flags and value >= 0 else " " if " " in flags and value >= 0 else ""
    match verb:
        case "f" | "F":
            return sign + f"{value:.{6 if places is None else places}f}"
        case "e" | "E":
            return sign + f"{value:.{6 if places is None else places}{verb}}"
        case "v" | "g" | "G":
            if places is not None:
                return sign + f"{value:.{places or 1}g}"
            return sign + digits_g(value)
        case "d" | "s" | "x" | "X" | "q" | "c" | "b" | "o" | "U":
            return f"%!{verb}(float64={digits_g(value)})"
        case _:
            return f"%!{verb}(float64={digits_g(value)})"


def digits_g(value: float) -> str:
    """`%g`, but for large exponents as `%v` has it: the shortest that reads back, with an exponent from 1e21 on."""
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e21):
        mantissa, _, exponent = f"{value!r}".partition("e")
        if not exponent:
            shown = f"{value:e}"
            mantissa, _, exponent = shown.partition("e")
            mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0').rjust(2, '0')}"
    return digits(value)


def _quoted(said: str) -> str:
    return json.dumps(said, ensure_ascii=False)
