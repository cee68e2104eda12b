"""Findings for code scanning, attack paths as code flows, in SARIF 2.1.0.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; the limits are GitHub's,
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PureWindowsPath
from urllib.parse import quote

import msgspec

from mistrust.access.evidence import Evidence, show_path
from mistrust.access.finding import Finding, Severity
from mistrust.kube.problem import Origin
from mistrust.paths.path import Hop, Path
from mistrust.report.assessment import Assessment, Catalog, Entry, Locate, path_id, ranked
from mistrust.report.clean import clean, clean_lines, json_bytes
from mistrust.report.words import count, route

RESULTS = 25_000
"""GitHub refuses a run with more results."""
FLOW_LOCATIONS = 1_000
"""GitHub shows no more of a result's thread flow locations."""
LOCATIONS = 100
"""GitHub shows no more of a result's locations."""

PATH_RULE = "MT-PATH"
PATH_ENTRY = Entry(
    "Attack path",
    "Whoever takes the start of this path reaches its target, hop by hop, with nothing but what is granted.",
    Severity.CRITICAL,
)

LEVEL: Mapping[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
SCORE: Mapping[Severity, str] = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
}
"""`security-severity`; GitHub's bands are: over 9.0 critical, from 7.0 high, from 4.0 medium, below low."""

Json = dict[str, object]


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """One run: attack paths first, then findings, worst first, cut off at what code scanning accepts."""
    catalog = {PATH_RULE: PATH_ENTRY, **catalog}
    findings = ranked(assessment.findings)
    used = {f.rule: f for f in (*findings, *(a.finding for a in assessment.accepted))}
    names = sorted({*used, *((PATH_RULE,) if assessment.paths.paths else ())})
    index = {name: i for i, name in enumerate(names)}
    results = [_path(p, index[PATH_RULE], locate) for p in assessment.paths.paths]
    results += [_finding(f, index[f.rule], locate) for f in findings]
    results += [
        {
            **_finding(a.finding, index[a.finding.rule], locate),
            "suppressions": [
                {
                    "kind": "external",
                    "status": "accepted",
                    "justification": clean(f"{a.reason} ({a.owner}, until {a.until})"),
                }
            ],
        }
        for a in assessment.accepted
    ]
    kept = results[:RESULTS]
    for i, result in enumerate(kept):
        result["rank"] = round(100 * (1 - i / len(kept)), 2)
    notes = [notification(str(p), "warning" if p.blinds else "note") for p in assessment.problems]
    notes += [notification(f"not seen: {g.kind}: {g.why}", "warning") for g in assessment.gaps]
    if len(results) > len(kept):
        notes.append(notification(f"{count(len(results) - len(kept), 'result')} of lower rank left out", "warning"))
    run: Json = {
        "tool": {
            "driver": {
                "name": "mistrust",
                **({"version": clean(assessment.tool)} if assessment.tool else {}),
                "rules": [rule(name, catalog.get(name) or _unlisted(used[name])) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not any(p.blinds for p in assessment.problems),
                "exitCode": assessment.exit_code,
                "toolExecutionNotifications": notes,
            }
        ],
        "results": kept,
    }
    log: Json = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(json_bytes(log), indent=1) + b"\n"


def uri(file: str) -> str:
    r"""A file name as a relative reference: forward slashes, everything else escaped.

    >>> uri("charts\\web app.yaml"), uri("./a:b.yaml"), uri("/etc/x.yaml"), uri("C:\\x.yaml")
    ('charts/web%20app.yaml', 'a%3Ab.yaml', 'file:///etc/x.yaml', 'file:///C:/x.yaml')
    """
    windows = PureWindowsPath(file)
    path = file.replace("\\", "/") if windows.is_absolute() or "\\" in file else file
    drive = windows.drive if windows.is_absolute() and windows.drive.endswith(":") else ""
    parts = path.removeprefix(drive).split("/")
    escaped = "/".join(quote(part, safe="", errors="surrogateescape") for part in parts if part not in ("", "."))
    if drive:
        return f"file:///{drive}/{escaped}"
    return f"file:///{escaped}" if path.startswith("/") else escaped


def _unlisted(finding: Finding) -> Entry:
    return Entry(finding.title, "", finding.severity)


def rule(rule_id: str, entry: Entry) -> Json:
    """What a rule is, for whoever reads its results."""
    severity = entry.severity or Severity.LOW
    prose = clean_lines(entry.prose) or f"{clean(entry.title)}."
    references = "".join(f"\n- <{clean(r)}>" for r in entry.references)
    name = "".join(word.capitalize() for word in clean(entry.title).split() if word.isalnum())
    rule: Json = {
        "id": clean(rule_id),
        **({"name": name} if name not in ("", clean(rule_id)) else {}),
        "shortDescription": {"text": f"{clean(entry.title) or clean(rule_id)}."},
        "fullDescription": {"text": prose.split("\n\n")[0].replace("\n", " ").strip() or f"{clean(rule_id)}."},
        "help": {"text": prose, "markdown": prose + (f"\n\n**References**\n{references}" if references else "")},
        "defaultConfiguration": {"level": LEVEL[severity]},
        "properties": {"security-severity": SCORE[severity], "precision": "high", "tags": ["security", "kubernetes"]},
    }
    link = next((r for r in entry.references if r.startswith("https://")), "")
    return {**rule, "helpUri": quote(link, safe="/:#?=&%~+@!,;.-_")} if link else rule


def _finding(finding: Finding, rule: int, locate: Locate) -> Json:
    text = f"{clean(finding.subject)}: {clean(finding.detail or finding.title)}."
    result: Json = {
        "ruleId": clean(finding.rule),
        "ruleIndex": rule,
        "level": LEVEL[finding.severity],
        "message": {"text": text},
        "partialFingerprints": {"mistrustId/v1": clean(finding.id)},
        "properties": {"security-severity": SCORE[finding.severity], "attackPaths": finding.paths},
    }
    evidence = finding.evidence[:LOCATIONS] or (Evidence(finding.ref, Origin()),)
    result["locations"] = [location(evidence[0], locate)]
    if len(evidence) > 1:
        result["relatedLocations"] = [{"id": i, **location(e, locate)} for i, e in enumerate(evidence[1:], 1)]
    return result


def _path(path: Path, rule: int, locate: Locate) -> Json:
    way = " -> ".join(clean(str(f)) for f in route(path))
    result: Json = {
        "ruleId": PATH_RULE,
        "ruleIndex": rule,
        "level": LEVEL[Severity.CRITICAL],
        "message": {"text": f"{clean(str(path.start))} reaches {clean(str(path.target))}: {way}."},
        "partialFingerprints": {"mistrustId/v1": path_id(path)},
        "properties": {"security-severity": SCORE[Severity.CRITICAL], "hops": len(path.hops)},
    }
    steps = list(flow(path.hops, locate))[:FLOW_LOCATIONS]
    grounds = [g for h in path.hops for g in h.grants]
    start: Json = {"logicalLocations": [{"fullyQualifiedName": clean(str(path.start)) or "start"}]}
    result["locations"] = [location(grounds[0], locate) if grounds else start]
    if steps:
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def flow(hops: Sequence[Hop], locate: Locate) -> Iterable[Json]:
    """A path as the locations of a code flow: each hop at every field that makes it possible."""
    for order, hop in enumerate(hops, 1):
        text = f"{clean(str(hop.source))} {clean(hop.how)} and holds {clean(str(hop.target))}."
        for grant in hop.grants or (None,):
            found = location(grant, locate) if grant else {}
            yield {
                "location": {**found, "message": {"text": text}},
                "executionOrder": order,
                "nestingLevel": 0,
                "importance": "essential",
            }


def location(evidence: Evidence, locate: Locate) -> Json:
    """A field of an object, and its line where it has one."""
    file, line = locate(evidence)
    name = clean("/".join(part for part in (str(evidence.ref), show_path(evidence.path)) if part)) or "object"
    out: Json = {"logicalLocations": [{"fullyQualifiedName": name, "kind": "object"}]}
    if file and uri(file):
        out["physicalLocation"] = {"artifactLocation": {"uri": uri(file)}, "region": {"startLine": max(line, 1)}}
    text = clean(str(evidence))
    return {**out, "message": {"text": text}} if text else out


def notification(text: str, level: str) -> Json:
    """Something about the run, not a result."""
    return {"level": level, "message": {"text": clean(text)}}
