"""At which ports pods are known to answer: those that a container declares, and those that a Service sends to."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.ports import point
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.network.exposure.behind import Behind, sound


def listening(ends: Sequence[Endpoint], behind: Behind) -> dict[int, frozenset[int]]:
    """For each workload, by its index in the snapshot, its ports on the line of `access.ports`.

    A program may listen without saying so; of a workload without any known port nothing is told.
    """
    found: dict[int, set[int]] = {}
    for e in ends:
        if e.ports:
            own = found.setdefault(e.workload, set())
            own.update(point(p.protocol, p.number) for p in e.ports if sound(p.protocol, p.number))
    for service in behind.services.values():
        for port in service.spec.ports:
            for i, number in behind.targets(service, port):
                found.setdefault(ends[i].workload, set()).add(point(port.protocol, number))
    return {w: frozenset(ports) for w, ports in sorted(found.items()) if ports}
