"""What is needed of a backend of Ibis, and of its driver; and how its rows become cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from mistrust.access.record import Tally
from mistrust.store.analytics import Table
from mistrust.store.rollup import Cell, Column, Value


class Batch(Protocol):
    """What is needed of a batch of rows of Arrow."""

    @property
    def columns(self) -> Sequence[Values]:
        """Column by column."""
        ...


class Values(Protocol):
    """What is needed of a column of Arrow."""

    def to_pylist(self) -> list[object]: ...  # noqa: D102


class ArrowTable(Protocol):
    """What is needed of a table of Arrow."""

    @property
    def num_rows(self) -> int:
        """How many rows it has."""
        ...

    def to_batches(self, max_chunksize: int) -> list[Batch]: ...  # noqa: D102


class Copying(Protocol):
    """psycopg's COPY ... FROM STDIN."""

    def __enter__(self) -> Copying: ...
    def __exit__(self, *_: object) -> bool | None: ...
    def write_row(self, row: Sequence[object]) -> None: ...  # noqa: D102


class Cursor(Protocol):
    """psycopg's cursor."""

    def __enter__(self) -> Cursor: ...
    def __exit__(self, *_: object) -> bool | None: ...
    def copy(self, statement: str) -> Copying: ...  # noqa: D102


class Connection(Protocol):
    """psycopg's connection."""

    def cursor(self) -> Cursor: ...  # noqa: D102
    def transaction(self) -> Cursor: ...  # noqa: D102


class Backend(Protocol):
    """What is needed of a backend of Ibis."""

    @property
    def name(self) -> str:
        """`postgres`."""
        ...

    @property
    def con(self) -> Connection:
        """The driver's own connection."""
        ...

    def list_tables(self) -> list[str]: ...  # noqa: D102
    def table(self, name: str) -> Table: ...  # noqa: D102
    def create_table(self, name: str, *, schema: Mapping[str, str], **how: Sequence[str]) -> Table: ...  # noqa: D102
    def insert(self, name: str, obj: object, /) -> object: ...  # noqa: D102
    def read_parquet(self, path: str, /) -> Table: ...  # noqa: D102
    def raw_sql(self, query: str) -> object: ...  # noqa: D102
    def to_pyarrow_batches(self, expr: Table) -> Iterable[Batch]: ...  # noqa: D102
    def disconnect(self) -> None: ...  # noqa: D102


def rows(backend: Backend, table: Table) -> Iterator[tuple[object, ...]]:
    """Everything in a table."""
    return unpacked(backend.to_pyarrow_batches(table))


def unpacked(batches: Iterable[Batch]) -> Iterator[tuple[object, ...]]:
    """Row by row."""
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def cells(
    backend: Backend, asked: Table, columns: Sequence[Column], value: Callable[[Column, object], Value]
) -> Iterator[Cell]:
    """What a query answers (see `analytics`); a cell's hour is the day, where one is asked for."""
    for row in rows(backend, asked):
        *day, count, first, last = map(number, (*row[: -3 - len(columns)], *row[-3:]))
        use = tuple(map(value, columns, row[len(day) : -3]))
        yield Cell(day[0] if day else 0, use, Tally(count, first, last))


def number(value: object) -> int:
    """A whole number, which it must be."""
    if not isinstance(value, int):
        raise TypeError(f"no whole number: {value!r}")
    return value
