"""JUnit XML for build servers: a finding fails, what was not understood is an error, what is accepted is skipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.access.evidence import show_path
from mistrust.access.finding import Finding
from mistrust.report.assessment import Assessment, Catalog, Locate
from mistrust.report.clean import clean
from mistrust.report.words import gap_phrase, grouped, place, where


class Case(msgspec.Struct, frozen=True):
    """One `testcase`; no outcome means that it passed."""

    suite: str
    name: str
    outcome: str = ""
    """`failure`, `error`, `skipped`."""
    message: str = ""
    body: str = ""
    file: str = ""
    line: int = 0


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """One suite a rule, one for the gates, one for what the answer rests on."""
    cases = [_finding(f, locate) for group in grouped(assessment.findings) for f in group.findings]
    cases += [
        Case(a.finding.rule, a.finding.id, "skipped", f"accepted by {a.owner} until {a.until}: {a.reason}")
        for a in assessment.accepted
    ]
    cases += [Case("gates", failure, "failure", failure) for failure in assessment.failures]
    cases += [Case("input", p.what, "error", str(p), file=p.file, line=p.line) for p in assessment.problems if p.blinds]
    cases += [
        Case("input", f"{g.kind} {g.namespace}".strip(), "error", f"not seen: {gap_phrase(g)}") for g in assessment.gaps
    ]
    if not assessment.failures:
        cases.append(Case("gates", "no gate failed"))
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="mistrust"{_totals(cases)}>']
    for name, members in suites.items():
        lines.append(f'  <testsuite name="{_text(name)}"{_totals(members)}>')
        lines += [_case(c) for c in members]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""]).encode()


def _finding(finding: Finding, locate: Locate) -> Case:
    file, line = where(finding.evidence, locate)
    grounds = "\n".join(
        "  ".join(part for part in (place(*locate(e)), str(e.ref), show_path(e.path), e.value) if part)
        for e in finding.evidence
    )
    message = f"{finding.severity}: {finding.subject}: {finding.detail or finding.title}"
    return Case(finding.rule, finding.id, "failure", message, grounds, file, line)


def _case(case: Case) -> str:
    file = f' file="{_text(case.file)}"' if case.file else ""
    line = f' line="{case.line}"' if case.file and case.line else ""
    head = f'    <testcase classname="{_text(case.suite)}" name="{_text(case.name)}"{file}{line}'
    if not case.outcome:
        return f"{head}/>"
    body = "\n".join(_text(line) for line in case.body.split("\n"))
    return f'{head}><{case.outcome} message="{_text(case.message)}">{body}</{case.outcome}></testcase>'


def _totals(cases: Sequence[Case]) -> str:
    def many(outcome: str) -> int:
        return sum(c.outcome == outcome for c in cases)

    return f' tests="{len(cases)}" failures="{many("failure")}" errors="{many("error")}" skipped="{many("skipped")}"'


def _text(text: str) -> str:
    """Safe in an attribute and in content: what `clean` leaves is always allowed in XML 1.0."""
    escapes = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
    return _replaced(clean(text), escapes)


def _replaced(text: str, escapes: Iterable[tuple[str, str]]) -> str:
    for old, new in escapes:
        text = text.replace(old, new)
    return text
