"""When things happen in the shop: the month, its working days, and the days that stand out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final

import msgspec

FIRST: Final = date(2026, 10, 23)
DAYS: Final = 31
BREAK_GLASS: Final = date(2026, 11, 7)
"""A Saturday: the checkout hangs, and somebody who is not on duty has to look."""
ATTACK: Final = date(2026, 11, 12)
"""The night in which somebody has the token of the dashboard."""

HOUR: Final = 3600
WEEK: Final = 5
"""Working days of a week."""


class Day(msgspec.Struct, frozen=True):
    """One day. Moments in it are seconds since midnight, UTC."""

    number: int
    seed: int

    @property
    def date(self) -> date:
        """Its date."""
        return FIRST + timedelta(self.number)

    @property
    def start(self) -> int:
        """Midnight, in seconds since 1970."""
        return int(datetime(self.date.year, self.date.month, self.date.day, tzinfo=UTC).timestamp())

    @property
    def works(self) -> bool:
        """Is it a working day?"""
        return self.date.weekday() < WEEK

    def random(self, about: str) -> Random:
        """The dice of one subject on this day, so that more of one thing moves nothing else."""
        return Random(f"{self.seed}/{self.number}/{about}")  # noqa: S311 (evidence for a demo, no secret)


def every(period: float, dice: Random) -> Iterator[float]:
    """Moments of a day, a period apart, give or take a twentieth of it."""
    at = dice.random() * period
    while at < 24 * HOUR:
        yield at
        at += period * (0.95 + dice.random() / 10)


def busy(count: int, dice: Random) -> Iterator[float]:
    """About so many moments of a day as shoppers choose them: few at night, most in the evening."""
    for _ in range(count):
        at = dice.triangular(5, 24, 19) if dice.random() < 0.9 else dice.uniform(0, 24)
        yield min(at, 23.999) * HOUR
