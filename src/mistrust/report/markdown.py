"""A comment for a pull request: the numbers, the paths and what cuts them, the worst findings; details folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mistrust.access.finding import Severity
from mistrust.access.telling import listed
from mistrust.report.assessment import Assessment, Catalog, Locate, change_id, path_id
from mistrust.report.clean import clean, shorten
from mistrust.report.edits import patches
from mistrust.report.text import next_commands
from mistrust.report.words import (
    ROW_HEADS,
    TRANSPORTS,
    about,
    cells,
    count,
    fixes_sentence,
    gap_phrase,
    grouped,
    paths_sentence,
    place,
    route,
    severities_sentence,
    where,
)

CHANGES = 10
PATHS = 10
RULES = 15
PROBLEMS = 10
BUNDLES = 15
CELL = 160
"""GitHub takes a comment of 65,536 characters: no cell may eat it up."""

SIGN = {Severity.CRITICAL: "🟣", Severity.HIGH: "🔴", Severity.MEDIUM: "🟡", Severity.LOW: "🔵"}


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """GitHub-flavoured Markdown; names are code, so that none of them formats, links or mentions anything."""
    verdict = "✅" if assessment.exit_code == 0 else "❌" if assessment.exit_code == 1 else "⚠️"
    parts = [
        [f"### {verdict} mistrust: {code(assessment.name)}", "", prose(" · ".join(about(assessment)[1:]))],
        [*(f"- **Gate failed:** {prose(f)}" for f in assessment.failures[:PROBLEMS])],
        _numbers(assessment),
        _paths(assessment, locate),
        _namespaces(assessment),
        _findings(assessment, locate),
        _coverage(assessment),
        [_end(assessment)],
    ]
    return ("\n\n".join("\n".join(part) for part in parts if part) + "\n").encode()


def _numbers(assessment: Assessment) -> list[str]:
    if not assessment.rows:
        return []
    heads = ("", *ROW_HEADS, "")
    return table(
        heads, ":" + "r" * 4 + ":", [(prose(r.name), *map(prose, cells(r)), prose(r.note)) for r in assessment.rows]
    )


def _paths(assessment: Assessment, locate: Locate) -> list[str]:
    paths, changes = assessment.paths, assessment.paths.fixes.changes
    lines = [
        f"**Attack paths:** {prose(f'{paths_sentence(assessment)} {fixes_sentence(paths.fixes, paths.pairs)}'.strip())}"
    ]
    if changes:
        lines += [
            "",
            *table(
                ("", "change", "cuts", "id"),
                "r:r:",
                [
                    (
                        str(i),
                        code(c.title) + (f" ({prose(c.note)})" if c.note else ""),
                        f"{c.cuts:,}",
                        code(change_id(c)),
                    )
                    for i, c in enumerate(changes[:CHANGES], 1)
                ],
            ),
        ]
        patch = [
            line
            for c in changes[:CHANGES]
            for p in patches(c.edits, c.evidence)
            for line in (f"@@ {clean(f'{p.ref}  {place(*locate(p.place))}').rstrip()} @@", *p.lines)
        ]
        if patch:
            lines += ["", *folded("The changes as a patch", _fenced("diff", patch))]
    if paths.paths:
        shown = [(code(path_id(p)), " → ".join(code(str(f), 80) for f in route(p))) for p in paths.paths[:PATHS]]
        more = f" (the first {PATHS} of {len(paths.paths):,})" if len(paths.paths) > PATHS else ""
        lines += ["", *folded(f"The paths, hop by hop{more}", table(("id", "path"), "::", shown))]
    return lines


def _namespaces(assessment: Assessment) -> list[str]:
    """Which namespaces may talk to which, with the most plaintext first."""
    bundles = assessment.atlas.bundles if assessment.atlas else ()
    if not bundles:
        return []
    order = tuple(TRANSPORTS)
    ordered = sorted(bundles, key=lambda b: (*(-b.worst.get(t, 0) for t in order), b.source, b.target))
    rows = [
        (
            code(b.source, 80) or "the Internet",
            "itself" if b.source == b.target else code(b.target, 80),
            f"{b.pairs:,}",
            ", ".join(f"{b.worst[t]:,} {TRANSPORTS[t]}" for t in order if b.worst.get(t)),
        )
        for b in ordered[:BUNDLES]
    ]
    more = f", the first {BUNDLES}" if len(bundles) > BUNDLES else ""
    told = table(("from", "to", "pairs of workloads", "travels"), "::r:", rows)
    return folded(f"Who may talk to whom ({count(len(bundles), 'pair')} of namespaces{more})", told)


def _findings(assessment: Assessment, locate: Locate) -> list[str]:
    total = count(len(assessment.findings), "finding")
    detail = severities_sentence(assessment.findings)
    new = f", {assessment.new:,} new since baseline" if assessment.new is not None else ""
    accepted = f", {len(assessment.accepted):,} accepted" if assessment.accepted else ""
    lines = [f"**{total}**{f' ({detail})' if detail else ''}{accepted}{new}"]
    groups = grouped(assessment.findings)
    rows = []
    for g in groups[:RULES]:
        worst = g.worst
        at = place(*where(worst.evidence, locate))
        on = f"<br>on {count(worst.paths, 'path')}" if worst.paths else ""
        what = f"{code(worst.subject)}{f' {code(at)}' if at else ''}{on}"
        rows.append(
            (f"{SIGN[worst.severity]} {worst.severity}", code(g.rule), prose(worst.title), f"{len(g.findings):,}", what)
        )
    if rows:
        lines += ["", *table(("severity", "rule", "", "count", "worst"), ":::r:", rows)]
    if len(groups) > RULES:
        rest = groups[RULES:]
        lines += ["", f"and {count(sum(len(g.findings) for g in rest), 'finding')} of {count(len(rest), 'more rule')}"]
    return lines


def _coverage(assessment: Assessment) -> list[str]:
    blind = [p for p in assessment.problems if p.blinds]
    remarks = [p for p in assessment.problems if not p.blinds]
    lines = [f"- not understood: {code(str(p))}" for p in blind[:PROBLEMS]]
    lines += [f"- and {len(blind) - PROBLEMS:,} more"] if len(blind) > PROBLEMS else []
    if assessment.gaps:
        lines.append(f"- not seen: {prose(listed(map(gap_phrase, assessment.gaps), 6))}")
    if assessment.unread:
        objects = count(sum(assessment.unread.values()), "object")
        lines.append(
            f"- not judged: {objects} of kinds that no layer reads: {prose(listed(sorted(assessment.unread), 6))}"
        )
    lines += [f"- might open a path: {prose(u)}" for u in assessment.paths.unknown[:PROBLEMS]]
    lines += [f"- remark: {code(str(p))}" for p in remarks[:PROBLEMS]]
    if not lines:
        return []
    title = f"⚠️ {count(len(blind), 'place')} not understood" if blind else "What the answer does not rest on"
    return folded(title, lines)


def _end(assessment: Assessment) -> str:
    return f"{code(next_commands(assessment)[0], 1000)} · exit {assessment.exit_code}"


def table(heads: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """`align` has a letter a column: `r` for numbers. A pipe is escaped even inside code (GFM, 4.10)."""
    rule = "|".join("--:" if a == "r" else "---" for a in align)
    safe = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return [f"| {' | '.join(heads)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in safe)]


def folded(title: str, lines: Sequence[str]) -> list[str]:
    """Lines behind a title that a reader opens."""
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _fenced(language: str, lines: Sequence[str]) -> list[str]:
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *(shorten(line, CELL) for line in lines), fence]


def code(text: str, limit: int = CELL) -> str:
    """A code span; empty text stays empty."""
    text = shorten(clean(text), limit).strip()
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def prose(text: str, limit: int = CELL) -> str:
    """Text in which nothing formats, links or mentions anybody."""
    text = re.sub(r"([\\`*_\[\]<>~$])", r"\\\1", shorten(clean(text), limit).replace("&", "&amp;"))
    return re.sub(r"(@|#|://|www(?=\.))", r"\1<!-- -->", text)
