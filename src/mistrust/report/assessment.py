"""Everything a report prints, as one value: no object graph, no I/O, nothing left to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from mistrust.access.evidence import Evidence, FieldPath
from mistrust.access.finding import SEVERITIES, Finding, Severity, stable_hash
from mistrust.channels.atlas import Atlas
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Gap
from mistrust.paths.path import Change, Hop, Path, Paths

Locate = Callable[[Evidence], tuple[str, int]]
"""File and line of a field, for printing: line 0 where lines mean nothing, file "" where there is none.
Renderers never read files; whoever calls them does."""


class Row(msgspec.Struct, frozen=True):
    """One layer: what is granted, what is used, what is in excess. A layer that does not exist has no row."""

    name: str
    """`permissions`, `node powers`, `connections`."""
    granted: int | None = None
    """Number of accesses; None where anything at all is granted."""
    used: int | None = None
    """None without evidence: never shown as zero."""
    excess: float | None = None
    """Share of the granted that nothing uses, from 0 to 1."""
    unknown: float | None = None
    """Share that could not be judged, from 0 to 1."""
    note: str = ""
    """The one thing worth saying about it, in a clause."""
    layer: str = ""
    """The layer that answered, as findings name it (`identity`), so that the numbers can lead to their reasons."""


class Accepted(msgspec.Struct, frozen=True):
    """A finding that somebody answers for until a day."""

    finding: Finding
    reason: str
    owner: str
    until: str
    """`2026-12-31`."""


class Entry(msgspec.Struct, frozen=True):
    """What the catalog says about a check (`MT-POD-001`) or a step of an attack (`token-request`)."""

    title: str
    prose: str = ""
    """Markdown: what it is, why it is bad, how to defend."""
    severity: Severity | None = None
    """None for a step."""
    references: tuple[str, ...] = ()


Catalog = Mapping[str, Entry]
"""Checks and steps by id, as every renderer is given it; an id that is missing is printed without prose."""

NO_CATALOG: Catalog = MappingProxyType({})


class Assessment(msgspec.Struct, frozen=True):
    """The answer of `mistrust check`."""

    name: str
    """What a person calls the input: `prod.json`, a folder, a context."""
    source: str
    """The arguments that name the input, as a person would type them again: reports say what to run next."""
    scope: str
    """`manifests` or `cluster`."""
    paths: Paths
    version: str = "not stated"
    """Kubernetes' version."""
    workloads: int = 0
    namespaces: int = 0
    evidence: str = "no evidence: used is unknown"
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Those that are not accepted; renderers order them with `ranked`."""
    accepted: tuple[Accepted, ...] = ()
    new: int | None = None
    """Findings that the baseline does not have; None without a baseline."""
    failures: tuple[str, ...] = ()
    """Each gate that failed, in a clause: "4 new findings of severity high or above"."""
    problems: tuple[Problem, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unread: Mapping[str, int] = MappingProxyType({})
    """Objects of kinds that no layer reads, counted."""
    exit_code: int = 0
    tool: str = ""
    """The version of mistrust that answered."""
    atlas: Atlas | None = None
    """Who may open a connection to whom; None where nobody asked."""


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first: severity, then attack paths through it, then rule and id: never the order of the input."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -f.paths, f.rule, f.id)))


def every_evidence(assessment: Assessment) -> Iterator[Evidence]:
    """All that a renderer may ask the place of."""
    for finding in (*assessment.findings, *(a.finding for a in assessment.accepted)):
        yield from finding.evidence
        yield from (Evidence(e.ref, e.origin, e.path) for e in finding.edits)
    for path in assessment.paths.paths:
        yield from (e for hop in path.hops for e in hop.grants)
    for change in assessment.paths.fixes.changes:
        yield from change.evidence
        yield from (Evidence(e.ref, e.origin, e.path) for e in change.edits)


def change_id(change: Change) -> str:
    """A name for a change that a person can pass to `explain`; stable as a finding's id is."""
    return f"FIX-{stable_hash(change.kind, change.ref.group, str(change.ref), change.title)}"


def path_id(path: Path) -> str:
    """A name for a path that a person can pass to `explain`: its two ends, since between them the shortest is shown."""
    return f"PATH-{stable_hash(path.start.kind, path.start.name, path.target.kind, path.target.name)}"


def on_path(change: Change, path: Path) -> bool:
    """True if a hop of the path rests on what the change takes away."""
    return any(rests_on(hop, change) for hop in path.hops)


def rests_on(hop: Hop, change: Change) -> bool:
    """True if a field that makes the hop possible is one that the change edits, lies inside it, or holds it."""
    places = {(e.ref, e.path) for e in change.evidence} | {(e.ref, e.path) for e in change.edits}
    places = places or {(change.ref, ())}
    return any(_overlap(place, (grant.ref, grant.path)) for place in places for grant in hop.grants)


def _overlap(a: tuple[Ref, FieldPath], b: tuple[Ref, FieldPath]) -> bool:
    shorter = min(len(a[1]), len(b[1]))
    return a[0] == b[0] and a[1][:shorter] == b[1][:shorter]
