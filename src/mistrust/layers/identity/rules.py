"""What one rule means.

Defined by pkg/apis/rbac/v1/evaluation_helpers.go (permits) and
k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go (covers). Everything is compared letter by letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import product
from typing import Final

from mistrust.kube.rbac import PolicyRule

ALL: Final = "*"


class Every(Enum):
    """The one value that stands for all names, those that nobody has thought of included."""

    NAME = "every name"


ANY: Final = Every.NAME
NONE: Final[frozenset[str]] = frozenset()

Names = Every | frozenset[str]
"""The object names that something holds for; a request without a name has the name ""."""


def permits(rule: PolicyRule, verb: str, group: str, resource: str) -> Names:
    """The object names for which the rule permits the verb: `ANY`, `NONE` or its `resourceNames`.

    `resource` includes the subresource: `pods/exec`. `pods/*` in a rule permits nothing real.

    >>> permits(PolicyRule(verbs=("get",), api_groups=("",), resources=("*/log",)), "get", "", "pods/log")
    <Every.NAME: 'every name'>
    """
    _, slash, subresource = resource.partition("/")
    return permits_split(rule, verb, group, resource, subresource if slash else "")


def permits_split(rule: PolicyRule, verb: str, group: str, combined: str, subresource: str) -> Names:
    """`permits` for a request that says which part is the subresource, as a SubjectAccessReview does.

    A review of the resource `pods/exec` without a subresource is not matched by `*/exec`.
    """
    if (
        _lists(rule.verbs, verb)
        and _lists(rule.api_groups, group)
        and (_lists(rule.resources, combined) or (subresource != "" and f"*/{subresource}" in rule.resources))
    ):
        return frozenset(rule.resource_names) if rule.resource_names else ANY
    return NONE


def permits_url(rule: PolicyRule, verb: str, path: str) -> bool:
    """Does the rule permit the verb (a lower-case HTTP method) on a path that is no resource?

    Only trailing stars are wildcards, all of them: `/apis/**` means what `/apis/*` means.
    """
    return _lists(rule.verbs, verb) and any(url_matches(url, path) for url in rule.non_resource_urls)


def url_matches(written: str, path: str) -> bool:
    """Does one entry of `nonResourceURLs` match a path?"""
    return written == path or (written.endswith("*") and path.startswith(written.rstrip("*")))


def holds_for(names: Names, name: str) -> bool:
    """Is the name among them?"""
    return names is ANY or name in names


def covers(owner: Iterable[PolicyRule], wanted: PolicyRule) -> tuple[PolicyRule, ...]:
    """The parts of the wanted rule that no rule of the owner covers; empty if all of it is covered.

    It compares how rules are written, as the API server's escalation check does: all eight verbs do not cover `*`.
    Parts that share their fate stay together, so that the answer is small however large the rule is.
    """
    rules = tuple(owner)
    verbs = _classes(wanted.verbs, rules, lambda rule, verb: _lists(rule.verbs, verb))
    return (*_uncovered_resources(rules, wanted, verbs), *_uncovered_urls(rules, wanted, verbs))


Classes = tuple[tuple[int, tuple[str, ...]], ...]
"""Values that the same owner rules cover, with these rules as bits."""


def _uncovered_resources(rules: tuple[PolicyRule, ...], wanted: PolicyRule, verbs: Classes) -> Iterator[PolicyRule]:
    groups = _classes(wanted.api_groups, rules, lambda rule, group: _lists(rule.api_groups, group))
    resources = _classes(wanted.resources, rules, _covers_resource)
    names: Classes = ((_unnamed(rules), ()),)
    if wanted.resource_names:
        names = _classes(
            wanted.resource_names, rules, lambda rule, n: not rule.resource_names or n in rule.resource_names
        )
    for (v, verb), (g, group), (r, resource), (n, name) in product(verbs, groups, resources, names):
        if not v & g & r & n:
            yield PolicyRule(verbs=verb, api_groups=group, resources=resource, resource_names=name)


def _uncovered_urls(rules: tuple[PolicyRule, ...], wanted: PolicyRule, verbs: Classes) -> Iterator[PolicyRule]:
    urls = _classes(
        wanted.non_resource_urls, rules, lambda rule, u: any(url_matches(o, u) for o in rule.non_resource_urls)
    )
    unnamed = _unnamed(rules)
    for (v, verb), (u, url) in product(verbs, urls):
        if not v & u & unnamed:
            yield PolicyRule(verbs=verb, non_resource_urls=url)


def _classes(
    values: tuple[str, ...], rules: tuple[PolicyRule, ...], covered: Callable[[PolicyRule, str], bool]
) -> Classes:
    classes: dict[int, list[str]] = {}
    for value in dict.fromkeys(values):
        mask = sum(1 << i for i, rule in enumerate(rules) if covered(rule, value))
        classes.setdefault(mask, []).append(value)
    return tuple((mask, tuple(members)) for mask, members in classes.items())


def _unnamed(rules: tuple[PolicyRule, ...]) -> int:
    return sum(1 << i for i, rule in enumerate(rules) if not rule.resource_names)


def _covers_resource(rule: PolicyRule, resource: str) -> bool:
    _, slash, subresource = resource.partition("/")
    return _lists(rule.resources, resource) or (slash != "" and f"*/{subresource}" in rule.resources)


def _lists(written: tuple[str, ...], value: str) -> bool:
    return value in written or ALL in written
