"""The pages of docs that come from the catalog's own files.

python -m mistrust.catalog.docs [FOLDER]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mistrust.access.finding import SEVERITIES
from mistrust.catalog.check import Check
from mistrust.catalog.load import checks, explain, steps, structure
from mistrust.catalog.starter import Entry, starter
from mistrust.paths.step import Need, Permission, Step

FAMILIES: Mapping[str, str] = {
    "R": "Roles and bindings",
    "I": "Impersonation",
    "C": "Credentials",
    "W": "Workloads",
    "S": "Secrets and other reading",
    "A": "Admission and the API server",
    "N": "Nodes",
    "M": "The network",
    "V": "Volumes",
    "X": "The cloud",
    "D": "Controllers that act for others",
    "O": "From outside",
    "E": "Out of a container",
}
"""By the first letter of a step's code."""

GENERATED = "<!-- Written by `make docs` from src/mistrust/catalog; edit the files there. -->"


def pages() -> Mapping[str, str]:
    """The pages by file name."""
    entries = [entry for known in (*steps(), *structure()) if isinstance(entry := explain(known.id), Step)]
    spoken = [entry for known in checks() if isinstance(entry := explain(known.id), Check)]
    return {"steps.md": step_page(entries), "checks.md": check_page(spoken), "policies.md": policy_page(starter())}


def step_page(entries: Iterable[Step]) -> str:
    """The page of attack steps: a table, then a section each, by family and code."""
    ordered = sorted(entries, key=_by_code)
    lines = [GENERATED, "# Steps of an attack", "", _steps_intro(ordered), "", *_step_table(ordered)]
    family = ""
    for step in ordered:
        if step.code[0] != family:
            family = step.code[0]
            lines += [f"## {FAMILIES[family]}", ""]
        lines += _step_section(step)
    return "\n".join(lines)


def check_page(entries: Iterable[Check]) -> str:
    """The page of checks: a table, then a section each, by id."""
    ordered = sorted(entries, key=lambda check: check.id)
    lines = [GENERATED, "# Checks", "", _checks_intro(ordered), "", *_check_table(ordered)]
    for check in ordered:
        lines += _check_section(check)
    return "\n".join(lines)


def policy_page(entries: Sequence[Entry]) -> str:
    """The page of the starter set: a table, then a section each, by name."""
    counts = ", ".join(f"{sum(e.severity == s for e in entries)} {s}" for s in SEVERITIES)
    intro = (
        f"{len(entries)} ValidatingAdmissionPolicies ({counts}). `mistrust policy export` writes them with bindings; "
        "see [policy](../policy.md). An update is asked only if it changes what the policy looks at."
    )
    lines = [GENERATED, "# The starter set", "", intro, "", "| policy | severity | denies |", "|---|---|---|"]
    lines += [f"| [{e.name}](#{e.name}) | {e.severity} | {e.title} |" for e in entries]
    for entry in entries:
        lines += ["", f"## {entry.name}", "", f"{entry.title}. {entry.severity.capitalize()}. {entry.description}"]
    return "\n".join([*lines, ""])


def _steps_intro(entries: list[Step]) -> str:
    return (
        f"{len(entries)} steps. Each is one file of `src/mistrust/catalog`, which says what an attacker needs and what "
        "is gained; the attack graph is drawn from them. The examples in the file are its tests. Where a step rests on "
        "something that no object shows, it is said under *assumes*, and in every report."
    )


def _checks_intro(entries: list[Check]) -> str:
    counts = ", ".join(f"{sum(c.severity == s for c in entries)} {s}" for s in SEVERITIES)
    return (
        f"{len(entries)} checks ({counts}). A check says what a fact means to a person: why it matters, how to fix it, "
        "when it is fine. Critical is what gives an outsider the cluster."
    )


def _step_table(entries: list[Step]) -> Iterator[str]:
    yield from ("| code | step | gains | ATT&CK |", "|---|---|---|---|")
    for step in entries:
        techniques = ", ".join(map(_technique, step.technique))
        yield f"| {step.code} | [{step.title}](#{step.id}) | {_gain(step)} | {techniques} |"
    yield ""


def _check_table(entries: list[Check]) -> Iterator[str]:
    yield from ("| id | severity | check |", "|---|---|---|")
    for check in entries:
        yield f"| {check.id} | {check.severity} | [{check.title}](#{check.id.lower()}) |"
    yield ""


def _step_section(step: Step) -> Iterator[str]:
    yield from (f"### {step.id}", "", f"**{step.title}.** {_summary(step)}", "", step.prose.strip(), "")
    if step.assumes:
        yield from (f"*Assumes*: {step.assumes}.", "")
    yield from _references(step.references)


def _check_section(check: Check) -> Iterator[str]:
    yield from (f"## {check.id}", "", f"**{check.title}.** Severity {check.severity}.", "", check.prose.strip(), "")
    if check.steps:
        links = ", ".join(f"[{step}](steps.md#{step})" for step in check.steps)
        yield from (f"*Steps of an attack*: {links}.", "")
    if check.controls:
        yield from (f"*Controls*: {', '.join(check.controls)}.", "")
    yield from _references(check.references)


def _summary(step: Step) -> str:
    """What it needs and gains, in a line."""
    who = {"identity": "", "outside": "An outsider", "node-identity": "A kubelet's identity"}
    actor = who.get(step.actor, f"A {step.actor}")
    parts = [f"{actor} gains" if actor else "Gains", f"`{_gain(step)}`"]
    if step.needs:
        parts.append("with " + " and ".join(_need(need) for need in step.needs))
    if step.scope not in ("namespace", "cluster"):
        parts.append(f"in `{step.scope}`")
    elif step.scope == "cluster" and step.needs:
        parts.append("cluster-wide")
    conditions = [c for c in step.where if not c.startswith(("escape:", "structure:"))]
    if conditions:
        parts.append("where " + " and ".join(f"`{c}`" for c in conditions))
    if step.kubernetes:
        parts.append(f"(Kubernetes {step.kubernetes.replace('<', '&lt;').replace('>', '&gt;')})")
    return " ".join(parts) + "."


def _need(need: Need) -> str:
    return " or ".join(_permission(permission) for permission in need.any)


def _permission(permission: Permission) -> str:
    what = ", ".join(permission.resources or permission.urls)
    group = f" ({permission.group})" if permission.group else ""
    names = f" named {', '.join(permission.names)}" if permission.names else ""
    return f"`{'|'.join(permission.verbs)} {what}{group}{names}`"


def _gain(step: Step) -> str:
    return f"{step.gains} {', '.join(step.targets)}" if step.targets else str(step.gains)


def _technique(technique: str) -> str:
    return f"[{technique}](https://attack.mitre.org/techniques/{technique.replace('.', '/')}/)"


def _references(references: Iterable[str]) -> Iterator[str]:
    yield from (f"- <{reference}>" for reference in references)
    yield ""


def _by_code(step: Step) -> tuple[int, int, str]:
    match = re.fullmatch(r"([A-Z])(\d+)", step.code)
    assert match is not None
    return list(FAMILIES).index(match[1]), int(match[2]), step.id


def main(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/catalog"))
