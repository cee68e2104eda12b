"""`mistrust diff --connections`: the connections that came, went or changed, pair by pair, in np-guard's forms too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from mistrust.cli.check import outputs, put
from mistrust.cli.reach_all import hidden, reading
from mistrust.cli.versions import both
from mistrust.cluster.files import Source
from mistrust.kube.errors import UsageError
from mistrust.layers.network.profile import Profile
from mistrust.report.clean import clean
from mistrust.report.connections.diff import Change, Kind, compare
from mistrust.report.connections.diff_formats import render
from mistrust.report.connections.of import connections_of
from mistrust.report.connections.witness import Witnesses

FORMS = ("text", "txt", "csv", "md", "dot", "json")
SHOWN = 20


def run_connections(args: argparse.Namespace) -> int:
    """Print what changed; exit code 1 if something did, 3 if something was not read, else 0.

    Raises `Error` for a source that cannot be read.
    """
    if args.deny or args.guards:
        gate = "--deny" if args.deny else "--guards"
        raise UsageError(f"{gate} is about every layer", got="--connections too", do="leave one of them out")
    wanted = outputs(args.output, FORMS)
    old, new, compared = both(args)
    profile, remarks = reading(args.profile, new.snapshot)
    changes = compare(*(connections_of(s.snapshot, profile, fold=False) for s in (old, new)))
    told = [c for c in changes if c.kind is not Kind.UNCHANGED]
    for form, file in wanted:
        if form == "text":
            lines = (*_headline(told), *_listed(told, old, new, profile, args.limit or SHOWN))
            text = "".join(f"{clean(line)}\n" for line in lines)
        else:
            text = render(changes, form)
        put(text.encode("utf-8", "backslashreplace"), file)
    missing = [f"{name}: {line}" for name, s in (("old", old), ("new", new)) for line in hidden(s.snapshot)]
    for line in (*compared, *remarks, *missing):
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    return 1 if told else 3 if missing and not args.allow_unknown else 0


def _headline(told: Sequence[Change]) -> Iterator[str]:
    counts = {kind: sum(c.kind is kind for c in told) for kind in Kind}
    if told:
        yield (
            f"connections: {counts[Kind.ADDED]} added, {counts[Kind.REMOVED]} removed, "
            f"{counts[Kind.CHANGED]} with other ports"
        )
    else:
        yield "connections: no change"


def _listed(told: Sequence[Change], old: Source, new: Source, profile: Profile, limit: int) -> Iterator[str]:
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
