"""What is said of several things at once."""

from __future__ import annotations

from collections.abc import Iterable


def listed(words: Iterable[str], limit: int = 4) -> str:
    """`a, b, c and 7 more`: at most `limit` words, or one fewer and how many are left out."""
    every = tuple(words)
    if len(every) <= limit:
        return ", ".join(every)
    return f"{', '.join(every[: limit - 1])} and {len(every) - limit + 1:,} more"
