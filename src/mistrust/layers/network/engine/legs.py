"""Both directions of every connection, as one row for each destination.

Destinations to which the same applies have one row in each direction, and it is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.layers.network.engine.applying import Applying, Home, Numbers
from mistrust.layers.network.engine.bits import Bits, has
from mistrust.layers.network.engine.classes import Key, Named
from mistrust.layers.network.engine.lines import Line
from mistrust.layers.network.engine.selectors import Pair, Selection
from mistrust.layers.network.engine.solve import Match, Row, certain, crossed, joined, possible, union
from mistrust.layers.network.statements.rules import Rule, Service, Statement

Entry = tuple[Numbers, Numbers, Named, Bits, tuple[bool, ...]]
"""What applies to those who come in: statements, cluster-wide ones, named ports, who is free, what is sure."""


class Legs(Applying):
    """Rows on demand; `sure` asks for what is surely allowed, else for what may be."""

    def __init__(
        self, said: Sequence[Statement], selection: Selection, ports: Line, keys: Sequence[Key], *, sure: bool
    ) -> None:
        super().__init__(said, selection, keys, sure=sure)
        self.ports = ports
        self.forget()

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

    def settled(self) -> bool:
        """Is it known of everything whether it matches?"""
        if self.doubtful or any(s.malformed for s in self.said):
            return False
        pairs = (pair for s in self.said for rule in s.rules for pair in self.sides(rule))
        return all(pair.must is pair.may or pair.must == pair.may for pair in pairs)

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
