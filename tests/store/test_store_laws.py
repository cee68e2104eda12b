"""Laws: a store says what reading all logs at once says, however they were split, ordered, repeated and interrupted."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.store.logs import START, add, audited, flow, flowed, flows, plain, request, requests, split

from mistrust.access.flow import Flow
from mistrust.access.record import Tally
from mistrust.feeds.audit.read import read_audit
from mistrust.feeds.flows.read import read_flows
from mistrust.store import adding
from mistrust.store.reading import DAY
from mistrust.store.rollup import HOUR, Window
from mistrust.store.store import AUDIT, FLOWS, Became, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def write(folder: Path, *texts: bytes) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i:02}.log" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    return paths


@pytest.mark.parametrize("seed", range(6))
def test_logs_may_be_split_and_come_in_any_order(seed: int, tmp_path: Path, store: Store) -> None:
    dice = random.Random(seed)
    audit, hubble = requests(dice, 400), flows(dice, 400)
    logs = split(dice, audit, dice.randint(2, 6)), split(dice, hubble, dice.randint(2, 6))
    paths = write(tmp_path / "logs", *logs[0], *logs[1])
    order = dice.sample(paths, len(paths))
    add(store, *order)
    names = [str(path) for path in paths]
    assert audited(store) == plain(read_audit(names[: len(logs[0])]))
    assert flowed(store) == plain(read_flows(names[len(logs[0]) :]))


@pytest.mark.parametrize("seed", range(4))
def test_a_log_may_grow_at_any_byte_and_be_read_meanwhile(seed: int, tmp_path: Path, store: Store) -> None:
    dice = random.Random(seed)
    audit = [request(-1, START), *requests(dice, 150)], audited, read_audit
    hubble = [flow(START), *flows(dice, 150)], flowed, read_flows
    for lines, kept, read in (audit, hubble):
        text = b"".join(lines)
        log = tmp_path / f"{read.__name__}.log"
        log.touch()
        for cut in sorted(dice.sample(range(len(lines[0]), len(text)), 8)):
            log.write_bytes(text[:cut])
            add(store, log)
        log.write_bytes(text)
        add(store, log)
        assert kept(store) == plain(read([str(log)]))


def test_a_log_that_grows_often_has_few_parts(tmp_path: Path, store: Store) -> None:
    lines = requests(random.Random(5), 300)
    log = tmp_path / "audit.log"
    log.write_bytes(lines[0])
    for line in range(1, len(lines), 5):
        with log.open("ab") as file:
            file.write(b"".join(lines[line : line + 5]))
        add(store, log)
    assert len(list((tmp_path / "store" / "parts").iterdir())) <= 2 * 9
    assert audited(store) == plain(read_audit([str(log)]))


def test_what_was_added_twice_counts_once(tmp_path: Path, store: Store) -> None:
    paths = write(tmp_path / "logs", b"".join(requests(random.Random(1), 100)), b"".join(flows(random.Random(1), 100)))
    add(store, *paths)
    before = audited(store), flowed(store)
    assert {added.became for added in add(store, *paths)} == {Became.KNOWN}
    assert (audited(store), flowed(store)) == before


def test_a_log_is_known_by_what_it_holds(tmp_path: Path, store: Store) -> None:
    [log] = write(tmp_path / "logs", b"".join(requests(random.Random(2), 100)))
    add(store, log)
    before, text = audited(store), log.read_bytes()
    (log.parent / "copy.log").write_bytes(text)
    (log.parent / "copy.log.gz").write_bytes(gzip.compress(text))
    rotated = log.rename(log.parent / "audit-2025-10-09.log")
    assert {a.became for a in add(store, rotated.parent)} == {Became.KNOWN}
    assert audited(store) == before
    rotated.write_bytes(text + request(999_999, START, name="new"))
    assert [(a.became, a.events) for a in add(store, rotated)] == [(Became.GREW, 1)]


def test_a_new_log_of_an_old_name_is_a_new_log(tmp_path: Path, store: Store) -> None:
    first, second = request(1, START), request(2, START + 5)
    [log] = write(tmp_path / "logs", first)
    add(store, log)
    log.write_bytes(second)
    assert [a.became for a in add(store, log)] == [Became.READ]
    record = store.record(AUDIT)
    assert record is not None
    assert [tally.count for tally in record.uses.values()] == [2]


@pytest.mark.parametrize("when", ["before it is opened", "while it is read"])
@pytest.mark.parametrize("how", ["renamed", "copied and emptied"])
@pytest.mark.parametrize("more", [0, 100])
def test_a_log_may_be_rotated_at_any_moment(
    when: str, how: str, more: int, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [request(i, START + 60 * i, name=f"web-{i % 3}") for i in range(100 + more)]
    log, old = tmp_path / "audit.log", tmp_path / "audit.log.1"
    log.write_bytes(b"".join(lines[:30]))
    add(store, log)
    log.write_bytes(b"".join(lines[:60]))
    todo = [True]

    def rotate(_: str) -> None:
        if todo.pop() if todo else False:
            if how == "renamed":
                log.rename(old)
            else:
                old.write_bytes(log.read_bytes())
            log.write_bytes(b"".join(lines[60:]))

    begin = adding.begin
    if when == "before it is opened":
        monkeypatch.setattr(adding, "begin", lambda name: (begin(name), rotate(name))[0])
        add(store, log)
    else:
        list(store.add(str(log), rotate))
    add(store, log, old)
    assert audited(store) == plain(read_audit([str(old), str(log)]))


def test_logs_that_begin_alike_are_different_logs(tmp_path: Path, store: Store) -> None:
    begin = b"".join(request(i, START + i) for i in range(400))
    paths = write(tmp_path / "logs", begin + request(1000, START, name="a"), begin + request(2000, START, name="b"))
    assert [a.became for a in add(store, *paths)] == [Became.READ, Became.READ]


def test_half_a_line_waits_for_its_other_half_and_is_said(tmp_path: Path, store: Store) -> None:
    whole, next_one = request(1, START), request(2, START + 1)
    [log] = write(tmp_path / "logs", whole + next_one[:50])
    add(store, log)
    record = store.record(AUDIT)
    assert record is not None
    assert [(p.what, p.got, p.blinds) for p in record.coverage.problems if p.file == str(log)] == [
        ("the last line has no end, and was not read", "50 bytes", False)
    ]
    log.write_bytes(whole + next_one)
    assert [a.became for a in add(store, log)] == [Became.GREW]
    assert audited(store) == plain(read_audit([str(log)]))


def test_half_a_line_after_whole_ones_is_said_too(tmp_path: Path, store: Store) -> None:
    [log] = write(tmp_path / "logs", request(1, START))
    add(store, log)
    log.write_bytes(log.read_bytes() + b"{")
    assert [a.became for a in add(store, log)] == [Became.KNOWN]
    record = store.record(AUDIT)
    assert record is not None
    assert [p.got for p in record.coverage.problems if p.file == str(log)] == ["1 bytes"]


def test_a_last_line_that_is_whole_needs_no_end(tmp_path: Path, store: Store) -> None:
    [log] = write(tmp_path / "logs", request(1, START) + request(2, START + 1).rstrip())
    assert [a.events for a in add(store, log)] == [2]
    assert [a.became for a in add(store, log)] == [Became.KNOWN]


def test_lines_are_counted_from_the_beginning_of_the_file(tmp_path: Path, store: Store) -> None:
    [log] = write(tmp_path / "logs", request(1, START) * 3)
    add(store, log)
    log.write_bytes(log.read_bytes() + request(2, START) + b"no event\n")
    add(store, log)
    record = store.record(AUDIT)
    assert record is not None
    assert [p.line for p in record.coverage.problems if p.line] == [5]


def pretty(count: int) -> bytes:
    events = [json.loads(request(i, START + 60 * i, name=f"web-{i % 3}")) for i in range(count)]
    return json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events}, indent=1).encode()


VPC = (
    b"version srcaddr dstaddr srcport dstport protocol start end action tcp-flags log-status\n",
    *(b"5 10.0.0.%d 10.0.1.1 40000 80 6 %d %d ACCEPT 2 OK\n" % (i % 5, START + i, START + i) for i in range(50)),
    *(b"5 10.0.1.1 10.0.0.%d 80 40000 6 %d %d ACCEPT 18 OK\n" % (i % 5, START + i, START + i) for i in range(50)),
)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("audit", [pretty(1), pretty(2), pretty(40)]),
        ("flows", [b"".join(VPC[:n]) for n in (2, 30, 70, 101)]),
    ],
)
def test_what_rests_on_its_beginning_is_read_again_in_its_place(
    kind: str, texts: list[bytes], tmp_path: Path, store: Store
) -> None:
    became = []
    for text in texts:
        [log] = write(tmp_path / "logs", text)
        became += [a.became for a in add(store, log)]
    assert became == [Became.READ, *[Became.AGAIN] * (len(texts) - 1)]
    if kind == "audit":
        assert audited(store) == plain(read_audit([str(log)]))
    else:
        assert flowed(store) == plain(read_flows([str(log)]))
    assert len(list((tmp_path / "store" / "parts").iterdir())) == 2


def test_a_packed_log_that_was_cut_short_is_read_again_when_it_is_whole(tmp_path: Path, store: Store) -> None:
    text = gzip.compress(b"".join(requests(random.Random(3), 3000)))
    [log] = write(tmp_path / "logs", text[: len(text) // 2])
    assert [a.became for a in add(store, log)] == [Became.READ]
    log.write_bytes(text)
    assert [a.became for a in add(store, log)] == [Became.AGAIN]
    assert audited(store) == plain(read_audit([str(log)]))


def uses(store: Store) -> Mapping[Flow, Tally]:
    record = store.record(FLOWS)
    assert record is not None
    return record.uses


def test_a_connection_that_another_log_shows_refused_is_no_use(tmp_path: Path, store: Store) -> None:
    refused = {"traffic_direction": "INGRESS", "verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED"}
    at_source, at_destination = flow(START), flow(START, node="n2", is_reply=None, **refused)
    first, second = write(tmp_path / "logs", at_source, at_destination)
    add(store, first)
    assert len(uses(store)) == 1
    add(store, second)
    assert len(uses(store)) == 0


@pytest.mark.parametrize("hours", [(0, 3), (5, 6), (2, 1000), (-10, 0), (30, 40)])
def test_a_window_holds_the_uses_of_its_hours(hours: tuple[int, int], tmp_path: Path, store: Store) -> None:
    begin = START // HOUR * HOUR
    lines = [request(i, begin + i * 600, name=f"web-{i % 7}") for i in range(60)]
    add(store, *write(tmp_path / "logs", b"".join(lines[:25]), b"".join(lines[25:])))
    window = Window(begin + hours[0] * HOUR, begin + hours[1] * HOUR)
    within = [line for i, line in enumerate(lines) if hours[0] * 6 <= i < hours[1] * 6]
    record = store.record(AUDIT, window)
    assert record is not None
    if not within:
        assert (record.uses, record.coverage.first, record.coverage.last) == ({}, 0, 0)
        return
    [log] = write(tmp_path / "some", b"".join(within))
    expected = read_audit([str(log)])
    assert record.uses == expected.uses
    assert record.coverage.holes == expected.coverage.holes


@pytest.mark.parametrize("seed", range(2))
def test_a_day_holds_what_the_window_of_that_day_holds(seed: int, tmp_path: Path, store: Store) -> None:
    dice = random.Random(seed)
    audit, hubble = requests(dice, 400, every=1200), flows(dice, 400, every=1200)
    add(store, *write(tmp_path / "logs", *split(dice, audit, 3), *split(dice, hubble, 2)))
    first, last = START // DAY, (START + 400 * 1200) // DAY
    for kind in (AUDIT, FLOWS):
        for window in (Window(), Window(START + DAY, START + 3 * DAY), Window(START + 30 * DAY, START + 31 * DAY)):
            days = {
                day: store.record(
                    kind, Window(max(day * DAY, window.since // HOUR * HOUR), min((day + 1) * DAY, until))
                )
                for day in range(first, last + 1)
                if window.touches(day * DAY, (day + 1) * DAY - 1)
                for until in [-(-window.until // HOUR) * HOUR]
            }
            assert store.days(kind, window) == days


def test_an_empty_store_has_no_record(store: Store) -> None:
    assert store.record(AUDIT) is None
    assert store.days(AUDIT) == {}
    assert store.sources() == ()


def test_the_server_s_version_counts_when_it_is_asked(tmp_path: Path, store: Store) -> None:
    from mistrust.kube.version import Version

    ref = {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web", "apiVersion": "v1"}
    [log] = write(tmp_path / "logs", request(1, START, objectRef=ref))
    add(store, log)
    for version in (None, Version(1, 30), Version(1, 36)):
        record = store.record(AUDIT, version=version)
        assert record is not None
        assert record.uses == read_audit([str(log)], version=version).uses
