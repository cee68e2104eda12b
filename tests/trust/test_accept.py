"""Accepted risks hold until their day, and speak up when they are wrong."""

from __future__ import annotations

from mistrust.access.finding import Finding, Severity
from mistrust.kube.meta import Ref
from mistrust.trust.accept import Acceptance, accept
from mistrust.trust.gate import failing, read_baseline, write_baseline


def finding(rule: str, name: str, severity: Severity = Severity.HIGH) -> Finding:
    ref = Ref("apps", "DaemonSet", "ops", name)
    return Finding(rule, str(ref), ref, "title", "detail", severity, "pods")


AGENT, PROXY = finding("MT-POD-001", "agent"), finding("MT-POD-002", "proxy", Severity.LOW)


def acceptance(**more: str) -> Acceptance:
    return Acceptance(**{"reason": "r", "owner": "o", "until": "2027-01-31", **more})


def test_patterns_must_all_match() -> None:
    judged = accept([AGENT, PROXY], [acceptance(rule="MT-POD-*", object="DaemonSet ops/a*")], "2026-11-23", "m.toml")
    assert judged.open == (PROXY,)
    assert [f for f, _ in judged.accepted] == [AGENT]


def test_an_id_speaks_of_one_finding() -> None:
    judged = accept([AGENT, PROXY], [acceptance(id=PROXY.id)], "2026-11-23", "m.toml")
    assert judged.open == (AGENT,)


def test_it_holds_on_its_last_day_and_is_a_finding_on_the_next() -> None:
    rule = acceptance(rule="MT-POD-001")
    assert accept([AGENT], [rule], "2027-01-31", "m.toml").open == ()
    late = accept([AGENT], [rule], "2027-02-01", "m.toml")
    assert [f.rule for f in late.open] == ["MT-POD-001", "MT-ACCEPT-002"]


def test_one_that_matches_nothing_is_a_finding() -> None:
    judged = accept([AGENT], [acceptance(rule="MT-POD-999")], "2026-11-23", "m.toml")
    assert [f.rule for f in judged.open] == ["MT-POD-001", "MT-ACCEPT-001"]


def test_a_baseline_lets_only_new_findings_fail() -> None:
    known = read_baseline(write_baseline([AGENT]))
    assert failing([AGENT, PROXY], Severity.LOW, None) == (AGENT, PROXY)
    assert failing([AGENT, PROXY], Severity.LOW, known) == (PROXY,)
    assert failing([AGENT, PROXY], Severity.HIGH, known) == ()
    assert failing([AGENT, PROXY], None, None) == ()


def test_a_baseline_is_sorted_text_that_says_what_each_line_is() -> None:
    text = write_baseline([PROXY, AGENT, AGENT])
    lines = text.splitlines()
    assert lines[0].startswith("#")
    assert lines[1:] == sorted({f"{f.id}  {f.subject}: {f.title}" for f in (AGENT, PROXY)})
    assert text == write_baseline([AGENT, PROXY])


def test_ids_do_not_depend_on_wording_or_severity() -> None:
    assert finding("MT-POD-001", "agent", Severity.LOW).id == AGENT.id != PROXY.id
