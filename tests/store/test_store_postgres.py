"""`mistrust evidence` and `--evidence` with a real PostgreSQL, and a process that is killed while it copies."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.engines import SECRET, emptied, postgres
from tests.store.logs import START, add, audited, flow, flowed, flows, plain, request, requests

from mistrust.cli.main import run
from mistrust.store.copies import Copies
from mistrust.store.engine import connect
from mistrust.store.published import Published
from mistrust.store.store import AUDIT, FLOWS, Store

pytestmark = pytest.mark.slow
ENGINE = "MISTRUST_EVIDENCE_ENGINE"
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules: [{apiGroups: [""], resources: [pods, secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("ibis", reason="ibis-framework is not installed: pip install -r requirements/engines.txt")
    with postgres() as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    emptied(connect(server)).close()
    return server


def test_every_command_takes_a_database_and_shows_no_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENGINE, raising=False)
    Path("role.yaml").write_text(ROLE)
    Path("logs").mkdir()
    Path("logs/audit.log").write_bytes(b"".join(request(i, START + 600 * i) for i in range(6 * 24 * 20)))
    Path("logs/flows.log").write_bytes(flow(START) + flow(START + 86_400, "job"))
    said = ""

    def out(*argv: str, code: int | None = 0) -> str:
        nonlocal said
        got = run(list(argv))
        assert code in (None, got)
        told = capsys.readouterr()
        said += told.out + told.err
        return told.out

    def report(*argv: str) -> object:
        out("check", "role.yaml", "-q", "-o", "json=out.json", *argv, code=None)
        nonlocal said
        said += (text := Path("out.json").read_text())
        found = json.loads(text)
        for problem in found["coverage"]["problems"]:
            problem["file"] = ""  # what is said of the log as a whole names where it was read from
        return found["rows"], found["findings"], found["evidence"], found["coverage"]

    expected = report("--evidence", "logs")
    out("evidence", "add", "seen", "logs")
    Path("mistrust.toml").write_text(f"[evidence]\nengine = {json.dumps(url)}\n")
    assert out("evidence", "add", "seen") == "postgres:///postgres: 2 parts copied\n"
    assert out("evidence", "add", "seen", "logs").endswith("2 known already\npostgres:///postgres: 0 parts copied\n")
    assert report("--evidence", "seen") == expected
    assert report("--evidence", url) == expected
    assert "2,880 events" in out("evidence", "show", "seen")
    assert "postgres:///postgres; 1 rights used in 20.0 days; 2 connections" in out("evidence", "show", url)
    certificate = json.loads(out("prove", "role.yaml", "role.yaml", "--evidence", url, "-q", "-o", "json", code=None))
    assert certificate["evidence"][0]["source"] == "postgres:///postgres"
    assert certificate["layers"]["permissions"]["used"] == 1
    monkeypatch.setenv(ENGINE, f"postgres://me:{SECRET.replace('@', '%40')}@127.0.0.1:1/seen")
    assert out("evidence", "show", "seen", code=3) == ""
    assert "postgres://127.0.0.1:1/seen: the engine cannot be used" in said
    assert not [word for word in (SECRET, SECRET.replace("@", "%40")) if word in said]


def test_a_process_that_is_killed_while_it_copies_counts_nothing_twice(url: str, tmp_path: Path) -> None:
    dice, copies = random.Random(0), Copies(url)
    logs = {tmp_path / f"a{i}.log": requests for i in range(4)} | {tmp_path / f"f{i}.log": flows for i in range(3)}
    grown, died, span = 0, 0, 3.0
    possible: list[object] = []
    for kill in range(15):
        for log, lines in logs.items():
            with log.open("ab") as file:
                file.write(b"".join(lines(dice, 30)).replace(b'"id-', f'"{log.name}-{kill}-'.encode()))
        store = Store(tmp_path / "store", create=True)
        add(store, *logs)
        possible.append((audited(store), flowed(store)))
        store.close()
        begin = time.monotonic()
        command = [sys.executable, "-m", "mistrust", "evidence", "add", str(tmp_path / "store"), "-q"]
        process = subprocess.Popen(command, env=os.environ | {ENGINE: url}, stdout=subprocess.DEVNULL)
        if kill % 3:
            time.sleep(dice.uniform(0.4, 1.0) * span)
            process.kill()
        died += process.wait() != 0
        if process.returncode == 0:
            span = time.monotonic() - begin
        published = Published(copies)
        found = plain(published.record(AUDIT)), plain(published.record(FLOWS))
        at = possible.index(found)
        assert at >= grown, "what was counted is lost"
        assert process.returncode or at == kill
        grown = at
    assert died >= 4
