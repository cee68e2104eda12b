"""Which contents permit something: an inverted index over the distinct rules of all roles.

What it answers is defined by `rules.permits_split` and `rules.permits_url` over each content; laws hold them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.rules import ALL, url_matches

REMEMBERED = 4096
"""How many distinct permissions are kept evaluated; many times what a cluster's clients use."""

Ids = frozenset[int]


class Permitted(msgspec.Struct, frozen=True, gc=False):
    """The contents (numbers of `Rbac.contents`) that permit something."""

    always: Ids = frozenset()
    named: Mapping[str, Ids] = {}
    """Only for objects of this name."""

    def to(self, name: str) -> Ids:
        """Those that permit it for one name; a request without a name has the name ""."""
        more = self.named.get(name)
        return self.always | more if more else self.always


NEVER = Permitted()
_NOTHING: Ids = frozenset()


class Permissions:
    """The index. What it has been asked before it answers faster, within a bound."""

    def __init__(self, contents: Sequence[tuple[PolicyRule, ...]]) -> None:
        numbers: dict[PolicyRule, int] = {}
        self._contents: list[list[int]] = []
        self._verbs: dict[str, set[int]] = {}
        self._groups: dict[str, set[int]] = {}
        self._resources: dict[str, set[int]] = {}
        self._urls: dict[str, list[int]] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        for content, rules in enumerate(contents):
            for rule in rules:
                number = numbers.setdefault(rule, len(numbers))
                if number == len(self._contents):
                    self._contents.append([])
                    self._add(number, rule)
                self._contents[number].append(content)
        self._shared: dict[Ids, Ids] = {}
        self.to_resource = lru_cache(REMEMBERED)(self._to_resource)
        self.to_url = lru_cache(REMEMBERED)(self._to_url)
        self._with_verb = lru_cache(64)(lambda verb: _or_all(self._verbs, verb))
        self._with_group = lru_cache(64)(lambda group: _or_all(self._groups, group))

    def _add(self, number: int, rule: PolicyRule) -> None:
        for verb in rule.verbs:
            self._verbs.setdefault(verb, set()).add(number)
        for group in rule.api_groups:
            self._groups.setdefault(group, set()).add(number)
        for resource in rule.resources:
            self._resources.setdefault(resource, set()).add(number)
        for url in rule.non_resource_urls:
            self._urls.setdefault(url, []).append(number)
        if rule.resource_names:
            self._names[number] = rule.resource_names

    def _to_resource(self, verb: str, group: str, combined: str, subresource: str) -> Permitted:
        """The contents that permit a verb on a resource; `combined` is `pods/exec`, `subresource` its `exec` or ""."""
        verbs, groups = self._with_verb(verb), self._with_group(group)
        always: set[int] = set()
        named: dict[str, set[int]] = {}
        for written in {combined, ALL, f"*/{subresource}"} if subresource else {combined, ALL}:
            for rule in self._resources.get(written, _NOTHING) & groups & verbs:
                if rule in self._names:
                    for name in self._names[rule]:
                        named.setdefault(name, set()).update(self._contents[rule])
                else:
                    always.update(self._contents[rule])
        if not always and not named:
            return NEVER
        return Permitted(self._share(always), {name: self._share(ids) for name, ids in named.items()})

    def _to_url(self, verb: str, path: str) -> Ids:
        """The contents that permit a verb on a path that is no resource."""
        verbs = self._with_verb(verb)
        matching = (rules for url, rules in self._urls.items() if url_matches(url, path))
        return self._share(
            {c for rules in matching for rule in verbs.intersection(rules) for c in self._contents[rule]}
        )

    def _share(self, ids: set[int]) -> Ids:
        """Equal answers are one object: a hostile stream of new verbs costs no memory."""
        if len(self._shared) > REMEMBERED:
            self._shared.clear()
        answer = frozenset(ids)
        return self._shared.setdefault(answer, answer)


def _or_all(written: Mapping[str, set[int]], value: str) -> set[int]:
    exact, wild = written.get(value), written.get(ALL)
    if exact is None or wild is None:
        return exact or wild or set()
    return exact | wild
