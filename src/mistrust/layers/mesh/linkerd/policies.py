"""The policy objects of Linkerd, put together as its policy controller does it: what decides on each Server.

Source: linkerd2 policy-controller/k8s/index/src/inbound/index.rs (client_authzs, policy_client_authz, http_routes),
inbound/server_authorization.rs, inbound/meshtls_authentication.rs, inbound/network_authentication.rs, and for the
networks of a ServerAuthorization that names none policy-controller/grpc/src/inbound.rs (to_authz).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.ingress import GRPCRoute, HTTPRoute, RouteRef
from mistrust.kube.linkerd import (
    GROUP,
    LinkerdAuthorizationPolicy,
    LinkerdHTTPRoute,
    LinkerdRef,
    MeshTLSAuthentication,
    NetworkAuthentication,
    RouteMatch,
    Server,
    ServerAuthorization,
)
from mistrust.kube.meta import Object
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.linkerd.authorization import ANYBODY, EVERYWHERE, Authorization, Networks, Proof
from mistrust.layers.mesh.linkerd.settings import POLICIES, Settings

GATEWAY = "gateway.networking.k8s.io"


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

    @property
    def speaks_http(self) -> bool:
        """Are requests looked at, or only connections?"""
        return self.protocol not in ("opaque", "TLS")


class Ignored(msgspec.Struct, frozen=True):
    """A policy that the controller leaves out, as if it did not exist."""

    source: Object
    why: str
    evidence: tuple[Evidence, ...] = ()


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
            yield from inbound.authorizations
            for route in inbound.routes:
                yield from route.authorizations


def policies(snapshot: Snapshot, settings: Settings) -> Policies:
    """Read the policy objects of a snapshot."""
    authentications = Authentications(
        {(o.namespace, o.name): o for o in snapshot.of(MeshTLSAuthentication)},
        {(o.namespace, o.name): o for o in snapshot.of(NetworkAuthentication)},
        settings,
    )
    usable: list[tuple[LinkerdAuthorizationPolicy, Authorization]] = []
    ignored: list[Ignored] = []
    for policy in snapshot.of(LinkerdAuthorizationPolicy):
        made = of_policy(policy, authentications)
        if isinstance(made, Ignored):
            ignored.append(made)
        else:
            usable.append((policy, made))
    grants: list[tuple[ServerAuthorization, Authorization]] = []
    for grant in snapshot.of(ServerAuthorization):
        given = of_grant(grant, settings)
        if isinstance(given, Ignored):
            ignored.append(given)
        else:
            grants.append((grant, given))
    servers: dict[str, list[Server]] = {}
    for server in snapshot.of(Server):
        servers.setdefault(server.namespace, []).append(server)
    routes = [r for r in _routes(snapshot) if attachable(r)]
    inbound = {
        (s.namespace, s.name): _inbound(s, usable, grants, routes, settings)
        for found in servers.values()
        for s in found
    }
    return Policies(
        {
            n: tuple(sorted(found, key=lambda s: (s.metadata.creation_timestamp, s.name)))
            for n, found in servers.items()
        },
        inbound,
        tuple(ignored),
        tuple(_idle(usable, inbound, routes)),
    )


class Authentications(msgspec.Struct, frozen=True):
    """What a policy may refer to, by namespace and name."""

    meshtls: Mapping[tuple[str, str], MeshTLSAuthentication]
    network: Mapping[tuple[str, str], NetworkAuthentication]
    settings: Settings


def of_policy(policy: LinkerdAuthorizationPolicy, known: Authentications) -> Authorization | Ignored:
    """What an AuthorizationPolicy admits: its mesh identities AND its networks; nothing required admits everybody.

    A reference that resolves to nothing, is of another kind, or is the second of its kind voids the whole policy.
    """
    target = policy.spec.target_ref
    if not any(is_kind(target, *k) for k in ((GROUP, "Server"), ("", "Namespace"), *ROUTE_KINDS)):
        return Ignored(policy, f"it targets a {target.kind}, which is not supported", (at(policy, "spec.targetRef"),))
    identities: tuple[str, ...] = ()
    networks = EVERYWHERE
    for i, ref in enumerate(policy.spec.required_authentication_refs):
        where = at(policy, "spec.requiredAuthenticationRefs", i, value=f"{ref.kind} {ref.name}")
        here = (ref.namespace or policy.namespace, ref.name)
        if is_kind(ref, GROUP, "NetworkAuthentication"):
            found = known.network.get(here)
            if found is None or not found.spec.networks:
                return Ignored(policy, f"NetworkAuthentication {'/'.join(here)} {_missing(found)}", (where,))
            if networks:
                return Ignored(policy, "it requires two NetworkAuthentications", (where,))
            networks = found.spec.networks
            continue
        if is_kind(ref, GROUP, "MeshTLSAuthentication"):
            authentication = known.meshtls.get(here)
            named = identities_of(authentication, known.settings) if authentication else ()
            if not named:
                return Ignored(policy, f"MeshTLSAuthentication {'/'.join(here)} {_missing(authentication)}", (where,))
        elif is_kind(ref, "", "ServiceAccount"):
            named = (identity_of(*here, known.settings),)
        else:
            return Ignored(policy, f"it requires a {ref.kind}, which authenticates nobody", (where,))
        if identities:
            return Ignored(policy, "it requires two identities at once", (where,))
        identities = named
    proof = Proof.IDENTITY if identities else Proof.NOTHING
    return Authorization(str(policy.ref), proof, identities, networks, (at(policy, "spec"),))


def of_grant(grant: ServerAuthorization, settings: Settings) -> Authorization | Ignored:
    """What a ServerAuthorization admits; without networks it is the cluster's own."""
    client = grant.spec.client
    networks = client.networks or settings.networks
    evidence = (at(grant, "spec.client"),)
    tls = client.mesh_tls
    if client.unauthenticated:
        return Authorization(str(grant.ref), Proof.NOTHING, (), networks, evidence)
    if tls is None:
        return Ignored(grant, "it names no client", evidence)
    if tls.unauthenticated_tls:
        return Authorization(str(grant.ref), Proof.TLS, (), networks, evidence)
    accounts = (identity_of(a.namespace or grant.namespace, a.name, settings) for a in tls.service_accounts)
    identities = (*tls.identities, *accounts)
    if not identities:
        return Ignored(grant, "it names no identity", evidence)
    return Authorization(str(grant.ref), Proof.IDENTITY, identities, networks, evidence)


def of_default(policy: str, settings: Settings, evidence: tuple[Evidence, ...] = ()) -> tuple[Authorization, ...]:
    """What a default policy admits: `all-authenticated`, `deny`, ..."""
    name = f"the policy {policy}"
    if policy == "audit":
        return (Authorization(name, evidence=evidence),)
    if policy not in POLICIES or policy == "deny":
        return ()
    networks = settings.networks if policy.startswith("cluster-") else EVERYWHERE
    if policy.endswith("-unauthenticated"):
        return (Authorization(name, Proof.NOTHING, (), networks, evidence),)
    return (Authorization(name, Proof.IDENTITY, (ANYBODY,), networks, evidence),)


def identity_of(namespace: str, account: str, settings: Settings) -> str:
    """The name of a ServiceAccount in the mesh."""
    return f"{account}.{namespace}.serviceaccount.identity.{settings.control_plane}.{settings.trust_domain}"


def identities_of(authentication: MeshTLSAuthentication, settings: Settings) -> tuple[str, ...]:
    """The names that it stands for; none where it refers to something that has no identity, which voids it."""
    spec = authentication.spec
    named = list(spec.identities or ())
    for ref in spec.identity_refs or ():
        if is_kind(ref, "", "ServiceAccount"):
            named.append(identity_of(ref.namespace or authentication.namespace, ref.name, settings))
        elif is_kind(ref, "", "Namespace"):
            named.append(identity_of(ref.name, ANYBODY, settings))
        else:
            return ()
    return tuple(named)


ROUTE_KINDS = ((GROUP, "HTTPRoute"), (GATEWAY, "HTTPRoute"), (GATEWAY, "GRPCRoute"))


def is_kind(ref: LinkerdRef, group: str, kind: str) -> bool:
    """Does the reference name this kind? Case is nothing, and the core group may be called `core`."""
    given = ref.group.lower()
    return ("" if given == "core" else given) == group and ref.kind.lower() == kind.lower()


def _missing(found: Object | None) -> str:
    return "does not exist" if found is None else "names nobody that it can name"


AnyRoute = LinkerdHTTPRoute | HTTPRoute | GRPCRoute


def _routes(snapshot: Snapshot) -> Iterator[AnyRoute]:
    yield from snapshot.of(LinkerdHTTPRoute)
    yield from snapshot.of(HTTPRoute)
    yield from snapshot.of(GRPCRoute)


def servers_of(route: AnyRoute) -> tuple[RouteRef, ...]:
    """The parents of a route that are Servers."""
    return tuple(p for p in route.spec.parent_refs if p.group == GROUP and p.kind == "Server")


def attachable(route: AnyRoute) -> bool:
    """Does it attach to Servers? Not with a parent in another namespace, by port or by section (inbound/routes.rs)."""
    parents = servers_of(route)
    return bool(parents) and all(
        p.namespace in ("", route.namespace) and not p.port and not p.section_name for p in parents
    )


def _everything(route: AnyRoute) -> bool:
    """Does it take every request? Of the Gateway API's routes the matches are not read, and the answer is no."""
    if not isinstance(route, LinkerdHTTPRoute) or route.spec.hostnames:
        return False
    return any(not rule.matches or any(_any_request(m) for m in rule.matches) for rule in route.spec.rules)


def _any_request(match: RouteMatch) -> bool:
    path = match.path is None or (match.path.type, match.path.value) == ("PathPrefix", "/")
    return path and not (match.method or match.headers or match.query_params)


def _inbound(
    server: Server,
    usable: Sequence[tuple[LinkerdAuthorizationPolicy, Authorization]],
    grants: Sequence[tuple[ServerAuthorization, Authorization]],
    routes: Sequence[AnyRoute],
    settings: Settings,
) -> Inbound:
    own = [a for g, a in grants if g.namespace == server.namespace and _selects(g, server)]
    own += [
        a
        for p, a in usable
        if p.namespace == server.namespace
        and (
            is_kind(p.spec.target_ref, "", "Namespace")
            or (is_kind(p.spec.target_ref, GROUP, "Server") and p.spec.target_ref.name == server.name)
        )
    ]
    evidence = at(server, "spec.accessPolicy", value=server.spec.access_policy)
    own += of_default(server.spec.access_policy, settings, (evidence,))
    family = GRPCRoute if server.spec.proxy_protocol == "gRPC" else (LinkerdHTTPRoute, HTTPRoute)
    attached = tuple(
        Route(r, tuple(a for p, a in usable if _targets(p, r)), _everything(r))
        for r in routes
        if isinstance(r, family)
        and r.namespace == server.namespace
        and any(parent.name == server.name for parent in servers_of(r))
    )
    return Inbound(str(server.ref), tuple(own), attached, server.spec.proxy_protocol, (at(server, "spec"),))


def _selects(grant: ServerAuthorization, server: Server) -> bool:
    wanted = grant.spec.server
    return (
        wanted.name == server.name
        if wanted.name
        else matches(wanted.selector or LabelSelector(), server.metadata.labels)
    )


def _targets(policy: LinkerdAuthorizationPolicy, route: AnyRoute) -> bool:
    target = policy.spec.target_ref
    return (
        policy.namespace == route.namespace
        and is_kind(target, route.GROUP, route.KIND)
        and target.name.lower() == route.name.lower()
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
            there = any(_targets(policy, r) for r in routes)
        if not there:
            why = (
                f"its target {target.kind} {policy.namespace}/{target.name} does not exist, or is attached to no Server"
            )
            yield Ignored(policy, why, (at(policy, "spec.targetRef", value=f"{target.kind} {target.name}"),))
