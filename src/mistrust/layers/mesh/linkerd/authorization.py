"""Who may connect: one authorization, one client, and whether the first admits the second.

Sources: linkerd2 policy-controller/core/src/identity_match.rs, linkerd2-proxy linkerd/app/inbound/src/policy.rs
(is_authorized) and linkerd/proxy/server-policy/src/authz.rs (Suffix).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.match import Match, all_of, any_of
from mistrust.access.ports import NO_PORT, Ports
from mistrust.kube.network import IPBlock

Networks = tuple[IPBlock, ...]
EVERYWHERE: Networks = ()
"""No limit; a policy that names no network at all never gets this far."""
ANYBODY = "*"


class Proof(StrEnum):
    """What a client must show."""

    NOTHING = "nothing"
    TLS = "tls"
    """The mesh's TLS, with or without an identity."""
    IDENTITY = "identity"


class Authorization(msgspec.Struct, frozen=True, gc=False):
    """One way to be let in: from these addresses, with this proof."""

    name: str
    """As people say it: `AuthorizationPolicy shop/web`, `the default policy deny`."""
    proof: Proof = Proof.NOTHING
    identities: tuple[str, ...] = ()
    """Exact names, `*` or `*.suffix`."""
    networks: Networks = EVERYWHERE
    evidence: tuple[Evidence, ...] = ()


class Client(msgspec.Struct, frozen=True):
    """What a server may ask about a client."""

    meshed: Match
    """Does a proxy send for it?"""
    identities: Mapping[str, Match] = {}
    """The identities that some authorization names and that are, or may be, this client's."""
    networks: Mapping[Networks, Match] = {}
    """For each list of networks that some authorization names: is the client's address inside?"""
    skips: Ports = NO_PORT
    """The ports that it dials without its proxy."""


def admits(authorization: Authorization, client: Client, *, tls: bool) -> Match:
    """Does it let this client in, if it comes with the mesh's TLS, or if it comes without?"""
    from_here = True if not authorization.networks else client.networks[authorization.networks]
    match authorization.proof:
        case Proof.NOTHING:
            return from_here
        case Proof.TLS:
            return from_here if tls else False
        case Proof.IDENTITY:
            if not tls:
                return False
            return all_of((from_here, any_of(client.identities.get(i, False) for i in authorization.identities)))


def is_called(wanted: str, account: str, namespace: str, control_plane: str, domain: str, *, sure: bool) -> Match:
    """Is `wanted` the name, or a pattern of the name, of a ServiceAccount in the mesh?

    `sure` False says that the trust domain is only assumed: what differs there alone is then not known to differ.

    >>> is_called("*.shop.serviceaccount.identity.linkerd.cluster.local", "web", "shop", "linkerd", "cluster.local",
    ...           sure=True)
    True
    """
    if wanted == ANYBODY:
        return True
    stem = f"{account}.{namespace}.serviceaccount.identity.{control_plane}."
    name = stem + domain
    pattern = wanted.startswith("*.")
    if name.endswith(wanted[1:]) if pattern else name == wanted:
        return True
    if sure:
        return False
    head, middle, _ = wanted.removeprefix("*").partition(f".serviceaccount.identity.{control_plane}.")
    fits = stem.startswith(f"{head}.") if not pattern else f".{account}.{namespace}".endswith(head)
    differs = not fits if middle else not pattern
    return False if differs else f"the trust domain of the mesh was not seen, so {wanted} may be another's name"
