"""Facts under the checks that say what they mean; attack paths told as facts of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from mistrust.access.evidence import FieldPath
from mistrust.access.fact import Fact
from mistrust.access.finding import SEVERITIES, Finding
from mistrust.catalog.check import Check
from mistrust.kube.kinds import READ
from mistrust.kube.meta import Ref
from mistrust.paths.path import Foothold, Path, Paths

TARGETS: Mapping[Foothold, str] = {
    Foothold("cluster-admin", ""): "cluster-admin",
    Foothold("node", ""): "node",
    Foothold("secrets", "kube-system"): "system-secrets",
}
"""The targets that have a check of their own."""

EVERYBODY = frozenset({"Group system:unauthenticated", "Group system:authenticated", "User system:anonymous"})
"""Identities that an outsider has, or may get."""


def findings(facts: Iterable[Fact], checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Every fact as a finding of its check, ordered by severity, rule, subject and object.

    Raises `LookupError` for a fact that no check speaks of: it must not get lost.
    """
    known = {name: check for check in checks for name in check.facts}
    found: list[Finding] = []
    for fact in facts:
        check = known.get(fact.name)
        if check is None:
            raise LookupError(f"the catalog has no check for the fact {fact.name}")
        found.append(
            Finding(
                rule=check.id,
                subject=fact.subject,
                ref=fact.ref,
                title=check.title,
                detail=fact.detail,
                severity=check.severity,
                layer=fact.name.partition(".")[0],
                evidence=fact.evidence,
                edits=fact.edits,
            )
        )
    return tuple(sorted(found, key=_order))


def path_findings(paths: Paths, checks: Iterable[Check]) -> tuple[Finding, ...]:
    """One finding a path, under the check of its target and of where it starts: outside, or with one stolen pod."""
    return findings(path_facts(paths), checks)


def on_paths(found: Iterable[Finding], paths: Paths) -> tuple[Finding, ...]:
    """The findings, each with the number of paths that have a hop resting on one of its fields."""
    resting: dict[tuple[Ref, FieldPath], set[int]] = {}
    for i, path in enumerate(paths.paths):
        for hop in path.hops:
            for e in hop.grants:
                resting.setdefault((e.ref, e.path), set()).add(i)

    def count(finding: Finding) -> int:
        if finding.layer == "paths":
            return 1
        places = {(e.ref, e.path) for e in finding.evidence} | {(e.ref, e.path) for e in finding.edits}
        return len(set().union(*(resting.get(place, ()) for place in places)))

    return tuple(replace(f, paths=n) if (n := count(f)) else f for f in found)


def path_facts(paths: Paths) -> Iterator[Fact]:
    """What each path shows about its start."""
    for path in (*paths.paths, *paths.inside):
        target = TARGETS.get(path.target, "other")
        subject = str(path.start) if path.target in TARGETS else f"{path.start} to {path.target}"
        yield Fact(
            name=f"paths.{'outside' if _from_outside(path) else 'inside'}-{target}",
            subject=subject,
            ref=_ref(path.start),
            detail=_steps(path),
            evidence=tuple(dict.fromkeys(e for hop in path.hops for e in hop.grants)),
        )


def _from_outside(path: Path) -> bool:
    return path.hops[0].source.kind == "internet" or str(path.start) in EVERYBODY


def _steps(path: Path) -> str:
    count = "1 step" if len(path.hops) == 1 else f"{len(path.hops)} steps"
    assumed = "; ".join(dict.fromkeys(hop.assumes for hop in path.hops if hop.assumes))
    told = ", then ".join(hop.how for hop in path.hops)
    return f"{path.target} in {count}: {told}" + (f" (if {assumed})" if assumed else "")


_GROUPS = {kind.KIND: kind.GROUP for kind in READ} | {"User": "rbac.authorization.k8s.io"}
_GROUPS["Group"] = _GROUPS["User"]


def _ref(start: Foothold) -> Ref:
    """The object that `Deployment shop/web` names."""
    kind, _, rest = str(start).partition(" ")
    namespace, _, name = rest.rpartition("/") if kind not in ("User", "Group") else ("", "", rest)
    return Ref(_GROUPS.get(kind, ""), kind, namespace, name)


def _order(finding: Finding) -> tuple[int, str, str, Ref, str]:
    return SEVERITIES.index(finding.severity), finding.rule, finding.subject, finding.ref, finding.detail
