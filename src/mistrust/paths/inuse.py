"""What the evidence says about the rules and bindings that a change may touch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.enough import thin
from mistrust.layers.identity.lookup import Lookup, Request, deciding_rule
from mistrust.layers.identity.subjects import account
from mistrust.layers.identity.unused import ENOUGH
from mistrust.layers.identity.usage import Usage
from mistrust.paths.inventory import Account
from mistrust.paths.rights import Place, place

SHOWN = 2
At = tuple[Place, int]


class InUse(msgspec.Struct, frozen=True):
    """Recorded requests by what lets them through; a request may have several grants, each is told."""

    rules: Mapping[At, tuple[Request, ...]]
    """By role and index of the rule where it is written."""
    subjects: Mapping[At, tuple[Request, ...]]
    """By binding and index of the subject."""
    users: Mapping[str, tuple[Request, ...]]
    """By user name: whoever uses its token."""
    days: float
    """Length of the evidence; 0 where it is too short, or has holes, to call anything unused."""
    unseen: frozenset[At] = frozenset()
    """Rules, and subjects of bindings, that may be used without the evidence showing it."""

    def lost(self, at: At, left: Sequence[PolicyRule]) -> tuple[Request, ...]:
        """The requests that a rule lets through and what is left of it would not."""
        return tuple(r for r in self.rules.get(at, ()) if deciding_rule(tuple(left), r) < 0)

    def bound(self, binding: Place, subjects: Iterable[int]) -> tuple[Request, ...]:
        """The requests that need one of the subjects of a binding."""
        return tuple(dict.fromkeys(r for i in subjects for r in self.subjects.get((binding, i), ())))

    def tokens(self, accounts: Iterable[Account]) -> tuple[Request, ...]:
        """The requests made with the tokens of service accounts."""
        return tuple(r for a in accounts for r in self.users.get(account(*a).name, ()))

    def told(self, lost: Sequence[Request], touched: Iterable[At] = ()) -> str:
        """What a person should know before the change: `unused 31 d`, `in use: ...`; empty where nobody knows."""
        if lost:
            names = [f"{_who(r)} {r}" for r in lost[:SHOWN]]
            more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
            return f"in use: {'; '.join(names)}{more}"
        if any(at in self.unseen for at in touched):
            return "use is not logged"
        return f"unused {self.days:.0f} d" if self.days else ""


def in_use(usage: Usage, requests: Iterable[Request]) -> InUse:
    """Look the requests of the evidence up by rule and by subject."""
    rules: dict[At, dict[Request, None]] = {}
    subjects: dict[At, dict[Request, None]] = {}
    users: dict[str, dict[Request, None]] = {}
    for request, number, rule in _credited(usage, requests):
        grant = usage.granted.rbac.grants[number]
        role, index = grant.role.at(rule)
        rules.setdefault((place(role), index), {})[request] = None
        subjects.setdefault((place(grant.binding), grant.subject), {})[request] = None
        users.setdefault(request.user, {})[request] = None
    return InUse(
        {at: tuple(found) for at, found in rules.items()},
        {at: tuple(found) for at, found in subjects.items()},
        {name: tuple(found) for name, found in users.items()},
        0.0 if thin(usage.coverage, ENOUGH) else usage.coverage.days,
        frozenset(_unseen(usage)),
    )


def _unseen(usage: Usage) -> Iterator[At]:
    for grant in usage.granted.rbac.grants:
        hidden = [i for i, rule in enumerate(grant.role.rules) if usage.hides(grant, rule)]
        for role, index in map(grant.role.at, hidden):
            yield place(role), index
        if hidden:
            yield place(grant.binding), grant.subject


def _credited(usage: Usage, requests: Iterable[Request]) -> Iterator[tuple[Request, int, int]]:
    lookup = Lookup(usage.granted.rbac)
    for request in requests:
        for number, rule in lookup.allowing(request):
            yield request, number, rule


def _who(request: Request) -> str:
    return request.user.removeprefix("system:serviceaccount:").replace(":", "/")
