"""Which requests rules are about (k8s.io/apiserver pkg/admission/plugin/webhook/predicates/rules)."""

from __future__ import annotations

from typing import Final

import msgspec

from mistrust.admission.plain import labels, mapping, text
from mistrust.admission.review import Object, Review
from mistrust.kube.build import Plain
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.selectors import matches as selected

EXEMPT: Final = frozenset(
    (
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "TokenReview",
        "SubjectAccessReview",
        "LocalSubjectAccessReview",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
    )
)
"""Kinds that no such policy is asked about."""


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """Some requests."""

    api_groups: list[str] = []
    api_versions: list[str] = []
    operations: list[str] = []
    resources: list[str] = []
    resource_names: list[str] = []
    scope: str = "*"


class Match(msgspec.Struct, frozen=True, rename="camel"):
    """All of it has to hold."""

    resource_rules: list[Rule] = []
    exclude_resource_rules: list[Rule] = []
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None
    match_policy: str = "Equivalent"


def matches(match: Match | None, review: Review, *, every: bool) -> bool:
    """Is it about this request? Parameters: `every`, whether no rules at all are about every request."""
    if match is None:
        return every
    if not _of_namespace(match.namespace_selector, review) or not _of_object(match.object_selector, review):
        return False
    if any(applies(rule, review) for rule in match.exclude_resource_rules):
        return False
    if not match.resource_rules:
        return every
    return any(applies(rule, review) for rule in match.resource_rules)


def applies(rule: Rule, review: Review) -> bool:
    """Is a rule about this request? An operation that is not said is that of an object as it stands: its creation."""
    group, version, kind = review.group_version_kind
    request = review.request
    resource, sub = text(request, "resource", "resource") or plural(kind), text(request, "subResource")
    operation = text(request, "operation") or "CREATE"
    named = not rule.resource_names or text(request, "name") in rule.resource_names
    asked = (
        _in(rule.api_groups, group) and _in(rule.api_versions, version) and _in(rule.operations, operation) and named
    )
    return asked and any(_resource(r, resource, sub) for r in rule.resources) and _scope(rule.scope, review)


def _in(some: list[str], value: str) -> bool:
    return "*" in some or value in some


def _resource(pattern: str, resource: str, sub: str) -> bool:
    first, slash, second = pattern.partition("/")
    if not slash:
        return not sub and first in ("*", resource)
    return first in ("*", resource) and (second == "*" or (second == sub and bool(sub)))


def _scope(scope: str, review: Review) -> bool:
    inside = bool(text(review.request, "namespace")) and review.group_version_kind[2] != "Namespace"
    return scope in ("*", "") or (scope == "Namespaced") is inside


def _of_namespace(selector: LabelSelector | None, review: Review) -> bool:
    """A Namespace is chosen by its own labels, its name among them; what is in none is always chosen."""
    if selector is None or selector == LabelSelector():
        return True
    if review.group_version_kind[2] == "Namespace":
        itself = mapping(review.object if review.object is not None else review.old)
        return selected(selector, {**_own_text(itself), **labels(itself)})
    if not text(review.request, "namespace"):
        return True
    space: Object = review.namespace or {"metadata": {"labels": _own(text(review.request, "namespace"))}}
    return selected(selector, {**_own_text(space), **labels(space)})


def _own(name: str) -> Plain:
    return {"kubernetes.io/metadata.name": name}


def _own_text(space: Object) -> dict[str, str]:
    name = text(mapping(space, "metadata"), "name")
    return {"kubernetes.io/metadata.name": name} if name else {}


def _of_object(selector: LabelSelector | None, review: Review) -> bool:
    if selector is None or selector == LabelSelector():
        return True
    return any(selected(selector, labels(o)) for o in (review.object, review.old) if o is not None)


def plural(kind: str) -> str:
    """The resource of a kind, as meta.UnsafeGuessKindToResource guesses it.

    >>> plural("NetworkPolicy"), plural("Ingress"), plural("Pod"), plural("Endpoints")
    ('networkpolicies', 'ingresses', 'pods', 'endpoints')
    """
    lower = kind.lower()
    if lower == "endpoints":
        return lower
    if lower.endswith(("s", "x", "ch", "sh")):
        return f"{lower}es"
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return f"{lower[:-1]}ies"
    return f"{lower}s"
