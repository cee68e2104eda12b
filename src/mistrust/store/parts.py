"""Parts: the uses of one reading, as two Parquet files. DuckDB writes and reads them, in memory.

`N.uses.parquet` has each distinct use once, numbered; `N.hours.parquet` has how often it was seen in which hour. Hours
are numbers only, so that a month of them is summed up before any text is compared.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from mistrust.access.record import Tally
from mistrust.kube.errors import InputError
from mistrust.store.backend import ArrowTable
from mistrust.store.catalogue import Part, sync
from mistrust.store.file import shown
from mistrust.store.rollup import Cell, Column, Value, Values, Window

if TYPE_CHECKING:
    import duckdb

FOLDER: Final = "parts"
USES, HOURS = "uses", "hours"
_OURS: Final = re.compile(r"(\d+)\.(?:uses|hours)\.parquet(?:\.new)?")
_NEW: Final = ".new"
_Values = tuple[Column, Sequence[Value]]


class Sums(NamedTuple):
    """CRC-32 of the two files: what Parquet does not check."""

    uses: int
    hours: int


def path(folder: Path, number: int, table: str) -> Path:
    """Where a table of a part is."""
    return folder / FOLDER / f"{number}.{table}.parquet"


def write(folder: Path, number: int, columns: Sequence[Column], cells: Sequence[Cell]) -> Sums:
    """Write a part that is safe on the disk when this returns, and means nothing before the catalogue names it."""
    numbers: dict[Values, int] = {}
    places = [numbers.setdefault(cell.use, len(numbers)) for cell in cells]
    uses: list[_Values] = [(Column("use", "INTEGER"), range(len(numbers)))]
    uses += zip(columns, zip(*numbers, strict=True), strict=True)
    hours: list[_Values] = [
        (Column("use", "INTEGER"), places),
        (Column("hour", "INTEGER"), [cell.hour for cell in cells]),
        (Column("count", "BIGINT"), [cell.tally.count for cell in cells]),
        (Column("first", "BIGINT"), [cell.tally.first for cell in cells]),
        (Column("last", "BIGINT"), [cell.tally.last for cell in cells]),
    ]
    with _told(folder, "a part cannot be written"):
        sums = Sums(
            _table(path(folder, number, USES), number, uses, "use"),
            _table(path(folder, number, HOURS), number, hours, "hour, use"),
        )
    sync(folder / FOLDER)
    return sums


def read(folder: Path, query: str, parts: Sequence[Part], columns: Sequence[Column], window: Window) -> Iterator[Cell]:
    """What the hours of a window answer to a query (see `analytics`); a cell's hour is the day, where one is asked for.

    Raises `InputError` for a part that is damaged, and `FileNotFoundError` for one that is gone.
    """
    parts = [part for part in parts if part.rows]
    if not parts:
        return
    check(folder, parts)
    files = [[escape(str(path(folder, part.id, table))) for part in parts] for table in (HOURS, USES)]
    names = ", ".join(f'"{column.name}"' for column in columns)
    text = f"""
        WITH hours AS (SELECT * FROM read_parquet(?) WHERE hour >= ? AND hour < ?),
          uses AS (SELECT part, use, row({names}) AS value FROM read_parquet(?))
        SELECT * FROM ({_compiled(query)})"""  # noqa: S608
    with _told(folder, "the parts cannot be read"):
        found = _database().execute(text, [files[0], *window.hours, files[1]])
        while rows := found.fetchmany(10_000):
            for *day, use, count, first, last in rows:
                yield Cell(day[0] if day else 0, use, Tally(count, first, last))


@cache
def _compiled(query: str) -> str:
    """What Ibis makes of a query for DuckDB."""
    return Path(__file__).with_name("sql").joinpath(f"{query}.sql").read_text("utf-8")


def cells(folder: Path, parts: Sequence[Part], columns: Sequence[Column]) -> Iterator[Cell]:
    """Everything in some parts, as it was written."""
    names = ", ".join(f'"{column.name}"' for column in columns)
    for part in parts:
        if not part.rows:
            continue
        files = [escape(str(path(folder, part.id, table))) for table in (HOURS, USES)]
        query = f"SELECT hour, count, first, last, {names} FROM read_parquet(?) JOIN read_parquet(?) USING (use)"  # noqa: S608
        for hour, count, first, last, *use in _database().execute(query, files).fetchall():
            yield Cell(hour, tuple(use), Tally(count, first, last))


def exported(folder: Path, part: Part, table: str, fields: Sequence[str], number: int) -> ArrowTable:
    """The rows of a table of a part for another engine, which knows the part by another number."""
    text = f"SELECT {number}::BIGINT AS part, {', '.join(fields)} FROM read_parquet(?)"  # noqa: S608
    rows = _database().sql(text, params=[escape(str(path(folder, part.id, table)))])
    return cast(ArrowTable, rows.to_arrow_table())


def sweep(folder: Path, known: Iterable[int]) -> None:
    """Remove what no catalogue names: parts that were not finished, or replaced. Only a process that writes may."""
    kept = set(known)
    for file in (folder / FOLDER).iterdir():
        ours = _OURS.fullmatch(file.name)
        if ours and (int(ours[1]) not in kept or file.name.endswith(_NEW)):
            file.unlink(missing_ok=True)


def remove(folder: Path, part: Part) -> None:
    """Remove the files of a part that no catalogue names."""
    for table in (USES, HOURS):
        path(folder, part.id, table).unlink(missing_ok=True)


def intact(folder: Path, part: Part) -> bool:
    """Is a part as it was written?"""
    try:
        check(folder, (part,))
    except (InputError, OSError):
        return False
    return True


def check(folder: Path, parts: Iterable[Part]) -> None:
    """Raises `InputError` for a part that is not as it was written, and `FileNotFoundError` for one that is gone."""
    for part in parts:
        for table, wanted in ((USES, part.uses_sum), (HOURS, part.hours_sum)) if part.rows else ():
            file = path(folder, part.id, table)
            if zlib.crc32(file.read_bytes()) != wanted:
                raise InputError("a part of the evidence is damaged", where=shown(str(file)))


@contextmanager
def _told(folder: Path, what: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        got = str(error).partition("\n")[0]
        raise InputError(what, where=shown(str(folder / FOLDER)), got=got) from None


def _table(
    file: Path,
    number: int,
    table: Sequence[_Values],
    order: str,
) -> int:
    import numpy as np

    db = _database()
    data = {}
    for column, values in table:
        if column.type in ("VARCHAR", "BLOB"):
            array = np.empty(len(values), dtype=np.object_)
            array[:] = values
        else:
            array = np.array(values, dtype=np.bool_ if column.type == "BOOLEAN" else np.int64)
        data[column.name] = array
    db.register("data", data)
    fields = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column, _ in table)
    new = file.with_name(file.name + _NEW)
    relation = db.sql(f"SELECT {number}::INTEGER AS part, {fields} FROM data ORDER BY {order}")  # noqa: S608
    relation.write_parquet(str(new), compression="zstd")
    db.unregister("data")
    sync(new)
    new.replace(file)
    return zlib.crc32(file.read_bytes())


def _database() -> duckdb.DuckDBPyConnection:
    """A connection of its own to a database in memory, of which there is one: to make one takes longer than a query."""
    return _memory().cursor()


@cache
def _memory() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "temp_directory": ""}
    )
