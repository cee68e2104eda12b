"""Everything that a report of a change prints, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.effect.effect import Effect, Kind
from mistrust.effect.gate import Ruling
from mistrust.report.assessment import Locate


class Version(msgspec.Struct, frozen=True):
    """One of the two."""

    name: str
    """What a person calls it: a folder, `main:deploy`, a context."""
    locate: Locate
    """File and line of its fields."""


class Comparison(msgspec.Struct, frozen=True):
    """The answer of `mistrust diff`."""

    old: Version
    new: Version
    effect: Effect
    deny: tuple[Kind, ...] = ()
    """The kinds that a gate denies."""
    ruling: Ruling = Ruling()
    remarks: tuple[str, ...] = ()
    """What a person should know about how it was compared."""
    tool: str = ""


def evidence_of(effect: Effect) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """All that a renderer may ask the place of, in the old and in the new version."""
    return tuple(_every(effect, 1)), tuple(_every(effect, 0))


def _every(effect: Effect, side: int) -> Iterator[Evidence]:
    deltas = (effect.authorized, effect.plaintext, effect.mutual)
    told: Iterable[Iterable[Evidence]] = (
        *(p.evidence for p in (effect.permissions.gained, effect.permissions.lost)[side]),
        *(o.door.evidence for o in (effect.exposure.gained, effect.exposure.lost)[side]),
        *(link.evidence for link in (effect.connections.gained, effect.connections.lost)[side]),
        *(h.evidence for d in deltas for h in (d.gained, d.lost)[side]),
        *(h.evidence for h in (effect.powers.gained, effect.powers.lost)[side]),
        *(h.grants for p in (effect.paths.gained, effect.paths.lost)[side] for h in p.hops),
    )
    for each in told:
        yield from each
