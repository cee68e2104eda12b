"""Bytes as text, and queries of URLs: base64, hexadecimal digits, percent signs (topdown/encoding.go)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.encoding import sorted_pairs
from mistrust.languages.rego.builtins.operands import failed, obj, text
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.values import Set, Value, kind, ordered


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
    for k, v in sorted_pairs(obj(name, 1, value)):
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


_PURE: Final[Mapping[str, Pure]] = {
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
}
TRANSFER: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
