"""Copies of stores in a database, for when one machine is not enough: PostgreSQL, ClickHouse.

The parts of a store stay the truth. Their rows are copied under a number of their own, and count from the moment that
one row, the manifest of the store, names them: that is one step on every engine, with transactions or without. So a
copy that was interrupted counts nothing, and one that was made twice counts once. What no manifest names is removed
the next time. Any number of stores, each with its own machine, share a database; who reads it needs no files.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from mistrust.kube.errors import InputError, RemoteError
from mistrust.store import parts
from mistrust.store.analytics import QUERIES, USE, within
from mistrust.store.backend import Backend, cells, number, rows
from mistrust.store.catalogue import Log, Part
from mistrust.store.engine import connect, redacted, told
from mistrust.store.reading import Gone
from mistrust.store.rollup import Cell, Column, Form, Value, Window
from mistrust.store.tables import COPIES, NUMBERS, STORES, Tables

_MARK: Final = "\x1a"
"""No text of PostgreSQL holds a NUL: this and a zero stand for it, and this twice for itself."""
_ESCAPED: Final = re.compile(f"{_MARK}(.)", re.DOTALL)


class Copy(msgspec.Struct, frozen=True, array_like=True):
    """A part of a store, as a manifest names it."""

    of: int
    """Its number in the store."""
    uses: int
    """Rows of its uses."""
    part: Part
    """With the number of the copy."""


class Manifest(msgspec.Struct, frozen=True):
    """What counts of one store."""

    logs: tuple[Log, ...] = ()
    copies: tuple[Copy, ...] = ()


_MANIFEST: Final = msgspec.json.Decoder(Manifest)


class Copies:
    """A database that holds copies of stores. Raises `RemoteError` where it cannot be used."""

    def __init__(self, url: str, backend: Backend | None = None) -> None:
        self.url = url
        self.about = redacted(url)
        self._tables = Tables(backend or connect(url))

    def close(self) -> None:
        """Let go of the connection."""
        self._tables.backend.disconnect()

    def manifests(self) -> dict[str, Manifest]:
        """What counts of each store."""
        with told(self.url):
            newest = self._newest() if self._tables.there() else {}
            return {store: manifest for store, (_, manifest) in sorted(newest.items())}

    def manifest(self) -> bytes:
        """What counts of all of them, as bytes to know it by."""
        return msgspec.json.encode(self.manifests())

    def publish(
        self, store: str, folder: Path, kinds: Sequence[Form], found: Sequence[Part], logs: Sequence[Log]
    ) -> int:
        """Copy what is new in a store, and have exactly its parts count; how many were copied.

        One process at a time may publish a store, whose parts must be sound.
        """
        with told(self.url):
            self._tables.make(kinds)
            version, before = self._newest().get(store, (0, Manifest()))
            known = {key(copy.of, copy.part): copy for copy in self._whole(before.copies)}
            copies = [known.get(key(part.id, part)) or self._copy(store, folder, kinds, part) for part in found]
            now = Manifest(tuple(logs), tuple(copies))
            if now != before:
                version += 1
                self._tables.insert(STORES, store=store, version=version, manifest=msgspec.json.encode(now).decode())
                self._tables.settle(kinds)
            self._sweep(store, kinds, version, {copy.part.id for copy in copies})
            return sum(key(copy.of, copy.part) not in known for copy in copies)

    def answer(self, query: str, kind: Form, copies: Sequence[Copy], window: Window) -> Iterator[Cell]:
        """What the hours of a window answer to a query (see `analytics`). Raises `Gone` where a copy is not whole."""
        copies = [copy for copy in copies if copy.part.rows]
        if not copies:
            return
        numbers = [copy.part.id for copy in copies]
        with told(self.url):
            hours, uses = (self._tables.of_parts(kind.name, table, numbers) for table in (parts.HOURS, parts.USES))
            asked = QUERIES[query](within(hours, *window.hours), uses, [column.name for column in kind.columns])
            yield from cells(self._tables.backend, asked, kind.columns, _value)
            whole = len(self._whole(copies)) == len(copies)
        if not whole:
            raise Gone

    def _whole(self, copies: Sequence[Copy]) -> list[Copy]:
        """The copies of which every row is there."""
        found: dict[tuple[str, int], int] = {}
        for kind in {copy.part.kind for copy in copies}:
            numbers = [copy.part.id for copy in copies if copy.part.kind == kind]
            for table in (parts.HOURS, parts.USES):
                found |= {(table, part): size for part, size in self._tables.sizes(kind, table, numbers).items()}
        return [
            copy
            for copy in copies
            if found.get((parts.HOURS, copy.part.id), 0) == copy.part.rows
            and found.get((parts.USES, copy.part.id), 0) == copy.uses
        ]

    def _copy(self, store: str, folder: Path, kinds: Sequence[Form], part: Part) -> Copy:
        """Copy a part under a new number, which is noted first, so that no row is left without an owner."""
        copied = msgspec.structs.replace(part, id=secrets.randbits(62))
        if not part.rows:
            return Copy(part.id, 0, copied)
        self._tables.insert(COPIES, part=copied.id, store=store)
        kind = next(kind for kind in kinds if kind.name == part.kind)
        uses = parts.exported(folder, part, parts.USES, (USE, *map(_field, kind.columns)), copied.id)
        hours = parts.exported(folder, part, parts.HOURS, (USE, *NUMBERS), copied.id)
        self._tables.load(kind.name, parts.USES, uses)
        self._tables.load(kind.name, parts.HOURS, hours)
        copy = Copy(part.id, uses.num_rows, copied)
        if not self._whole([copy]):
            raise RemoteError("the engine did not keep every row", where=self.about, do="run it again")
        return copy

    def _sweep(self, store: str, kinds: Sequence[Form], version: int, kept: set[int]) -> None:
        """Remove what the manifest of a store names no more."""
        backend = self._tables.backend
        begun = {number(part) for part, of in rows(backend, backend.table(COPIES)) if of == store}
        self._tables.remove(kinds, sorted(begun - kept))
        backend.raw_sql(f"DELETE FROM {STORES} WHERE store = '{store}' AND version < {version}")  # noqa: S608

    def _newest(self) -> dict[str, tuple[int, Manifest]]:
        """Of each store the last manifest, and its version."""
        backend = self._tables.backend
        found: dict[str, tuple[int, str]] = {}
        for store, version, text in rows(backend, backend.table(STORES)):
            found[str(store)] = max(found.get(str(store), (0, "")), (number(version), str(text)))
        try:
            return {store: (version, _MANIFEST.decode(text)) for store, (version, text) in found.items()}
        except msgspec.DecodeError as error:
            raise InputError("a manifest is damaged", where=f"{self.about}: {STORES}", got=str(error)) from None


def key(of: int, part: Part) -> tuple[int, int, int, int]:
    """What a part of a store is known by: its number there, and what is in it."""
    return of, part.rows, part.uses_sum, part.hours_sum


def _field(column: Column) -> str:
    """A column of a part in words that every engine keeps as they are: no NUL, no bytes."""
    name = f'"{column.name}"'
    if column.type == "BLOB":
        return f"hex({name}) AS {name}"
    if column.type != "VARCHAR":
        return name
    return f"replace(replace({name}, chr(26), chr(26) || chr(26)), chr(0), chr(26) || '0') AS {name}"


def _value(column: Column, copied: object) -> Value:
    """What `_field` made a copy of."""
    if copied is None:
        return None
    match column.type:
        case "BLOB":
            return bytes.fromhex(str(copied))
        case "VARCHAR":
            text = str(copied)
            return text if _MARK not in text else _ESCAPED.sub(lambda m: "\0" if m[1] == "0" else _MARK, text)
        case "BOOLEAN":
            return bool(copied)
    return number(copied)
