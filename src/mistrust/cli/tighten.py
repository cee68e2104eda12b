"""Write the policy that is just enough for what was used, and prove it: nothing used is lost, nothing is wider.

Reads a folder of manifests, a dump, a saved snapshot or a live cluster, and evidence of use. Without -o it says what
would change. With -o it writes a folder: changed/, new/ and deleted/ for kubectl, kustomization.yaml for kustomize,
proof.json.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mistrust.cli.source import add_source_arguments

if TYPE_CHECKING:
    from mistrust.access.record import Coverage, Record
    from mistrust.cli.evidence import Seen
    from mistrust.kube.meta import Object, Ref
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.identity.lookup import Request
    from mistrust.layers.identity.synthesize import Replacement
    from mistrust.layers.network.least.writing import Note
    from mistrust.report.manifests import Written

EXAMPLES = """examples:
  mistrust tighten manifests/ --evidence audit/
  mistrust tighten prod.json --evidence audit/ -o tighter/ && kubectl diff -f tighter/changed/
  mistrust prove manifests/ fixed/ --evidence audit/

exit codes: 0 proved   1 the proof fails   2 usage   3 evidence too thin, or something was not read
"""
TOLD = 8
"""How many uses the head of a file names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust tighten`."""
    add_source_arguments(parser)
    parser.add_argument(
        "--evidence", action="append", required=True, metavar="PATH", help="audit logs, flows, or a folder of them"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="write the files there; the folder must be new or empty")
    parser.add_argument(
        "--days", type=float, default=14, metavar="N", help="least length of the evidence, without holes (14)"
    )


def run(args: argparse.Namespace) -> int:
    """Synthesize, prove, print and write; exit code 0 if the proof holds.

    Raises `Error` for a source or evidence that cannot be read, and for evidence that is too thin.
    """
    from mistrust.cli.evidence import evidence
    from mistrust.cli.progress import Progress
    from mistrust.cli.prove import certificate, proofs, told
    from mistrust.cli.source import open_source
    from mistrust.report.clean import clean
    from mistrust.report.manifests import folder

    target = _target(args.output)
    old = open_source(args).snapshot
    with Progress("reading", quiet=args.quiet) as progress:
        seen = evidence(args.evidence, old.version, progress.step)
    with Progress("tightening", quiet=args.quiet) as progress:
        progress.step("permissions")
        steps = [_permissions(old, seen, args.days)] if seen.audit is not None else []
        if seen.flows is not None:
            progress.step("connections")
            steps.append(_connections(old, seen, args.days))
        new = old
        for step in steps:
            new = _with(old, step.applied(new.objects))
        progress.step("proof")
        found = dict(proofs(old, new, seen))
    doubts = [str(p) for p in (*old.problems, *seen.problems) if p.blinds]
    lines = [seen.words(), *(line for step in steps for line in step.lines)]
    lines += [line for name, proof in found.items() for line in told(name, proof)]
    sys.stdout.writelines(clean(line) + "\n" for line in lines)
    sys.stderr.writelines(f"mistrust: {clean(line)}\n" for line in doubts)
    holds = all(p.holds for p in found.values())
    if target is not None and holds:
        document = certificate(found, seen, doubts, sources={"evidence": args.evidence})
        files = folder(change for step in steps for change in step.written)
        _write(target, {**files, "proof.json": document.encode()})
        sys.stdout.write(f"written to {target}\n")
    return 1 if not holds else 3 if doubts else 0


class Tightened(NamedTuple):
    """What one layer changes."""

    lines: Sequence[str]
    written: Sequence[Written]
    applied: Callable[[Sequence[Object]], Sequence[Object]]


def _with(old: Snapshot, objects: Sequence[Object]) -> Snapshot:
    from mistrust.kube.snapshot import snapshot

    return snapshot(objects, old.problems, gaps=old.gaps, scope=old.scope, version=old.version, name=old.name)


def _permissions(old: Snapshot, seen: Seen, days: float) -> Tightened:
    """The identity layer. Raises `InputError` for evidence too thin to call anything unused."""
    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.layers.identity.layer import Identity
    from mistrust.layers.identity.synthesize import applied, synthesize
    from mistrust.report.manifests import Written

    assert seen.audit is not None
    record = seen.audit
    _enough(record.coverage, days)
    identity = Identity(default_rbac(), api_resources())
    changes = synthesize(old.objects, record.uses, lambda objects: identity.index(_with(old, objects)))
    lines = [_line(c.old, c.new, c.because) for c in changes]
    return Tightened(
        lines or ["nothing to tighten: all that RBAC grants was used, or may have been"],
        [Written(c.old, c.new, tuple(_comments(c, record))) for c in changes],
        lambda objects: applied(objects, changes),
    )


def _connections(old: Snapshot, seen: Seen, days: float) -> Tightened:
    """The network layer."""
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.synthesize import applied, synthesize
    from mistrust.layers.network.usage import used
    from mistrust.report.manifests import Written

    assert seen.flows is not None
    found = synthesize(old, used(Network().granted(old), seen.flows, old), days=days, callers=_callers(old, seen))
    lines = [_line(c.old, c.new, c.because) for c in found.changes]
    lines += [f"left alone {each.workload}: {each.because}" for each in found.left]
    return Tightened(
        [*lines, *found.remarks],
        [Written(c.old, c.new, (f"{c.because}.", *_reasons(c.notes))) for c in found.changes],
        lambda objects: applied(objects, found.changes),
    )


def _reasons(notes: Iterable[Note]) -> Iterator[str]:
    """Why each rule of a policy is there."""
    for note in notes:
        for wanted in note.because[:TOLD]:
            day = datetime.datetime.fromtimestamp(wanted.tally.last, datetime.UTC).date() if wanted.tally else ""
            times = f"{wanted.because} {wanted.tally.count:,} times, last on {day}" if wanted.tally else wanted.because
            yield f"{note.path}: {wanted} ({times})"
        if len(note.because) > TOLD:
            yield f"{note.path}: and {len(note.because) - TOLD} more"


def _callers(old: Snapshot, seen: Seen) -> list[Ref]:
    """The workloads whose token the API server saw."""
    from mistrust.layers.identity.subjects import account

    users = {r.user for r in seen.audit.uses} if seen.audit is not None else set()
    return [w.ref for w in old.workloads if account(w.namespace, w.spec.identity).name in users]


def _line(old: Object | None, new: Sequence[Object], because: str) -> str:
    if old is None:
        return f"new {', '.join(str(o.ref) for o in new)}: {because}"
    verb = "delete" if not new else "change" if any(o.ref == old.ref for o in new) else "narrow"
    return f"{verb} {old.ref}: {because}"


def _target(given: str | None) -> Path | None:
    from mistrust.kube.errors import UsageError

    if given is None:
        return None
    path = Path(given)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("the folder is not empty", where=given, do="name a new one: nothing is overwritten")
    return path


def _enough(coverage: Coverage, days: float) -> None:
    """Raises `InputError` for evidence too thin to call anything unused."""
    from mistrust.kube.errors import InputError

    if coverage.days < days:
        got = f"{coverage.days:.1f} days"
        raise InputError("evidence is too thin", got=got, wanted=f"{days:g} days", do="gather more, or say --days")
    if coverage.holes:
        at = datetime.datetime.fromtimestamp(coverage.holes[0][0], datetime.UTC).isoformat()
        raise InputError(
            "evidence has holes",
            got=f"{len(coverage.holes)}, the first from {at}",
            do="what happened in them is unknown",
        )


def _comments(change: Replacement, record: Record[Request]) -> Iterator[str]:
    """What the file rests on: what was used, how often, and when last."""
    yield f"{change.old.ref}: {change.because}."
    uses: dict[str, tuple[int, int]] = {}
    for request in dict.fromkeys(change.kept):
        tally = record.uses[request]
        what = f"{request.combined}.{request.group}" if request.group else request.combined
        where = f" in {request.namespace}" if request.namespace else ""
        key = f"{request.user} {request.verb} {request.path if request.path is not None else what}{where}"
        count, last = uses.get(key, (0, 0))
        uses[key] = count + tally.count, max(last, tally.last)
    for key, (count, last) in sorted(uses.items(), key=lambda u: (-u[1][0], u[0]))[:TOLD]:
        day = datetime.datetime.fromtimestamp(last, datetime.UTC).date().isoformat()
        yield f"used: {key} ({count:,} times, last on {day})"
    if len(uses) > TOLD:
        yield f"and {len(uses) - TOLD} more"


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    from mistrust.kube.errors import UsageError

    try:
        for name, data in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise UsageError("cannot be written", where=str(target), got=error.strerror or str(error)) from None
