"""Damaged, hostile and misplaced files: nothing in a log is fatal, nothing is lost in silence, no secret is printed."""

import gzip
import json
import random
from pathlib import Path

import pytest
import zstandard
from tests.feeds.audit_events import lines, pod

from mistrust.feeds import documents
from mistrust.feeds.audit.read import read_audit
from mistrust.kube.errors import InputError, UsageError

GOOD = lines([pod(id="one")])
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.c2VjcmV0"


def read(folder: Path, data: bytes):
    log = folder / "audit.log"
    log.write_bytes(data)
    return read_audit([str(log)])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (GOOD[: len(GOOD) // 2], "Input data was truncated"),
        (b"Authorization: Bearer " + TOKEN.encode(), "bytes that begin with `Authoriz`"),
        (GOOD.replace(b'"code": 200', b'"code": "x"').strip(), "got `str` - at `$.responseStatus.code`"),
        (GOOD.replace(b'"get"', b'"\xff\xfe"').strip(), "'utf-8' codec can't decode byte 0xff"),
        (GOOD.strip()[:-1] + b', "requestObject": ' + b"[" * 9_999, "maximum recursion depth exceeded"),
        (json.dumps(pod(requestReceivedTimestamp="yesterday")).encode(), "Invalid RFC3339 encoded datetime"),
        (json.dumps(pod(impersonatedUser={"groups": 7})).encode(), "impersonatedUser: Expected `array | null`"),
    ],
)
def test_a_bad_line_is_counted_and_told(tmp_path: Path, bad: bytes, why: str):
    record = read(tmp_path, GOOD + bad + b"\n" + lines([pod("list", "")]))
    assert (record.coverage.events, record.coverage.bad, len(record.uses)) == (2, 1, 2)
    (problem,) = record.coverage.problems
    assert (problem.what, problem.file, problem.line) == ("not an audit event", str(tmp_path / "audit.log"), 2)
    assert why in problem.got
    assert TOKEN[:20] not in problem.got


def test_an_event_without_a_time_is_told_with_its_line(tmp_path: Path):
    timeless = {k: v for k, v in pod("list", "").items() if not k.endswith("Timestamp")}
    record = read(tmp_path, GOOD + b"\n" + lines([timeless]) + GOOD)
    (problem,) = record.coverage.problems
    assert (problem.line, record.coverage.bad) == (3, 1)
    assert problem.got.startswith("an event without a time")


def test_only_the_first_bad_lines_are_told(tmp_path: Path):
    record = read(tmp_path, GOOD + b"torn\n" * 50)
    assert record.coverage.bad == 50
    assert [p.line for p in record.coverage.problems] == [2, 3, 4, 5, 6]


def test_nuls_of_a_log_that_was_truncated_in_use(tmp_path: Path):
    assert read(tmp_path, b"\0" * 3_000_000 + GOOD).coverage.events == 1


@pytest.mark.parametrize("first", [b"", GOOD])
def test_an_endless_line_is_bounded(tmp_path: Path, first: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(documents, "LARGEST", 100_000)
    record = read(tmp_path, first + b'{"a":"' + b"x" * 300_000 + b'"}\n' + GOOD + GOOD) if first else None
    if record:
        assert (record.coverage.events, record.coverage.bad) == (3, 1)
        assert "too large" in record.coverage.problems[0].got
    else:
        big = b"[" + b",".join([GOOD.strip()] * 500) + b"]"
        assert read(tmp_path, big).coverage.events == 500  # one line, and still event by event


def test_lines_are_counted_past_an_endless_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(documents, "LARGEST", 100_000)
    for size in (300_000, 300_000 - 300_000 % 65_536 - 1):
        record = read(tmp_path, GOOD + b"x" * size + b"\n" + GOOD + b"torn\n")
        assert [p.line for p in record.coverage.problems] == [2, 4]


def test_a_bomb_is_streamed(tmp_path: Path):
    """300 MB of zeros behind 300 KB: read in bounded memory, and no audit log."""
    with pytest.raises(InputError, match="not an audit log"):
        read(tmp_path, gzip.compress(b"a" * 300_000_000, 1))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_packed_file_that_was_cut_counts_as_far_as_it_goes(tmp_path: Path, pack):
    noise = random.Random(1)
    data = pack(lines(pod(name=f"web-{noise.getrandbits(256)}", id=str(i)) for i in range(3_000)))
    record = read(tmp_path, data[: len(data) // 2])
    assert 0 < record.coverage.events < 3_000
    assert "cut short" in [p.what for p in record.coverage.problems]


def test_packed_files_may_be_joined(tmp_path: Path):
    second = lines([pod("list", "")])
    assert len(read(tmp_path, gzip.compress(GOOD) + gzip.compress(second)).uses) == 2
    assert len(read(tmp_path, zstandard.compress(GOOD) + zstandard.compress(second)).uses) == 2


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"apiVersion: v1\nkind: Pod\n", "a Kubernetes manifest in YAML"),
        (b"---\na: 1\n", "YAML"),
        (b"PK\x03\x04\0\0", "a zip archive"),
        (b'{"kind": "Pod", "spec": {}}\n', "an object with the fields kind, spec"),
        (b"I1120 10:00:00.1 1 server.go:12] started\n", "begin with `I1120 10`"),
        (json.dumps({"token": TOKEN}).encode(), "an object with the fields token"),
    ],
)
def test_a_named_file_that_is_no_audit_log_is_an_error_that_says_what_it_is(tmp_path: Path, data: bytes, got: str):
    with pytest.raises(InputError) as error:
        read(tmp_path, data)
    assert got in error.value.got
    assert TOKEN not in str(error.value)


def test_a_file_that_is_something_else_is_given_up_early(tmp_path: Path):
    log = tmp_path / "big"
    log.write_bytes(b"text\n" * 2_000_000)
    asked: list[str] = []
    with pytest.raises(InputError):
        read_audit([str(log)], asked.append)
    assert len(asked) < 20  # chunks of the hundreds that it has


def test_folders_are_walked_and_other_files_are_remarks(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "audit-1.log.gz").write_bytes(gzip.compress(GOOD))
    (tmp_path / "audit.log").write_bytes(lines([pod("list", ""), pod(id="one")]))
    (tmp_path / "README.md").write_text("our logs\n")
    (tmp_path / "empty.log").write_text("")
    (tmp_path / ".hidden").write_text("x")
    record = read_audit([str(tmp_path)])
    assert len(record.uses) == 2
    assert sum(t.count for t in record.uses.values()) == 2  # `one` is in both files
    told = [(p.what, Path(p.file).name, p.blinds) for p in record.coverage.problems]
    assert told == [("not an audit log", "README.md", False), ("empty", "empty.log", False)]


def test_the_order_of_the_files_does_not_matter(tmp_path: Path):
    days = [f"2026-11-{d:02}T10:00:00Z" for d in (3, 1, 2)]
    paths = []
    for i, day in enumerate(days):
        paths.append(tmp_path / f"{i}.log")
        paths[-1].write_bytes(lines([pod(id=day, requestReceivedTimestamp=day)]))
    there, back = read_audit([str(p) for p in paths]), read_audit([str(p) for p in reversed(paths)])
    assert (there.uses, there.coverage.first, there.coverage.last) == (
        back.uses,
        back.coverage.first,
        back.coverage.last,
    )


def test_inputs_that_are_missing(tmp_path: Path):
    with pytest.raises(InputError, match="No such file"):
        read_audit([str(tmp_path / "nowhere")])
    with pytest.raises(InputError, match="no audit log"):
        read_audit([str(tmp_path)])
    with pytest.raises(UsageError):
        read_audit(["-", "-"])


def test_mutated_logs_never_stop_the_reading(tmp_path: Path):
    """Seeded damage anywhere in a good log: only a whole file that is none is refused."""
    dice = random.Random(5)
    data = bytearray(lines([pod(id=str(i), impersonatedUser={"username": "b"}) for i in range(20)]))
    for _ in range(300):
        hurt = bytearray(data)
        for _ in range(dice.randrange(1, 30)):
            at = dice.randrange(len(hurt))
            hurt[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        try:
            record = read(tmp_path, bytes(hurt))
        except InputError:
            continue
        assert record.coverage.events + record.coverage.bad > 0


def test_text_between_documents_that_span_lines_is_told(tmp_path: Path):
    pretty = json.dumps(pod(id="one"), indent=2).encode()
    record = read(tmp_path, pretty + b"\noops\n" + json.dumps(pod("list", ""), indent=2).encode())
    assert (record.coverage.events, record.coverage.bad) == (2, 1)
