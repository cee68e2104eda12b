"""What one YAML scalar means to Kubernetes: YAML 1.1 as goyaml.v2 resolves it, then through JSON as kubectl sends it.

Upstream: sigs.k8s.io/yaml goyaml.v2/resolve.go (scalars and tags) and yaml.go (keys), encoding/json (numbers).
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from binascii import Error as NotBase64
from math import inf, isinf, isnan, nan

Scalar = None | bool | int | float | str

WORDS: dict[str, Scalar] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -inf),
}
_NUMBER_STARTS = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?(?:(0[xX][0-9a-fA-F]+)|(0[bB][01]+)|(0[oO]?[0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SIGNED_BINARY = re.compile(r"0b([-+][01]{1,63})")
_UNDERSCORE = re.compile(r"([0-9])_(?=[0-9])")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
    r"| [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.,][0-9]+)?)?"
)
_TAG = "tag:yaml.org,2002:"
MERGE_TAG = _TAG + "merge"
_INT64, _UINT64 = 1 << 63, 1 << 64


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted, untagged) scalar before JSON: infinities and integers up to 64 bits unsigned.

    >>> [resolve(text) for text in ("0644", "off", "22:22", "1_000", "2024-01-01")]
    [420, False, '22:22', 1000, '2024-01-01']
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if text[0] == ".":  # these keep their underscores, which Go takes between digits only
        number = _float(_UNDERSCORE.sub(r"\1", text))
    else:
        digits = text.replace("_", "")
        number = _int(digits)
        number = _float(digits) if number is None else number
    return text if number is None else number


def _int(digits: str) -> int | None:
    """strconv.ParseInt(digits, 0, 64), then ParseUint; None where neither can."""
    if found := _INT.fullmatch(digits):
        if found[4] and len(found[4]) > 20:  # int() of a million digits takes minutes
            return None
        number = int(digits, (16, 2, 8, 10)[found.lastindex - 1]) if found.lastindex else 0
        return number if -_INT64 <= number < (_INT64 if digits[0] in "+-" else _UINT64) else None
    signed = _SIGNED_BINARY.fullmatch(digits)
    return int(signed[1], 2) if signed else None


def _float(digits: str) -> float | None:
    if not _FLOAT.fullmatch(digits):
        return None
    value = float(digits)
    return None if isinf(value) else value


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag. Tags that YAML 1.1 does not define leave the text as it is.

    Raises ValueError, with the reason, where the text cannot be what the tag says.

    >>> tagged("tag:yaml.org,2002:str", "0644"), tagged("!custom", "1")
    ('0644', '1')
    """
    kind = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if kind == "binary":
        return _binary(text)
    if kind not in {"bool", "int", "float", "null", "timestamp"}:
        return text
    if kind == "timestamp":
        value: Scalar = text
        fits = _TIMESTAMP.fullmatch(text) is not None
    else:
        value = resolve(text)
        if kind == "float" and type(value) is int and value < _INT64:
            value = float(value)
        fits = type(value).__name__ == ("NoneType" if kind == "null" else kind)
    if not fits:
        raise ValueError(f"text that is no {kind} under the tag !!{kind}")
    return value


def _binary(text: str) -> str:
    try:
        raw = b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (NotBase64, ValueError):
        raise ValueError("text that is not base64 under the tag !!binary") from None
    # encoding/json writes one U+FFFD for each byte that is not UTF-8; Python would write one for a run of them
    return raw.decode(errors="surrogateescape").translate(dict.fromkeys(range(0xDC80, 0xDD00), "\ufffd"))


def value(scalar: Scalar) -> Scalar:
    """The scalar after its way through JSON: whole numbers within 64 bits are integers, all others are floats.

    Raises ValueError for what JSON cannot hold.

    >>> value(1e3), value(1 << 63)
    (1000, 9.223372036854776e+18)
    """
    if type(scalar) is int:
        return scalar if -_INT64 <= scalar < _INT64 else float(scalar)
    if type(scalar) is not float:
        return scalar
    if isinf(scalar) or isnan(scalar):
        raise ValueError("an infinity or not-a-number, which JSON cannot hold")
    if not scalar.is_integer() or abs(scalar) >= _INT64:
        return scalar
    mantissa, _, exponent = repr(scalar).partition("e")  # the shortest digits, padded: not the exact value
    whole, _, fraction = mantissa.partition(".")
    return int(scalar) if not exponent else int((whole + fraction).ljust(len(whole) + int(exponent), "0"))


def key(scalar: Scalar) -> str:
    """The name a scalar gives to a field. Raises ValueError where kubectl cannot name a field by it.

    >>> key(True), key(0.1), key(420)
    ('true', '0.1', '420')
    """
    match scalar:
        case str():
            return scalar
        case bool():
            return "true" if scalar else "false"
        case int() if scalar < _INT64:
            return str(scalar)
        case float():
            return _float32(scalar)
    raise ValueError("a field named null" if scalar is None else "a field named by an integer above 63 bits")


def _float32(number: float) -> str:
    """strconv.FormatFloat(number, 'g', -1, 32), with YAML's names for what is not finite."""
    if isnan(number):
        return ".nan"
    try:
        (single,) = struct.unpack("f", struct.pack("f", number))
    except OverflowError:
        single = inf if number > 0 else -inf
    if isinf(single):
        return ".inf" if single > 0 else "-.inf"
    for digits in range(9):
        text = f"{single:.{digits}e}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == single:
            break
    exponent = text.partition("e")[2]
    return f"{single:.{max(digits - int(exponent), 0)}f}" if -4 <= int(exponent) < 6 else text
