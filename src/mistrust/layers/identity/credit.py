"""Grant by grant and rule by rule: how often it was needed, when, by whom, where, and what of it never was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Final

import msgspec

from mistrust.access.record import Tally
from mistrust.access.telling import listed
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.dark import UNRECORDED
from mistrust.layers.identity.index import Grant
from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.identity.rules import ALL
from mistrust.layers.identity.usage import Usage, nameable

FEW: Final = 3


class Credit(msgspec.Struct, frozen=True):
    """One rule, given by one grant."""

    grant: Grant
    rule: int
    """Index into the rules of the role."""
    tally: Tally | None
    """None where no request needed it."""
    requests: tuple[Request, ...] = ()
    unseen: str = ""
    """Why a use of it, or of a part, may not have been seen; empty where it would have been."""

    @property
    def written(self) -> PolicyRule:
        """The rule."""
        return self.grant.role.rules[self.rule]

    def remarks(self, namespaces: int) -> tuple[str, ...]:
        """What of it was used, in words; `namespaces` is how many there are."""
        if self.tally is None:
            return (f"unknown: {self.unseen}",) if self.unseen else ()
        return (*self._parts(), *self._places(namespaces), *self._members(), *((self.unseen,) if self.unseen else ()))

    def _parts(self) -> tuple[str, ...]:
        """Of what is written the verbs and resources that nobody used; of a wildcard those that somebody did."""
        told = []
        verbs = tuple(dict.fromkeys(r.verb for r in self.requests))
        resources = tuple(dict.fromkeys(r.combined for r in self.requests if r.path is None))
        for written, used in ((self.written.verbs, verbs), (self.written.resources, resources)):
            if ALL in written and used:
                told.append(f"of * only {listed(sorted(used), FEW)}")
                continue
            idle = [w for w in written if w not in used and w not in UNRECORDED and not w.startswith("*/")]
            told += [f"{listed(idle, FEW)} unused"] if idle else []
        return tuple(told)

    def _places(self, namespaces: int) -> tuple[str, ...]:
        if self.grant.namespace or any(not r.namespace for r in self.requests):
            return ()
        spaces = sorted({r.namespace for r in self.requests})
        return (f"in {listed(spaces, FEW)} of {namespaces:,} namespaces",)

    def _members(self) -> tuple[str, ...]:
        if self.grant.principal.kind != "Group":
            return ()
        return (f"used by {listed(sorted({r.user for r in self.requests}), FEW)}",)


def credited(usage: Usage, uses: Mapping[Request, Tally]) -> tuple[Credit, ...]:
    """Every rule of every grant, in their order, with those of the uses that needed it.

    Each grant that allows a request is credited, not only the first.
    """
    lookup = Lookup(usage.granted.rbac)
    found: dict[tuple[int, int], list[Request]] = {}
    for request in filter(nameable, uses):
        for place in lookup.allowing(request):
            found.setdefault(place, []).append(request)
    return tuple(
        Credit(
            grant,
            i,
            reduce(add, (uses[r] for r in found[number, i])) if (number, i) in found else None,
            tuple(found.get((number, i), ())),
            usage.hides(grant, rule).because,
        )
        for number, grant in enumerate(usage.granted.rbac.grants)
        for i, rule in enumerate(grant.role.rules)
    )
