"""A class of pods that was not there before: what applies to it, and where it is a source."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from mistrust.layers.network.engine.applying import Bundle, Ruling
from mistrust.layers.network.engine.bits import Bits, has
from mistrust.layers.network.engine.carry import Change, branch, made
from mistrust.layers.network.engine.classes import Key
from mistrust.layers.network.engine.cluster import Cluster, Question
from mistrust.layers.network.engine.finer import finer
from mistrust.layers.network.engine.legs import Legs
from mistrust.layers.network.engine.lines import Split
from mistrust.layers.network.engine.solve import joined, union
from mistrust.layers.network.statements.rules import Chosen, Peer, Service, Tier


def with_class(cluster: Cluster, question: Question, key: Key) -> Cluster:
    """The cluster where the last endpoint of `question` is the first of a class, which takes the next spare id."""
    number, legs = cluster.used, cluster.may
    ports, splits = legs.ports, list[Split]()
    for _, at in key.named:
        ports, found = ports.cut(((at, at + 1),))
        splits += found
    if splits:
        legs = finer(legs, ports, splits, legs.selection.addresses, [])
    more = branch(legs)
    more.selection, choosing = legs.selection.with_class(number, key)
    more.keys[number] = key
    one = more.selection.space.of((number,))
    homes = ("", key.home)
    mine = [n for n, s in enumerate(more.said) if s.subject.namespace in homes and s.subject in choosing]
    for n in mine:
        more.subjects[n] = more.about(more.said[n])
    named = _named(more, key, choosing)
    _as_destination(more, number, mine, {n: rules for n, rules in named.items() if more.said[n].egress})
    change = Change({number}, one, _as_source(more, one, {n: r for n, r in named.items() if not more.said[n].egress}))
    for n in mine:
        if more.said[n].egress and more.said[n].tier is Tier.NETWORK:
            for (addressed, to), service in more.ways(more.said[n]):
                more.bundle([Bundle(to, addressed, service, one, (n,))])
    changed = made(cluster, question, legs, more, change)
    changed.grown(key, more)
    return changed


def _named(more: Legs, key: Key, choosing: Container[Chosen]) -> dict[int, list[Service]]:
    """The statements of NetworkPolicies with a rule that may name a new class, and the services of those rules."""
    selection, homes = more.selection, ("", key.home)

    def names(p: Peer) -> bool:
        if p.chosen is not None:
            return p.chosen.namespace in homes and p.chosen in choosing
        return p.addresses is not None and selection.inside(key.blocks, selection.mask(p.addresses))[1]

    found: dict[int, list[Service]] = {}
    for n, s in enumerate(more.said):
        for rule in s.rules if s.tier is Tier.NETWORK else ():
            if any(map(names, rule.peers)):
                found.setdefault(n, []).append(rule.service)
    return found


def _as_destination(more: Legs, number: int, mine: Sequence[int], named: Mapping[int, Sequence[Service]]) -> None:
    """Note what applies to a new class as a destination."""
    services: dict[Service, dict[int, None]] = {}
    for n, held in named.items():
        for service in held:
            services.setdefault(service, {})[n] = None
    wide: list[Ruling] = []
    for n, s in enumerate(more.said):
        for r, rule in enumerate(s.rules if s.egress and s.tier is not Tier.NETWORK else ()):
            peers = more.peers(rule)
            if has(peers.may, number):
                wide.append((n, r, has(peers.must, number)))
    coming = [n for n in mine if not more.said[n].egress]
    more.ingress[number] = tuple(n for n in coming if more.said[n].tier is Tier.NETWORK)
    more.wide_ingress[number] = tuple(n for n in coming if more.said[n].tier is not Tier.NETWORK)
    more.wide_egress[number] = tuple(wide)
    one = more.selection.space.of((number,))
    if services:
        more.bundle([more.made(one, False, service, by) for service, by in services.items()])
    home = more.home(number)
    if home not in more.homes:
        more.homes[home] = tuple(
            b for b, bundle in enumerate(more.bundles) if bundle.addressed and bundle.by and more.at_home(home, bundle)
        )


def _as_source(more: Legs, one: Bits, named: Mapping[int, Sequence[Service]]) -> set[int]:
    """Put a new class into the rows of what may come in; the destinations that it may newly reach."""
    for key, row in list(more.rows_in.items()):
        about, wide, ports, *_ = key
        items = [(more.mask(service, ports), one) for n in about if n in named for service in named[n]]
        if wide:
            del more.rows_in[key]
        elif items:
            more.rows_in[key] = joined(row, union(items, more.every, more.none))
    reached = {c for c, wide in enumerate(more.wide_ingress) if wide}
    return reached | {c for c, about in enumerate(more.ingress) if not named.keys().isdisjoint(about)}
