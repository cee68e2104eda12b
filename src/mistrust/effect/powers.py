"""Powers of pods over their nodes and neighbours that came or went."""

from __future__ import annotations

from mistrust.effect.effect import Held
from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.layer import Access, Powers


def came(before: Powers, after: Powers) -> tuple[Held, ...]:
    """The powers of `after` that `before` does not have, with the fields that give them."""
    more = after - before
    order = tuple(Power)
    return tuple(_held(more, access) for access in sorted(more.held, key=lambda a: (order.index(a.power), a)))


def _held(powers: Powers, access: Access) -> Held:
    verdict = powers.decide(access)
    return Held(access.workload, access.power, verdict.because, verdict.failed, verdict.decided_by)
