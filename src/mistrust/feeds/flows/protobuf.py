"""OTLP as protobuf: TracesData, or ExportTraceServiceRequest, which has the same fields.

The few fields that are needed are read from the wire (protobuf.dev/programming-guides/encoding); their numbers are
those of trace.proto, common.proto and resource.proto of opentelemetry-proto. Nothing is read deeper than they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mistrust.feeds.flows import otlp
from mistrust.feeds.flows.otlp import Attribute, Resource, ResourceSpans, ScopeSpans, Span, Status, Traces, Value
from mistrust.feeds.flows.sight import Remark, Sight

_SIZE = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
LIKE: Final = (
    rb"^\x0a" + _SIZE + rb"(?:\x0a" + _SIZE + rb"\x0a" + _SIZE + rb"\x0a[\x01-\x7f][ -~]+\x12"
    rb"|(?:\x0a\x00)?\x12" + _SIZE + rb"(?:\x0a" + _SIZE + rb".{0,300}?)?\x12" + _SIZE + rb"\x0a\x10)"
)
"""How a message begins: with a resource that has an attribute, or else with a span that has an id."""
NAMES: Final = {name.encode(): name for name in otlp.NAMES}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
LONGEST_VARINT: Final = 10
"""Bytes."""

Field = tuple[int, int | bytes]
"""Its number, and its value: an integer, or bytes that hold a string or a message."""


def read(data: bytes) -> tuple[Sight | Remark, ...]:
    """One message: every span in it. Raises ValueError where it is none, or ends too early."""
    try:
        return otlp.sights(Traces(tuple(_spans_of_resource(of) for of in _messages(data, 1))))
    except IndexError:
        raise ValueError("a message ends too early") from None


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, in order. Raises ValueError or IndexError where it is damaged."""
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        at += 1
        if tag > 127:
            tag, at = varint(data, at - 1)
        kind = tag & 7
        if kind == _VARINT:
            value = data[at]
            at += 1
            if value > 127:
                value, at = varint(data, at - 1)
            yield tag >> 3, value
            continue
        if kind == _LENGTH:
            size = data[at]
            at += 1
            if size > 127:
                size, at = varint(data, at - 1)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no type of a field: {kind}")
        if at + size > end:
            raise ValueError("a field ends too late")
        part = data[at : at + size]
        at += size
        yield tag >> 3, part if kind == _LENGTH else int.from_bytes(part, "little")


def varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """An integer of 64 bits, and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + LONGEST_VARINT]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value & (1 << 64) - 1, at + i + 1
    raise ValueError("an integer without an end")


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    for number, value in fields(data):
        if number == wanted and isinstance(value, bytes):
            yield value


def _spans_of_resource(data: bytes) -> ResourceSpans:
    attributes: list[Attribute] = []
    scopes: list[ScopeSpans] = []
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            attributes += _attributes(_messages(value, 1))
        elif number in (2, 1000) and isinstance(value, bytes):  # 1000 is the name before 1.0
            scopes.append(ScopeSpans(tuple(_span(span) for span in _messages(value, 2))))
    return ResourceSpans(Resource(tuple(attributes)), tuple(scopes))


def _span(data: bytes) -> Span:
    kind = start = code = 0
    attributes: list[bytes] = []
    for number, value in fields(data):
        if number == 9 and isinstance(value, bytes):
            attributes.append(value)
        elif number == 15 and isinstance(value, bytes):
            code = next((c for n, c in fields(value) if n == 3 and isinstance(c, int)), 0)
        elif isinstance(value, int):
            kind, start = value if number == 6 else kind, value if number == 7 else start
    return Span(kind, start, _attributes(attributes), Status(code))


def _attributes(pairs: Iterator[bytes] | list[bytes]) -> tuple[Attribute, ...]:
    found = []
    for pair in pairs:
        name: str | None = None
        value: bytes = b""
        for number, part in fields(pair):
            if number == 1 and isinstance(part, bytes):
                name = NAMES.get(part)
            elif number == 2 and isinstance(part, bytes):
                value = part
        if name is not None:
            found.append(Attribute(name, _value(value)))
    return tuple(found)


def _value(data: bytes) -> Value:
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            return Value(string_value=value.decode())
        if number == 3 and isinstance(value, int):
            return Value(int_value=value - (1 << 64) if value >> 63 else value)
    return Value()


_LIKE = re.compile(LIKE, re.S)


def begins(data: bytes) -> bool:
    """Do these bytes begin a message?"""
    return _LIKE.match(data) is not None
