"""Every connection at once, in np-guard's forms too; or all of one workload."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import structs

from mistrust.access.ports import EVERY_PORT, told_ports
from mistrust.cli.can import print_json, print_lines
from mistrust.cli.reach import focus_of
from mistrust.cli.source import open_source
from mistrust.kube.meta import Other
from mistrust.layers.network.deciding.party import text
from mistrust.layers.network.deciding.unseen import unseen
from mistrust.layers.network.facts.ambiguity import ambiguities
from mistrust.layers.network.plugin import profiles
from mistrust.layers.network.profile import PROFILES, Profile
from mistrust.layers.network.statements.policies import policies
from mistrust.report.clean import clean
from mistrust.report.connections.focus import Focus, focused
from mistrust.report.connections.formats import render
from mistrust.report.connections.of import connections_of

if TYPE_CHECKING:
    from mistrust.channels.around import Neighbour
    from mistrust.channels.scene import Scene
    from mistrust.cli.ends import End
    from mistrust.cluster.files import Source
    from mistrust.kube.snapshot import Snapshot

PIECE = 1 << 18
"""Characters written at once."""
STRANGERS = {
    "VirtualMachine": "KubeVirt",
    "VirtualMachineInstance": "KubeVirt",
    "NetworkAttachmentDefinition": "a second network",
}
"""Kinds that send and answer traffic, or carry it, and are not among the connections."""


def run_all(args: argparse.Namespace, words: list[str]) -> int:
    """Print every connection; exit code 3 where something was not read that may change them, else 0."""
    args.source = words
    focus = focus_of(args)
    source = open_source(args)
    profile, remarks = reading(args.profile, source.snapshot)
    connections = connections_of(source.snapshot, profile, exposure=args.exposure, about=focus.workloads)
    if focus != Focus():
        remarks += (f"there is nobody called {name!r}" for name in focus.missing(connections))
        connections = focused(connections, focus)
    _write(render(connections, "txt" if args.output == "text" else args.output))
    doubtful = sum(target != source for source, targets in connections.unsure for target, _ in targets)
    if doubtful:
        remarks.append(f"{doubtful} of the connections may be denied as well; mistrust can reach FROM TO says why")
    if not connections.peers and focus == Focus():
        remarks.append("nothing here sends or answers traffic: there is no pod and no pod template")
    missing = (*hidden(source.snapshot), *_contradictions(source.snapshot, profile))
    for line in (*remarks, *missing):
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    return 3 if missing else 0


def reading(name: str | None, snapshot: Snapshot) -> tuple[Profile, list[str]]:
    """The profile that is asked for, or that of the plugin that runs, and what a person should know about it."""
    asked = next((p for p in PROFILES if p.name == name), None)
    found = (asked,) if asked is not None else profiles(snapshot)
    remarks = []
    if len(found) > 1 and _names_addresses(snapshot):
        others = ", ".join(p.name for p in found[1:])
        remarks.append(f"policies are read as {found[0].name} reads them; {others} may read them otherwise (--profile)")
    if not found[0].enforces:
        remarks.append(f"{found[0].name} enforces no policy")
    own = len(policies(snapshot).cilium)
    if own and not found[0].cilium:
        remarks.append(
            f"{own} {'policy' if own == 1 else 'policies'} of Cilium's own kinds: {found[0].name} reads none"
        )
    return found[0], remarks


def _names_addresses(snapshot: Snapshot) -> bool:
    """Does some policy name addresses? Only of those do the plausible readings differ."""
    peers = (p for s in policies(snapshot).statements() for rule in s.rules for p in rule.peers)
    return any(p.addresses is not None for p in peers)


def hidden(snapshot: Snapshot) -> Iterator[str]:
    """What was not read and may change the connections, and what is not among them."""
    yield from dict.fromkeys(u.words for u in unseen(snapshot))
    yield from dict.fromkeys(f"{p.what}; {p.do}" for p in policies(snapshot).problems)
    counts: dict[str, int] = {}
    for other in snapshot.of(Other):
        if other.kind in STRANGERS:
            counts[other.kind] = counts.get(other.kind, 0) + 1
    for kind, n in sorted(counts.items()):
        yield f"{n} {kind} ({STRANGERS[kind]}): not among the connections"


def _contradictions(snapshot: Snapshot, profile: Profile) -> Iterator[str]:
    """Policies of one priority whose order decides; the connections are those of one order."""
    for found in ambiguities(snapshot, profile):
        case = f"{found.source} to {found.destination} on {found.protocol} {found.port}"
        yield f"{found.first.ref} and {found.second.ref} contradict each other, and their order is not defined ({case})"


def _write(pieces: Iterable[str]) -> None:
    held: list[str] = []
    size = 0
    last = ""
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        last = piece or last
        if size > PIECE:
            _out("".join(held))
            held, size = [], 0
    _out("".join(held) + ("" if last.endswith("\n") or not last else "\n"))


def _out(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))


def run_list(args: argparse.Namespace, source: Source, scene: Scene, origin: End | None, to: End | None) -> int:
    """Print everything that one side may reach, or that may reach it; exit code 1 for nothing, 3 where unknown."""
    from mistrust.channels.around import around  # the mesh, which `--all` does without

    about = origin or to
    assert about is not None
    found = around(scene, about.side, outgoing=origin is not None)
    asked = EVERY_PORT if to is None else to.ports
    if asked != EVERY_PORT:
        limited = (structs.replace(n, ports=n.ports & asked, unsure=n.unsure & asked) for n in found)
        found = tuple(n for n in limited if n.ports)
    missing = tuple(hidden(source.snapshot))
    way = "from" if origin else "to"
    if args.output == "json":
        told = [
            {
                "peer": n.told,
                "ranges": [f"{text(low)}-{text(high - 1)}" for low, high in n.spans],
                "ports": str(n.ports),
                "unsure": str(n.unsure) if n.unsure else "",
                "why": n.why,
            }
            for n in found
        ]
        print_json({way: about.side.told, "connections": told, "unseen": missing})
    else:
        width = max((len(told_ports(n.ports)) for n in found), default=0)
        at = "" if asked == EVERY_PORT else f": {told_ports(asked)}"
        print_lines([f"{way} {about.side.told}{at}", *(_line(n, width) for n in found)])
        print_lines([] if found else ["nothing" if origin else "nobody"])
        print_lines([f"unknown: {each}" for each in missing])
    if missing or (found and all(n.unsure == n.ports for n in found)):
        return 3
    return 0 if found else 1


def _line(n: Neighbour, width: int) -> str:
    line = f"  {told_ports(n.ports):<{width}}  {n.told}"
    if not n.unsure:
        return line
    return f"{line}   {n.why}" if n.unsure == n.ports else f"{line}   of these {told_ports(n.unsure)}: {n.why}"
