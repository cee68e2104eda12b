"""What is asked of kept evidence, once for every engine: Ibis expressions over two tables.

`hours` (part, use, hour, count, first, last) has numbers only, `uses` (part, use, and what a use is made of) the text:
numbers are summed up before any text is compared. An engine chooses the rows that count, the parts and the hours of a
window, before it asks. What the embedded engine runs is what Ibis makes of these expressions, kept in `sql/`, so that
it needs no Ibis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

PART, USE, HOUR, DAY = "part", "use", "hour", "day"
COUNT, FIRST, LAST = "count", "first", "last"
_HOURS_OF_A_DAY: Final = 24


class Column(Protocol):
    """What is needed of a column of Ibis."""

    def sum(self) -> Column: ...  # noqa: D102
    def min(self) -> Column: ...  # noqa: D102
    def max(self) -> Column: ...  # noqa: D102
    def count(self) -> Column: ...  # noqa: D102
    def isin(self, values: Sequence[int]) -> Column: ...  # noqa: D102
    def __floordiv__(self, other: int) -> Column: ...
    def __ge__(self, other: int) -> Column: ...
    def __lt__(self, other: int) -> Column: ...


class Grouped(Protocol):
    """What is needed of rows that are grouped."""

    def aggregate(self, **columns: Column) -> Table: ...  # noqa: D102


class Table(Protocol):
    """What is needed of a table of Ibis."""

    def __getitem__(self, name: str, /) -> Column: ...
    def filter(self, *predicates: Column) -> Table: ...  # noqa: D102
    def mutate(self, **columns: Column) -> Table: ...  # noqa: D102
    def join(self, right: Table, on: Sequence[str]) -> Table: ...  # noqa: D102
    def group_by(self, by: Sequence[str]) -> Grouped: ...  # noqa: D102


Query = Callable[[Table, Table, Sequence[str]], Table]


def seen(hours: Table, uses: Table, columns: Sequence[str]) -> Table:
    """Every distinct use: how often, the first time and the last."""
    return _sums(_sums(hours, (PART, USE)).join(uses, (PART, USE)), columns)


def by_day(hours: Table, uses: Table, columns: Sequence[str]) -> Table:
    """The same, for each day (UTC, numbered since 1970) apart."""
    daily = hours.mutate(**{DAY: hours[HOUR] // _HOURS_OF_A_DAY})
    return _sums(_sums(daily, (PART, USE, DAY)).join(uses, (PART, USE)), (DAY, *columns))


def sizes(table: Table) -> Table:
    """How many rows there are of each part."""
    return table.group_by((PART,)).aggregate(rows=table[USE].count())


QUERIES: Final[Mapping[str, Query]] = {"seen": seen, "by_day": by_day}


def within(hours: Table, low: int, high: int) -> Table:
    """The rows from an hour on and before another."""
    return hours.filter(hours[HOUR] >= low, hours[HOUR] < high)


def _sums(table: Table, by: Sequence[str]) -> Table:
    return table.group_by(by).aggregate(
        **{COUNT: table[COUNT].sum(), FIRST: table[FIRST].min(), LAST: table[LAST].max()}
    )
