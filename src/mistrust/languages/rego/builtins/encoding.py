"""JSON, YAML, base64, hex, URL queries and units (topdown/{json,encoding,parse_units,parse_bytes}.go)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, cast
from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes

import yaml

from mistrust.kube.yaml import documents
from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import failed, obj, text, truth
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.runtime import digits
from mistrust.languages.rego.values import Set, Value, key, kind, ordered, pairs


def plain(value: Value) -> object:
    """A value as JSON has it: sets are arrays in order, keys are strings."""
    if isinstance(value, Set):
        return [plain(v) for v in ordered(value)]
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {(k if isinstance(k, str) else written(k)): plain(v) for k, v in _sorted(value)}
    return value


def _sorted(value: Value) -> Iterable[tuple[Value, Value]]:
    assert isinstance(value, dict)
    return [(k, value[key(k)]) for k in ordered([k for k, _ in pairs(value)])]


def written(value: Value) -> str:
    """JSON as Go's encoder writes it: sorted keys, no space, `<`, `>` and `&` escaped."""
    return _written(plain(value))


_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def _written(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_HTML).replace("\x7f", "\x7f")
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(str(k))}:{_written(v)}' for k, v in sorted(value.items()))}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    assert isinstance(value, int | float)
    return digits(value)


def json_marshal(value: Value) -> Value:
    """JSON of a value."""
    return written(value)


WIDEST: Final = 100


def json_marshal_with_options(value: Value, options: Value) -> Value:
    """JSON over several lines."""
    name = "json.marshal_with_options"
    found = obj(name, 2, options)
    pretty, prefix, indent = bool({"prefix", "indent"} & found.keys()), "", "\t"
    for option, given in found.items():
        match option:
            case "pretty":
                pretty = truth(name, 2, given)
            case "prefix":
                prefix = text(name, 2, given)
            case "indent":
                indent = text(name, 2, given)
            case _:
                raise OperandError(f'object contained unknown key "{option}"')
    if not pretty:
        return written(value)
    if max(len(prefix), len(indent)) > WIDEST:
        raise failed(name, f"more than {WIDEST} characters before a line")
    return prefix + _indented(plain(value), f"\n{prefix}", indent)


def _indented(value: object, line: str, indent: str) -> str:
    inner = line + indent
    if isinstance(value, list) and value:
        return f"[{inner}{f',{inner}'.join(_indented(v, inner, indent) for v in value)}{line}]"
    if isinstance(value, dict) and value:
        found = (f"{_written(k)}: {_indented(v, inner, indent)}" for k, v in sorted(value.items()))
        return f"{{{inner}{f',{inner}'.join(found)}{line}}}"
    return _written(value)


_LARGEST: Final = re.compile(r"-?\d{400,}")


def json_unmarshal(value: Value) -> Value:
    """The value that JSON stands for."""
    found = text("json.unmarshal", 1, value)
    try:
        return _read(found)
    except (ValueError, RecursionError) as error:
        raise failed("json.unmarshal", str(error)) from None


def _read(text_: str) -> Value:
    if _LARGEST.search(text_):
        raise ValueError("a number with too many digits")

    def refused(word: str) -> Value:
        raise ValueError(f"invalid character {word!r}")

    found: Value = json.loads(text_, parse_constant=refused, parse_float=_float)
    return found


def _float(said: str) -> int | float:
    found = float(said)
    if found in (float("inf"), float("-inf")):
        raise ValueError(f"a number out of range: {said}")
    return int(found) if found.is_integer() and abs(found) < 1 << 53 else found


def _valid(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def answer(value: Value) -> Value:
        try:
            function(value)
        except BuiltinError:
            return False
        return True

    return answer


def yaml_unmarshal(value: Value) -> Value:
    """The value that YAML stands for."""
    found = text("yaml.unmarshal", 1, value)
    read, problems = documents(found.encode("utf-8", "surrogatepass"))
    if problems or len(read) > 1:
        raise failed("yaml.unmarshal", str(problems[0]) if problems else "several documents")
    return cast("Value", read[0].value) if read else None


def yaml_marshal(value: Value) -> Value:
    """YAML of a value."""
    return yaml.safe_dump(plain(value), default_flow_style=False, allow_unicode=True, sort_keys=True)


# Bytes as text


def base64_encode(value: Value) -> Value:
    """Base64."""
    return base64.b64encode(text("base64.encode", 1, value).encode()).decode()


def base64_decode(value: Value) -> Value:
    """What base64 stands for."""
    return _decoded("base64.decode", text("base64.decode", 1, value), url=False)


def _decoded(name: str, value: str, *, url: bool) -> str:
    cleaned = value.replace("\n", "").replace("\r", "")
    try:
        if url:
            cleaned = cleaned.rstrip("=")
            cleaned += "=" * (-len(cleaned) % 4)
            return base64.b64decode(cleaned, altchars=b"-_", validate=True).decode("utf-8", "replace")
        return base64.b64decode(cleaned, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise failed(name, f"illegal base64 data: {error}") from None


def base64_is_valid(value: Value) -> Value:
    """Is it base64?"""
    try:
        base64_decode(value)
    except BuiltinError as error:
        if isinstance(error, OperandError):
            raise
        return False
    return True


def base64url_encode(value: Value) -> Value:
    """Base64 for URLs."""
    return base64.urlsafe_b64encode(text("base64url.encode", 1, value).encode()).decode()


def base64url_encode_no_pad(value: Value) -> Value:
    """The same without padding."""
    return base64.urlsafe_b64encode(text("base64url.encode_no_pad", 1, value).encode()).decode().rstrip("=")


def base64url_decode(value: Value) -> Value:
    """What it stands for, padded or not."""
    return _decoded("base64url.decode", text("base64url.decode", 1, value), url=True)


def hex_encode(value: Value) -> Value:
    """Hexadecimal digits of the bytes."""
    return text("hex.encode", 1, value).encode().hex()


def hex_decode(value: Value) -> Value:
    """What the digits stand for."""
    found = text("hex.decode", 1, value)
    bad = re.search(r"[^0-9A-Fa-f]", found)
    if bad:
        raise failed("hex.decode", f"invalid byte: U+{ord(bad[0]):04X} '{bad[0]}'")
    if len(found) % 2:
        raise failed("hex.decode", "odd length hex string")
    return bytes.fromhex(found).decode("utf-8", "replace")


# Queries


def urlquery_encode(value: Value) -> Value:
    """As a part of a query."""
    return quote_plus(text("urlquery.encode", 1, value))


def urlquery_decode(value: Value) -> Value:
    """What a part of a query stands for."""
    return _unquoted(text("urlquery.decode", 1, value))


def _unquoted(value: str) -> str:
    bad = re.search(r"%(?![0-9A-Fa-f]{2}).{0,2}", value)
    if bad:
        raise failed("urlquery.decode", f'invalid URL escape "{bad[0]}"')
    return unquote_to_bytes(value.replace("+", " ")).decode("utf-8", "replace")


def urlquery_encode_object(value: Value) -> Value:
    """Keys and values as a query."""
    name = "urlquery.encode_object"
    found: list[str] = []
    for k, v in _sorted(obj(name, 1, value)):
        if not isinstance(k, str):
            raise OperandError(f"{name}: keys must be strings")
        several: Sequence[Value] = ordered(v) if isinstance(v, Set) else v if isinstance(v, list) else [v]
        for each in several:
            if not isinstance(each, str):
                raise OperandError(f"{name}: operand 1 must be object of strings but got {kind(each)}")
            found.append(f"{quote_plus(k)}={quote_plus(each)}")
    return "&".join(found)


def urlquery_decode_object(value: Value) -> Value:
    """The values of each key of a query."""
    name = "urlquery.decode_object"
    given = text(name, 1, value)
    for part in given.split("&"):
        _unquoted(part)
        if ";" in part:
            raise failed(name, "invalid semicolon separator in query")
    found: dict[str, list[str]] = {}
    for k, v in parse_qsl(given, keep_blank_values=True):
        found.setdefault(k, []).append(v)
    return found  # type: ignore[return-value]


# Units

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
    "json.marshal": json_marshal,
    "json.marshal_with_options": json_marshal_with_options,
    "json.unmarshal": json_unmarshal,
    "json.is_valid": _valid(json_unmarshal),
    "yaml.marshal": yaml_marshal,
    "yaml.unmarshal": yaml_unmarshal,
    "yaml.is_valid": _valid(yaml_unmarshal),
    "base64.encode": base64_encode,
    "base64.decode": base64_decode,
    "base64.is_valid": base64_is_valid,
    "base64url.encode": base64url_encode,
    "base64url.encode_no_pad": base64url_encode_no_pad,
    "base64url.decode": base64url_decode,
    "hex.encode": hex_encode,
    "hex.decode": hex_decode,
    "urlquery.encode": urlquery_encode,
    "urlquery.decode": urlquery_decode,
    "urlquery.encode_object": urlquery_encode_object,
    "urlquery.decode_object": urlquery_decode_object,
    "units.parse": units_parse,
    "units.parse_bytes": units_parse_bytes,
}
ENCODING: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
