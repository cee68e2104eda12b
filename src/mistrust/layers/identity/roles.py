"""Which rules a role has: those written in it, or for an aggregated ClusterRole those of the roles it selects.

Aggregation is pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.kube.rbac import AggregationRule, ClusterRole, PolicyRule, Role
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.kube.snapshot import Scope, Snapshot

AnyRole = Role | ClusterRole
RoleKey = tuple[str, str, str]
"""(kind, namespace, name), as a roleRef finds it."""

BOOTSTRAPPING: Final = "kubernetes.io/bootstrapping"
RBAC_DEFAULTS: Final = "rbac-defaults"


class EffectiveRole(msgspec.Struct, frozen=True, gc=False):
    """A role with the rules that count."""

    source: AnyRole
    rules: tuple[PolicyRule, ...]
    content: int
    """Roles with the same rules have the same number: an index into `Rbac.contents`."""
    written: tuple[tuple[AnyRole, int], ...] = ()
    """For an aggregated role, the role and index that each rule is written at; empty where that is `source` itself."""

    def at(self, rule: int) -> tuple[AnyRole, int]:
        """The object and the index in its `rules` where a person would edit the rule."""
        return self.written[rule] if self.written else (self.source, rule)


def bootstrapped(snapshot: Snapshot) -> bool:
    """Did the input come from a server, although its objects no longer say so?

    Every server keeps a `cluster-admin` with this label. Where it is present, the default roles are in the input, and
    the rules of aggregated roles are what the controller wrote (nothing, if none ran).
    """
    return any(
        role.name == "cluster-admin" and role.metadata.labels.get(BOOTSTRAPPING) == RBAC_DEFAULTS
        for role in snapshot.of(ClusterRole)
    )


def roles(snapshot: Snapshot, defaults: Sequence[AnyRole] = ()) -> Roles:
    """Every role of a snapshot under the name that a roleRef gives it.

    `defaults` are the roles that a server brings; one that the input writes too counts as the input writes it.
    """
    every: list[AnyRole] = [*snapshot.of(ClusterRole), *snapshot.of(Role)]
    given = {key_of(role) for role in every}
    every += [role for role in defaults if key_of(role) not in given]
    trusted = snapshot.scope is not Scope.MANIFESTS or bootstrapped(snapshot)
    aggregates = _Aggregates([role for role in every if isinstance(role, ClusterRole)])
    found: dict[RoleKey, tuple[EffectiveRole, ...]] = {}
    contents: dict[tuple[PolicyRule, ...], int] = {}
    for role in every:
        rules, written = role.rules, ()  # type: tuple[PolicyRule, ...], tuple[tuple[AnyRole, int], ...]
        if isinstance(role, ClusterRole) and role.aggregation_rule is not None:
            if trusted or role.live:
                written = aggregates.attributed(role)
            else:
                parts = aggregates.union(role)
                rules, written = tuple(parts), tuple(parts.values())
        content = contents.setdefault(rules, len(contents))
        key = key_of(role)
        found[key] = (*found.get(key, ()), EffectiveRole(role, rules, content, written))
    return Roles(found, tuple(contents))


class Roles(msgspec.Struct, frozen=True):
    """Every role, and the distinct contents they have."""

    by_key: Mapping[RoleKey, tuple[EffectiveRole, ...]]
    """More than one where the input writes the same role twice."""
    contents: tuple[tuple[PolicyRule, ...], ...]


def key_of(role: AnyRole) -> RoleKey:
    """The name that a roleRef finds it by."""
    return role.KIND, role.namespace, role.name


class _Aggregates:
    def __init__(self, every: Sequence[ClusterRole]) -> None:
        self._every = sorted(every, key=lambda role: role.name)
        self._labelled: dict[tuple[str, str], list[ClusterRole]] = {}
        for role in self._every:
            for label in role.metadata.labels.items():
                self._labelled.setdefault(label, []).append(role)

    def union(self, role: ClusterRole) -> dict[PolicyRule, tuple[AnyRole, int]]:
        """The rules that the controller would write, once each, with where they are written."""
        rules: dict[PolicyRule, tuple[AnyRole, int]] = {}
        for part in self._leaves(role):
            for i, rule in enumerate(part.rules):
                rules.setdefault(rule, (part, i))
        return rules

    def attributed(self, role: ClusterRole) -> tuple[tuple[AnyRole, int], ...]:
        """Where the rules that a controller wrote came from; its own place for those that nothing explains."""
        known = self.union(role) if role.rules else {}
        return tuple(known.get(rule, (role, i)) for i, rule in enumerate(role.rules))

    def _leaves(self, role: ClusterRole) -> Iterator[ClusterRole]:
        """The roles with rules of their own that it reaches, through roles that are aggregated themselves."""
        seen = {id(role)}
        waiting = [role]
        while waiting:
            for part in self._selected(waiting.pop()):
                if id(part) in seen:
                    continue
                seen.add(id(part))
                if part.aggregation_rule is None:
                    yield part
                else:
                    waiting.append(part)

    def _selected(self, role: ClusterRole) -> Iterator[ClusterRole]:
        for selector in (role.aggregation_rule or AggregationRule()).cluster_role_selectors:
            for part in self._candidates(selector):
                if part.name != role.name and matches(selector, part.metadata.labels):
                    yield part

    def _candidates(self, selector: LabelSelector) -> Iterable[ClusterRole]:
        for label in selector.match_labels.items():
            return self._labelled.get(label, ())
        return self._every
