"""Istio over all endpoints: few classes of clients and of servers, and the channel of each pair and port."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import DestinationRule, PeerAuthentication, Sidecar
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Channel
from mistrust.layers.mesh.classes import Classes
from mistrust.layers.mesh.fabric import Match
from mistrust.layers.mesh.istio import capture, client, server
from mistrust.layers.mesh.istio.accept import Accepts, accepted
from mistrust.layers.mesh.istio.authorization_classes import Mentions
from mistrust.layers.mesh.istio.authorize import Authorization, Decision
from mistrust.layers.mesh.istio.capture import inbound, outbound
from mistrust.layers.mesh.istio.client import Client, Dialled, Server
from mistrust.layers.mesh.istio.config import Config, config
from mistrust.layers.mesh.istio.gateways import HBONE_PORT, Gateways
from mistrust.layers.mesh.istio.hosts import Hosts
from mistrust.layers.mesh.istio.meet import agreed, meet, raw
from mistrust.layers.mesh.istio.membership import members, present
from mistrust.layers.mesh.istio.rules import Merged, Rules
from mistrust.layers.mesh.istio.scopes import Scopes
from mistrust.layers.mesh.istio.server import Policies
from mistrust.layers.mesh.member import ISTIO, Kind, Member

OUTSIDE: Final = -1
"""In place of an endpoint: whoever is none."""
TLS_MODE = "security.istio.io/tlsMode"
TUNNEL = "networking.istio.io/tunnel"
WAYPOINT = "istio.io/use-waypoint"


def istio(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Istio | None:
    """Istio as the snapshot shows it; None where nothing of it is there."""
    return Istio(snapshot, endpoints) if present(snapshot) else None


class Istio:
    """The mesh, asked by endpoint for its classes, and by classes and port for the channel."""

    def __init__(self, snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.config: Config = config(snapshot)
        self.members: Sequence[Member] = members(snapshot, self.endpoints)
        self.policies = Policies(snapshot.of(PeerAuthentication), self.config.root)
        self.rules = Rules(snapshot.of(DestinationRule), self.config.root)
        self.scopes = Scopes(snapshot.of(Sidecar), self.config)
        self.hosts = Hosts(snapshot, self.endpoints)
        self.gateways = Gateways(snapshot)
        self.authorization = Authorization(snapshot, self.endpoints, self.members, self.config, self.hosts)
        self.namespaces = {n.name: n for n in snapshot.of(Namespace)}
        self.whole = self._whole()
        outward = [outbound(e, Kind.SIDECAR) for e in self.endpoints]
        self._dialled = self.rules.ports.union(*(side.points() for side in outward))
        self._ranged = any(side.ranges for side in outward)
        self._accepts: dict[tuple[int, Kind, int], Accepts] = {}
        self._sending: dict[tuple[int, Kind], Client] = {}
        everybody = range(len(self.endpoints))
        self._clients: Classes[tuple[Hashable, Hashable, Hashable]] = Classes()
        self._servers: Classes[Hashable] = Classes()
        self.source_of: Sequence[int] = tuple(self._clients.of(self._client_key(i)) for i in everybody)
        self.target_of: Sequence[int] = tuple(self._servers.of(self._server_key(i)) for i in everybody)
        self.outside: int = self._clients.of((OUTSIDE, None, None))
        self._a_client = {c: i for i, c in reversed([*enumerate(self.source_of)])}
        self._a_server = {c: i for i, c in reversed([*enumerate(self.target_of)])}
        self._cuts: dict[int, tuple[int, ...]] = {}
        self._alike: dict[Hashable, Sequence[int]] = {}

    @property
    def assumed(self) -> Sequence[str]:
        """What the snapshot does not show."""
        return (self.config.assumed,) if self.config.assumed else ()

    def sends(self, source: int) -> Match:
        """Has this class of clients a proxy?"""
        return False if source == self.outside else _match(self.members[self._a_client[source]])

    def speaks(self, target: int) -> Match:
        """Has this class of servers a proxy?"""
        return _match(self.members[self._a_server[target]])

    def cuts(self, target: int) -> tuple[int, ...]:
        """The points where the answer for this class of servers may change."""
        if target not in self._cuts:
            ports = self._ports(self._a_server[target])
            edges = {point("TCP", p) + step for p in ports if 0 < p < SPAN for step in (0, 1)}
            self._cuts[target] = tuple(sorted(edges | {SPAN}))
        return self._cuts[target]

    def alike(self, target: int) -> Sequence[int]:
        """What this class of servers asks about clients: how they send, and what its own policies mention."""
        at, authorization = self._a_server[target], self.authorization
        asked = (authorization.at(at), *map(authorization.at_waypoint, authorization.waypoints.every(at)))
        hosts = sorted({(v.host, v.namespace) for v in self.hosts.vias[at]})
        key = tuple(id(a) for a in asked), frozenset(self.rules.host_key(h, n) for h, n in hosts)
        if key not in self._alike:
            mentions = Mentions(p for a in asked for p in a.policies)
            followed: dict[Hashable, Hashable] = {}
            numbers: Classes[Hashable] = Classes()
            found: list[int] = []
            for c, (sends, ruled, _) in enumerate(self._clients.keys):
                who = OUTSIDE if c == self.outside else self._a_client[c]
                if ruled not in followed:
                    followed[ruled] = tuple(id(self._followed(h, n, who)) for h, n in hosts)
                found.append(numbers.of((sends, followed[ruled], who == OUTSIDE or self._mentioned(mentions, who))))
            self._alike[key] = tuple(found)
        return self._alike[key]

    def _followed(self, host: str, namespace: str, source: int) -> Merged | None:
        """The rule that a client follows for a host; a client without a proxy follows none."""
        if source == OUTSIDE or self.members[source].kind is Kind.NONE:
            return None
        e = self.endpoints[source]
        return self.rules.followed(host, namespace, e.namespace, e.labels)

    def _mentioned(self, mentions: Mentions, source: int) -> Hashable:
        return mentions.client(self.authorization.principal(source), self.endpoints[source].addresses)

    def channel(self, source: int, target: int, at: int) -> Channel:
        """The channel of a class of clients, a class of servers and a port."""
        who = OUTSIDE if source == self.outside else self._a_client[source]
        return self.pair(who, self._a_server[target], at)

    def pair(self, source: int, target: int, at: int) -> Channel:
        """The channel of two endpoints (the source may be `OUTSIDE`).

        Where membership is not known, every possibility is weighed, and only what all agree on is said.
        """
        if at >= SPAN:
            return raw(f"Istio carries TCP alone, not {PROTOCOLS[at // SPAN]}")
        found = [
            self._as(source, sending, target, serving, at % SPAN)
            for sending in _kinds(self.members[source] if source >= 0 else None)
            for serving in _kinds(self.members[target])
        ]
        unknown = [m.because for m in ((self.members[source],) if source >= 0 else ()) if m.kind is Kind.UNKNOWN]
        unknown += [m.because for m in (self.members[target],) if m.kind is Kind.UNKNOWN]
        return agreed(found, unknown)

    def _as(self, source: int, sending: Kind, target: int, serving: Kind, port: int) -> Channel:
        accepts = self.accepts(target, serving, port)
        who, what = self.client(source, sending), self.server(target, serving)
        ways = [*client.sends(who, what, accepts.mode, self.dialled(who, target, port), auto=self.config.auto)]
        waypoint = accepts.captured and self._waypoint(target) and sending in ISTIO

        def authorize(known: bool) -> Decision:
            return self.authorization.authorize(source, target, port, authenticated=known, waypoint=waypoint and known)

        return meet(ways, accepts, authorize)

    def accepts(self, target: int, kind: Kind, port: int) -> Accepts:
        """What an endpoint accepts at a TCP port, if this is how it takes part."""
        key = (target, kind, port)
        if key not in self._accepts:
            self._accepts[key] = self._accepted(target, kind, port)
        return self._accepts[key]

    def _accepted(self, target: int, kind: Kind, port: int) -> Accepts:
        e = self.endpoints[target]
        scope = self.policies.scope(e.namespace, e.labels)
        held = self.scopes.of(e.namespace, e.labels)
        names = frozenset((port, *(v.port for v in self.hosts.vias[target] if v.target == port)))
        return accepted(e, kind, port, scope, held, self.gateways.at(e, names) if kind is Kind.GATEWAY else None)

    def client(self, source: int, kind: Kind) -> Client:
        """What decides what an endpoint sends, if this is how it takes part."""
        if source == OUTSIDE:
            return Client(Kind.NONE)
        key = (source, kind)
        if key not in self._sending:
            self._sending[key] = self._client(self.endpoints[source], kind)
        return self._sending[key]

    def _client(self, e: Endpoint, kind: Kind) -> Client:
        ranges = (
            e.annotations.get(f"{capture.PREFIX}includeOutboundIPRanges", "*"),
            e.annotations.get(f"{capture.PREFIX}excludeOutboundIPRanges", ""),
        )
        return Client(
            kind,
            e.namespace,
            e.labels,
            outbound(e, kind),
            ranges,
            self.config.hbone if kind is Kind.GATEWAY else self._hbone(e),
            self.scopes.known(e.namespace, e.labels),
            capture.told(e, "Outbound"),
        )

    def server(self, target: int, kind: Kind) -> Server:
        """What clients know of an endpoint, if this is how it takes part."""
        e = self.endpoints[target]
        own = e.labels.get(TLS_MODE, "istio" if kind is Kind.SIDECAR and not self._runs(target) else "disabled")
        return Server(kind, e.labels, own, self._hbone(e) if kind is Kind.SIDECAR else kind is Kind.AMBIENT)

    def dialled(self, who: Client, target: int, port: int) -> tuple[Dialled, ...]:
        """The ways that lead to a port of an endpoint."""
        return tuple(
            Dialled(
                via,
                self.rules.followed(via.host, via.namespace, who.namespace, who.labels),
                client.Namespace(self.policies.hint(via.namespace), self._hinting(via.namespace)),
                self.whole.get(id(via.source), True),
            )
            for via in self.hosts.vias[target]
            if via.target == port
        )

    def _hinting(self, namespace: str) -> PeerAuthentication | None:
        return self.policies.whole(namespace) or self.policies.whole(self.config.root)

    def _hbone(self, e: Endpoint) -> bool | None:
        """Does a sidecar speak HBONE? The injector labels the pod if so."""
        if e.source.live or TUNNEL in e.labels:
            return e.labels.get(TUNNEL) == "http"
        return self.config.hbone

    def _runs(self, i: int) -> bool:
        return not self.members[i].predicted

    def _whole(self) -> dict[int, bool]:
        """Service -> have all of its endpoints a sidecar that clients speak mutual TLS to?"""
        out: dict[int, bool] = {}
        for i, vias in enumerate(self.hosts.vias):
            member = self.members[i]
            sidecar = member.kind is Kind.SIDECAR and self.server(i, Kind.SIDECAR).tls_mode == "istio"
            for via in vias:
                out[id(via.source)] = out.get(id(via.source), True) and sidecar
        return out

    def _waypoint(self, target: int) -> bool:
        """Does a waypoint stand before it: by its own label, its Services', its namespace's?"""
        e = self.endpoints[target]
        namespace = self.namespaces.get(e.namespace)
        chosen = [
            e.labels.get(WAYPOINT, ""),
            *(v.source.metadata.labels.get(WAYPOINT, "") for v in self.hosts.vias[target]),
        ]
        if namespace is not None:
            chosen.append(namespace.metadata.labels.get(WAYPOINT, ""))
        return any(name not in ("", "none") for name in chosen)

    def _ports(self, target: int) -> Iterator[int]:
        """The TCP ports of an endpoint that may differ from the rest."""
        e, member = self.endpoints[target], self.members[target]
        for kind in _kinds(member):
            yield from inbound(e, kind).points()
        if member.kind is not Kind.NONE:
            yield from server.ports(self.policies.scope(e.namespace, e.labels))
            yield from self.authorization.cuts(target)
            yield from self.gateways.ports(e) if member.kind is Kind.GATEWAY else (HBONE_PORT,)
            held = self.scopes.of(e.namespace, e.labels)
            yield from (listener.port.number for listener in held.spec.ingress) if held is not None else ()
        yield from (via.target for via in self.hosts.vias[target])

    def _client_key(self, i: int) -> tuple[Hashable, Hashable, Hashable]:
        """How it sends, which DestinationRules are meant for it, and what policies may ask about it."""
        e, member = self.endpoints[i], self.members[i]
        asked = self.authorization.source_key(i)
        if member.kind is Kind.NONE:
            return Kind.NONE, None, asked
        who = self.client(i, next(iter(_kinds(member))))
        known = (e.namespace, who.known.key()) if who.known.hosts else who.known.registry_only
        annotated = e.workload if who.told else -1
        rules = self.rules.client_key(e.namespace, e.labels)
        exported = e.namespace if e.namespace in self.hosts.shown else ""
        return (_taken(member), client.key(who), known, annotated, exported), rules, asked

    def _server_key(self, i: int) -> Hashable:
        e, member = self.endpoints[i], self.members[i]
        scope = self.policies.scope(e.namespace, e.labels)
        ways = frozenset(
            (
                v.target,
                self.rules.host_key(v.host, v.namespace),
                self.policies.hint(v.namespace),
                v.headless,
                self.whole.get(id(v.source), True),
                v.external,
                v.exported,
                v.port if v.port in self._dialled else 0,
                v.address if self._ranged else "",
                (v.host, v.namespace) if self.scopes.narrow else "",
            )
            for v in self.hosts.vias[i]
        )
        subsets = tuple(sorted((k, e.labels[k]) for k in self.rules.subset_labels & e.labels.keys()))
        if member.kind is Kind.NONE:
            return Kind.NONE, ways, subsets
        told = capture.told(e, "Inbound")
        what = self.server(i, next(iter(_kinds(member))))
        return (
            _taken(member),
            tuple(id(p) for p in (scope.mesh, scope.namespace, scope.workload)),
            scope.doubt,
            e.workload if told else -1,
            what.tls_mode,
            what.tunnel,
            self._waypoint(i),
            id(self.scopes.of(e.namespace, e.labels)),
            self.gateways.key(e) if member.kind is Kind.GATEWAY else (),
            ways,
            subsets,
            self.authorization.target_key(i),
        )


def _match(member: Member) -> Match:
    return member.because if member.kind is Kind.UNKNOWN else member.kind in ISTIO


def _taken(member: Member) -> Hashable:
    """How it takes part, and why that is not known."""
    return member.kind, member.maybe, member.because if member.kind is Kind.UNKNOWN else ""


def _kinds(member: Member | None) -> tuple[Kind, ...]:
    """What an endpoint may be."""
    if member is None:
        return (Kind.NONE,)
    return (member.maybe, Kind.NONE) if member.kind is Kind.UNKNOWN else (member.kind,)
