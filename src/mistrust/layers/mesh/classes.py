"""Numbering what is alike."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Classes(Generic[K]):
    """A number for each key, in the order in which they come."""

    def __init__(self) -> None:
        self.keys: list[K] = []
        self._known: dict[K, int] = {}

    def of(self, key: K) -> int:
        """The number of a key."""
        found = self._known.setdefault(key, len(self.keys))
        if found == len(self.keys):
            self.keys.append(key)
        return found
