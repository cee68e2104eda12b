"""The scene as Cilium sees it: pods by their identity, nodes and the API server by name, addresses for the rest."""

from __future__ import annotations

import re
from typing import Final

from msgspec import structs

from mistrust.kube.separate import Unit
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import place
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.exposure.outside import INTERNET, common
from mistrust.layers.network.least.drafting import Draft, Party, Scene
from mistrust.layers.network.least.permitted import Extent
from mistrust.layers.network.least.wanted import Wanted
from mistrust.layers.network.least.writing import Named, Peer
from mistrust.layers.network.statements.cilium import identifies
from mistrust.layers.network.statements.statement import Entity
from mistrust.layers.network.usage import Usage

DNS_NAME: Final = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
NODES: Final = "Cilium tells no node from another: a rule for one of them is for all, and for what is on their network"
UNSHOWN: Final = "no node is shown: an address of one matches no CIDR of these policies, it needs `remote-node` instead"
NAMES: Final = (
    "toFQDNs is written where policies let every address be asked: what a name stands for is for its owner to say"
)


class Identities(Scene):
    """One snapshot, for policies of Cilium's own kind."""

    def __init__(self, snapshot: Snapshot, usage: Usage) -> None:
        super().__init__(snapshot, usage, entities=True)
        self._servers = {place(a) for a in self.permitted.servers}
        self._resolved = bool(self.regulars.resolvers or self.regulars.node_local)

    def unknown(self, unit: Unit) -> bool:
        """Does its selector rest on a label that is no part of an identity?"""
        given = unit.selector
        return given is not None and not all(
            identifies(key) for key in (*given.match_labels, *(r.key for r in given.match_expressions))
        )

    def _parties(self, one: Wanted) -> tuple[Party | None, Party | None]:
        source, destination = super()._parties(one)
        if isinstance(source, tuple):
            source = self._named(source)
        if isinstance(destination, tuple):
            asked = destination
            destination = self._named(asked)
            if isinstance(source, Unit) and destination == asked and self._may_be_named(source, one):
                destination = Named(_name(one.name))
        return source, destination

    def _named(self, span: Span) -> Span | Entity:
        """Who has the address."""
        at = span[0]
        if at in self._servers:
            return Entity.SERVER
        return Entity.NODES if at in self.permitted.nodes else span

    def _may_be_named(self, source: Unit, one: Wanted) -> bool:
        """Is there a name that Cilium can learn, and may the pods ask every address already?"""
        if not self._resolved or DNS_NAME.fullmatch(_name(one.name)) is None:
            return False
        return self.permitted.extent(source, Entity.WORLD, one.at) is Extent.ALL

    def _let_in(self, among: Span, destination: Unit, at: int) -> tuple[Peer, ...]:
        if self.permitted.extent(Entity.WORLD, destination, at) is Extent.ALL:
            return (Entity.WORLD,)
        return super()._let_in(among, destination, at)

    def _add(self, draft: Draft, source: Party, destination: Party, one: Wanted) -> None:
        ends = (source, destination)
        if Entity.NODES in ends:
            draft.remarks.append(NODES)
        if not self.permitted.nodes and any(isinstance(e, tuple) and not common([e], INTERNET) for e in ends):
            draft.remarks.append(UNSHOWN)
        if isinstance(destination, Named):
            draft.remarks.append(NAMES)
            one = structs.replace(one, because=f"used as {one.name}")
        super()._add(draft, source, destination, one)


def _name(text: str) -> str:
    return text.lower().rstrip(".")
