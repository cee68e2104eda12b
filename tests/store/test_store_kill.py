"""A process that is killed while it adds, at any line of its code, has changed nothing or added a log whole."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.store import killed
from tests.store.logs import add, audited, flowed, flows, plain, requests

from mistrust.feeds.audit.read import read_audit
from mistrust.feeds.flows.read import read_flows
from mistrust.kube.errors import UsageError
from mistrust.store.store import Store, is_store

NEVER = 1 << 40


def adding(store: Path, last: int, logs: list[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, killed.__file__, str(store), str(last), *map(str, logs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_of(store: Path, logs: list[Path]) -> int:
    """Lines of code that it takes to add the logs."""
    process = adding(store, NEVER, logs)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return int(out)


def events(store: Path) -> dict[str, int]:
    """What another process finds there: each log and its events."""
    if not is_store(store):
        return {}
    try:
        other = Store(store)
    except UsageError:  # one that was never finished
        return {}
    kept = {log.file: log.events for log in other.sources()}
    other.close()
    return kept


def held(store: Path, audit: list[Path], hubble: list[Path]) -> None:
    """It says what reading all logs at once says, and no file of a dead process is left."""
    whole = Store(store)
    assert audited(whole) == plain(read_audit([str(log) for log in audit]))
    assert flowed(whole) == plain(read_flows([str(log) for log in hubble]))
    assert len(whole.sources()) == len(audit) + len(hubble)
    whole.close()
    db = sqlite3.connect(store / "catalogue.sqlite")
    named = {f"{part}.{table}.parquet" for (part,) in db.execute("SELECT id FROM part") for table in ("uses", "hours")}
    assert {file.name for file in (store / "parts").iterdir()} <= named


def logs_in(folder: Path, dice: random.Random) -> tuple[list[Path], list[Path]]:
    audit, hubble = [folder / "a1.log", folder / "a2.log"], [folder / "f1.log"]
    for log in audit:
        log.write_bytes(b"".join(requests(dice, 12)).replace(b'"id-', f'"{log.name}-'.encode()))
    hubble[0].write_bytes(b"".join(flows(dice, 12)))
    return audit, hubble


def killed_at(tmp_path: Path, seed: int, times: int) -> None:
    """Kill at many lines, in one store, while logs grow."""
    dice = random.Random(seed)
    audit, hubble = logs_in(tmp_path, dice)
    logs, store = [*audit, *hubble], tmp_path / "store"
    code = lines_of(tmp_path / "other", logs)
    states: dict[str, set[int]] = {str(log): {0} for log in logs}
    died = 0
    for kill in range(times):
        for log in logs:
            states[str(log)].add(_understood(log))
        process = adding(store, dice.randrange(1, code), logs)
        _, err = process.communicate(timeout=60)
        for file, count in events(store).items():
            assert count in states[file], f"kill {kill}: a part of {file} was counted"
        assert process.returncode in (0, -signal.SIGKILL), err
        died += process.returncode != 0
        if dice.random() < 0.7:
            for log in logs:
                lines = flows(dice, 8) if log in hubble else requests(dice, 8)
                text = b"".join(lines).replace(b'"id-', f'"{log.name}-{kill}-'.encode())
                log.write_bytes(log.read_bytes() + text)
    assert died >= times // 2
    lines_of(store, logs)
    held(store, audit, hubble)


def _understood(log: Path) -> int:
    reads = read_flows if log.name.startswith("f") else read_audit
    return reads([str(log)]).coverage.events


def test_killed_at_a_dozen_lines(tmp_path: Path) -> None:
    killed_at(tmp_path, 1, 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_killed_at_fifty_lines(seed: int, tmp_path: Path) -> None:
    killed_at(tmp_path, seed, 50)


@pytest.mark.slow
def test_killed_at_fifty_moments(tmp_path: Path) -> None:
    dice = random.Random(0)
    audit, hubble = [tmp_path / f"a{i}.log" for i in range(8)], [tmp_path / f"f{i}.log" for i in range(4)]
    for log in audit:
        log.write_bytes(b"".join(requests(dice, 300)).replace(b'"id-', f'"{log.name}-'.encode()))
    for log in hubble:
        log.write_bytes(b"".join(flows(dice, 300)))
    logs, done = [*audit, *hubble], 0
    begin = time.monotonic()
    lines_of(tmp_path / "whole", logs)
    span = time.monotonic() - begin
    for kill in range(50):
        store = tmp_path / f"store{kill}"
        process = adding(store, NEVER, logs)
        time.sleep(dice.uniform(0.2, 0.9) * span)
        process.kill()
        process.communicate(timeout=60)
        done += process.returncode == 0
        for file, count in events(store).items():
            assert count == _understood(Path(file))
        whole = Store(store, create=True)
        add(whole, *logs)
        whole.close()
        held(store, audit, hubble)
    assert done < 25, "the kills come too late to say anything"
