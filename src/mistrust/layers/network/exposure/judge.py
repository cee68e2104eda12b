"""Whether the policies let somebody from outside, or a controller, open a port of a pod."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import NetworkPolicy, PolicyPort
from mistrust.kube.pods import Pod
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.network.addresses import IPV4, IPV6, place
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.reach import Part, Reach
from mistrust.layers.network.exposure.behind import port_named
from mistrust.layers.network.exposure.door import together
from mistrust.layers.network.exposure.outside import (
    INTERNET,
    common,
    joined,
    spans_in,
    spans_of,
    strangers,
    told,
    without,
)
from mistrust.layers.network.statements.policies import policies

Assumed = str | None
"""The clause that has to be taken for granted, empty for what is sure; None for "no"."""


EVERYWHERE = joined((IPV4, IPV6))
USUAL = spans_of(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""Where nodes have their addresses, if they are not public (RFC 1918)."""
UNSURE = "what the policies say of it hangs on something that is not known"


class Judge:
    """Answers what the policies of one snapshot let in, each once. Without rows there are none, and all is let in."""

    def __init__(self, snapshot: Snapshot, ends: Sequence[Endpoint], rows: Reach | None) -> None:
        self._snapshot, self._ends, self._rows = snapshot, ends, rows
        self._sources: dict[tuple[int, int, bool], Classes] = {}
        self._spans: dict[tuple[int, int, bool], tuple[Span, ...]] = {}
        self._nodes = [a.address for n in snapshot.of(Node) for a in n.status.addresses if place(a.address) is not None]
        self._internet = without(INTERNET, spans_of(f"{a}/{128 if ':' in a else 32}" for a in self._nodes))
        given = policies(snapshot)
        self._wide = bool(given.cluster or given.cilium)
        self._policies: dict[str, list[NetworkPolicy]] = {}
        for policy in snapshot.of(NetworkPolicy):
            self._policies.setdefault(policy.namespace, []).append(policy)

    def open(self, pod: int, at: int) -> bool:
        """May every address outside open a port of a pod?"""
        return self._rows is None or self._addresses(pod, at, sure=True) == EVERYWHERE

    def strangers(self, pod: int, at: int) -> Assumed:
        """May the Internet open a port of a pod with its own address?"""
        if self.open(pod, at):
            return ""
        for clause, sure in (("", True), (UNSURE, False)):
            who = strangers(common(self._addresses(pod, at, sure=sure), self._internet))
            if who is not None:
                return together(f"the attacker comes from {who}" if who else "", clause)
        return None

    def some(self, pod: int, at: int, among: Sequence[Span]) -> Assumed:
        """May any of these addresses open it?"""
        if self.open(pod, at):
            return ""
        meets = [common(self._addresses(pod, at, sure=sure), among) for sure in (True, False)]
        return "" if meets[0] else UNSURE if meets[1] else None

    def nodes(self, pod: int, at: int) -> Assumed:
        """May a node open it? That each may reach its own pods, to probe them, lets in nobody whom it passes on."""
        if self.open(pod, at):
            return ""
        sources = self._at(pod, at, sure=True)
        if self._nodes and self._rows is not None:
            found = [a for a in self._nodes if self._rows.block_of(a) in sources]
            some = f"the connection arrives at the node {found[0]}" if found else None
            return "" if len(found) == len(self._nodes) else some
        allowed = self._addresses(pod, at, sure=True)
        private = without(allowed, INTERNET)
        if not private:
            return None
        return f"the nodes' addresses are in {told(private)}" if without(USUAL, allowed) else ""

    def pods(self, sources: Iterable[int], pod: int, at: int) -> Assumed:
        """May one of these endpoints open it?"""
        if self._rows is None:
            return ""
        rows, ends = self._rows, self._ends
        alike = {(rows.class_of[s], ends[s].node): s for s in sources}
        surely = self._at(pod, at, sure=True)
        if any(c in surely for c, _ in alike):
            return ""
        maybe = self._at(pod, at, sure=False)
        return UNSURE if any(c in maybe and at in rows.between(s, pod) for (c, _), s in alike.items()) else None

    def unseen(self, pod: int, at: int) -> Assumed:
        """May a controller open it that the snapshot does not show?"""
        if self.open(pod, at):
            return ""
        if self._at(pod, at, sure=True) or self._may_allow(pod, at):
            return "its controller, which is not shown, is one of those that the policies let in"
        return None

    def _may_allow(self, pod: int, at: int) -> bool:
        """Has some policy a rule for this port that chooses nobody who is shown, but may choose somebody else?"""
        if self._snapshot.scope is Scope.CLUSTER and not self._snapshot.blind(Pod):
            return False
        own = self._ends[pod]
        rules = (
            rule
            for policy in self._policies.get(own.namespace, ())
            if "Ingress" in policy.spec.directions and matches(policy.spec.pod_selector, own.labels)
            for rule in policy.spec.ingress
        )
        spoken = any(not rule.ports or any(_is(port, own, at) for port in rule.ports) for rule in rules)
        return spoken or self._wide

    def _at(self, pod: int, at: int, *, sure: bool) -> Classes:
        """The classes that may open a port; surely, or unless something unknown is against it."""
        assert self._rows is not None
        cls = self._rows.class_of[pod]
        key = cls, at, sure
        if key not in self._sources:
            found = _of(self._rows.row(cls), at)
            self._sources[key] = found - _of(self._rows.unsure(cls), at) if sure and found else found
        return self._sources[key]

    def _addresses(self, pod: int, at: int, *, sure: bool) -> tuple[Span, ...]:
        """The external addresses among them."""
        assert self._rows is not None
        key = self._rows.class_of[pod], at, sure
        if key not in self._spans:
            self._spans[key] = joined(self._blocks(self._at(pod, at, sure=sure)))
        return self._spans[key]

    def _blocks(self, allowed: Classes) -> Iterator[Span]:
        assert self._rows is not None
        for b, block in enumerate(self._rows.blocks, self._rows.classes):
            if b in allowed:
                yield from spans_in(block)


def _of(row: Iterable[Part], at: int) -> Classes:
    return next((part.sources for part in row if at in part.ports), Classes.of(()))


def judged(pods: Iterable[int], ask: Callable[[int], Assumed]) -> dict[str, list[int]]:
    """The pods that are let in, by what has to be taken for granted."""
    found: dict[str, list[int]] = {}
    for pod in pods:
        answer = ask(pod)
        if answer is not None:
            found.setdefault(answer, []).append(pod)
    return found


def _is(port: PolicyPort, pod: Endpoint, at: int) -> bool:
    """Does an element of `ports` mean this port of the pod?"""
    protocol, number = PROTOCOLS[at // SPAN], at % SPAN
    if port.protocol != protocol:
        return False
    if isinstance(port.port, str):
        return port_named(pod, port.port, protocol) == number
    return port.port is None or port.port <= number <= (port.end_port or port.port)
