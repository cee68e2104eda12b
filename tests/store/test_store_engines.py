"""Another engine gives the same answers to the same questions, whatever logs, and death, do to it."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.store.engines import NAMES, database, emptied, spark
from tests.store.logs import HOSTILE, START, add, flow, flows, plain, request, requests, split

from mistrust.feeds.audit.read import read_audit
from mistrust.kube.errors import InputError, UsageError
from mistrust.store import store as room
from mistrust.store.analytics import QUERIES
from mistrust.store.backend import Backend
from mistrust.store.copies import Copies
from mistrust.store.published import Published
from mistrust.store.rollup import HOUR, Window
from mistrust.store.spark import Spark
from mistrust.store.store import AUDIT, FLOWS, Store
from mistrust.store.tables import Tables, of

SQL = Path(room.__file__).with_name("sql")
BEGIN = START // HOUR * HOUR
WINDOWS = (
    Window(),
    Window(BEGIN, BEGIN + HOUR),
    Window(BEGIN + HOUR, BEGIN + 30 * HOUR),
    Window(BEGIN + 1, BEGIN + HOUR + 1),
    Window(0, BEGIN),
)


@pytest.mark.parametrize("query", QUERIES)
def test_what_the_embedded_engine_runs_is_what_ibis_makes_of_the_expressions(query: str) -> None:
    ibis = pytest.importorskip("ibis", reason="ibis-framework is not installed: see requirements/engines.txt")
    numbers = ("part", "use", "hour", "count", "first", "last")
    hours = ibis.table(dict.fromkeys(numbers, "int64"), name="hours")
    uses = ibis.table({"part": "int64", "use": "int64", "value": "string"}, name="uses")
    text = f"{ibis.to_sql(QUERIES[query](hours, uses, ('value',)), dialect='duckdb')}\n"
    if os.environ.get("MISTRUST_ACCEPT"):
        (SQL / f"{query}.sql").write_text(text)
    assert (SQL / f"{query}.sql").read_text() == text


@pytest.fixture(scope="module", params=NAMES)
def engine(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with database(request.param) as backend:
        yield backend


@pytest.fixture
def shared(engine: Backend) -> Copies:
    return emptied(engine)


def answers(store: Store | Published) -> list[object]:
    """Every answer, in every window."""
    found: list[object] = []
    for kind in (AUDIT, FLOWS):
        for window in WINDOWS:
            found.append(plain(store.record(kind, window)))
            found.append({day: plain(record) for day, record in store.days(kind, window).items()})
    return found


def told(store: Store | Published) -> list[object]:
    """The answers of the widest window."""
    return [plain(store.record(AUDIT)), plain(store.record(FLOWS))]


def filled(folder: Path, seed: int, files: int = 2) -> Store:
    """A store with what logs do to readers, of five days."""
    folder.mkdir(exist_ok=True)
    dice = random.Random(seed)
    store = Store(folder / "store", create=True)
    for name, lines in (("a", requests(dice, 700, every=600)), ("f", flows(dice, 700, every=600))):
        for nth, text in enumerate(split(dice, lines, files)):
            (folder / f"{name}{nth}.log").write_bytes(text)
    add(store, *sorted(folder.glob("*.log")))
    return store


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_equal_answers_from_equal_evidence(seed: int, tmp_path: Path, shared: Copies) -> None:
    store = filled(tmp_path, seed)
    assert (store.publish(shared), store.publish(shared)) == (4, 0)
    expected = answers(store)
    assert len({str(answer) for answer in expected}) > 8
    assert answers(Published(shared, store)) == expected


@pytest.mark.slow
def test_spark_reads_the_parts_where_they_are(tmp_path: Path) -> None:
    spark()
    store = filled(tmp_path / "we[i]rd {a,b}*", 1)
    through = Store(store.folder, read=Spark("spark://local").read)
    for kind in (AUDIT, FLOWS):
        assert plain(through.record(kind, WINDOWS[2])) == plain(store.record(kind, WINDOWS[2]))
        assert through.days(kind) == store.days(kind)


@pytest.mark.slow
def test_hostile_names_come_back_as_they_were(tmp_path: Path, shared: Copies) -> None:
    names = (*HOSTILE, "\x00", "\x1a", "\x1a0", "\x1a\x00\x1a\x1a0", "\\x00", "\\N", " ", "a ", "A", "a", "é", "é")
    audit, hubble = tmp_path / "a.log", tmp_path / "f.log"
    audit.write_bytes(b"".join(request(i, START, name=name, user=name) for i, name in enumerate(names)))
    hubble.write_bytes(b"".join(flow(START, name) for name in names))
    store = Store(tmp_path / "store", create=True)
    add(store, audit, hubble)
    store.publish(shared)
    assert answers(Published(shared, store)) == answers(store)
    record = Published(shared, store).record(AUDIT)
    assert record is not None
    assert record.uses == read_audit([str(audit)]).uses


@pytest.mark.slow
def test_what_grew_and_what_was_read_again_counts_once(tmp_path: Path, shared: Copies) -> None:
    dice = random.Random(7)
    lines = requests(dice, 300)
    log, store = tmp_path / "audit.log", Store(tmp_path / "store", create=True)
    for upto in (20, 40, 60, 300):
        log.write_bytes(b"".join(lines[:upto]))
        add(store, log)
        store.publish(shared)
        assert answers(Published(shared, store)) == answers(store)
    next((store.folder / "parts").glob("*.hours.parquet")).unlink()
    with pytest.raises(InputError, match=f"add {log} again: it is read anew"):
        store.publish(shared)
    add(store, log)
    store.publish(shared)
    assert plain(Published(shared, store).record(AUDIT)) == plain(read_audit([str(log)]))


class Died(BaseException):
    """The process is gone."""


@pytest.mark.slow
def test_a_process_that_dies_while_it_copies_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, shared: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path, 3)
    store.publish(shared)
    before, left = told(Published(shared)), 0

    def dying(step: Callable[..., object], *, before: bool) -> Callable[..., object]:
        def run(*args: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0 and before:
                raise Died
            found = step(*args, **named)
            if left == 0:
                raise Died
            return found

        return run

    with (tmp_path / "a0.log").open("ab") as log:
        log.write(b"".join(request(10**6 + n, START + n, name=f"new-{n}") for n in range(50)))
    with (tmp_path / "f0.log").open("ab") as log:
        log.write(b"".join(flow(START + n, f"new-{n}") for n in range(50)))
    add(store, tmp_path / "a0.log", tmp_path / "f0.log")
    after, died = told(store), 0
    assert after != before
    for last in range(1, 20):
        with monkeypatch.context() as patched:
            for name in ("insert", "load", "remove"):
                patched.setattr(Tables, name, dying(getattr(Tables, name), before=last % 2 == 0))
            left = last // 2 + 1
            with contextlib.suppress(Died):
                store.publish(shared)
                break
        died += 1
        assert told(Published(shared)) in (before, after)
    assert died > 8
    assert store.publish(shared) == 0
    assert told(Published(shared)) == after
    assert swept(shared, store)


def swept(copies: Copies, store: Store) -> bool:
    """Are there rows of copies that count, and no others?"""
    [manifest] = copies.manifests().values()
    for kind in ("audit", "flows"):
        those = {copy.part.id: copy for copy in manifest.copies if copy.part.kind == kind}
        for table, wanted in (
            ("hours", [c.part.rows for c in those.values()]),
            ("uses", [c.uses for c in those.values()]),
        ):
            backend = copies._tables.backend
            if backend.table(of(kind, table)).count().to_pyarrow().as_py() != sum(wanted):
                return False
    return len(manifest.copies) == len(store.parts())


@pytest.mark.slow
def test_stores_that_share_a_database_are_read_together_or_one_by_one(tmp_path: Path, shared: Copies) -> None:
    one, two = filled(tmp_path / "1", 1), filled(tmp_path / "2", 2)
    one.publish(shared)
    two.publish(shared)
    whole, together = Store(tmp_path / "whole", create=True), Published(shared)
    add(whole, *sorted(tmp_path.glob("?/*.log")))
    assert answers(together) == answers(whole)
    assert len(together.sources()) == 8
    assert {log.events for log in together.sources()} == {log.events for of in (one, two) for log in of.sources()}
    assert answers(Published(shared, one)) == answers(one)
    assert answers(Published(shared, two)) == answers(two)


@pytest.mark.slow
def test_what_is_not_copied_yet_is_said(tmp_path: Path, shared: Copies) -> None:
    store = filled(tmp_path, 1)
    with pytest.raises(UsageError, match="the engine has no copy of the evidence"):
        Published(shared, store).record(AUDIT)
    store.publish(shared)
    (tmp_path / "new.log").write_bytes(request(10**6, START))
    add(store, tmp_path / "new.log")
    record = Published(shared, store).record(AUDIT)
    assert record is not None
    assert [p.what for p in record.coverage.problems if p.blinds][-1:] == [
        "the engine does not have everything that was added"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("table", ["uses", "hours"])
def test_rows_that_are_gone_are_said_and_copied_again(table: str, tmp_path: Path, shared: Copies) -> None:
    store = filled(tmp_path, 1)
    store.publish(shared)
    shared._tables.backend.raw_sql(f"DELETE FROM {of('audit', table)} WHERE use = 0")
    with pytest.raises(InputError, match="changes while it is read"):
        Published(shared).record(AUDIT)
    assert store.publish(shared) == 2
    assert answers(Published(shared)) == answers(store)
