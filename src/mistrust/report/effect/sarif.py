"""What a change brings, for code scanning: new attack paths as code flows, the rest with the line that gives it.

Only what came is a result, and only where a line gives it: what comes of something that was taken away, such as a
policy, has none, and code scanning refuses results without one; it is told as a notification. The conventions are
those of `report.sarif`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.effect.effect import Kind
from mistrust.report.assessment import Entry, Locate
from mistrust.report.clean import clean, json_bytes
from mistrust.report.effect.comparison import Comparison
from mistrust.report.effect.text import doubt_words
from mistrust.report.effect.told import SEVERITY, Line, sections
from mistrust.report.sarif import (
    FLOW_LOCATIONS,
    LEVEL,
    LOCATIONS,
    RESULTS,
    SCORE,
    Json,
    flow,
    location,
    notification,
    rule,
)
from mistrust.report.words import count

BARE = 1_000
"""Notifications of changes without a line."""

ENTRIES: Mapping[Kind, tuple[str, str]] = {
    Kind.PATH: ("The change opens an attack path", "Whoever takes the start reaches the target, and did not before."),
    Kind.EXPOSURE: ("The change opens a door from outside", "A workload answers to the outside where it did not."),
    Kind.ESCALATION: ("The change grants a right to escalate with", "Whoever holds it can get rights beyond it."),
    Kind.POWER: ("The change gives a pod power over its node", "A pod may do to its node, or its neighbours, more."),
    Kind.PLAINTEXT: ("The change serves plaintext", "A workload serves in plaintext whom it did not serve so before."),
    Kind.PERMISSION: ("The change grants permissions", "Somebody may do what they might not do before."),
    Kind.CONNECTION: ("The change opens connections", "Policies or a mesh let through what they did not."),
}


def render(comparison: Comparison) -> bytes:
    """One run: what the gate denies first, then the worst, cut off at what code scanning accepts."""
    kinds = tuple(ENTRIES)
    lines = [line for s in sections(comparison.effect) if not s.good for line in s.came]
    lines.sort(key=lambda line: (line.kind not in comparison.deny, kinds.index(line.kind)))
    placed: list[Line] = []
    bare: list[Line] = []
    for line in lines:
        (placed if any(all(comparison.new.locate(e)) for e in line.evidence) else bare).append(line)
    kept = placed[:RESULTS]
    notes = [notification(doubt_words(d), "warning") for d in comparison.effect.doubts]
    notes += [notification(r, "note") for r in comparison.remarks]
    notes += [notification(said, "error") for said in comparison.ruling.guards[:BARE]]
    notes += [notification(_words(line), "warning") for line in bare[:BARE]]
    if len(placed) > len(kept):
        notes.append(notification(f"{count(len(placed) - len(kept), 'result')} of lower rank left out", "warning"))
    run: Json = {
        "tool": {
            "driver": {
                "name": "mistrust diff",
                **({"version": clean(comparison.tool)} if comparison.tool else {}),
                "rules": [rule(rule_id(k), Entry(title, prose, SEVERITY[k])) for k, (title, prose) in ENTRIES.items()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not comparison.effect.doubts,
                "exitCode": comparison.ruling.exit_code,
                "toolExecutionNotifications": notes,
            }
        ],
        "results": [_result(line, kinds.index(line.kind), comparison.new.locate) for line in kept],
    }
    log: Json = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(json_bytes(log), indent=1) + b"\n"


def rule_id(kind: Kind) -> str:
    """`new-path` -> `MT-DIFF-PATH`."""
    return f"MT-DIFF-{kind.removeprefix('new-').upper()}"


def _result(line: Line, index: int, locate: Locate) -> Json:
    severity = SEVERITY[line.kind]
    result: Json = {
        "ruleId": rule_id(line.kind),
        "ruleIndex": index,
        "level": LEVEL[severity],
        "message": {"text": clean(_words(line))},
        "partialFingerprints": {"mistrustId/v1": line.id},
        "properties": {"security-severity": SCORE[severity]},
    }
    first, *more = sorted(line.evidence, key=lambda e: not all(locate(e)))[:LOCATIONS]
    result["locations"] = [location(first, locate)]
    if more:
        result["relatedLocations"] = [{"id": i, **location(e, locate)} for i, e in enumerate(more, 1)]
    hops = list(flow(line.hops, locate))[:FLOW_LOCATIONS]
    return {**result, "codeFlows": [{"threadFlows": [{"locations": hops}]}]} if hops else result


def _words(line: Line) -> str:
    way = f" ({' -> '.join(line.way)})" if line.way else ""
    why = "" if line.way else "; ".join(part for part in (line.alarm, line.why) if part)
    return f"{line.text}{way}." + (f" {why}." if why else "")
