"""What policies make of everything that one client may send to one port, in one word and one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from mistrust.access.evidence import Evidence
from mistrust.layers.mesh.channel import Authz
from mistrust.layers.mesh.istio.authorization.conditions import URL, Condition, Question, Text
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern
from mistrust.layers.mesh.istio.authorization.protocols import Protocol
from mistrust.layers.mesh.istio.authorization.requests import ANY_HTTP, ANYWHERE, Request
from mistrust.layers.mesh.istio.authorization.server import Authorizer, Ruling
from mistrust.layers.mesh.istio.authorization.truth import Truth, every, some

SHOWN: Final = 4
"""How many methods or paths are told before the rest is counted."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What authorization says of one client at one port of one server."""

    authz: Authz
    because: str = ""
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()


UNCHECKED: Final = Decision(Authz.NONE, "no AuthorizationPolicy limits it")


class Hop(msgspec.Struct, frozen=True):
    """A proxy on the way that asks its policies about the connection."""

    authorizer: Authorizer
    client: Request
    """Who connects, from where and to which port; what is in the request is every possibility."""
    protocol: Protocol
    own: bool = True
    """Is it the client's own connection, not that of a waypoint on its behalf?"""


Way = tuple[Hop, ...]
"""A way to the server: every hop has to let it pass."""


def summary(ways: Sequence[Way]) -> Decision:
    """What the policies make of a client that may take any of these ways.

    DENIED, NONE, IDENTITY and ADDRESS are exact: no request passes, or every one does. REQUESTS is what is left; where
    a rule contradicts itself, it may be that none does.
    """
    if any(not hop.authorizer.policies for way in ways for hop in way):
        ways = [tuple(hop for hop in way if hop.authorizer.policies) for way in ways]
        if not all(ways):
            return UNCHECKED
    ruling = either([_way(way) for way in ways])
    match ruling.passes:
        case Truth.NO:
            return _told(ruling, Authz.DENIED)
        case Truth.UNKNOWN:
            return _told(ruling, Authz.UNKNOWN)
        case Truth.SOME:
            return _told(ruling, Authz.REQUESTS, _which(ways))
        case Truth.YES:
            return _told(ruling, _why(ways))


def either(several: Sequence[Ruling]) -> Ruling:
    """What passes one way or another."""
    passes = some(r.passes for r in several)
    if passes in (Truth.YES, Truth.NO) and (same := [r for r in several if r.passes is passes]):
        return same[0] if passes is Truth.YES else _merged(passes, same)
    return _merged(passes, [r for r in several if r.passes is not Truth.NO])


def _way(way: Way) -> Ruling:
    return passed([everything(hop) for hop in way])


def passed(rulings: Sequence[Ruling]) -> Ruling:
    """What passes one hop after the other."""
    refusing = [r for r in rulings if r.passes is Truth.NO]
    return refusing[0] if refusing else _merged(every(r.passes for r in rulings), rulings)


def everything(hop: Hop) -> Ruling:
    """All that a client may send. HTTP and other bytes are different requests: all pass only if all of both do."""
    several = [hop.authorizer.rule(r) for r in _spoken(hop)]
    found = {r.passes for r in several}
    if len(found) == 1:
        return _merged(found.pop(), several)
    whole = Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.SOME
    return _merged(whole, [r for r in several if r.passes is not Truth.NO])


def _merged(passes: Truth, several: Sequence[Ruling]) -> Ruling:
    return Ruling(
        passes,
        "; ".join(dict.fromkeys(r.because for r in several)),
        tuple(dict.fromkeys(e for r in several for e in r.decided_by)),
        tuple(dict.fromkeys(u for r in several for u in r.unknown)),
    )


def one(hop: Hop) -> Ruling:
    """One request; HTTP where bytes are passed on is bytes, and bytes where HTTP is spoken are nothing."""
    client = hop.client
    if client.http is ANY_HTTP:
        return everything(hop)
    if hop.protocol is Protocol.TCP and client.http is not None:
        client = replace(client, http=None, remote=client.source)
    if hop.protocol is Protocol.HTTP and client.http is None:
        return Ruling(Truth.NO, "the port speaks HTTP alone")
    return hop.authorizer.rule(client)


def questions(hop: Hop) -> Iterator[Question]:
    """What rules ask there that may match something of the client."""
    for request in _spoken(hop):
        for policy in hop.authorizer.policies:
            for rule in policy.rules(request):
                yield from rule.alive(request)


def _spoken(hop: Hop) -> tuple[Request, ...]:
    """What comes to a hop: HTTP, bytes, or either."""
    http = replace(hop.client, http=ANY_HTTP)
    tcp = replace(hop.client, http=None, remote=hop.client.source)
    return {Protocol.HTTP: (http,), Protocol.TCP: (tcp,), Protocol.SNIFFED: (http, tcp)}[hop.protocol]


def _told(ruling: Ruling, authz: Authz, which: str = "") -> Decision:
    because = f"{ruling.because}: {which}" if which else ruling.because
    return Decision(authz, because, ruling.decided_by, ruling.unknown)


def _why(ways: Sequence[Way]) -> Authz:
    """Why everything passes: would it without the identity, would it from elsewhere?"""
    if _passes(ways, principal=False, source=True) is not Truth.YES:
        return Authz.IDENTITY
    return Authz.NONE if _passes(ways, principal=False, source=False) is Truth.YES else Authz.ADDRESS


def _passes(ways: Sequence[Way], *, principal: bool, source: bool) -> Truth:
    def less(hop: Hop) -> Hop:
        if not hop.own:
            return hop
        client = hop.client if principal else replace(hop.client, principal=None)
        return replace(hop, client=client if source else replace(client, source=ANYWHERE))

    return either([_way(tuple(map(less, way))) for way in ways]).passes


def differing(found: Sequence[Decision]) -> Decision:
    """What holds when a pod has several addresses and policies treat them differently."""
    passing = [d for d in found if d.authz is not Authz.DENIED]
    unknown = any(d.authz is Authz.UNKNOWN for d in found)
    return Decision(
        Authz.UNKNOWN if unknown else Authz.REQUESTS,
        "; ".join(dict.fromkeys(d.because for d in passing)),
        tuple(dict.fromkeys(e for d in found for e in d.decided_by)),
        tuple(dict.fromkeys(u for d in found for u in d.unknown)),
    )


def _which(ways: Sequence[Way]) -> str:
    """Hosts, methods and paths of the ALLOW rules that may let the client in."""
    told = [
        words
        for way in ways
        for hop in way
        for request in _spoken(hop)
        for policy in hop.authorizer.allow
        for rule in policy.rules(request)
        if rule.matches(request) is not Truth.NO
        for operation in rule.operations
        if (words := _words(operation))
    ]
    allowed = [*dict.fromkeys(told)]
    return f"{', '.join(allowed[:SHOWN])}{_more(len(allowed))}" if allowed else ""


def _more(count: int) -> str:
    return f" and {count - SHOWN} more" if count > SHOWN else ""


def _words(operation: Sequence[Condition]) -> str:
    """`GET, POST /cart*`: what one alternative of a rule asks of the request itself."""
    parts: list[str] = []
    for name in (":method", ":authority", URL):
        for c in operation:
            if isinstance(c.question, Text) and c.question.name == name:
                said = [*_written(c.question.patterns)]
                listed = ",".join(said[:SHOWN]) + _more(len(said))
                parts.append(f"not {listed}" if c.negative else listed)
    return " ".join(parts)


def _written(patterns: Iterable[Pattern]) -> Iterator[str]:
    for p in patterns:
        match p.form:
            case Form.EXACT:
                yield p.text
            case Form.PREFIX:
                yield p.text + "*"
            case Form.SUFFIX:
                yield "*" + p.text
            case Form.PRESENT:
                yield "*"
            case Form.REGEX:
                yield "a path template"
