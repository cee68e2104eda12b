"""Everything that is granted, as an exact set: one shard a principal, closed under union and difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from typing import Self

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.verdict import Answer, Verdict
from mistrust.layers.identity.boxes import Bundles, bundle_of, minus, union
from mistrust.layers.identity.index import Rbac
from mistrust.layers.identity.lookup import Request, deciding_rule
from mistrust.layers.identity.subjects import Principal
from mistrust.layers.identity.universe import Universe


class Access(msgspec.Struct, frozen=True, gc=False):
    """One principal doing one thing. What it may do through a group is an access of that group (`groups_of`)."""

    principal: Principal
    verb: str
    group: str = ""
    resource: str = ""
    """With the subresource: `pods/exec`."""
    namespace: str = ""
    """Empty for cluster-scoped objects, URLs, and all namespaces at once."""
    name: str = ""
    path: str | None = None
    """A URL that is no resource; then the fields above but `verb` mean nothing."""

    def __str__(self) -> str:
        what = self.path if self.path is not None else f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name}" if self.name else ""
        return f"{self.principal} {self.verb} {what}{named}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def point(self) -> tuple[str, ...]:
        """Its place in a `Box`."""
        return (self.verb, self.path) if self.path is not None else (self.verb, self.group, self.resource, self.name)


class Shard(msgspec.Struct, frozen=True, gc=False):
    """What one principal may do: in every namespace, and in those where that differs.

    URLs are of no namespace: what `everywhere` says of them is repeated in `within`, and is what counts.
    """

    everywhere: Bundles = ()
    within: Mapping[str, Bundles] = {}

    def at(self, namespace: str) -> Bundles:
        """What it may do in a namespace; in "" for cluster-scoped objects and URLs."""
        return self.within.get(namespace, self.everywhere)

    def __bool__(self) -> bool:
        return bool(self.everywhere or any(self.within.values()))


NOTHING = Shard()


class Grants(msgspec.Struct, frozen=True):
    """An exact set of accesses, wildcards kept as they are written."""

    shards: Mapping[Principal, Shard]
    universe: Universe
    sources: tuple[Rbac, ...] = ()
    """Where to look for the reason of an access."""
    hidden: tuple[str, ...] = ()
    """What was not seen and could add to the set."""
    doubtful: tuple[str, ...] = ()
    """What was not seen and could take from it."""

    @property
    def rbac(self) -> Rbac:
        """The index that the set was made from."""
        return self.sources[0]

    def __or__(self, other: Self, /) -> Self:
        """Everything that either allows."""
        shards = {p: _each(self.shards.get(p, NOTHING), other.shards.get(p, NOTHING), union) for p in self._with(other)}
        return self._made(shards, other, other.hidden, other.doubtful)

    def __sub__(self, other: Self, /) -> Self:
        """What this allows and the other does not."""
        shards = {p: _each(shard, other.shards.get(p, NOTHING), minus) for p, shard in self.shards.items()}
        return self._made(shards, other, other.doubtful, other.hidden)

    def _with(self, other: Self) -> Iterable[Principal]:
        return dict.fromkeys((*self.shards, *other.shards))

    def _made(
        self, shards: Mapping[Principal, Shard], other: Self, hidden: tuple[str, ...], doubtful: tuple[str, ...]
    ) -> Self:
        return type(self)(
            shards={principal: shard for principal, shard in shards.items() if shard},
            universe=self.universe,
            sources=tuple({id(s): s for s in (*self.sources, *other.sources)}.values()),
            hidden=tuple(dict.fromkeys((*self.hidden, *hidden))),
            doubtful=tuple(dict.fromkeys((*self.doubtful, *doubtful))),
        )

    def __contains__(self, access: Access) -> bool:
        shard = self.shards.get(access.principal, NOTHING)
        bundles = shard.everywhere if access.path is not None else shard.at(access.namespace)
        return any(box.holds(access.point) for bundle in bundles for box in bundle.boxes)

    def witness(self) -> Access | None:
        """One access inside, of things that exist if there are any; None if there is none."""
        fallback: Access | None = None
        for principal in sorted(self.shards):
            shard = self.shards[principal]
            for space in ("", *sorted(shard.within)):
                for bundle in shard.at(space):
                    found = self.universe.witness(bundle, inside=space != "")
                    if found is not None:
                        return _access(principal, space, found)
                    point = next((box.example() for box in bundle.boxes if not (box.of_urls and space)), None)
                    if point is not None and fallback is None:
                        fallback = _access(principal, space, point)
        return fallback

    def count(self) -> int:
        """How many (principal, verb, resource, namespace) there are, over what exists in the cluster.

        Names narrow an access and do not multiply it. A verb that no known resource has, a resource that nothing
        serves and a namespace that nothing names count for nothing.
        """
        return sum(self._count(shard) for shard in self.shards.values())

    def _count(self, shard: Shard) -> int:
        everywhere = self.universe.union(shard.everywhere)
        inside = self.universe.in_namespaces
        special = [space for space in shard.within if space in self.universe.namespaces]
        return (
            (everywhere & ~inside).bit_count()
            + (everywhere & inside).bit_count() * (len(self.universe.namespaces) - len(special))
            + sum((self.universe.union(shard.within[space]) & inside).bit_count() for space in special)
        )

    def decide(self, access: Access) -> Verdict:
        """Is this access in the set? The evidence is the grant that lets it, of the sets it was made from."""
        if access in self:
            reason, evidence = next(_reasons(self.sources, access), ("it is in the set", ()))
            if self.doubtful:
                return Verdict(Answer.UNKNOWN, f"{reason}, but {self.doubtful[0]}", evidence, self.doubtful)
            return Verdict(Answer.ALLOWED, reason, evidence)
        if self.hidden:
            return Verdict(Answer.UNKNOWN, f"no rule allows it, but {self.hidden[0]}", failed=self.hidden)
        return Verdict(Answer.DENIED, "no rule allows it")


def granted(rbac: Rbac, universe: Universe) -> Grants:
    """Everything that the grants of a snapshot allow."""
    nothing: Bundles = ()
    everywhere: dict[Principal, list[int]] = {}
    within: dict[Principal, dict[str, list[int]]] = {}
    for grant in rbac.grants:
        if grant.namespace:
            within.setdefault(grant.principal, {}).setdefault(grant.namespace, []).append(grant.role.content)
        else:
            everywhere.setdefault(grant.principal, []).append(grant.role.content)
    whole = {c: bundle_of(rbac.contents[c]) for held in everywhere.values() for c in held}
    inside = {c: bundle_of(rbac.contents[c], urls=False) for held in within.values() for s in held.values() for c in s}
    shards: dict[Principal, Shard] = {}
    for principal in rbac.principals:
        always = reduce(union, (whole[content] for content in everywhere.get(principal, ())), nothing)
        spaces = {
            space: reduce(union, (inside[content] for content in contents), always)
            for space, contents in within.get(principal, {}).items()
        }
        if shard := Shard(always, spaces):
            shards[principal] = shard
    return Grants(shards, universe, (rbac,), rbac.unseen)


def _access(principal: Principal, namespace: str, point: tuple[str, ...]) -> Access:
    if len(point) == 2:
        return Access(principal, point[0], path=point[1])
    verb, api_group, resource, name = point
    return Access(principal, verb, api_group, resource, namespace, name)


def _each(a: Shard, b: Shard, combine: Callable[[Bundles, Bundles], Bundles]) -> Shard:
    """The two combined in every namespace."""
    spaces = dict.fromkeys((*a.within, *b.within))
    return Shard(combine(a.everywhere, b.everywhere), {space: combine(a.at(space), b.at(space)) for space in spaces})


def _reasons(sources: Iterable[Rbac], access: Access) -> Iterator[tuple[str, tuple[Evidence, ...]]]:
    main, _, subresource = access.resource.partition("/")
    request = Request("", (), access.verb, access.group, main, subresource, access.namespace, access.name, access.path)
    for source in sources:
        for grant in source.grants:
            if grant.principal == access.principal and grant.namespace in ("", request.scope):
                rule = deciding_rule(grant.role.rules, request)
                if rule >= 0:
                    yield f"RBAC: allowed by {grant}", grant.evidence(rule)
