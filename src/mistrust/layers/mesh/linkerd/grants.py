"""What one policy object admits: AuthorizationPolicy, ServerAuthorization, and the default policies.

Sources: linkerd2 policy-controller/k8s/index/src/inbound/index.rs (policy_client_authz), authorization_policy.rs,
server_authorization.rs, meshtls_authentication.rs, network_authentication.rs beside it, and ../defaults.rs; for
the networks of a ServerAuthorization that names none policy-controller/grpc/src/inbound.rs (to_authz).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.linkerd import (
    GROUP,
    LinkerdAuthorizationPolicy,
    LinkerdRef,
    MeshTLSAuthentication,
    NetworkAuthentication,
    ServerAuthorization,
)
from mistrust.kube.meta import Object
from mistrust.layers.mesh.linkerd.authorization import ANYBODY, EVERYWHERE, Authorization, Proof
from mistrust.layers.mesh.linkerd.settings import POLICIES, Settings

GATEWAY = "gateway.networking.k8s.io"
ROUTE_KINDS = ((GROUP, "HTTPRoute"), (GATEWAY, "HTTPRoute"), (GATEWAY, "GRPCRoute"))
"""Routes that a policy may target."""


class Ignored(msgspec.Struct, frozen=True):
    """A policy that the controller leaves out, as if it did not exist."""

    source: Object
    why: str
    evidence: tuple[Evidence, ...] = ()


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


def is_kind(ref: LinkerdRef, group: str, kind: str) -> bool:
    """Does the reference name this kind? Case is nothing, and the core group may be called `core`."""
    given = ref.group.lower()
    return ("" if given == "core" else given) == group and ref.kind.lower() == kind.lower()


def _missing(found: Object | None) -> str:
    return "does not exist" if found is None else "names nobody that it can name"
