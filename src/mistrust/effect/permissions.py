"""Permissions that came: binding by binding, the part of each rule that the other version does not give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mistrust.access.evidence import Evidence
from mistrust.effect.effect import Escalation, Permission
from mistrust.kube.meta import Ref
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.boxes import Bundles, bundle_of, minus
from mistrust.layers.identity.facts import CROWDS
from mistrust.layers.identity.grants import NOTHING, Grants, Shard
from mistrust.layers.identity.index import Grant
from mistrust.layers.identity.rules import covers
from mistrust.layers.identity.sensitive import sensitive
from mistrust.layers.identity.subjects import Principal

Rules = tuple[PolicyRule, ...]
Key = tuple[Ref, Ref, str, Rules]
"""Binding, role, namespace, and what of the role is new."""


def came(before: Grants, after: Grants) -> tuple[tuple[Permission, ...], int]:
    """What `after` allows and `before` does not, by binding, and how many permissions that is.

    Several bindings may give the same permission: each is told, and it counts once.
    """
    more = after - before
    if not more.shards:
        return (), 0
    held = _held(before, more.shards)
    found: dict[Key, dict[Principal, Grant]] = {}
    for grant in after.rbac.grants:
        if grant.principal in more.shards:
            rules = tuple(_new(grant, held, before))
            if rules:
                key = grant.binding.ref, grant.role.source.ref, grant.namespace, rules
                found.setdefault(key, {}).setdefault(grant.principal, grant)
    told = (_told(key, grants, before, after) for key, grants in found.items())
    return tuple(sorted(told, key=_order)), more.count()


def _held(before: Grants, whom: Mapping[Principal, Shard]) -> Mapping[Principal, Mapping[str, list[PolicyRule]]]:
    """The rules that each has, by namespace."""
    found: dict[Principal, dict[str, list[PolicyRule]]] = {}
    for grant in before.rbac.grants:
        if grant.principal in whom:
            found.setdefault(grant.principal, {}).setdefault(grant.namespace, []).extend(grant.role.rules)
    return found


def _new(
    grant: Grant, held: Mapping[Principal, Mapping[str, list[PolicyRule]]], before: Grants
) -> Iterator[PolicyRule]:
    """The parts of a grant's rules that its subject does not have there; what permits nothing real is no part."""
    own = held.get(grant.principal, {})
    places = dict.fromkeys(("", grant.namespace))
    rules = [rule for place in places for rule in own.get(place, ())]
    known = _at(before, grant.principal, grant.namespace)
    for rule in grant.role.rules:
        for part in covers(rules, rule):
            if minus(bundle_of((part,), urls=not grant.namespace), known):
                yield part


def _at(grants: Grants, principal: Principal, namespace: str) -> Bundles:
    shard = grants.shards.get(principal, NOTHING)
    return shard.at(namespace) if namespace else shard.everywhere


def _told(key: Key, grants: Mapping[Principal, Grant], before: Grants, after: Grants) -> Permission:
    binding, role, namespace, rules = key
    one = next(iter(grants.values()))
    extra = Grants({p: _shard(rules, namespace, before, p) for p in grants}, after.universe)
    return Permission(
        principals=tuple(sorted(grants)),
        namespace=namespace,
        rules=rules,
        binding=binding,
        role=role,
        evidence=tuple(dict.fromkeys(_evidence(one, rules))),
        count=extra.count(),
        escalations=tuple(dict.fromkeys(e for p in grants for e in _escalations(p, namespace, rules))),
    )


def _shard(rules: Rules, namespace: str, before: Grants, principal: Principal) -> Shard:
    given = bundle_of(rules, urls=not namespace)
    had = before.shards.get(principal, NOTHING)
    if namespace:
        return Shard((), {namespace: minus(given, had.at(namespace))})
    return Shard(minus(given, had.everywhere), {space: minus(given, had.at(space)) for space in had.within})


def _evidence(grant: Grant, rules: Rules) -> Iterator[Evidence]:
    """The rules of the role that say it, and the subject."""
    for i, rule in enumerate(grant.role.rules):
        if any(not covers((rule,), part) for part in rules):
            yield from grant.evidence(i)


def _escalations(principal: Principal, namespace: str, rules: Rules) -> Iterator[Escalation]:
    where = f"in {namespace}" if namespace else "everywhere"
    if principal in CROWDS:
        fact, who = CROWDS[principal]
        yield Escalation(fact, f"{who} has it")
    for held in sensitive(rules):
        if not (held.cluster_wide and namespace):
            yield Escalation(held.fact, f"may {'do ' if held.what == 'everything' else ''}{held.what} {where}")


def _order(p: Permission) -> tuple[bool, bool, int, tuple[Principal, ...], Ref, Ref]:
    return not p.escalations, bool(p.namespace), -p.count, p.principals, p.binding, p.role
