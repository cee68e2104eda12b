"""One policy or one pod more or less: what depends on it is worked out again, everything else is shared.

A policy about what comes in changes the rows of the pods it is about. One about what goes out changes, in every row,
the answer for those pods as sources, and so does a pod of a new class. Where an event would cut existing classes apart
(an address block through the middle of them, a label that tells pods of one workload apart), and for cluster-wide
policies, everything is worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from copy import copy

import msgspec

from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.addresses import place
from mistrust.layers.network.bits import Bits, has, members
from mistrust.layers.network.classes import Key, mentions
from mistrust.layers.network.cluster import Cluster, Question
from mistrust.layers.network.legs import Bundle, Home, Legs, Numbers, Ruling
from mistrust.layers.network.lines import Line, Split
from mistrust.layers.network.policies import ClusterWide
from mistrust.layers.network.rules import Chosen, Peer, Service, Statement, Tier, statements
from mistrust.layers.network.selectors import Pair
from mistrust.layers.network.solve import Row, crossed, joined, patched, union

VOID = Statement(False, Tier.NETWORK, Chosen(namespace="\0"), ())
"""In place of a statement that was taken away."""


class Change(msgspec.Struct):
    """What an event touches."""

    afresh: set[int]
    """Destinations whose row is not carried over."""
    whom: Bits
    """Sources that the event is about,"""
    towards: set[int]
    """in the rows of these destinations."""


def with_policy(cluster: Cluster, question: Question, policy: NetworkPolicy | ClusterWide) -> Cluster:
    """The cluster where `question` has one more policy."""
    said = list(statements(policy)) if question.profile.enforces else []
    if not isinstance(policy, NetworkPolicy) or not cluster.keys_of.foresaw(mentions(said)):
        return Cluster(question)
    legs = _cut(cluster, said)
    if legs is None:
        return Cluster(question)
    more = _branch(legs)
    change = Change(set(), legs.none, set())
    for s in said:
        number, about = len(more.said), more.about(s)
        more.said.append(s)
        more.subjects.append(about)
        if s.egress:
            change.whom = about.may
            for (addressed, to), service in more.ways(s):
                bundle = more.made(to, addressed, service, (number,))
                more.bundle([bundle])
                change.towards.update(more.reached(bundle))
            continue
        for c in members(about.may):
            more.ingress[c] += (number,)
            change.afresh.add(c)
    return _made(cluster, question, legs, more, change)


def without_policy(cluster: Cluster, question: Question, policy: NetworkPolicy | ClusterWide) -> Cluster:
    """The cluster where `question` has one policy less."""
    if not isinstance(policy, NetworkPolicy) or not cluster.keys_of.whole:
        return Cluster(question)
    legs = cluster.may
    more = _branch(legs)
    change = Change(set(), legs.none, set())
    for s in statements(policy) if question.profile.enforces else ():
        number = more.said.index(s)
        about = more.subjects[number]
        more.said[number], more.subjects[number] = VOID, Pair(legs.none, legs.none)
        if s.egress:
            change.whom = about.may
            for b, bundle in enumerate(legs.bundles):
                if number in bundle.by:
                    _replace(more, b, tuple(n for n in bundle.by if n != number))
                    change.towards.update(more.reached(bundle))
            continue
        for c in members(about.may):
            more.ingress[c] = tuple(n for n in more.ingress[c] if n != number)
            change.afresh.add(c)
    return _made(cluster, question, legs, more, change)


def with_pod(cluster: Cluster, question: Question, pod: Endpoint, apart: int) -> Cluster:
    """The cluster where `question` has one more endpoint, the last."""
    key, number = cluster.class_like(pod, apart)
    if number >= 0:
        changed = cluster.changed(question)
    elif key.host or cluster.used == cluster.may.selection.base or not cluster.keys_of.whole:
        return Cluster(question)
    else:
        number = cluster.used
        changed = _with_class(cluster, question, key)
    changed.class_of = [*cluster.class_of, number]
    return changed


def without_pod(cluster: Cluster, question: Question, index: int) -> Cluster:
    """The cluster where `question` lacks an endpoint; its class stays, perhaps without members."""
    changed = cluster.changed(question)
    changed.class_of = [*cluster.class_of[:index], *cluster.class_of[index + 1 :]]
    return changed


def _with_class(cluster: Cluster, question: Question, key: Key) -> Cluster:
    number, legs = cluster.used, cluster.may
    ports, splits = legs.ports, list[Split]()
    for _, at in key.named:
        ports, found = ports.cut(((at, at + 1),))
        splits += found
    if splits:
        legs = _finer(legs, ports, splits, legs.selection.addresses, [])
    more = _branch(legs)
    more.selection, choosing, naming = legs.selection.with_class(number, key)
    more.keys[number] = key
    one = more.selection.space.of((number,))
    homes = ("", key.home)
    mine = [n for n, s in enumerate(more.said) if s.subject.namespace in homes and s.subject in choosing]
    for n in mine:
        more.subjects[n] = more.about(more.said[n])
    named = _named(more, naming, homes)
    _as_destination(more, number, mine, {n: rules for n, rules in named.items() if more.said[n].egress})
    change = Change({number}, one, _as_source(more, one, {n: r for n, r in named.items() if not more.said[n].egress}))
    for n in mine:
        if more.said[n].egress and more.said[n].tier is Tier.NETWORK:
            for (addressed, to), service in more.ways(more.said[n]):
                more.bundle([Bundle(to, addressed, service, one, (n,))])
    changed = _made(cluster, question, legs, more, change)
    changed.grown(key, more)
    return changed


def _named(more: Legs, naming: Container[Peer], homes: Container[str]) -> dict[int, list[Service]]:
    """The statements of NetworkPolicies that name one of some peers, and the services of those rules."""
    found: dict[int, list[Service]] = {}
    for n, s in enumerate(more.said):
        for rule in s.rules if s.tier is Tier.NETWORK else ():
            for p in rule.peers:
                if (p.chosen is None or p.chosen.namespace in homes) and p in naming:
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


def _branch(legs: Legs) -> Legs:
    """A copy to be changed, with no row of a whole connection."""
    more = copy(legs)
    more.said, more.subjects, more.keys = list(legs.said), list(legs.subjects), list(legs.keys)
    more.ingress, more.egress = list(legs.ingress), list(legs.egress)
    more.wide_ingress, more.wide_egress = list(legs.wide_ingress), list(legs.wide_egress)
    more.bundles, more.homes, more.masks = list(legs.bundles), dict(legs.homes), dict(legs.masks)
    more.rows_in, more.rows_out, more.rows, more.known = dict(legs.rows_in), {}, {}, {}
    more.homes_out, more.classes_out = {}, dict(legs.classes_out)
    return more


def _made(cluster: Cluster, question: Question, old: Legs, more: Legs, change: Change) -> Cluster:
    more.isolate()
    turned = change.whom & (old.unlimited ^ more.unlimited)
    """Sources that no policy limited before, or none limits now."""
    for c, row in old.known.items():
        if c not in change.afresh:
            more.known[c] = row
    rulings = {c for c, wide in enumerate(more.wide_egress) if wide} if change.whom else set()
    near = (change.towards | rulings) & more.known.keys()
    if change.whom:
        _carry(more, near, change.whom)
    if turned:
        _carry(more, more.known.keys() - near, turned)
    changed = cluster.changed(question)
    changed.settle(more)
    return changed


def _carry(legs: Legs, destinations: Iterable[int], whom: Bits) -> None:
    """Give some sources a new answer in the rows of some destinations."""
    free = legs.selection.free
    pods: Row = ((legs.selection.pods, legs.every),)
    going = _ways_of(legs, whom)
    met: dict[tuple[int, int], tuple[Row, Row, Row]] = {}
    done: dict[tuple[int, int], tuple[Row, Row, Row]] = {}
    for c in destinations:
        if free and has(free, c):
            continue
        row, go = legs.known[c], going(c)
        come = () if not go else pods if legs.external(c) else legs.coming(c, free)
        both = met.get((id(come), id(go)))
        if both is None:
            both = met[id(come), id(go)] = crossed(come, go), come, go
        found = done.get((id(row), id(both[0])))
        if found is None:
            found = done[id(row), id(both[0])] = patched(row, whom, both[0], legs.every), row, both[0]
        legs.known[c] = found[0]


def _ways_of(legs: Legs, whom: Bits) -> Callable[[int], Row]:
    """For each destination what the policies of some sources let them do; empty where that is nothing."""
    parts = {b: who for b, bundle in enumerate(legs.bundles) if (who := bundle.who & whom)}
    by_class: dict[int, Numbers] = {}
    for b in parts:
        bundle = legs.bundles[b]
        if not bundle.addressed:
            for c in members(bundle.to):
                by_class[c] = (*by_class.get(c, ()), b)
    addressed = [b for b in parts if legs.bundles[b].addressed]
    by_home: dict[Home, Numbers] = {
        home: tuple(b for b in addressed if legs.at_home(home, legs.bundles[b])) for home in legs.homes if addressed
    }
    base = whom & legs.unlimited
    isolated = Pair(legs.isolated[1].must & whom, legs.isolated[1].may & whom)
    nothing = not base
    known: dict[tuple[object, ...], Row] = {}

    def going(c: int) -> Row:
        numbers, wide = by_class.get(c, ()), legs.wide_egress[c]
        if by_home:
            numbers += by_home[legs.home(c)]
        if nothing and not numbers and not wide:
            return ()
        named = legs.named(c) if numbers or wide else ()
        key = numbers, named, wide and (wide, c)
        row = known.get(key)
        if row is None:
            items = [(legs.mask(legs.bundles[b].service, named), parts[b]) for b in numbers]
            row = union(items, legs.every, legs.none if wide else base)
            if wide:
                row = legs.decide(legs.rulings(c), row, isolated, whom)
            row = known[key] = tuple((sources, ports) for sources, ports in row if sources)
        return row

    return going


def _cut(cluster: Cluster, said: Sequence[Statement]) -> Legs | None:
    """The rows with ports and blocks cut as some statements need it; None where that would cut classes of pods."""
    legs = cluster.may
    ports, addresses = legs.ports, legs.selection.addresses
    port_splits: list[Split] = []
    block_splits: list[Split] = []
    for s in said:
        for rule in s.rules:
            ports, found = ports.cut(rule.service.ports.ranges)
            port_splits += found
            for peer in rule.peers:
                if peer.addresses is not None:
                    addresses, found = addresses.cut(peer.addresses.ranges)
                    block_splits += found
    if block_splits:
        old = {b for b, _ in block_splits}
        within = {c for c, k in enumerate(cluster.keys) if k.blocks and not old.isdisjoint(k.blocks)}
        new = {b for _, b in block_splits}
        for e, c in zip(cluster.question.endpoints, cluster.class_of, strict=True) if within else ():
            if c in within and any(at is not None and addresses.at(at) in new for at in map(place, e.addresses)):
                return None
    if not port_splits and not block_splits:
        return legs
    return _finer(legs, ports, port_splits, addresses, block_splits)


def _finer(
    legs: Legs, ports: Line, port_splits: Sequence[Split], addresses: Line, block_splits: Sequence[Split]
) -> Legs:
    base, space = legs.selection.base, legs.selection.space
    slots = [(base + old, space.of((base + new,))) for old, new in block_splits]

    def lift(bits: Bits) -> Bits:
        for old, new in slots:
            if has(bits, old):
                bits = bits | new
        return bits

    more = _branch(legs)
    more.ports, more.masks, more.every = ports, {}, (1 << ports.count) - 1
    more.classes_out = {}
    if block_splits:
        more.selection = legs.selection.cut(addresses, lift)
        more.everyone = more.selection.everyone
        more.bundles = [_lifted(b, lift, block_splits) for b in legs.bundles]
        for old, new in block_splits:
            more.homes[(new,)] = more.homes[(old,)]
            more.ingress.append(())
            more.wide_ingress.append(())
            more.egress.append(more.egress[base + old])
            more.wide_egress.append(more.wide_egress[base + old])
        more.isolate()
    more.open = ((more.everyone, more.every),)
    masks: dict[int, int] = {}
    rows: dict[int, tuple[Row, Row]] = {}

    def refined(row: Row) -> Row:
        found = rows.get(id(row))
        if found is None:
            made = tuple((lift(sources), _mask(mask, port_splits, masks)) for sources, mask in row)
            found = rows[id(row)] = made, row
        return found[0]

    more.rows_in = {(*key[:3], lift(key[3]), *key[4:]): refined(row) for key, row in legs.rows_in.items()}
    more.known = {c: refined(row) for c, row in legs.known.items()}
    for old, new in block_splits:
        if base + old in more.known:
            more.known[base + new] = more.known[base + old]
    return more


def _mask(mask: int, splits: Sequence[Split], known: dict[int, int]) -> int:
    found = known.get(mask)
    if found is None:
        found = mask
        for old, new in splits:
            found |= (found >> old & 1) << new
        known[mask] = found
    return found


def _lifted(bundle: Bundle, lift: Callable[[Bits], Bits], splits: Sequence[Split]) -> Bundle:
    to = _mask(bundle.to, splits, {}) if bundle.addressed else lift(bundle.to)  # type: ignore[arg-type]
    return Bundle(to, bundle.addressed, bundle.service, bundle.who, bundle.by)
