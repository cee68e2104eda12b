"""May this one, and who may: answered from indexes over the grants of one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.index import AnyBinding, Grant, Rbac
from mistrust.layers.identity.permissions import REMEMBERED, Ids, Permissions
from mistrust.layers.identity.rules import holds_for, permits_split, permits_url
from mistrust.layers.identity.subjects import Principal, principal_of

_NOTHING: Ids = frozenset()


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request as an authorizer sees it: k8s.io/apiserver/pkg/authorization/authorizer/interfaces.go, Attributes."""

    user: str = ""
    groups: tuple[str, ...] = ()
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    """Empty for cluster-scoped objects, and for all namespaces at once."""
    name: str = ""
    path: str | None = None
    """A URL that is no resource (`/healthz`); then group, resource, namespace and name mean nothing."""

    @property
    def combined(self) -> str:
        """`pods/exec`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def scope(self) -> str:
        """The namespace whose RoleBindings count; empty for none."""
        return self.namespace if self.path is None else ""

    def __str__(self) -> str:
        if self.path is not None:
            return f"{self.verb} {self.path}"
        what = f"{self.combined}.{self.group}" if self.group else self.combined
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {what}{named}" + (f" in {self.namespace}" if self.namespace else "")


class Lookup:
    """The indexes over one `Rbac`. What it answers is defined by `deciding_rule` over each grant."""

    def __init__(self, rbac: Rbac) -> None:
        self.rbac = rbac
        self.permissions = Permissions(rbac.contents)
        self._contents = [grant.role.content for grant in rbac.grants]
        self._everywhere: dict[int, list[int]] = {}
        self._within: dict[str, dict[int, list[int]]] = {}
        held: dict[tuple[str, str], dict[str, list[int]]] = {}
        for i, grant in enumerate(rbac.grants):
            principal, namespace = grant.principal, grant.namespace
            held.setdefault((principal.kind, principal.name), {}).setdefault(namespace, []).append(i)
            where = self._within.setdefault(namespace, {}) if namespace else self._everywhere
            where.setdefault(grant.role.content, []).append(i)
        self._held = {key: {scope: tuple(ids) for scope, ids in scopes.items()} for key, scopes in held.items()}
        self._latent: dict[tuple[str, str], list[AnyBinding]] = {}
        for binding in rbac.dangling:
            for subject in binding.subjects:
                if holder := principal_of(subject, binding.namespace):
                    self._latent.setdefault((holder.kind, holder.name), []).append(binding)
        self._holders = lru_cache(REMEMBERED)(self._holders_everywhere)

    def find(self, request: Request) -> tuple[Grant, int] | None:
        """The first grant that allows the request, and the index of its rule; None if no grant does."""
        always, named = self._allowing(request)
        contents, first = self._contents, -1
        for ids in self._candidates(request):
            for i in ids:
                if contents[i] in always or contents[i] in named:
                    first = i if first < 0 else min(i, first)
                    break
        if first < 0:
            return None
        grant = self.rbac.grants[first]
        return grant, deciding_rule(grant.role.rules, request)

    def allows(self, request: Request) -> bool:
        """Does some grant allow the request?"""
        always, named = self._allowing(request)
        contents = self._contents
        return any(contents[i] in always or contents[i] in named for ids in self._candidates(request) for i in ids)

    def allowing(self, request: Request) -> Iterator[tuple[int, int]]:
        """Every grant that allows the request, by index, with every rule of its role that does."""
        always, named = self._allowing(request)
        for i in sorted({i for ids in self._candidates(request) for i in ids}):
            if self._contents[i] in always or self._contents[i] in named:
                rules = self.rbac.grants[i].role.rules
                yield from ((i, r) for r, rule in enumerate(rules) if deciding_rule((rule,), request) == 0)

    def who(self, request: Request) -> dict[Principal, Grant]:
        """Everybody who may do this, whoever the request says it is from, with a grant that lets them."""
        always, named = self._allowing(request)
        found = dict(self._holders(always))
        within = self._within.get(request.scope, {})
        more = [self._everywhere[content] for content in named if content in self._everywhere]
        more += [ids for content, ids in within.items() if content in always or content in named]
        for i in sorted(i for ids in more for i in ids):
            grant = self.rbac.grants[i]
            found.setdefault(grant.principal, grant)
        return found

    def granting(self, request: Request) -> Iterator[Grant]:
        """Every grant that allows it in some namespace and for some name, in order."""
        if request.path is not None:
            wanted = self.permissions.to_url(request.verb, request.path)
        else:
            found = self.permissions.to_resource(request.verb, request.group, request.combined, request.subresource)
            wanted = found.always.union(*found.named.values())
        for i, content in enumerate(self._contents):
            if content in wanted and (request.path is None or not self.rbac.grants[i].namespace):
                yield self.rbac.grants[i]

    def held_by(self, principals: Iterable[Principal]) -> Iterator[Grant]:
        """What these are given, in order."""
        mine = (self._held.get((p.kind, p.name), {}).values() for p in principals)
        return (self.rbac.grants[i] for i in sorted({i for scopes in mine for ids in scopes for i in ids}))

    def latent(self, request: Request) -> tuple[AnyBinding, ...]:
        """The bindings that could matter to this request if the role they name existed."""
        holders = (("User", request.user), *(("Group", group) for group in request.groups))
        found = {id(b): b for holder in holders for b in self._latent.get(holder, ())}
        return tuple(b for b in found.values() if b.namespace in ("", request.scope))

    def _allowing(self, request: Request) -> tuple[Ids, Ids]:
        """The contents that allow it: for every name, and for the request's."""
        if request.path is not None:
            return self.permissions.to_url(request.verb, request.path), _NOTHING
        found = self.permissions.to_resource(request.verb, request.group, request.combined, request.subresource)
        return found.always, found.named.get(request.name, _NOTHING)

    def _candidates(self, request: Request) -> Iterator[tuple[int, ...]]:
        scope = request.scope
        for holder in (("User", request.user), *(("Group", group) for group in request.groups)):
            mine = self._held.get(holder)
            if mine is not None:
                yield mine.get("", ())
                if scope:
                    yield mine.get(scope, ())

    def _holders_everywhere(self, allowed: Ids) -> Mapping[Principal, Grant]:
        found: dict[Principal, Grant] = {}
        for i in sorted(i for content in allowed for i in self._everywhere.get(content, ())):
            grant = self.rbac.grants[i]
            found.setdefault(grant.principal, grant)
        return found


def deciding_rule(rules: tuple[PolicyRule, ...], request: Request) -> int:
    """The first rule that allows the request; -1 if none does."""
    for i, rule in enumerate(rules):
        if request.path is not None:
            if permits_url(rule, request.verb, request.path):
                return i
        elif holds_for(
            permits_split(rule, request.verb, request.group, request.combined, request.subresource), request.name
        ):
            return i
    return -1
