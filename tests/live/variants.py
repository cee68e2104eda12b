"""Sets of rules around what a step needs: each verb and resource that suffices, by itself and for one name, and each
need left out."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.paths.step import Need, Permission, Step
from tests.live.requests.request import Plain, Tried

Rules = tuple[Plain, ...]


def variants(step: Step, tried: Tried) -> Iterator[tuple[Rules, bool]]:
    """Rules, and whether they are bound in a namespace only."""
    alternatives = [tuple(_alternatives(need)) for need in step.needs]
    firsts: Rules = tuple(each[0] for each in alternatives)
    local = not any((need.scope or step.scope) == "cluster" for need in step.needs)
    for i, (need, several) in enumerate(zip(step.needs, alternatives, strict=True)):
        for rule in several:
            yield (*firsts[:i], rule, *firsts[i + 1 :]), local
        for rule in several:
            if "resources" in rule and not nameless(rule):
                named = {**rule, "resourceNames": [_name(need, rule, tried)]}
                yield (*firsts[:i], named, *firsts[i + 1 :]), local
        yield tuple(rule for j, others in enumerate(alternatives) if j != i for rule in others), local
    if not local and all("resources" in rule for rule in firsts):
        yield firsts, True


def nameless(rule: Plain) -> bool:
    """Does no such request have a name that a rule could list?"""
    (resource,), (verb,) = rule["resources"], rule["verbs"]  # type: ignore[misc]
    return verb == "deletecollection" or (verb.rpartition(":")[2] == "create" and "/" not in resource)


def _alternatives(need: Need) -> Iterator[Plain]:
    for p in need.any:
        for verb in p.verbs:
            for resource in p.resources:
                yield {"apiGroups": [p.group], "resources": [resource], "verbs": [verb]}
            for url in p.urls:
                yield {"nonResourceURLs": [url], "verbs": [verb]}


def _name(need: Need, rule: Plain, tried: Tried) -> str:
    (resource,) = rule["resources"]  # type: ignore[misc]
    permission = next(p for p in need.any if _covers(p, rule))
    name = tried.names.get(resource, tried.name)
    return name if not permission.names or name in permission.names else permission.names[0]


def _covers(permission: Permission, rule: Plain) -> bool:
    return [permission.group] == rule["apiGroups"] and rule["resources"][0] in permission.resources  # type: ignore[index]
