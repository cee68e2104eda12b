"""What limited workloads need of what is allowed: the content of their policies, before it is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from mistrust.kube.endpoints import Endpoint, endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.kube.separate import Unit, units
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.selectors import plain
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.facts.segments import everybody
from mistrust.layers.network.facts.telling import listed
from mistrust.layers.network.grants import granted
from mistrust.layers.network.least.enough import rare
from mistrust.layers.network.least.permitted import Extent, Permitted
from mistrust.layers.network.least.regulars import promised, regulars
from mistrust.layers.network.least.wanted import DOOR, RARE, End, Missing, Wanted, Wants
from mistrust.layers.network.least.writing import Named, Peer
from mistrust.layers.network.statements.policies import ClusterWide, policies, servers
from mistrust.layers.network.statements.rules import ACCOUNT, Chosen, Entity, Policy, Tier, statements
from mistrust.layers.network.usage import Usage

OWN_KIND: Final = "its own kind of policy (--network-policy cilium)"
Party = Unit | Span | Entity | Named
"""An end of a connection, as a policy may name it."""


class Draft(msgspec.Struct):
    """What is needed by the units that are covered."""

    covered: set[Unit]
    ingress: dict[Unit, dict[Peer, dict[int, list[Wanted]]]]
    egress: dict[Unit, dict[Peer, dict[int, list[Wanted]]]]
    missing: list[Missing]
    remarks: list[str]


class Scene:
    """One snapshot, with everything that is asked of it."""

    def __init__(self, snapshot: Snapshot, usage: Usage, *, entities: bool = False) -> None:
        """With `entities` somebody may be what only Cilium's own kinds can name."""
        self.snapshot = whole = promised(snapshot)
        self.ends = endpoints(whole)
        old = usage.granted if whole is snapshot else granted(whole)
        self.permitted = Permitted(old, servers(whole))
        self.units = units(whole, self.ends)
        self.of = {ref: u for u in self.units for ref in u.workloads}
        found = doors(whole, self.ends, old.origins[0].reach)
        self._rare = rare(whole, usage)
        self.regulars = regulars(whole, self.ends)
        self.wants = Wants(whole, self.ends, usage, self.regulars, found, entities=entities)
        self._pods = _pods(whole, self.ends)

    def spread(self, left: dict[Ref, str]) -> None:
        """What no label tells from a workload that is left alone is left alone too."""
        for unit in self.units:
            alone = [ref for ref in unit.workloads if ref in left]
            for ref in unit.workloads if alone else ():
                left.setdefault(ref, f"no label that stays tells it from {alone[0]}: add one")

    def draft(self, covered: set[Unit], callers: Collection[Ref]) -> Draft:
        """What the covered units need, of what is allowed."""
        draft = Draft(covered, {}, {}, [], [])
        refs = {ref for u in covered for ref in u.workloads}
        for one in self.wants.every(refs, callers, self._rare):
            if isinstance(one, Missing):
                draft.missing.append(one)
            else:
                self._place(draft, one)
        return draft

    def _place(self, draft: Draft, one: Wanted) -> None:
        source, destination = self._parties(one)
        mine = [u for u in (source, destination) if isinstance(u, Unit) and u in draft.covered]
        if not mine:
            return
        if one.source is None:
            if isinstance(destination, Unit) and self._open(destination, one.at):
                _note(draft.ingress, destination, None, one)
            return
        if source is None or destination is None:
            return
        if one.because == RARE and not self._writable(source, destination, one.at):
            return
        bare = next((u for u in (source, destination) if isinstance(u, Unit) and u.selector is None), None)
        if bare is not None:
            why = f"{bare.workloads[0]} has no label that stays: add one"
            draft.missing.extend(Missing(ref, why) for u in mine for ref in u.workloads)
            return
        if isinstance(source, tuple) and isinstance(destination, Unit) and one.because == DOOR:
            for peer in self._let_in(source, destination, one.at):
                told = structs.replace(one, source=peer) if isinstance(peer, Entity) else one
                _note(draft.ingress, destination, peer, told)
            return
        extent = self._extent(source, destination, one.at)
        if extent is Extent.SOME:
            why = f"of the pods that its labels choose, policies let only some open {one}: add a label"
            draft.missing.extend(Missing(ref, why) for u in mine for ref in u.workloads)
        if extent is Extent.WORDLESS:
            why = f"{one}: the network plugin matches no node by its address; {OWN_KIND} can"
            draft.missing.extend(Missing(ref, why) for u in mine for ref in u.workloads)
        if extent is not Extent.ALL:
            return
        if any(isinstance(end, tuple) and self.permitted.nodes_differ(end) for end in (source, destination)):
            draft.remarks.append(f"Cilium matches no node by its address: if it runs here, nodes need {OWN_KIND}")
        self._add(draft, source, destination, one)

    def _add(self, draft: Draft, source: Party, destination: Party, one: Wanted) -> None:
        """Note a connection on the sides that are covered."""
        if source in draft.covered and isinstance(source, Unit):
            _note(draft.egress, source, destination, one)
        if destination in draft.covered and isinstance(destination, Unit):
            _note(draft.ingress, destination, source, one)
        for unit in {source, destination}:
            if isinstance(unit, Unit) and len(unit.workloads) > 1:
                names = listed([str(ref) for ref in unit.workloads])
                draft.remarks.append(f"no label that stays tells {names} apart: what one needs, all may")

    def _writable(self, source: Party, destination: Party, at: int) -> bool:
        """Can all pods that would be chosen open it already?"""
        named = all(end.selector is not None for end in (source, destination) if isinstance(end, Unit))
        return named and self._extent(source, destination, at) is Extent.ALL

    def _extent(self, source: Party, destination: Party, at: int) -> Extent:
        near, far = (Entity.WORLD if isinstance(end, Named) else end for end in (source, destination))
        return self.permitted.extent(near, far, at)  # a name may come to stand for any address

    def _parties(self, one: Wanted) -> tuple[Party | None, Party | None]:
        """The ends of a connection as policies name them."""
        return self._party(one.source), self._party(one.destination)

    def _party(self, end: End | None) -> Party | None:
        return self.of.get(end) if isinstance(end, Ref) else end

    def _let_in(self, among: Span, destination: Unit, at: int) -> tuple[Peer, ...]:
        """Who of the Internet may come in as things are."""
        return self.permitted.outside(among, destination, at)

    def _open(self, unit: Unit, at: int) -> bool:
        """May every pod come in, and do the policies say so of pods to come?"""
        if not self.permitted.everybody(unit, at):
            return False
        here = (p for p in policies(self.snapshot).every if not isinstance(p, ClusterWide))
        said = (s for p in here for s in statements(p) if not s.egress and s.tier is Tier.NETWORK)
        limiting = [s for s in said if self._about(s.subject, unit)]
        return not limiting or any(everybody(peer) for s in limiting for rule in s.rules for peer in rule.peers)

    def chooses(self, old: Policy, unit: Unit) -> bool:
        """Does a policy choose any pod of a unit, running or promised?"""
        if isinstance(old, NetworkPolicy):  # one that the API server refuses too
            return old.namespace == unit.namespace and self._any(old.spec.pod_selector, unit)
        return any(self._about(s.subject, unit) for s in statements(old))

    def _about(self, subject: Chosen, unit: Unit) -> bool:
        return subject.namespace in ("", unit.namespace) and self._any(plain(subject.pods), unit)

    def _any(self, selector: LabelSelector, unit: Unit) -> bool:
        return any(matches(selector, labels) for ref in unit.workloads for labels in self._pods[ref])


def _note(needs: dict[Unit, dict[Peer, dict[int, list[Wanted]]]], unit: Unit, peer: Peer, one: Wanted) -> None:
    needs.setdefault(unit, {}).setdefault(peer, {}).setdefault(one.at, []).append(one)


def _pods(snapshot: Snapshot, ends: Sequence[Endpoint]) -> Mapping[Ref, Sequence[Mapping[str, str]]]:
    """The labels of the pods of every workload, those that its template promises included, with the ServiceAccount."""
    found: dict[Ref, list[Mapping[str, str]]] = {
        w.ref: [{**w.labels, ACCOUNT: w.spec.identity}] for w in snapshot.workloads
    }
    for e in ends:
        found[snapshot.workloads[e.workload].ref].append({**e.labels, ACCOUNT: e.account})
    return found
