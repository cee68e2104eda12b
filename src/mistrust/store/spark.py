"""Spark reads the parts where they are: on a disk that its workers share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from mistrust.store import parts
from mistrust.store.analytics import QUERIES, Table, within
from mistrust.store.backend import Backend, cells
from mistrust.store.catalogue import Part
from mistrust.store.engine import told
from mistrust.store.rollup import Cell, Column, Value, Window

_HERE: Final = "spark://local"


class Spark:
    """A Spark cluster, `spark://HOST:PORT`, or one in this process, `spark://local`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def read(
        self, folder: Path, query: str, found: Sequence[Part], columns: Sequence[Column], window: Window
    ) -> Iterator[Cell]:
        """As `parts.read`."""
        found = [part for part in found if part.rows]
        if not found:
            return
        parts.check(folder, found)
        with told(self.url):
            backend = _backend(self.url)
            hours, uses = (_table(backend, folder, found, table) for table in (parts.HOURS, parts.USES))
            asked = QUERIES[query](within(hours, *window.hours), uses, [column.name for column in columns])
            yield from cells(backend, asked, columns, _value)


@cache
def _backend(url: str) -> Backend:
    import ibis
    from pyspark.sql import SparkSession

    master = "local[*]" if url == _HERE else url
    session = SparkSession.builder.appName("mistrust").master(master)
    session = session.config("spark.ui.enabled", "false").config("spark.hadoop.fs.defaultFS", "file:///").getOrCreate()
    backend: Backend = ibis.pyspark.connect(session)
    return backend


def _table(backend: Backend, folder: Path, found: Sequence[Part], table: str) -> Table:
    """One table of all the parts; a path of Hadoop is a pattern."""
    where = re.sub(r"([\\*?\[\]{}])", r"\\\1", str(folder.absolute() / parts.FOLDER))
    return backend.read_parquet(f"{where}/{{{','.join(str(part.id) for part in found)}}}.{table}.parquet")


def _value(column: Column, found: object) -> Value:
    if found is None or isinstance(found, str | bytes | bool | int):
        return found
    raise TypeError(f"{column.name}: {type(found).__name__}")
