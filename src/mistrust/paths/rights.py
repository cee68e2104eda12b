"""Who holds which role where, and which steps a set of held roles is enough for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.kube.meta import Object, Ref
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.index import Grant, Rbac
from mistrust.layers.identity.roles import EffectiveRole
from mistrust.layers.identity.rules import NONE, Names
from mistrust.layers.identity.subjects import Principal, group, groups_of
from mistrust.paths.needs import ALL_NAMES, NO_NAMES, NeedAt, Needs, Span, span
from mistrust.paths.step import Need, Step

CLUSTER = ""
"""The scope of a ClusterRoleBinding: every namespace, and what is in none."""
NAMESPACES = "*"
"""The scope of someone who may write a RoleBinding in any namespace: every namespace, but not what is in none."""


Held = tuple[int, str]
"""Index of a role, and the scope in which it is held."""


class Rights(msgspec.Struct, frozen=True):
    """The grants of one snapshot, in an order that does not depend on the input's."""

    roles: tuple[EffectiveRole, ...]
    grants: tuple[Grant, ...]
    gives: tuple[int, ...]
    """For each grant the index of its role."""
    of: Mapping[Principal, tuple[int, ...]]
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
    """Order the grants of an index."""
    roles = sorted((r for copies in index.roles.values() for r in copies), key=lambda r: _place(r.source))
    number = {id(r): i for i, r in enumerate(roles)}
    grants = sorted(index.grants, key=lambda g: (_place(g.binding), g.subject, number[id(g.role)]))
    of: dict[Principal, list[int]] = {}
    for i, grant in enumerate(grants):
        of.setdefault(grant.principal, []).append(i)
    return Rights(
        roles=tuple(roles),
        grants=tuple(grants),
        gives=tuple(number[id(g.role)] for g in grants),
        of={p: tuple(of[p]) for p in sorted(of)},
    )


def _place(o: Object) -> tuple[Ref, str, int, int]:
    return o.ref, o.origin.file, o.origin.document, o.origin.item


class Reading(msgspec.Struct, frozen=True):
    """What each role is worth to the steps."""

    rights: Rights
    steps: Sequence[Step]
    worth: tuple[Mapping[NeedAt, Span], ...]
    """For each role the needs that it meets, and for which names."""
    meets: Needs

    def outcomes(self, step: int, held: Iterable[Held]) -> dict[str, Span]:
        """Where a step succeeds for someone who holds these roles, and what it gains there.

        A namespace is named although `CLUSTER` covers it, if a role is held there: it may succeed when others are gone.
        """
        return _outcomes(self.steps[step], step, [(self.worth[r], scope) for r, scope in held])

    def rules_meeting(self, role: int, at: NeedAt) -> Iterator[tuple[int, Names]]:
        """The rules of a role that meet a need, one by one."""
        for i, rule in enumerate(self.rights.roles[role].rules):
            names = self.meets.met_by(rule).get(at, NONE)
            if names != NONE:
                yield i, names


def read(rights: Rights, steps: Sequence[Step]) -> Reading:
    """Ask once a role what it is worth."""
    needs = Needs(steps)
    known: dict[int, Mapping[NeedAt, Span]] = {}
    for role in rights.roles:
        if role.content not in known:
            known[role.content] = _worth(role.rules, needs)
    return Reading(rights, steps, tuple(known[r.content] for r in rights.roles), needs)


def _worth(rules: Iterable[PolicyRule], needs: Needs) -> Mapping[NeedAt, Span]:
    total: dict[NeedAt, Span] = {}
    for rule in rules:
        for at, names in needs.met_by(rule).items():
            total[at] = total.get(at, NO_NAMES) | span(names)
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


def _outcomes(step: Step, s: int, held: Sequence[tuple[Mapping[NeedAt, Span], str]]) -> dict[str, Span]:
    if any(scope_of(step, need) == "namespace" for need in step.needs):
        scopes = sorted({CLUSTER, *(scope for _, scope in held)} - {NAMESPACES})
    else:
        scopes = [step.scope if step.scope not in ("namespace", "cluster") else CLUSTER]
    found = ((scope, _gained(step, s, held, scope)) for scope in scopes)
    return {scope: names for scope, names in found if names}


def _gained(step: Step, s: int, held: Sequence[tuple[Mapping[NeedAt, Span], str]], gained: str) -> Span:
    """The names that all needs leave; none where one need is not met."""
    names = ALL_NAMES
    for n, need in enumerate(step.needs):
        met = NO_NAMES
        for worth, scope in held:
            if (s, n) in worth and counts(step, need, scope, gained):
                met |= worth[s, n]
        if not met:
            return NO_NAMES
        if need.names == "target":
            names &= met
    return names
