"""What changed between two versions: the connections that came, went or changed, each with a witness; and permissions.

OLD and NEW are folders, files, dumps or saved snapshots.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.cluster.files import Source
    from mistrust.layers.network.profile import Profile
    from mistrust.report.connections.diff import Change

EXAMPLES = """examples:
  mistrust diff main/manifests/ manifests/
  mistrust diff last-week.mist today.mist -o json
  mistrust diff old/ new/ --profile np-guard -o csv

exit codes: 0 nothing changed   1 something changed   2 usage   3 something was not read that may hide a change
"""
FORMS = ("text", "txt", "csv", "md", "dot", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust diff`."""
    from mistrust.cli.reach import PROFILES

    parser.add_argument("old", metavar="OLD", help="folder, file, dump or saved snapshot")
    parser.add_argument("new", metavar="NEW", help="the same, later")
    parser.add_argument("-o", "--output", choices=FORMS, default="text", help="text, or np-guard's forms; json")
    parser.add_argument("--profile", choices=PROFILES, help="how policies are read (that of the plugin that runs)")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="changes to print as text (20)")
    parser.add_argument("-n", "--namespace", metavar="NS", default="default", help="namespace of objects without one")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    """Print what changed; exit code 1 if something did, 3 if something was not read, else 0.

    Raises `Error` for a source that cannot be read.
    """
    from mistrust.cli.reach_all import hidden, reading
    from mistrust.report.clean import clean
    from mistrust.report.connections.diff import Kind, compare
    from mistrust.report.connections.diff_formats import render
    from mistrust.report.connections.of import connections_of

    old, new = (_read(path, args) for path in (args.old, args.new))
    profile, remarks = reading(args.profile, new.snapshot)
    changes = compare(*(connections_of(s.snapshot, profile, fold=False) for s in (old, new)))
    told = [c for c in changes if c.kind is not Kind.UNCHANGED]
    permissions = list(_permissions(old, new)) if args.output == "text" else []
    if args.output == "text":
        from mistrust.cli.can import print_lines

        print_lines([*_headline(told), *_listed(told, old, new, profile, args.limit), *permissions])
    else:
        text = render(changes, args.output)
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    missing = [f"{name}: {line}" for name, s in (("old", old), ("new", new)) for line in hidden(s.snapshot)]
    for line in (*remarks, *missing):
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    return 1 if told or permissions else 3 if missing else 0


def _read(path: str, args: argparse.Namespace) -> Source:
    from mistrust.cli.progress import Progress
    from mistrust.cluster.files import read_files

    with Progress("reading", quiet=args.quiet) as progress:
        return read_files([path], namespace=args.namespace, progress=progress.step)


def _headline(told: Sequence[Change]) -> Iterator[str]:
    from mistrust.report.connections.diff import Kind

    counts = {kind: sum(c.kind is kind for c in told) for kind in Kind}
    if told:
        yield (
            f"connections: {counts[Kind.ADDED]} added, {counts[Kind.REMOVED]} removed, "
            f"{counts[Kind.CHANGED]} with other ports"
        )
    else:
        yield "connections: no change"


def _listed(told: Sequence[Change], old: Source, new: Source, profile: Profile, limit: int) -> Iterator[str]:
    from mistrust.report.connections.diff import Kind
    from mistrust.report.connections.witness import Witnesses

    witnesses = Witnesses(old.snapshot, new.snapshot, profile)
    signs = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~"}
    for kind in signs:
        for change in [c for c in told if c.kind is kind][:limit]:
            ports = str(change.new or change.old) if kind is not Kind.CHANGED else f"{change.new} (was {change.old})"
            yield f"{signs[kind]} {change.source.text} => {change.target.text} : {ports}"
            yield from (f"    {line}" for line in witnesses.of(change))
    left = sum(max(0, sum(c.kind is kind for c in told) - limit) for kind in signs)
    if left:
        yield f"and {left} more: --limit, or -o txt for all of them"


def _permissions(old: Source, new: Source) -> Iterator[str]:
    """How many permissions came and went, each with one of them."""
    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.layers.identity.layer import Identity

    identity = Identity(default_rbac(), api_resources())
    before, after = identity.granted(old.snapshot), identity.granted(new.snapshot)
    for word, more in (("added", after - before), ("removed", before - after)):
        witness = more.witness()
        if witness is not None:
            where = f" in {witness.namespace}" if witness.namespace else ""
            what = witness.path or "/".join(p for p in (witness.group, witness.resource) if p)
            verdict = more.decide(witness)
            yield f"permissions {word}: {more.count()}, such as {witness.principal} {witness.verb} {what}{where}"
            yield f"    {verdict.because}"
