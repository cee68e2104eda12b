"""A binding that comes, is written otherwise, or goes: what of that can be told without working everything out."""

from __future__ import annotations

import msgspec

from mistrust.effect import permissions
from mistrust.effect.effect import Delta, Effect, Kind
from mistrust.effect.state import State
from mistrust.kube.rbac import ClusterRoleBinding, RoleBinding
from mistrust.layers.identity.grants import Grants, Shard, granted
from mistrust.layers.identity.index import Grant, Rbac, join
from mistrust.layers.identity.subjects import Principal, principal_of

Binding = RoleBinding | ClusterRoleBinding


class Bound(msgspec.Struct, frozen=True):
    """A change of one binding, for its subjects before and after."""

    before: Grants
    """What they have, all bindings together."""
    after: Grants


def bound(old: State, before: Binding | None, after: Binding | None) -> Bound | None:
    """What changes for the subjects of a binding; None where more may change than that.

    A binding to a role that is not there, or in a namespace that nothing has named, is more.
    """
    index, known = old.permissions.rbac, old.ways.land.powers.rights
    several = [b for b in (before, after) if b is not None]
    if any(b.namespace and b.namespace not in old.permissions.universe.namespaces for b in several):
        return None
    fresh, dangling, _ = join([after] if after is not None else [], index.roles)
    if dangling or before in index.dangling:
        return None
    named = {principal_of(s, b.namespace) for b in several for s in b.subjects}
    whom = frozenset(p for p in named if p is not None)
    mine = tuple(known.grants[i] for p in sorted(whom) for i in known.of.get(p, ()))
    kept = tuple(g for g in mine if before is None or g.binding.ref != before.ref)
    shards = {p: shard for p in whom if (shard := old.permissions.shards.get(p)) is not None}
    return Bound(_those(old, index, mine, shards), _those(old, index, (*kept, *fresh)))


def of_binding(old: State, before: Binding | None, after: Binding | None, asked: frozenset[Kind]) -> Effect | None:
    """What `part.part` says of a change of one binding; None where everything has to be worked out for that."""
    change = bound(old, before, after) if Kind.PATH not in asked else None
    if change is None:
        return None
    more, count = permissions.came(change.before, change.after)
    return Effect(permissions=Delta(more), granted=count)


def _those(old: State, index: Rbac, some: tuple[Grant, ...], shards: dict[Principal, Shard] | None = None) -> Grants:
    """Some grants as a set; with their `shards` where these are known."""
    narrow = msgspec.structs.replace(index, grants=some, principals=tuple(dict.fromkeys(g.principal for g in some)))
    if shards is None:
        return granted(narrow, old.permissions.universe)
    return msgspec.structs.replace(old.permissions, shards=shards, sources=(narrow,))
