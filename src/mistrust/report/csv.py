"""One line a finding, for a spreadsheet."""

from __future__ import annotations

import csv
import io

from mistrust.access.evidence import show_path
from mistrust.access.finding import Finding
from mistrust.report.assessment import Accepted, Assessment, Catalog, Locate, ranked
from mistrust.report.clean import clean
from mistrust.report.words import where

HEADS = (
    "id",
    "severity",
    "rule",
    "title",
    "subject",
    "detail",
    "group",
    "kind",
    "namespace",
    "name",
    "file",
    "line",
    "field",
    "paths",
    "status",
    "reason",
    "owner",
    "until",
)


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """Open findings worst first, then accepted ones; RFC 4180 with CRLF, as spreadsheets expect."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADS)
    for finding in ranked(assessment.findings):
        writer.writerow(_line(finding, locate, None))
    for accepted in assessment.accepted:
        writer.writerow(_line(accepted.finding, locate, accepted))
    return out.getvalue().encode()


def _line(f: Finding, locate: Locate, accepted: Accepted | None) -> list[str]:
    file, line = where(f.evidence, locate)
    field = show_path(f.evidence[0].path) if f.evidence else ""
    status = ("accepted", accepted.reason, accepted.owner, accepted.until) if accepted else ("open", "", "", "")
    ref = f.ref
    parts = (f.id, f.severity.value, f.rule, f.title, f.subject, f.detail, ref.group, ref.kind, ref.namespace, ref.name)
    return [_cell(part) for part in (*parts, file, str(line or ""), field, str(f.paths), *status)]


def _cell(text: str) -> str:
    """A spreadsheet takes these first characters for a formula (OWASP, CSV injection)."""
    text = clean(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and text != "-" else text
