"""GitHub's workflow commands: findings as annotations on the lines of a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands; the escapes are those of
actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.access.finding import Finding, Severity
from mistrust.report.assessment import Assessment, Catalog, Locate, ranked
from mistrust.report.clean import clean
from mistrust.report.words import about, count, fixes_sentence, paths_sentence, where

SHOWN = 10
"""GitHub shows no more annotations of each level a step."""

LEVEL: Mapping[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """The worst findings of each level, one command a line; what is left out is counted in the last of them."""
    lines: list[str] = []
    errors = [_command("error", "mistrust: gate failed", failure) for failure in assessment.failures]
    blind = [p for p in assessment.problems if p.blinds]
    warnings = [_command("warning", "mistrust: not understood", str(p), p.file, p.line) for p in blind]
    first = {"error": errors, "warning": warnings, "notice": []}
    for level, own in first.items():
        found = [f for f in ranked(assessment.findings) if LEVEL[f.severity] == level]
        every = [*own[:SHOWN], *(_finding(level, f, locate) for f in found[:SHOWN])]
        total = len(own) + len(found)
        if total > SHOWN:
            every = [*every[: SHOWN - 1], _command(level, "mistrust", f"and {total - SHOWN + 1:,} more")]
        lines += every
    paths = assessment.paths
    sentence = f"Attack paths: {paths_sentence(assessment)} {fixes_sentence(paths.fixes, paths.pairs)}".rstrip()
    verdict = f"{count(len(assessment.findings), 'finding')}. Exit {assessment.exit_code}."
    lines += [_plain(text) for text in (", ".join(about(assessment)), sentence, verdict)]
    return "\n".join([*lines, ""]).encode()


def _finding(level: str, finding: Finding, locate: Locate) -> str:
    file, line = where(finding.evidence, locate)
    text = f"{finding.subject}: {finding.detail or finding.title}"
    return _command(level, f"{finding.rule} {finding.title}", f"{text}  ({finding.id})", file, line)


def _command(level: str, title: str, message: str, file: str = "", line: int = 0) -> str:
    properties = {"file": _relative(file), "line": str(line) if file and line else "", "title": title}
    shown = ",".join(f"{k}={_property(v)}" for k, v in properties.items() if v)
    return f"::{level} {shown}::{_message(message)}"


def _relative(file: str) -> str:
    return "" if file == "-" else file.replace("\\", "/").removeprefix("./")


def _message(text: str) -> str:
    return clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """A line that is no command: the runner takes `::` at its start, `##[` anywhere (actions/runner, ActionCommand)."""
    return "mistrust: " + clean(text).replace("##[", "## [")
