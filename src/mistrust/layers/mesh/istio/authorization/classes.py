"""What policies can tell apart about clients, so that clients that no policy tells apart are asked about once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator
from ipaddress import ip_address
from itertools import pairwise

from mistrust.layers.mesh.istio.authorization.addresses import Block
from mistrust.layers.mesh.istio.authorization.conditions import Address, Identity, Port, Question, Which
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern
from mistrust.layers.mesh.istio.authorization.principals import SCHEME
from mistrust.layers.mesh.istio.authorization.rules import Rule
from mistrust.layers.mesh.istio.authorization.server import Policy


class Mentions:
    """Every identity and every address that some policies mention."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        questions = [*asked(policies)]
        patterns = dict.fromkeys(p for q in questions if isinstance(q, Identity) for p in (*q.patterns, *q.doubtful))
        self._exact = {p.text for p in patterns if p.form is Form.EXACT}
        self._by_pair: dict[str, list[Pattern]] = {}
        for p in patterns:
            if p.form is not Form.EXACT:
                self._by_pair.setdefault(p.pair, []).append(p)
        blocks = dict.fromkeys(b for q in questions if isinstance(q, Address) for b in q.blocks)
        self._addresses = {v: _Segments(b for b in blocks if b.version == v) for v in (4, 6)}
        self.addresses = bool(blocks)
        """Does any policy mention an address at all?"""
        self._identities: dict[str, Hashable] = {}

    def client(self, principal: str, addresses: Iterable[str]) -> Hashable:
        """Equal for clients that no policy tells apart; nobody is the empty principal."""
        if principal not in self._identities:
            self._identities[principal] = self._identity(principal)
        where = frozenset(map(self.place, addresses)) if self.addresses else frozenset()
        return self._identities[principal], where

    def place(self, address: str) -> Hashable:
        """Equal for addresses that no policy tells apart."""
        try:
            found = ip_address(address)
        except ValueError:
            return address
        return found.version, self._addresses[found.version].at(int(found))

    def _identity(self, principal: str) -> Hashable:
        name = SCHEME + principal
        parts = principal.split("/")
        pairs = dict.fromkeys(("", *map("/".join, pairwise(parts))))
        found = frozenset(p for pair in pairs for p in self._by_pair.get(pair, ()) if p.matches(name))
        return name if name in self._exact else "", found


class _Segments:
    """The pieces into which some blocks cut the addresses of a family; pieces inside the same blocks are one."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        spans = [(int(b[0]), int(b[-1]) + 1) for b in blocks]
        self._starts = sorted({0, *(p for span in spans for p in span)})
        self._signatures = [frozenset(i for i, (a, b) in enumerate(spans) if a <= s < b) for s in self._starts]

    def at(self, number: int) -> Hashable:
        return self._signatures[bisect_right(self._starts, number) - 1]


def asked(policies: Iterable[Policy]) -> Iterator[Question]:
    """Every question of every rule, for HTTP and for TCP."""
    for policy in policies:
        for rule in (*policy.http, *policy.tcp):
            if isinstance(rule, Rule):
                yield from (c.question for c in rule.conditions)


def ports(policies: Iterable[Policy]) -> frozenset[int]:
    """The ports that some rule treats by themselves."""
    return frozenset(n for q in asked(policies) if isinstance(q, Port) for n in q.numbers)


def about_destination(policies: Iterable[Policy]) -> bool:
    """Does a rule ask which address was dialled?"""
    return any(isinstance(q, Address) and q.which is Which.DESTINATION for q in asked(policies))


def identities(policies: Iterable[Policy]) -> Iterator[Pattern]:
    """Every pattern of identities."""
    for q in asked(policies):
        if isinstance(q, Identity):
            yield from q.patterns
