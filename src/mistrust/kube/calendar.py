"""Days as people name them: `civil_from_days` of howardhinnant.github.io/date_algorithms.html."""

from __future__ import annotations


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of the month, of days since 1970.

    >>> civil(20_747), civil(11_016)
    ((2026, 10, 21), (2000, 2, 29))
    """
    days += 719_468
    era, of_era = divmod(days, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    date = of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return year + era * 400 + (month <= 2), month, date


def weekday(days: int) -> int:
    """0 for Sunday, of days since 1970, which began on a Thursday.

    >>> weekday(0), weekday(3)
    (4, 0)
    """
    return (days + 4) % 7
