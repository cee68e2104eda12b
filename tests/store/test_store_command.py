"""`mistrust evidence add`, `mistrust evidence show`, and a store behind `--evidence`."""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import pytest
from tests.store.logs import START, flow, request, requests

from mistrust.cli.main import run

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


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("role.yaml").write_text(ROLE)
    Path("logs").mkdir()
    Path("logs/audit.log").write_bytes(b"".join(request(i, START + 600 * i) for i in range(6 * 24 * 20)))
    Path("logs/flows.log").write_bytes(flow(START) + flow(START + 86_400, "job"))
    Path("logs/notes.txt").write_text("nothing\n")


def out(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> list[str]:
    assert run(list(argv)) == code
    return capsys.readouterr().out.splitlines()


def test_add_says_what_became_of_each_log_and_show_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "evidence", "add", "seen", "logs") == [
        "logs/audit.log: read: audit, 2,880 events",
        "logs/flows.log: read: flows, 2 events",
        "2 read; 1 no evidence",
    ]
    assert out(capsys, "evidence", "add", "seen", "logs") == ["2 known already; 1 no evidence"]
    with Path("logs/audit.log").open("ab") as log:
        log.write(request(9999, START))
    assert out(capsys, "evidence", "add", "seen", "logs/audit.log") == [
        "logs/audit.log: read from where it ended: audit, 1 events",
        "1 read from where it ended",
    ]
    *logs, whole = out(capsys, "evidence", "show", "seen")
    here = Path.cwd()
    assert logs == [
        f"audit  2025-10-09 08:53 to 2025-10-29 08:43  2,881 events  {here}/logs/audit.log",
        f"flows  2025-10-09 08:53 to 2025-10-10 08:53      2 events  {here}/logs/flows.log",
    ]
    assert re.fullmatch(r"0\.\d MB; 1 rights used in 20\.0 days; 2 connections used in 1\.0 days, 1 holes", whole), (
        whole
    )


def report(*argv: str) -> object:
    run(["check", "role.yaml", "-q", "-o", "json=out.json", *argv])
    found = json.loads(Path("out.json").read_text().replace('"logs/audit.log"', '"seen"'))
    return found["rows"], found["findings"], found["evidence"], found["coverage"]


def test_a_store_answers_as_its_logs_do_when_they_are_gone(capsys: pytest.CaptureFixture[str]) -> None:
    expected = report("--evidence", "logs")
    out(capsys, "evidence", "add", "seen", "logs")
    for log in Path("logs").iterdir():
        log.unlink()
    assert report("--evidence", "seen") == expected
    assert report() != expected


def test_a_store_and_logs_of_one_kind_are_brought_together_in_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    out(capsys, "evidence", "add", "seen", "logs/audit.log")
    assert (
        run(["check", "role.yaml", "-q", "--gate", "none", "--evidence", "seen", "--evidence", "logs/flows.log"]) == 0
    )
    assert run(["check", "role.yaml", "-q", "--evidence", "seen", "--evidence", "logs/audit.log"]) == 2
    assert "add all of it to one store: mistrust evidence add STORE PATH" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["add", "seen"], "nothing to add"),
        (["add", "logs", "logs/audit.log"], "logs: a folder of something else"),
        (["add", "seen", "none"], "none: cannot be read"),
        (["add", "seen", "logs/notes.txt"], "logs/notes.txt: not evidence"),
        (["show", "seen"], "seen: no store of evidence; mistrust evidence add makes one"),
        (["show", "logs", "seen"], "show takes a store, and nothing else"),
    ],
)
def test_mistakes_are_said(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", *argv]) in (2, 3)
    assert said in capsys.readouterr().err


def test_a_folder_without_evidence_is_exit_code_one(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other").mkdir()
    assert out(capsys, "evidence", "add", "seen", "other", code=1) == ["no files"]


def test_names_of_logs_cannot_act_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    odd = Path("logs/\x1b[2J\udcff.log")
    odd.write_bytes(b"".join(requests(random.Random(1), 20)))
    text = "\n".join(out(capsys, "evidence", "add", "seen", "logs") + out(capsys, "evidence", "show", "seen"))
    assert "\x1b" not in text


def test_commands_without_a_store_do_not_pay_for_one() -> None:
    import subprocess

    code = (
        "import sys; from mistrust.cli.main import run; run(['check', 'role.yaml', '-q', '--evidence', 'logs']);"
        "print(*sorted({'duckdb', 'sqlite3', 'mistrust.store.store'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
