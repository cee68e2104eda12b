"""Yes, no, or the words for what it depends on."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.layers.mesh.fabric import Match

__all__ = ["Match", "all_of", "any_of"]


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
