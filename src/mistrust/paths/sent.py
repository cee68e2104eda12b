"""What is said of a connection from pod to pod: its ports, and the fields that let it be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.ports import PROTOCOLS, SPAN, Ports
from mistrust.access.verdict import Answer
from mistrust.kube.workloads import Workload
from mistrust.layers.network.decide import decide
from mistrust.paths.inventory import Inventory
from mistrust.paths.legs import positions
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


def let_in(inv: Inventory, near: Neighbours, source: int, target: int, point: int) -> Iterator[Evidence]:
    """The port where a container declares it, and the policies, if there are any, that let the connection through."""
    yield from _declared(inv.workloads[target], point)
    net = near.net
    if net.ground is None:
        return
    at_ = positions(inv.snapshot, inv.workloads)
    ends: dict[int, list[int]] = {source: [], target: []}
    for i, e in enumerate(net.ends):
        if at_[e.workload] in ends:
            ends[at_[e.workload]].append(i)
    for a in ends[source]:
        for b in ends[target]:
            sides = net.ground.pod(net.ends[a]), net.ground.pod(net.ends[b])
            verdict = decide(net.ground, *sides, point, net.rows.profile)
            if verdict.answer is not Answer.DENIED:
                yield from verdict.decided_by
                return


def _declared(workload: Workload, point: int) -> Iterator[Evidence]:
    protocol, number = PROTOCOLS[point // SPAN], point % SPAN
    for where, container in workload.spec.every_container():
        for p, port in enumerate(container.ports):
            if (port.protocol, port.container_port) == (protocol, number):
                field = f"{workload.path}.{where}.ports[{p}].containerPort"
                yield at(workload.source, field, value=str(number))
                return
