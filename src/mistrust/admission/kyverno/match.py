"""Which requests a rule is about: `match` and `exclude` (kyverno/pkg/engine/utils/match.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from mistrust.admission.kyverno.request import ACCOUNT, Request
from mistrust.admission.plain import items, labels, mapping, text, texts
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.scalars import has_wild, wild

_VERSION: Final = re.compile(r"v\d+(?:(?:alpha|beta)\d+)?|\*", re.ASCII)


FILTERS: Final = frozenset(("any", "all", "resources", "subjects", "roles", "clusterRoles"))
RESOURCES: Final = frozenset(
    (*("kinds", "name", "names", "namespaces", "annotations", "selector", "namespaceSelector", "operations"),)
)


class Kind(msgspec.Struct, frozen=True):
    """`group/version/Kind/subresource`, each of which may be a pattern."""

    group: str = "*"
    version: str = "*"
    kind: str = "*"
    subresource: str = ""

    def matches(self, request: Request) -> bool:
        """Is the request about such an object?"""
        group, version, kind = request.review.group_version_kind
        sub = text(request.review.request, "subResource")
        return (wild(self.group, group) and wild(self.version, version) and wild(self.kind, kind)) and (
            wild(self.subresource, sub) if sub or self.subresource else True
        )


def kind(given: str) -> Kind:
    """`Pod`, `v1/Pod`, `apps/v1/Deployment`, `Pod/exec`.

    >>> kind("apps/v1/Deployment/scale")
    Kind(group='apps', version='v1', kind='Deployment', subresource='scale')
    """
    parts = given.split("/")
    match len(parts):
        case 1:
            return Kind(kind=given)
        case 2:
            first, second = parts
            if _VERSION.fullmatch(first) and not (first == "*" and second == "*"):
                return Kind(version=first, kind=second)
            return Kind(kind=first, subresource=second)
        case 3:
            if _VERSION.fullmatch(parts[0]) and not _VERSION.fullmatch(parts[1]):
                return Kind("*", *parts)
            return Kind(*parts)
        case 4:
            return Kind(*parts)
    raise InputError("not a kind", got=given, wanted="group/version/Kind/subresource")


class Filter(msgspec.Struct, frozen=True):
    """Some requests: all that it says has to hold."""

    resources: Mapping[str, Plain]
    kinds: tuple[Kind, ...]
    people: Mapping[str, Plain]
    """`subjects`, `roles` and `clusterRoles`."""

    @property
    def empty(self) -> bool:
        """Does it say nothing?"""
        return not self.resources and not self.people

    def matches(self, request: Request, *, unknown: bool) -> bool:
        """Is it about a request? Parameters: `unknown`, what people are taken for where it is not said who asks."""
        if self.empty:
            return False
        if self.resources and not self._resource(request):
            return False
        if not self.people:
            return True
        if not request.user:
            return unknown
        return _asks(self.people, request)

    def _resource(self, request: Request) -> bool:
        given, of = self.resources, request.object
        if self.kinds and not any(k.matches(request) for k in self.kinds):
            return False
        name = text(of, "metadata", "name") or text(of, "metadata", "generateName")
        names = [*([text(given, "name")] * ("name" in given)), *texts(given, "names")]
        if names and not any(wild(n, name) for n in names):
            return False
        operations = texts(given, "operations")
        if operations and request.operation not in operations:
            return False
        return self._place(request) and _annotated(given, of) and _labelled(given.get("selector"), labels(of))

    def _place(self, request: Request) -> bool:
        given, of = self.resources, request.object
        is_namespace = request.review.group_version_kind[2] == "Namespace"
        space = text(of, "metadata", "name" if is_namespace else "namespace")
        spaces = texts(given, "namespaces")
        if spaces and not any(wild(n, space) for n in spaces):
            return False
        if given.get("namespaceSelector") is None:
            return True
        if is_namespace or not space:
            return is_namespace and _labelled(given["namespaceSelector"], labels(of))
        return _labelled(given["namespaceSelector"], request.namespace_labels or {})


def _annotated(given: Mapping[str, Plain], of: Mapping[str, Plain]) -> bool:
    have = mapping(of, "metadata", "annotations")
    return all(
        any(wild(key, k) and isinstance(v, str) and wild(str(value), v) for k, v in have.items())
        for key, value in mapping(given, "annotations").items()
    )


def _labelled(selector: Plain, have: Mapping[str, str]) -> bool:
    """Does a selector, in which keys and values may be patterns, choose labels?"""
    if not isinstance(selector, dict):
        return True
    wanted = mapping(selector, "matchLabels")
    if not all(any(wild(key, k) and wild(str(value), v) for k, v in have.items()) for key, value in wanted.items()):
        return False
    return all(_expression(each, have) for each in items(selector, "matchExpressions"))


def _expression(given: Plain, have: Mapping[str, str]) -> bool:
    key, values = text(given, "key"), texts(given, "values")
    found = [v for k, v in have.items() if (wild(key, k) if has_wild(key) else key == k)]
    among = any(wild(value, v) for value in values for v in found)
    match text(given, "operator"):
        case "In":
            return among
        case "NotIn":
            return not among
        case "Exists":
            return bool(found)
        case "DoesNotExist":
            return not found
    raise InputError("not an operator of a selector", got=text(given, "operator"))


def _asks(people: Mapping[str, Plain], request: Request) -> bool:
    if "roles" in people and not any(wild(r, own) for r in texts(people, "roles") for own in request.roles):
        return False
    wanted = texts(people, "clusterRoles")
    if "clusterRoles" in people and not any(wild(r, own) for r in wanted for own in request.cluster_roles):
        return False
    subjects = items(people, "subjects")
    return not subjects or any(_is(each, request.user) for each in subjects)


def _is(subject: Plain, user: Mapping[str, Plain]) -> bool:
    name = text(subject, "name")
    match text(subject, "kind"):
        case "ServiceAccount":
            return wild(f"{ACCOUNT}{text(subject, 'namespace')}:{name}", text(user, "username"))
        case "Group":
            return any(wild(name, group) for group in texts(user, "groups"))
    return wild(name, text(user, "username"))


class Matcher(msgspec.Struct, frozen=True):
    """`match` or `exclude`."""

    some: tuple[Filter, ...] = ()
    every: tuple[Filter, ...] = ()

    def matches(self, request: Request, *, unknown: bool) -> bool:
        """Is it about a request?"""
        if self.some:
            return any(f.matches(request, unknown=unknown) for f in self.some)
        return bool(self.every) and all(f.matches(request, unknown=unknown) for f in self.every)


def about(match: Matcher, exclude: Matcher, request: Request) -> bool:
    """Is a rule about a request? Where it is not said who asks, people do not matter."""
    return match.matches(request, unknown=True) and not exclude.matches(request, unknown=False)


def matcher(given: Plain) -> Matcher:
    """Compile. Raises `InputError` for what is none."""
    if given is None:
        return Matcher()
    if not isinstance(given, dict):
        raise InputError("not a match", wanted="any, all or resources")
    some, every = _filters(given, "any"), _filters(given, "all")
    if not some and not every:
        every = (_filter(given),)
    return Matcher(some, tuple(f for f in every if not f.empty))


def _filters(given: Mapping[str, Plain], name: str) -> tuple[Filter, ...]:
    return tuple(_filter(each) for each in items(given, name) if isinstance(each, dict))


def _filter(given: Mapping[str, Plain]) -> Filter:
    resources = mapping(given, "resources")
    other = sorted((set(given) - FILTERS) | (set(resources) - RESOURCES))
    if other:
        raise InputError("not a match that is understood", got=", ".join(other))
    people = {k: v for k in ("subjects", "roles", "clusterRoles") if (v := given.get(k))}
    return Filter(resources, tuple(map(kind, texts(resources, "kinds"))), people)


def kinds(given: Plain) -> Sequence[str]:
    """Every kind that a `match` names."""
    filters = [given, *items(given if isinstance(given, dict) else {}, "any")]
    filters += items(given if isinstance(given, dict) else {}, "all")
    return [k for f in filters for k in texts(mapping(f, "resources"), "kinds")]
