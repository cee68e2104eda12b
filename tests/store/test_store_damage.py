"""What is damaged is never read as if it were whole; it is said, and what to do."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.logs import HOSTILE, START, add, audited, flow, plain, request, requests

from mistrust.feeds.audit.read import read_audit
from mistrust.feeds.flows.read import read_flows
from mistrust.kube.errors import Error, InputError, UnsupportedError, UsageError
from mistrust.store.store import AUDIT, FLOWS, Became, Store


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(requests(random.Random(1), 200)))
    return path


@pytest.fixture
def folder(tmp_path: Path, log: Path) -> Path:
    store = Store(tmp_path / "store", create=True)
    add(store, log)
    store.close()
    return tmp_path / "store"


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("table", ["uses", "hours"])
@pytest.mark.parametrize("how", ["one bit", "cut short", "emptied", "removed"])
def test_a_damaged_part_is_said_and_read_anew(how: str, table: str, folder: Path, log: Path) -> None:
    part = folder / "parts" / f"1.{table}.parquet"
    match how:
        case "one bit":
            flip(part, random.Random(1).randrange(part.stat().st_size))
        case "cut short":
            part.write_bytes(part.read_bytes()[:-20])
        case "emptied":
            part.write_bytes(b"")
        case _:
            part.unlink()
    store = Store(folder)
    with pytest.raises(InputError, match=rf"add {log} again: it is read anew; or add the logs to a new store"):
        store.record(AUDIT)
    assert [a.became for a in add(store, log)] == [Became.AGAIN]
    assert audited(store) == plain(read_audit([str(log)]))


def test_every_bit_of_a_part_matters(folder: Path) -> None:
    store, dice = Store(folder), random.Random(2)
    for table in ("uses", "hours"):
        part = folder / "parts" / f"1.{table}.parquet"
        whole = part.read_bytes()
        for at in dice.sample(range(len(whole)), 40):
            flip(part, at)
            with pytest.raises(InputError, match="damaged"):
                store.record(AUDIT)
            part.write_bytes(whole)


@pytest.mark.parametrize("how", ["text", "header", "pages"])
def test_a_damaged_catalogue_is_said(how: str, folder: Path, log: Path) -> None:
    catalogue = folder / "catalogue.sqlite"
    match how:
        case "text":
            catalogue.write_text("no database " * 100)
        case "header":
            flip(catalogue, 3)
        case _:
            data = bytearray(catalogue.read_bytes())
            data[4096:] = b"\xff" * (len(data) - 4096)
            catalogue.write_bytes(data)
    with pytest.raises(InputError, match="restore it from a backup, or add the logs to a new store"):
        add(Store(folder), log)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, log: Path) -> None:
    code = (
        "import resource, sys; from mistrust.cli.main import run;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); sys.exit(run(sys.argv[2:]))"
    )
    Store(tmp_path / "store", create=True).close()
    for limit in (1000, 6000, 40_000):
        command = [sys.executable, "-c", code, str(limit), "evidence", "add", str(tmp_path / "store"), str(log)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 2, 3), done.stderr
        assert (limit < 40_000) == ("cannot be" in done.stderr), done.stderr
    store = Store(tmp_path / "store")
    add(store, log)
    assert audited(store) == plain(read_audit([str(log)]))


def test_a_store_of_another_form_is_not_touched(folder: Path, log: Path) -> None:
    with sqlite3.connect(folder / "catalogue.sqlite") as db:
        db.execute("PRAGMA user_version=7")
    before = sorted(folder.rglob("*"))
    with pytest.raises(UnsupportedError, match="a store of another version: got form 7, wanted form 2"):
        Store(folder, create=True)
    assert sorted(folder.rglob("*")) == before


def test_a_store_is_not_made_where_something_else_is(tmp_path: Path, log: Path) -> None:
    with pytest.raises(UsageError, match="a folder of something else"):
        Store(tmp_path, create=True)
    with pytest.raises(UsageError, match="no folder"):
        Store(log, create=True)
    with pytest.raises(UsageError, match="no store of evidence"):
        Store(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    sqlite3.connect(other / "catalogue.sqlite").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(UsageError, match="got another SQLite database"):
        Store(other)
    with pytest.raises(UsageError, match="got another SQLite database"):
        Store(other, create=True)


def test_what_a_dead_process_left_is_swept_and_nothing_else(folder: Path, log: Path) -> None:
    left = ["2.uses.parquet", "2.hours.parquet.new", "7.hours.parquet", "1.uses.parquet.new"]
    theirs = ["notes.txt", "x1.uses.parquet", "1.uses.parquet.bak"]
    for name in left + theirs:
        (folder / "parts" / name).write_bytes(b"PAR1")
    log.write_bytes(log.read_bytes() + request(1000, START))
    store = Store(folder)
    assert store.record(AUDIT) is not None
    add(store, log)
    ours = {f"{n}.{table}.parquet" for n in (1, 2) for table in ("uses", "hours")}
    assert {file.name for file in (folder / "parts").iterdir()} == {*theirs, *ours}


@pytest.mark.parametrize("name", ["we[i]rd *?", "quo'te\"", "$(x);--", "\u202e💥", "new\nline", "%s {0}"])
def test_any_name_of_a_folder_will_do(name: str, tmp_path: Path, log: Path) -> None:
    (tmp_path / "weird ab" / "parts").mkdir(parents=True)
    (tmp_path / "weird ab" / "parts" / "1.uses.parquet").write_bytes(b"no part of this store")
    store = Store(tmp_path / name, create=True)
    add(store, log)
    assert audited(store) == plain(read_audit([str(log)]))


def test_the_name_of_a_log_need_not_be_text(tmp_path: Path, log: Path) -> None:
    odd = log.rename(tmp_path / "audit-\udcff\x1b[2J.log")
    store = Store(tmp_path / "store", create=True)
    odd.write_bytes(odd.read_bytes() + b"half a line")
    add(store, odd)
    assert [kept.file for kept in store.sources()] == [str(tmp_path / "audit-\ufffd\x1b[2J.log")]
    record = store.record(AUDIT)
    assert record is not None
    assert {p.file for p in record.coverage.problems if p.line} == {str(tmp_path / "audit-\ufffd\x1b[2J.log")}


def test_a_store_whose_own_name_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a store needs a path that is UTF-8"):
        Store(tmp_path / "\udcff", create=True)


def test_hostile_names_come_back_as_they_were(tmp_path: Path) -> None:
    audit, hubble = tmp_path / "a.log", tmp_path / "f.log"
    audit.write_bytes(b"".join(request(i, START, name=name, user=name) for i, name in enumerate(HOSTILE)))
    hubble.write_bytes(b"".join(flow(START, name) for name in HOSTILE))
    store = Store(tmp_path / "store", create=True)
    add(store, audit, hubble)
    requested, flowing = store.record(AUDIT), store.record(FLOWS)
    assert requested is not None
    assert flowing is not None
    assert {use.name for use in requested.uses} == set(HOSTILE)
    assert requested.uses == read_audit([str(audit)]).uses
    assert flowing.uses == read_flows([str(hubble)]).uses


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"apiVersion: v1\nkind: Pod\n", "not evidence"),
        (b"PAR1\0\0\0", "not evidence"),
        (b"\x1f\x8b\x08zzz", "not evid"),
    ],
)
def test_a_file_that_is_no_log_is_refused_when_it_is_named(text: bytes, said: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "x").write_bytes(text)
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(Error, match=said):
        add(store, folder / "x")
    assert [a.became for a in add(store, folder)] == [Became.OTHER]
    assert store.sources() == ()
    with pytest.raises(InputError, match="No such file"):
        add(store, tmp_path / "none")
    with pytest.raises(UsageError, match="standard input cannot be added"):
        list(store.add("-"))
