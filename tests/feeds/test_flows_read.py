"""Files of flows: any format, packed or not, any order; what is not understood is counted, and never fatal."""

from __future__ import annotations

import gzip
import json
import random
import time
from collections import defaultdict
from pathlib import Path

import pytest
from tests.feeds.flow_logs import reading, remarks, told

from mistrust.access.flow import Flow, Peer, TrafficDays
from mistrust.access.record import Record, Tally
from mistrust.feeds import several
from mistrust.feeds.flows.ledger import MISREAD
from mistrust.feeds.flows.observers import flows
from mistrust.feeds.flows.read import is_flows, read_flow_days, read_flows
from mistrust.feeds.flows.sight import Count, Key, Side
from mistrust.feeds.flows.silence import holes
from mistrust.kube.errors import InputError

HUBBLE = {
    "flow": {
        "time": "2026-11-02T10:00:00Z", "verdict": "FORWARDED", "is_reply": False, "traffic_direction": "EGRESS",
        "IP": {"source": "10.0.0.1", "destination": "10.0.0.2"}, "l4": {"TCP": {"destination_port": 80}},
        "source": {"namespace": "shop", "pod_name": "web-0"}, "destination": {"namespace": "shop", "pod_name": "db-0"},
    },
    "node_name": "n1",
}  # fmt: skip
LINE = json.dumps(HUBBLE, separators=(",", ":")) + "\n"
USED = ["shop/web-0 -> shop/db-0 TCP 80"]
CONNTRACK = (
    "[1700000001.5]\t [UPDATE] tcp 6 60 ESTABLISHED src=10.0.0.1 dst=10.9.0.1 sport=1 dport=80 "
    "src=10.0.0.2 dst=10.0.0.1 sport=8080 dport=1 [ASSURED]\n"
)


def at(seconds: int) -> str:
    """The line, so many seconds after it."""
    return LINE.replace("10:00:00", f"{10 + seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}")


def test_files_of_many_formats_are_one_record(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINE.encode()))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.log").write_text(CONNTRACK)
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "README.md").write_text("# Flows\n\nof November\n")
    record = read_flows([str(tmp_path)])
    assert told(record) == [*USED, "shop/web-0 -> shop/db-0 TCP 8080"]
    assert [(p.what, Path(p.file).name, p.blinds) for p in record.coverage.problems] == [
        ("not a flow log", "README.md", False)
    ]
    assert record.coverage.bad == 0


@pytest.mark.parametrize("text", ["# nothing\n", "", "\n\n", '{"kind": "Event", "auditID": "x"}\n', "a\n" * 1000])
def test_a_named_file_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(InputError, match="not a flow log"):
        read_flows([str(path)])
    with pytest.raises(InputError, match="no flow log"):
        read_flows([str(tmp_path)])


def test_a_bad_line_is_counted_and_the_first_are_quoted_shortened() -> None:
    record = reading(LINE + '{"flow": {"verdict": 7, "secret": "hunter2"}}\n' * 20 + "\n" + LINE)
    assert told(record) == USED
    assert [t.count for t in record.uses.values()] == [2]
    assert (record.coverage.events, record.coverage.bad) == (2, 20)
    assert len(record.coverage.problems) == 5
    first = record.coverage.problems[0]
    assert (first.what, first.line, first.blinds) == ("a line was not understood", 2, True)
    assert "hunter2" not in first.got


def test_a_last_line_that_is_still_being_written_takes_nothing_from_the_rest() -> None:
    coverage = reading(LINE + LINE[:50]).coverage
    [problem] = coverage.problems
    assert (problem.what, problem.line, problem.blinds) == ("the last line has no end, and was not read", 2, False)
    assert (coverage.events, coverage.bad) == (1, 0)
    assert reading(LINE + LINE.rstrip()).coverage.events == 2


@pytest.mark.parametrize("year", ["1970", "1999", "2100", "9999"])
def test_a_damaged_time_does_not_stretch_the_window(year: str) -> None:
    coverage = reading(LINE + LINE.replace("2026", year)).coverage
    assert (coverage.days, coverage.events, coverage.bad) == (0, 1, 1)


def test_a_file_that_is_cut_short_counts_up_to_there(tmp_path: Path) -> None:
    noise = "".join(LINE.replace("web-0", f"web-{random.Random(i).random()}") for i in range(2000))
    packed = gzip.compress((LINE + noise).encode())
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    record = read_flows([str(tmp_path / "a.gz")])
    assert USED[0] in told(record)
    assert "cut short" in [p.what for p in record.coverage.problems]


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-11-02T10:00:00.1Z stdout F ",  # container runtimes
        "2026-11-02T10:00:00.123456789+01:00 stderr F ",
        "[pod/cilium-x2x9k/export] ",  # kubectl logs --prefix
        "[pod/cilium-x2x9k/export] 2026-11-02T10:00:00.123456789Z ",  # and --timestamps
        "2026-11-02T10:00:00.123456789Z ",
    ],
)
def test_lines_as_they_are_kept(prefix: str) -> None:
    prefixed = "".join(f"{prefix}{line}\n" for line in (LINE + LINE).splitlines())
    assert reading(prefixed).uses == reading(LINE + LINE).uses
    zt = (
        '2024-08-21T15:32:05.754291Z\tinfo\taccess\tconnection complete\tsrc.addr=10.0.0.1:1 dst.addr=10.0.0.2:80 '
        'direction="outbound" bytes_sent=1 bytes_recv=1 duration="1ms"\n'
    )  # fmt: skip
    assert reading(prefix + zt).uses == reading(zt).uses


def test_an_export_from_cloudwatch() -> None:
    record = "2 1234 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
    coverage = reading("2014-12-14T04:07:50.000Z " + record).coverage
    assert (coverage.events, coverage.first, coverage.bad) == (1, 1418530010, 0)


def test_what_a_program_says_first_does_not_hide_its_flows() -> None:
    own = "2024-08-21T15:32:05.754291Z\tinfo\tapp\tversion: 1.27\n" * 50
    line = (
        '2024-08-21T15:32:05.754291Z\tinfo\taccess\tconnection complete\tsrc.addr=10.0.0.1:1 dst.addr=10.0.0.2:80 '
        'direction="outbound" bytes_sent=1 bytes_recv=1 duration="1ms"\n'
    )  # fmt: skip
    record = reading(own + line)
    assert told(record) == ["10.0.0.1 -> 10.0.0.2 TCP 80"]
    assert (record.coverage.events, record.coverage.bad) == (51, 0)


def test_objects_over_many_lines() -> None:
    assert reading(json.dumps(HUBBLE, indent=2) + "\n" + json.dumps(HUBBLE, indent=4)).uses == reading(LINE + LINE).uses


def test_the_window_and_the_holes_of_a_log() -> None:
    hours = [second for hour in (0, 5, 6, 7) for second in range(hour * 3600, hour * 3600 + 3600, 30)]
    record = reading("".join(map(at, hours)))
    start = 1793613600
    assert (record.coverage.first, record.coverage.last) == (start, start + 8 * 3600 - 30)
    assert record.coverage.holes == ((start + 3600, start + 5 * 3600),)
    assert record.coverage.nodes == ("n1",)


@pytest.mark.parametrize(
    ("silent", "found"),
    [
        ((), ()),
        ([(9, 10)], ()),  # an hour may be quiet
        ([(9, 11)], ((9, 11),)),
        ([(day * 24, day * 24 + 7) for day in range(30)], ()),  # every night
        ([*((day * 24, day * 24 + 7) for day in range(30)), (24 * 10, 24 * 12)], ((24 * 10, 24 * 12 + 7),)),
    ],
)
def test_a_silence_that_the_log_explains_is_no_hole(
    silent: list[tuple[int, int]], found: tuple[tuple[int, int], ...]
) -> None:
    minutes = set(range(-60, 31 * 24 * 60)) - {m for a, b in silent for m in range(a * 60, b * 60)}
    assert tuple(holes(minutes)) == tuple((a * 3600, b * 3600) for a, b in found)


def test_files_may_come_in_any_order_and_cut_anywhere() -> None:
    rng = random.Random(5)
    lines = [
        at(rng.randrange(3600)).replace("web-0", f"web-{rng.randrange(3)}").replace("n1", f"n{rng.randrange(3)}")
        for _ in range(200)
    ]
    whole = reading("".join(lines))
    for _ in range(5):
        rng.shuffle(lines)
        cut = rng.randrange(len(lines))
        other = reading("".join(lines[:cut]), "".join(lines[cut:])) if cut else reading("".join(lines))
        assert (other.uses, other.coverage) == (whole.uses, whole.coverage)


@pytest.mark.parametrize("days", [False, True])
def test_several_processes_read_what_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: bool) -> None:
    rng = random.Random(7)
    for n in range(5):
        lines = [at(rng.randrange(10 * 3600)).replace("web-0", f"web-{rng.randrange(9)}") for _ in range(50)]
        (tmp_path / f"{n}.log").write_text("".join(lines) + "not a flow\n" * (n + 1) + LINE[:50])
    (tmp_path / "conntrack.log").write_text(CONNTRACK)
    (tmp_path / "notes.txt").write_text("not a log\n")

    def read() -> Record[Flow] | TrafficDays:
        return read_flow_days([str(tmp_path)]) if days else read_flows([str(tmp_path)])

    alone = read()
    monkeypatch.setattr(several, "WORTH", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    together = read()
    assert (together.uses, together.coverage) == (alone.uses, alone.coverage)
    assert together == alone
    assert (alone.coverage.bad, len([p for p in alone.coverage.problems if p.what == MISREAD])) == (15, 5)


def test_what_another_process_raises_says_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "WORTH", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    for name, text in (("a.log", LINE), ("b.log", "hello\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"/b\.log: not a flow log: got 5 bytes .*, wanted flows of Hubble"):
        read_flows([str(tmp_path / "a.log"), str(tmp_path / "b.log")])


def test_the_same_sightings_by_the_slow_definition() -> None:
    """Random sightings of few ends: for each pair of ends and port, who let it through, and who counted most."""
    rng = random.Random(11)
    for _ in range(300):
        groups: dict[Key, Count] = {}
        for _ in range(rng.randrange(1, 12)):
            side: Side = rng.choice(("source", "destination", ""))
            refused = side == "destination" and rng.random() < 0.5
            first, last = sorted(rng.choices(range(9), k=2))
            ends = ("ns", rng.choice("ab"), rng.choice(("", "w")), "", "ns", "c", rng.choice(("", "v")), "", "")
            groups[(rng.choice("xyz"), side, refused, *ends, "TCP", 80)] = Count(rng.randrange(5), first, last)
        assert {(f.source.pod, t) for f, t in flows(groups, {}).items()} == slow(groups)


def slow(groups: dict[Key, Count]) -> set[tuple[str, Tally]]:
    out = set()
    for pod in {key[4] for key in groups}:
        rows = [(key[0], key[1], key[2], seen) for key, seen in groups.items() if key[4] == pod]
        let = [row for row in rows if not row[2]]
        if not let or (any(row[2] for row in rows) and all(row[1] == "source" for row in let)):
            continue
        by_observer: dict[tuple[str, str], int] = defaultdict(int)
        for point, side, _, seen in let:
            by_observer[point, side] += seen.count
        tally = Tally(max(1, *by_observer.values()), min(r[3].first for r in let), max(r[3].last for r in let))
        out.add((pod, tally))
    return out


SAMPLES = {
    "Hubble": LINE,
    "lost events": '{"lost_events":{"source":"PERF_EVENT_RING_BUFFER","num_events_lost":"1"},"node_name":"n"}\n',
    "conntrack": CONNTRACK,
    "VPC": "version srcaddr dstaddr srcport dstport protocol action\n",
    "traces": '{"resourceSpans":[]}\n',
    "Envoy": '[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - 1 0 2 1 "1" "n" "c" "l" "10.0.2.1:80"\n',
    "a runtime's prefix": "2026-11-02T10:00:00.1Z stderr F " + LINE,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_beginning_of_a_flow_log(name: str) -> None:
    begin = SAMPLES[name].encode()
    assert is_flows(begin)
    assert is_flows(b"\n" + begin + begin[:20])
    assert is_flows(gzip.compress(begin * 100)[:60_000])


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"\x1f\x8b broken",
        b"apiVersion: v1\nkind: Pod\n",
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"1","requestURI":"/x","verb":"get"}\n',
        b'{"apiVersion":"v1","kind":"List","items":[]}',
        b"2 rows of words, which are as many as a VPC flow log has, in all\n",
    ],
)
def test_what_does_not_begin_a_flow_log(begin: bytes) -> None:
    assert not is_flows(begin)


def test_no_damage_to_a_line_is_fatal() -> None:
    rng = random.Random(3)
    for name, sample in SAMPLES.items():
        damaged = bytearray()
        for _ in range(300):
            line = bytearray(sample.encode())
            for _ in range(rng.randrange(1, 5)):
                line[rng.randrange(len(line) - 1)] = rng.choice(b'\x00\xff"{}[]:,= 09az\\')
            damaged += line
        text = (sample.encode() + bytes(damaged)).decode("latin-1")
        record = reading(text)
        assert record.coverage.events >= 1, name


@pytest.mark.parametrize(
    ("begin", "again", "end"),
    [
        ("2024-08-21T15:32:05.754291Z\tinfo\taccess\tconnection complete\t", "a", ""),
        ("2024-08-21T15:32:05.754291Z\tinfo\taccess\tconnection complete\t", 'a="', ""),
        ('[2016-04-15T20:17:00.310Z] "', '" 1 ', ""),
        ('[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - ', '"a" ', ""),
        ("", "src=a dst=", ""),
        ("", "src=a ", ""),
        ('{"Key":{', '"Key":{', '"'),
        ("", "2 ", ""),
        ("[pod/", "a] ", ""),
    ],
)
def test_no_line_takes_long(begin: str, again: str, end: str) -> None:
    line = (begin + again * (1_000_000 // len(again)) + end + "\n").encode()
    start = time.process_time()
    assert not is_flows(line * 2)
    assert time.process_time() - start < 10


def test_progress_names_files(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(LINE)
    seen: list[str] = []
    read_flows([str(path)], seen.append)
    assert set(seen) == {str(path)}


def test_a_record_is_of_flows() -> None:
    record: Record[Flow] = reading(LINE)
    flow = Flow(Peer("shop", "web-0", "", "10.0.0.1"), Peer("shop", "db-0", "", "10.0.0.2"), "TCP", 80)
    assert record.uses == {flow: Tally(1, 1793613600, 1793613600)}
    assert remarks(record.coverage) == []
