"""Times, in nanoseconds since 1970 (topdown/time.go; layouts are those of Go's package time)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mistrust.languages.rego.builtins.builtin import Builtin, Needs, Pure, contextual, pure
from mistrust.languages.rego.builtins.layouts import LAYOUTS, parsed, shown
from mistrust.languages.rego.builtins.operands import array, failed, text, whole
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.runtime import Context
from mistrust.languages.rego.values import Value

SECOND: Final = 1_000_000_000
LOW, HIGH = -(1 << 63), (1 << 63) - 1
UNITS: Final = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": SECOND}
UNITS_LONG: Final = {**UNITS, "m": 60 * SECOND, "h": 3600 * SECOND}
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DURATION: Final = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)")


def now_ns(c: Context) -> Value:
    """Now, the same for the whole evaluation."""
    return c.clock


def nanoseconds(at: datetime.datetime, rest: int) -> int:
    """A time as a number. Raises `BuiltinError` beyond 64 bits."""
    delta = at - EPOCH
    found = (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1000 + rest
    return within(found)


def within(found: int) -> int:
    """A time that 64 bits hold."""
    if not LOW <= found <= HIGH:
        raise BuiltinError("time outside of valid range")
    return found


def moment(name: str, value: Value) -> tuple[datetime.datetime, int]:
    """A time and what is left of a microsecond; in the zone that stands beside it."""
    zone: datetime.tzinfo = datetime.UTC
    if isinstance(value, list):
        given = array(name, 1, value)
        if not given:
            raise failed(name, "operand 1 must not be empty")
        if len(given) > 1:
            zone = _zone(name, text(name, 1, given[1]))
        value = given[0]
    found = whole(name, 1, value)
    if not LOW <= found <= HIGH:
        raise failed(name, "timestamp too big")
    micros, rest = divmod(found, 1000)
    return (EPOCH + datetime.timedelta(microseconds=micros)).astimezone(zone), rest


def _zone(name: str, zone: str) -> datetime.tzinfo:
    if zone in ("", "UTC", "Local"):  # a policy means the same everywhere
        return datetime.UTC
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise failed(name, f"unknown time zone {zone}") from None


def parse_ns(layout: Value, value: Value) -> Value:
    """The time that a text says, by a layout of Go."""
    by = text("time.parse_ns", 1, layout)
    return nanoseconds(*parsed("time.parse_ns", LAYOUTS.get(by, by), text("time.parse_ns", 2, value)))


def parse_rfc3339_ns(value: Value) -> Value:
    """The time that a text of RFC 3339 says."""
    name = "time.parse_rfc3339_ns"
    return nanoseconds(*parsed(name, LAYOUTS["RFC3339"], text(name, 1, value)))


def parse_duration_ns(value: Value) -> Value:
    """`1h30m`: how long it is."""
    name = "time.parse_duration_ns"
    given = text(name, 1, value)
    body = given.lstrip("+-") if given[:1] in ("+", "-") else given
    if body == "0":
        return 0
    total, at = 0, 0
    while at < len(body):
        match = _DURATION.match(body, at)
        if match is None or not (match[1] or match[2]):
            raise failed(name, f'invalid duration "{given}"')
        unit = UNITS_LONG[match[3]]
        fraction = match[2] or ""
        total += int(match[1] or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        at = match.end()
    if not body:
        raise failed(name, f'invalid duration "{given}"')
    return within(-total if given[0] == "-" else total)


def date(value: Value) -> Value:
    """Year, month, day."""
    at, _ = moment("time.date", value)
    return [at.year, at.month, at.day]


def clock(value: Value) -> Value:
    """Hour, minute, second."""
    at, _ = moment("time.clock", value)
    return [at.hour, at.minute, at.second]


def weekday(value: Value) -> Value:
    """`Monday`."""
    at, _ = moment("time.weekday", value)
    return DAYS[at.weekday()]


def add_date(value: Value, years: Value, months: Value, days: Value) -> Value:
    """So many years, months and days later; what is too much for a month goes into the next."""
    name = "time.add_date"
    at, rest = moment(name, value)
    year, month = at.year + whole(name, 2, years), at.month - 1 + whole(name, 3, months)
    year, month = year + month // 12, month % 12 + 1
    try:
        first = at.replace(year=year, month=month, day=1)
        found = first + datetime.timedelta(days=at.day - 1 + whole(name, 4, days))
    except (ValueError, OverflowError):
        raise BuiltinError("time outside of valid range") from None
    return nanoseconds(found, rest)


def diff(a: Value, b: Value) -> Value:
    """Years, months, days, hours, minutes and seconds between two times."""
    one, other = moment("time.diff", a), moment("time.diff", b)
    low, high = one[0], other[0].astimezone(one[0].tzinfo)
    if (low, one[1]) > (high, other[1]):
        low, high = high, low
    year, month, day = high.year - low.year, high.month - low.month, high.day - low.day
    hour, minute, second = high.hour - low.hour, high.minute - low.minute, high.second - low.second
    if second < 0:
        second, minute = second + 60, minute - 1
    if minute < 0:
        minute, hour = minute + 60, hour - 1
    if hour < 0:
        hour, day = hour + 24, day - 1
    if day < 0:
        after = datetime.date(low.year + low.month // 12, low.month % 12 + 1, 1)
        day, month = day + (after - datetime.timedelta(days=1)).day, month - 1
    if month < 0:
        month, year = month + 12, year - 1
    return [year, month, day, hour, minute, second]


def time_format(value: Value) -> Value:
    """A time as text: RFC 3339, or by the layout that stands beside it."""
    name = "time.format"
    layout = LAYOUTS["RFC3339Nano"]
    if isinstance(value, list) and len(value) == 3:
        given = text(name, 1, value[2])
        layout = LAYOUTS.get(given, given)
        value = value[:2]
    return shown(layout, *moment(name, value))


_PURE: Final[Mapping[str, Pure]] = {
    "time.parse_ns": parse_ns,
    "time.parse_rfc3339_ns": parse_rfc3339_ns,
    "time.parse_duration_ns": parse_duration_ns,
    "time.date": date,
    "time.clock": clock,
    "time.weekday": weekday,
    "time.add_date": add_date,
    "time.diff": diff,
    "time.format": time_format,
}
TIMES: Final[Mapping[str, Builtin]] = {
    "time.now_ns": contextual(now_ns, Needs.CLOCK),
    **{name: pure(function) for name, function in _PURE.items()},
}
