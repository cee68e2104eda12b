"""One policy or one pod more or less: what depends on it is worked out again, everything else is shared.

A policy about what comes in changes the rows of the pods it is about. One about what goes out changes, in every row,
the answer for those pods as sources, and so does a pod of a new class. Where an event would cut existing classes apart
(an address block through the middle of them, a label that tells pods of one workload apart), and for cluster-wide
policies, everything is worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from copy import copy

from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.addresses import place
from mistrust.layers.network.bits import Bits, has, members
from mistrust.layers.network.classes import Key, mentions
from mistrust.layers.network.cluster import Cluster, Question
from mistrust.layers.network.legs import Bundle, Home, Legs, Numbers, Ruling
from mistrust.layers.network.lines import Line, Split
from mistrust.layers.network.policies import ClusterWide
from mistrust.layers.network.rules import Chosen, Service, Statement, Tier, statements
from mistrust.layers.network.selectors import Pair
from mistrust.layers.network.solve import Row, crossed, patched, union

VOID = Statement(False, Tier.NETWORK, Chosen(namespace="\0"), ())
"""In place of a statement that was taken away."""


def with_policy(cluster: Cluster, question: Question, policy: NetworkPolicy | ClusterWide) -> Cluster:
    """The cluster where `question` has one more policy."""
    said = list(statements(policy)) if question.profile.enforces else []
    if not isinstance(policy, NetworkPolicy) or not cluster.keys_of.foresaw(mentions(said)):
        return Cluster(question)
    legs = _cut(cluster, said)
    if legs is None:
        return Cluster(question)
    known = legs.known
    more = _branch(legs)
    touched: set[int] = set()
    whom = legs.none
    for s in said:
        number, about = len(more.said), more.about(s)
        more.said.append(s)
        more.subjects.append(about)
        if s.egress:
            whom = whom | about.may
            for (addressed, to), service in more.ways(s):
                more.bundle([more.made(to, addressed, service, (number,))])
            continue
        for c in members(about.may):
            more.ingress[c] += (number,)
            touched.add(c)
    return _made(cluster, question, more, known, touched, whom)


def without_policy(cluster: Cluster, question: Question, policy: NetworkPolicy | ClusterWide) -> Cluster:
    """The cluster where `question` has one policy less."""
    if not isinstance(policy, NetworkPolicy) or not cluster.keys_of.whole:
        return Cluster(question)
    legs = cluster.may
    more = _branch(legs)
    touched: set[int] = set()
    whom = legs.none
    for s in statements(policy) if question.profile.enforces else ():
        number = more.said.index(s)
        about = more.subjects[number]
        more.said[number], more.subjects[number] = VOID, Pair(legs.none, legs.none)
        if s.egress:
            whom = whom | about.may
            for b, bundle in enumerate(legs.bundles):
                if number in bundle.by:
                    _replace(more, b, tuple(n for n in more.bundles[b].by if n != number))
            continue
        for c in members(about.may):
            more.ingress[c] = tuple(n for n in more.ingress[c] if n != number)
            touched.add(c)
    return _made(cluster, question, more, legs.known, touched, whom)


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
    more.selection, choosing = legs.selection.with_class(number, key)
    more.keys[number] = key
    for n, s in enumerate(more.said):
        if s.subject in choosing:
            more.subjects[n] = more.about(s)
    mine = {n for n, s in enumerate(more.said) if s.subject in choosing}
    one = more.selection.space.of((number,))
    _as_destination(more, number, mine)
    for n in sorted(mine):
        if more.said[n].egress and more.said[n].tier is Tier.NETWORK:
            for (addressed, to), service in more.ways(more.said[n]):
                more.bundle([Bundle(to, addressed, service, one, (n,))])
    _as_source(more, legs, number, one)
    changed = _made(cluster, question, more, legs.known, {number}, one)
    changed.grown(key, more)
    return changed


def _as_destination(more: Legs, number: int, mine: Container[int]) -> None:
    services: dict[Service, list[int]] = {}
    wide: list[Ruling] = []
    for n, s in enumerate(more.said):
        for r, rule in enumerate(s.rules if s.egress else ()):
            if s.tier is not Tier.NETWORK:
                peers = more.peers(rule)
                if has(peers.may, number):
                    wide.append((n, r, has(peers.must, number)))
            elif any(p.addresses is None and has(more.pick(more.selection.peer(p)), number) for p in rule.peers):
                services.setdefault(rule.service, []).append(n)
    coming = [n for n, s in enumerate(more.said) if n in mine and not s.egress]
    more.ingress[number] = tuple(n for n in coming if more.said[n].tier is Tier.NETWORK)
    more.wide_ingress[number] = tuple(n for n in coming if more.said[n].tier is not Tier.NETWORK)
    more.wide_egress[number] = tuple(wide)
    one = more.selection.space.of((number,))
    if services:
        more.bundle([more.made(one, False, service, dict.fromkeys(by)) for service, by in services.items()])
    home = more.home(number)
    if home not in more.homes:
        more.homes[home] = tuple(
            b for b, bundle in enumerate(more.bundles) if bundle.addressed and bundle.by and more.at_home(home, bundle)
        )


def _as_source(more: Legs, legs: Legs, number: int, one: Bits) -> None:
    """Put a new class into the rows of what may come in."""
    matched: dict[int, list[Service]] = {}
    for n, s in enumerate(more.said):
        if not s.egress and s.tier is Tier.NETWORK:
            found = [r.service for r in s.rules if any(has(more.selection.peer(p).may, number) for p in r.peers)]
            if found:
                matched[n] = found
    more.rows_in = {}
    for key, row in legs.rows_in.items():
        about, wide, named, *_ = key
        if wide:
            continue
        services = [service for n in about if n in matched for service in matched[n]]
        items = [(more.mask(service, named), one) for service in services]
        now = union(items, more.every, more.none) if items else {}
        more.rows_in[key] = patched(row, one, now, more.every)


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


def _made(
    cluster: Cluster, question: Question, more: Legs, known: Mapping[int, Row], touched: Container[int], whom: Bits
) -> Cluster:
    more.isolate()
    carried = ((c, row) for c, row in known.items() if c not in touched)
    more.known = _carried(more, carried, whom) if whom else dict(carried)
    changed = cluster.changed(question)
    changed.settle(more)
    return changed


def _carried(legs: Legs, known: Iterable[tuple[int, Row]], whom: Bits) -> dict[int, Row]:
    """The rows with a new answer for some sources."""
    free = legs.selection.free if legs.said else legs.none
    pods: Row = {legs.selection.pods: legs.every}
    going = _ways_of(legs, whom)
    done: dict[tuple[int, int, int], tuple[Row, Row, Row, Row]] = {}
    out: dict[int, Row] = {}
    nothing: Row = {}
    for c, row in known:
        if has(free, c):
            out[c] = row
            continue
        go = going(c)
        come = nothing if not go else pods if legs.external(c) else legs.coming(c, free)
        key = id(row), id(come), id(go)
        found = done.get(key)
        if found is None:
            now = crossed(come, go) if go else nothing
            found = done[key] = patched(row, whom, now, legs.every), row, come, go
        out[c] = found[0]
    return out


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
    known: dict[tuple[object, ...], Row] = {}

    def going(c: int) -> Row:
        numbers, wide = (*by_class.get(c, ()), *by_home.get(legs.home(c), ())), legs.wide_egress[c]
        named = legs.named(c) if numbers or wide else ()
        key = numbers, named, wide and (wide, c)
        row = known.get(key)
        if row is None:
            items = [(legs.mask(legs.bundles[b].service, named), parts[b]) for b in numbers]
            row = union(items, legs.every, legs.none if wide else base)
            if wide:
                row = legs.decide(legs.rulings(c), row, isolated, whom)
            row = known[key] = {sources: ports for sources, ports in row.items() if sources}
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
    more.open = {more.everyone: more.every}
    masks: dict[int, int] = {}
    rows: dict[int, tuple[Row, Row]] = {}

    def refined(row: Row) -> Row:
        found = rows.get(id(row))
        if found is None:
            made = {lift(sources): _mask(mask, port_splits, masks) for sources, mask in row.items()}
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
