"""What is true of every request, of none, of some; and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Truth(IntEnum):
    """Does something hold? Of one request the answer is YES or NO; of all that a client may send, also SOME.

    The order is the one in which answers win when they are combined: see `every` and `some`.
    """

    NO = 0
    YES = 1
    SOME = 2
    """It depends on what the client sends."""
    UNKNOWN = 3
    """It depends on something that nobody told."""


def every(truths: Iterable[Truth]) -> Truth:
    """Do all of them hold? Nothing given: YES.

    SOME and SOME need not be the same requests: SOME then means "at most some", which is never a wrong YES or NO.

    >>> every((Truth.YES, Truth.SOME)).name
    'SOME'
    """
    worst = Truth.YES
    for t in truths:
        if t is Truth.NO:
            return Truth.NO
        worst = max(worst, t)
    return worst


def some(truths: Iterable[Truth]) -> Truth:
    """Does any of them hold? Nothing given: NO.

    >>> some((Truth.NO, Truth.SOME)).name
    'SOME'
    """
    return negated(every(map(negated, truths)))


def negated(truth: Truth) -> Truth:
    """Does it not hold?"""
    match truth:
        case Truth.YES:
            return Truth.NO
        case Truth.NO:
            return Truth.YES
        case _:
            return truth


def truth(answer: bool) -> Truth:
    """YES or NO."""
    return Truth.YES if answer else Truth.NO
