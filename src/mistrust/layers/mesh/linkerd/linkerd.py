"""Linkerd over all endpoints: few classes of clients and servers, and the channel of each pair and port.

Two endpoints are in one class when nothing that a Server, a default policy or an annotation asks tells them apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from mistrust.access.match import Match
from mistrust.access.ports import SPAN, point
from mistrust.kube.core import ConfigMap, Namespace
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.linkerd import GROUP
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.mesh.channel import Channel
from mistrust.layers.mesh.linkerd.authorization import Client, Networks
from mistrust.layers.mesh.linkerd.channel import ADMIN, CONTROL, DIRECT, Target, channel
from mistrust.layers.mesh.linkerd.clients import Clients
from mistrust.layers.mesh.linkerd.membership import INJECT, Member, has_proxy, member, spec_of
from mistrust.layers.mesh.linkerd.policies import Policies, policies
from mistrust.layers.mesh.linkerd.settings import CONFIG, Settings, settings
from mistrust.layers.mesh.linkerd.targets import Targets, union

T = TypeVar("T")


class Linkerd:
    """The mesh, asked by endpoint for its classes, and by classes and port for the channel."""

    endpoints: Sequence[Endpoint]
    namespaces: Mapping[str, Namespace | str]
    """By name; the words for why where one was not seen."""
    settings: Settings
    policies: Policies
    members: Sequence[Member]
    """What is known of every endpoint."""
    clients: Sequence[Client]
    targets: Sequence[Target]
    source_of: Sequence[int]
    """Endpoint -> index of its client."""
    target_of: Sequence[int]
    """Endpoint -> index of its server."""
    outside: int
    """The index of the client that is no endpoint."""

    def __init__(self, snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = endpoints
        self.namespaces = _namespaces(snapshot, endpoints)
        self.settings = settings(snapshot, endpoints)
        self.policies = policies(snapshot, self.settings)
        self.members = _members(endpoints, self.namespaces, self.settings)
        pairs = list(zip(endpoints, self.members, strict=True))
        clients = Clients(self.settings, self.policies)
        made = [*(clients.of(e, m) for e, m in pairs), clients.outside()]
        of, self.clients = interned(made, _client_key)
        self.source_of, self.outside = of[:-1], of[-1]
        self._skipped = union(c.skips for c in self.clients)
        targets = Targets(snapshot, self.settings, self.policies, self._skipped)
        self.target_of, self.targets = interned([targets.of(e, m) for e, m in pairs], _target_key)
        self._cuts: dict[int, tuple[int, ...]] = {}
        self._alike: dict[tuple[frozenset[str], frozenset[Networks]], Sequence[int]] = {}
        self._found: dict[tuple[int, int, int], Channel] = {}

    @property
    def assumed(self) -> Sequence[str]:
        """Settings that the snapshot does not show, and what was assumed instead."""
        return (self.settings.assumed,) if self.settings.assumed else ()

    def sends(self, source: int) -> Match:
        """Has this client a proxy?"""
        return self.clients[source].meshed

    def speaks(self, target: int) -> Match:
        """Has this server a proxy?"""
        return self.targets[target].meshed

    def tunnels(self, target: int) -> bool:
        """May a connection to this server travel to its proxy's own port (`Channel.carried`)?"""
        t = self.targets[target]
        opaque = bool(t.opaque) or any(i.protocol == "opaque" for i in t.servers.values())
        return t.meshed is not False and (t.tunnels is not False or opaque)

    def alike(self, target: int) -> Sequence[int]:
        """What this server asks about clients: whether they have a proxy, and what its own authorizations name."""
        t = self.targets[target]
        every = [a for i in (t.default, t.authenticated, *t.servers.values()) for a in i.every()]
        identities = frozenset(i for a in every for i in a.identities)
        networks = frozenset(a.networks for a in every if a.networks) | ({t.probe_networks} if t.probes else set())
        key = (identities, networks)
        if key not in self._alike:
            numbers: dict[Hashable, int] = {}
            self._alike[key] = tuple(
                numbers.setdefault(_asked(c, identities, networks), len(numbers)) for c in self.clients
            )
        return self._alike[key]

    def cuts(self, target: int) -> tuple[int, ...]:
        """The points where the answer for this server may change, in order."""
        if target not in self._cuts:
            t = self.targets[target]
            edges = {point("TCP", 0) + SPAN}
            for port in (DIRECT, CONTROL, ADMIN, *t.servers, *t.dialed):
                edges |= {point("TCP", port), point("TCP", port) + 1}
            for ports in (t.skip_inbound, t.skip_told, t.require_identity, t.opaque, t.probes, self._skipped):
                edges.update(edge for span in ports.ranges for edge in span)
            self._cuts[target] = tuple(sorted(edges))
        return self._cuts[target]

    def channel(self, source: int, target: int, at: int) -> Channel:
        """The channel of a client and a server on a port (`access.ports.point`)."""
        key = (source, target, bisect_right(self.cuts(target), at))
        if key not in self._found:
            self._found[key] = channel(self.clients[source], self.targets[target], at)
        return self._found[key]


def linkerd(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Linkerd | None:
    """Linkerd as the snapshot shows it; None where nothing of it is there."""
    there = (
        any(kind.GROUP == GROUP for kind in snapshot.kinds)
        or any(c.name == CONFIG for c in snapshot.of(ConfigMap))
        or any(INJECT in n.metadata.annotations for n in snapshot.of(Namespace))
        or any(INJECT in e.annotations or has_proxy(spec_of(e)) for e in endpoints)
    )
    return Linkerd(snapshot, endpoints) if there else None


def _namespaces(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Mapping[str, Namespace | str]:
    seen: dict[str, Namespace | str] = {n.name: n for n in snapshot.of(Namespace)}
    missing = snapshot.scope is Scope.MANIFESTS or bool(snapshot.blind(Namespace))
    for e in endpoints:
        if e.namespace not in seen:
            why = f"the annotations of Namespace {e.namespace} were not seen"
            seen[e.namespace] = why if missing else Namespace()
    return seen


def _members(
    endpoints: Sequence[Endpoint], namespaces: Mapping[str, Namespace | str], settings: Settings
) -> Sequence[Member]:
    return [member(e, spec_of(e), namespaces[e.namespace], settings) for e in endpoints]


def _asked(client: Client, identities: frozenset[str], networks: frozenset[Networks]) -> Hashable:
    """What is known of a client in these matters."""
    known = [(i, m) for i, m in client.identities.items() if i in identities]
    inside = [(n, m) for n, m in client.networks.items() if n in networks]
    return client.meshed, client.skips, tuple(known), tuple(inside)


def _client_key(c: Client) -> Hashable:
    """Equal mappings of clients are the same object, so they are compared by being it."""
    return (c.meshed, id(c.identities), id(c.networks), c.skips)


def _target_key(t: Target) -> Hashable:
    return (
        t.meshed, t.default.name, t.authenticated.name, t.require_identity, t.opaque, t.skip_inbound, t.skip_told,
        t.skip_subnets, t.probes, tuple((p, i.name) for p, i in t.servers.items()), tuple(t.dialed.items()),
    )  # fmt: skip


def interned(made: Iterable[T], key: Callable[[T], Hashable]) -> tuple[list[int], list[T]]:
    """Each value's index among the different ones, and those."""
    known: dict[Hashable, int] = {}
    different: list[T] = []
    of: list[int] = []
    for value in made:
        k = key(value)
        if k not in known:
            known[k] = len(different)
            different.append(value)
        of.append(known[k])
    return of, different
