"""Which classes some policy really limits: being selected by a policy that lets everything through is no limit."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.ports import EVERY_PORT
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.reach import Part, Reach


def limits(network: Reach) -> Sequence[tuple[bool, bool]]:
    """Of every class of pods: does any policy limit what comes in, and what goes out?

    What comes in is limited where somebody whom nothing keeps from sending does not get in everywhere; what goes out,
    where something that takes in everything cannot be reached on every port.
    """
    every = range(network.classes)
    outside = range(network.classes, network.classes + len(network.blocks))
    alone = [network.isolated(c) for c in every]
    free_to_send = Classes.of([*(c for c in every if not alone[c][1]), *outside])
    free_to_take = [*(c for c in every if not alone[c][0]), *outside]
    everywhere = Classes.of(every)
    for d in dict.fromkeys(network.row(d) for d in free_to_take):
        everywhere = everywhere & whole(d)
    return [
        (comes_in and bool(free_to_send - whole(network.row(c))), goes_out and c not in everywhere)
        for c, (comes_in, goes_out) in enumerate(alone)
    ]


def whole(row: Sequence[Part]) -> Classes:
    """The sources of a row that may open every port."""
    found: Classes | None = None
    missing = EVERY_PORT
    for part in row:
        found = part.sources if found is None else found & part.sources
        missing = missing - part.ports
    return found if found is not None and not missing else Classes.of(())
