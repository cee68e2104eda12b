"""What travels in plaintext, and who is where it passes: root on a node, and pods on the network of a node."""

from __future__ import annotations

from mistrust.layers.pods.escapes.confined import normal
from mistrust.paths.graph import Reason, Sketch
from mistrust.paths.inventory import Inventory
from mistrust.paths.neighbours import Neighbours
from mistrust.paths.step import Gain
from mistrust.paths.structure import hosts_of

WIRE = "wire"
"""The traffic of one node."""
INTERCEPT = "intercept"
KEEPS_RAW = "the container keeps NET_RAW, as it does unless it is dropped"


def draw_wire(sketch: Sketch, inv: Inventory, near: Neighbours) -> None:
    """Interception, by node: it gains the traffic of every namespace of which some pod there speaks plaintext."""
    if near.plaintext is None:
        return
    silent = sketch.why(Reason(WIRE, assumes="" if inv.nodes else "one that speaks plaintext runs on the same node"))
    reads = sketch.why(Reason(INTERCEPT, hops=1))
    sniffs = sketch.why(Reason(INTERCEPT, hops=1, assumes=KEEPS_RAW))
    spoken: dict[str, set[str]] = {}
    for i in sorted(near.plaintext):
        for node in _nodes(inv, near, i):
            spoken.setdefault(node, set()).add(inv.workloads[i].namespace)
    for node, spaces in sorted(spoken.items()):
        wire = sketch.node(WIRE, node)
        sketch.edge(sketch.node("node", node), wire, reads)
        for space in sorted(spaces):
            sketch.edge(wire, sketch.node("gain", str(Gain.MITM), space), silent)
    for i, w in enumerate(inv.workloads):
        if w.spec.host_network and not _drops_raw(inv, i):
            for node in _nodes(inv, near, i):
                if node in spoken:
                    sketch.edge(sketch.node("pod", i), sketch.node(WIRE, node), sniffs)


def _nodes(inv: Inventory, near: Neighbours, i: int) -> tuple[str, ...]:
    known = near.nodes.get(i, frozenset()) - {""}
    return tuple(sorted(known)) if inv.nodes else hosts_of(inv.workloads[i])


def _drops_raw(inv: Inventory, i: int) -> bool:
    """Does every container of a workload give up raw sockets?"""
    for _, container in inv.workloads[i].spec.every_container():
        context = container.security_context
        capabilities = context.capabilities if context is not None else None
        dropped = {normal(c) for c in capabilities.drop} if capabilities is not None else set()
        added = {normal(c) for c in capabilities.add} if capabilities is not None else set()
        if (
            (context is not None and context.privileged)
            or not dropped & {"ALL", "NET_RAW"}
            or added & {"ALL", "NET_RAW"}
        ):
            return False
    return True
