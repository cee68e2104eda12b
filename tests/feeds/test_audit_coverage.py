"""How much of what happened a log can show: where it is thin, that something was not seen says nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.feeds.audit_events import event, lines, pod, read

from mistrust.access.record import Coverage
from mistrust.feeds.audit.read import read_audit
from mistrust.feeds.audit.silence import DAY, MINUTE, Minutes

LEASE = {"resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": "kube-system", "name": "scheduler"}
START = datetime(2026, 11, 2, tzinfo=UTC)


def told(coverage: Coverage) -> list[str]:
    return [p.what for p in coverage.problems if p.blinds]


def test_a_log_with_reads_and_answers_is_whole(tmp_path: Path):
    coverage = read(tmp_path, pod(), pod("create", "", code=201)).coverage
    assert told(coverage) == []
    assert coverage.holes == ()


def test_a_policy_without_reads_leaves_unused_reads_unknown(tmp_path: Path):
    assert any("no read (get, list, watch)" in t for t in told(read(tmp_path, pod("create", "", code=201)).coverage))


def test_a_policy_without_the_stages_that_answer_is_told(tmp_path: Path):
    received = [pod("delete", id=str(i), stage="RequestReceived", code=None, decision=None) for i in range(12)]
    (problem,) = told(read(tmp_path, pod(), *received).coverage)
    assert problem.startswith("12 requests to delete pods were logged when they were received, and none when")


def test_requests_that_the_end_of_the_log_cuts_off_are_no_policy(tmp_path: Path):
    received = [pod("delete", id=str(i), stage="RequestReceived", code=None, decision=None) for i in range(50)]
    assert told(read(tmp_path, pod(), *received, pod("delete", id="0", code=403, decision="forbid")).coverage) == []


def minutes(*spans: tuple[int, int, int], beat: bool) -> Minutes:
    """Events from, to, every so many minutes."""
    known = Minutes()
    for start, end, step in spans:
        for minute in range(start, end, step):
            known.mark(minute, beat)
    return known


@pytest.mark.parametrize(
    ("spans", "beat", "holes"),
    [
        ([(0, 600, 1)], True, []),
        ([(0, 300, 1), (304, 600, 1)], True, []),  # four minutes
        ([(0, 300, 1), (306, 600, 1)], True, [(300, 306)]),
        ([(306, 600, 1), (0, 300, 1)], True, [(300, 306)]),  # files in any order
        ([(0, 300, 1), (306, 600, 1)], False, []),  # a quiet log without leases may be silent
        ([(0, 6000, 45)], False, []),
        ([], True, []),
    ],
)
def test_silences_are_holes_where_leases_are_renewed(
    spans: list[tuple[int, int, int]], beat: bool, holes: list[tuple[int, int]]
):
    assert minutes(*spans, beat=beat).holes() == tuple((a * MINUTE, b * MINUTE) for a, b in holes)


def test_nights_are_usual_and_a_lost_weekend_is_not():
    """Eight hours of work a day and no leases in the log: the nights are as long as ever, two lost days are not."""
    a_day = DAY // MINUTE
    days = [d for d in range(14) if d not in (5, 6, 7)]
    known = minutes(*((d * a_day + 540, d * a_day + 1020, 3) for d in days), beat=False)
    assert known.holes() == (((4 * a_day + 1018) * MINUTE, (8 * a_day + 540) * MINUTE),)


def test_holes_are_found_in_logs(tmp_path: Path):
    """Leases every two seconds, and ten minutes that are not there; an event after the log stopped is none of them."""
    log = []
    for second in range(0, 3600, 20):
        if not 1200 <= second < 1800:
            stamp = (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
            log.append(event("update", "/x/namespaces/y", LEASE, id=str(second), requestReceivedTimestamp=stamp))
    start = int(START.timestamp())
    assert read(tmp_path, *log).coverage.holes == ((start + 1200, start + 1800),)


def test_a_time_from_before_kubernetes_is_none(tmp_path: Path):
    coverage = read(tmp_path, pod(requestReceivedTimestamp="0001-01-01T00:00:00Z")).coverage
    assert (coverage.events, coverage.days) == (1, 0)  # the stage has a time


def day_after(event_: dict[str, object]) -> dict[str, object]:
    return event_ | {"auditID": "later", "requestReceivedTimestamp": "2026-11-21T11:00:00.000000Z"}


def left_out(coverage: Coverage) -> list[tuple[str, str, str, bool]]:
    return [(u.verb, u.group, u.resource, u.of_groups) for u in coverage.unlogged]


def test_what_the_log_shows_not_to_be_in_it_is_told_one_by_one(tmp_path: Path):
    received = [pod("delete", id=str(i), stage="RequestReceived", code=None, decision=None) for i in range(12)]
    coverage = read(tmp_path, pod(), *received).coverage
    assert left_out(coverage) == [("delete", "", "pods", False)]
    assert coverage.lost is None
    coverage = read(tmp_path, pod("create", "", code=201)).coverage
    assert left_out(coverage) == [(verb, "*", "*", False) for verb in ("get", "list", "watch")]


def test_a_day_without_a_renewal_of_a_lease_is_a_policy_that_leaves_them_out(tmp_path: Path):
    """A node that renews its lease is known to act: where it is never seen, not everything is logged."""
    without = read(tmp_path, pod(), day_after(pod())).coverage
    assert left_out(without) == [("*", "coordination.k8s.io", "leases", False)]
    assert any(p.what.startswith("no renewal of a lease") and not p.blinds for p in without.problems)
    beat = event("update", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/scheduler", LEASE)
    assert left_out(read(tmp_path, pod(), beat, day_after(pod())).coverage) == []
    assert left_out(read(tmp_path, pod()).coverage) == []


def test_a_last_line_that_is_still_being_written_hides_nothing(tmp_path: Path):
    log = tmp_path / "audit.log"
    log.write_bytes(lines([pod(), pod("list", "")]) + b'{"kind":"Event","apiV')
    (problem,) = read_audit([str(log)]).coverage.problems
    assert (problem.what, problem.line, problem.blinds) == ("the last line has no end, and was not read", 3, False)
    log.write_bytes(b'{"kind":"Event","apiV\n' + lines([pod()]))
    coverage = read_audit([str(log)]).coverage
    assert coverage.lost is not None
    assert (coverage.lost.what, coverage.lost.line) == ("not an audit event", 1)
