"""What a server of the mesh makes of one request, and which requests tell its policies apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import product
from typing import Final

import msgspec
from msgspec.structs import replace

from mistrust.layers.mesh.channel import Transport
from mistrust.layers.mesh.istio.accept import Accepts, Takes
from mistrust.layers.mesh.istio.authorization.classes import asked as about
from mistrust.layers.mesh.istio.authorization.conditions import Question, Which
from mistrust.layers.mesh.istio.authorization.messages import addresses, names, untold
from mistrust.layers.mesh.istio.authorization.requests import ANYBODY, Anything, Http, Request
from mistrust.layers.mesh.istio.authorization.server import Ruling
from mistrust.layers.mesh.istio.authorization.summary import either
from mistrust.layers.mesh.istio.authorization.truth import Truth
from mistrust.layers.mesh.istio.meet import MUTUAL, transport
from mistrust.layers.mesh.istio.view import OUTSIDE, View, kinds
from mistrust.layers.mesh.member import ISTIO, Kind

ANYTHING_GOES: Final = Ruling(Truth.YES, "no policy is asked there")
RANK: Final = {Truth.NO: 0, Truth.SOME: 1, Truth.UNKNOWN: 1, Truth.YES: 2}


class Weighed(msgspec.Struct, frozen=True):
    """What holds if client and server take part in one of the ways in which they may."""

    sending: Kind
    serving: Kind
    arrives: Ruling
    """Does the connection come about?"""
    said: Ruling
    """What policies say of the request, where it does."""

    def both(self) -> Ruling:
        """Is it let in?"""
        if self.arrives.passes is Truth.NO or self.said.passes is Truth.YES:
            return self.arrives
        if self.arrives.passes is Truth.YES or self.said.passes is Truth.NO:
            return self.said
        evidence = tuple(dict.fromkeys((*self.said.decided_by, *self.arrives.decided_by)))
        doubts = tuple(dict.fromkeys((*self.arrives.unknown, *self.said.unknown)))
        return Ruling(Truth.UNKNOWN, f"{self.arrives.because}; {self.said.because}", evidence, doubts)


def weighed(view: View, source: int, target: int, request: Request, *, partly: bool = False) -> tuple[Weighed, ...]:
    """A request of a client (or `OUTSIDE`) to a server, for each way in which the two may take part in the mesh.

    With a principal it comes over the mesh's mutual TLS, as the client's own proxy opens it, or, from outside, as
    whoever has that name does; without one it comes in plaintext or in TLS of the client's own. `partly`: more than
    method and path of the request is not known.
    """
    return tuple(
        _as(view, source, sending, target, serving, request, partly=partly)
        for sending in kinds(view.members[source] if source >= 0 else None)
        for serving in kinds(view.members[target])
    )


def ruling(view: View, source: int, target: int, request: Request, *, partly: bool = False) -> Ruling:
    """Does the server let it in, whichever way it is?"""
    found = [w.both() for w in weighed(view, source, target, request, partly=partly)]
    if all(f.passes is found[0].passes for f in found):
        return found[0]
    members = [view.members[i] for i in (source, target) if i >= 0]
    doubts = tuple(m.because for m in members if m.kind is Kind.UNKNOWN)
    return Ruling(Truth.UNKNOWN, "; ".join(doubts), found[0].decided_by, doubts)


def wider(new: Sequence[Weighed], old: Sequence[Weighed], *, same: bool) -> bool:
    """May more be let in, in some way to take part? `same`: is the same written down for both?"""
    if [(w.sending, w.serving) for w in new] != [(w.sending, w.serving) for w in old]:
        return True
    return any(_wider(n, o, same=same) for n, o in zip(new, old, strict=True))


def _wider(new: Weighed, old: Weighed, *, same: bool) -> bool:
    if new.arrives.passes is Truth.NO or new.said.passes is Truth.NO:
        return False
    return any(
        RANK[n.passes] > RANK[o.passes] or (RANK[n.passes] == RANK[o.passes] == 1 and not alike)
        for n, o, alike in (
            (new.arrives, old.arrives, new.arrives.unknown == old.arrives.unknown),
            (new.said, old.said, same),
        )
    )


def asked(view: View, source: int, target: int, request: Request) -> tuple[Question, ...]:
    """What rules may ask of this client's requests at the request's port."""
    authorization = view.authorization
    sending = ISTIO.intersection(kinds(view.members[source])) if source >= 0 else ()
    waypoint = view.waypointed(target) and request.principal is not None and bool(sending)
    whole = replace(request, principal=request.principal or authorization.stranger(target))
    return tuple(
        dict.fromkeys(
            q
            for r in _placed(view, source, target, whole)
            for q in authorization.questions(source, target, r, waypoint=waypoint)
        )
    )


def strangers(view: View, target: int) -> tuple[str | Anything, ...]:
    """One name for each way in which policies tell apart who proves to be somebody; with too many ways, any name."""
    return names(about(view.authorization.policies(target))) or (ANYBODY,)


def places(view: View, target: int) -> tuple[str, ...]:
    """One address for each way in which policies tell addresses outside apart."""
    return addresses(about(view.authorization.policies(target)), Which.SOURCE)


def port_key(view: View, target: int, port: int) -> Hashable:
    """All that tells a port of a server from others: what it takes, who asks about it, and how clients dial it."""
    vias = tuple((v.host, v.namespace, v.port) for v in view.hosts.vias[target] if v.target == port)
    taken = [view.accepts(target, kind, port) for kind in kinds(view.members[target])]
    mentioned = view.authorization.cuts(target) | view.refused
    return (
        vias,
        tuple((a.takes, a.captured, a.mode, a.unknown) for a in taken),
        view.authorization.spoken(target, port),
        port if port in mentioned else 0,
    )


def providers(view: View, target: int) -> Iterator[tuple[str, str]]:
    """The external authorizers that are asked, each with what it is asked about."""
    yield from ((p.provider, repr(p.source.spec)) for p in view.authorization.policies(target) if p.action == "CUSTOM")


def tokens(view: View, target: int) -> Hashable:
    """Which tokens are taken."""
    return tuple(sorted(repr(t.spec) for t in view.authorization.tokens_at(target)))


def written(view: View, target: int) -> Hashable:
    """All that is written down about who may do what at a server, word by word."""
    e = view.endpoints[target]
    scope = view.policies.scope(e.namespace, e.labels)
    doubtful = [p for p in (scope.mesh, scope.namespace, scope.workload) if p is not None] if scope.doubt else []
    asked = [repr((p.source.ref, p.source.spec)) for p in view.authorization.policies(target)]
    return (*asked, *(repr((p.ref, p.spec)) for p in doubtful)), tokens(view, target)


def _as(
    view: View, source: int, sending: Kind, target: int, serving: Kind, request: Request, *, partly: bool
) -> Weighed:
    accepts = view.served(source, target, serving, request.port)
    if accepts.unknown:
        arrives = Ruling(Truth.UNKNOWN, accepts.because, accepts.decided_by, accepts.unknown)
    else:
        arrives = _arrives(view, source, sending, target, serving, request, accepts)
    if arrives.passes is Truth.NO or not accepts.captured:
        return Weighed(sending, serving, arrives, ANYTHING_GOES)
    authorization = view.authorization
    mutual = request.principal is not None
    waypoint = mutual and view.waypointed(target) and sending in ISTIO
    whole = request if mutual else replace(request, principal=authorization.stranger(target))
    found = []
    for r in _placed(view, source, target, whole):
        if partly:
            questions = authorization.questions(source, target, r, waypoint=waypoint)
            r = replace(r, assumed={**untold(questions, http=isinstance(r.http, Http)), **r.assumed})
        found.append(authorization.ruling(source, target, r, waypoint=waypoint))
    said = either(found)
    return Weighed(
        sending,
        serving,
        arrives,
        replace(said, decided_by=tuple(dict.fromkeys((*said.decided_by, *arrives.decided_by)))),
    )


def _arrives(
    view: View, source: int, sending: Kind, target: int, serving: Kind, request: Request, accepts: Accepts
) -> Ruling:
    """Does the connection come about, policies aside?"""
    if request.principal is None:
        passes = accepts.takes is not Takes.MUTUAL
        because = "" if passes else f"the server takes mutual TLS alone: {accepts.because}"
        return Ruling(Truth.YES if passes else Truth.NO, because, accepts.decided_by)
    if source == OUTSIDE:
        passes = accepts.takes in (Takes.MUTUAL, Takes.BOTH)
        because = "" if passes else f"the server takes no mutual TLS: {accepts.because}"
        return Ruling(Truth.YES if passes else Truth.NO, because, accepts.decided_by)
    if request.principal != view.authorization.principal(source):
        return Ruling(Truth.NO, f"the client is {view.authorization.principal(source)}")
    ways = [*view.sends(source, sending, target, serving, request.port)]
    met = [(transport(way, accepts), way) for way in ways]
    if any(t in MUTUAL for t, _ in met):
        return Ruling(Truth.YES, "", accepts.decided_by)
    because = "; ".join(dict.fromkeys((*(w.because for w in ways), accepts.because)))
    evidence = tuple(dict.fromkeys((*(e for w in ways for e in w.decided_by), *accepts.decided_by)))
    doubts = tuple(dict.fromkeys(u for t, w in met if t is Transport.UNKNOWN for u in (*w.unknown, *accepts.unknown)))
    if any(t is Transport.UNKNOWN for t, _ in met):
        return Ruling(Truth.UNKNOWN, because, evidence, doubts or (because,))
    return Ruling(Truth.NO, f"no mutual TLS comes about: {because}", evidence)


def _placed(view: View, source: int, target: int, request: Request) -> Iterator[Request]:
    """The request from each address of the client to each of the server."""
    here = (view.endpoints[source].addresses or (None,)) if source >= 0 else (request.source,)
    for a, b in product(here, view.endpoints[target].addresses or (None,)):
        remote = a if request.http is None else request.remote
        yield replace(request, source=a, destination=b, remote=remote)
