"""The computation behind `Reach`: lines cut, pods grouped, selectors evaluated, and rows on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Literal

import msgspec

from mistrust.access.ports import EVERY_PORT, PROTOCOLS, SPAN, Ports, point
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint, Port
from mistrust.kube.selectors import matches
from mistrust.layers.network.addresses import FAMILIES, IPV4, blocks, cidr, place
from mistrust.layers.network.engine.bits import Space
from mistrust.layers.network.engine.classes import SPARE, Key, Keys, group, mentions
from mistrust.layers.network.engine.legs import Legs
from mistrust.layers.network.engine.lines import Line, Ranges
from mistrust.layers.network.engine.selectors import Selection, machines, plain
from mistrust.layers.network.engine.solve import Row
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.statements.policies import Policies
from mistrust.layers.network.statements.rules import Entity, Statement, Tier

Ties = Literal["forward", "backward"]
"""Order of cluster-wide policies with one priority, by kind and name; the API leaves it undefined."""


class Question(msgspec.Struct, frozen=True):
    """Everything that reachability depends on."""

    endpoints: tuple[Endpoint, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    policies: Policies
    profile: Profile = UPSTREAM
    apart: tuple[int, ...] = ()
    nodes: tuple[Node, ...] = ()
    cuts: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    ties: Ties = "forward"
    seen: frozenset[str] | None = None
    spare: int = 0
    """Ids for classes to come."""

    def statements(self) -> list[Statement]:
        """What the policies say, in the order in which they are asked."""
        return self.in_turn(self.policies.under(self.profile).statements())

    @property
    def servers(self) -> Ranges | None:
        """The addresses of the API server; None where none was seen."""
        found = {at for text in self.policies.servers if (at := place(text)) is not None}
        return tuple((at, at + 1) for at in sorted(found)) or None

    def in_turn(self, said: Iterable[Statement]) -> list[Statement]:
        """Statements in the order in which they are asked; of NetworkPolicies in the order given."""
        network, wide = list[Statement](), list[Statement]()
        for s in said:
            (network if s.tier is Tier.NETWORK else wide).append(s)
        backward = self.ties == "backward"
        wide = sorted(wide[::-1] if backward else wide, key=lambda s: s.order[1:], reverse=backward)
        wide.sort(key=lambda s: s.order[0])
        return network + wide


class Cluster:
    """One question, worked out."""

    def __init__(self, question: Question) -> None:
        self.question = question
        said = question.statements()
        asked = mentions(said)
        self.addresses = Line.of(FAMILIES, _address_sets(said, question))
        self.blocks = blocks(self.addresses)
        live = question.spare > 0
        servers = question.servers
        self.keys_of = Keys(
            asked,
            question.namespaces,
            question.seen,
            question.profile,
            self.addresses,
            servers=frozenset(at for at, _ in servers or ()) if asked.server else frozenset(),
            whole=live,
        )
        self.class_of, self.keys = group(question.endpoints, self.keys_of, question.apart)
        self.used = len(self.keys)
        """Classes so far; the ids from here to the blocks are spare."""
        self.keys += [SPARE] * question.spare
        points = {at for k in self.keys for _, at in k.named}
        if live:
            points.update(point(p.protocol, p.number) for e in question.endpoints for p in e.ports if _sound(p))
        services = {rule.service.ports.ranges for s in said for rule in s.rules}
        ports = Line.of(EVERY_PORT.ranges, sorted({*services, *(((at, at + 1),) for at in points)}))
        space = Space(len(self.keys) + self.addresses.count)
        selection = Selection(
            space,
            self.keys,
            len(self.keys),
            self.addresses,
            question.nodes,
            used=self.used,
            blocks_match_nodes=question.profile.blocks_match_nodes,
            servers=servers,
        )
        self.may = Legs(said, selection, ports, self.keys, sure=False)
        self._sure: Legs | None = None
        self._settled = False
        self._ids: dict[Key, int] = {}

    @property
    def sure(self) -> Legs | None:
        """What is surely allowed, worked out when it is first asked for; None where that is all that may be."""
        if self._sure is None and not self._settled:
            legs = self.may
            self._settled = legs.settled()
            if not self._settled:
                said = self.question.in_turn(legs.said)
                self._sure = Legs(said, legs.selection, legs.ports, self.keys, sure=True)
        return self._sure

    def row(self, destination: int, *, sure: bool = False) -> Row:
        """Who may come in to a class, or surely may; a node and its own pods may always, if they are such."""
        if not sure:
            return self.may.row(destination)
        known = self.sure
        return self.may.row_between(destination, self.may.none) if known is None else known.row(destination)

    @property
    def selection(self) -> Selection:
        """Selectors as sets of classes."""
        return self.may.selection

    def told(self, mask: int) -> Ports:
        """A set of parts of the line of ports, as ports."""
        return Ports.of(self.may.ports.ranges(mask))

    def class_like(self, e: Endpoint, apart: int) -> tuple[Key, int]:
        """The key of an endpoint, and the class with that key; -1 if there is none yet."""
        if not self._ids:
            self._ids = {k: c for c, k in enumerate(self.keys[: self.used])}
        key = self.keys_of.key(e, apart)
        return key, self._ids.get(key, -1)

    def changed(self, question: Question) -> Cluster:
        """A copy for another question, to be made right by the caller."""
        more = copy(self)
        more.question = question
        return more

    def grown(self, key: Key, may: Legs) -> None:
        """Take the next spare id for a class; rows without it are `may`."""
        self.keys = [*self.keys[: self.used], key, *self.keys[self.used + 1 :]]
        self.used += 1
        self.settle(may)
        self._ids = {}

    def settle(self, may: Legs) -> None:
        """Take other rows."""
        if may.selection.addresses is not self.addresses:
            self.addresses = may.selection.addresses
            self.blocks = blocks(self.addresses)
            self.keys_of = self.keys_of.over(self.addresses)
        self.may, self._sure, self._settled = may, None, False


def _sound(port: Port) -> bool:
    return port.protocol in PROTOCOLS and 0 < port.number < SPAN


def _address_sets(said: Iterable[Statement], question: Question) -> list[Ranges]:
    peers = {p for s in said for rule in s.rules for p in rule.peers if p.chosen is None}
    sets = {p.addresses.ranges for p in peers if p.addresses is not None}
    sets.update((span,) for text in question.addresses if (span := cidr(text)) is not None)
    if question.servers and any(p.entity is Entity.SERVER for p in peers):
        sets.add(question.servers)
    if any(p.entity in (Entity.WORLD_IPV4, Entity.WORLD_IPV6) for p in peers):
        sets.add((IPV4,))
    if question.nodes:
        sets.add(machines(question.nodes))
        for p in peers:
            if p.machines is not None:
                wanted = plain(p.machines.labels)
                sets.add(machines(n for n in question.nodes if matches(wanted, n.metadata.labels)))
    return sorted(sets)
