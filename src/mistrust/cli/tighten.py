"""Write the policy that is just enough for what was used, and prove it: nothing used is lost, nothing is wider.

Reads a folder of manifests, a dump, a saved snapshot or a live cluster, and evidence of use. Without -o it says what
would change. With -o it writes a folder: changed/, new/, deleted/ and fields/ for kubectl, kustomization.yaml for
kustomize, proof.json. --fix edits the manifests where they are, and keeps every line that no change is about; --diff
prints that as a patch and writes nothing. Both prove what the edited files say, and stop where that does not hold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mistrust.cli.source import add_source_arguments

if TYPE_CHECKING:
    from mistrust.access.change import Tightened
    from mistrust.access.record import Coverage
    from mistrust.cli.evidence import Seen
    from mistrust.kube.meta import Ref
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.network.least.forms import Name

EXAMPLES = """examples:
  mistrust tighten manifests/ --evidence audit/
  mistrust tighten prod.json --evidence audit/ -o tighter/ && kubectl diff -f tighter/changed/
  mistrust tighten manifests/ --evidence audit/ --diff | git apply
  mistrust tighten manifests/ --evidence audit/ --fix && git diff
  mistrust prove manifests/ fixed/ --evidence audit/

exit codes: 0 proved   1 the proof fails: nothing is written   2 usage
  3 evidence too thin, something was not read, or a change could not be written into its file
"""

FORMS: tuple[Name, ...] = ("kubernetes", "cilium", "cluster")
"""For --network-policy."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust tighten`."""
    add_source_arguments(parser)
    parser.add_argument(
        "--evidence", action="append", required=True, metavar="PATH", help="audit logs, flows, or a folder of them"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("-o", "--output", metavar="DIR", help="write the files there; the folder must be new or empty")
    form.add_argument("--fix", action="store_true", help="edit the manifests in place, where the proof holds")
    form.add_argument("--diff", action="store_true", help="print those edits as a patch, and write nothing")
    parser.add_argument(
        "--network-policy",
        choices=FORMS,
        default=FORMS[0],
        metavar="KIND",
        help=f"the kind in which the network's policies are written: {', '.join(FORMS)} (kubernetes)",
    )
    parser.add_argument(
        "--days", type=float, default=14, metavar="N", help="least length of the evidence, without holes (14)"
    )


def run(args: argparse.Namespace) -> int:
    """Synthesize, prove, print and write; exit code 0 if the proof holds.

    Raises `Error` for a source or evidence that cannot be read, and for evidence that is too thin.
    """
    from mistrust.access.change import applied
    from mistrust.cli.evidence import evidence
    from mistrust.cli.inplace import place
    from mistrust.cli.progress import Progress
    from mistrust.cli.prove import certificate, proofs, told
    from mistrust.cli.source import open_source
    from mistrust.report.clean import clean
    from mistrust.report.manifests import folder

    target = _target(args.output)
    files = place(args.source, args.namespace or "default") if args.fix or args.diff else None
    old = open_source(args).snapshot
    with Progress("reading", quiet=args.quiet) as progress:
        seen = evidence(args.evidence, old.version, progress.step)
    with Progress("tightening", quiet=args.quiet) as progress:
        steps: list[Tightened] = []
        for name, step in tightened(old, seen, args.days, args.network_policy):
            progress.step(name)
            steps.append(step)
        changes = [change for step in steps for change in step.changes]
        progress.step("proof")
        if files is not None:
            edit, found = files.proved(changes, old, lambda new: dict(proofs(old, new, seen, args.days)))
        else:
            new = old.holding(applied(old.objects, changes))
            edit, found = None, dict(proofs(old, new, seen, args.days))
    doubts = [str(p) for p in (*old.problems, *seen.problems) if p.blinds]
    lines = [seen.words(), *(str(line) for s in steps for line in (*s.changes, *s.left, *s.remarks))]
    lines += [line for name, proof in found.items() for line in told(name, proof)]
    words = sys.stderr if args.diff else sys.stdout
    words.writelines(clean(line) + "\n" for line in lines)
    sys.stderr.writelines(f"mistrust: {clean(line)}\n" for line in doubts)
    holds = all(p.holds for p in found.values())
    if target is not None and holds:
        document = certificate(found, seen, doubts, sources={"evidence": args.evidence})
        _write(target, {**folder(changes), "proof.json": document.encode()})
        sys.stdout.write(f"written to {target}\n")
    if files is not None and edit is not None:
        if holds:
            (files.show if args.diff else files.write)(edit)
        words.writelines(clean(line) + "\n" for line in files.told(edit, written=args.fix and holds))
        doubts += map(str, edit.refused)
    return 1 if not holds else 3 if doubts else 0


def tightened(old: Snapshot, seen: Seen, days: float, form: Name = "kubernetes") -> Iterator[tuple[str, Tightened]]:
    """What each layer proposes, as far as there is evidence for it.

    Raises `InputError` for evidence too thin to call anything unused.
    """
    if seen.audit is not None:
        _enough(seen.audit.coverage, days)
        yield "permissions", _permissions(old, seen)
    if seen.flows is not None:
        yield "connections", _connections(old, seen, days, form)
        yield "mesh", _mesh(old, seen, days)
    if seen.audit is not None:
        yield "pods", _pods(old, seen, days)


def _permissions(old: Snapshot, seen: Seen) -> Tightened:
    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.layers.identity.layer import Identity
    from mistrust.layers.identity.synthesize import synthesize

    assert seen.audit is not None
    identity = Identity(default_rbac(), api_resources())
    dark, universe = seen.dark(old), identity.universe(old)
    return synthesize(
        old.objects,
        seen.audit.uses,
        lambda objects: identity.index(old.holding(objects)),
        lambda grant, rule: dark.hides(universe, grant.principal, grant.namespace, rule),
    )


def _connections(old: Snapshot, seen: Seen, days: float, form: Name) -> Tightened:
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.synthesize import synthesize
    from mistrust.layers.network.usage import used

    assert seen.flows is not None
    usage = used(Network().granted(old), seen.flows, old)
    return synthesize(old, usage, days=days, callers=_callers(old, seen), form=form)


def _mesh(old: Snapshot, seen: Seen, days: float) -> Tightened:
    from mistrust.cli.connections import mesh_uses
    from mistrust.layers.mesh.synthesize import synthesize

    assert seen.flows is not None
    return synthesize(old, mesh_uses(old, seen), seen.flows.coverage, days=days)


def _pods(old: Snapshot, seen: Seen, days: float) -> Tightened:
    from mistrust.cli.pods_seen import pods_seen
    from mistrust.layers.pods.synthesize import synthesize

    return synthesize(old, pods_seen(old, seen, days), days=days)


def _callers(old: Snapshot, seen: Seen) -> list[Ref]:
    """The workloads whose token the API server saw."""
    from mistrust.layers.identity.subjects import account

    users = {r.user for r in seen.audit.uses} if seen.audit is not None else set()
    return [w.ref for w in old.workloads if account(w.namespace, w.spec.identity).name in users]


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
    from mistrust.layers.identity.enough import thin

    if coverage.days < days:
        got = f"{coverage.days:.1f} days"
        raise InputError("evidence is too thin", got=got, wanted=f"{days:g} days", do="gather more, or say --days")
    if why := thin(coverage, days):
        raise InputError(why, do="what is not in it is unknown, and nothing may be called unused")


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    from mistrust.kube.errors import UsageError

    try:
        for name, data in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise UsageError("cannot be written", where=str(target), got=error.strerror or str(error)) from None
