"""What is kept of a log: for each hour and each distinct use, how often and when; and notes about the log itself.

The uses are kept as the reader of a log counts them, before they are brought together: which of two observers counted
a connection, which stage of a request was logged. So bringing them together gives the same, however logs were split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from mistrust.access.record import Record, Tally
from mistrust.feeds.sources import Source
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store.file import Unread, shown

HOUR: Final = 3600
QUOTED: Final = 5
"""Lines that are quoted; the rest is counted."""
SAID: Final = 50
"""Other problems that are said; the rest is counted."""

Value = str | int | bool | bytes | None
Values = tuple[Value, ...]
"""A use, column by column."""
U = TypeVar("U")


class Column(NamedTuple):
    """A part of a use."""

    name: str
    type: str
    """In SQL."""


class Cell(NamedTuple):
    """One use in one hour."""

    hour: int
    """Since 1970."""
    use: Values
    tally: Tally


class Batch(NamedTuple):
    """What one reading of one file adds."""

    cells: Sequence[Cell]
    notes: bytes
    """JSON: everything else that the reader knows, so that readings can be put together."""
    events: int
    first: int
    last: int


class Window(NamedTuple):
    """A span of time, in seconds since 1970; whole hours, because hours are kept."""

    since: int = 0
    until: int = 1 << 62

    @property
    def hours(self) -> tuple[int, int]:
        """The first hour, and the first that is no more in it."""
        return self.since // HOUR, -(-self.until // HOUR)

    def touches(self, first: int, last: int) -> bool:
        """Is any of a span in the window?"""
        low, high = self.hours
        return last >= low * HOUR and first < high * HOUR

    def clip(self, first: int, last: int) -> tuple[int, int]:
        """The part of a span that is in the window; 0, 0 where nothing is."""
        low, high = self.hours
        first, last = max(first, low * HOUR), min(last, high * HOUR - 1)
        return (first, last) if first <= last else (0, 0)


Progress = Callable[[str], None]


class Form(Protocol):
    """How a log of one kind of evidence becomes a batch."""

    @property
    def name(self) -> str:
        """`audit`."""
        ...

    @property
    def columns(self) -> Sequence[Column]:
        """What a use is made of. To change them is to change the form of the store."""
        ...

    def recognises(self, begin: bytes) -> bool:
        """Do these first bytes, packed or not, begin such a log?"""
        ...

    def whole(self, begin: bytes) -> bool:
        """Is a log that begins so (unpacked) only understood from its beginning on?"""
        ...

    def read(self, source: Source, unread: Unread, progress: Progress) -> Batch:
        """Read what is new in a log."""
        ...

    def merge(self, notes: Iterable[bytes]) -> bytes:
        """What several readings know, as if they were one."""
        ...


class Kind(Form, Protocol[U]):
    """A kind of evidence: also how batches become a record."""

    def record(
        self,
        uses: Iterable[tuple[Values, Tally]],
        notes: bytes,
        window: Window,
        about: str,
        version: Version | None,
    ) -> Record[U]:
        """Everything that uses and notes say."""
        ...


def further(found: Iterable[Problem], lines: int) -> list[Problem]:
    """Problems of the part of a file that comes after so many lines, where lines are counted in the whole of it."""
    replaced = msgspec.structs.replace
    return [replaced(p, file=shown(p.file), line=p.line + lines if p.line else 0) for p in found]


def problems(found: Iterable[Problem]) -> list[Problem]:
    """Of the problems of many readings the first lines, and everything else once."""
    quoted: list[Problem] = []
    others: dict[Problem, None] = {}
    for problem in found:
        if not problem.line:
            others[problem] = None
        elif len(quoted) < QUOTED:
            quoted.append(problem)
    told = list(others)
    if len(told) > SAID:
        blinds = any(p.blinds for p in told[SAID:])
        told[SAID:] = [Problem(f"so it is with {len(told) - SAID} more", told[SAID].file, blinds=blinds)]
    return quoted + told
