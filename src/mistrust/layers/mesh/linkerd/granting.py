"""What a server of Linkerd makes of one connection, and which names and addresses its authorizations tell apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

from mistrust.access.match import Match
from mistrust.access.ports import point
from mistrust.access.verdict import Answer, Verdict
from mistrust.layers.mesh.channel import Authz, Channel, Transport
from mistrust.layers.mesh.linkerd.authorization import ANYBODY, Client
from mistrust.layers.mesh.linkerd.channel import CONTROL, DIRECT, channel
from mistrust.layers.mesh.linkerd.grants import identity_of
from mistrust.layers.mesh.linkerd.linkerd import Linkerd

MUTUAL: Final = (Transport.MTLS_ENFORCED, Transport.MTLS_OPPORTUNISTIC)
STRANGER: Final = "somebody.elsewhere"


def verdict(mesh: Linkerd, source: int, target: int, port: int, name: str) -> Verdict:
    """Does a server let a connection of this client in (-1: whoever is no endpoint)?

    With a name it comes over mutual TLS; without one in plaintext, whatever the client's own proxy would send. Where
    a route decides, some requests pass, and which ones is not told: the answer is unknown.
    """
    client = mesh.clients[mesh.outside if source < 0 else mesh.source_of[source]]
    if name and source >= 0 and name != principal(mesh, source):
        return Verdict(Answer.DENIED, f"the client is {principal(mesh, source)}")
    if name and source < 0:
        client = Client(True, _called(mesh, name), client.networks)
    found = channel(client, mesh.targets[mesh.target_of[target]], point("TCP", port))
    return _mutual(found) if name else _plain(found)


def principal(mesh: Linkerd, source: int) -> str:
    """The name that an endpoint proves by mutual TLS."""
    e = mesh.endpoints[source]
    return identity_of(e.namespace, e.account, mesh.settings)


def strangers(mesh: Linkerd, target: int) -> tuple[str, ...]:
    """One name for each way in which authorizations tell apart who proves to be somebody."""
    t = mesh.targets[mesh.target_of[target]]
    every = {i for b in (t.default, t.authenticated, *t.servers.values()) for a in b.every() for i in a.identities}
    named = (i.replace("*.", "somebody.") for i in sorted(every) if i != ANYBODY)
    return tuple(dict.fromkeys((STRANGER, *named)))


def written(mesh: Linkerd, target: int, port: int) -> Hashable:
    """What decides on a port, word by word; nothing where no policy is asked."""
    t = mesh.targets[mesh.target_of[target]]
    if port in (DIRECT, CONTROL) or t.skip_subnets or isinstance(t.meshed, str):
        return t.meshed
    inbound = t.inbound(port)
    routes = tuple(repr((r.source.ref, getattr(r.source, "spec", None))) for r in inbound.routes)
    return inbound.name, inbound.protocol, routes, tuple(repr(a) for a in inbound.every())


def _called(mesh: Linkerd, name: str) -> Mapping[str, Match]:
    asked = {*mesh.policies.identities(), ANYBODY}
    return {i: True for i in asked if i in (ANYBODY, name) or (i.startswith("*.") and name.endswith(i[1:]))}


def _mutual(found: Channel) -> Verdict:
    if found.transport is Transport.UNKNOWN:
        return Verdict(Answer.UNKNOWN, found.because, found.decided_by, found.unknown)
    if found.transport not in MUTUAL:
        return Verdict(Answer.DENIED, f"no mutual TLS comes about: {found.because}", found.decided_by)
    match found.authz:
        case Authz.DENIED:
            return Verdict(Answer.DENIED, found.because, found.decided_by)
        case Authz.UNKNOWN | Authz.REQUESTS:
            return Verdict(Answer.UNKNOWN, found.because, found.decided_by, found.unknown or (found.because,))
        case _:
            return Verdict(Answer.ALLOWED, found.because, found.decided_by)


def _plain(found: Channel) -> Verdict:
    if found.plaintext is None:
        return Verdict(Answer.UNKNOWN, found.because, found.decided_by, found.unknown or (found.because,))
    if not found.plaintext and found.authz is not Authz.REQUESTS:
        return Verdict(Answer.DENIED, f"plaintext is refused: {found.because}", found.decided_by)
    if found.authz is Authz.REQUESTS:
        return Verdict(Answer.UNKNOWN, found.because, found.decided_by, found.unknown or (found.because,))
    return Verdict(Answer.ALLOWED, found.because, found.decided_by)
