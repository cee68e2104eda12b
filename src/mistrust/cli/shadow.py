"""What would a proposed version have denied, day by day? To be asked before it is enforced, of evidence since.

CURRENT and PROPOSED are folders, files, dumps or saved snapshots; PROPOSED may be the folder that `tighten -o` wrote,
which is then applied over CURRENT. Every use in the evidence is held against both: what CURRENT allows and PROPOSED
denies is told with who, what, when, and what to widen. A day that is not seen whole is unknown, never clean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mistrust.access.flow import Flow, TrafficDays
    from mistrust.access.record import Coverage, Days, Tally
    from mistrust.access.verdict import Verdict
    from mistrust.cli.evidence import Daily
    from mistrust.kube.meta import Ref
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.identity.dark import Dark
    from mistrust.layers.identity.grants import Grants
    from mistrust.layers.identity.lookup import Request
    from mistrust.layers.network.grants import Connections
    from mistrust.report.shadow import Layered, Shadowed, Use
    from mistrust.trust.shadow import Judge, Shadow, Ways

A = TypeVar("A")

EXAMPLES = """examples:
  mistrust tighten manifests/ --evidence october/ -o tighter/
  mistrust shadow manifests/ tighter/ --evidence november/
  mistrust shadow before.mist after.mist --evidence seen/ --since 2026-11-01 -o json

exit codes: 0 ready to enforce   1 something would have been denied   2 usage   3 too little was seen, or unknown
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust shadow`."""
    parser.add_argument("current", metavar="CURRENT", help="folder, file, dump or saved snapshot")
    parser.add_argument("proposed", metavar="PROPOSED", help="the same, changed; or what `tighten -o` wrote")
    parser.add_argument(
        "--evidence", action="append", required=True, metavar="PATH", help="audit logs, flows, or a folder of them"
    )
    parser.add_argument("--since", metavar="DAY", help="evidence from this day on, such as 2026-11-01")
    parser.add_argument("--days", type=float, default=7, metavar="N", help="clean days that are wanted (7)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="form of the answer")
    parser.add_argument("--allow-unknown", action="store_true", help="what is not known does not fail it")
    parser.add_argument("-n", "--namespace", metavar="NS", default="default", help="namespace of objects without one")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    """Print what would have been denied; exit code 0 if nothing was, and enough was seen to say so.

    Raises `Error` for a source or evidence that cannot be read.
    """
    from mistrust.access.verdict import Answer
    from mistrust.cli.can import print_lines
    from mistrust.cli.evidence import Daily, daily
    from mistrust.cli.progress import Progress
    from mistrust.cluster.files import read_files
    from mistrust.cluster.proposal import is_proposal, proposed
    from mistrust.report.clean import clean
    from mistrust.report.shadow import Shadowed, lines

    since = _since(args.since)
    with Progress("reading", quiet=args.quiet) as progress:
        old = read_files([args.current], namespace=args.namespace, progress=progress.step).snapshot
        if is_proposal(args.proposed):
            new = proposed(args.proposed, old, args.namespace, progress.step)
        else:
            new = read_files([args.proposed], namespace=args.namespace, progress=progress.step).snapshot
        seen = daily(args.evidence, new.version, progress.step)
        seen = Daily(seen.audit and seen.audit.since(since), seen.flows and seen.flows.since(since), seen.policies)
    with Progress("judging", quiet=args.quiet) as progress:
        judged = [*_layers(old, new, seen), (None, _tokens(old, new, seen, args.days))]
    problems = dict.fromkeys(str(p) for p in (*old.problems, *new.problems, *seen.problems) if p.blinds)
    doubts = (*problems, *(doubt for _, doubt in judged if doubt))
    found = Shadowed(tuple(layer for layer, _ in judged if layer is not None), args.days, doubts)
    if args.output == "json":
        sys.stdout.write(_document(found, args))
    else:
        print_lines(list(lines(found)))
    sys.stderr.writelines(f"mistrust: {clean(line)}\n" for line in doubts)
    if found.denied:
        return 1
    return 0 if args.allow_unknown or found.verdict()[0] is Answer.ALLOWED else 3


def _since(text: str | None) -> int:
    """The number of the day since 1970; 0 for none. Raises `UsageError` for what is no day."""
    import datetime

    from mistrust.kube.errors import UsageError

    try:
        return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days if text else 0
    except ValueError:
        raise UsageError("not a day", got=repr(text), wanted="--since 2026-11-01") from None


def _document(found: Shadowed, args: argparse.Namespace) -> str:
    import json

    from mistrust.cli.prove import digest
    from mistrust.cli.version import version
    from mistrust.report.shadow import document

    named = {"current": [args.current], "proposed": [args.proposed], "evidence": args.evidence}
    inputs = {role: [{"source": p, "sha256": digest(p)} for p in paths] for role, paths in named.items()}
    return json.dumps(document(found, {"tool": f"mistrust {version()}", **inputs}), indent=2, ensure_ascii=False) + "\n"


def _layers(old: Snapshot, new: Snapshot, seen: Daily) -> Iterator[tuple[Layered | None, str]]:
    """Each layer that there is evidence of; of one that changed and has none, the words that say so."""
    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.layers.identity.layer import Identity
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.least.regulars import promised

    because = _because(old, new)
    identity = Identity(default_rbac(), api_resources())
    current, proposed = identity.granted(old), identity.granted(new)
    if seen.audit is not None:
        doubt = _unlogged(current - proposed, seen.audit.coverage, seen.dark(old))
        yield _permissions(current, proposed, seen.audit, because), doubt
    elif (lost := (current - proposed).witness()) is not None:
        yield None, f"permissions become fewer, such as {lost}, and no audit log was given"
    network = Network()
    old, new = promised(old), promised(new)
    before, after = network.granted(old), network.granted(new)
    if seen.flows is not None:
        yield _connections(before, after, seen.flows, old, because)
    elif (gone := (before - after).witness()) is not None:
        yield None, f"connections become fewer, such as {gone}, and no flows were given"
    yield _mesh(old, new, seen.flows, because)


def _tokens(old: Snapshot, new: Snapshot, seen: Daily, days: float) -> str:
    """Whether the token of a workload goes whose account was seen to ask: no log names the pod that did."""
    from mistrust.access.record import Record
    from mistrust.cli.evidence import Seen
    from mistrust.cli.pods_seen import pods_seen
    from mistrust.layers.pods.layer import Pods

    before, after = Pods().granted(old), Pods().granted(new)
    if seen.audit is None or (before - after).witness() is None:
        return ""
    flows = Record(seen.flows.together, seen.flows.coverage) if seen.flows is not None else None
    whole = Seen(Record(seen.audit.together, seen.audit.coverage), flows)
    gone = [a for a in pods_seen(old, whole, days).accesses(old) if a in before and a not in after]
    return f"{len(gone):,} tokens go of which a use was seen, such as {gone[0]}" if gone else ""


Because = Callable[["Verdict", "Verdict"], tuple[str, ...]]
"""From what the current and the proposed version say, what to look at."""


def _permissions(current: Grants, proposed: Grants, days: Days[Request], because: Because) -> Layered:
    from mistrust.layers.identity.usage import nameable, ways
    from mistrust.trust.shadow import Shadowing

    judging = Shadowing(current, proposed)
    found = judging.days(
        {number: [(ways(r), tally) for r, tally in uses.items() if nameable(r)] for number, uses in days.uses.items()}
    )
    return _layered("permissions", found, days.coverage, current, proposed, because)


def _unlogged(removed: Grants, coverage: Coverage, dark: Dark) -> str:
    """Whether something goes that may be in use unseen; verbs that no request carries do not count."""
    from mistrust.access.record import Record
    from mistrust.layers.identity.dark import Dark
    from mistrust.layers.identity.usage import used

    nothing: Record[Request] = Record({}, coverage)
    many = used(removed, nothing, dark).unknown() - used(removed, nothing, Dark()).unknown()
    return f"{many:,} of the permissions that go could be in use without the log showing it" if many else ""


def _connections(
    before: Connections, after: Connections, days: Days[Flow], current: Snapshot, because: Because
) -> tuple[Layered, str]:
    from mistrust.layers.network.links import Links, links, lost
    from mistrust.layers.network.usage import Names
    from mistrust.trust.shadow import Shadowing

    names, old, new = Names(current), Links(before), Links(after)
    known = {flow: links(names, flow) for uses in days.uses.values() for flow in uses}
    found = Shadowing(old, new, new.unsure).days(
        {n: [((link,), tally) for flow, tally in uses.items() for link in known[flow]] for n, uses in days.uses.items()}
    )
    stray = sorted(flow for flow, found in known.items() if not found and lost(names, flow))
    ends = (
        [p.pod or p.workload or p.name or p.address for p in (stray[0].source, stray[0].destination)] if stray else ()
    )
    doubt = f"{len(stray):,} flows have an end that is not shown, such as {' -> '.join(ends)}" if stray else ""
    return _layered("connections", found, days.coverage, old, new, because), doubt


def _mesh(old: Snapshot, new: Snapshot, days: TrafficDays | None, because: Because) -> tuple[Layered | None, str]:
    """What servers of meshes let in, by whom, how protected, and what was asked for."""
    from mistrust.channels.uses import uses
    from mistrust.layers.mesh.least.grants import granted
    from mistrust.layers.network.usage import Names
    from mistrust.trust.shadow import Shadowing

    names = Names(old)
    seen = {n: uses(names, flows, days.exchanges.get(n, {})) for n, flows in days.uses.items()} if days else {}
    before, after = (granted(s, (use for several in seen.values() for use in several)) for s in (old, new))
    if not before.mesh.fabrics and not after.mesh.fabrics:
        return None, ""
    if days is None:
        gone = (before - after).witness()
        return None, f"meshes let in less, such as {gone}, and no flows were given" if gone is not None else ""
    asked = {
        n: [(ways, tally) for use, tally in several.items() if (ways := before.ways(use))]
        for n, several in seen.items()
    }
    found = Shadowing(before, after).days(asked)
    return _layered("mesh", found, days.coverage, before, after, because), ""


def _layered(
    name: str, found: Shadow[A], coverage: Coverage, current: Judge[A], proposed: Judge[A], because: Because
) -> Layered:
    from mistrust.report.shadow import Cell, Layered, Use
    from mistrust.trust.shadow import allowing, told

    def uses(several: Mapping[Ways[A], Tally], *, explained: bool = True) -> Iterator[Use]:
        for ways, tally in sorted(several.items(), key=lambda each: (-each[1].count, str(each[0][0]))):
            access = (allowing(current, ways) or ways[0]) if explained else None
            if access is None:
                yield Use(str(ways[0]), tally)
                continue
            before, now = current.decide(access), proposed.decide(access)
            yield Use(str(ways[0]), tally, before.because, now.because, because(before, now))

    def times(several: Mapping[Ways[A], Tally]) -> int:
        return sum(tally.count for tally in several.values())

    cells = []
    for each in told(found, coverage):
        day = each.day
        counts = (day.times, times(day.denied), times(day.unknown), times(day.unexplained))
        cells.append(Cell(each.number, each.answer, *counts, each.thin))
    unexplained = tuple(uses(found.unexplained, explained=False))
    return Layered(name, tuple(cells), tuple(uses(found.denied)), tuple(uses(found.unknown)), unexplained)


def _because(old: Snapshot, new: Snapshot) -> Because:
    """Tells which objects to look at: those that let it through before and are others now, or that deny it now."""
    from msgspec.structs import replace

    from mistrust.kube.problem import Origin

    def states(snapshot: Snapshot) -> dict[Ref, list[object]]:
        found: dict[Ref, list[object]] = {}
        for o in snapshot.objects:
            found.setdefault(o.ref, []).append(replace(o, origin=Origin()))
        return found

    was, is_now = states(old), states(new)

    def words(before: Verdict, now: Verdict) -> tuple[str, ...]:
        refs = dict.fromkeys(e.ref for e in (*before.decided_by, *now.decided_by))
        told = {ref: "is new" if ref not in was else "is gone" if ref not in is_now else "changed" for ref in refs}
        changed = [f"widen: {ref} {what}" for ref, what in told.items() if was.get(ref) != is_now.get(ref)]
        return tuple(changed) or tuple(f"widen: {ref}" for ref in refs)

    return words
