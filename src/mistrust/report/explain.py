"""The reason behind an id: a finding, a path, a change, a check or a step of an attack."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from mistrust.access.evidence import Evidence, FieldPath, show_path
from mistrust.access.fact import Edit
from mistrust.access.finding import Finding
from mistrust.kube.errors import UsageError
from mistrust.kube.meta import Ref
from mistrust.paths.path import Change, Hop, Path
from mistrust.report.assessment import (
    Accepted,
    Assessment,
    Catalog,
    Entry,
    Locate,
    change_id,
    on_path,
    path_id,
    ranked,
)
from mistrust.report.edits import patches
from mistrust.report.screen import SEVERITY_STYLE, Screen, Style
from mistrust.report.words import count, place, route

PATHS = 3
FINDINGS = 20


def explain(assessment: Assessment, wanted: str, locate: Locate, catalog: Catalog, screen: Screen) -> str:
    """What is true, what it rests on, what takes it away, and how to accept it.

    `wanted` is the id of a finding, a path (`PATH-...`), a change (`FIX-...`), a check or a step, in any case.
    Raises `UsageError` for an id that this assessment does not have, with the nearest that it has.
    """
    key = wanted.lower()
    accepted = {a.finding.id.lower(): a for a in assessment.accepted}
    findings = {f.id.lower(): f for f in (*assessment.findings, *(a.finding for a in assessment.accepted))}
    paths = {path_id(p).lower(): p for p in assessment.paths.paths}
    changes = {change_id(c).lower(): c for c in assessment.paths.fixes.changes}
    entries = {name.lower(): name for name in catalog}
    if key in findings:
        lines = _finding(findings[key], accepted.get(key), assessment, locate, catalog, screen)
    elif key in paths:
        lines = _path(paths[key], assessment, locate, catalog, screen)
    elif key in changes:
        lines = _change(changes[key], assessment, locate, screen)
    elif key in entries:
        lines = [
            *entry(entries[key], catalog[entries[key]], screen),
            *_instances(entries[key], assessment, screen),
        ]
    else:
        every = [*findings, *paths, *changes, *entries]
        near = ", ".join(k if k in entries else k.upper() for k in get_close_matches(key, every, n=3))
        raise UsageError(
            "no finding, path, change, check or step of that id",
            got=repr(wanted),
            do=f"did you mean {near}?" if near else f"mistrust check {assessment.source} lists what there is",
        )
    return "\n".join(lines).rstrip("\n") + "\n"


def entry(name: str, known: Entry, screen: Screen) -> list[str]:
    """The page of a check or a step: title, prose, references."""
    severity = f" ({known.severity})" if known.severity else ""
    lines = [screen.paint(f"{screen.clean(name)}: {screen.clean(known.title)}{severity}", "bold"), ""]
    if known.prose:
        lines += [*screen.prose(known.prose), ""]
    if known.references:
        lines += ["References", *(f"  {screen.clean(r)}" for r in known.references), ""]
    return lines


def acceptance(finding: str) -> str:
    """The lines of `mistrust.toml` that accept a finding."""
    return "\n".join(
        (
            "[[accept]]",
            f'id = "{finding}"',
            'reason = ""           # why it may stay',
            'owner = ""            # who answers for it',
            'until = ""            # the last day on which it holds, as 2027-03-31',
        )
    )


def _finding(
    finding: Finding,
    accepted: Accepted | None,
    assessment: Assessment,
    locate: Locate,
    catalog: Catalog,
    screen: Screen,
) -> list[str]:
    title = f"{screen.clean(finding.id)}  {screen.clean(finding.title)}"
    style = SEVERITY_STYLE[finding.severity]
    lines = [f"{screen.paint(title, 'bold')}  {screen.paint(f'({finding.severity})', style)}", ""]
    lines += screen.wrap(f"{finding.subject}: {finding.detail}" if finding.detail else finding.subject)
    lines += [f"Object: {screen.clean(str(finding.ref))}", ""]
    lines += _evidence("What it rests on", finding.evidence, locate, screen)
    touched = {(e.ref, e.path) for e in (*finding.evidence, *_as_evidence(finding.edits))}
    through = [p for p in assessment.paths.paths if any((g.ref, g.path) in touched for h in p.hops for g in h.grants)]
    if finding.paths:
        lines.append(f"On {count(finding.paths, 'attack path')}" + (":" if through else "."))
        for path in through[:PATHS]:
            lines += _hops(path.hops, locate, screen, "    ", touched)
        lines.append("")
    known = catalog.get(finding.rule, Entry(""))
    if known.prose:
        lines += [screen.paint("Why it matters", "bold"), *screen.prose(known.prose, "  "), ""]
    lines += _patch(finding.edits, finding.evidence, locate, screen)
    if known.references:
        lines += [screen.paint("References", "bold"), *(f"  {screen.clean(r)}" for r in known.references), ""]
    if accepted:
        lines += screen.wrap(f"Accepted by {accepted.owner} until {accepted.until}: {accepted.reason}")
    else:
        lines.append(screen.paint("To accept it, in mistrust.toml", "bold"))
        lines += [f"  {line}" for line in acceptance(screen.clean(finding.id)).split("\n")]
    return lines


def _as_evidence(edits: Iterable[Edit]) -> Iterable[Evidence]:
    return (Evidence(e.ref, e.origin, e.path) for e in edits)


def _path(path: Path, assessment: Assessment, locate: Locate, catalog: Catalog, screen: Screen) -> list[str]:
    ends = f" {screen.arrow} ".join(screen.clean(str(end)) for end in (path.start, path.target))
    lines = [screen.paint(f"{path_id(path)}  {ends}", "bold")]
    lines += [f"The shortest way: {count(len(path.hops), 'hop')}.", ""]
    lines += [*_hops(path.hops, locate, screen, "  "), ""]
    steps = dict.fromkeys(h.step for h in path.hops if h.step in catalog)
    if steps:
        lines += [screen.paint("The steps", "bold")]
        lines += [f"  {screen.clean(s)}: {screen.clean(catalog[s].title)}" for s in steps]
        lines.append("")
    cutting = [c for c in assessment.paths.fixes.changes if on_path(c, path)]
    if cutting:
        lines += [screen.paint("Changes that cut it", "bold")]
        lines += [f"  {change_id(c)}  {screen.clean(c.title)}" for c in cutting]
    return lines


def _hops(
    hops: Sequence[Hop], locate: Locate, screen: Screen, indent: str, marked: Collection[tuple[Ref, FieldPath]] = ()
) -> list[str]:
    if not hops:
        return []
    lines = [f"{indent}{screen.clean(str(hops[0].source))}"]
    held = hops[0].source
    for hop in hops:
        if hop.source != held:
            lines.append(f"{indent}{screen.clean(str(hop.source))}")
        step = f"  [{screen.clean(hop.step)}]" if hop.step else ""
        also = f", also holding {', '.join(screen.clean(str(f)) for f in hop.also)}" if hop.also else ""
        lines.append(f"{indent}  {screen.arrow} {screen.clean(hop.how)}{also}{screen.paint(step, 'dim')}")
        for grant in hop.grants:
            here = (grant.ref, grant.path) in marked
            text = f"{indent}       {_ground(grant, locate, screen)}{f'  {screen.remark} this finding' if here else ''}"
            lines.append(screen.paint(text, "yellow" if here else "dim"))
        if hop.assumes:
            lines += screen.wrap(f"assumes: {hop.assumes}", indent + "       ")
        lines.append(f"{indent}{screen.paint(screen.clean(str(hop.target)), 'bold')}")
        held = hop.target
    return lines


def _change(change: Change, assessment: Assessment, locate: Locate, screen: Screen) -> list[str]:
    lines = [screen.paint(f"{change_id(change)}  {screen.clean(change.title)}", "bold")]
    lines += screen.wrap(f"It takes part in cutting {count(change.cuts, 'attack path')}.")
    if change.note:
        lines += screen.wrap(f"To decide first: {change.note}")
    lines += ["", *_evidence("What it takes away", change.evidence, locate, screen)]
    lines += _patch(change.edits, change.evidence, locate, screen, "The change")
    cut = [p for p in assessment.paths.paths if on_path(change, p)]
    if cut:
        lines.append(screen.paint("Paths that use it", "bold"))
        for path in cut[:FINDINGS]:
            text = f" {screen.arrow} ".join(screen.clean(str(f)) for f in route(path))
            lines.append(f"  {path_id(path)}  {text}")
        if len(cut) > FINDINGS:
            lines.append(f"  and {len(cut) - FINDINGS:,} more")
    return lines


def _instances(rule: str, assessment: Assessment, screen: Screen) -> list[str]:
    found = [f for f in ranked(assessment.findings) if f.rule == rule]
    if not found:
        return []
    lines = [screen.paint(f"Here: {count(len(found), 'finding')}", "bold")]
    for f in found[:FINDINGS]:
        lines.append(f"  {screen.clean(f.id)}  {screen.clean(f.subject)}: {screen.clean(f.detail)}")
    if len(found) > FINDINGS:
        lines.append(f"  and {len(found) - FINDINGS:,} more")
    return lines


def _evidence(title: str, evidence: Sequence[Evidence], locate: Locate, screen: Screen) -> list[str]:
    if not evidence:
        return []
    return [screen.paint(title, "bold"), *(f"  {_ground(e, locate, screen)}" for e in evidence), ""]


def _ground(evidence: Evidence, locate: Locate, screen: Screen) -> str:
    at = place(*locate(evidence))
    field = show_path(evidence.path)
    what = f"{field}: {evidence.value}" if field and evidence.value else field or evidence.value
    return screen.clean("  ".join(part for part in (at, str(evidence.ref), what) if part))


def _patch(
    edits: Sequence[Edit],
    evidence: Sequence[Evidence],
    locate: Locate,
    screen: Screen,
    title: str = "What takes it away",
) -> list[str]:
    if not edits:
        return []
    colours: dict[str, Style] = {"+": "green", "-": "red"}
    lines = [screen.paint(title, "bold")]
    for patch in patches(edits, evidence):
        at = place(*locate(patch.place))
        lines.append(f"  {screen.clean('  '.join(part for part in (str(patch.ref), at) if part))}")
        lines += [f"  {screen.paint(screen.clean(line), colours.get(line[0], 'plain'))}" for line in patch.lines]
    return [*lines, ""]
