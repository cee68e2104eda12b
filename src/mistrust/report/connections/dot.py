"""Connections as a drawing for Graphviz, as np-guard's netpol-analyzer writes it (conns_formatter_dot.go)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mistrust.access.ports import Ports
from mistrust.report.clean import clean
from mistrust.report.connections.listed import ENTIRE_CLUSTER, Connections, Exposure, Peer

OUTSIDE = "red2"
INSIDE = "blue"


def dot(connections: Connections) -> Iterator[str]:
    """The drawing: workloads by namespace, then the outside, then the connections."""
    spaces: dict[str, list[str]] = {}
    outside: list[str] = []
    edges: list[str] = []
    seen: set[Peer] = set()
    told: dict[Ports, str] = {}
    for source, target, ports in connections.pairs():
        seen |= {source, target}
        if ports not in told:
            told[ports] = str(connections.only or ports)
        edges.append(edge(source.text, target.text, told[ports], "gold2", "darkgreen"))
    for peer in {*seen, *connections.peers}:
        if peer.external:
            colour = INSIDE if peer.text.startswith("{") else OUTSIDE
            outside.append(f"\t{node(peer.text, peer.text, colour)}")
        else:
            spaces.setdefault(framed(peer.namespace), []).append(f"\t\t{node(peer.text, peer.label, INSIDE)}")
    strangers: dict[str, list[str]] = {}
    if connections.exposure is not None:
        more, entire = _exposed(connections.exposure, connections.only, spaces, strangers)
        edges += more
        outside += entire
    yield "digraph {\n"
    yield from clusters(spaces, "black")
    yield from clusters(strangers, OUTSIDE)
    yield from (f"{line}\n" for line in sorted(outside))
    yield from (f"{line}\n" for line in sorted(edges))
    yield "}"


def framed(namespace: str) -> str:
    """What a namespace is called in the drawing."""
    return f"{namespace}[namespace]"


def edge(source: str, target: str, label: str, colour: str, font: str) -> str:
    """An edge; its weight keeps the drawing's layers in the order of the names."""
    weight = "0.5" if source <= target else "1"
    ends = f"{quoted(source)} -> {quoted(target)}"
    return f'\t{ends} [label={quoted(label)} color="{colour}" fontcolor="{font}" weight={weight}]'


def quoted(text: str) -> str:
    """A quoted string of the DOT language."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def node(name: str, label: str, colour: str, more: str = "") -> str:
    """A node of the drawing."""
    return f'{quoted(name)} [label={quoted(label)} color="{colour}" fontcolor="{colour}"{more}]'


def clusters(spaces: Mapping[str, list[str]], colour: str) -> Iterator[str]:
    """The nodes of each namespace in a frame."""
    for space in sorted(spaces):
        name = quoted(f"cluster_{space.replace('-', '_')}")
        yield f'\tsubgraph {name} {{\n\t\tcolor="{colour}"\n\t\tfontcolor="{colour}"\n'
        yield from (f"{line}\n" for line in sorted(spaces[space]))
        yield f"\t\tlabel={quoted(space)}\n\t}}\n"


def _exposed(
    exposure: Exposure, only: Ports | None, spaces: dict[str, list[str]], strangers: dict[str, list[str]]
) -> tuple[list[str], list[str]]:
    """Edges to and from what does not exist yet, and the node of the whole cluster."""
    edges: list[str] = []
    seen: set[str] = set()
    for rows, ingress in ((exposure.egress, False), (exposure.ingress, True)):
        for row in rows:
            name = row.other
            if name != ENTIRE_CLUSTER and not row.newcomers:
                continue
            if row.newcomers:
                space, _, pods = row.other.partition("/[")
                space, pods = space.removeprefix("[").removesuffix("]"), pods.removesuffix("]")
                name = f"{pods}_in_{space}"
                if name not in seen:
                    real = framed(space) in spaces
                    into = spaces if real else strangers
                    into.setdefault(framed(space) if real else space, []).append(f"\t\t{node(name, pods, OUTSIDE)}")
            seen.add(name)
            ends = (name, row.workload.text) if ingress else (row.workload.text, name)
            colour, weight = ("darkorange2", "1") if ingress else ("darkorange4", "0.5")
            edges.append(
                f'\t{quoted(ends[0])} -> {quoted(ends[1])} [label={quoted(str(only or row.ports))} color="{colour}" '
                f'fontcolor="darkgreen" weight={weight} style=dashed]'
            )
    entire = [f"\t{node(ENTIRE_CLUSTER, ENTIRE_CLUSTER, OUTSIDE, ' shape=diamond')}"]
    return edges, entire if ENTIRE_CLUSTER in seen else []
