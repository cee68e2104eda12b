"""For every destination, what applies to it: coming in, the statements about it; going out, the rules that name it.

Destinations to which the same applies have one row in each direction, and it is computed once. Rules that name
addresses are looked up by the block of the destination, all others by its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.layers.network.bits import Bits, has, members
from mistrust.layers.network.classes import Key, Named
from mistrust.layers.network.lines import Line
from mistrust.layers.network.rules import Rule, Service, Statement, Tier
from mistrust.layers.network.selectors import Pair, Selection
from mistrust.layers.network.solve import Match, Row, certain, crossed, joined, possible, union

Home = tuple[int, ...] | None
"""The blocks of a destination, as in its key."""
Numbers = tuple[int, ...]
"""Indexes of statements, or of bundles."""

Ruling = tuple[int, int, bool]
"""A statement, one of its rules, and whether that surely matches."""
Entry = tuple[Numbers, Numbers, Named, Bits, tuple[bool, ...]]
"""What applies to those who come in: statements, cluster-wide ones, named ports, who is free, what is sure."""


class Bundle(msgspec.Struct, frozen=True, gc=False):
    """Egress rules of NetworkPolicies with the same destinations and the same service."""

    to: Bits | int
    """Classes; blocks, as one integer, where `addressed`."""
    addressed: bool
    service: Service
    who: Bits
    """The pods that may go there."""
    by: Numbers
    """The statements that say so."""


class Legs:
    """Both directions of every connection; `sure` asks for what is surely allowed, else for what may be."""

    def __init__(
        self, said: Sequence[Statement], selection: Selection, ports: Line, keys: Sequence[Key], *, sure: bool
    ) -> None:
        self.said, self.selection, self.ports, self.keys, self.sure = list(said), selection, ports, list(keys), sure
        self.none, self.everyone = selection.space.none, selection.everyone
        self.subjects = [self.about(s) for s in said]
        size = selection.base + selection.addresses.count
        self.ingress: list[Numbers] = [()] * size
        """Destination -> statements about it."""
        self.egress: list[Numbers] = [()] * size
        """Destination -> bundles that name it, other than by address."""
        self.wide_ingress: list[Numbers] = [()] * size
        self.wide_egress: list[tuple[Ruling, ...]] = [()] * size
        """Destination -> rules of cluster-wide policies that name it."""
        self.bundles: list[Bundle] = []
        self.homes: dict[Home, Numbers] = dict.fromkeys([*(k.blocks for k in keys), *self._blocks()], ())
        """Blocks -> bundles that name them."""
        self._collect()
        self.isolate()
        self.forget()

    def _blocks(self) -> Iterable[Home]:
        return ((b,) for b in range(self.selection.addresses.count))

    def forget(self) -> None:
        """Know no row yet."""
        self.every = (1 << self.ports.count) - 1
        self.open: Row = ((self.everyone, self.every),)
        self.masks: dict[Service, int] = {}
        self.rows_in: dict[Entry, Row] = {}
        self.rows_out: dict[tuple[object, ...], Row] = {}
        self.homes_out: dict[tuple[Home, Named, Bits], Row] = {}
        self.classes_out: dict[tuple[Numbers, Named], Row] = {}
        self.rows: dict[tuple[int, int, bool], tuple[Row, Row, Row]] = {}
        self.known: dict[int, Row] = {}

    def about(self, s: Statement) -> Pair:
        """The pods that a statement is about."""
        found = self.selection.chosen(s.subject)
        return Pair(self.none, found.may) if s.malformed else found

    def isolate(self) -> None:
        """Note for whom NetworkPolicies decide, in and out."""
        union = self.selection.space.union
        network: tuple[list[Pair], list[Pair]] = ([], [])
        for s, about in zip(self.said, self.subjects, strict=True):
            if s.tier is Tier.NETWORK:
                network[s.egress].append(about)
        coming, going = (Pair(union(p.must for p in pairs), union(p.may for p in pairs)) for pairs in network)
        self.isolated = coming, going
        self.doubtful = any(p.must is not p.may and p.must != p.may for p in self.subjects)
        self.unlimited = self.everyone ^ (going.may if self.sure else going.must)

    def settled(self) -> bool:
        """Is it known of everything whether it matches?"""
        if self.doubtful or any(s.malformed for s in self.said):
            return False
        pairs = (pair for s in self.said for rule in s.rules for pair in self.sides(rule))
        return all(pair.must is pair.may or pair.must == pair.may for pair in pairs)

    def pick(self, pair: Pair) -> Bits:
        """Who counts here."""
        return pair.must if self.sure else pair.may

    def _collect(self) -> None:
        about: dict[Bits, list[int]] = {}
        wide: list[int] = []
        going: dict[tuple[bool, Bits | int], dict[Service, list[int]]] = {}
        for n, (s, subject) in enumerate(zip(self.said, self.subjects, strict=True)):
            if s.tier is not Tier.NETWORK:
                wide.append(n)
            elif not subject.may:
                continue
            elif not s.egress:
                about.setdefault(subject.may, []).append(n)
            else:
                for key, service in self.ways(s):
                    going.setdefault(key, {}).setdefault(service, []).append(n)
        for bits, numbers in about.items():
            for c in members(bits):
                self.ingress[c] += tuple(numbers)
        self._collect_wide(wide)
        for (addressed, to), services in going.items():
            self.bundle([self.made(to, addressed, service, by) for service, by in services.items()])

    def _collect_wide(self, numbers: Iterable[int]) -> None:
        coming: dict[int, list[int]] = {}
        going: dict[int, list[Ruling]] = {}
        for n in numbers:
            s = self.said[n]
            if not s.egress:
                for c in members(self.subjects[n].may):
                    coming.setdefault(c, []).append(n)
                continue
            for r, rule in enumerate(s.rules):
                peers = self.peers(rule)
                for c in members(peers.may):
                    going.setdefault(c, []).append((n, r, has(peers.must, c)))
        for c, about in coming.items():
            self.wide_ingress[c] = tuple(about)
        for c, rules in going.items():
            self.wide_egress[c] = tuple(rules)

    def ways(self, s: Statement) -> list[tuple[tuple[bool, Bits | int], Service]]:
        """Where the pods of an egress statement may go, each once."""
        found: dict[tuple[tuple[bool, Bits | int], Service], None] = {}
        for rule in s.rules:
            mask = self.selection.masks(rule.peers)
            if mask:
                found[(True, mask), rule.service] = None
            for peer in rule.peers:
                if peer.addresses is None:
                    found[(False, self.pick(self.selection.peer(peer))), rule.service] = None
        return list(found)

    def made(self, to: Bits | int, addressed: bool, service: Service, by: Iterable[int]) -> Bundle:
        """A bundle of what some statements say."""
        numbers = tuple(by)
        if len(numbers) == 1:
            who = self.pick(self.subjects[numbers[0]])
        else:
            who = self.selection.space.union(self.pick(self.subjects[n]) for n in numbers)
        return Bundle(to, addressed, service, who, numbers)

    def bundle(self, made: Sequence[Bundle]) -> None:
        """Add bundles with the same destinations."""
        first = len(self.bundles)
        self.bundles += made
        added = tuple(range(first, len(self.bundles)))
        if not made[0].addressed:
            for c in members(made[0].to):
                self.egress[c] += added
            return
        for home in self.homes:
            if self.at_home(home, made[0]):
                self.homes[home] += added

    def reached(self, bundle: Bundle) -> Iterable[int]:
        """The destinations of a bundle."""
        if not bundle.addressed:
            return members(bundle.to)
        homes = {home for home in self.homes if self.at_home(home, bundle)}
        base = self.selection.base
        return [
            *(c for c, k in enumerate(self.keys) if k.blocks in homes),
            *(base + home[0] for home in homes if home and len(home) == 1),
        ]

    def at_home(self, home: Home, bundle: Bundle) -> bool:
        """Does a bundle that names addresses name those of these blocks?"""
        assert isinstance(bundle.to, int)
        must, may = self.selection.inside(home, bundle.to)
        return must if self.sure else may

    def sides(self, rule: Rule) -> list[Pair]:
        """Everybody that a rule is about, peer by peer; addresses count together."""
        if sum(p.addresses is not None for p in rule.peers) < 2:
            return [self.selection.peer(p) for p in rule.peers]
        others = [self.selection.peer(p) for p in rule.peers if p.addresses is None]
        return [*others, self.selection.at(self.selection.masks(rule.peers))]

    def peers(self, rule: Rule) -> Pair:
        """Everybody that a rule is about."""
        pairs = self.sides(rule)
        if len(pairs) == 1:
            return pairs[0]
        union = self.selection.space.union
        return Pair(union(p.must for p in pairs), union(p.may for p in pairs))

    def mask(self, service: Service, named: Named) -> int:
        """The ports that a service is at a destination."""
        mask = self.masks.get(service)
        if mask is None:
            mask = self.masks[service] = self.ports.mask(service.ports.ranges)
        for protocol, name in service.names:
            for held, at in named:
                if held == name and (not protocol or PROTOCOLS[at // SPAN] == protocol):
                    mask |= 1 << self.ports.at(at)
        return mask

    def external(self, destination: int) -> bool:
        """Is it a block of addresses, not a class of pods?"""
        return destination >= self.selection.base

    def named(self, destination: int) -> Named:
        """The named ports of a destination."""
        return () if self.external(destination) else self.keys[destination].named

    def home(self, destination: int) -> Home:
        """The blocks of a destination."""
        if self.external(destination):
            return (destination - self.selection.base,)
        return self.keys[destination].blocks

    def row(self, destination: int) -> Row:
        """Who may come in to a class, on which ports; a node and its own pods count if it may be so."""
        row = self.known.get(destination)
        if row is None:
            free = self.none if self.sure or not self.said else self.selection.free
            row = self.known[destination] = self.row_between(destination, free)
        return row

    def row_between(self, destination: int, free: Bits) -> Row:
        """The same, where `free` and pods always reach each other."""
        if has(free, destination):
            into = out = self.open
        else:
            into, out = self.coming(destination, free), self.going(destination)
        external = self.external(destination)
        if into is self.open and not external:
            return out
        key = id(into), id(out), external
        found = self.rows.get(key)
        if found is None:
            row = crossed(((self.selection.pods, self.every),) if external else into, out)
            found = self.rows[key] = row, into, out
        return found[0]

    def coming(self, destination: int, free: Bits) -> Row:
        """Who may come in as far as the destination's policies say."""
        about, wide = self.ingress[destination], self.wide_ingress[destination]
        isolated = self.isolated[0]
        if not wide and not has(isolated.may if self.sure else isolated.must, destination):
            return self.open
        named = self.named(destination)
        key = about, wide, named, free, self._doubts(destination, about, wide) if self.doubtful else ()
        row = self.rows_in.get(key)
        if row is None:
            rules = [rule for n in about if self._counts(n, destination) for rule in self.said[n].rules]
            items = ((self.mask(rule.service, named), self.pick(pair)) for rule in rules for pair in self.sides(rule))
            row = union(items, self.every, self.none)
            if wide:
                matches = [
                    Match(s.tier, rule.action, self.mask(rule.service, named), self._certainty(n, destination, rule))
                    for n in wide
                    for s in (self.said[n],)
                    for rule in s.rules
                ]
                must, may = (self.everyone if has(b, destination) else self.none for b in (isolated.must, isolated.may))
                row = self.decide(matches, row, Pair(must, may), self.everyone)
            if free:
                row = joined(row, ((free, self.every),))
            self.rows_in[key] = row
        return row

    def _doubts(self, destination: int, *numbers: Numbers) -> tuple[bool, ...]:
        """Which of some statements are surely about a destination."""
        return tuple(has(self.subjects[n].must, destination) for n in chain(*numbers))

    def _counts(self, statement: int, destination: int) -> bool:
        return not self.sure or has(self.subjects[statement].must, destination)

    def _certainty(self, statement: int, destination: int, rule: Rule) -> Pair:
        peers = self.peers(rule)
        return peers if has(self.subjects[statement].must, destination) else Pair(self.none, peers.may)

    def decide(self, matches: Sequence[Match], network: Row, isolated: Pair, whom: Bits) -> Row:
        """What all tiers together say to some sources."""
        return (certain if self.sure else possible)(matches, network, isolated, whom)

    def going(self, destination: int) -> Row:
        """Who may come as far as the policies of the sources say."""
        bundles, wide = self.egress[destination], self.wide_egress[destination]
        home, named = self.home(destination), self.named(destination)
        key = bundles, home, wide, named
        row = self.rows_out.get(key)
        if row is None:
            base = self.none if wide else self.unlimited
            by_address = self.homes_out.get((home, named, base))
            if by_address is None:
                by_address = self.homes_out[home, named, base] = self._union(self.homes[home], named, base)
            by_class = self.classes_out.get((bundles, named))
            if by_class is None:
                by_class = self.classes_out[bundles, named] = self._union(bundles, named, self.none)
            row = joined(by_class, by_address)
            if wide:
                row = self.decide(self.rulings(destination), row, self.isolated[1], self.everyone)
            self.rows_out[key] = row
        return row

    def rulings(self, destination: int) -> list[Match]:
        """What cluster-wide policies of the sources say of a destination."""
        named = self.named(destination)
        return [
            Match(s.tier, rule.action, self.mask(rule.service, named), self._who(n, surely))
            for n, r, surely in self.wide_egress[destination]
            for s in (self.said[n],)
            for rule in (s.rules[r],)
        ]

    def _union(self, bundles: Numbers, named: Named, base: Bits) -> Row:
        held = (self.bundles[b] for b in bundles)
        return union(((self.mask(bundle.service, named), bundle.who) for bundle in held), self.every, base)

    def _who(self, statement: int, surely: bool) -> Pair:
        subject = self.subjects[statement]
        return subject if surely else Pair(self.none, subject.may)
