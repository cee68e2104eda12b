"""Lists for a terminal: every id of an assessment, and paths hop by hop."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.access.evidence import Evidence
from mistrust.paths.path import Path
from mistrust.report.assessment import Assessment, Locate, change_id, path_id, ranked
from mistrust.report.screen import SEVERITY_STYLE, Screen
from mistrust.report.words import fixes_sentence, paths_sentence, place, route


def list_ids(assessment: Assessment, screen: Screen) -> str:
    """Everything that `mistrust explain` can be asked about, one line each: changes, paths, findings."""
    lines: list[str] = []
    for change in assessment.paths.fixes.changes:
        lines.append(f"{change_id(change)}  {screen.clean(change.title)}")
    for path in assessment.paths.paths:
        lines.append(f"{path_id(path)}  {_route(path, screen)}")
    for f in ranked(assessment.findings):
        severity = screen.paint(f"{f.severity.value:<8}", SEVERITY_STYLE[f.severity])
        lines.append(f"{f.id}  {severity}  {screen.clean(f.subject)}: {screen.clean(f.title)}")
    return "\n".join(lines) + "\n" if lines else "nothing to explain\n"


def list_paths(assessment: Assessment, locate: Locate, screen: Screen, limit: int) -> str:
    """The paths, shortest first, each hop with what makes it possible; then the changes that cut them all."""
    paths, fixes = assessment.paths, assessment.paths.fixes
    lines = [screen.paint(paths_sentence(assessment), "bold")]
    for path in paths.paths[:limit]:
        lines += ["", f"{screen.paint(path_id(path), 'bold')}  {_route(path, screen)}"]
        for i, hop in enumerate(path.hops, 1):
            step = f"  [{hop.step}]" if hop.step else ""
            lines.append(f"  {i}. {screen.clean(hop.how)}{screen.paint(step, 'dim')}")
            lines += [f"       {ground}" for ground in _grounds(hop.grants, locate, screen)]
            if hop.assumes:
                lines.append(screen.paint(f"       assuming: {screen.clean(hop.assumes)}", "yellow"))
    if paths.pairs > limit:
        lines += ["", f"and {paths.pairs - limit:,} more (--limit N)"]
    if fixes.changes:
        lines += ["", screen.paint(fixes_sentence(fixes, paths.pairs), "bold")]
        lines += [
            f"  {change_id(c)}  {screen.clean(c.title)}" + (f" ({screen.clean(c.note)})" if c.note else "")
            for c in fixes.changes
        ]
    lines += [screen.paint(f"not judged: {screen.clean(u)}", "yellow") for u in paths.unknown]
    return "\n".join(lines) + "\n"


def _route(path: Path, screen: Screen) -> str:
    return f" {screen.arrow} ".join(screen.clean(str(f)) for f in route(path))


def _grounds(grants: Iterable[Evidence], locate: Locate, screen: Screen) -> Iterable[str]:
    for e in grants:
        yield f"{screen.clean(place(*locate(e)))}  {screen.clean(str(e))}"
