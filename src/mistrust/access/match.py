"""Does something hold? Yes, no, or the words for what it depends on; and how such answers are put together."""

from __future__ import annotations

from collections.abc import Iterable

Match = bool | str
"""True, False, or why it is not known."""


def any_of(matched: Iterable[Match]) -> Match:
    """True if one is, else what it depends on, else False."""
    found: Match = False
    for each in matched:
        if each is True:
            return True
        found = found or each
    return found


def all_of(matched: Iterable[Match]) -> Match:
    """False if one is, else what it depends on, else True."""
    found: Match = True
    for each in matched:
        if each is False:
            return False
        found = each if found is True else found
    return found
