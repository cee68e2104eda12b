"""When a CronJob runs, as far as the day goes: github.com/robfig/cron parser.go (ParseStandard) and spec.go."""

from __future__ import annotations

import re
from typing import Final

from mistrust.kube.calendar import civil, weekday

DAY: Final = 86_400
ZONES: Final = 14 * 3600
"""No time zone is further from UTC: a window that much shorter holds whatever zone is meant."""
MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEK: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=\S+\s+")
_EVERY: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def runs_between(schedule: str, first: int, last: int) -> bool | None:
    """Does it surely run at least once in a window, in whatever zone its times are? None where it is not understood.

    >>> runs_between("0 3 1 * *", 2 * DAY, 16 * DAY), runs_between("0 3 * * 1", 2 * DAY, 16 * DAY)
    (False, True)
    """
    text = _ZONE.sub("", schedule.strip(), count=1)
    if text.startswith("@every "):
        every = _seconds(text.removeprefix("@every ").strip())
        return None if every is None else every <= last - first
    fields = MACROS.get(text.lower(), text).split()
    if len(fields) != 5:
        return None
    try:
        for field, low, high in zip(fields[:2], (0, 0), (59, 23), strict=True):
            _values(field, low, high)
        days, months = _values(fields[2], 1, 31), _values(fields[3], 1, 12, MONTHS)
        week = _values(fields[4], 0, 6, WEEK)
    except ValueError:
        return None
    either = not _any_day(fields[2]) and not _any_day(fields[4])
    begin, end = -(-(first + ZONES) // DAY), (last - ZONES) // DAY
    for number in range(begin, min(end, begin + 366 * 9)):  # nothing that ever runs waits longer: 29 February
        _, month, day = civil(number)
        chosen = (day in days, weekday(number) in week)
        if month in months and (any(chosen) if either else all(chosen)):
            return True
    return False


def _values(text: str, low: int, high: int, names: list[str] | None = None) -> frozenset[int]:
    """The numbers that a field chooses. Raises ValueError for what is none."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        start, dash, end = span.partition("-")
        if start in ("*", "?") and not dash:
            first, last = low, high
        else:
            first = _number(start, names, low)
            last = _number(end, names, low) if dash else high if slash else first
        every = int(step) if slash else 1
        if not low <= first <= last <= high or every < 1:
            raise ValueError(f"not a field of a schedule: {part}")
        found.update(range(first, last + 1, every))
    return frozenset(found)


def _any_day(text: str) -> bool:
    """Does the field leave the choice to the other one? With a step it does not."""
    return any(part in ("*", "?", "*/1", "?/1") for part in text.split(","))


def _number(text: str, names: list[str] | None, low: int) -> int:
    if names and text.lower() in names:
        return names.index(text.lower()) + low
    return int(text)


def _seconds(text: str) -> float | None:
    parts = _EVERY.findall(text)
    if not parts or "".join(n + unit for n, unit in parts) != text:
        return None
    return sum(float(n) * _UNITS[unit] for n, unit in parts)
