"""The standard functions: sizes, conversions, strings (langdef.md#list-of-standard-definitions)."""

from __future__ import annotations

import math
import re
from typing import Final

from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.operators import unsigned, whole
from mistrust.languages.cel.patterns import compiled
from mistrust.languages.cel.times import duration, span, stamp, timestamp, zoned
from mistrust.languages.cel.values import (
    SECOND,
    CelError,
    Duration,
    Timestamp,
    Type,
    UInt,
    Value,
    no_overload,
    type_of,
)

TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")


def text(name: str, value: Value) -> str:
    """A string. Raises `CelError` for something else."""
    if isinstance(value, str):
        return value
    raise no_overload(name, value)


def size(a: Value) -> Value:
    """How many code points, bytes, elements or pairs."""
    if isinstance(a, str | bytes | list | dict):
        return len(a)
    raise no_overload("size", a)


def contains(a: Value, b: Value) -> Value:
    """Is the part in it?"""
    return text("contains", b) in text("contains", a)


def starts_with(a: Value, b: Value) -> Value:
    """Does it begin so?"""
    return text("startsWith", a).startswith(text("startsWith", b))


def ends_with(a: Value, b: Value) -> Value:
    """Does it end so?"""
    return text("endsWith", a).endswith(text("endsWith", b))


def matches(a: Value, b: Value) -> Value:
    """Does a regular expression match anywhere?"""
    return compiled(text("matches", b)).search(text("matches", a)) is not None


def to_int(a: Value) -> Value:
    """An integer."""
    if type(a) is int:
        return a
    if isinstance(a, UInt):
        return whole(int(a))
    if isinstance(a, float):
        if math.isnan(a) or not -9.223372036854775807e18 < a < 9.223372036854775807e18:
            raise CelError("integer overflow")
        return int(a)
    if isinstance(a, str) and re.fullmatch(r"-?\d{1,40}", a):
        return whole(int(a))
    if isinstance(a, Timestamp):
        return a.ns // SECOND
    if isinstance(a, Duration):
        return a.ns
    if isinstance(a, str):
        raise CelError(f"cannot convert string to int: {a!r}")
    raise no_overload("int", a)


def to_uint(a: Value) -> Value:
    """An unsigned integer."""
    if isinstance(a, int) and not isinstance(a, bool):
        return unsigned(int(a))
    if isinstance(a, float):
        if math.isnan(a) or not -1 < a < 1.8446744073709552e19:
            raise CelError("unsigned integer overflow")
        return unsigned(int(a))
    if isinstance(a, str):
        if re.fullmatch(r"\d{1,40}", a):
            return unsigned(int(a))
        raise CelError(f"cannot convert string to uint: {a!r}")
    raise no_overload("uint", a)


def to_double(a: Value) -> Value:
    """A double."""
    if isinstance(a, float) or (isinstance(a, int) and not isinstance(a, bool)):
        return float(a)
    if isinstance(a, str):
        if re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?[Ii]nf(?:inity)?|[Nn]a[Nn]", a):
            return float(a)
        raise CelError(f"cannot convert string to double: {a!r}")
    raise no_overload("double", a)


def to_string(a: Value) -> Value:
    """A string."""
    if isinstance(a, str):
        return a
    if isinstance(a, bool):
        return "true" if a else "false"
    if isinstance(a, int):
        return str(int(a))
    if isinstance(a, float):
        return digits(a)
    if isinstance(a, bytes):
        try:
            return a.decode()
        except UnicodeDecodeError:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
    if isinstance(a, Timestamp):
        return stamp(a)
    if isinstance(a, Duration):
        return span(a)
    raise no_overload("string", a)


def digits(a: float) -> str:
    """A double as Go's strconv prints it: the shortest that reads back, with an exponent below 1e-4 and from 1e21 on.

    >>> digits(1.0), digits(1e30), digits(-2.5e-7)
    ('1', '1e+30', '-2.5e-07')
    """
    if math.isnan(a):
        return "NaN"
    if math.isinf(a):
        return "+Inf" if a > 0 else "-Inf"
    said = repr(a)
    mantissa, _, exponent = said.partition("e")
    size_ = abs(a)
    if size_ and (size_ < 1e-4 or size_ >= 1e21):
        if not exponent:
            mantissa, _, exponent = f"{a:e}".partition("e")
            mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0').rjust(2, '0')}"
    return str(int(a)) if a.is_integer() else said


def to_bytes(a: Value) -> Value:
    """Bytes."""
    if isinstance(a, bytes):
        return a
    if isinstance(a, str):
        return a.encode("utf-8", "surrogatepass")
    raise no_overload("bytes", a)


def to_bool(a: Value) -> Value:
    """A boolean."""
    if isinstance(a, bool):
        return a
    if isinstance(a, str):
        if a in TRUE or a in FALSE:
            return a in TRUE
        raise CelError(f"Type conversion error: {a!r} is no boolean")
    raise no_overload("bool", a)


def dyn(a: Value) -> Value:
    """The same value."""
    return a


def kind(a: Value) -> Value:
    """Its type."""
    return type_of(a)


STANDARD: Final[Functions] = {
    **globals_of({"matches": matches, "string": to_string, "bytes": to_bytes, "timestamp": timestamp}),
    **globals_of(
        {
            "size": size,
            "int": to_int,
            "uint": to_uint,
            "double": to_double,
            "bool": to_bool,
            "dyn": dyn,
            "type": kind,
            "duration": duration,
        },
        free=True,
    ),
    **members({"contains": contains, "matches": matches}),
    **members({"size": size, "startsWith": starts_with, "endsWith": ends_with, **zoned()}, free=True),
}
CONSTANTS: Final[dict[str, Value]] = {
    name: Type(name)
    for name in (
        *("int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type", "optional_type"),
        *("google.protobuf.Timestamp", "google.protobuf.Duration", "net.IP", "net.CIDR"),
    )
}
"""Types by name."""
