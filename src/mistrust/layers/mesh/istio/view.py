"""Everything known of Istio in one snapshot, asked by endpoint: what it accepts, what it sends, what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import DestinationRule, PeerAuthentication, Sidecar
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Channel
from mistrust.layers.mesh.istio import capture, client, server
from mistrust.layers.mesh.istio.accept import Accepts, Takes, accepted
from mistrust.layers.mesh.istio.authorization.authorize import Authorization, Decision
from mistrust.layers.mesh.istio.client import Client, Dialled, Server, Way
from mistrust.layers.mesh.istio.config import Config, config
from mistrust.layers.mesh.istio.gateways import HBONE_PORT, Gateways
from mistrust.layers.mesh.istio.hosts import Hosts, Via
from mistrust.layers.mesh.istio.meet import agreed, meet, raw
from mistrust.layers.mesh.istio.membership import members
from mistrust.layers.mesh.istio.rules import Merged, Rules
from mistrust.layers.mesh.istio.scopes import Known, Scopes
from mistrust.layers.mesh.istio.server import Policies
from mistrust.layers.mesh.member import ISTIO, Kind, Member

OUTSIDE: Final = -1
"""In place of an endpoint: whoever is none."""
PAST_ZTUNNEL: Final = "what is on the node's own network reaches the pods of its node past ztunnel, as probes do"
"""cni/pkg/iptables/iptables.go: what a socket of the node sends is taken for a health probe, whoever sends it."""
RELAYED: Final = "whether a waypoint opens the connection to the server: the network then sees its pod, not the client"
TLS_MODE = "security.istio.io/tlsMode"
TUNNEL = "networking.istio.io/tunnel"


class View:
    """The mesh over some endpoints, which are named by their index."""

    def __init__(self, snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.ordered = sorted(range(len(endpoints)), key=lambda i: (endpoints[i].namespace, endpoints[i].name))
        """Endpoints by name: what is told does not hang on the order of the input."""
        self.config: Config = config(snapshot)
        self.members: Sequence[Member] = members(snapshot, self.endpoints)
        self.policies = Policies(snapshot.of(PeerAuthentication), self.config.root)
        self.rules = Rules(snapshot.of(DestinationRule), self.config.root)
        self.scopes = Scopes(snapshot.of(Sidecar), self.config)
        self.hosts = Hosts(snapshot, self.endpoints)
        self.gateways = Gateways(snapshot)
        self.authorization = Authorization(
            snapshot, self.endpoints, self.members, self.config, self.hosts, self.scopes, self.gateways
        )
        self.namespaces = {n.name: n for n in snapshot.of(Namespace)}
        self._accepts: dict[tuple[int, Kind, int], Accepts] = {}
        self._clients: dict[tuple[int, Kind], Client] = {}
        self._whole = self._sidecars()
        self.refused: frozenset[int] = frozenset().union(*map(self._outgoing, self.endpoints))

    def pair(self, source: int, target: int, at: int) -> Channel:
        """The channel of two endpoints (the source may be `OUTSIDE`).

        Where membership is not known, every possibility is weighed, and only what all agree on is said.
        """
        if at >= SPAN:
            return raw(f"Istio carries TCP alone, not {PROTOCOLS[at // SPAN]}")
        found = [
            self._as(source, sending, target, serving, at % SPAN)
            for sending in kinds(self.members[source] if source >= 0 else None)
            for serving in kinds(self.members[target])
        ]
        unknown = [m.because for m in ((self.members[source],) if source >= 0 else ()) if m.kind is Kind.UNKNOWN]
        unknown += [m.because for m in (self.members[target],) if m.kind is Kind.UNKNOWN]
        return agreed(found, unknown)

    def _as(self, source: int, sending: Kind, target: int, serving: Kind, port: int) -> Channel:
        accepts = self.served(source, target, serving, port)
        ways = [*self.sends(source, sending, target, serving, port)]
        waypoint = accepts.captured and self.waypointed(target) and sending in ISTIO

        def authorize(known: bool) -> Decision:
            return self.authorization.authorize(source, target, port, authenticated=known, waypoint=waypoint and known)

        found = meet(ways, accepts, authorize)
        if waypoint and found.carried:
            return structs.replace(found, relayed=True, unknown=(*found.unknown, RELAYED))
        return found

    def served(self, source: int, target: int, serving: Kind, port: int) -> Accepts:
        """What an endpoint accepts of a client."""
        accepts = self.accepts(target, serving, port)
        if serving is Kind.AMBIENT and source != OUTSIDE and self.endpoints[source].host_network:
            return Accepts(Takes.ANYTHING, serving, PAST_ZTUNNEL, accepts.mode, captured=False)
        return accepts

    def sends(self, source: int, sending: Kind, target: int, serving: Kind, port: int) -> Iterator[Way]:
        """What a client may send to a port of an endpoint, if this is how the two take part."""
        who, what = self.client(source, sending), self.server(target, serving)
        mode = self.accepts(target, serving, port).mode
        return client.sends(who, what, port, mode, self.dialled(who, target, port), auto=self.config.auto)

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
        if key not in self._clients:
            self._clients[key] = self._client(self.endpoints[source], kind)
        return self._clients[key]

    def _client(self, e: Endpoint, kind: Kind) -> Client:
        ranges = (
            e.annotations.get(f"{capture.PREFIX}includeOutboundIPRanges", "*"),
            e.annotations.get(f"{capture.PREFIX}excludeOutboundIPRanges", ""),
        )
        return Client(
            kind,
            e.namespace,
            e.labels,
            capture.outbound(e, kind),
            ranges,
            self.config.hbone if kind is Kind.GATEWAY else self._hbone(e),
            self.scopes.known(e.namespace, e.labels) if kind is Kind.SIDECAR else Known(),
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
                merged,
                self.policies.hint(via.namespace),
                self.whole(via),
            )
            for via in self.hosts.vias[target]
            if via.target == port
            for merged in self.rules.followed(via.host, via.namespace, who.namespace, who.labels)
        )

    def _hbone(self, e: Endpoint) -> bool | None:
        """Does a sidecar speak HBONE? The injector labels the pod if so."""
        if e.source.live or TUNNEL in e.labels:
            return e.labels.get(TUNNEL) == "http"
        return self.config.hbone

    def _runs(self, i: int) -> bool:
        return not self.members[i].predicted

    def _sidecars(self) -> dict[int, bool]:
        """Service -> have all of its endpoints a sidecar that clients speak mutual TLS to?"""
        out: dict[int, bool] = {}
        for i, vias in enumerate(self.hosts.vias):
            member = self.members[i]
            sidecar = member.kind is Kind.SIDECAR and self.server(i, Kind.SIDECAR).tls_mode == "istio"
            for via in vias:
                out[id(via.source)] = out.get(id(via.source), True) and sidecar
        return out

    def _outgoing(self, e: Endpoint) -> frozenset[int]:
        """The ports that a client treats by themselves where its proxy refuses what the mesh does not know."""
        side = capture.outbound(e, Kind.SIDECAR)
        return (
            side.points() if side.points() and self.scopes.known(e.namespace, e.labels).registry_only else frozenset()
        )

    def whole(self, via: Via) -> bool:
        """Have all endpoints of its Service a sidecar?"""
        return self._whole.get(id(via.source), True)

    def waypointed(self, target: int) -> bool:
        """Does a waypoint stand before some way to it?"""
        return any(True for _ in self.authorization.waypoints.every(target))

    def followed(self, host: str, namespace: str, source: int) -> tuple[Merged | None, ...]:
        """The rule that a client follows for a host, or may; one without a proxy follows none."""
        if source == OUTSIDE or self.members[source].kind is Kind.NONE:
            return ()
        e = self.endpoints[source]
        return self.rules.followed(host, namespace, e.namespace, e.labels)

    def ports(self, target: int) -> Iterator[int]:
        """The TCP ports of an endpoint that may differ from the rest."""
        e, member = self.endpoints[target], self.members[target]
        for kind in kinds(member):
            yield from capture.inbound(e, kind).points()
        if member.kind is not Kind.NONE:
            yield from server.ports(self.policies.scope(e.namespace, e.labels))
            yield from self.authorization.cuts(target)
            yield from self.gateways.ports(e) if member.kind is Kind.GATEWAY else (HBONE_PORT,)
            held = self.scopes.of(e.namespace, e.labels)
            yield from (listener.port.number for listener in held.spec.ingress) if held is not None else ()
        yield from (via.target for via in self.hosts.vias[target])
        yield from self.refused


def kinds(member: Member | None) -> tuple[Kind, ...]:
    """What an endpoint may be."""
    if member is None:
        return (Kind.NONE,)
    return (member.maybe, Kind.NONE) if member.kind is Kind.UNKNOWN else (member.kind,)
