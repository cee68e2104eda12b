"""What of the granted is used: recorded requests, credited to every grant that allows them.

The audit log names one grant, the first that allowed (`authorization.k8s.io/reason`); taking that one away may change
nothing, so all that allow are credited. Some verbs no request carries: the API server asks for them beside one (`bind`
when a binding is written) or outside the log; of these nobody can say that they are unused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mistrust.access.record import Coverage, Record, Tally
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.dark import ELSEWHERE, Dark, Unseen
from mistrust.layers.identity.grants import NOTHING, Access, Grants, Shard
from mistrust.layers.identity.index import Grant
from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.identity.subjects import Principal, group, user

K = TypeVar("K")
Places = Mapping[str, int]
"""Used bits of the universe by namespace; "" for cluster-scoped objects, URLs and all namespaces at once."""


class Usage(msgspec.Struct, frozen=True):
    """The used part of what is granted, in the units of `Grants.count`."""

    granted: Grants
    places: Mapping[Principal, Places]
    by_grant: Mapping[int, Tally]
    """By index into `Rbac.grants`: grants that no request needed have no entry."""
    by_rule: Mapping[tuple[int, int], Tally]
    """By index of a grant and of a rule of its role."""
    unexplained: Mapping[Request, Tally]
    """Requests that were allowed, and by nothing that is seen here."""
    coverage: Coverage
    dark: Dark
    """What could be used without being seen."""

    def hides(self, grant: Grant, rule: PolicyRule) -> Unseen:
        """What of a rule may be used unseen by one to whom it is given."""
        return self.dark.hides(self.granted.universe, grant.principal, grant.namespace, rule)

    def count(self) -> int:
        """How many granted accesses were used."""
        return sum(self._count(principal, used) for principal, used in self.places.items())

    def unknown(self) -> int:
        """How many granted accesses were not seen, and no log would show them if they were used."""
        return sum(self._hidden(principal, shard) for principal, shard in self.granted.shards.items())

    def _hidden(self, who: Principal, shard: Shard) -> int:
        universe, used = self.granted.universe, self.places.get(who, {})
        inside, everywhere = universe.in_namespaces, used.get("", 0)

        def dark(space: str) -> int:
            return self.dark.places(universe, who, space) & ~(everywhere | used.get(space, 0))

        whole = universe.union(shard.everywhere)
        special = {s for s in (*shard.within, *used, *self.dark.spaces) if s in universe.namespaces}
        total = (whole & ~inside & dark("")).bit_count()
        total += (whole & inside & dark(ELSEWHERE)).bit_count() * (len(universe.namespaces) - len(special))
        return total + sum((universe.union(shard.at(s)) & inside & dark(s)).bit_count() for s in special)

    def _count(self, principal: Principal, used: Places) -> int:
        return self._within(self.granted.shards.get(principal, NOTHING), used)

    def _within(self, shard: Shard, used: Places) -> int:
        """The accesses of a shard among these places; what is used in all namespaces at once is used in each."""
        universe = self.granted.universe
        inside, everywhere = universe.in_namespaces, used.get("", 0)
        whole = universe.union(shard.everywhere) & everywhere
        special = {s for s in (*shard.within, *used) if s in universe.namespaces}
        total = (whole & ~inside).bit_count() + (whole & inside).bit_count() * (len(universe.namespaces) - len(special))
        for space in special:
            held = universe.union(shard.at(space)) & inside
            total += (held & (everywhere | used.get(space, 0))).bit_count()
        return total


def used(granted: Grants, record: Record[Request], dark: Dark | None = None) -> Usage:
    """Credit every recorded request to the principals and the grants that allow it.

    `dark` says what the record cannot show; None where that is only what its coverage tells.
    """
    lookup = Lookup(granted.rbac)
    places: dict[Principal, dict[str, int]] = {}
    by_grant: dict[int, Tally] = {}
    by_rule: dict[tuple[int, int], Tally] = {}
    unexplained: dict[Request, Tally] = {}
    for request, tally in record.uses.items():
        if not nameable(request):
            continue
        allowing = tuple(lookup.allowing(request))
        for number in {number: None for number, _ in allowing}:
            _add(by_grant, number, tally)
        for place in allowing:
            _add(by_rule, place, tally)
        if not allowing:
            _add(unexplained, request, tally)
            continue
        for access in ways(request):
            if access in granted and (bit := granted.universe.place(access.point)):
                space = places.setdefault(access.principal, {})
                space[access.namespace] = space.get(access.namespace, 0) | bit
    return Usage(granted, places, by_grant, by_rule, unexplained, record.coverage, dark or Dark(record.coverage))


def nameable(request: Request) -> bool:
    """Can what it asks for exist? A request for the resource `*` is authorized, finds nothing, and shows no use."""
    return "*" not in request.verb + request.group + request.combined


def ways(request: Request) -> tuple[Access, ...]:
    """The accesses any of which lets a request through: the user's own, and those of each of its groups."""
    return tuple(
        Access(
            principal,
            request.verb,
            request.group,
            request.combined,
            request.namespace if request.path is None else "",
            request.name,
            request.path,
        )
        for principal in (user(request.user), *map(group, dict.fromkeys(request.groups)))
    )


def _add(into: dict[K, Tally], key: K, tally: Tally) -> None:
    into[key] = into[key] + tally if key in into else tally
