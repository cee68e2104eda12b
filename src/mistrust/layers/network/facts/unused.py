"""Policies and rules that do nothing: redundant ones, and those that an earlier rule leaves nothing to decide.

What is said here holds for whatever pods may come, so that taking such a policy away is safe for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.statements.policies import ClusterWide, Policies
from mistrust.layers.network.statements.rules import Action, Rule, Statement, Tier, statements
from mistrust.layers.network.statements.within import Item, Spaces, chosen_within, left

Policy = NetworkPolicy | ClusterWide


class Unused(msgspec.Struct, frozen=True):
    """A policy, or some of its rules, without effect."""

    policy: Policy
    because: str
    """`NetworkPolicy shop/all allows the same and more`."""
    rules: tuple[Evidence, ...] = ()
    """The rules; empty for the policy as a whole."""
    by: tuple[Evidence, ...] = ()
    """What makes it do nothing."""


class _Said(msgspec.Struct, frozen=True):
    """One direction of one policy, with its rules taken apart."""

    policy: Policy
    statement: Statement
    items: tuple[tuple[Item, ...], ...]

    @property
    def field(self) -> str:
        return "spec.egress" if self.statement.egress else "spec.ingress"

    def rule(self, i: int) -> Evidence:
        return at(self.policy, self.field, i)


def redundant(given: Policies, spaces: Spaces) -> tuple[Unused, ...]:
    """NetworkPolicies and rules of them that others of their namespace make superfluous.

    Of two policies that say the same the later by name is told. A policy that is told does not count against others,
    so all that are told may go together.
    """
    homes: dict[str, list[_Said]] = {}
    for policy in sorted(given.network, key=lambda p: p.ref):
        for said in _said(policy):
            homes.setdefault(policy.namespace, []).append(said)
    return tuple(found for home in sorted(homes) for found in _of_home(homes[home], spaces))


def _of_home(said: Sequence[_Said], spaces: Spaces) -> Iterator[Unused]:
    gone: set[int] = set()
    whole: dict[int, list[_Said]] = {}
    for each in said:
        whole.setdefault(id(each.policy), []).append(each)
    for key, own in reversed(whole.items()):
        others = [s for s in said if id(s.policy) != key and id(s.policy) not in gone]
        covering = [_covering(each, others, spaces) for each in own]
        if all(covering) and own:
            gone.add(key)
            by = {id(s.policy): s.policy for each in covering for s in each}
            names = _names(by.values())
            verb = "allows" if len(by) == 1 else "allow"
            evidence = tuple(at(p, "spec.podSelector") for p in by.values())
            yield Unused(own[0].policy, f"{names} {verb} the same, or more, for the same pods", (), evidence)
            continue
        rules = [found for each in own for found in _rules(each, [*others, *own], spaces)]
        if rules:
            by = {id(s.policy): s.policy for _, causes in rules for s in causes}
            because = f"{_names(by.values())} {'allows' if len(by) == 1 else 'allow'} the same, or more"
            evidence = tuple(at(p, "spec") for p in by.values())
            yield Unused(own[0].policy, because, tuple(r for r, _ in rules), evidence)


def _covering(each: _Said, others: Sequence[_Said], spaces: Spaces) -> list[_Said]:
    """Others that isolate the same pods and together allow all that this one does; empty where there are none."""
    able = [s for s in others if _reaches(s, each, spaces)]
    if not able:
        return []
    needed: dict[int, _Said] = {}
    for item in (i for rule in each.items for i in rule):
        causes = _causes(item, able, spaces)
        if not causes:
            return []
        needed.update((id(s), s) for s in causes)
    return list(needed.values()) or able[:1]


def _rules(each: _Said, others: Sequence[_Said], spaces: Spaces) -> Iterator[tuple[Evidence, list[_Said]]]:
    """Rules that others, those of the same policy included, make superfluous, with those others."""
    able = [s for s in others if s is not each and _reaches(s, each, spaces)]
    kept = list(range(len(each.items)))
    for i in reversed(range(len(each.items))):
        rest = msgspec.structs.replace(each, items=tuple(each.items[k] for k in kept if k != i))
        causes = [_causes(item, [rest, *able], spaces) for item in each.items[i]]
        if causes and all(causes):
            kept.remove(i)
            yield each.rule(i), [s for found in causes for s in found]


def _reaches(other: _Said, each: _Said, spaces: Spaces) -> bool:
    a, b = each.statement, other.statement
    return a.egress == b.egress and chosen_within(a.subject, b.subject, spaces)


def _causes(item: Item, able: Sequence[_Said], spaces: Spaces) -> list[_Said]:
    """Few of the others that allow an item together; empty where all of them do not."""
    if left(item, (i for s in able for rule in s.items for i in rule), spaces):
        return []
    alone = [s for s in able if not left(item, (i for rule in s.items for i in rule), spaces)]
    return alone[:1] or list(able)


def shadowed(given: Policies, spaces: Spaces) -> tuple[Unused, ...]:
    """Rules that are never asked: an earlier rule of their tier, or of the Admin tier, always decides before."""
    wide = [s for policy in given.cluster for s in _said(policy)]
    wide.sort(key=lambda s: (s.statement.tier, s.statement.order))
    found: list[Unused] = []
    for n, each in enumerate(wide):
        lost = []
        for i, rule in enumerate(each.statement.rules):
            earlier = [
                (other, k)
                for other in wide[: n + 1]
                if other.statement.tier is each.statement.tier
                and not _tied(other, each)
                and _reaches(other, each, spaces)
                for k in range(len(other.items) if other is not each else i)
            ]
            causes = _forestalled(rule, earlier, spaces)
            if causes:
                lost.append((each.rule(i), causes))
        if lost:
            found.append(_lost(each.policy, lost))
    return (*found, *_overruled(given.network, wide, spaces))


def _tied(a: _Said, b: _Said) -> bool:
    return a is not b and a.statement.order[0] == b.statement.order[0]


def _overruled(network: Iterable[NetworkPolicy], wide: Sequence[_Said], spaces: Spaces) -> Iterator[Unused]:
    """Rules of NetworkPolicies that the Admin tier never leaves anything to; a Pass in it may leave everything."""
    admin = [s for s in wide if s.statement.tier is Tier.ADMIN]
    passing = {s.statement.egress for s in admin for rule in s.statement.rules if rule.action is Action.PASS}
    for policy in sorted(network, key=lambda p: p.ref) if admin else ():
        lost: list[tuple[Evidence, tuple[Evidence, ...]]] = []
        for each in _said(policy):
            firm = [(s, k) for s in admin if _reaches(s, each, spaces) for k in range(len(s.items))]
            if firm and each.statement.egress not in passing:
                causes = [(each.rule(i), _forestalled(r, firm, spaces)) for i, r in enumerate(each.statement.rules)]
                lost += [(rule, by) for rule, by in causes if by]
        if lost:
            yield _lost(policy, lost)


def _lost(policy: Policy, rules: Sequence[tuple[Evidence, tuple[Evidence, ...]]]) -> Unused:
    by = tuple(dict.fromkeys(cause for _, causes in rules for cause in causes))
    return Unused(policy, f"{by[0].ref} always decides before", tuple(rule for rule, _ in rules), by)


def _forestalled(rule: Rule, earlier: Sequence[tuple[_Said, int]], spaces: Spaces) -> tuple[Evidence, ...]:
    """The earlier rules that together match everything that a rule matches; empty where they do not."""
    items = [(peer, rule.service) for peer in rule.peers]
    held = [i for other, k in earlier for i in other.items[k]]
    if not items or any(left(item, held, spaces) for item in items):
        return ()
    single = [other.rule(k) for other, k in earlier if not any(left(item, other.items[k], spaces) for item in items)]
    return tuple(single[:1]) or tuple(other.rule(k) for other, k in earlier)


def _said(policy: Policy) -> Iterator[_Said]:
    """The directions of a policy; none of one that the API server refuses."""
    found = list(statements(policy))
    if not any(s.malformed for s in found):
        for s in found:
            yield _Said(policy, s, tuple(tuple((p, r.service) for p in r.peers) for r in s.rules))


def _names(policies: Iterable[Policy]) -> str:
    names = [str(p.ref) for p in policies]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
