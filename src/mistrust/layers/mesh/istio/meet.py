"""What comes of a connection when what the client sends meets what the server accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from msgspec import structs

from mistrust.layers.mesh.channel import Authn, Authz, Channel, Transport
from mistrust.layers.mesh.istio.accept import Accepts, Takes
from mistrust.layers.mesh.istio.authorization.authorize import Decision
from mistrust.layers.mesh.istio.client import HBONE_UNKNOWN, Way, Wire
from mistrust.layers.mesh.member import Kind

T = TypeVar("T")
HBONE_PORT: Final = 15008
UNCHECKED = Decision(Authz.NONE)
REFUSED = Decision(Authz.DENIED)
BADNESS: Final = (
    Transport.MTLS_ENFORCED,
    Transport.MTLS_OPPORTUNISTIC,
    Transport.TLS,
    Transport.NODE_ENCRYPTED,
    Transport.PLAINTEXT,
    Transport.UNKNOWN,
)
MUTUAL = (Transport.MTLS_ENFORCED, Transport.MTLS_OPPORTUNISTIC)


def meet(ways: Sequence[Way], accepts: Accepts, authorize: Callable[[bool], Decision]) -> Channel:
    """The channel of a client that may do any of `ways`.

    Of several ways those that work count, and of these the worst. `authorize` is asked with whether the server knows
    the client's identity.
    """
    met = [(transport(way, accepts), way) for way in ways]
    working = [m for m in met if m[0] is not Transport.BROKEN] or met
    found, way = max(working, key=lambda m: BADNESS.index(m[0]) if m[0] in BADNESS else -1)
    plain = plaintext(accepts, authorize)
    if accepts.unknown:
        found, plain = Transport.UNKNOWN, None
    decision = _decision(found, accepts, authorize)
    tunnels = [_tunnelled(w) for _, w in working]
    carried = HBONE_PORT if any(t is not False for t in tunnels) else 0
    other = [w.because for t, w in met if w is not way and t is not found]
    told = [way.because, accepts.because, decision.because, *(f"or else {o}" for o in other)]
    return Channel(
        transport=found,
        authn=_authn(found),
        authz=decision.authz,
        plaintext=plain,
        because="; ".join(dict.fromkeys(t for t in told if t)),
        decided_by=tuple(dict.fromkeys((*way.decided_by, *accepts.decided_by, *decision.decided_by))),
        unknown=tuple(dict.fromkeys((*way.unknown, *accepts.unknown, *decision.unknown))),
        carried=carried,
        perhaps=bool(carried) and not all(tunnels),
    )


def _tunnelled(way: Way) -> bool | None:
    """Does it travel in HBONE? None: not known."""
    return None if HBONE_UNKNOWN in way.unknown else way.wire is Wire.HBONE


def transport(way: Way, accepts: Accepts) -> Transport:
    """How the bytes travel, or that they do not."""
    match way.wire:
        case Wire.UNKNOWN:
            return Transport.UNKNOWN
        case Wire.NOTHING:
            return Transport.BROKEN
        case Wire.MUTUAL | Wire.HBONE:
            return _mutual(way, accepts)
        case Wire.TLS if accepts.takes is Takes.MUTUAL:
            return Transport.UNKNOWN if way.certificate and accepts.kind is Kind.SIDECAR else Transport.BROKEN
        case Wire.TLS:
            return Transport.TLS
        case Wire.PLAIN if accepts.takes is Takes.MUTUAL:
            return Transport.BROKEN
        case Wire.PLAIN:
            return Transport.TLS if accepts.takes is Takes.TLS else Transport.PLAINTEXT


def _mutual(way: Way, accepts: Accepts) -> Transport:
    """Ambient takes the mesh's mutual TLS in its tunnel alone; a tunnel reaches a sidecar whatever the port's mode."""
    tunnelled = way.wire is Wire.HBONE
    if accepts.kind is Kind.AMBIENT and not accepts.captured and tunnelled:
        return Transport.UNKNOWN
    if (accepts.kind is Kind.AMBIENT) is not tunnelled and not (tunnelled and accepts.kind is Kind.SIDECAR):
        return Transport.BROKEN
    match accepts.takes:
        case Takes.MUTUAL:
            return Transport.MTLS_ENFORCED
        case Takes.BOTH:
            return Transport.MTLS_OPPORTUNISTIC
        case _:
            return Transport.MTLS_OPPORTUNISTIC if tunnelled else Transport.BROKEN


def plaintext(accepts: Accepts, authorize: Callable[[bool], Decision]) -> bool | None:
    """Would the server serve this client in plaintext, authorization included?"""
    if accepts.takes in (Takes.MUTUAL, Takes.TLS):
        return False
    if not accepts.captured:
        return True
    match authorize(False).authz:
        case Authz.DENIED:
            return False
        case Authz.UNKNOWN:
            return None
        case _:
            return True


def raw(because: str) -> Channel:
    """No mesh has a part in it."""
    return Channel(Transport.PLAINTEXT, Authn.NONE, Authz.NONE, plaintext=True, because=because)


def agreed(found: Sequence[Channel], unknown: Sequence[str]) -> Channel:
    """What holds whichever of the channels it is; what they differ in is unknown."""
    first = found[0]
    carried = max(c.carried for c in found)
    perhaps = any(c.perhaps or c.carried != carried for c in found)
    if all((c.transport, c.authn, c.authz, c.plaintext) == _answer(first) for c in found):
        return structs.replace(first, carried=carried, perhaps=perhaps, relayed=any(c.relayed for c in found))
    return Channel(
        _one([c.transport for c in found], Transport.UNKNOWN),
        _one([c.authn for c in found], Authn.UNKNOWN),
        _one([c.authz for c in found], Authz.UNKNOWN),
        _one([c.plaintext for c in found], None),
        because="; ".join(unknown),
        decided_by=first.decided_by,
        unknown=tuple(dict.fromkeys((*unknown, *(u for c in found for u in c.unknown)))),
        carried=carried,
        perhaps=perhaps,
        relayed=any(c.relayed for c in found),
    )


def _answer(c: Channel) -> tuple[Transport, Authn, Authz, bool | None]:
    return c.transport, c.authn, c.authz, c.plaintext


def _one(values: Sequence[T], otherwise: T) -> T:
    return values[0] if all(v == values[0] for v in values) else otherwise


def _authn(found: Transport) -> Authn:
    if found in MUTUAL:
        return Authn.WORKLOAD
    return Authn.UNKNOWN if found is Transport.UNKNOWN else Authn.NONE


def _decision(found: Transport, accepts: Accepts, authorize: Callable[[bool], Decision]) -> Decision:
    if found is Transport.BROKEN:
        return REFUSED
    if not accepts.captured:
        return UNCHECKED
    if found is not Transport.UNKNOWN:
        return authorize(found in MUTUAL)
    known, nameless = authorize(True), authorize(False)
    return known if known.authz is nameless.authz else Decision(Authz.UNKNOWN, "", known.decided_by, known.unknown)
