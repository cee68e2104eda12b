"""Selectors and peers as sets of classes: who surely matches, and who may."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy

import msgspec

from mistrust.kube.core import Node
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.selectors import LabelSelector, Requirement, matches
from mistrust.layers.network.addresses import IPV4, IPV6, place
from mistrust.layers.network.engine.bits import Bits, Space, has
from mistrust.layers.network.engine.classes import Key, Labels
from mistrust.layers.network.engine.lines import Line, Ranges
from mistrust.layers.network.statements.rules import Addresses, Chosen, Entity, Peer, Selector

EVERY_IPV4: Ranges = (IPV4,)
FAMILY = {Entity.WORLD_IPV4: IPV4, Entity.WORLD_IPV6: IPV6}


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Who surely matches, and who may: those included."""

    must: Bits
    may: Bits


class Index:
    """Sets of classes by label: `key = value`, and `key` with any value."""

    def __init__(self, space: Space, every: Bits, labels: Iterable[tuple[int, Labels]]) -> None:
        self._space, self._every = space, every
        held: dict[str, dict[str, list[int]]] = {}
        for c, pairs in labels:
            for key, value in pairs:
                held.setdefault(key, {}).setdefault(value, []).append(c)
        self._with = {k: {v: space.of(ids) for v, ids in values.items()} for k, values in held.items()}
        self._having = {k: space.union(values.values()) for k, values in self._with.items()}
        self._known: dict[Selector, Bits] = {}

    def __getitem__(self, selector: Selector) -> Bits:
        found = self._known.get(selector)
        if found is None:
            found = self._every
            for key, value in selector.labels:
                found = found & self._with.get(key, {}).get(value, self._space.none)
            for need in selector.needs:
                found = self._meeting(found, *need)
            self._known[selector] = found
        return found

    def with_class(self, one: Bits, labels: Labels, every: Bits) -> Index:
        """The same with one more class; `every` are all that count now."""
        more = copy(self)
        more._every, more._known = every, dict(self._known)
        more._with, more._having = dict(self._with), dict(self._having)
        for key, value in labels:
            values = more._with[key] = dict(more._with.get(key, {}))
            values[value] = values.get(value, self._space.none) | one
            more._having[key] = more._having.get(key, self._space.none) | one
        held = dict(labels)
        for selector, bits in self._known.items():
            if _accepts(selector, held):
                more._known[selector] = bits | one
        return more

    def _meeting(self, bits: Bits, key: str, operator: str, values: Sequence[str]) -> Bits:
        held = self._with.get(key, {})
        match operator:
            case "In":
                return bits & self._space.union(held[v] for v in values if v in held)
            case "NotIn":
                return bits ^ (bits & self._space.union(held[v] for v in values if v in held))
            case "Exists":
                return bits & self._having.get(key, self._space.none)
            case "DoesNotExist":
                return bits ^ (bits & self._having.get(key, self._space.none))
            case _:
                return self._space.none


class Selection:
    """Every selector and peer of one cluster, evaluated once."""

    def __init__(
        self,
        space: Space,
        keys: Sequence[Key],
        base: int,
        addresses: Line,
        nodes: Sequence[Node],
        *,
        used: int,
        blocks_match_nodes: bool = True,
        servers: Ranges | None = None,
    ) -> None:
        self._servers = servers
        self.space, self.base, self._nodes = space, base, nodes
        self._blocks_match_nodes = blocks_match_nodes
        on_nodes = self._on_line(addresses)
        self.pods = space.run(0, base)
        self.blocks = space.run(base, base + addresses.count)
        self.everyone = self.pods | self.blocks
        self.hosts = space.of(c for c, k in enumerate(keys) if k.host)
        self.selectable = space.run(0, used) ^ self.hosts
        self.free = self.hosts | (space.shifted(on_nodes, base) if nodes else space.none)
        """What is on the network of some node."""
        self._labels = Index(space, self.selectable, ((c, k.labels) for c, k in enumerate(keys) if not k.host))
        self._spaces = Index(space, self.selectable, ((c, k.spaces) for c, k in enumerate(keys) if not k.host))
        self._unseen = space.of(c for c, k in enumerate(keys) if not k.seen)
        homes: dict[str, list[int]] = {}
        held: dict[tuple[int, ...] | None, list[int]] = {}
        for c, k in enumerate(keys):
            if k.home and not k.host:
                homes.setdefault(k.home, []).append(c)
            if k.blocks != ():
                held.setdefault(k.blocks, []).append(c)
        self._at_server = space.of(c for c, k in enumerate(keys) if k.server)
        self._homes = {name: space.of(ids) for name, ids in homes.items()}
        self._held = {home: space.of(ids) for home, ids in held.items()}
        self._chosen: dict[Chosen, Pair] = {}
        self._peers: dict[Peer, Pair] = {}

    def _on_line(self, addresses: Line) -> int:
        """Take a line of addresses; the blocks of nodes on it."""
        on_nodes = addresses.mask(machines(self._nodes)) if self._nodes else 0
        self.addresses = addresses
        self._outside_blocks = 0 if self._blocks_match_nodes else on_nodes
        self._every_ipv4 = addresses.mask(EVERY_IPV4) & ~self._outside_blocks
        return on_nodes

    def chosen(self, c: Chosen) -> Pair:
        """The pods that a selector chooses."""
        found = self._chosen.get(c)
        if found is None:
            found = self._chosen[c] = self._choose(c)
        return found

    def _choose(self, c: Chosen) -> Pair:
        pods = self._labels[c.pods]
        if c.namespace:
            both = pods & self._homes.get(c.namespace, self.space.none)
            return Pair(both, both)
        matched = pods & self._spaces[c.namespaces]
        if not self._unseen:
            return Pair(matched, matched)
        named, only = _by_name(c.namespaces)
        unseen = pods & self._spaces[named] & self._unseen
        seen = matched ^ (matched & self._unseen)
        return Pair(seen | unseen if only else seen, seen | unseen)

    def peer(self, peer: Peer) -> Pair:
        """Everybody that a peer is about, external addresses included."""
        found = self._peers.get(peer)
        if found is None:
            found = self._peers[peer] = self._peer(peer)
        return found

    def _peer(self, peer: Peer) -> Pair:
        if peer.everybody:
            return Pair(self.everyone, self.everyone)
        if peer.chosen is not None:
            return self.chosen(peer.chosen)
        if peer.addresses is not None:
            return self.at(self.mask(peer.addresses))
        if peer.machines is not None:
            return self._on(peer.machines.labels)
        if peer.entity is not None:
            return self._entity(peer.entity)
        return Pair(self.space.none, self.blocks if peer.names else self.everyone)

    def _entity(self, entity: Entity) -> Pair:
        """Somebody of Cilium's; where no node was seen, an address may be one's."""
        nodes = self.free ^ self.hosts
        match entity:
            case Entity.WORLD | Entity.WORLD_IPV4 | Entity.WORLD_IPV6:
                family = FAMILY.get(entity)
                outside = self.blocks if family is None else self._on_blocks((family,))
                outside = outside ^ (outside & nodes)
                return Pair(outside, outside)
            case Entity.SERVER:
                if self._servers is None:
                    return Pair(self.space.none, self.blocks | self.hosts)
                found = self._on_blocks(self._servers) | self._at_server
                return Pair(found, found)
            case Entity.NODES | Entity.CLUSTER:
                found = self.free | self.pods if entity is Entity.CLUSTER else self.free
                return Pair(found, found if self._nodes else found | self.blocks)

    def _on_blocks(self, ranges: Ranges) -> Bits:
        return self.space.shifted(self.addresses.mask(ranges), self.base)

    def with_class(self, number: int, key: Key) -> tuple[Selection, dict[Chosen, Pair]]:
        """The same with one more class, and the selectors that may choose it."""
        more, one = copy(self), self.space.of((number,))
        if key.host:
            more.hosts, more.free = self.hosts | one, self.free | one
        else:
            more.selectable = self.selectable | one
            more._labels = self._labels.with_class(one, key.labels, more.selectable)
            more._spaces = self._spaces.with_class(one, key.spaces, more.selectable)
            more._homes = {**self._homes, key.home: self._homes.get(key.home, self.space.none) | one}
        more._unseen = self._unseen if key.seen else self._unseen | one
        if key.blocks != ():
            more._held = {**self._held, key.blocks: self._held.get(key.blocks, self.space.none) | one}
        homes = () if key.host else ("", key.home)
        again = ((c, more._choose(c)) for c in self._chosen if c.namespace in homes)
        choosing = {c: pair for c, pair in again if has(pair.may, number)}
        more._chosen, more._peers = {**self._chosen, **choosing}, dict(self._peers)
        for p, pair in self._peers.items():
            if p.chosen is None:
                more._peers[p] = more._peer(p) if p.addresses is not None or p.machines is not None else pair
            elif p.chosen.namespace in homes and p.chosen in choosing:
                more._peers[p] = choosing[p.chosen]
        return more, choosing

    def cut(self, addresses: Line, lift: Callable[[Bits], Bits]) -> Selection:
        """The same where blocks were cut smaller: `lift` adds the new ones to the sets of those they were cut from."""
        more = copy(self)
        more._on_line(addresses)
        more.blocks, more.everyone, more.free = lift(self.blocks), lift(self.everyone), lift(self.free)
        more._peers = {
            p: pair if p.chosen else Pair(lift(pair.must), lift(pair.may)) for p, pair in self._peers.items()
        }
        return more

    def mask(self, addresses: Addresses) -> int:
        """The blocks that a range matches: those of nodes only where the plugin matches nodes by address."""
        return self.addresses.mask(addresses.ranges) & ~self._outside_blocks

    def masks(self, peers: Iterable[Peer]) -> int:
        """The blocks of all the addresses that some peers name."""
        out = 0
        for peer in peers:
            if peer.addresses is not None:
                out |= self.mask(peer.addresses)
        return out

    def inside(self, home: tuple[int, ...] | None, mask: int) -> tuple[bool, bool]:
        """Are the blocks of a pod surely, and possibly, in a set of blocks? A connection uses one of its addresses."""
        if home is None:
            return mask & self._every_ipv4 == self._every_ipv4, bool(mask)
        held = [bool(mask >> b & 1) for b in home]
        return any(held) and all(held), any(held)

    def at(self, mask: int) -> Pair:
        """Everybody with an address in some blocks."""
        must = may = self.space.shifted(mask, self.base)
        for home, classes in self._held.items():
            surely, maybe = self.inside(home, mask)
            must, may = must | classes if surely else must, may | classes if maybe else may
        return Pair(must, may)

    def _on(self, labels: Selector) -> Pair:
        if not self._nodes:
            return Pair(self.space.none, self.blocks | self.hosts)
        wanted = plain(labels)
        places = machines(n for n in self._nodes if matches(wanted, n.metadata.labels))
        found = self.space.shifted(self.addresses.mask(places), self.base)
        return Pair(found, found | self.hosts)


def _accepts(s: Selector, labels: Mapping[str, str]) -> bool:
    for key, value in s.labels:
        if labels.get(key) != value:
            return False
    return not s.needs or matches(plain(s), labels)


def machines(nodes: Iterable[Node]) -> Ranges:
    """The addresses of nodes, one by one."""
    found = {at for n in nodes for a in n.status.addresses if (at := place(a.address)) is not None}
    return tuple((at, at + 1) for at in sorted(found))


def plain(s: Selector) -> LabelSelector:
    """The selector as objects write it."""
    return LabelSelector(dict(s.labels), tuple(Requirement(*need) for need in s.needs))


def _by_name(s: Selector) -> tuple[Selector, bool]:
    """What a selector asks of a namespace's name, and whether it asks nothing else."""
    named = Selector(
        tuple(pair for pair in s.labels if pair[0] == NAMESPACE_NAME),
        tuple(need for need in s.needs if need[0] == NAMESPACE_NAME),
    )
    return named, named == s
