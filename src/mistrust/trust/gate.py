"""When a check fails: the gate, and the baseline that lets only new findings count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mistrust.access.finding import SEVERITIES, Finding, Severity

HEADER = (
    "# Findings that were there already; mistrust check --baseline counts only others. Written by --update-baseline."
)


def write_baseline(findings: Iterable[Finding]) -> str:
    """A baseline as text: one finding a line, sorted, so that a review reads the difference."""
    lines = sorted({f"{f.id}  {_one_line(f.subject)}: {_one_line(f.title)}" for f in findings})
    return "\n".join([HEADER, *lines, ""])


def read_baseline(text: str) -> frozenset[str]:
    """The ids in a baseline."""
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line.split()[0] for line in lines if line and not line.startswith("#"))


def failing(findings: Sequence[Finding], least: Severity | None, known: frozenset[str] | None) -> tuple[Finding, ...]:
    """The findings that fail the gate: at least this severe, and, where there is a baseline, not in it."""
    if least is None:
        return ()
    severe = SEVERITIES[: SEVERITIES.index(least) + 1]
    return tuple(f for f in findings if f.severity in severe and (known is None or f.id not in known))


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
