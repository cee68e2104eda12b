"""When a CronJob runs, as far as days go."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.schedule import DAY, ZONES, runs_between


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(f"{text}T00:00:00+00:00").timestamp())


FORTNIGHT = at("2026-11-02"), at("2026-11-17")
"""From a Monday on, fifteen days; the days at both ends are whole in no time zone."""


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("0 3 * * *", True),
        ("*/15 * * * *", True),
        ("0 3 * * 1", True),
        ("0 3 * * MON-FRI", True),
        ("@weekly", True),
        ("@daily", True),
        ("0 3 1 * *", False),  # the first of a month is not in it
        ("@monthly", False),
        ("0 3 15 11 *", True),
        ("0 3 15 dec *", False),
        ("0 3 29 2 *", False),
        ("0 3 */14 * *", True),
        ("0 3 1 * 1", True),  # a day of the month or of the week, where both are given
        ("0 3 1 * */2", True),  # a star with a step is a choice
        ("0 3 1-2 * *", False),  # the second is, in some zones, not whole in it
        ("0 3 ? 11 ?", True),
        ("TZ=Europe/Paris 0 3 * * *", True),
        ("CRON_TZ=Asia/Tokyo 0 3 1 * *", False),
        ("@every 24h", True),
        ("@every 1h30m", True),
        ("@every 1000h", False),
    ],
)
def test_does_it_surely_run_in_a_fortnight(schedule: str, runs: bool) -> None:
    assert runs_between(schedule, *FORTNIGHT) is runs


@pytest.mark.parametrize(
    "schedule",
    [
        *("", "* * * *", "0 3 * * * *", "a b c d e"),
        *("60 * * * *", "* 24 * * *", "0 3 0 * *", "0 3 * 13 *", "0 3 * * 7"),
        *("0 3 5-1 * *", "*/0 * * * *", "0 3 1,,2 * *", "0 3 " + "9" * 5000 + " * *"),
        *("@sometimes", "@every soon", "@every"),
    ],
)
def test_what_no_cron_understands_is_not_understood(schedule: str) -> None:
    assert runs_between(schedule, *FORTNIGHT) is None


DAYS = st.sets(st.integers(1, 31), min_size=1, max_size=3)
WEEK = st.sets(st.integers(0, 6), min_size=1, max_size=2)


@given(st.integers(18_000, 22_000), st.integers(0, 60), st.none() | DAYS, st.none() | WEEK)
def test_it_is_the_definition_day_by_day(first: int, length: int, days: set[int] | None, week: set[int] | None) -> None:
    schedule = f"0 0 {_field(days)} * {_field(week)}"
    inside = (datetime.date(1970, 1, 1) + datetime.timedelta(n) for n in range(first + 1, first + length))
    wanted = False
    for day in inside:
        by_day, by_week = days is None or day.day in days, week is None or day.isoweekday() % 7 in week
        both_given = days is not None and week is not None
        wanted |= (by_day or by_week) if both_given else (by_day and by_week)
    assert runs_between(schedule, first * DAY + DAY - ZONES, (first + length) * DAY + ZONES) is wanted


def _field(values: set[int] | None) -> str:
    return ",".join(map(str, sorted(values))) if values else "*"
