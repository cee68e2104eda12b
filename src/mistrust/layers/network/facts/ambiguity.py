"""Cluster-wide policies of one tier and one priority that contradict each other.

Which of them is asked first is not defined (sigs.k8s.io/network-policy-api apis/v1alpha2, Priority), so every plugin,
and every version of one, may answer otherwise. Both orders are computed, and where they differ it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec
from msgspec import structs

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import V6
from mistrust.layers.network.deciding.party import text
from mistrust.layers.network.engine.cluster import Ties
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.statements.policies import ClusterWide, Policies, policies
from mistrust.layers.network.statements.rules import Statement, Tier, statements

MOST = 50
"""Pairs that are tried; each costs two solutions of the whole cluster."""


class Ambiguity(msgspec.Struct, frozen=True):
    """Two policies whose order decides."""

    first: ClusterWide
    second: ClusterWide
    source: str
    """One connection on which it matters: an object or an address."""
    destination: str
    protocol: str
    port: int
    allowed_by: ClusterWide
    """The policy that lets it pass if it is asked first; the other does not."""

    @property
    def denied_by(self) -> ClusterWide:
        """The other."""
        return self.second if self.allowed_by is self.first else self.first


def ambiguities(snapshot: Snapshot, profile: Profile = UPSTREAM) -> tuple[Ambiguity, ...]:
    """Every pair of policies whose order changes an answer, with a connection that shows it.

    Each pair is looked at without the other policies of its priority. Of many pairs only the first `MOST` are tried.
    """
    given = policies(snapshot)
    found = []
    for first, second in list(tied(given.cluster))[:MOST]:
        shown = _difference(snapshot, _alone(given, first, second), profile)
        if shown is not None:
            found.append(_told(first, second, shown))
    return tuple(found)


def orders(given: Policies) -> tuple[Ties, ...]:
    """The orders to compute where every answer counts: one, unless policies of one priority may contradict each other.

    Of three or more such policies these two orders are not all there are; `decide` thinks of every one.
    """
    return ("forward", "backward") if next(tied(given.cluster), None) is not None else ("forward",)


def tied(given: Sequence[ClusterWide]) -> Iterator[tuple[ClusterWide, ClusterWide]]:
    """Pairs of one tier and priority with rules of different actions in one direction, in the engine's order."""
    said = [(p, [s for s in statements(p) if not s.malformed]) for p in given]
    said.sort(key=lambda each: (each[0].KIND, each[0].name))
    for (first, a), (second, b) in combinations(said, 2):
        if any(_may_differ(x, y) for x in a for y in b):
            yield first, second


def _may_differ(a: Statement, b: Statement) -> bool:
    same = (a.tier, a.order[0], a.egress) == (b.tier, b.order[0], b.egress) and a.tier is not Tier.NETWORK
    return same and any(x.action is not y.action for x in a.rules for y in b.rules)


def _alone(given: Policies, first: ClusterWide, second: ClusterWide) -> Policies:
    """Without the other policies that have the rank of these."""
    ranks = {(s.tier, s.order[0]) for p in (first, second) for s in statements(p)}
    kept = [
        p
        for p in given.cluster
        if p is first or p is second or not any((s.tier, s.order[0]) in ranks for s in statements(p))
    ]
    return structs.replace(given, cluster=tuple(kept))


Shown = tuple[str, str, int, bool]
"""Source, destination, place on the line of ports, and whether the first order allows it."""


def _difference(snapshot: Snapshot, given: Policies, profile: Profile) -> Shown | None:
    ends, spaces, nodes = endpoints(snapshot), namespace_labels(snapshot), snapshot.of(Node)
    forward = reach(ends, spaces, given, profile, nodes=nodes)
    backward = reach(ends, spaces, given, profile, nodes=nodes, ties="backward")
    names = _names(forward)
    found: list[Shown] = []
    for c in range(forward.classes + len(forward.blocks)):
        if forward.row(c) != backward.row(c):
            found += [(s, names[c][0], at, True) for s, at in _more(forward, backward, c, names)]
            found += [(s, names[c][0], at, False) for s, at in _more(backward, forward, c, names)]
    return min(found, key=lambda shown: (shown[1], shown[0], shown[2]), default=None)


def _names(solved: Reach) -> list[list[str]]:
    """Of every class the first two by name."""
    pods = [sorted(str(solved.endpoints[i].source.ref) for i in solved.members(c))[:2] for c in range(solved.classes)]
    return pods + [[text(b.ranges[0][0] + V6 * b.v6)] for b in solved.blocks]


def _more(a: Reach, b: Reach, destination: int, names: Sequence[list[str]]) -> Iterator[tuple[str, int]]:
    """Who may open a port in the first and not in the second."""
    for part in a.row(destination):
        rest = part.ports
        lost = [(part.sources - o.sources, both) for o in b.row(destination) if (both := part.ports & o.ports)]
        for other in b.row(destination):
            rest = rest - other.ports
        for sources, ports in (*lost, (part.sources, rest)):
            for c in sources if ports else ():
                others = names[c][1:] if c == destination else names[c]
                yield from ((name, ports.ranges[0][0]) for name in others[:1])


def _told(first: ClusterWide, second: ClusterWide, shown: Shown) -> Ambiguity:
    source, destination, at, forward = shown
    allowing = first if forward else second
    return Ambiguity(first, second, source, destination, PROTOCOLS[at // SPAN], at % SPAN, allowing)
