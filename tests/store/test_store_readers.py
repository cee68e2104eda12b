"""Any number of processes read while one adds; a second one that adds is told so."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from tests.store import killed
from tests.store.logs import START, add, request, requests

from mistrust.kube.errors import UsageError
from mistrust.store import catalogue
from mistrust.store.store import AUDIT, Became, Store


def write(folder: Path, count: int) -> list[Path]:
    logs = [folder / f"{i:02}.log" for i in range(count)]
    for i, log in enumerate(logs):
        log.write_bytes(b"".join(request(100 * i + n, START + n, name=f"web-{i}") for n in range(20)))
    return logs


def test_readers_see_whole_logs_while_another_process_adds(tmp_path: Path) -> None:
    logs = write(tmp_path, 15)
    Store(tmp_path / "store", create=True).close()
    command = [sys.executable, killed.__file__, str(tmp_path / "store"), "-1", *map(str, logs)]
    counts: list[set[int]] = [set() for _ in range(3)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as writer:

        def look(seen: set[int]) -> None:
            store = Store(tmp_path / "store")
            while writer.poll() is None:
                record = store.record(AUDIT)
                seen.add(record.coverage.events if record else 0)
                assert not record or sum(t.count for t in record.uses.values()) == record.coverage.events
            record = store.record(AUDIT)
            seen.add(record.coverage.events if record else 0)

        readers = [threading.Thread(target=look, args=(seen,)) for seen in counts]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert writer.returncode == 0
    for seen in counts:
        assert max(seen) == 300
        assert all(count % 20 == 0 for count in seen)
        assert len(seen) > 2, "no reader came between"


def test_a_reader_takes_the_new_parts_of_a_log_that_was_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"".join(requests(random.Random(1), 50))
    log = tmp_path / "audit.log"
    log.write_bytes(text)
    writer, reader = Store(tmp_path / "store", create=True), Store(tmp_path / "store")
    add(writer, log)
    stale = reader._catalogue.parts("audit")
    expected = reader.record(AUDIT)
    (tmp_path / "store" / "parts" / "1.hours.parquet").write_bytes(b"")
    assert [a.became for a in add(writer, log)] == [Became.AGAIN]
    before, now = [stale], reader._catalogue.parts
    monkeypatch.setattr(reader._catalogue, "parts", lambda kind: before.pop() if before else now(kind))
    assert reader.record(AUDIT) == expected
    assert not before


READING = """
import os, sys
import duckdb, numpy
from mistrust.store.store import AUDIT, Store
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = Store(sys.argv[1])
print(sum(tally.count for tally in store.record(AUDIT).uses.values()))
try:
    list(store.add(sys.argv[2]))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_who_may_only_read_reads_whether_or_not_another_process_has_it_open() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        [log] = write(folder, 1)
        store = Store(folder / "store", create=True)
        add(store, log)
        folder.chmod(0o755)
        (folder / "store").chmod(0o555)
        for _ in range(2):
            with log.open("ab") as file:
                file.write(b"\n")
            command = [sys.executable, "-c", READING, str(folder / "store"), str(log)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.stdout.splitlines()[:1] == ["20"], done.stderr
            assert "the catalogue cannot be used: got attempt to write a readonly database" in done.stdout
            store.close()
        (folder / "store").chmod(0o755)


def test_only_one_process_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PATIENCE", 0.1)
    [log] = write(tmp_path, 1)
    store = Store(tmp_path / "store", create=True)
    other = sqlite3.connect(tmp_path / "store" / catalogue.NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UsageError, match="another process is adding evidence; run it again when that has ended"):
        add(store, log)
    assert store.record(AUDIT) is None
    other.execute("ROLLBACK")
    assert [a.became for a in add(store, log)] == [Became.READ]
