"""What applies to every destination: coming in, the statements about it; going out, the rules that name it.

Rules that name addresses are looked up by the block of the destination, all others by its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.layers.network.engine.bits import Bits, has, members
from mistrust.layers.network.engine.classes import Key, Named
from mistrust.layers.network.engine.selectors import Pair, Selection
from mistrust.layers.network.statements.rules import Rule, Service, Statement, Tier

Home = tuple[int, ...] | None
"""The blocks of a destination, as in its key."""
Numbers = tuple[int, ...]
"""Indexes of statements, or of bundles."""

Ruling = tuple[int, int, bool]
"""A statement, one of its rules, and whether that surely matches."""


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


class Applying:
    """What applies where; `sure` counts what surely matches, else what may."""

    def __init__(self, said: Sequence[Statement], selection: Selection, keys: Sequence[Key], *, sure: bool) -> None:
        self.said, self.selection, self.keys, self.sure = list(said), selection, list(keys), sure
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

    def _blocks(self) -> Iterable[Home]:
        return ((b,) for b in range(self.selection.addresses.count))

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
            if rule.unsure and self.sure:
                continue
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
        """Everybody that a rule is about, peer by peer; addresses count together. Surely nobody where it is unsure."""
        found = self._sides(rule)
        return [Pair(self.none, pair.may) for pair in found] if rule.unsure else found

    def _sides(self, rule: Rule) -> list[Pair]:
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
