"""Which workloads answer to the outside world: the easiest of the doors that the network layer finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.network.exposure.door import Door


class Exposure(msgspec.Struct, frozen=True):
    """The door to one workload."""

    workload: Workload
    how: str
    """`Service shop/web (LoadBalancer)`."""
    evidence: tuple[Evidence, ...]
    cost: float = 0.0
    """0 for a door that is meant for the world; more where the nodes, or a private network, must be reachable first."""
    assumes: str = ""


def exposures(snapshot: Snapshot, workloads: Sequence[Workload], doors: Iterable[Door]) -> tuple[Exposure, ...]:
    """The easiest door of each workload that has one, in the order of `workloads`."""
    best: dict[int, Door] = {}
    for door in doors:
        known = best.get(door.workload)
        if known is None or _order(door) < _order(known):
            best[door.workload] = door
    position = {id(w): i for i, w in enumerate(workloads)}
    found = sorted((at, i) for i in best if (at := position.get(id(snapshot.workloads[i]))) is not None)
    return tuple(Exposure(workloads[at], d.how, d.evidence, d.cost, d.assumes) for at, i in found for d in (best[i],))


def _order(door: Door) -> tuple[float, bool, str, int]:
    return door.cost, bool(door.assumes), door.how, door.port
