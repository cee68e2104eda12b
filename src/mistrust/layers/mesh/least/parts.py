"""The parts of a set of accesses, and of what one set has over another: an access for each, found by asking both.

Clients, servers and ports that neither side tells apart are looked at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Protocol

from msgspec.structs import replace

from mistrust.access.ports import SPAN
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.meta import Ref
from mistrust.layers.mesh.istio.authorization.messages import about_tokens, messages
from mistrust.layers.mesh.istio.authorization.requests import ANY_HTTP, Request
from mistrust.layers.mesh.istio.authorization.truth import Truth
from mistrust.layers.mesh.least.access import Access
from mistrust.layers.mesh.least.servers import OUTSIDE, Servers


class Side(Protocol):
    """One of the sets that are compared."""

    @property
    def servers(self) -> Servers:
        """Its servers."""

    @property
    def pods(self) -> Mapping[Ref, tuple[int, ...]]:
        """The endpoints of each workload."""

    def answers(self, ref: Ref, /) -> frozenset[int]:
        """The ports where a workload is known to answer."""

    def decide(self, access: Access, /) -> Verdict:
        """One access."""

    def principal(self, ref: Ref, destination: Ref, /) -> str | None:
        """The name that a workload proves to another one."""


class Held(Side, Protocol):
    """The set whose parts are wanted."""

    def __contains__(self, access: Access, /) -> bool:
        """Is this access in the set?"""


def parts(sides: Sequence[Side], held: Held, destinations: Iterable[Ref]) -> Iterator[tuple[Access, int]]:
    """An access of `held` for each part, and how many connections it stands for; `sides` are all that are compared."""
    known: dict[Hashable, Access | None] = {}
    sources = (*dict.fromkeys(ref for s in sides for ref in s.pods), None)
    for destination in destinations:
        ports = frozenset(p for s in sides for p in s.answers(destination))
        what = tuple(_servers(s, destination) for s in sides)
        classes: dict[Hashable, list[Ref | None]] = {}
        for ref in sources:
            classes.setdefault(tuple(_clients(s, ref, destination) for s in sides), []).append(ref)
        for port in (*sorted(ports), *sorted(_between(sides, destination, ports))):
            like = tuple(_like(s, destination, port) for s in sides)
            for who, several in classes.items():
                key = (what, who, like)
                if key not in known:
                    known[key] = next(_inside(sides, held, several[0], destination, port), None)
                access = known[key]
                if access is not None:
                    yield _moved(held, access, several[0], destination, port), len(several) if port in ports else 0


def parts_between(sides: Sequence[Side], held: Held, source: Ref | None, destination: Ref) -> Iterator[Access]:
    """The accesses of one source to one destination, port by port."""
    ports = frozenset(p for s in sides for p in s.answers(destination))
    for port in (*sorted(ports), *sorted(_between(sides, destination, ports))):
        yield from _inside(sides, held, source, destination, port)


def _moved(held: Held, access: Access, source: Ref | None, destination: Ref, port: int) -> Access:
    """The same access of another source, to another destination and port, of the same classes."""
    request = replace(access.request, port=port)
    if request.principal is not None and source is not None:
        request = replace(request, principal=held.principal(source, destination))
    return Access(source, destination, request)


def _servers(side: Side, ref: Ref) -> Hashable:
    return frozenset(side.servers.mesh.target_of[i] for i in side.pods.get(ref, ()))


def _clients(side: Side, ref: Ref | None, destination: Ref) -> Hashable:
    """What the destination can tell about a source."""
    mesh = side.servers.mesh
    own = (mesh.outside,) if ref is None else tuple(mesh.source_of[i] for i in side.pods.get(ref, ()))
    targets = frozenset(mesh.target_of[t] for t in side.pods.get(destination, ()))
    return ref is None, frozenset((t, mesh.alike(t)[s]) for s in own for t in targets)


def _like(side: Side, ref: Ref, port: int) -> Hashable:
    """All that tells a port of a workload from others."""
    return frozenset(side.servers.port_key(i, port) for i in side.pods.get(ref, ()))


def _between(sides: Sequence[Side], destination: Ref, known: frozenset[int]) -> frozenset[int]:
    """Ports that stand for all others: one between any two where an answer may change."""
    edges = {1, SPAN}
    for s in sides:
        mesh = s.servers.mesh
        for t in s.pods.get(destination, ()):
            edges.update(c for c in mesh.cuts(mesh.target_of[t]) if 1 <= c <= SPAN)
    edges.update(n for p in known for n in (p, p + 1))
    return frozenset(sorted(edges)[:-1]) - known


def _inside(sides: Sequence[Side], held: Held, source: Ref | None, destination: Ref, port: int) -> Iterator[Access]:
    """The accesses of one client at one port that are in the set.

    First everything is asked at once: where nothing is let in, or the other side lets in all, there is nothing to try.
    """
    for base in _bases(sides, source, destination, port):
        every = [Access(source, destination, replace(base, http=http)) for http in (ANY_HTTP, None)]
        answers = [[s.decide(a).answer for a in every] for s in sides]
        if set(answers[0]) == {Answer.DENIED} or any(set(others) == {Answer.ALLOWED} for others in answers[1:]):
            continue
        if len(sides) == 1 and Answer.ALLOWED in answers[0]:
            yield every[answers[0].index(Answer.ALLOWED)]
            continue
        pods = [(s, i, t) for s in sides for i in _pods(s, source) for t in s.pods.get(destination, ())]
        questions = [q for s, i, t in pods for q in s.servers.questions(i, t, base)]
        if len({frozenset(s.servers.tokens(t) for t in s.pods.get(destination, ())) for s in sides}) > 1:
            base = replace(base, assumed={**base.assumed, **dict.fromkeys(about_tokens(questions), Truth.UNKNOWN)})
        for request in messages(questions, base) or (replace(base, http=ANY_HTTP),):
            access = Access(source, destination, request)
            if access in held:
                yield access


def _pods(side: Side, source: Ref | None) -> tuple[int, ...]:
    return (OUTSIDE,) if source is None else side.pods.get(source, ())


def _bases(sides: Sequence[Side], source: Ref | None, destination: Ref, port: int) -> Iterator[Request]:
    """With a name and without; from outside with each name and from each address that is told apart."""
    assumed = _assumed(sides, destination)
    if source is not None:
        named = (s.principal(source, destination) for s in sides)
        for name in dict.fromkeys((*(n for n in named if n is not None), None)):
            yield Request(port, name, assumed=assumed)
        return
    pods = [(s.servers, i) for s in sides for i in s.pods.get(destination, ())]
    names = dict.fromkeys(n for servers, i in pods for n in servers.strangers(i))
    places = dict.fromkeys(p for servers, i in pods for p in servers.places(i))
    for name, place in product((*names, None), places or (None,)):
        yield Request(port, name, place, assumed=assumed)


def _assumed(sides: Sequence[Side], destination: Ref) -> dict[Hashable, Truth]:
    """External authorizers that both sides ask the same: they agree, so that all else is compared."""
    asked = [{each for i in s.pods.get(destination, ()) for each in s.servers.providers(i)} for s in sides]
    if len(asked) < 2 or asked[0] != asked[1]:
        return {}
    return {name: Truth.YES for name, _ in asked[0]}
