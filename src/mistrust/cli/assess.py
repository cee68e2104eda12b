"""The composition root of `check`, `paths` and `explain`: which layers, which catalog, which starts; one Assessment."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from mistrust.access.fact import Fact
from mistrust.access.finding import Finding, Severity
from mistrust.catalog.findings import findings, on_paths, path_findings
from mistrust.catalog.load import api_resources, checks, default_rbac, steps
from mistrust.channels.atlas import Atlas
from mistrust.cli.config import Config, find_config, load_config, today
from mistrust.cli.connections import joined, share
from mistrust.cli.entries import Entries
from mistrust.cli.evidence import Seen, evidence
from mistrust.cli.footholds import starts, targets
from mistrust.cli.pods_seen import powers_row
from mistrust.cli.progress import Progress
from mistrust.cli.source import source_words
from mistrust.cli.version import version
from mistrust.kube.errors import UsageError
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.enough import thin
from mistrust.layers.identity.grants import Grants
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.unused import ENOUGH, unused
from mistrust.layers.identity.usage import Usage, used
from mistrust.layers.network.least.enough import thin as thin_flows
from mistrust.layers.pods.layer import Pods
from mistrust.paths.attack import attack
from mistrust.paths.inuse import in_use
from mistrust.paths.path import Paths
from mistrust.report.assessment import Accepted, Assessment, Catalog, Row
from mistrust.trust.accept import Judged, accept
from mistrust.trust.gate import failing, read_baseline


class Assessed(msgspec.Struct, frozen=True):
    """An assessment, and what printing it needs."""

    assessment: Assessment
    catalog: Catalog
    baseline: str
    """The baseline file in use; empty for none."""


def assess(snapshot: Snapshot, args: argparse.Namespace) -> Assessed:
    """Ask every layer, find the paths, judge the findings by the team's configuration.

    Raises `UsageError` for a configuration or a baseline that cannot be used, or an unknown start or target.
    """
    path = find_config(args.config, args.source)
    config = load_config(path)
    quiet = args.quiet
    with Progress("evidence", quiet=quiet) as progress:
        paths = getattr(args, "evidence", None) or ()
        seen = evidence(paths, snapshot.version, progress.step, config.evidence.engine)
    with Progress("checking", quiet=quiet) as progress:
        progress.step("permissions")
        identity = Identity(default_rbac(), api_resources())
        granted = identity.granted(snapshot)
        facts: list[Fact] = list(identity.facts(snapshot, granted))
        own = granted - _brought(identity, snapshot)
        usage = used(own, seen.audit, seen.dark(snapshot)) if seen.audit is not None else None
        facts += unused(usage) if usage is not None else ()
        progress.step("pods")
        pods = Pods()
        powers = pods.granted(snapshot)
        facts += pods.facts(snapshot, powers)
        progress.step("connections")
        links = joined(snapshot)
        spoken = tuple(links.facts(snapshot))
        facts += spoken
        facts += links.unused(snapshot, seen.flows) if seen.flows is not None else ()
        progress.step("attack paths")
        outside, inside = starts(args.starts or ())
        paths = attack(
            snapshot,
            granted.rbac,
            steps(),
            outside,
            targets(args.targets or ()),
            inside=inside,
            protected=_protected(config, snapshot),
            network=links.footing,
            used=in_use(usage, seen.audit.uses) if usage is not None and seen.audit is not None else None,
        )
    rows = (
        _permissions(own, usage),
        powers_row(powers, snapshot, seen.audit, granted.rbac),
        *links.rows(snapshot, spoken, seen),
    )
    known = checks()
    every = on_paths((*findings(facts, known), *path_findings(paths, known)), paths)
    judged = accept(every, config.accept, today(), str(path) if path else "mistrust.toml")
    return _assessed(
        snapshot,
        args,
        config,
        rows,
        paths,
        judged,
        links.atlas,
        (*links.remarks(snapshot), *seen.problems, *_thin(seen)),
        seen.words(),
    )


def _assessed(
    snapshot: Snapshot,
    args: argparse.Namespace,
    config: Config,
    rows: tuple[Row, ...],
    paths: Paths,
    judged: Judged,
    atlas: Atlas | None,
    remarks: tuple[Problem, ...],
    told: str,
) -> Assessed:
    shown = tuple(f for f in judged.open if _in(f, args.namespace))
    baseline = getattr(args, "baseline", None) or config.check.baseline
    known = frozenset(f.id for f in judged.open) if getattr(args, "update_baseline", False) else _known(baseline)
    gate = getattr(args, "gate", None) or config.check.gate or "high"
    if gate != "none" and gate not in tuple(Severity):
        raise UsageError("no such gate", got=gate, wanted=", ".join((*Severity, "none")))
    failed = failing(shown, None if gate == "none" else Severity(gate), known)
    blind = any(p.blinds for p in (*snapshot.problems, *remarks)) or snapshot.gaps
    code = 1 if failed else 3 if blind and not getattr(args, "allow_unknown", False) else 0
    assessment = Assessment(
        name=snapshot.name,
        source=source_words(args),
        scope=str(snapshot.scope),
        version=str(snapshot.version or "not stated"),
        workloads=len(snapshot.workloads),
        namespaces=len({w.namespace for w in snapshot.workloads}),
        evidence=told,
        rows=rows,
        paths=paths,
        findings=shown,
        accepted=tuple(Accepted(f, a.reason, a.owner, a.until) for f, a in judged.accepted),
        new=None if known is None else sum(f.id not in known for f in shown),
        failures=_failures(failed, gate, known),
        problems=(*snapshot.problems, *remarks),
        gaps=snapshot.gaps,
        unread=snapshot.unread(),
        exit_code=code,
        atlas=atlas,
        tool=version(),
    )
    return Assessed(assessment, Entries(), baseline)


def _thin(seen: Seen) -> Iterator[Problem]:
    """Why nothing is called unused, where the evidence is too thin for that."""
    audit = thin(seen.audit.coverage, ENOUGH) if seen.audit is not None else ""
    flows = thin_flows(seen.flows.coverage, ENOUGH) if seen.flows is not None else ""
    for what, why in (("permissions", audit), ("connections", flows)):
        if why:
            yield Problem(f"{why}: which {what} are unused is unknown", "evidence", blinds=False)


def _permissions(own: Grants, usage: Usage | None) -> Row:
    """The row of the identity layer."""
    count = own.count()
    if usage is None:
        return Row("permissions", granted=count, layer=Identity.name)
    thinly = bool(thin(usage.coverage, ENOUGH))
    hidden = count - usage.count() if thinly else usage.unknown()
    return Row(
        "permissions",
        granted=count,
        used=usage.count(),
        excess=None if thinly else share(usage.count() + hidden, count),
        unknown=hidden / count if hidden and count else None,
        layer=Identity.name,
    )


def _protected(config: Config, snapshot: Snapshot) -> tuple[Ref, ...]:
    """The objects that `protect` names.

    Raises `UsageError` for a pattern that names none: a protection that does not hold must not look as if it did.
    """
    refs = sorted({o.ref for o in snapshot.objects}) if config.check.protect else []
    named = {pattern: [r for r in refs if fnmatchcase(str(r), pattern)] for pattern in config.check.protect}
    empty = [pattern for pattern, found in named.items() if not found]
    if empty:
        raise UsageError("protect names no object", got=repr(empty[0]), wanted="a pattern such as DaemonSet ops/*")
    return tuple(dict.fromkeys(r for found in named.values() for r in found))


def _brought(identity: Identity, snapshot: Snapshot) -> Grants:
    """What every API server grants by itself: of manifests only what they add is counted."""
    return identity.granted(Snapshot(scope=snapshot.scope, gaps=snapshot.gaps))


def _known(baseline: str) -> frozenset[str] | None:
    if not baseline:
        return None
    try:
        return read_baseline(Path(baseline).read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError("no such baseline", where=baseline, do="write it first with --update-baseline") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("baseline cannot be read", where=baseline, got=str(error)) from None


def _failures(failed: Sequence[Finding], gate: str, known: frozenset[str] | None) -> tuple[str, ...]:
    if not failed:
        return ()
    new = "new " if known is not None else ""
    above = "" if gate == Severity.CRITICAL else " or above"
    plural = "s" if len(failed) != 1 else ""
    return (f"{len(failed):,} {new}finding{plural} of severity {gate}{above}",)


def _in(finding: Finding, namespace: str) -> bool:
    """`-n` shows what concerns a namespace, the cluster-wide included."""
    return not namespace or finding.ref.namespace in ("", namespace) or f" {namespace}/" in f" {finding.subject}"
