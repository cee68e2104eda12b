"""The catalogue: which files were read, how far, and which parts hold what was in them. SQLite, written ahead."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from mistrust.kube.errors import InputError, UnsupportedError, UsageError
from mistrust.store.file import Extent, Look, shown

NAME: Final = "catalogue.sqlite"
MARK: Final = 0x4D695374
"""SQLite's application_id of a store."""
FORM: Final = 2
"""Of the tables and of the parts; a store of another form is not touched."""
PATIENCE: Final = 10.0
"""Seconds to wait for another process that writes."""
_TABLES: Final = """
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, path BLOB NOT NULL, whole INTEGER NOT NULL,
  rest INTEGER NOT NULL, head INTEGER NOT NULL, head_print BLOB NOT NULL, tail_print BLOB NOT NULL,
  upto INTEGER NOT NULL, lines INTEGER NOT NULL);
CREATE INDEX log_head ON log (head, head_print);
CREATE TABLE look (path BLOB PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, inode INTEGER NOT NULL,
  log INTEGER NOT NULL);
CREATE TABLE part (id INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, kind TEXT NOT NULL,
  events INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, rows INTEGER NOT NULL,
  uses_sum INTEGER NOT NULL, hours_sum INTEGER NOT NULL, notes BLOB NOT NULL);
"""


class Log(msgspec.Struct, frozen=True, array_like=True):
    """A file that was read, under whatever name it is now."""

    id: int
    kind: str
    path: bytes
    """Where it was when it was first read."""
    whole: bool
    """Where it changes it is read again from its beginning, in place of what was read."""
    left: int
    """Bytes of a last line that has no end, and was not read."""
    extent: Extent


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What one reading of one file added."""

    id: int
    log: int
    kind: str
    events: int
    first: int
    last: int
    rows: int
    """Hours of uses; without any there are no files."""
    uses_sum: int
    """CRC-32 of the file of the uses."""
    hours_sum: int
    notes: bytes


class Catalogue:
    """The catalogue of one folder. Any number of processes may read while one writes."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.path = folder / NAME
        if not create and not self.path.is_file():
            raise UsageError("no store of evidence", where=shown(str(folder)), do="mistrust evidence add makes one")
        with self._told():
            self._db = sqlite3.connect(self._uri(), uri=True, timeout=PATIENCE, isolation_level=None)
            if create:
                self._create(folder)
            mark, form = (self._number(f"PRAGMA {name}") for name in ("application_id", "user_version"))
            tables = self._number("SELECT count(*) FROM sqlite_schema")
            self._db.execute("PRAGMA synchronous=FULL")
        if mark != MARK:
            got = "another SQLite database" if tables else "one that was never finished"
            do = "" if tables else "mistrust evidence add finishes it"
            raise UsageError("no store of evidence", where=shown(str(folder)), got=got, do=do)
        if form != FORM:
            raise UnsupportedError(
                "a store of another version",
                where=shown(str(folder)),
                got=f"form {form}",
                wanted=f"form {FORM}",
                do="add the logs to a new store, or use the version that wrote it",
            )

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all of it, or nothing; nobody else writes meanwhile."""
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def identity(self) -> str:
        """What the store is called in databases that hold copies; empty before `identify`."""
        with self._told():
            if not self._number("SELECT count(*) FROM sqlite_schema WHERE name = 'store'"):
                return ""
            row: Sequence[str] = self._db.execute("SELECT id FROM store").fetchone()
        return row[0]

    def identify(self) -> str:
        """The same, which is made up where there is none. Only in a transaction."""
        if not self.identity():
            self._db.execute("CREATE TABLE store (id TEXT NOT NULL)")
            self._db.execute("INSERT INTO store VALUES (?)", (secrets.token_hex(8),))
        return self.identity()

    def looked(self, look: Look) -> int:
        """The log that exactly this file was read as; 0 for none."""
        with self._told():
            row = self._db.execute(
                "SELECT log FROM look WHERE path = ? AND size = ? AND changed = ? AND inode = ?",
                msgspec.structs.astuple(look),
            ).fetchone()
        return row[0] if row else 0

    def logs(self, head: int | None = None, head_print: bytes = b"") -> list[Log]:
        """Every log, or those of a beginning, those that were read furthest first."""
        where, values = ("", ()) if head is None else (" WHERE head = ? AND head_print = ?", (head, head_print))
        fields = "id, kind, path, whole, rest, head, head_print, tail_print, upto, lines"
        with self._told():
            rows = self._db.execute(f"SELECT {fields} FROM log{where} ORDER BY upto DESC, id", values).fetchall()  # noqa: S608
        return [Log(i, kind, path, bool(whole), left, Extent(*extent)) for i, kind, path, whole, left, *extent in rows]

    def heads(self) -> list[int]:
        """The lengths of beginnings that logs are known by."""
        with self._told():
            return [head for (head,) in self._db.execute("SELECT DISTINCT head FROM log ORDER BY head DESC")]

    def parts(self, kind: str | None = None, log: int | None = None) -> list[Part]:
        """Parts, in the order in which they were read."""
        with self._told():
            rows = self._db.execute(
                "SELECT id, log, kind, events, first, last, rows, uses_sum, hours_sum, notes FROM part"
                " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR log = ?2) ORDER BY id",
                (kind, log),
            ).fetchall()
        return [Part(*row) for row in rows]

    def next_part(self) -> int:
        """The number that a new part gets. Numbers are not used again, but for a part that was never finished."""
        return 1 + self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'part'")

    def put_log(self, log: Log | None, kind: str, path: bytes, whole: bool, left: int, extent: Extent) -> int:
        """Note how far a log was read; its number."""
        values = (whole, left, *msgspec.structs.astuple(extent))
        if log is not None:
            self._db.execute(
                "UPDATE log SET whole = ?, rest = ?, head = ?, head_print = ?, tail_print = ?, upto = ?, lines = ?"
                " WHERE id = ?",
                (*values, log.id),
            )
            return log.id
        marks = ", ".join("?" * (2 + len(values)))
        cursor = self._db.execute(
            "INSERT INTO log (kind, path, whole, rest, head, head_print, tail_print, upto, lines)"  # noqa: S608
            f" VALUES ({marks})",
            (kind, path, *values),
        )
        return cursor.lastrowid or 0

    def put_part(self, part: Part) -> None:
        """Add a part."""
        values = msgspec.structs.astuple(part)
        self._db.execute(f"INSERT INTO part VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608

    def drop_parts(self, parts: Iterable[Part]) -> None:
        """Forget parts."""
        self._db.executemany("DELETE FROM part WHERE id = ?", [(part.id,) for part in parts])

    def put_look(self, look: Look, log: int) -> None:
        """Note how a file looked when it was read."""
        values = (*msgspec.structs.astuple(look), log)
        self._db.execute("INSERT OR REPLACE INTO look VALUES (?, ?, ?, ?, ?)", values)

    def _uri(self) -> str:
        """Who may not write here cannot make the file that SQLite shares between processes, and needs none while no
        process writes."""
        mode = "rwc"
        if not os.access(self.path.parent, os.W_OK):
            mode = "ro" if self.path.with_name(f"{NAME}-wal").exists() else "ro&immutable=1"
        return f"{self.path.absolute().as_uri()}?mode={mode}"

    def _create(self, folder: Path) -> None:
        if self._number("SELECT count(*) FROM sqlite_schema"):
            return
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("BEGIN IMMEDIATE")
        if not self._number("SELECT count(*) FROM sqlite_schema"):
            for statement in filter(str.strip, _TABLES.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id={MARK}")
            self._db.execute(f"PRAGMA user_version={FORM}")
        self._db.execute("COMMIT")
        sync(folder)

    def _number(self, query: str) -> int:
        row: Sequence[int] = self._db.execute(query).fetchone()
        return row[0]

    @contextmanager
    def _told(self) -> Iterator[None]:
        where = shown(str(self.path))
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise UsageError(
                    "another process is adding evidence", where=where, do="run it again when that has ended"
                ) from None
            raise InputError("the catalogue cannot be used", where=where, got=str(error)) from None
        except sqlite3.DatabaseError as error:
            do = "restore it from a backup, or add the logs to a new store"
            raise InputError("the catalogue is damaged", where=where, got=str(error), do=do) from None


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, written to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
