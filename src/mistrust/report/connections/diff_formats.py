"""Changes as np-guard's netpol-analyzer prints them (`diff`): txt, csv, md, dot; and as JSON, which it does not have.

Written from pkg/netpol/diff/diff_formatter*.go of np-guard/netpol-analyzer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mistrust.report.clean import clean, json_bytes
from mistrust.report.connections.diff import Change, Kind
from mistrust.report.connections.dot import clusters, edge, framed, node
from mistrust.report.connections.formats import cell, column
from mistrust.report.connections.listed import Peer

TOLD = (Kind.CHANGED, Kind.ADDED, Kind.REMOVED)


def render(changes: Sequence[Change], form: str, names: tuple[str, str] = ("old", "new")) -> str:
    """The changes in the form `txt`, `csv`, `md`, `dot` or `json`; `names` are those of the two versions.

    Empty where nothing changed, in the forms of np-guard.
    """
    if form == "json":
        return _json(changes)
    if not any(c.kind in TOLD for c in changes):
        return ""
    if form == "dot":
        return _dot(changes, names)
    rows = [tuple(map(clean, row)) for row in _rows(changes, form, names)]
    return "".join(_line(row, form, names) + "\n" for row in rows)


def _rows(changes: Sequence[Change], form: str, names: tuple[str, str]) -> Iterator[tuple[str, ...]]:
    """The head, then changed, added and removed; then the same of what comes through an Ingress."""
    yield "diff-type", "source", "destination", *names, "workloads-diff-info"
    for ingress in (False, True):
        for kind in TOLD:
            rows = [_row(c) for c in changes if c.kind is kind and c.through_ingress is ingress]
            yield from sorted(rows, key=lambda row: _line(row, form, names))


def _row(change: Change) -> tuple[str, ...]:
    return (change.kind.value, change.source.text, change.target.text, str(change.old), str(change.new), change.moved)


def _line(row: tuple[str, ...], form: str, names: tuple[str, str]) -> str:
    head = row[0] == "diff-type"
    match form:
        case "csv":
            return ",".join(map(cell, row))
        case "md":
            rule = "\n|-----------|--------|-------------|------|------|---------------------|" if head else ""
            return f"| {' | '.join(map(column, row))} |{rule}"
        case _ if head:
            return "Connectivity diff:"
        case _:
            kind, source, target, old, new, moved = row
            line = f"diff-type: {kind}, source: {source}, destination: {target}, {names[0]}: {old}, {names[1]}: {new}"
            return f"{line}, workloads-diff-info: {moved}" if moved else line


def _json(changes: Iterable[Change]) -> str:
    told = [
        {
            "type": c.kind.value,
            "src": c.source.text,
            "dst": c.target.text,
            "old": str(c.old),
            "new": str(c.new),
            "workloads": [p.text for p, moved in ((c.source, c.source_moved), (c.target, c.target_moved)) if moved],
        }
        for c in changes
        if c.kind in TOLD
    ]
    return json_bytes({"changes": told}).decode() + "\n"


EDGES = {Kind.UNCHANGED: "grey", Kind.CHANGED: "magenta", Kind.ADDED: "#008000", Kind.REMOVED: "red2"}


def _dot(changes: Sequence[Change], names: tuple[str, str]) -> str:
    colours: dict[Peer, str] = {}
    edges: tuple[list[str], list[str]] = ([], [])
    for c in changes:
        for peer, moved in ((c.source, c.source_moved), (c.target, c.target_moved)):
            fresh = "#008000" if c.kind is Kind.ADDED else "red"
            colours[peer] = fresh if moved else colours.get(peer, "blue")
        label = f"{c.new} ({names[0]}: {c.old})" if c.kind is Kind.CHANGED else str(c.new or c.old)
        edges[c.through_ingress].append(edge(c.source.text, c.target.text, label, EDGES[c.kind], EDGES[c.kind]))
    spaces: dict[str, list[str]] = {}
    outside: list[str] = []
    for peer, colour in colours.items():
        if peer.external:
            outside.append(f"\t{node(peer.text, peer.text, colour)}\n")
        else:
            spaces.setdefault(framed(peer.namespace), []).append(f"\t\t{node(peer.text, peer.label, colour)}")
    drawn = [f"{line}\n" for part in edges for line in sorted(part)]
    return "".join(["digraph {\n", *clusters(spaces, "black"), *sorted(outside), *drawn, LEGEND, "}"])


def _legend() -> str:
    hidden = [f"\t\t{name} [style=invis height=0 width=0]" for name in "abcdefgh"]
    drawn = (("a", "b", "added", Kind.ADDED), ("c", "d", "removed", Kind.REMOVED))
    keys = (*drawn, ("e", "f", "changed", Kind.CHANGED), ("g", "h", "unchanged", Kind.UNCHANGED))
    edges = [
        f'\t\t{a} -> {b} [label="{what} connection", color="{EDGES[kind]}" fontcolor="{EDGES[kind]}" '
        "fontsize = 10 arrowsize=0.2]"
        for a, b, what, kind in keys
    ]
    nodes = [
        f'\t\t{name} [label="{what} peer" color="{colour}" fontcolor="{colour}" fontsize = 10]'
        for name, what, colour in (("np", "new", "#008000"), ("lp", "lost", "red"), ("pp", "persistent", "blue"))
    ]
    frame = ["\tnodesep=0.5", "\tsubgraph cluster_legend {", '\t\tlabel="Legend"', "\t\tfontsize = 10", "\t\tmargin=0"]
    ranks = ["\t\t{rank=source a b c d}", "\t\t{rank=same e f g h}"]
    ends = ["\t\t{rank=sink np lp pp}", "\t\tnp->lp [style=invis]", "\t\tlp->pp [style=invis]", "\t}", ""]
    return "\n".join([*frame, *hidden, *ranks, *edges, *nodes, *ends])


LEGEND = _legend()
