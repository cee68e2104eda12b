"""Silences of a flow log that are longer than the log explains."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final

MINUTE: Final = 60
DAY: Final = 24 * 60
QUIET: Final = 60
"""Minutes that a log may always be silent."""
UNUSUAL: Final = 4
"""Times the usual silence."""


def holes(minutes: Collection[int]) -> Iterator[tuple[int, int]]:
    """From the end of the last minute with an event to the start of the next one, in seconds, in order.

    A silence is a hole where it is longer than an hour, and than four times the usual one: the longest that comes at
    least every second day. So quiet nights are none, and a weekend among them, or five hours of a day, is one.

    Parameters: the minutes since 1970 in which anything was seen.
    """
    order = sorted(minutes)
    silences = [(a + 1, b) for a, b in pairwise(order) if b > a + 1]
    lengths = sorted((b - a for a, b in silences), reverse=True)
    often = max(1, (order[-1] - order[0]) // DAY // 2) if order else 0
    usual = lengths[often] if len(lengths) > often else 0
    return ((a * MINUTE, b * MINUTE) for a, b in silences if b - a > max(QUIET, UNUSUAL * usual))
