"""What a server of the mesh makes of one request, and which requests tell its policies apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import product

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


def ruling(view: View, source: int, target: int, request: Request, *, partly: bool = False) -> Ruling:
    """Does a server let this request of a client (or `OUTSIDE`) in?

    With a principal it comes over the mesh's mutual TLS, as the client's own proxy opens it, or, from outside, as
    whoever has that name does; without one it comes in plaintext or in TLS of the client's own. `partly`: more than
    method and path of the request is not known.
    """
    members = [view.members[i] for i in (source, target) if i >= 0]
    found = [
        _as(view, source, sending, target, serving, request, partly=partly)
        for sending in kinds(view.members[source] if source >= 0 else None)
        for serving in kinds(view.members[target])
    ]
    if all(f.passes is found[0].passes for f in found):
        return found[0]
    doubts = tuple(m.because for m in members if m.kind is Kind.UNKNOWN)
    return Ruling(Truth.UNKNOWN, "; ".join(doubts), found[0].decided_by, doubts)


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


def providers(view: View, target: int) -> Iterator[tuple[str, str]]:
    """The external authorizers that are asked, each with what it is asked about."""
    yield from ((p.provider, repr(p.source.spec)) for p in view.authorization.policies(target) if p.action == "CUSTOM")


def tokens(view: View, target: int) -> Hashable:
    """Which tokens are taken."""
    return tuple(sorted(repr(t.spec) for t in view.authorization.tokens_at(target)))


def written(view: View, target: int, port: int) -> Hashable:
    """All that is written down for a server, word by word; where an answer hangs on more, this is what it hangs on."""
    e = view.endpoints[target]
    policies = view.authorization.policies(target)
    scope = view.policies.scope(e.namespace, e.labels)
    held = (*(p.source for p in policies), scope.mesh, scope.namespace, scope.workload)
    said = tuple(repr((o.ref, o.spec)) if o is not None else "" for o in held)
    return said, tokens(view, target), scope.doubt


def _as(
    view: View, source: int, sending: Kind, target: int, serving: Kind, request: Request, *, partly: bool
) -> Ruling:
    accepts = view.served(source, target, serving, request.port)
    if accepts.unknown:
        return Ruling(Truth.UNKNOWN, accepts.because, accepts.decided_by, accepts.unknown)
    arrives = _arrives(view, source, sending, target, serving, request, accepts)
    if arrives.passes is not Truth.YES or not accepts.captured:
        return arrives
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
    return replace(said, decided_by=tuple(dict.fromkeys((*said.decided_by, *arrives.decided_by))))


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
