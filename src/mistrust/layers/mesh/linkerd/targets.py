"""Endpoints as servers: which Server, or which default, decides on which port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import structs

from mistrust.access.ports import NO_PORT, Ports, point
from mistrust.kube.core import Service
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.linkerd import (
    LinkerdAuthorizationPolicy,
    LinkerdHTTPRoute,
    MeshTLSAuthentication,
    NetworkAuthentication,
    Server,
    ServerAuthorization,
)
from mistrust.kube.selectors import covers, matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.linkerd.channel import Target
from mistrust.layers.mesh.linkerd.grants import of_default
from mistrust.layers.mesh.linkerd.membership import Member
from mistrust.layers.mesh.linkerd.policies import Inbound, Policies
from mistrust.layers.mesh.linkerd.settings import Settings

AUTHENTICATED = {"all-unauthenticated": "all-authenticated", "cluster-unauthenticated": "cluster-authenticated"}
"""What `proxy-require-identity-inbound-ports` makes of a default policy (inbound/index.rs, default_inbound_server)."""

KINDS = (
    Server, ServerAuthorization, LinkerdAuthorizationPolicy, MeshTLSAuthentication, NetworkAuthentication,
    LinkerdHTTPRoute,
)  # fmt: skip
"""Where one of these may not be listed, nobody knows what decides."""
UNMESHED = Target(meshed=False, default=Inbound("nothing", ()), authenticated=Inbound("nothing", ()))


class Targets:
    """Makes servers; endpoints of one namespace with the same labels and ports are looked up once."""

    def __init__(self, snapshot: Snapshot, settings: Settings, policies: Policies, skipped: Ports) -> None:
        self._settings = settings
        self._policies = policies
        self._skipped = skipped
        self._blind = next((f"{g.kind} was not seen: {g.why}" for k in KINDS for g in snapshot.blind(k)), "")
        self._services: dict[str, list[Service]] = {}
        for service in snapshot.of(Service):
            self._services.setdefault(service.namespace, []).append(service)
        self._chosen: dict[object, tuple[Mapping[int, Inbound], Mapping[int, tuple[int, ...]]]] = {}
        self._defaults: dict[tuple[str, bool], Inbound] = {}

    def of(self, endpoint: Endpoint, member: Member) -> Target:
        """An endpoint."""
        if member.meshed is False:
            return UNMESHED
        if self._blind:
            return structs.replace(UNMESHED, meshed=self._blind)
        alike = (endpoint.namespace, frozenset(endpoint.labels.items()), endpoint.ports)
        if alike not in self._chosen:
            self._chosen[alike] = (self._servers(endpoint), self._dialed(endpoint))
        servers, dialed = self._chosen[alike]
        policy = member.default_policy
        return Target(
            member.meshed,
            self._default(policy, annotated=member.annotated),
            self._default(AUTHENTICATED.get(policy, policy), annotated=member.annotated),
            require_identity=member.require_identity,
            opaque=member.opaque,
            tunnels=self._settings.tunnels,
            servers=servers,
            skip_inbound=member.skip_inbound,
            skip_told=member.skip_told,
            skip_subnets=member.skip_subnets,
            probes=member.probes,
            probe_networks=self._settings.probe_networks,
            dialed=dialed,
        )

    def _default(self, policy: str, *, annotated: bool) -> Inbound:
        if (policy, annotated) not in self._defaults:
            s = self._settings
            whose = "its" if annotated else "Linkerd's" if s.assumed else "the cluster's"
            evidence = () if annotated else s.evidence
            self._defaults[policy, annotated] = Inbound(
                f"{whose} default policy {policy}", of_default(policy, s), evidence=evidence
            )
        return self._defaults[policy, annotated]

    def _servers(self, endpoint: Endpoint) -> Mapping[int, Inbound]:
        found: dict[int, Inbound] = {}
        for server in self._policies.servers.get(endpoint.namespace, ()):
            if matches(server.spec.pod_selector, endpoint.labels):
                for port in server_ports(server, endpoint):
                    found.setdefault(port, self._policies.inbound[server.namespace, server.name])
        return found

    def _dialed(self, endpoint: Endpoint) -> Mapping[int, tuple[int, ...]]:
        """The Service ports before each port, where a client's proxy may skip one of them."""
        found: dict[int, set[int]] = {}
        for service in self._services.get(endpoint.namespace, ()):
            if covers(service.spec.selector, endpoint.labels):
                for p in service.spec.ports:
                    if p.protocol == "TCP":
                        for number in _numbers(p.target_port or p.port, endpoint):
                            found.setdefault(number, set()).add(p.port)
        matter = {n for n, dialed in found.items() if any(point("TCP", d) in self._skipped for d in (n, *dialed))}
        return {n: tuple(sorted(found[n])) for n in sorted(matter)}


def server_ports(server: Server, endpoint: Endpoint) -> tuple[int, ...]:
    """The ports of an endpoint that a Server means: its number, or each TCP port with its name."""
    return tuple(_numbers(server.spec.port, endpoint))


def _numbers(port: int | str, endpoint: Endpoint) -> Iterable[int]:
    if isinstance(port, int):
        return (port,)
    return sorted({p.number for p in endpoint.ports if p.name == port and p.protocol == "TCP"})


def union(every: Iterable[Ports]) -> Ports:
    """All ports of many sets, equal ones looked at once."""
    found = NO_PORT
    for ports in set(every):
        found |= ports
    return found
