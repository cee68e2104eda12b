"""The narrowest rewrite of a rule that takes certain permissions out of it and keeps everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.rules import ALL, NONE, permits, permits_url
from mistrust.paths.needs import meets
from mistrust.paths.step import Need

STANDARD_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
"""What `*` stands for on an ordinary resource: k8s.io/apiserver/pkg/endpoints/request (requestinfo.go)."""


class Narrowed(msgspec.Struct, frozen=True):
    """A rule without what was taken out."""

    rules: tuple[PolicyRule, ...]
    """What stays; empty where nothing is left."""
    dropped: tuple[tuple[str, tuple[str, ...]], ...]
    """Each resource or URL that loses something, with the verbs that it loses."""
    guessed: bool
    """True where a wildcard had to be replaced: somebody has to say what was really needed of it."""


def narrowed(rule: PolicyRule, needs: Iterable[Need]) -> Narrowed:
    """Take out of a rule what lets it meet these needs.

    A list of verbs and resources loses just these pairs. `*` as a verb becomes the ordinary verbs that stay. A rule
    whose resources or groups are `*` cannot say "all but these": it loses the verbs for all of them, and if its verbs
    are `*` too, it goes.

    >>> from mistrust.paths.step import Permission
    >>> rule = PolicyRule(verbs=("get", "list"), api_groups=("",), resources=("secrets", "pods"))
    >>> narrowed(rule, [Need((Permission(("get",), ("secrets",)),))]).dropped
    (('secrets', ('get',)),)
    """
    wanted = tuple(needs)
    taken = frozenset(_taken(rule, wanted))
    kept = tuple(_resources(rule, taken)) + tuple(_urls(rule, wanted))
    if any(meets(k, need) != NONE for k in kept for need in wanted):
        kept = ()
    return Narrowed(kept, tuple(_dropped(rule, kept)), ALL in (*rule.verbs, *rule.api_groups, *rule.resources))


def _taken(rule: PolicyRule, needs: Sequence[Need]) -> Iterator[tuple[str, str, str]]:
    """Verb, group and resource of everything in the needs that the rule permits."""
    for need in needs:
        for p in need.any:
            for resource in p.resources:
                for verb in p.verbs:
                    if permits(rule, verb, p.group, resource) != NONE:
                        yield verb, p.group, resource


def _resources(rule: PolicyRule, taken: frozenset[tuple[str, str, str]]) -> Iterator[PolicyRule]:
    """One rule for all resources that keep the same verbs, in the order of the rule."""
    groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for group in rule.api_groups:
        for resource in rule.resources:
            lost = {v for v, g, r in taken if _is(group, g) and _stands_for(resource, r)}
            if lost and ALL in rule.verbs and ALL in (group, resource):
                continue
            verbs = tuple(v for v in _verbs(rule, lost) if v not in lost)
            if verbs:
                groups.setdefault((verbs, group), []).append(resource)
    merged: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (verbs, group), resources in groups.items():
        merged.setdefault((verbs, tuple(resources)), []).append(group)
    for (verbs, resources_), kept in merged.items():
        yield PolicyRule(verbs=verbs, api_groups=tuple(kept), resources=resources_, resource_names=rule.resource_names)


def _verbs(rule: PolicyRule, lost: set[str]) -> tuple[str, ...]:
    return STANDARD_VERBS if ALL in rule.verbs and lost else rule.verbs


def _is(written: str, asked: str) -> bool:
    return written in (ALL, asked)


def _stands_for(written: str, asked: str) -> bool:
    return written in (ALL, asked) or ("/" in asked and written == f"*/{asked.partition('/')[2]}")


def _urls(rule: PolicyRule, needs: Sequence[Need]) -> Iterator[PolicyRule]:
    """The URLs that no need asks for, with all verbs."""
    asked = {(v, u) for need in needs for p in need.any for u in p.urls for v in p.verbs}

    def harmless(url: str) -> bool:
        alone = PolicyRule(verbs=rule.verbs, non_resource_urls=(url,))
        return not any(permits_url(alone, v, u) for v, u in asked)

    kept = tuple(u for u in rule.non_resource_urls if harmless(u))
    if kept:
        yield PolicyRule(verbs=rule.verbs, non_resource_urls=kept)


def _dropped(rule: PolicyRule, kept: Sequence[PolicyRule]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for what in dict.fromkeys((*rule.resources, *rule.non_resource_urls)):
        left = {
            (v, g)
            for k in kept
            if what in k.resources or what in k.non_resource_urls
            for v in k.verbs
            for g in k.api_groups or ("",)
        }
        lost = tuple(v for v in rule.verbs if any((v, g) not in left for g in rule.api_groups or ("",)))
        if lost:
            yield what, lost
