"""What is said of a connection from pod to pod: its ports, and the fields that let it be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from mistrust.access.evidence import Evidence, at
from mistrust.access.ports import PROTOCOLS, SPAN, Ports
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.workloads import Workload
from mistrust.layers.network.deciding.decide import decide
from mistrust.paths.inventory import Inventory
from mistrust.paths.neighbours import Neighbours

SHOWN = 3
"""How many ports are named before the rest is counted."""


def named(points: Sequence[int]) -> str:
    """Ports as people write them.

    >>> named([80, 443])
    'TCP 80,443'
    """
    more = len(points) - SHOWN
    ports = Ports.of((p, p + 1) for p in points[:SHOWN])
    return str(ports) + (f" and {more} more" if more > 0 else "")


def connection(inv: Inventory, near: Neighbours, source: int, target: int) -> tuple[str, list[Evidence]]:
    """A clause for the connection from a workload to another, and the fields that make it possible.

    The fields are the port where a container declares it and, where there are policies, those that let it through.
    """
    points = near.between(source, target)
    clause = f"connects to {named(points)} of {inv.workloads[target].ref}"
    evidence = list(_declared(inv.workloads[target], points[0]))
    verdict = _verdict(near, source, target, points[0])
    if verdict is not None and verdict.answer is Answer.UNKNOWN:
        clause += f", if policies let it: {'; '.join(sorted(verdict.failed)) or verdict.because}"
    decided = verdict.decided_by if verdict is not None else ()
    return clause, [*evidence, *sorted(decided, key=lambda e: (e.ref, tuple(map(str, e.path))))]


def _verdict(near: Neighbours, source: int, target: int, point: int) -> Verdict | None:
    """Of two of their pods between which it may be opened."""
    net = near.net
    if net.ground is None:
        return None
    found: Verdict | None = None
    for a, b in _pods(near, source, target):
        verdict = decide(net.ground, net.ground.pod(a), net.ground.pod(b), point, net.rows.profile)
        if verdict.answer is Answer.ALLOWED:
            return verdict
        if verdict.answer is Answer.UNKNOWN:
            found = found or verdict
    return found


def _pods(near: Neighbours, source: int, target: int) -> Iterator[tuple[Endpoint, Endpoint]]:
    """A pair for each two classes of their pods, then those that are on one node."""
    senders, takers = (sorted(near.pods[i], key=lambda n: near.net.ends[n].name) for i in (source, target))
    ends, class_of = near.net.ends, near.net.rows.class_of
    alike = [{class_of[n]: ends[n] for n in several}.values() for several in (senders, takers)]
    yield from product(*alike)
    by_node = {ends[n].node: ends[n] for n in takers if ends[n].node}
    yield from ((ends[n], by_node[ends[n].node]) for n in senders if ends[n].node in by_node)


def _declared(workload: Workload, point: int) -> Iterator[Evidence]:
    protocol, number = PROTOCOLS[point // SPAN], point % SPAN
    for where, container in workload.spec.every_container():
        for p, port in enumerate(container.ports):
            if (port.protocol, port.container_port) == (protocol, number):
                field = f"{workload.path}.{where}.ports[{p}].containerPort"
                yield at(workload.source, field, value=str(number))
                return
