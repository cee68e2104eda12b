"""What Linkerd makes of one connection, from what is known of the client and of the server."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import structs

from mistrust.access.match import Match
from mistrust.access.ports import NO_PORT, PROTOCOLS, SPAN, Ports, point
from mistrust.layers.mesh.channel import Authn, Authz, Channel, Transport
from mistrust.layers.mesh.linkerd.authorization import Client, Networks, Proof
from mistrust.layers.mesh.linkerd.decide import Entry, Passage, entry
from mistrust.layers.mesh.linkerd.policies import Inbound

DIRECT, CONTROL, ADMIN = 4143, 4190, 4191
"""The proxy's own ports: connections of other proxies with a header, tap, and metrics."""

PAST = Entry(Passage.ALL)
"""Whoever comes past the proxy is checked by nobody."""


class Target(msgspec.Struct, frozen=True):
    """All that decides for a server."""

    meshed: Match
    default: Inbound
    """What decides where no Server does."""
    authenticated: Inbound
    """The same on the ports that require an identity."""
    require_identity: Ports = NO_PORT
    opaque: Ports = NO_PORT
    tunnels: Match = False
    """Does everything between proxies travel to the proxy's own port, opaque or not?"""
    servers: Mapping[int, Inbound] = {}
    """What decides on the port of a Server, by number."""
    skip_inbound: Ports = NO_PORT
    skip_told: Ports = NO_PORT
    skip_subnets: bool = False
    probes: Ports = NO_PORT
    probe_networks: Networks = ()
    dialed: Mapping[int, tuple[int, ...]] = {}
    """The ports of the Services before a port, where they matter; a port that is not here is dialed by its number."""

    def carries(self, port: int) -> Match:
        """Is a connection between proxies sent to the proxy's own port, in place of this one?"""
        if port in (DIRECT, CONTROL, ADMIN):
            return False
        opaque = point("TCP", port) in self.opaque or self.inbound(port).protocol == "opaque"
        return opaque or self.tunnels

    def inbound(self, port: int) -> Inbound:
        """What decides on a TCP port."""
        if port in self.servers:
            return self.servers[port]
        return self.authenticated if point("TCP", port) in self.require_identity else self.default


def channel(client: Client, target: Target, at: int) -> Channel:
    """One client, one meshed server, one port (`access.ports.point`)."""
    protocol, port = PROTOCOLS[at // SPAN], at % SPAN
    if protocol != "TCP":
        return _raw(f"Linkerd does not carry {protocol}")
    if target.meshed is False:
        return _raw("the server has no proxy")
    if isinstance(target.meshed, str):
        return _unknown(target.meshed)
    if target.skip_subnets:
        return _unknown("the server's proxy skips some subnets, which are not compared with the client's address")
    if port == CONTROL:
        return _unknown("the identity that may tap is not known")
    sends = _sends(client, target, port)
    skipped = at in target.skip_inbound
    inbound = target.inbound(port)
    if skipped and (sends is not True or at in target.skip_told):
        return _raw("the port skips the server's proxy")
    carries = target.carries(port)
    if skipped and isinstance(carries, str):
        return _unknown(carries)
    if skipped and not carries:
        because = "the port skips the server's proxy, and the client's proxy is not told so"
        return Channel(Transport.BROKEN, Authn.NONE, Authz.NONE, plaintext=True, because=because)
    if port == DIRECT:
        return _direct(sends)
    if isinstance(sends, str):
        return _unknown(sends)
    plain = PAST if skipped else entry(inbound, client, tls=False)
    found = _mutual(inbound, client, plain) if sends else _plain(inbound, client, plain)
    if sends and carries is not False:
        because = (
            f"{found.because}; between proxies it {'travels' if carries is True else 'may travel'} to port {DIRECT}"
        )
        found = structs.replace(found, because=because, carried=DIRECT, perhaps=carries is not True)
    if plain.passes is Passage.NONE and _probed(target, inbound, client, port):
        probed = f"{found.because}; only the paths of its probes answer to whoever comes in plaintext"
        authz = Authz.REQUESTS if not sends else found.authz
        transport = Transport.PLAINTEXT if not sends else found.transport
        found = structs.replace(found, because=probed, authz=authz, transport=transport)
    return found


def _sends(client: Client, target: Target, port: int) -> Match:
    """Does the client's proxy carry this connection?"""
    if client.meshed is not True or not client.skips:
        return client.meshed
    dialed = [point("TCP", d) in client.skips for d in target.dialed.get(port, (port,))]
    if any(dialed) and not all(dialed):
        return (
            "the client's proxy skips some of the Service ports that lead here, and it is not known which one it dials"
        )
    return not any(dialed)


def _mutual(inbound: Inbound, client: Client, plain: Entry) -> Channel:
    found = entry(inbound, client, tls=True)
    enforced = plain.passes is Passage.NONE
    refused = "refuses plaintext" if enforced else "takes plaintext too"
    return Channel(
        transport=Transport.MTLS_ENFORCED if enforced else Transport.MTLS_OPPORTUNISTIC,
        authn=Authn.WORKLOAD,
        authz=_authz(found),
        plaintext=_served(plain),
        because=f"both sides have a proxy, and {inbound.name} {refused}; {_who(found)}",
        decided_by=tuple(dict.fromkeys((*inbound.evidence, *found.evidence, *plain.evidence))),
        unknown=tuple(dict.fromkeys(u for u in (found.unknown, plain.unknown) if u)),
    )


def _plain(inbound: Inbound, client: Client, plain: Entry) -> Channel:
    if plain.passes is not Passage.NONE:
        why = f"the client sends without a proxy, and {inbound.name} lets it; {_who(plain)}"
    else:
        why = f"the client sends without a proxy, and {inbound.name} refuses it"
    wants_tls = plain.passes is Passage.NONE and any(a.proof is not Proof.NOTHING for a in inbound.every())
    return Channel(
        transport=Transport.BROKEN if wants_tls else Transport.PLAINTEXT,
        authn=Authn.NONE,
        authz=_authz(plain),
        plaintext=_served(plain),
        because=why,
        decided_by=tuple(dict.fromkeys((*inbound.evidence, *plain.evidence))),
        unknown=(plain.unknown,) if plain.unknown else (),
    )


def _authz(found: Entry) -> Authz:
    match found.passes:
        case Passage.NONE:
            return Authz.DENIED
        case Passage.SOME:
            return Authz.REQUESTS
        case Passage.UNKNOWN:
            return Authz.UNKNOWN
        case Passage.ALL:
            if found.by_address:
                return Authz.ADDRESS
            return Authz.IDENTITY if found.proof is Proof.IDENTITY else Authz.NONE


def _who(found: Entry) -> str:
    names = ", ".join(a.name for a in found.by)
    match found.passes:
        case Passage.NONE:
            return "no authorization lets this client in"
        case Passage.SOME:
            return f"only requests that a route takes pass ({names})"
        case Passage.UNKNOWN:
            return "it is not known whether the client is let in"
        case Passage.ALL:
            return f"{names} lets it in"


def _served(plain: Entry) -> bool | None:
    return None if plain.passes is Passage.UNKNOWN else plain.passes is not Passage.NONE


def _probed(target: Target, inbound: Inbound, client: Client, port: int) -> bool:
    if point("TCP", port) not in target.probes or inbound.routes or not inbound.speaks_http:
        return False
    return client.networks[target.probe_networks] is not False if target.probe_networks else False


def _direct(sends: Match) -> Channel:
    if sends is not True:
        because = f"port {DIRECT} takes other proxies alone"
        return Channel(Transport.BROKEN, Authn.NONE, Authz.DENIED, plaintext=False, because=because)
    because = f"port {DIRECT} takes other proxies alone, and what they reach through it is decided on that port"
    return Channel(Transport.MTLS_ENFORCED, Authn.WORKLOAD, Authz.REQUESTS, plaintext=False, because=because)


def _raw(because: str) -> Channel:
    return Channel(Transport.PLAINTEXT, Authn.NONE, Authz.NONE, plaintext=True, because=because)


def _unknown(why: str) -> Channel:
    return Channel(Transport.UNKNOWN, Authn.UNKNOWN, Authz.UNKNOWN, plaintext=None, because=why, unknown=(why,))
