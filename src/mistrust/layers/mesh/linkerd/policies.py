"""What decides on each Server: its own authorizations, its routes, its access policy.

Source: linkerd2 policy-controller/k8s/index/src/inbound/index.rs (inbound_server, client_authzs, reindex_servers).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.ingress import GRPCRoute, HTTPRoute
from mistrust.kube.linkerd import (
    GROUP,
    LinkerdAuthorizationPolicy,
    LinkerdHTTPRoute,
    LinkerdRef,
    MeshTLSAuthentication,
    NetworkAuthentication,
    Server,
    ServerAuthorization,
)
from mistrust.kube.meta import Object, Ref
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.linkerd.authorization import Authorization, Networks
from mistrust.layers.mesh.linkerd.grants import Authentications, Ignored, is_kind, of_default, of_grant, of_policy
from mistrust.layers.mesh.linkerd.routes import AnyRoute, attachable, everything, routes, servers_of, targets
from mistrust.layers.mesh.linkerd.settings import Settings


class Route(msgspec.Struct, frozen=True):
    """A route attached to a Server, and who may use it beside those whom the Server lets in anyway."""

    source: Object
    authorizations: tuple[Authorization, ...]
    everything: bool = False
    """Does it take every request?"""


class Inbound(msgspec.Struct, frozen=True):
    """What decides on a port: a Server with what is attached to it, or a default policy."""

    name: str
    authorizations: tuple[Authorization, ...]
    routes: tuple[Route, ...] = ()
    """With any, a request that none of them takes is answered with 404."""
    protocol: str = "unknown"
    evidence: tuple[Evidence, ...] = ()

    def every(self) -> Iterator[Authorization]:
        """The authorizations of the Server and of its routes."""
        yield from self.authorizations
        for route in self.routes:
            yield from route.authorizations

    @property
    def speaks_http(self) -> bool:
        """Are requests looked at, or only connections?"""
        return self.protocol not in ("opaque", "TLS")


class Policies(msgspec.Struct, frozen=True):
    """Every Server of the cluster with what decides there."""

    servers: Mapping[str, tuple[Server, ...]]
    """By namespace, the ones that win first: oldest, then by name."""
    inbound: Mapping[tuple[str, str], Inbound]
    """By namespace and name of a Server."""
    ignored: tuple[Ignored, ...]
    idle: tuple[Ignored, ...]
    """Policies whose target does not exist."""

    def networks(self) -> frozenset[Networks]:
        """Every list of networks that some Server's authorization names."""
        return frozenset(a.networks for a in self.every() if a.networks)

    def identities(self) -> frozenset[str]:
        """Every identity that some Server's authorization names."""
        return frozenset(i for a in self.every() for i in a.identities)

    def every(self) -> Iterator[Authorization]:
        """The authorizations of all Servers and their routes."""
        for inbound in self.inbound.values():
            yield from inbound.every()


def policies(snapshot: Snapshot, settings: Settings) -> Policies:
    """Read the policy objects of a snapshot."""
    authentications = Authentications(
        {(o.namespace, o.name): o for o in snapshot.of(MeshTLSAuthentication)},
        {(o.namespace, o.name): o for o in snapshot.of(NetworkAuthentication)},
        settings,
    )
    usable: list[tuple[LinkerdAuthorizationPolicy, Authorization]] = []
    ignored: list[Ignored] = []
    for policy in sorted(snapshot.of(LinkerdAuthorizationPolicy), key=_name):
        made = of_policy(policy, authentications)
        if isinstance(made, Ignored):
            ignored.append(made)
        else:
            usable.append((policy, made))
    grants: list[tuple[ServerAuthorization, Authorization]] = []
    for grant in sorted(snapshot.of(ServerAuthorization), key=_name):
        given = of_grant(grant, settings)
        if isinstance(given, Ignored):
            ignored.append(given)
        else:
            grants.append((grant, given))
    servers: dict[str, list[Server]] = {}
    for server in sorted(snapshot.of(Server), key=_name):
        servers.setdefault(server.namespace, []).append(server)
    attached = [r for r in sorted(routes(snapshot), key=_name) if attachable(r)]
    here: dict[str, _Namespace] = {name: _Namespace() for name in servers}
    for p, a in usable:
        if p.namespace in here:
            here[p.namespace].policies.append((p, a))
    for g, a in grants:
        if g.namespace in here:
            here[g.namespace].grants.append((g, a))
    for r in attached:
        if r.namespace in here:
            here[r.namespace].routes.append(r)
    inbound = {
        (s.namespace, s.name): _inbound(s, here[name], settings) for name, found in servers.items() for s in found
    }
    return Policies(
        {
            n: tuple(sorted(found, key=lambda s: (s.metadata.creation_timestamp, s.name)))
            for n, found in servers.items()
        },
        inbound,
        tuple(ignored),
        tuple(_idle(usable, inbound, attached)),
    )


def _name(source: Object) -> Ref:
    return source.ref


class _Namespace:
    """What one namespace says about its Servers."""

    def __init__(self) -> None:
        self.policies: list[tuple[LinkerdAuthorizationPolicy, Authorization]] = []
        self.grants: list[tuple[ServerAuthorization, Authorization]] = []
        self.routes: list[AnyRoute] = []


def _inbound(server: Server, here: _Namespace, settings: Settings) -> Inbound:
    own = [a for g, a in here.grants if _selects(g, server)]
    own += [a for p, a in here.policies if _applies(p.spec.target_ref, server)]
    evidence = at(server, "spec.accessPolicy", value=server.spec.access_policy)
    own += of_default(server.spec.access_policy, settings, (evidence,))
    family = GRPCRoute if server.spec.proxy_protocol == "gRPC" else (LinkerdHTTPRoute, HTTPRoute)
    attached = tuple(
        Route(r, tuple(a for p, a in here.policies if targets(p, r)), everything(r))
        for r in here.routes
        if isinstance(r, family) and any(parent.name == server.name for parent in servers_of(r))
    )
    return Inbound(str(server.ref), tuple(own), attached, server.spec.proxy_protocol, (at(server, "spec"),))


def _applies(target: LinkerdRef, server: Server) -> bool:
    return is_kind(target, "", "Namespace") or (is_kind(target, GROUP, "Server") and target.name == server.name)


def _selects(grant: ServerAuthorization, server: Server) -> bool:
    wanted = grant.spec.server
    return (
        wanted.name == server.name
        if wanted.name
        else matches(wanted.selector or LabelSelector(), server.metadata.labels)
    )


def _idle(
    usable: Iterable[tuple[LinkerdAuthorizationPolicy, Authorization]],
    inbound: Mapping[tuple[str, str], Inbound],
    routes: Sequence[AnyRoute],
) -> Iterator[Ignored]:
    for policy, _ in usable:
        target = policy.spec.target_ref
        if is_kind(target, "", "Namespace"):
            continue
        if is_kind(target, GROUP, "Server"):
            there = (policy.namespace, target.name) in inbound
        else:
            there = any(targets(policy, r) for r in routes)
        if not there:
            why = (
                f"its target {target.kind} {policy.namespace}/{target.name} does not exist, or is attached to no Server"
            )
            yield Ignored(policy, why, (at(policy, "spec.targetRef", value=f"{target.kind} {target.name}"),))
