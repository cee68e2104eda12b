"""The computation behind `Reach`: lines cut, pods grouped, selectors evaluated, and rows on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from mistrust.access.ports import EVERY_PORT, Ports
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.selectors import matches
from mistrust.layers.network.addresses import FAMILIES, cidr
from mistrust.layers.network.bits import Space
from mistrust.layers.network.classes import Keys, group, mentions
from mistrust.layers.network.legs import Legs
from mistrust.layers.network.lines import Line, Ranges
from mistrust.layers.network.policies import Policies
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.rules import Statement
from mistrust.layers.network.selectors import Selection, machines, plain
from mistrust.layers.network.solve import Row

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

    def statements(self) -> list[Statement]:
        """What the policies say, in the order in which they are asked."""
        if not self.profile.enforces:
            return []
        said = list(self.policies.statements(cluster_wide=self.profile.cluster_wide))
        wide = [s for s in said if s.order[1]]
        if not wide:
            return said
        wide.sort(key=lambda s: s.order[1:], reverse=self.ties == "backward")
        wide.sort(key=lambda s: s.order[0])
        return [s for s in said if not s.order[1]] + wide


class Cluster:
    """One question, worked out."""

    def __init__(self, question: Question) -> None:
        self.question = question
        said = question.statements()
        asked = mentions(said)
        self.addresses = Line.of(FAMILIES, _address_sets(said, question))
        keys = Keys(asked, question.namespaces, question.seen, question.profile, self.addresses)
        self.class_of, self.keys = group(question.endpoints, keys, question.apart)
        named = {at for k in self.keys for _, at in k.named}
        services = {rule.service.ports.ranges for s in said for rule in s.rules}
        self.ports = Line.of(EVERY_PORT.ranges, [*services, *(((at, at + 1),) for at in named)])
        self.base = len(self.keys)
        size = self.base + self.addresses.count
        self.selection = Selection(
            Space(size),
            self.keys,
            self.base,
            self.addresses,
            question.nodes,
            blocks_match_nodes=question.profile.blocks_match_nodes,
        )
        self.may = Legs(said, self.selection, self.ports, self.keys, sure=False)
        self._said = said
        self._sure: Legs | None = None

    @property
    def sure(self) -> Legs:
        """What is surely allowed, worked out when it is first asked for."""
        if self._sure is None:
            self._sure = Legs(self._said, self.selection, self.ports, self.keys, sure=True)
        return self._sure

    def row(self, destination: int, *, sure: bool = False) -> Row:
        """Who may come in to a class, or surely may; a node and its own pods may always, if they are such."""
        return self.sure.row(destination) if sure else self.may.row(destination, near=bool(self._said))

    def told(self, mask: int) -> Ports:
        """A set of parts of the line of ports, as ports."""
        return Ports.of(self.ports.ranges(mask))


def _address_sets(said: Iterable[Statement], question: Question) -> list[Ranges]:
    peers = {p for s in said for rule in s.rules for p in rule.peers if p.chosen is None}
    sets = {p.addresses.ranges for p in peers if p.addresses is not None}
    sets.update((span,) for text in question.addresses if (span := cidr(text)) is not None)
    if question.nodes:
        sets.add(machines(question.nodes))
        for p in peers:
            if p.machines is not None:
                wanted = plain(p.machines.labels)
                sets.add(machines(n for n in question.nodes if matches(wanted, n.metadata.labels)))
    return sorted(sets)
