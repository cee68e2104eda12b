"""Times (kyverno/pkg/engine/jmespath/time.go), written as RFC 3339; what asks a clock has no answer here."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import KyvernoError, UnknownError
from mistrust.languages.kyverno.jmespath.function import Function, functions
from mistrust.languages.kyverno.jmespath.standard import text
from mistrust.languages.kyverno.scalars import duration, duration_text

Given = list[Plain]


def _time(value: Plain) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text(value))
    except ValueError:
        raise KyvernoError(f"not a time: {text(value)[:40]!r}") from None
    if found.tzinfo is None:
        raise KyvernoError("a time without a zone")
    return found


def _written(when: datetime.datetime) -> str:
    return when.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _span(value: Plain) -> datetime.timedelta:
    found = duration(text(value))
    if found is None:
        raise KyvernoError(f"not a duration: {text(value)[:40]!r}")
    return datetime.timedelta(microseconds=found // 1000)


def _between(a: datetime.datetime, b: datetime.datetime) -> str:
    return duration_text((b - a) // datetime.timedelta(microseconds=1) * 1000)


def _now(given: Given) -> Plain:
    del given
    raise UnknownError("it asks for the time")


def _since(given: Given) -> Plain:
    layout, start, end = given
    if layout:
        raise UnknownError("times in a layout of one's own are not understood yet")
    return _between(_time(start), _time(end)) if end else _now(given)


def _parse(given: Given) -> Plain:
    layout, value = map(text, given)
    if layout not in ("", "2006-01-02T15:04:05Z07:00", "RFC3339"):
        raise UnknownError("times in a layout of one's own are not understood yet")
    return _written(_time(value))


def _cron(given: Given) -> Plain:
    when = _time(given[0])
    return f"{when.minute} {when.hour} {when.day} {when.month} {when.isoweekday() % 7}"


def _truncate(given: Given) -> Plain:
    when, size = _time(given[0]), _span(given[1])
    if size <= datetime.timedelta(0):
        return _written(when)
    return _written(when - (when - datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)) % size)


def _add(given: Given) -> Plain:
    try:
        return _written(_time(given[0]) + _span(given[1]))
    except OverflowError:
        raise KyvernoError("a time out of range") from None


TIMES: Final[Mapping[str, Function]] = functions(
    {
        "time_add": ("s s", _add),
        "time_after": ("s s", lambda given: _time(given[0]) > _time(given[1])),
        "time_before": ("s s", lambda given: _time(given[0]) < _time(given[1])),
        "time_between": ("s s s", lambda given: _time(given[1]) < _time(given[0]) < _time(given[2])),
        "time_diff": ("s s", lambda given: _between(_time(given[0]), _time(given[1]))),
        "time_now": ("", _now),
        "time_now_utc": ("", _now),
        "time_parse": ("s s", _parse),
        "time_since": ("s s s", _since),
        "time_to_cron": ("s", _cron),
        "time_truncate": ("s s", _truncate),
        "time_utc": ("s", lambda given: _written(_time(given[0]).astimezone(datetime.UTC))),
    }
)
