"""Who holds which role where, and which steps a set of held roles is enough for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.kube.meta import Object, Ref
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.index import Grant, Rbac
from mistrust.layers.identity.roles import EffectiveRole
from mistrust.layers.identity.rules import Names
from mistrust.layers.identity.subjects import Principal, group, groups_of
from mistrust.paths.needs import ALL_NAMES, NO_NAMES, NeedAt, Needs, Span, role_kind, span
from mistrust.paths.step import Gain, Need, Step

CLUSTER = ""
"""The scope of a ClusterRoleBinding: every namespace, and what is in none."""
NAMESPACES = "*"
"""The scope of someone who may write a RoleBinding in any namespace: every namespace, but not what is in none."""


Held = tuple[int, str]
"""Index of a role, and the scope in which it is held."""


class Rights(msgspec.Struct, frozen=True):
    """The roles and grants of one snapshot."""

    roles: tuple[EffectiveRole, ...]
    grants: tuple[Grant, ...]
    gives: tuple[int, ...]
    """For each grant the index of its role."""
    of: Mapping[Principal, list[int]]
    """For each principal the grants that name it."""

    def holders(self, principal: Principal) -> tuple[Principal, ...]:
        """The principal, and the groups that it is certainly in."""
        return principal, *map(group, groups_of(principal))

    def granted(self, principal: Principal) -> Iterator[int]:
        """Its grants, by itself and through these groups."""
        for holder in self.holders(principal):
            yield from self.of.get(holder, ())

    def held(self, principal: Principal) -> frozenset[Held]:
        """The roles that these grants give, and where."""
        return frozenset((self.gives[g], self.grants[g].namespace) for g in self.granted(principal))


def rights(index: Rbac) -> Rights:
    """Number the roles of an index in an order of their own, and look its grants up by principal."""
    roles = sorted((r for copies in index.roles.values() for r in copies), key=lambda r: place(r.source))
    number = {id(r): i for i, r in enumerate(roles)}
    of: dict[Principal, list[int]] = {}
    for i, grant in enumerate(index.grants):
        of.setdefault(grant.principal, []).append(i)
    return Rights(tuple(roles), index.grants, tuple(number[id(g.role)] for g in index.grants), of)


Place = tuple[Ref, str, int, int]
"""An object, and where it was read from: two copies of one object are told apart."""


def place(o: Object) -> Place:
    """The name and the origin of an object, in an order that does not depend on the input's."""
    return o.ref, o.origin.file, o.origin.document, o.origin.item


Rules = tuple[tuple[int, Names], ...]
"""Rules of a role by index, each with the names that it gives."""


class Reading:
    """What each role is worth to the steps, asked once for each distinct content."""

    def __init__(self, rights: Rights, steps: Sequence[Step]) -> None:
        self.rights, self.steps = rights, steps
        self._needs = Needs(steps)
        self._rules: dict[int, Mapping[NeedAt, Rules]] = {}
        self._shares: dict[tuple[int, bool], Mapping[int, Mapping[NeedAt, Rules]]] = {}
        self._adds: dict[tuple[int, bool], Mapping[int, Mapping[NeedAt, Span]]] = {}
        self._worth: dict[int, Mapping[NeedAt, Span]] = {}
        self._admin = tuple(s for s, t in enumerate(steps) if t.gains in (Gain.CLUSTER_ADMIN, Gain.NAMESPACE_ADMIN))

    def rules(self, role: int) -> Mapping[NeedAt, Rules]:
        """For each need the rules of a role that meet it."""
        held = self.rights.roles[role]
        found = self._rules.get(held.content)
        if found is None:
            met: dict[NeedAt, list[tuple[int, Names]]] = {}
            for i, rule in enumerate(held.rules):
                for at, names in self._needs.met_by(rule).items():
                    met.setdefault(at, []).append((i, names))
            found = self._rules[held.content] = {at: tuple(rules) for at, rules in met.items()}
        return found

    def worth(self, role: int) -> Mapping[NeedAt, Span]:
        """For each need that a role meets the names that it gives."""
        content = self.rights.roles[role].content
        if content not in self._worth:
            self._worth[content] = {at: spanned(rules) for at, rules in self.rules(role).items()}
        return self._worth[content]

    def shares(self, role: int, scope: str) -> Mapping[int, Mapping[NeedAt, Rules]]:
        """For each step what a role has to add to others.

        A rule that is enough for the step by itself has nothing to add: the step goes with it and without the others.
        Nor has a rule with every right, for steps that gain roles.
        """
        held = self.rights.roles[role]
        known = (held.content, scope == CLUSTER)
        if known not in self._shares:
            found: dict[int, dict[NeedAt, Rules]] = {}
            for at, rules in self.rules(role).items():
                left = tuple((i, names) for i, names in rules if not self._alone(held.rules[i], at[0], scope))
                if left:
                    found.setdefault(at[0], {})[at] = left
            self._shares[known] = found
        return self._shares[known]

    def adds(self, role: int, scope: str) -> Mapping[int, Mapping[NeedAt, Span]]:
        """The names of `shares`."""
        known = (self.rights.roles[role].content, scope == CLUSTER)
        if known not in self._adds:
            shares = self.shares(role, scope)
            self._adds[known] = {s: {at: spanned(r) for at, r in rules.items()} for s, rules in shares.items()}
        return self._adds[known]

    def met_by(self, rule: PolicyRule) -> Mapping[NeedAt, Span]:
        """What one rule is worth by itself."""
        return {at: span(names) for at, names in self._needs.met_by(rule).items()}

    def _alone(self, rule: PolicyRule, s: int, scope: str) -> bool:
        met = self.met_by(rule)
        steps = self._admin
        if self.steps[s].gains not in PERSONAL:
            steps = (s,)
        elif self.steps[s].gains is Gain.ROLE and role_kind(self.steps[s]) == "ClusterRole":
            steps = (s, *self._admin)
        return any(names.every for t in steps for names in gained(self.steps[t], t, [(met, scope)]).values())

    def outcomes(self, step: int, held: Iterable[Held]) -> dict[str, Span]:
        """Where a step succeeds for someone who holds these roles, and what it gains there.

        A namespace is named although `CLUSTER` covers it, if a role is held there: it may succeed when others are gone.
        """
        return gained(self.steps[step], step, [(self.worth(r), scope) for r, scope in held])


PERSONAL = (Gain.ROLE, Gain.REWRITE_ROLE)
"""Gains that depend on who takes the step."""


def spanned(rules: Rules) -> Span:
    """The names that several rules give together."""
    total = NO_NAMES
    for _, names in rules:
        total |= span(names)
    return total


def scope_of(step: Step, need: Need) -> str:
    """`namespace`, `cluster`, or the one namespace."""
    return need.scope or step.scope


def counts(step: Step, need: Need, scope: str, gained: str) -> bool:
    """Does a role held in `scope` count for a need, where the step is to succeed in the namespace `gained`?"""
    wanted = scope_of(step, need)
    if scope == CLUSTER:
        return True
    if wanted == "cluster":
        return False
    return scope == NAMESPACES or scope == (gained if wanted == "namespace" else wanted)


def gained(step: Step, s: int, held: Sequence[tuple[Mapping[NeedAt, Span], str]]) -> dict[str, Span]:
    """Where a step succeeds with these rights, each with the scope in which it is held, and the names that it gains."""
    if any(scope_of(step, need) == "namespace" for need in step.needs):
        scopes = sorted({CLUSTER, *(scope for _, scope in held)} - {NAMESPACES})
    else:
        scopes = [step.scope if step.scope not in ("namespace", "cluster") else CLUSTER]
    found = ((scope, _names(step, s, held, scope)) for scope in scopes)
    return {scope: names for scope, names in found if names}


def _names(step: Step, s: int, held: Sequence[tuple[Mapping[NeedAt, Span], str]], where: str) -> Span:
    """The names that all needs leave; none where one need is not met."""
    names = ALL_NAMES
    for n, need in enumerate(step.needs):
        met = NO_NAMES
        for worth, scope in held:
            if (s, n) in worth and counts(step, need, scope, where):
                met |= worth[s, n]
        if not met:
            return NO_NAMES
        if need.names == "target":
            names &= met
    return names
