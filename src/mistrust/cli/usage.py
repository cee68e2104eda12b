"""How often, when and by whom was it used? Grant by grant, edge by edge, rule by rule.

WHO is a subject (sa:shop/web, alice, group:devs), a role or a binding ('Role shop/web', 'ClusterRoleBinding ops'), a
workload (shop/web, 'Deployment shop/web') or a policy ('NetworkPolicy shop/web'); or permissions, connections or
policies for all of them. What was never used comes first. Every grant that allows a request is credited, and every rule
that allows a flow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mistrust.cli.source import add_source_arguments

if TYPE_CHECKING:
    from mistrust.cli.evidence import Seen
    from mistrust.kube.meta import Ref
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.identity.subjects import Principal
    from mistrust.report.usage import Line

EXAMPLES = """examples:
  mistrust usage sa:shop/web manifests/ --evidence audit/
  mistrust usage 'ClusterRole deploy-everywhere' prod.json --evidence seen/
  mistrust usage shop/web manifests/ --evidence flows.jsonl
  mistrust usage policies manifests/ --evidence flows.jsonl -o csv

exit codes: 0 told   2 usage   3 something was not read that may hide a use
"""
EVERY = ("permissions", "connections", "policies")
RBAC = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
POLICY = "NetworkPolicy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust usage`."""
    parser.add_argument("who", metavar="WHO", help="a subject, a role, a binding, a workload, a policy; see above")
    add_source_arguments(parser)
    parser.add_argument(
        "--evidence", action="append", required=True, metavar="PATH", help="audit logs, flows, or a folder of them"
    )
    parser.add_argument("-o", "--output", choices=("text", "csv", "json"), default="text", help="form of the answer")
    parser.add_argument("--limit", type=int, default=40, metavar="N", help="rows to print as text (40)")


def run(args: argparse.Namespace) -> int:
    """Print the table; exit code 0, or 3 where a use may be hidden.

    Raises `UsageError` for somebody who does not exist, `Error` for a source or evidence that cannot be read.
    """
    from mistrust.cli.can import print_json, print_lines
    from mistrust.cli.evidence import evidence
    from mistrust.cli.progress import Progress
    from mistrust.cli.source import open_source
    from mistrust.report.clean import clean
    from mistrust.report.usage import document, ordered, table, text

    snapshot = open_source(args).snapshot
    with Progress("reading", quiet=args.quiet) as progress:
        seen = evidence(args.evidence, snapshot.version, progress.step)
    lines = ordered(list(_lines(args.who, snapshot, seen)))
    if args.output == "json":
        print_json(document(lines, {"who": args.who, "window": seen.words()}))
    elif args.output == "csv":
        sys.stdout.buffer.write(table(lines))
    else:
        head = [seen.words(), *(f"{why}: never may be seldom" for why in _thin(seen))]
        print_lines([*head, *(text(lines, args.limit) if lines else ("nothing is given",))])
    doubts = [str(p) for p in (*snapshot.problems, *seen.problems) if p.blinds]
    sys.stderr.writelines(f"mistrust: {clean(line)}\n" for line in doubts)
    return 3 if doubts else 0


def _thin(seen: Seen) -> Iterator[str]:
    """Why something may have been used, and not seen."""
    from mistrust.layers.identity.enough import thin
    from mistrust.layers.network.least.enough import thin as thin_flows

    if seen.audit is not None:
        yield from filter(None, [thin(seen.audit.coverage, 0)])
    if seen.flows is not None:
        yield from filter(None, [thin_flows(seen.flows.coverage, 0)])


def _lines(who: str, snapshot: Snapshot, seen: Seen) -> Iterator[Line]:
    """Everything about somebody. Raises `UsageError` where the evidence that it needs was not given."""
    from mistrust.layers.identity.subjects import account, group, groups_of, parse_subject, user

    kind, _, name = who.partition(" ")
    workloads = [w for w in snapshot.workloads if who in (str(w.ref), f"{w.namespace}/{w.ref.name}")]
    if who == "policies" or kind == POLICY:
        yield from _policies(snapshot, seen, None if who == "policies" else name)
    elif who == "connections" or workloads:
        refs = {w.ref for w in workloads}
        if seen.flows is not None or seen.audit is None:
            yield from _connections(snapshot, seen, refs)
        own = {account(w.namespace, w.spec.identity) for w in workloads}
        if seen.audit is not None and own:
            yield from _permissions(snapshot, seen, holders=own)
    elif who == "permissions":
        yield from _permissions(snapshot, seen)
    elif kind in RBAC and name:
        found = list(_permissions(snapshot, seen, named=who))
        if not found and who not in {str(o.ref) for o in snapshot.objects}:
            raise _nobody(who)
        yield from found
    else:
        subject, groups = parse_subject(who)
        of = (user(subject),) if subject else ()
        holders = {*of, *(group(g) for g in (*groups, *(x for p in of for x in groups_of(p))))}
        yield from _permissions(snapshot, seen, holders=holders)


def _permissions(
    snapshot: Snapshot, seen: Seen, *, holders: set[Principal] | None = None, named: str = ""
) -> Iterator[Line]:
    """Rule by rule of the grants of some, or those of one role or binding, or all.

    Where one user is asked for, only its own requests count, not those of others in its groups.
    """
    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.layers.identity.credit import credited
    from mistrust.layers.identity.index import summary
    from mistrust.layers.identity.layer import Identity
    from mistrust.layers.identity.usage import used
    from mistrust.report.usage import Line

    if seen.audit is None:
        raise _without("an audit log")
    granted = Identity(default_rbac(), api_resources()).granted(snapshot)
    usage = used(granted, seen.audit, seen.dark(snapshot))
    written = {id(o) for o in snapshot.objects}
    users = {p.name for p in holders or () if p.kind == "User"}
    uses = {r: tally for r, tally in seen.audit.uses.items() if not users or r.user in users}
    for each in credited(usage, uses):
        binding, source = each.grant.binding, each.grant.role.at(each.rule)[0]
        if holders is not None and each.grant.principal not in holders:
            continue
        if named and named not in (str(binding.ref), str(source.ref), str(each.grant.role.source.ref)):
            continue
        if id(binding) not in written and (each.tally is None or not (holders or named)):
            continue  # what every server brings is told only where it was used, and somebody was asked for
        where = f" in {each.grant.namespace}" if each.grant.namespace else ""
        by = f"{binding.ref} gives {each.grant.role.source.ref}"
        remarks = each.remarks(len(granted.universe.namespaces))
        yield Line(str(each.grant.principal), f"{summary(each.written)}{where}", each.tally, by, remarks)


def _connections(snapshot: Snapshot, seen: Seen, about: set[Ref]) -> Iterator[Line]:
    """Every edge that was seen, of some workloads or of all; and what they may open, and never did."""
    from mistrust.kube.endpoints import endpoints
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.least.enough import unsaid
    from mistrust.layers.network.least.regulars import promised
    from mistrust.layers.network.links import Links
    from mistrust.layers.network.needed import links_of
    from mistrust.layers.network.usage import Abroad, used
    from mistrust.report.usage import Line

    if seen.flows is None:
        raise _without("flows")
    given = promised(snapshot)
    connections = Network().granted(given)
    usage = used(connections, seen.flows, given)
    policies = Links(connections)
    for link, tally in links_of(usage):
        ends = (link.workload,) if isinstance(link, Abroad) else (link.source, link.destination)
        if about and about.isdisjoint(ends):
            continue
        inward = link.inward if isinstance(link, Abroad) else link.destination in about
        denied = () if link in policies else ("the policies deny it: they came later, or are not enforced",)
        yield Line("in" if inward and about else "out" if about else "", str(link), tally, remarks=denied)
    unsure = dict(unsaid(given, usage, endpoints(given), 0)) if about else {}
    for c in usage.granted.known(about) if about else ():
        if c not in usage.seen:
            whys = [unsure.get(ref, "") for ref in (c.source, c.destination) if ref is not None]
            unknown = (f"unknown: {whys[-1]}",) if all(whys) else ()
            yield Line("in" if c.destination in about else "out", str(c), None, remarks=unknown)


def _policies(snapshot: Snapshot, seen: Seen, named: str | None) -> Iterator[Line]:
    """Rule by rule of one NetworkPolicy, or of all: which flows needed it."""
    from mistrust.access.evidence import show_path
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.least.regulars import promised
    from mistrust.layers.network.needed import needed
    from mistrust.layers.network.usage import used
    from mistrust.report.usage import Line

    if seen.flows is None:
        raise _without("flows")
    given = promised(snapshot)
    connections = Network().granted(given)
    rules = needed(connections, used(connections, seen.flows, given))
    wanted = [r for r in rules if named is None or str(r.policy.ref) == f"{POLICY} {named}"]
    if named is not None and not any(str(o.ref) == f"{POLICY} {named}" for o in snapshot.objects):
        raise _nobody(f"{POLICY} {named}")
    for r in wanted:
        told = tuple(f"{link} ({tally.count:,})" for link, tally in r.links[:3])
        more = (f"and {len(r.links) - 3:,} more",) if len(r.links) > 3 else ()
        yield Line(str(r.policy.ref), show_path(r.rule.path), r.tally, remarks=(*told, *more))


def _without(what: str) -> Exception:
    from mistrust.kube.errors import UsageError

    return UsageError("the evidence says nothing of it", wanted=f"--evidence with {what}")


def _nobody(who: str) -> Exception:
    from mistrust.kube.errors import UsageError

    return UsageError("there is nobody of this name", got=repr(who), wanted="as `kubectl get` lists it, with its kind")
