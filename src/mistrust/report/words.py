"""What every format says the same way: numbers, counts, and the sentences built from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.finding import SEVERITIES, Finding, Severity
from mistrust.access.telling import listed
from mistrust.kube.snapshot import Gap
from mistrust.layers.mesh.channel import Transport
from mistrust.paths.path import Fixes, Foothold, Path, Paths
from mistrust.report.assessment import Assessment, Locate, Row, ranked

TRANSPORTS: Mapping[Transport, str] = {
    Transport.PLAINTEXT: "plaintext",
    Transport.NODE_ENCRYPTED: "encrypted between nodes",
    Transport.TLS: "TLS outside the mesh",
    Transport.MTLS_OPPORTUNISTIC: "mTLS not enforced",
    Transport.MTLS_ENFORCED: "mTLS enforced",
    Transport.BROKEN: "broken",
    Transport.UNKNOWN: "unknown",
}
"""How a connection travels, as a person says it; the worst that is known first."""

ROW_HEADS = ("granted", "used", "excess", "unknown")


def count(n: int, one: str, many: str = "") -> str:
    """`1 finding`, `1,284 findings`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def share(part: float) -> str:
    """`97.1 %`; all and nothing are said only where they are exact.

    >>> share(0.99996), share(1.0), share(0.0001)
    ('> 99.9 %', '100 %', '< 0.1 %')
    """
    if part <= 0:
        return "0 %"
    if part >= 1:
        return "100 %"
    if part < 0.0005:
        return "< 0.1 %"
    return "> 99.9 %" if part >= 0.9995 else f"{part * 100:.1f} %"


def cells(row: Row) -> tuple[str, str, str, str]:
    """The numbers of a row as printed: granted, used, excess, unknown."""
    granted = "any" if row.granted is None else f"{row.granted:,}"
    used = "unknown" if row.used is None else f"{row.used:,}"
    if row.excess is not None:
        excess = share(row.excess)
    else:
        excess = "any" if row.granted is None and row.used is not None else "unknown"
    return granted, used, excess, "-" if row.unknown is None else share(row.unknown)


def about(assessment: Assessment) -> tuple[str, ...]:
    """The parts of the first line: what was assessed, and on what evidence."""
    size = f"{count(assessment.workloads, 'workload')}, {count(assessment.namespaces, 'namespace')}"
    version = "Kubernetes version" if assessment.version == "not stated" else "Kubernetes"
    return assessment.name, size, f"{version} {assessment.version}", assessment.evidence


def starts(paths: Paths) -> str:
    """`12 pods`: where the paths begin."""
    names = {"pod": "pod", "identity": "identity", "node": "node"}
    kinds = {p.start.kind for p in paths.paths}
    if kinds == {"internet"}:
        return "the Internet"
    if paths.paths and all(p.hops[0].source.kind == "internet" for p in paths.paths if p.hops):
        return count(paths.starts, "Internet-facing pod")
    word = names.get(next(iter(kinds)), "starting point") if len(kinds) == 1 else "starting point"
    return count(paths.starts, word, "identities" if word == "identity" else "")


def paths_sentence(assessment: Assessment) -> str:
    """How many attack paths there are; none is said with what it rests on."""
    paths = assessment.paths
    targets = listed(paths.targets) or "any target"
    if paths.pairs:
        none = "none from outside; with a pod taken, " if paths.supposed else ""
        return f"{none}{paths.pairs:,} from {starts(paths)} to {targets}."
    if not paths.searched and not paths.takeable:
        return "none looked for: there is nothing to start from."
    blind = bool(paths.unknown) or any(p.blinds for p in assessment.problems) or bool(assessment.gaps)
    but = ", but what was not understood may hide one." if blind else "."
    looked = count(paths.searched + paths.takeable, "starting point")
    return f"none found from {looked} to {targets}{but}"


def inside_sentence(paths: Paths) -> str:
    """What one stolen pod is worth beside the paths from outside; empty where nobody looked, or it is the answer."""
    if not paths.takeable or paths.supposed:
        return ""
    verb = "reaches" if paths.taken == 1 else "reach"
    return f"If a pod were taken: {paths.taken:,} of {count(paths.takeable, 'further workload')} {verb} one of them."


def fixes_sentence(fixes: Fixes, pairs: int) -> str:
    """What the changes do together, recomputed; empty where there are no paths."""
    if not pairs:
        return ""
    left = f", and no change that is allowed cuts {fixes.remaining:,}" if fixes.remaining else ""
    if not fixes.changes:
        return "No change that is allowed cuts one."
    verb = "cuts" if len(fixes.changes) == 1 else "cut"
    which = f"all {pairs:,}" if fixes.cut >= pairs else f"{fixes.cut:,} of {pairs:,}"
    proof = "" if fixes.optimal else ", perhaps not the fewest"
    return f"{count(len(fixes.changes), 'change')} {verb} {which}{proof}{left}."


def gap_phrase(gap: Gap) -> str:
    """`Secret in shop (forbidden)`: what could not be seen."""
    return f"{gap.kind}{f' in {gap.namespace}' if gap.namespace else ''} ({gap.why})"


def route(path: Path) -> tuple[Foothold, ...]:
    """The footholds of a path from start to target; what a hop needs besides its source is left out."""
    made = {hop.target: hop for hop in reversed(path.hops)}
    back = [path.hops[-1].target if path.hops else path.target]
    while back[-1] != path.start and (hop := made.pop(back[-1], None)):
        back.append(hop.source)
    return tuple(reversed(back))


class Group(msgspec.Struct, frozen=True):
    """All findings of one rule, worst first."""

    rule: str
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Finding:
        """The one to look at."""
        return self.findings[0]


def grouped(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Findings by rule, the rule with the worst finding first."""
    groups: dict[str, list[Finding]] = {}
    for f in ranked(findings):
        groups.setdefault(f.rule, []).append(f)
    return tuple(Group(rule, tuple(fs)) for rule, fs in groups.items())


def by_severity(findings: Iterable[Finding]) -> Mapping[Severity, int]:
    """How many there are of each severity, worst first; severities without one are left out."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for f in findings:
        counts[f.severity] += 1
    return {s: n for s, n in counts.items() if n}


def severities_sentence(findings: Iterable[Finding]) -> str:
    """`3 critical, 40 high`."""
    return ", ".join(f"{n:,} {s}" for s, n in by_severity(findings).items())


def place(file: str, line: int) -> str:
    """`apps/web.yaml:41`; empty where there is no file."""
    return f"{file}:{line}" if file and line else file


def where(evidence: Iterable[Evidence], locate: Locate) -> tuple[str, int]:
    """File and line of the first evidence that has one."""
    places = [locate(e) for e in evidence]
    return next((p for p in places if p[0] and p[1]), next((p for p in places if p[0]), ("", 0)))
