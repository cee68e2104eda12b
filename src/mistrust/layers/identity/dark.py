"""What may be used without the evidence showing it: there, unseen is unknown and not unused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from mistrust.access.match import Match
from mistrust.access.record import Coverage
from mistrust.kube.audit_policy import AuditPolicy
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.boxes import bundle_of
from mistrust.layers.identity.logged import asks, unlogged
from mistrust.layers.identity.resources import READS, WRITES
from mistrust.layers.identity.rules import ALL
from mistrust.layers.identity.subjects import Principal
from mistrust.layers.identity.universe import Universe

UNRECORDED: Final = frozenset({"approve", "attest", "bind", "escalate", "sign", "use"})
"""Verbs that no request carries: pkg/registry/rbac (escalate, bind), plugin/pkg/admission/certificates (approve, sign,
attest), PodSecurityPolicy and SecurityContextConstraints (use)."""
ELSEWHERE: Final = "\0"
"""A namespace that no audit policy names; they treat all of those alike."""
ACROSS: Final = frozenset({"deletecollection", "list", "watch"})
"""Verbs that are also asked for all namespaces at once."""
_Sign = tuple[str, bool, tuple[Match, ...]]


class Unseen(msgspec.Struct, frozen=True):
    """What of a rule may be used without being seen."""

    because: str = ""
    """Empty where nothing may."""
    points: frozenset[tuple[str, ...]] = frozenset()
    """(verb, group, resource with subresource) or (verb, URL as written); empty for all of it."""

    def __bool__(self) -> bool:
        return bool(self.because)


NOTHING_UNSEEN: Final = Unseen()


class Dark:
    """Answers what the evidence cannot show.

    Parameters: the coverage of the audit log; the audit policies that are known; and who may have had no occasion to
    use anything, each with the reason (`rarely.idle`).
    """

    def __init__(
        self,
        coverage: Coverage = Coverage(),  # noqa: B008
        policies: Iterable[AuditPolicy] = (),
        idle: Mapping[Principal, str] = {},
    ) -> None:
        self._unlogged, self._policies, self._idle = coverage.unlogged, tuple(policies), idle
        rules = [r for policy in self._policies for r in policy.rules]
        self.spaces = tuple(sorted({space for r in rules for space in r.namespaces} - {""}))
        """The namespaces that the policies treat in another way than others."""
        self._signs: dict[Principal, _Sign] = {}
        self._masks: dict[tuple[int, _Sign, str], int] = {}
        self._verdicts: dict[tuple[int, _Sign, str, PolicyRule], Unseen] = {}

    def why(self, who: Principal, point: tuple[str, ...], namespace: str) -> str:
        """Why a use may not be seen; empty where it would be.

        `point` is (verb, group, resource with subresource) or (verb, URL), `namespace` that of the request.
        """
        if who in self._idle:
            return self._idle[who]
        for each in self._unlogged:
            kind = (each.verb, each.group, each.resource)
            hit = len(point) > 2 and all(a in (ALL, b) for a, b in zip(kind, point, strict=True))
            if (hit or kind == (ALL, ALL, ALL)) and (not each.of_groups or who.kind == "Group"):
                return each.because
        for policy in self._policies:
            rule = unlogged(policy, who, point, namespace)
            if rule is not None:
                where = f"rules[{rule}]" if rule >= 0 else "without a rule for it"
                return f"the audit policy ({policy.origin.file or 'Policy'}, {where}) does not log it"
        return ""

    def places(self, universe: Universe, who: Principal, namespace: str) -> int:
        """The bits of the universe of which a use by somebody, in a namespace, may not be seen."""
        at = namespace if namespace in ("", *self.spaces) else ELSEWHERE
        key = (id(universe), self._sign(who), at)
        if key not in self._masks:
            found = universe.of_verbs(UNRECORDED)
            if self._policies or self._unlogged or who in self._idle:
                found |= universe.where(lambda point: bool(self.why(who, point, at)))
                across = universe.of_verbs(ACROSS) if at else 0
                found |= across and across & self.places(universe, who, "")
            self._masks[key] = found
        return self._masks[key]

    def hides(self, universe: Universe, who: Principal, namespace: str, rule: PolicyRule) -> Unseen:
        """What of a rule may be used unseen by somebody to whom it is given.

        `namespace` is where it is given, empty for everywhere. Of what a wildcard stands for a part may be hidden: only
        where all of it is, it counts. `UNRECORDED` is not looked at.
        """
        key = (id(universe), self._sign(who), namespace, rule)
        if key not in self._verdicts:
            self._verdicts[key] = self._hides(universe, who, namespace, rule)
        return self._verdicts[key]

    def _hides(self, universe: Universe, who: Principal, namespace: str, rule: PolicyRule) -> Unseen:
        if who in self._idle:
            return Unseen(self._idle[who])
        if not (self._policies or self._unlogged):
            return NOTHING_UNSEEN
        spaces = (namespace,) if namespace else ("", *self.spaces, ELSEWHERE)
        found: dict[tuple[str, ...], str] = {}
        for point in _named(universe, rule):
            outside = (at := universe.place(point)) and not at & universe.in_namespaces
            whys = (self.why(who, point, space) for space in (("",) if outside else spaces))
            if why := next(filter(None, whys), ""):
                found[point] = why
        because = next(iter(found.values()), "")
        held = universe.union(bundle_of((rule,), urls=not namespace)) & ~universe.of_verbs(UNRECORDED)
        if held and all(not held & ~self.places(universe, who, space) for space in spaces):
            return Unseen(because or "no log shows any use of it")
        return Unseen(because, frozenset(found)) if found else NOTHING_UNSEEN

    def _sign(self, who: Principal) -> _Sign:
        """All that matters of somebody: whom the answers are the same for."""
        if who not in self._signs:
            asked = tuple(asks(rule, who) for policy in self._policies for rule in policy.rules)
            self._signs[who] = (self._idle.get(who, ""), who.kind == "Group", asked)
        return self._signs[who]


def _named(universe: Universe, rule: PolicyRule) -> Iterator[tuple[str, ...]]:
    """What a rule gives by name."""
    for group in rule.api_groups:
        for resource in rule.resources:
            if ALL in (group, resource) or resource.startswith("*/"):
                continue
            every = universe.verbs(group, resource) or (*READS, *WRITES)
            verbs = every if ALL in rule.verbs else rule.verbs
            yield from ((verb, group, resource) for verb in verbs if verb not in UNRECORDED)
    for url in rule.non_resource_urls:
        if url != ALL:
            yield from (("get" if verb == ALL else verb, url) for verb in rule.verbs)
