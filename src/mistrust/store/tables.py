"""The tables of a database that holds copies of stores, and how rows get into them and out, engine by engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mistrust.store import parts
from mistrust.store.analytics import COUNT, FIRST, HOUR, LAST, PART, USE, Table, sizes
from mistrust.store.backend import ArrowTable, Backend, number, rows, unpacked
from mistrust.store.catalogue import FORM
from mistrust.store.rollup import Form

STORES: Final = f"mistrust_{FORM}_stores"
"""Each version of each store's manifest; the last counts."""
COPIES: Final = f"mistrust_{FORM}_copies"
"""The number of every copy that was begun, and of which store it is."""
NUMBERS: Final = (HOUR, COUNT, FIRST, LAST)
_TYPES: Final = {"VARCHAR": "string", "BLOB": "string", "BOOLEAN": "boolean", "INTEGER": "int64"}
_BATCH: Final = 10_000


class Tables:
    """Tables by way of Ibis, and of PostgreSQL's COPY, because its INSERT takes ten times as long."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._postgres = backend.name == "postgres"

    def make(self, kinds: Sequence[Form]) -> None:
        """Make those that are not there, such that the rows of a part are found quickly."""
        wanted = {
            COPIES: {PART: "!int64", "store": "!string"},
            STORES: {"store": "!string", "version": "!int64", "manifest": "!string"},
        }
        for kind in kinds:
            wanted[of(kind.name, parts.HOURS)] = dict.fromkeys((PART, USE, *NUMBERS), "!int64")
            columns = {column.name: _TYPES[column.type] for column in kind.columns}
            wanted[of(kind.name, parts.USES)] = {PART: "!int64", USE: "!int64", **columns}
        there = self.backend.list_tables()
        for name, schema in wanted.items():
            if name not in there:
                self._make(name, schema)

    def there(self) -> bool:
        """Did anybody make them?"""
        return STORES in self.backend.list_tables()

    def load(self, kind: str, table: str, data: ArrowTable) -> None:
        """Add the rows of a part."""
        if self._postgres:
            self._copy(of(kind, table), unpacked(data.to_batches(_BATCH)))
        else:
            self.backend.insert(of(kind, table), data)

    def insert(self, name: str, **row: str | int) -> None:
        """Add one row."""
        if self._postgres:
            self._copy(name, [tuple(row.values())])
            return
        import pyarrow

        self.backend.insert(name, pyarrow.table({column: [value] for column, value in row.items()}))

    def settle(self, kinds: Sequence[Form]) -> None:
        """Have the engine look at what is new, where it does not by itself in time."""
        if self._postgres:
            self.backend.raw_sql(
                f"ANALYZE {', '.join(of(kind.name, t) for kind in kinds for t in (parts.HOURS, parts.USES))}"
            )

    def remove(self, kinds: Sequence[Form], numbers: Sequence[int]) -> None:
        """Remove copies, the note that they were begun last."""
        names = [*(of(kind.name, table) for kind in kinds for table in (parts.HOURS, parts.USES)), COPIES]
        for name in names if numbers else ():
            self.backend.raw_sql(f"DELETE FROM {name} WHERE {PART} IN ({', '.join(map(str, numbers))})")  # noqa: S608

    def sizes(self, kind: str, table: str, numbers: Sequence[int]) -> dict[int, int]:
        """How many rows there are of each of some copies."""
        those = self.of_parts(kind, table, numbers)
        return {number(part): number(size) for part, size in rows(self.backend, sizes(those))}

    def of_parts(self, kind: str, table: str, numbers: Sequence[int]) -> Table:
        """The rows of some copies."""
        every = self.backend.table(of(kind, table))
        return every.filter(every[PART].isin(numbers))

    def _make(self, name: str, schema: Mapping[str, str]) -> None:
        if self.backend.name == "clickhouse":
            self.backend.create_table(name, schema=schema, order_by=[*schema][:1])
            return
        self.backend.create_table(name, schema=schema)
        if PART in schema:
            self.backend.raw_sql(f"CREATE INDEX {name}_part ON {name} ({PART})")

    def _copy(self, name: str, some: Iterator[tuple[object, ...]] | Sequence[tuple[object, ...]]) -> None:
        connection = self.backend.con
        with connection.cursor() as cursor, connection.transaction(), cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for row in some:
                copy.write_row(row)


def of(kind: str, table: str) -> str:
    """The name of the table of the uses, or of the hours, of a kind."""
    return f"mistrust_{FORM}_{kind}_{table}"
