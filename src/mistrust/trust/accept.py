"""Accepted risks: who answers for a finding, and until when.

An acceptance that matches nothing, or whose day has passed, is itself a finding: silence is how exceptions rot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from mistrust.access.finding import Finding, Severity
from mistrust.kube.meta import Ref


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[accept]]` of `mistrust.toml`. Patterns may hold `*` and `?`; all that are given must match."""

    reason: str
    owner: str
    until: str
    """The last day on which it holds: `2027-03-31`."""
    rule: str = "*"
    object: str = "*"
    """`DaemonSet ops/agent`, `* payments/*`."""
    subject: str = "*"
    id: str = ""
    """The id of one finding, instead of patterns."""

    def matches(self, finding: Finding) -> bool:
        """Does it speak of this finding?"""
        if self.id:
            return finding.id == self.id
        return (
            fnmatchcase(finding.rule, self.rule)
            and fnmatchcase(str(finding.ref), self.object)
            and fnmatchcase(finding.subject, self.subject)
        )

    def __str__(self) -> str:
        if self.id:
            return self.id
        named = {"rule": self.rule, "object": self.object, "subject": self.subject}
        return ", ".join(f"{k} {v}" for k, v in named.items() if v != "*")


class Judged(msgspec.Struct, frozen=True):
    """Findings after acceptance."""

    open: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Acceptance], ...]


def accept(findings: Iterable[Finding], acceptances: Sequence[Acceptance], today: str, file: str) -> Judged:
    """Set the accepted findings apart; add a finding for each acceptance that has expired or matches nothing.

    Parameters: `today` as `2026-11-23`; `file` is the configuration, the object that a person would edit.
    """
    valid = [a for a in acceptances if a.until >= today]
    still: list[Finding] = []
    accepted: list[tuple[Finding, Acceptance]] = []
    used: set[int] = set()
    for finding in findings:
        matching = [a for a in acceptances if a.matches(finding)]
        used.update(id(a) for a in matching)
        holding = next((a for a in matching if a in valid), None)
        if holding is None:
            still.append(finding)
        else:
            accepted.append((finding, holding))
    for a in acceptances:
        if id(a) not in used:
            still.append(_about(a, file, "MT-ACCEPT-001", "An accepted risk matches nothing", "it matches no finding"))
        elif a not in valid:
            what = f"it ended on {a.until}; {a.owner} answers for it"
            still.append(_about(a, file, "MT-ACCEPT-002", "An accepted risk has expired", what))
    return Judged(tuple(still), tuple(accepted))


def _about(a: Acceptance, file: str, rule: str, title: str, detail: str) -> Finding:
    ref = Ref("", "Configuration", "", file)
    return Finding(rule, str(a), ref, title, f"{a}: {detail}", Severity.MEDIUM, "configuration")
