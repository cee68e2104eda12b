"""Doors from outside that came or went."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.effect.effect import Opening
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.door import Door

Key = tuple[Ref, str, str, int, int]
"""Workload, what opens the door, protocol, container port, outer port."""

Doors = Sequence[tuple[Ref, Door]]


def doors_of(snapshot: Snapshot, doors: Sequence[Door]) -> Doors:
    """Every door with the name of its workload."""
    return [(snapshot.workloads[d.workload].ref, d) for d in doors]


def came(before: Doors, after: Doors) -> tuple[Opening, ...]:
    """The doors of `after` that `before` does not have, or has for fewer, or less surely."""
    known: dict[Key, list[Door]] = {}
    for ref, door in before:
        known.setdefault(_key(ref, door), []).append(door)
    found: dict[Key, Opening] = {}
    for ref, door in after:
        key = _key(ref, door)
        if not any(d.cost <= door.cost and (door.assumes or not d.assumes) for d in known.get(key, ())):
            found.setdefault(key, Opening(ref, door))
    return tuple(sorted(found.values(), key=lambda o: (o.door.cost, _key(o.workload, o.door))))


def _key(ref: Ref, door: Door) -> Key:
    return ref, door.how, door.protocol, door.port, door.outer
