"""Timestamps and durations (langdef.md#timezones; protobuf's timestamp.proto and duration.proto)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mistrust.languages.cel.function import Answer
from mistrust.languages.cel.values import SECOND, CelError, Duration, Timestamp, Value, no_overload

UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_PART: Final = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)")
_STAMP: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))"
)
_OFFSET: Final = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")


def timestamp(a: Value) -> Value:
    """A timestamp: of RFC 3339, or of seconds since 1970."""
    if isinstance(a, Timestamp):
        return a
    if type(a) is int:
        return Timestamp(a * SECOND)
    if not isinstance(a, str):
        raise no_overload("timestamp", a)
    match = _STAMP.fullmatch(a)
    if match is None:
        raise CelError(f"invalid timestamp: {a!r}")
    try:
        at = datetime.datetime(*(int(n) for n in match.groups()[:6]), tzinfo=datetime.UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise CelError(f"invalid timestamp: {a!r}: {error}") from None
    delta = at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    ns = (delta.days * 86_400 + delta.seconds) * SECOND + int((match[7] or "0").ljust(9, "0"))
    if match[9]:
        offset = (int(match[10]) * 3600 + int(match[11]) * 60) * SECOND
        ns -= offset if match[9] == "+" else -offset
    return Timestamp(ns)


def duration(a: Value) -> Value:
    """A duration: `1h30m`, `1.5s`."""
    if isinstance(a, Duration):
        return a
    if type(a) is int:
        return Duration(a)
    if not isinstance(a, str):
        raise no_overload("duration", a)
    body = a[1:] if a[:1] in ("+", "-") else a
    if body == "0":
        return Duration(0)
    total = at = 0
    while at < len(body):
        match = _PART.match(body, at)
        if match is None or not (match[1] or match[2]):
            raise CelError(f"invalid duration: {a!r}")
        fraction, unit = match[2] or "", UNITS[match[3]]
        if len(match[1]) > 30 or len(fraction) > 30:
            raise CelError("duration out of range")
        total += int(match[1] or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        at = match.end()
    if not body:
        raise CelError(f"invalid duration: {a!r}")
    return Duration(-total if a[0] == "-" else total)


def stamp(at: Timestamp) -> str:
    """RFC 3339, with as many digits as there are."""
    fraction = f"{at.ns % SECOND:09}".rstrip("0")
    return f"{at.moment().strftime('%Y').zfill(4)}{at.moment():-%m-%dT%H:%M:%S}{f'.{fraction}' if fraction else ''}Z"


def span(a: Duration) -> str:
    """`5400s`."""
    sign, size = "-" if a.ns < 0 else "", abs(a.ns)
    fraction = f"{size % SECOND:09}".rstrip("0")
    return f"{sign}{size // SECOND}{f'.{fraction}' if fraction else ''}s"


def zone(name: Value) -> datetime.tzinfo:
    """A time zone: `Europe/Berlin`, `+02:00`. Raises `CelError` for none."""
    if not isinstance(name, str):
        raise no_overload("timezone", name)
    match = _OFFSET.fullmatch(name)
    if match:
        offset = datetime.timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset >= datetime.timedelta(days=1):
            raise CelError(f"invalid timezone: {name!r}")
        return datetime.timezone(-offset if match[1] == "-" else offset)
    if name in ("UTC", "Z", ""):
        return datetime.UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CelError(f"unknown time zone {name}") from None


def _of_stamp(name: str, part: Callable[[datetime.datetime], int]) -> Answer:
    def answer(a: Value, at: Value = "UTC") -> Value:
        if not isinstance(a, Timestamp):
            raise no_overload(name, a)
        try:
            return part(a.moment(zone(at)))
        except OverflowError:
            raise CelError("timestamp out of range") from None

    return answer


def _of_either(name: str, unit: int, part: Callable[[datetime.datetime], int]) -> Answer:
    def answer(a: Value, at: Value = "UTC") -> Value:
        if isinstance(a, Duration):
            return int(abs(a.ns) // unit) * (1 if a.ns >= 0 else -1)
        if not isinstance(a, Timestamp):
            raise no_overload(name, a)
        return part(a.moment(zone(at)))

    return answer


def _milliseconds(a: Value, at: Value = "UTC") -> Value:
    """Of a timestamp within its second; of a duration likewise."""
    if isinstance(a, Duration):
        found = abs(a.ns) // 1_000_000 % 1000
        return found if a.ns >= 0 else -found
    if isinstance(a, Timestamp):
        zone(at)
        return a.ns // 1_000_000 % 1000
    raise no_overload("getMilliseconds", a)


def zoned() -> dict[str, Answer]:
    """The parts of timestamps and durations, by the names of their functions."""
    return {
        "getFullYear": _of_stamp("getFullYear", lambda t: t.year),
        "getMonth": _of_stamp("getMonth", lambda t: t.month - 1),
        "getDate": _of_stamp("getDate", lambda t: t.day),
        "getDayOfMonth": _of_stamp("getDayOfMonth", lambda t: t.day - 1),
        "getDayOfWeek": _of_stamp("getDayOfWeek", lambda t: (t.weekday() + 1) % 7),
        "getDayOfYear": _of_stamp("getDayOfYear", lambda t: t.timetuple().tm_yday - 1),
        "getHours": _of_either("getHours", 3600 * SECOND, lambda t: t.hour),
        "getMinutes": _of_either("getMinutes", 60 * SECOND, lambda t: t.minute),
        "getSeconds": _of_either("getSeconds", SECOND, lambda t: t.second),
        "getMilliseconds": _milliseconds,
    }
