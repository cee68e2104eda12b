"""Two snapshots in, the effect of the change out."""

from __future__ import annotations

import msgspec

from mistrust.effect import attacks, exposure, permissions, powers
from mistrust.effect.connections import connections, settled
from mistrust.effect.doubts import doubts
from mistrust.effect.effect import Delta, Effect, Objects
from mistrust.effect.hearing import heard, meshed, rules
from mistrust.effect.objects import differences
from mistrust.effect.state import Given, State, state
from mistrust.kube.snapshot import Snapshot


def effect(old: Snapshot, new: Snapshot, given: Given) -> Effect:
    """What the change from one snapshot to the other grants and takes.

    Two snapshots that hold the same are not analysed; what was not understood of them is said all the same.
    """
    unsure = tuple(doubts(old, new))
    differing = differences(old.objects, new.objects)
    if differing == Objects() and (old.scope, old.version) == (new.scope, new.version):
        return Effect(doubts=unsure)
    before = state(old, given)
    found = between(before, state(new, given, before))
    return msgspec.structs.replace(found, objects=differing, doubts=(*unsure, *found.doubts))


def between(old: State, new: State) -> Effect:
    """The same of two versions that are worked out already."""
    more, granted = permissions.came(old.permissions, new.permissions)
    less, taken = permissions.came(new.permissions, old.permissions)
    opened, opened_pairs, inside = attacks.came(old.ways, new.ways)
    closed, closed_pairs, inner = attacks.came(new.ways, old.ways)
    a, b = old.ground, new.ground
    spoken = heard(
        (a.whole, a.connections.answers),
        (b.whole, b.connections.answers),
        ruled=differences(rules(old.snapshot), rules(new.snapshot)) != Objects(),
    )
    return Effect(
        permissions=Delta(more, less),
        granted=granted,
        taken=taken,
        exposure=Delta(exposure.came(a.doors, b.doors), exposure.came(b.doors, a.doors)),
        connections=connections(a.connections, b.connections),
        authorized=spoken.authorized,
        plaintext=spoken.plaintext,
        mutual=spoken.mutual,
        meshed=meshed(a.whole) or meshed(b.whole),
        powers=Delta(powers.came(a.powers, b.powers), powers.came(b.powers, a.powers)),
        paths=Delta(opened, closed),
        opened=opened_pairs,
        closed=closed_pairs,
        inside=inside | inner,
        doubts=(*settled(a.connections, b.connections), *spoken.doubts),
    )
