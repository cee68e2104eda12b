"""Whether the policies let somebody from outside, or a controller, open a port of a pod."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Protocol

from mistrust.access.ports import PROTOCOLS, SPAN, Ports
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.network import NetworkPolicy, PolicyPort
from mistrust.kube.pods import Pod
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.network.addresses import Block, Span, place
from mistrust.layers.network.exposure.behind import port_named
from mistrust.layers.network.exposure.outside import INTERNET, common, joined, spans_in, strangers, told, without
from mistrust.layers.network.policies import policies

Assumed = str | None
"""The clause that has to be taken for granted, empty for what is sure; None for "no"."""


class Allowed(Protocol):
    """Ports, and the classes that may open them."""

    @property
    def ports(self) -> Ports:
        """Disjoint from those of the other parts of its row."""

    @property
    def sources(self) -> Container[int]:
        """Classes of pods and of blocks of addresses."""


class Rows(Protocol):
    """What is asked of the engine; `layers.network.reach.Reach` answers it."""

    @property
    def class_of(self) -> Sequence[int]:
        """The class of each endpoint."""

    @property
    def classes(self) -> int:
        """How many classes of pods there are; those of the blocks follow."""

    @property
    def blocks(self) -> Sequence[Block]:
        """External addresses, apart where some policy tells them apart."""

    def row(self, destination: int, /) -> Sequence[Allowed]:
        """Who may open which ports of a class."""

    def isolated(self, cls: int, /) -> tuple[bool, bool]:
        """Does any policy limit what comes in, and what goes out?"""

    def block_of(self, address: str, /) -> int:
        """The class of an external address."""


class Judge:
    """Answers what the policies of one snapshot let in, each once. Without rows there are none, and all is let in."""

    def __init__(self, snapshot: Snapshot, ends: Sequence[Endpoint], rows: Rows | None) -> None:
        self._snapshot, self._ends, self._rows = snapshot, ends, rows
        self._sources: dict[tuple[int, int], Container[int]] = {}
        self._spans: dict[tuple[int, int], tuple[Span, ...]] = {}
        self._nodes = [a.address for n in snapshot.of(Node) for a in n.status.addresses if place(a.address) is not None]
        self._policies: dict[str, list[NetworkPolicy]] = {}
        for policy in snapshot.of(NetworkPolicy):
            self._policies.setdefault(policy.namespace, []).append(policy)

    def isolated(self, pod: int) -> bool:
        """Does any policy limit what comes in?"""
        return self._rows is not None and self._rows.isolated(self._rows.class_of[pod])[0]

    def strangers(self, pod: int, at: int, among: Sequence[Span] = INTERNET) -> Assumed:
        """May the Internet, as far as it is among these addresses, open a port of a pod with its own address?"""
        who = strangers(common(self._addresses(pod, at), among) if self.isolated(pod) else among)
        return f"the attacker comes from {who}" if who else who

    def some(self, pod: int, at: int, among: Sequence[Span]) -> Assumed:
        """May any of these addresses open it?"""
        return "" if not self.isolated(pod) or common(self._addresses(pod, at), among) else None

    def nodes(self, pod: int, at: int) -> Assumed:
        """May a node open it?"""
        if not self.isolated(pod):
            return ""
        if self._nodes and self._rows is not None:
            sources = self._at(pod, at)
            found = [a for a in self._nodes if self._rows.block_of(a) in sources]
            some = f"the connection arrives at the node {found[0]}" if found else None
            return "" if len(found) == len(self._nodes) else some
        private = without(self._addresses(pod, at), INTERNET)
        return f"the nodes' addresses are in {told(private)}" if private else None

    def pods(self, sources: Iterable[int], pod: int, at: int) -> bool:
        """May one of these endpoints open it?"""
        if self._rows is None:
            return True
        allowed = self._at(pod, at)
        return any(c in allowed for c in {self._rows.class_of[s] for s in sources})

    def unseen(self, pod: int, at: int) -> Assumed:
        """May a controller open it that the snapshot does not show?"""
        if not self.isolated(pod) or self._rows is None:
            return ""
        allowed = self._at(pod, at)
        if any(c in allowed for c in range(self._rows.classes + len(self._rows.blocks))) or self._may_allow(pod, at):
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
        return spoken or bool(policies(self._snapshot).cluster)

    def _at(self, pod: int, at: int) -> Container[int]:
        """The classes that may open a port."""
        assert self._rows is not None
        key = self._rows.class_of[pod], at
        if key not in self._sources:
            found = (part.sources for part in self._rows.row(key[0]) if at in part.ports)
            self._sources[key] = next(found, ())
        return self._sources[key]

    def _addresses(self, pod: int, at: int) -> tuple[Span, ...]:
        """The external addresses that may open it."""
        assert self._rows is not None
        key = self._rows.class_of[pod], at
        if key not in self._spans:
            self._spans[key] = joined(self._blocks(self._at(pod, at)))
        return self._spans[key]

    def _blocks(self, allowed: Container[int]) -> Iterator[Span]:
        assert self._rows is not None
        for b, block in enumerate(self._rows.blocks, self._rows.classes):
            if b in allowed:
                yield from spans_in(block)


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
