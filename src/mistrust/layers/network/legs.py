"""For every destination, what applies to it: coming in, the statements about it; going out, the rules that name it.

Destinations to which the same applies have one row in each direction, and it is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.layers.network.bits import Bits, has, members
from mistrust.layers.network.classes import Named
from mistrust.layers.network.lines import Line
from mistrust.layers.network.rules import Rule, Service, Statement, Tier
from mistrust.layers.network.selectors import Pair, Selection
from mistrust.layers.network.solve import Match, Row, certain, crossed, limited, possible, union, widened


class Legs:
    """Both directions of every connection; `sure` asks for what is surely allowed, else for what may be."""

    def __init__(
        self,
        said: Sequence[Statement],
        selection: Selection,
        ports: Line,
        named: Sequence[Named],
        size: int,
        *,
        sure: bool,
    ) -> None:
        self._said, self._selection, self._ports, self._named, self._sure = said, selection, ports, named, sure
        self._none = selection.space.none
        self.every = (1 << ports.count) - 1
        self._masks: dict[Service, int] = {}
        self._subjects = [self._about(s) for s in said]
        self._ingress: list[list[int]] = [[] for _ in range(size)]
        """Destination -> statements about it."""
        self._egress: list[list[int]] = [[] for _ in range(size)]
        """Destination -> bundles that name it."""
        self._wide_ingress: list[list[int]] = [[] for _ in range(size)]
        self._wide_egress: list[list[tuple[int, int]]] = [[] for _ in range(size)]
        self._bundles: list[tuple[Service, Bits]] = []
        """Egress rules of NetworkPolicies that name the same destinations: service, and the pods that may go there."""
        self.isolated = self._isolation()
        self._collect()
        self._rows_in: dict[tuple[object, ...], Row] = {}
        self._rows_out: dict[tuple[object, ...], Row] = {}
        self._rows: dict[tuple[int, int, bool], Row] = {}

    def _about(self, s: Statement) -> Pair:
        found = self._selection.chosen(s.subject)
        return Pair(self._none, found.may) if s.malformed else found

    def _isolation(self) -> tuple[Pair, Pair]:
        must, may = [self._none, self._none], [self._none, self._none]
        subjects: tuple[dict[Pair, None], dict[Pair, None]] = ({}, {})
        for s, about in zip(self._said, self._subjects, strict=True):
            if s.tier is Tier.NETWORK:
                subjects[s.egress][about] = None
        for egress in (0, 1):
            for about in subjects[egress]:
                must[egress], may[egress] = must[egress] | about.must, may[egress] | about.may
        return Pair(must[0], may[0]), Pair(must[1], may[1])

    def _pick(self, pair: Pair) -> Bits:
        return pair.must if self._sure else pair.may

    def _collect(self) -> None:
        about: dict[Bits, list[int]] = {}
        going: dict[Bits, dict[Service, Bits]] = {}
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
                        services = going.setdefault(self._pick(self._selection.peer(peer)), {})
                        services[rule.service] = services.get(rule.service, self._none) | who
        for bits, numbers in about.items():
            for c in members(bits):
                self._ingress[c] += numbers
        for bits, services in going.items():
            first = len(self._bundles)
            self._bundles += services.items()
            added = range(first, len(self._bundles))
            for c in members(bits):
                self._egress[c] += added

    def _collect_wide(self, number: int, s: Statement, subject: Pair) -> None:
        if not s.egress:
            for c in members(subject.may):
                self._wide_ingress[c].append(number)
            return
        for r, rule in enumerate(s.rules):
            for c in members(self.peers(rule).may):
                self._wide_egress[c].append((number, r))

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

    def row(self, destination: int) -> Row:
        """Who may come in to a class, on which ports."""
        external = destination >= len(self._named)
        into, out = self._into(destination), self._out(destination)
        key = id(into), id(out), external
        row = self._rows.get(key)
        if row is None:
            row = crossed(into, out)
            self._rows[key] = row = limited(row, self._selection.pods) if external else row
        return row

    def _into(self, destination: int) -> Row:
        everyone = self._selection.everyone
        named = self._named[destination] if destination < len(self._named) else ()
        about, wide = self._ingress[destination], self._wide_ingress[destination]
        key = tuple(about), tuple(wide), named
        row = self._rows_in.get(key)
        if row is None:
            surely, maybe = (everyone if has(b, destination) else self._none for b in self._both(0))
            decided = maybe if self._sure else surely
            row = {everyone: self.every}
            if decided or wide:
                rules = [rule for n in about if self._counts(n, destination) for rule in self._said[n].rules]
                items = [
                    (self._mask(rule.service, named), self._pick(self._selection.peer(peer)))
                    for rule in rules
                    for peer in rule.peers
                ]
                row = union(items, self.every, self._none)
                if wide:
                    matches = [
                        Match(
                            s.tier, rule.action, self._mask(rule.service, named), self._certainty(n, destination, rule)
                        )
                        for n in wide
                        for s in (self._said[n],)
                        for rule in s.rules
                    ]
                    row = self._decide(matches, row, Pair(surely, maybe))
            self._rows_in[key] = row
        return row

    def _both(self, egress: int) -> tuple[Bits, Bits]:
        return self.isolated[egress].must, self.isolated[egress].may

    def _counts(self, statement: int, destination: int) -> bool:
        return not self._sure or has(self._subjects[statement].must, destination)

    def _certainty(self, statement: int, destination: int, rule: Rule) -> Pair:
        peers = self.peers(rule)
        return peers if has(self._subjects[statement].must, destination) else Pair(self._none, peers.may)

    def _decide(self, matches: Sequence[Match], network: Row, isolated: Pair) -> Row:
        decide = certain if self._sure else possible
        return decide(matches, network, isolated, self._selection.everyone)

    def _out(self, destination: int) -> Row:
        named = self._named[destination] if destination < len(self._named) else ()
        bundles, wide = self._egress[destination], self._wide_egress[destination]
        key = tuple(bundles), tuple(wide), named
        row = self._rows_out.get(key)
        if row is None:
            items = ((self._mask(service, named), who) for service, who in (self._bundles[b] for b in bundles))
            row = union(items, self.every, self._none)
            isolated = self.isolated[1]
            if wide:
                matches = [
                    Match(s.tier, rule.action, self._mask(rule.service, named), self._who(n, destination, rule))
                    for n, r in wide
                    for s in (self._said[n],)
                    for rule in (s.rules[r],)
                ]
                row = self._decide(matches, row, isolated)
            else:
                everyone = self._selection.everyone
                row = widened(row, everyone ^ (isolated.may if self._sure else isolated.must), self.every)
            self._rows_out[key] = row
        return row

    def _who(self, statement: int, destination: int, rule: Rule) -> Pair:
        subject = self._subjects[statement]
        return subject if has(self.peers(rule).must, destination) else Pair(self._none, subject.may)
