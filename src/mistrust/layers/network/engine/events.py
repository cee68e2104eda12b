"""One policy or one pod more or less: what depends on it is worked out again, everything else is shared.

A policy about what comes in changes the rows of the pods it is about. One about what goes out changes, in every row,
the answer for those pods as sources, and so does a pod of a new class. Where an event would cut existing classes apart
(an address block through the middle of them, a label that nobody asked for before, nodes as a peer), everything is
worked out again, with classes so fine that the next event finds its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mistrust.kube.cilium import CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.engine.applying import Bundle, Numbers, Ruling
from mistrust.layers.network.engine.arrival import with_class
from mistrust.layers.network.engine.bits import has, members
from mistrust.layers.network.engine.carry import Change, branch, made
from mistrust.layers.network.engine.classes import mentions
from mistrust.layers.network.engine.cluster import Cluster, Question
from mistrust.layers.network.engine.finer import cut
from mistrust.layers.network.engine.legs import Legs
from mistrust.layers.network.engine.selectors import Pair
from mistrust.layers.network.statements.rules import Chosen, Policy, Statement, Tier, statements

SPARED = 64
"""Ids for classes to come, once an event has shown that there are events."""
VOID = Statement(False, Tier.NETWORK, Chosen(namespace="\0"), ())
"""In place of a statement that was taken away."""


def with_policy(cluster: Cluster, question: Question, policy: Policy) -> Cluster:
    """The cluster where `question` has one more policy."""
    said = _said(question, policy)
    legs = cut(cluster, said) if cluster.keys_of.foresaw(mentions(said)) else None
    if legs is None:
        return _afresh(question)
    more = branch(legs)
    change = Change(set(), legs.none, set())
    for s in said:
        number, about = len(more.said), more.about(s)
        more.said.append(s)
        more.subjects.append(about)
        if s.egress:
            change.whom = about.may
        if s.tier is not Tier.NETWORK:
            _rank(more, number, change, backward=question.ties == "backward")
        elif s.egress:
            for (addressed, to), service in more.ways(s):
                bundle = more.made(to, addressed, service, (number,))
                more.bundle([bundle])
                change.towards.update(more.reached(bundle))
        else:
            for c in members(about.may):
                more.ingress[c] += (number,)
                change.afresh.add(c)
    return made(cluster, question, legs, more, change)


def without_policy(cluster: Cluster, question: Question, policy: Policy) -> Cluster:
    """The cluster where `question` has one policy less."""
    legs = cluster.may
    more = branch(legs)
    change = Change(set(), legs.none, set())
    for s in _said(question, policy):
        number = more.said.index(s)
        about = more.subjects[number]
        more.said[number], more.subjects[number] = VOID, Pair(legs.none, legs.none)
        if s.egress:
            change.whom = about.may
        if s.tier is not Tier.NETWORK:
            _unrank(more, number, change)
        elif s.egress:
            for b, bundle in enumerate(legs.bundles):
                if number in bundle.by:
                    _replace(more, b, tuple(n for n in bundle.by if n != number))
                    change.towards.update(more.reached(bundle))
        else:
            for c in members(about.may):
                more.ingress[c] = tuple(n for n in more.ingress[c] if n != number)
                change.afresh.add(c)
    return made(cluster, question, legs, more, change)


def _said(question: Question, policy: Policy) -> list[Statement]:
    profile = question.profile
    if isinstance(policy, CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy):
        heard = profile.enforces and profile.cilium
    else:
        heard = profile.enforces and (profile.cluster_wide or isinstance(policy, NetworkPolicy))
    return list(statements(policy)) if heard else []


def _rank(more: Legs, number: int, change: Change, *, backward: bool) -> None:
    """Put a statement of a cluster-wide policy where it is asked in its turn."""

    def in_turn(numbers: Iterable[int]) -> list[int]:
        given = sorted(numbers, reverse=backward)
        named = sorted(given, key=lambda n: more.said[n].order[1:], reverse=backward)
        return sorted(named, key=lambda n: more.said[n].order[0])

    s = more.said[number]
    if not s.egress:
        turns: dict[Numbers, Numbers] = {}
        for c in members(more.subjects[number].may):
            held = more.wide_ingress[c]
            if held not in turns:
                turns[held] = tuple(in_turn((*held, number)))
            more.wide_ingress[c] = turns[held]
            change.afresh.add(c)
        return
    rules: dict[int, list[Ruling]] = {}
    for r, rule in enumerate(s.rules):
        peers = more.peers(rule)
        for c in members(peers.may):
            rules.setdefault(c, []).append((number, r, has(peers.must, c)))
    for c, added in rules.items():
        rulings = (*more.wide_egress[c], *added)
        places = {n: i for i, n in enumerate(in_turn({n for n, _, _ in rulings}))}
        more.wide_egress[c] = tuple(sorted(rulings, key=lambda ruling: (places[ruling[0]], ruling[1])))


def _unrank(more: Legs, number: int, change: Change) -> None:
    """Take a statement of a cluster-wide policy away."""
    for c, held in enumerate(more.wide_ingress):
        if number in held:
            more.wide_ingress[c] = tuple(n for n in held if n != number)
            change.afresh.add(c)
    for c, rulings in enumerate(more.wide_egress):
        if any(n == number for n, _, _ in rulings):
            more.wide_egress[c] = tuple(ruling for ruling in rulings if ruling[0] != number)
            change.towards.add(c)


def with_pod(cluster: Cluster, question: Question, pod: Endpoint, apart: int) -> Cluster:
    """The cluster where `question` has one more endpoint, the last."""
    key, number = cluster.class_like(pod, apart)
    if number >= 0:
        changed = cluster.changed(question)
    elif key.host or cluster.used == cluster.may.selection.base or not cluster.keys_of.whole:
        return _afresh(question)
    else:
        number = cluster.used
        changed = with_class(cluster, question, key)
    changed.class_of = [*cluster.class_of, number]
    return changed


def without_pod(cluster: Cluster, question: Question, index: int) -> Cluster:
    """The cluster where `question` lacks an endpoint; its class stays, perhaps without members."""
    changed = cluster.changed(question)
    changed.class_of = [*cluster.class_of[:index], *cluster.class_of[index + 1 :]]
    return changed


def _afresh(question: Question) -> Cluster:
    return Cluster(msgspec.structs.replace(question, spare=question.spare or SPARED))


def _replace(more: Legs, old: int, by: Numbers) -> None:
    """Put a bundle of fewer statements in place of one; none, where no statement is left."""
    bundle = more.bundles[old]
    new: Numbers = ()
    if by:
        new = (len(more.bundles),)
        more.bundles.append(more.made(bundle.to, bundle.addressed, bundle.service, by))
    more.bundles[old] = Bundle(bundle.to, bundle.addressed, bundle.service, more.none, ())
    if bundle.addressed:
        for home, held in more.homes.items():
            if old in held:
                more.homes[home] = (*(b for b in held if b != old), *new)
        return
    for c in members(bundle.to):
        more.egress[c] = (*(b for b in more.egress[c] if b != old), *new)
