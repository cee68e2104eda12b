"""Silences of a log that are longer than the log explains. Memory is a byte for each minute of the days seen."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

MINUTE = 60
DAY = 86_400
_MINUTES = DAY // MINUTE
_EVENT, _BEAT = 1, 2

LIVE = 5
"""Minutes. Leases are renewed every two to ten seconds; a log that has shown one is not silent this long."""
QUIET = 60
"""Minutes that a log without leases may always be silent."""
UNUSUAL = 4
"""Times the usual longest silence of a day."""


class Minutes:
    """Which minutes had events, and which had renewals of leases: the clock that every cluster has."""

    def __init__(self) -> None:
        self.days: dict[int, bytearray] = {}
        """A byte for each minute of a day since 1970."""

    def mark(self, minute: int, beat: bool) -> None:
        """Note an event in a minute since 1970, and whether it renewed a lease."""
        day, at = divmod(minute, _MINUTES)
        row = self.days.get(day)
        if row is None:
            row = self.days[day] = bytearray(_MINUTES)
        row[at] |= _EVENT | _BEAT if beat else _EVENT

    @property
    def beaten(self) -> bool:
        """Was any lease renewed?"""
        return any(mark & _BEAT for row in self.days.values() for mark in set(row))

    def holes(self) -> tuple[tuple[int, int], ...]:
        """From the end of the last minute with an event to the start of the next one, in seconds, in order.

        With leases before it or after it, a silence is a hole from five minutes on. Without them it is one when it is
        longer than an hour and than four times the usual (median) longest silence of a day, so that quiet nights of
        a small cluster are none, and a weekend among them is.
        """
        silences = list(self._silences())
        longest: dict[int, int] = {}
        for start, end, _ in silences:
            day = start // _MINUTES
            longest[day] = max(longest.get(day, 0), end - start)
        usual = median([longest.get(day, 0) for day in self.days]) if self.days else 0
        return tuple(
            (start * MINUTE, end * MINUTE)
            for start, end, live in silences
            if end - start >= LIVE and (live or end - start > max(QUIET, UNUSUAL * usual))
        )

    def _silences(self) -> Iterator[tuple[int, int, bool]]:
        """From, to (in minutes), and whether leases were renewed in the minute before or after."""
        before = -1
        live = False
        for day in sorted(self.days):
            row = self.days[day]
            for at in (i for i in range(_MINUTES) if row[i]):
                minute, beat = day * _MINUTES + at, bool(row[at] & _BEAT)
                if 0 <= before < minute - 1:
                    yield before + 1, minute, live or beat
                before, live = minute, beat
