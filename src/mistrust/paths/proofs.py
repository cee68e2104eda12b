"""How an edge came about: the steps that make it, and for each need the grants and rules that meet it.

Nothing of this is kept while the graph is drawn; it is decided again for the few edges that somebody asks about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from mistrust.layers.identity.rules import ANY, Names
from mistrust.paths.graph import Key
from mistrust.paths.powers import Powers
from mistrust.paths.rights import counts
from mistrust.paths.step import Gain


class Met(msgspec.Struct, frozen=True, gc=False):
    """One rule, held through one grant, that meets a need."""

    grant: int
    """-1 where the role is held by whoever stands at the edge's source."""
    role: int
    rule: int
    """-1 where holding the role is all that is asked."""


class Taken(msgspec.Struct, frozen=True):
    """One step that makes an edge: for each need the rules that meet it, any of which will do."""

    step: int
    scope: str
    needs: tuple[tuple[Met, ...], ...]


def holding(powers: Powers, source: Key, held: Key) -> tuple[Met, ...]:
    """The grants by which a principal holds a role; none where it took the role on."""
    if source[0] != "identity":
        return ()
    return tuple(
        Met(g, r, -1)
        for g, r, scope in powers.sources(source)
        if (r, scope) == held[1:] and str(powers.rights.grants[g].principal.name) == source[2]
    )


def adding(powers: Powers, held: Key, part: Key) -> tuple[Met, ...]:
    """The rules by which a held role meets one need of a step that several identities take together."""
    s, n, role = part[1], part[2], held[1]
    assert isinstance(s, int)
    assert isinstance(n, int)
    assert isinstance(role, int)
    named = powers.steps[s].needs[n].names == "target"
    rules = powers.reading.rules_meeting(role, (s, n))
    return tuple(Met(-1, role, rule) for rule, names in rules if names is ANY or not named)


def taken(powers: Powers, source: Key, target: Key) -> tuple[Taken, ...]:
    """Every step that leads from one node to another, in the order of their ids."""
    return tuple(_taken(powers, source, target))


def _taken(powers: Powers, source: Key, target: Key) -> Iterator[Taken]:
    for s, scope, names in _outcomes(powers, source):
        if any(head == target for head, _ in powers.heads(source, s, scope, names)):
            needs = [tuple(_meeting(powers, source, target, s, n, scope)) for n in range(len(powers.steps[s].needs))]
            if powers.steps[s].gains is Gain.REWRITE_ROLE:
                bound = powers.rewritten(source, powers.steps[s], scope, names)
                needs.append(tuple(Met(g, r, -1) for (g, r, _), head in bound if head == target))
            yield Taken(s, scope, tuple(needs))


def _outcomes(powers: Powers, source: Key) -> Iterable[tuple[int, str, Names]]:
    match source:
        case ("held", int(role), str(scope)):
            return powers.enough((role, scope))
        case ("identity" | "as", *_):
            return (*powers.composing(source, powers.composed), *powers.alone(source))
        case _:
            return powers.alone(source)


def _meeting(powers: Powers, source: Key, target: Key, s: int, n: int, scope: str) -> Iterator[Met]:
    """The rules that meet one need for this very target."""
    step = powers.steps[s]
    need = step.needs[n]
    for grant, role, space in powers.sources(source):
        if not counts(step, need, space, scope):
            continue
        for rule, names in powers.reading.rules_meeting(role, (s, n)):
            if need.names != "target" or any(head == target for head, _ in powers.heads(source, s, scope, names)):
                yield Met(grant, role, rule)
