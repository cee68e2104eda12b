"""Would the audit policy have logged it? Yes, no, or that depends on who exactly it is.

Upstream: k8s.io/apiserver/pkg/audit/policy/checker.go. A request made through impersonation is logged as one of whoever
impersonates, before the policy knows of anybody else.
"""

from __future__ import annotations

from typing import Final

from mistrust.access.match import Match, all_of, any_of
from mistrust.kube.audit_policy import AuditPolicy, AuditRule, GroupResources
from mistrust.layers.identity.subjects import (
    NODE,
    NODES,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    Principal,
    groups_of,
    user,
)

LEVELS: Final = frozenset({"Metadata", "Request", "RequestResponse"})
STARTED, COMPLETE = "ResponseStarted", "ResponseComplete"
LONG: Final = frozenset({"attach", "exec", "log", "portforward", "proxy"})
"""Subresources of which the beginning of the answer is an event of its own, as it is of every watch
(k8s.io/apiserver/pkg/server/config.go, LongRunningFunc)."""

DEPENDS: Final = "it depends on who it is"


def unlogged(policy: AuditPolicy, who: Principal, point: tuple[str, ...], namespace: str) -> int | None:
    """The index of the rule by which a use may go unlogged, -1 for a policy without a rule for it; None if it cannot.

    `point` is (verb, group, resource with subresource) or (verb, URL), whatever the name of the object; `namespace` is
    the request's, empty for cluster-scoped objects and for all namespaces at once.
    """
    for i, rule in enumerate(policy.rules):
        found = all_of((asks(rule, who), _what(rule, point, namespace)))
        if found is False:
            continue
        if _silent(rule, policy, point):
            return i
        if found is True:
            return None
    return -1


def _silent(rule: AuditRule, policy: AuditPolicy, point: tuple[str, ...]) -> bool:
    if rule.level not in LEVELS:
        return True
    omitted = {*policy.omit_stages, *rule.omit_stages}
    long = point[0] == "watch" or (len(point) > 2 and point[2].partition("/")[2] in LONG)
    return COMPLETE in omitted and not (long and STARTED not in omitted)


def asks(rule: AuditRule, who: Principal) -> Match:
    """Is a rule about somebody, whatever is asked for?"""
    named = any_of(_is(who, name) for name in rule.users) if rule.users else True
    member = any_of(_in(who, name) for name in rule.user_groups) if rule.user_groups else True
    return all_of((named, member))


def _is(who: Principal, name: str) -> Match:
    if who.kind == "User":
        return who.name == name
    other = user(name)
    known = other.service_account is not None or UNAUTHENTICATED in groups_of(other)
    return False if known and who.name not in groups_of(other) else DEPENDS


def _in(who: Principal, group: str) -> Match:
    known = (*groups_of(who), *((who.name,) if who.kind == "Group" else ()))
    if group in known or (group == NODES and who.kind == "User" and who.name.startswith(NODE)):
        return True
    reserved = group in (NODES, UNAUTHENTICATED) or group.startswith(SERVICE_ACCOUNTS)
    if who.kind == "User":
        return False if reserved or who.service_account or UNAUTHENTICATED in known else DEPENDS
    return False if SERVICE_ACCOUNTS in known or UNAUTHENTICATED in known else DEPENDS


def _what(rule: AuditRule, point: tuple[str, ...], namespace: str) -> Match:
    if rule.verbs and point[0] not in rule.verbs:
        return False
    about = bool(rule.namespaces or rule.resources)
    if len(point) == 2:
        if about:
            return False
        return not rule.non_resource_urls or any(_path(point[1], spec) for spec in rule.non_resource_urls)
    if not about:
        return not rule.non_resource_urls
    if rule.namespaces and namespace not in rule.namespaces:
        return False
    return not rule.resources or any_of(_resource(r, point[1], point[2]) for r in rule.resources)


def _path(path: str, spec: str) -> bool:
    return spec in ("*", path) or (spec.endswith("*") and path.startswith(spec.rstrip("*")))


def _resource(listed: GroupResources, group: str, combined: str) -> Match:
    if listed.group != group:
        return False
    if not listed.resources:
        return True
    resource, slash, subresource = combined.partition("/")
    wanted = {combined, "*", f"{resource}/*", *((f"*/{subresource}",) if slash else ())}
    if wanted.isdisjoint(listed.resources):
        return False
    return "it depends on the name" if listed.resource_names else True
