"""For every destination, what applies to it: coming in, the statements about it; going out, the rules that name it.

Destinations to which the same applies have one row in each direction, and it is computed once. Rules that name
addresses are looked up by the block of the destination, all others by its class.
"""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.layers.network.bits import Bits, has, members
from mistrust.layers.network.classes import Key, Named
from mistrust.layers.network.lines import Line
from mistrust.layers.network.rules import Rule, Service, Statement, Tier
from mistrust.layers.network.selectors import Pair, Selection
from mistrust.layers.network.solve import Match, Row, certain, crossed, joined, possible, union

Home = tuple[int, ...] | None
"""The blocks of a destination, as in its key."""


class Legs:
    """Both directions of every connection; `sure` asks for what is surely allowed, else for what may be."""

    def __init__(
        self, said: Sequence[Statement], selection: Selection, ports: Line, keys: Sequence[Key], *, sure: bool
    ) -> None:
        self._said, self._selection, self._ports, self._keys, self._sure = said, selection, ports, keys, sure
        self._none, self._everyone = selection.space.none, selection.everyone
        self.every = (1 << ports.count) - 1
        self._open: Row = {self._everyone: self.every}
        self._masks: dict[Service, int] = {}
        self._subjects = [self._about(s) for s in said]
        self._loose = any(s.must != s.may for s in self._subjects)
        """Are there subjects that are not certain?"""
        size = selection.base + selection.addresses.count
        self._ingress: list[list[int]] = [[] for _ in range(size)]
        """Destination -> statements about it."""
        self._egress: list[list[int]] = [[] for _ in range(size)]
        """Destination -> bundles that name it, other than by address."""
        self._wide_ingress: list[list[int]] = [[] for _ in range(size)]
        self._wide_egress: list[list[tuple[int, int, bool]]] = [[] for _ in range(size)]
        """Destination -> statement, rule, and whether the rule surely matches it."""
        self._bundles: list[tuple[Service, Bits]] = []
        """Egress rules of NetworkPolicies that name the same destinations: service, and the pods that may go there."""
        self._homes: dict[Home, list[int]] = {k.blocks: [] for k in keys}
        """Blocks -> bundles that name them."""
        self.isolated = self._isolation()
        self._unlimited = self._everyone ^ (self.isolated[1].may if sure else self.isolated[1].must)
        self._collect()
        self._rows_in: dict[tuple[object, ...], Row] = {}
        self._rows_out: dict[tuple[object, ...], Row] = {}
        self._unions: dict[tuple[object, ...], Row] = {}
        self._rows: dict[tuple[int, int, bool], Row] = {}

    def _about(self, s: Statement) -> Pair:
        found = self._selection.chosen(s.subject)
        return Pair(self._none, found.may) if s.malformed else found

    def _isolation(self) -> tuple[Pair, Pair]:
        must, may = [self._none, self._none], [self._none, self._none]
        subjects = {
            (s.egress, s.subject, bool(s.malformed)): n for n, s in enumerate(self._said) if s.tier is Tier.NETWORK
        }
        for (egress, _, _), n in subjects.items():
            about = self._subjects[n]
            must[egress], may[egress] = must[egress] | about.must, may[egress] | about.may
        return Pair(must[0], may[0]), Pair(must[1], may[1])

    def _pick(self, pair: Pair) -> Bits:
        return pair.must if self._sure else pair.may

    def _collect(self) -> None:
        about: dict[Bits, list[int]] = {}
        going: dict[Bits, dict[Service, Bits]] = {}
        addressed: dict[int, dict[Service, Bits]] = {}
        for n, (s, subject) in enumerate(zip(self._said, self._subjects, strict=True)):
            if not subject.may:
                continue
            if s.tier is not Tier.NETWORK:
                self._collect_wide(n, s, subject)
            elif not s.egress:
                about.setdefault(subject.may, []).append(n)
            else:
                who = self._pick(subject)
                for rule in s.rules:
                    for peer in rule.peers:
                        if peer.addresses is not None:
                            services = addressed.setdefault(self._selection.mask(peer.addresses), {})
                        else:
                            services = going.setdefault(self._pick(self._selection.peer(peer)), {})
                        services[rule.service] = services.get(rule.service, self._none) | who
        for bits, numbers in about.items():
            for c in members(bits):
                self._ingress[c] += numbers
        for bits, services in going.items():
            added = self._bundle(services)
            for c in members(bits):
                self._egress[c] += added
        self._homes.update({(b,): [] for b in range(self._selection.addresses.count)})
        for mask, services in addressed.items():
            added = self._bundle(services)
            for home, bundles in self._homes.items():
                if self._pick_home(home, mask):
                    bundles += added

    def _bundle(self, services: dict[Service, Bits]) -> range:
        first = len(self._bundles)
        self._bundles += services.items()
        return range(first, len(self._bundles))

    def _pick_home(self, home: Home, mask: int) -> bool:
        must, may = self._selection.inside(home, mask)
        return must if self._sure else may

    def _collect_wide(self, number: int, s: Statement, subject: Pair) -> None:
        if not s.egress:
            for c in members(subject.may):
                self._wide_ingress[c].append(number)
            return
        for r, rule in enumerate(s.rules):
            peers = self.peers(rule)
            for c in members(peers.may):
                self._wide_egress[c].append((number, r, has(peers.must, c)))

    def peers(self, rule: Rule) -> Pair:
        """Everybody that a rule is about."""
        pairs = [self._selection.peer(p) for p in rule.peers]
        if len(pairs) == 1:
            return pairs[0]
        must = may = self._none
        for pair in pairs:
            must, may = must | pair.must, may | pair.may
        return Pair(must, may)

    def _mask(self, service: Service, named: Named) -> int:
        mask = self._masks.get(service)
        if mask is None:
            mask = self._masks[service] = self._ports.mask(service.ports.ranges)
        for protocol, name in service.names:
            for held, at in named:
                if held == name and (not protocol or PROTOCOLS[at // SPAN] == protocol):
                    mask |= 1 << self._ports.at(at)
        return mask

    def _named(self, destination: int) -> Named:
        return self._keys[destination].named if destination < len(self._keys) else ()

    def row(self, destination: int, *, near: bool = False) -> Row:
        """Who may come in to a class, on which ports; `near` also counts who may be the node of a pod, or its pods."""
        external = destination >= len(self._keys)
        free = self._selection.free if near else self._none
        if has(free, destination):
            into = out = self._open
        else:
            into, out = self._into(destination, free), self._out(destination)
        if into is self._open and not external:
            return out
        key = id(into), id(out), external
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = crossed({self._selection.pods: self.every} if external else into, out)
        return row

    def _into(self, destination: int, free: Bits) -> Row:
        about, wide = self._ingress[destination], self._wide_ingress[destination]
        surely, maybe = (has(b, destination) for b in (self.isolated[0].must, self.isolated[0].may))
        if not wide and not (maybe if self._sure else surely):
            return self._open
        named = self._keys[destination].named
        firm = tuple(has(self._subjects[n].must, destination) for n in (*about, *wide)) if self._loose else ()
        key = tuple(about), tuple(wide), named, free, firm
        row = self._rows_in.get(key)
        if row is None:
            rules = [rule for n in about if self._counts(n, destination) for rule in self._said[n].rules]
            row = union(
                (
                    (self._mask(rule.service, named), self._pick(self._selection.peer(peer)))
                    for rule in rules
                    for peer in rule.peers
                ),
                self.every,
                self._none,
            )
            if wide:
                matches = [
                    Match(s.tier, rule.action, self._mask(rule.service, named), self._certainty(n, destination, rule))
                    for n in wide
                    for s in (self._said[n],)
                    for rule in s.rules
                ]
                everyone, none = self._everyone, self._none
                row = self._decide(matches, row, Pair(everyone if surely else none, everyone if maybe else none))
            if free:
                row = joined(row, {free: self.every})
            self._rows_in[key] = row
        return row

    def _counts(self, statement: int, destination: int) -> bool:
        return not self._sure or has(self._subjects[statement].must, destination)

    def _certainty(self, statement: int, destination: int, rule: Rule) -> Pair:
        peers = self.peers(rule)
        return peers if has(self._subjects[statement].must, destination) else Pair(self._none, peers.may)

    def _decide(self, matches: Sequence[Match], network: Row, isolated: Pair) -> Row:
        decide = certain if self._sure else possible
        return decide(matches, network, isolated, self._everyone)

    def _out(self, destination: int) -> Row:
        external = destination >= len(self._keys)
        named = () if external else self._keys[destination].named
        home = (destination - self._selection.base,) if external else self._keys[destination].blocks
        bundles, wide = tuple(self._egress[destination]), self._wide_egress[destination]
        key = bundles, home, tuple(wide), named
        row = self._rows_out.get(key)
        if row is None:
            row = self._rows_out[key] = self._going(bundles, home, wide, named)
        return row

    def _going(self, bundles: tuple[int, ...], home: Home, wide: Sequence[tuple[int, int, bool]], named: Named) -> Row:
        named_by_label = self._union(bundles, bundles, named, self._none)
        base = self._none if wide else self._unlimited
        row = joined(named_by_label, self._union((home,), self._homes[home], named, base))
        if not wide:
            return row
        matches = [
            Match(s.tier, rule.action, self._mask(rule.service, named), self._who(n, surely))
            for n, r, surely in wide
            for s in (self._said[n],)
            for rule in (s.rules[r],)
        ]
        return self._decide(matches, row, self.isolated[1])

    def _union(self, key: tuple[object, ...], bundles: Sequence[int], named: Named, base: Bits) -> Row:
        row = self._unions.get((key, named, base))
        if row is None:
            items = ((self._mask(service, named), who) for service, who in (self._bundles[b] for b in bundles))
            row = self._unions[key, named, base] = union(items, self.every, base)
        return row

    def _who(self, statement: int, surely: bool) -> Pair:
        subject = self._subjects[statement]
        return subject if surely else Pair(self._none, subject.may)
