"""Yes, no, or the words for what it depends on."""

from __future__ import annotations

from collections.abc import Iterable

Match = bool | str
"""True, False, or what is not known."""


def any_of(matched: Iterable[Match]) -> Match:
    """True if one is, else what is not known, else False."""
    found: Match = False
    for each in matched:
        if each is True:
            return True
        found = found or each
    return found


def all_of(matched: Iterable[Match]) -> Match:
    """False if one is, else what is not known, else True."""
    found: Match = True
    for each in matched:
        if each is False:
            return False
        found = each if found is True else found
    return found
