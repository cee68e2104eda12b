"""The three Pod Security levels, ordered by strictness."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """k8s.io/pod-security-admission/api/constants.go; `CompareLevels` is the order of the numbers.

    >>> Level.RESTRICTED > Level.BASELINE, str(Level.BASELINE)
    (True, 'baseline')
    """

    PRIVILEGED = 0
    BASELINE = 1
    RESTRICTED = 2

    def __str__(self) -> str:
        return self.name.lower()
