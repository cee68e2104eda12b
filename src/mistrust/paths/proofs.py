"""How an edge came about: the steps that make it, and for each need the grants and rules that meet it.

Nothing of this is kept while the graph is drawn; it is decided again for the few edges that somebody asks about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from mistrust.layers.identity.rules import ANY, Names
from mistrust.layers.identity.subjects import Principal
from mistrust.paths.graph import Key
from mistrust.paths.needs import NeedAt, Span, span
from mistrust.paths.powers import Powers
from mistrust.paths.rights import Rules, counts
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


Outcome = tuple[int, str, Span]
"""A step, the namespace in which it succeeds, and the names that it gains."""


class Proofs:
    """Answers how edges came about; what it found out about a source it keeps for the next edge."""

    def __init__(self, powers: Powers) -> None:
        self.powers = powers
        self._by_target: dict[Key, dict[Key, list[Outcome]]] = {}
        self._met: dict[tuple[Key, int, int, str], tuple[tuple[Met, Names], ...]] = {}

    def holding(self, source: Key, held: Key) -> tuple[Met, ...]:
        """The grants by which a principal holds a role; none where it took the role on."""
        if source[0] != "identity":
            return ()
        rights = self.powers.rights
        principal = Principal("User" if source[1] == "User" else "Group", str(source[2]))
        return tuple(
            Met(g, rights.gives[g], -1)
            for g in rights.of.get(principal, ())
            if (rights.gives[g], rights.grants[g].namespace) == held[1:]
        )

    def adding(self, held: Key, part: Key) -> tuple[Met, ...]:
        """The rules by which a held role meets one need of a step that several identities take together."""
        at, role = (int(part[1]), int(part[2])), int(held[1])
        named = self.powers.steps[at[0]].needs[at[1]].names == "target"
        rules = self.powers.reading.rules(role)[at]
        return tuple(Met(-1, role, rule) for rule, names in rules if names is ANY or not named)

    def taken(self, source: Key, target: Key) -> tuple[Taken, ...]:
        """Every step that leads from one node to another."""
        return tuple(self._taken(source, target, *outcome) for outcome in self._leading(source).get(target, ()))

    def _taken(self, source: Key, target: Key, s: int, scope: str, names: Span) -> Taken:
        step = self.powers.steps[s]
        needs = [self._for(source, target, s, n, scope) for n in range(len(step.needs))]
        if step.gains is Gain.REWRITE_ROLE:
            bound = self.powers.rewritten(source, step, scope, names)
            needs.append(tuple(Met(g, r, -1) for (g, r, _), head in bound if head == target))
        return Taken(s, scope, tuple(needs))

    def _leading(self, source: Key) -> dict[Key, list[Outcome]]:
        """The successes of a source by what they lead to."""
        if source not in self._by_target:
            found: dict[Key, list[Outcome]] = {}
            for s, scope, names in self._outcomes(source):
                for head in dict.fromkeys(h for h, _ in self.powers.heads(source, s, scope, names)):
                    found.setdefault(head, []).append((s, scope, names))
            self._by_target[source] = found
        return self._by_target[source]

    def _outcomes(self, source: Key) -> Iterable[Outcome]:
        match source:
            case ("held", int(role), str(scope)):
                return self.powers.enough((role, scope))
            case ("identity" | "as", *_):
                return (*self.powers.composing(source, self.powers.composed), *self.powers.alone(source))
            case _:
                return self.powers.alone(source)

    def _for(self, source: Key, target: Key, s: int, n: int, scope: str) -> tuple[Met, ...]:
        """The rules that meet one need for this very target."""
        met = self._meeting(source, s, n, scope)
        if self.powers.steps[s].needs[n].names != "target":
            return tuple(m for m, _ in met)
        return tuple(
            m
            for m, names in met
            if names is ANY or any(head == target for head, _ in self.powers.heads(source, s, scope, span(names)))
        )

    def _meeting(self, source: Key, s: int, n: int, scope: str) -> tuple[tuple[Met, Names], ...]:
        at = (source, s, n, scope)
        if at not in self._met:
            step = self.powers.steps[s]
            self._met[at] = tuple(
                (Met(grant, role, rule), names)
                for grant, role, space in self.powers.sources(source)
                if counts(step, step.needs[n], space, scope)
                for rule, names in self._rules(source, role, space, s).get((s, n), ())
            )
        return self._met[at]

    def _rules(self, source: Key, role: int, scope: str, s: int) -> Mapping[NeedAt, Rules]:
        """What counts of a role: all of it where it stands for itself, else what it adds to others."""
        if source[0] in ("identity", "as"):
            return self.powers.reading.shares(role, scope).get(s, {})
        return self.powers.reading.rules(role)

    def sharing(self, source: Key, part: Key) -> tuple[Met, ...]:
        """The rules by which a principal, or a role that it took on, meets one need of a step."""
        s, n, scope, name = int(part[3]), int(part[4]), str(part[5]), str(part[6])
        step = self.powers.steps[s]
        targeted = step.needs[n].names == "target"
        return tuple(
            Met(grant, role, rule)
            for grant, role, space in self.powers.sources(source)
            if (grant < 0) == (source[0] == "as") and counts(step, step.needs[n], space, scope)
            for rule, names in self.powers.reading.shares(role, space).get(s, {}).get((s, n), ())
            if not targeted or names is ANY or (isinstance(names, frozenset) and name in names)
        )
