"""The main screen: at most 40 lines on any input, the numbers first, then what to do, then what was not understood."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mistrust.access.finding import Finding
from mistrust.access.telling import listed
from mistrust.paths.path import Change
from mistrust.report.assessment import Assessment, Row, change_id
from mistrust.report.clean import columns, pad
from mistrust.report.screen import SEVERITY_STYLE, Screen
from mistrust.report.words import (
    ROW_HEADS,
    Group,
    about,
    cells,
    count,
    fixes_sentence,
    gap_phrase,
    grouped,
    inside_sentence,
    paths_sentence,
    route,
    severities_sentence,
)

LINES = 40
ROWS = 5
CHANGES = 5
RULES = 7
PROBLEMS = 3
GATES = 2
NARROW = 72
"""Below this many columns ids and subjects are left to the other formats."""


def render(assessment: Assessment, screen: Screen) -> str:
    """The answer of `mistrust check` for a person at a terminal; never more than `LINES` lines, whatever the input."""
    name, *rest = about(assessment)
    head = screen.fit(f" {screen.dot} ".join((screen.fit(name, screen.width // 2), *rest)), screen.width)
    parts = (
        [screen.paint(head, "bold"), *_table(assessment.rows, screen)],
        _paths(assessment, screen),
        _findings(assessment, screen),
        _coverage(assessment, screen),
        _end(assessment, screen),
    )
    return "\n".join(line for part in parts if part for line in (*part, "")).rstrip("\n") + "\n"


def _table(rows: Sequence[Row], screen: Screen) -> list[str]:
    if not rows:
        return []
    shown = rows if len(rows) <= ROWS else rows[: ROWS - 1]
    grid = [("", *ROW_HEADS), *((screen.fit(r.name, 24), *cells(r)) for r in shown)]
    widths = [max(columns(line[i]) for line in grid) for i in range(len(ROW_HEADS) + 1)]
    out = []
    for i, line in enumerate(grid):
        numbers = "".join(f"   {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        text = screen.fit("  " + pad(line[0], widths[0]) + numbers, screen.width)
        room = screen.width - columns(text) - 6
        note = shown[i - 1].note if i else ""
        if note and room > 12:
            text += screen.paint(f"   {screen.remark} {screen.fit(note, room)}", "yellow")
        out.append(screen.paint(text, "dim") if i == 0 else text)
    return out if len(rows) <= ROWS else [*out, f"  and {count(len(rows) - len(shown), 'more layer')}"]


def _paths(assessment: Assessment, screen: Screen) -> list[str]:
    paths, fixes = assessment.paths, assessment.paths.fixes
    label = "Attack paths: "
    text = screen.fit(paths_sentence(assessment), screen.width - len(label))
    out = [screen.paint(label, "bold") + screen.paint(text, "red" if paths.pairs else "plain")]
    if cut := fixes_sentence(fixes, paths.pairs):
        out.append("  " + screen.fit(cut.removesuffix(".") + ":" if fixes.changes else cut, screen.width - 2))
    out += _changes(fixes.changes, screen)
    if paths.paths:
        first = paths.paths[0]
        steps = f" {screen.arrow} ".join(screen.clean(str(foothold)) for foothold in route(first))
        line = f"Shortest ({count(len(first.hops), 'hop')}): {steps}"
        out.append("  " + screen.fit(line, screen.width - 2))
    if inside := inside_sentence(paths):
        out.append("  " + screen.fit(inside, screen.width - 2))
    return out


def _changes(changes: Sequence[Change], screen: Screen) -> list[str]:
    if not changes:
        return []
    shown = changes[:CHANGES] if len(changes) <= CHANGES else changes[: CHANGES - 1]
    digits = max(len(f"{c.cuts:,}") for c in shown)
    ids = [f"   {change_id(c)}" if screen.width >= NARROW else "" for c in shown]
    room = screen.width - len("  1. ") - len("   cuts ") - digits - len(ids[0])
    width = min(room, max(columns(screen.clean(_title(c, screen, room))) for c in shown))
    out = [
        f"  {i}. {screen.cell(_title(c, screen, width), width)}   cuts {c.cuts:>{digits},}{screen.paint(name, 'dim')}"
        for i, (c, name) in enumerate(zip(shown, ids, strict=True), 1)
    ]
    if len(changes) > len(shown):
        out.append(f"  and {count(len(changes) - len(shown), 'more change')}")
    return out


def _title(change: Change, screen: Screen, room: int) -> str:
    """The title, and of the note what stands before its first colon: of the two the title is cut."""
    if not change.note:
        return change.title
    note = screen.fit(f" ({change.note.partition(':')[0]})", room)
    return screen.fit(change.title, max(12, room - columns(note))) + note


def _findings(assessment: Assessment, screen: Screen) -> list[str]:
    if not assessment.findings and not assessment.accepted:
        return ["Findings: none."]
    detail = severities_sentence(assessment.findings)
    summary = f"{len(assessment.findings):,}" + (f" ({detail})" if detail else "")
    if assessment.accepted:
        summary += f", and {len(assessment.accepted):,} accepted"
    out = [screen.paint("Findings: ", "bold") + screen.fit(summary, screen.width - 10)]
    groups = grouped(assessment.findings)
    shown = groups if len(groups) <= RULES else groups[: RULES - 1]
    out += _rules(shown, screen)
    if len(groups) > len(shown):
        rest = groups[len(shown) :]
        out.append(f"  and {count(sum(len(g.findings) for g in rest), 'finding')} of {count(len(rest), 'more rule')}")
    return out


def _rules(groups: Sequence[Group], screen: Screen) -> list[str]:
    if not groups:
        return []
    digits = max(len(f"{len(g.findings):,}") for g in groups)
    heads = [
        "  "
        + screen.paint(f"{g.worst.severity.value:<8}", SEVERITY_STYLE[g.worst.severity])
        + f"  {len(g.findings):>{digits},}  "
        for g in groups
    ]
    room = screen.width - len("  critical    ") - digits - 2
    if screen.width < NARROW:
        return [head + screen.fit(g.worst.title, room) for head, g in zip(heads, groups, strict=True)]
    rules = max(columns(screen.fit(g.rule, 16)) for g in groups)
    room -= rules + 4
    subjects = max(columns(screen.clean(g.worst.subject)) + len(_on(g.worst)) for g in groups)
    titles = min(max(columns(screen.clean(g.worst.title)) for g in groups), max(room - subjects, room // 2))
    lines = []
    for head, g in zip(heads, groups, strict=True):
        on = _on(g.worst) if room - titles - len(_on(g.worst)) > len("Pod a/b") else ""
        subject = screen.fit(g.worst.subject, room - titles - len(on))
        line = f"{head}{screen.cell(g.rule, rules)}  {screen.cell(g.worst.title, titles)}  {subject}"
        lines.append(line + screen.paint(on, "red"))
    return lines


def _on(finding: Finding) -> str:
    return f" (on {count(finding.paths, 'path')})" if finding.paths and finding.layer != "paths" else ""


def _coverage(assessment: Assessment, screen: Screen) -> list[str]:
    lines: list[str] = []
    blind = [p for p in assessment.problems if p.blinds]
    remarks = count(len(assessment.problems) - len(blind), "remark") if len(blind) < len(assessment.problems) else ""
    if blind:
        places = f"{count(len(blind), 'place')} in {count(len({p.file for p in blind}), 'file')}"
        lines.append(f"Not understood: {places}" + (f"; {remarks}" if remarks else ""))
        shown = blind if len(blind) <= PROBLEMS else blind[: PROBLEMS - 1]
        lines += [f"  {replace(p, file=_end_of(p.file, screen))}" for p in shown]
        if len(blind) > len(shown):
            lines.append(f"  and {len(blind) - len(shown):,} more")
    elif remarks:
        lines.append(f"{remarks} on the input")
    if assessment.gaps:
        lines.append(f"Not seen: {listed(dict.fromkeys(map(gap_phrase, assessment.gaps)), 3)}")
    if assessment.unread:
        total = count(sum(assessment.unread.values()), "object")
        lines.append(f"Not judged: {total} of kinds that no layer reads: {listed(sorted(assessment.unread), 4)}")
    if assessment.paths.unknown:
        lines.append(f"Might open a path: {listed(assessment.paths.unknown, 2)}")
    return [screen.paint(screen.fit(line, screen.width), "yellow") for line in lines]


def _end_of(file: str, screen: Screen) -> str:
    """The end of a long file name says more than its beginning."""
    name = screen.clean(file)
    room = screen.width * 2 // 5
    return name if len(name) <= room else screen.ellipsis + name[-room:]


def _end(assessment: Assessment, screen: Screen) -> list[str]:
    out = [f"{screen.arrow} {command}" for command in map(screen.clean, next_commands(assessment))]
    new = f"{assessment.new:,} new since baseline." if assessment.new is not None else ""
    new = screen.fit(new, screen.width - len("   exit 0"))
    failures = assessment.failures
    shown = failures if len(failures) <= GATES else failures[: GATES - 1]
    for failure in shown:
        out.append(screen.paint(screen.fit(f"Gate failed: {failure}", screen.width), "red"))
    if len(failures) > len(shown):
        out.append(f"and {count(len(failures) - len(shown), 'more gate')} failed")
    verdict = screen.paint(f"exit {assessment.exit_code}", "red" if assessment.exit_code else "green")
    return [*out, f"{new}   {verdict}".lstrip()]


def next_commands(assessment: Assessment) -> tuple[str, ...]:
    """What to type next, exactly: the reason of the first thing to act on, and the whole report."""
    changes = assessment.paths.fixes.changes
    first: Finding | None = next((g.worst for g in grouped(assessment.findings)), None)
    what = change_id(changes[0]) if changes else first.id if first else ""
    report = f"mistrust check {assessment.source} -o html=report.html"
    return (f"mistrust explain {what} {assessment.source}", report) if what else (report,)
