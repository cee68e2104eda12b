"""Layouts of times as Go writes them: an example time, Mon Jan 2 15:04:05 MST 2006 (time/format.go)."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable, Mapping
from typing import Final

from mistrust.languages.rego.builtins.operands import failed

LAYOUTS: Final[Mapping[str, str]] = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
}
_PART: Final = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|__2|002|01|02|03|04|05|06|15|_2"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07"
    r"|[.,]0+(?!\d)|[.,]9+(?!\d)|PM|pm|1|2|3|4|5"
)
_NAMES: Final = [n.lower() for n in calendar.month_name]
_SHORT: Final = [n.lower() for n in calendar.month_abbr]
_WEEK: Final = [n.lower() for n in calendar.day_name]
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "2006": ("year", r"\d{4}"),
    "06": ("year2", r"\d{2}"),
    "01": ("month", r"\d{2}"),
    "1": ("month", r"\d{1,2}"),
    "02": ("day", r"\d{2}"),
    "2": ("day", r"\d{1,2}"),
    "_2": ("day", r" ?\d{1,2}"),
    "002": ("yearday", r"\d{3}"),
    "__2": ("yearday", r" {0,2}\d{1,3}"),
    "15": ("hour", r"\d{2}"),
    "03": ("hour12", r"\d{2}"),
    "3": ("hour12", r"\d{1,2}"),
    "04": ("minute", r"\d{2}"),
    "4": ("minute", r"\d{1,2}"),
    "05": ("second", r"\d{2}"),
    "5": ("second", r"\d{1,2}"),
    "PM": ("half", r"[AP]M"),
    "pm": ("half", r"[ap]m"),
    "January": ("name", "|".join(calendar.month_name[1:])),
    "Jan": ("short", "|".join(calendar.month_abbr[1:])),
    "Monday": ("weekday", "|".join(calendar.day_name)),
    "Mon": ("weekday2", "|".join(calendar.day_abbr)),
    "MST": ("zone", r"[A-Z]{3,4}(?:[+-]\d{1,2})?|[+-]\d{2}"),
}


def parsed(name: str, layout: str, text: str) -> tuple[datetime.datetime, int]:
    """The time that a text says, and what is left of a microsecond in nanoseconds.

    Raises `BuiltinError` for a text of another form.
    """
    pattern, begin = "", 0
    for part in _PART.finditer(layout):
        pattern += re.escape(layout[begin : part.start()])
        begin = part.end()
        pattern += _expected(part[0])
        if part[0] in ("05", "5") and layout[begin : begin + 1] not in (".", ","):
            pattern += r"(?:[.,](?P<fraction>\d+))?"
    match = re.fullmatch(pattern + re.escape(layout[begin:]), text, re.I)
    if match is None:
        raise failed(name, f'parsing time "{text}" as "{layout}": cannot parse')
    found = {k: v for k, v in match.groupdict().items() if v is not None}
    try:
        return _built(found)
    except (ValueError, OverflowError):
        raise failed(name, f'parsing time "{text}": out of range') from None


def _expected(part: str) -> str:
    if part in _FIELDS:
        field, pattern = _FIELDS[part]
        return f"(?P<{field}>{pattern})"
    if part[0] in ".,":
        count = len(part) - 1
        return rf"[.,](?P<fraction>\d{{{count}}})" if part[1] == "0" else r"(?:[.,](?P<fraction>\d+))?"
    colon = ":" if ":" in part else ""
    fields = len(part.replace(":", "").lstrip("-Z")) // 2
    offset = r"[+-]\d{2}" + (colon + r"\d{2}") * (fields - 1)
    return f"(?P<offset>{'Z|' if part[0] == 'Z' else ''}{offset})"


def _built(found: Mapping[str, str]) -> tuple[datetime.datetime, int]:
    year = int(found.get("year", "0"))
    if "year2" in found:
        short = int(found["year2"])
        year = short + (1900 if short >= 69 else 2000)
    month = int(found.get("month", "1"))
    if "name" in found:
        month = _NAMES.index(found["name"].lower())
    elif "short" in found:
        month = _SHORT.index(found["short"].lower())
    hour = int(found.get("hour", "0"))
    if "hour12" in found:
        hour = int(found["hour12"])
    half = found.get("half", "").lower()
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    fraction = found.get("fraction", "").ljust(9, "0")[:9]
    nanos = int(fraction or 0)
    at = datetime.datetime(
        max(year, 1),
        month,
        int(found.get("day", "1")),
        hour,
        int(found.get("minute", "0")),
        int(found.get("second", "0")),
        nanos // 1000,
        datetime.timezone(_offset(found.get("offset", "Z"))),
    )
    if "yearday" in found:
        at = at.replace(month=1, day=1) + datetime.timedelta(days=int(found["yearday"]) - 1)
    return at.astimezone(datetime.UTC), nanos % 1000


def _offset(text: str) -> datetime.timedelta:
    if text in ("Z", "z"):
        return datetime.timedelta()
    digits = text[1:].replace(":", "").ljust(6, "0")
    size = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:6]))
    return -size if text[0] == "-" else size


def shown(layout: str, at: datetime.datetime, rest: int) -> str:
    """A time as a layout shows it."""
    out, begin = [], 0
    for part in _PART.finditer(layout):
        out += [layout[begin : part.start()], _shown(part[0], at, rest)]
        begin = part.end()
    return "".join([*out, layout[begin:]])


def _shown(part: str, at: datetime.datetime, rest: int) -> str:
    if part in _SHOWN:
        return _SHOWN[part](at)
    if part[0] in ".,":
        digits = f"{at.microsecond:06}{rest:03}"[: len(part) - 1]
        if part[1] == "9":
            digits = digits.rstrip("0")
        return part[0] + digits if digits else ""
    offset = at.utcoffset() or datetime.timedelta()
    seconds = int(offset.total_seconds())
    if part[0] == "Z" and not seconds:
        return "Z"
    sign, seconds = "-" if seconds < 0 else "+", abs(seconds)
    fields = [f"{seconds // 3600:02}", f"{seconds // 60 % 60:02}", f"{seconds % 60:02}"]
    count = len(part.replace(":", "").lstrip("-Z")) // 2
    return sign + (":" if ":" in part else "").join(fields[:count])


_SHOWN: Final[Mapping[str, Callable[[datetime.datetime], str]]] = {
    "2006": lambda t: f"{t.year:04}",
    "06": lambda t: f"{t.year % 100:02}",
    "January": lambda t: calendar.month_name[t.month],
    "Jan": lambda t: calendar.month_abbr[t.month],
    "01": lambda t: f"{t.month:02}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: calendar.day_name[t.weekday()],
    "Mon": lambda t: calendar.day_abbr[t.weekday()],
    "02": lambda t: f"{t.day:02}",
    "_2": lambda t: f"{t.day:2}",
    "2": lambda t: str(t.day),
    "002": lambda t: f"{t.timetuple().tm_yday:03}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3}",
    "15": lambda t: f"{t.hour:02}",
    "03": lambda t: f"{(t.hour - 1) % 12 + 1:02}",
    "3": lambda t: str((t.hour - 1) % 12 + 1),
    "04": lambda t: f"{t.minute:02}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": lambda t: t.tzname() or "UTC",
}
