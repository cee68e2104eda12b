"""Istio over all endpoints: few classes of clients and of servers, and the channel of each pair and port."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from mistrust.access.match import Match
from mistrust.access.ports import SPAN, point
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Channel
from mistrust.layers.mesh.classes import Classes
from mistrust.layers.mesh.istio.authorization.classes import Mentions
from mistrust.layers.mesh.istio.keys import ClientKey, Keys
from mistrust.layers.mesh.istio.membership import present
from mistrust.layers.mesh.istio.view import OUTSIDE, View, kinds
from mistrust.layers.mesh.member import ISTIO, Kind, Member


def istio(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Istio | None:
    """Istio as the snapshot shows it; None where nothing of it is there."""
    return Istio(View(snapshot, endpoints)) if present(snapshot) else None


class Istio:
    """The mesh, asked by classes and port for the channel."""

    def __init__(self, view: View) -> None:
        self.view = view
        keys = Keys(view)
        everybody = range(len(view.endpoints))
        self._clients: Classes[ClientKey] = Classes()
        servers: Classes[Hashable] = Classes()
        self.source_of: Sequence[int] = tuple(self._clients.of(keys.client(i)) for i in everybody)
        self.target_of: Sequence[int] = tuple(servers.of(keys.server(i)) for i in everybody)
        self.outside: int = self._clients.of((OUTSIDE, None, None))
        self._a_client = {self.outside: OUTSIDE, **{c: i for i, c in reversed([*enumerate(self.source_of)])}}
        self._a_server = {c: i for i, c in reversed([*enumerate(self.target_of)])}
        self._cuts: dict[int, tuple[int, ...]] = {}
        self._alike: dict[Hashable, Sequence[int]] = {}

    @property
    def assumed(self) -> Sequence[str]:
        """What the snapshot does not show."""
        return (self.view.config.assumed,) if self.view.config.assumed else ()

    def sends(self, source: int) -> Match:
        """Has this class of clients a proxy?"""
        return False if source == self.outside else _match(self.view.members[self._a_client[source]])

    def speaks(self, target: int) -> Match:
        """Has this class of servers a proxy?"""
        return _match(self.view.members[self._a_server[target]])

    def tunnels(self, target: int) -> bool:
        """Does this class of servers take HBONE, or may it?"""
        at = self._a_server[target]
        return any(self.view.server(at, kind).tunnel is not False for kind in kinds(self.view.members[at]))

    def cuts(self, target: int) -> tuple[int, ...]:
        """The points where the answer for this class of servers may change."""
        if target not in self._cuts:
            ports = self.view.ports(self._a_server[target])
            edges = {point("TCP", p) + step for p in ports if 0 < p < SPAN for step in (0, 1)}
            self._cuts[target] = tuple(sorted(edges | {SPAN}))
        return self._cuts[target]

    def alike(self, target: int) -> Sequence[int]:
        """What this class of servers asks about clients: how they send, and what its own policies mention."""
        view, at = self.view, self._a_server[target]
        authorization = view.authorization
        asked = (authorization.at(at), *map(authorization.at_waypoint, authorization.waypoints.every(at)))
        hosts = sorted({(v.host, v.namespace) for v in view.hosts.vias[at]})
        key = tuple(id(a) for a in asked), frozenset(view.rules.host_key(h, n) for h, n in hosts)
        if key not in self._alike:
            mentions = Mentions(p for a in asked for p in a.policies)
            followed: dict[Hashable, Hashable] = {}
            numbers: Classes[Hashable] = Classes()
            found: list[int] = []
            for c, (sends, ruled, _) in enumerate(self._clients.keys):
                who = self._a_client[c]
                if ruled not in followed:
                    followed[ruled] = tuple(tuple(map(id, view.followed(h, n, who))) for h, n in hosts)
                found.append(numbers.of((sends, followed[ruled], who == OUTSIDE or self._mentioned(mentions, who))))
            self._alike[key] = tuple(found)
        return self._alike[key]

    def senders(self) -> Sequence[int]:
        """One endpoint of each kind that sends alike, whatever policies say of it."""
        first: dict[Hashable, int] = {}
        for c, (sends, ruled, _) in enumerate(self._clients.keys):
            if c != self.outside:
                first.setdefault((sends, ruled), self._a_client[c])
        return [*first.values()]

    def _mentioned(self, mentions: Mentions, source: int) -> Hashable:
        return mentions.client(self.view.authorization.principal(source), self.view.endpoints[source].addresses)

    def channel(self, source: int, target: int, at: int) -> Channel:
        """The channel of a class of clients, a class of servers and a port."""
        return self.view.pair(self._a_client[source], self._a_server[target], at)


def _match(member: Member) -> Match:
    return member.because if member.kind is Kind.UNKNOWN else member.kind in ISTIO
