"""What the servers of all meshes let in, as an exact set: who, to whom, proving what, at which port, asking for what.

Requests are symbols: of all that a client can make up one request stands for those that no rule of either side tells
apart, so that two sets are compared over every request. What nobody can know for sure is in the set; where two sets
leave the same open for the same reason, neither has more. A workload that answers itself counts like any other.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import product
from typing import Final, Self

from msgspec.structs import replace

from mistrust.access.ports import SPAN
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.core import Service
from mistrust.kube.endpoints import Endpoint, endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.fabric import Fabric
from mistrust.layers.mesh.istio import granting as istio
from mistrust.layers.mesh.istio.authorization.conditions import Question
from mistrust.layers.mesh.istio.authorization.messages import about_tokens, messages
from mistrust.layers.mesh.istio.authorization.requests import ANY_HTTP, Anything, Http, Request
from mistrust.layers.mesh.istio.authorization.truth import Truth
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.least.access import Access
from mistrust.layers.mesh.linkerd import granting as linkerd
from mistrust.layers.mesh.linkerd.linkerd import Linkerd
from mistrust.layers.mesh.mesh import Mesh, mesh
from mistrust.layers.mesh.use import ANYTHING, Use

OUTSIDE: Final = -1
SOME_SEGMENT: Final = "0any0"
"""Stands for an identifier in a path."""
SCHEME: Final = "spiffe://"
RANK: Final = {Answer.DENIED: 0, Answer.UNKNOWN: 1, Answer.ALLOWED: 2}


class Grants:
    """What is let in; `Allowed` of `trust.prove`."""

    def __init__(
        self,
        snapshot: Snapshot,
        meshes: Mesh,
        ends: Sequence[Endpoint],
        used: Mapping[Ref, frozenset[int]],
    ) -> None:
        self.snapshot, self.mesh, self.ends = snapshot, meshes, ends
        self.pods: dict[Ref, tuple[int, ...]] = {}
        """The endpoints of each workload."""
        for i, e in enumerate(ends):
            ref = snapshot.workloads[e.workload].ref
            self.pods[ref] = (*self.pods.get(ref, ()), i)
        self._used = used
        self._less: Grants | None = None
        self._sides: tuple[Grants, ...] = (self,)
        self._whole: dict[Hashable, Verdict] = {}
        self._services: dict[str, list[Service]] = {}
        for s in snapshot.of(Service):
            self._services.setdefault(s.namespace, []).append(s)
        self._answers: dict[Ref, frozenset[int]] = {}
        self._fabrics: dict[int, list[Fabric]] = {}
        self._words: dict[int, Hashable] = {}
        self._ports: dict[tuple[Ref, int], Hashable] = {}

    def __contains__(self, access: Access) -> bool:
        verdict = self.decide(access)
        if self._less is None:
            return verdict.answer is not Answer.DENIED
        before = self._less.decide(access)
        if verdict.answer is Answer.UNKNOWN and before.answer is Answer.UNKNOWN:
            return self._wider(access, self._less)
        return RANK[verdict.answer] > RANK[before.answer]

    def __sub__(self, other: Self) -> Grants:
        """What this lets in and the other does not, or not surely."""
        made = copy(self)  # it shares what was found out already
        made._less, made._sides = other, (self, other)
        return made

    def witness(self) -> Access | None:
        """One access inside; None if there is none."""
        return next((access for access, _ in self._found(self.pods)), None)

    def count(self) -> int:
        """How many (source workload or outside, destination workload, port) have an access inside.

        Ports count where the destination is known to answer: declared ones, those that Services send to, and used ones.
        """
        return sum(many for _, many in self._found(self.pods))

    def at(self, destinations: Iterable[Ref]) -> Iterator[Access]:
        """Accesses inside to some destinations, one of each kind."""
        yield from (access for access, _ in self._found(destinations))

    def between(self, source: Ref | None, destination: Ref) -> Iterator[Access]:
        """The same for one source, by port."""
        sides = self._sides
        ports = frozenset(p for s in sides for p in s.answers(destination))
        for port in (*sorted(ports), *sorted(_between(sides, destination, ports))):
            yield from self._inside(source, destination, port)

    def decide(self, access: Access) -> Verdict:
        """One access: does some pod of the destination let it in from some pod of the source?"""
        targets = self.pods.get(access.destination, ())
        sources = (OUTSIDE,) if access.source is None else self.pods.get(access.source, ())
        pairs = {(self._class(s), self.mesh.target_of[t]): (s, t) for s in sources for t in targets}
        found = [self._pair(key, s, t, access) for key, (s, t) in pairs.items()]
        if not found:
            return Verdict(Answer.DENIED, f"there is no {access.destination if sources else access.source}")
        return max(found, key=lambda v: RANK[v.answer])

    def _pair(self, classes: tuple[int, int], source: int, target: int, access: Access) -> Verdict:
        """The same for two endpoints; of all that a client may send the answer is kept."""
        r = access.request
        if isinstance(r.http, Http) or r.sni is not None or r.assumed or access.partly:
            return self.pair(source, target, r, partly=access.partly)
        key = (access.source, *classes, r.port, r.principal, r.source, r.remote, r.http)
        if key not in self._whole:
            self._whole[key] = self.pair(source, target, r)
        return self._whole[key]

    def pair(self, source: int, target: int, request: Request, *, partly: bool = False) -> Verdict:
        """The same for one endpoint (or `OUTSIDE`) and another: the server's mesh decides."""
        for fabric in self._speaking(target):
            match fabric:
                case Istio():
                    return istio.ruling(fabric.view, source, target, request, partly=partly).verdict()
                case Linkerd():
                    name = request.principal
                    return linkerd.verdict(fabric, source, target, request.port, name if isinstance(name, str) else "")
                case _:
                    pass
        if request.principal is not None:
            return Verdict(Answer.DENIED, "the server is in no mesh, so nobody proves who they are")
        return Verdict(Answer.ALLOWED, "the server is in no mesh")

    def principal(self, ref: Ref, destination: Ref) -> str | None:
        """The name that a workload proves to another one; None where no mesh gives it one."""
        targets = self.pods.get(destination, ())
        for i in self.pods.get(ref, ()):
            for fabric in self._speaking(targets[0]) if targets else ():
                if fabric.sends(fabric.source_of[i]) is not False:
                    return _name(fabric, i)
        return None

    def answers(self, ref: Ref) -> frozenset[int]:
        """The TCP ports where a workload is known to answer."""
        if ref not in self._answers:
            found = set(self._used.get(ref, ()))
            for i in self.pods.get(ref, ()):
                e = self.ends[i]
                found.update(p.number for p in e.ports if p.protocol == "TCP")
                for s in self._services.get(e.namespace, ()):
                    if covers(s.spec.selector, e.labels):
                        found.update(
                            n for p in s.spec.ports if p.protocol == "TCP" for n in _numbers(p.target_port or p.port, e)
                        )
            self._answers[ref] = frozenset(n for n in found if 0 < n < SPAN)
        return self._answers[ref]

    def ways(self, use: Use) -> tuple[Access, ...]:
        """The accesses any of which a use may have been; none for what no mesh carries, such as UDP.

        External authorizers have let it in, or it would not have been seen.
        """
        if use.at >= SPAN or use.destination not in self.pods:
            return ()
        told = bool(use.method or use.path)
        http = Http(use.method, use.path.replace(ANYTHING, SOME_SEGMENT)) if told else ANY_HTTP
        own = self.principal(use.source, use.destination) if use.source is not None else None
        name = use.identity.removeprefix(SCHEME) or own
        pods = [(f, i) for i in self.pods[use.destination] for f in self._speaking(i) if isinstance(f, Istio)]
        passed: dict[Hashable, Truth] = {
            provider: Truth.YES for f, i in pods for provider, _ in istio.providers(f.view, i)
        }
        found: list[Access] = []
        if name is not None and use.security in ("mtls", ""):
            source = use.source if name == own else None
            found.append(
                Access(source, use.destination, Request(use.port, name, http=http, assumed=passed), partly=True)
            )
        if use.security != "mtls" and not use.identity:
            found.append(
                Access(use.source, use.destination, Request(use.port, None, http=http, assumed=passed), partly=True)
            )
        return tuple(found)

    def _speaking(self, target: int) -> list[Fabric]:
        """The meshes that may decide for a server, the sure ones first."""
        if target not in self._fabrics:
            found = [f for f in self.mesh.fabrics if f.speaks(f.target_of[target]) is not False]
            self._fabrics[target] = sorted(found, key=lambda f: f.speaks(f.target_of[target]) is not True)
        return self._fabrics[target]

    def _class(self, source: int) -> int:
        return self.mesh.source_of[source] if source >= 0 else self.mesh.outside

    def _wider(self, access: Access, other: Grants) -> bool:
        """Where both do not know: may this let in more, in any way in which clients and servers may take part?"""
        mine, theirs = ([*s._possible(access)] for s in (self, other))
        return len(mine) != len(theirs) or any(
            istio.wider(a, b, same=said == before) if isinstance(a, tuple) and isinstance(b, tuple) else said != before
            for (said, a), (before, b) in zip(mine, theirs, strict=True)
        )

    def _possible(self, access: Access) -> Iterator[tuple[Hashable, tuple[istio.Weighed, ...] | None]]:
        """For each pair of pods and each mesh what is written down, and what comes of it in each way to take part."""
        r = access.request
        for t in self.pods.get(access.destination, ()):
            for s in (OUTSIDE,) if access.source is None else self.pods.get(access.source, ()):
                for fabric in self._speaking(t):
                    weighed = (
                        istio.weighed(fabric.view, s, t, r, partly=access.partly) if isinstance(fabric, Istio) else None
                    )
                    yield self._written(fabric, t, r.port), weighed

    def _written(self, fabric: Fabric, target: int, port: int) -> Hashable:
        """What is written down about a server, word by word."""
        match fabric:
            case Istio():
                if target not in self._words:
                    self._words[target] = istio.written(fabric.view, target)
                return self._words[target]
            case Linkerd():
                return linkerd.written(fabric, target, port)
            case _:
                return None

    def _found(self, destinations: Iterable[Ref]) -> Iterator[tuple[Access, int]]:
        """An access for each part of the set, and how many connections it stands for."""
        sides = self._sides
        known: dict[Hashable, Access | None] = {}
        sources = (*dict.fromkeys(ref for s in sides for ref in s.pods), None)
        for destination in destinations:
            ports = frozenset(p for s in sides for p in s.answers(destination))
            what = tuple(s._targets(destination) for s in sides)
            classes: dict[Hashable, list[Ref | None]] = {}
            for ref in sources:
                classes.setdefault(tuple(s._sources(ref, destination) for s in sides), []).append(ref)
            for port in (*sorted(ports), *sorted(_between(sides, destination, ports))):
                for who, several in classes.items():
                    key = (what, who, tuple(s._port_key(destination, port) for s in sides))
                    if key not in known:
                        known[key] = next(self._inside(several[0], destination, port), None)
                    access = known[key]
                    if access is not None:
                        yield self._moved(access, several[0], destination, port), len(several) if port in ports else 0

    def _moved(self, access: Access, source: Ref | None, destination: Ref, port: int) -> Access:
        """The same access of another source, to another destination and port, of the same classes."""
        request = replace(access.request, port=port)
        if request.principal is not None and source is not None:
            request = replace(request, principal=self.principal(source, destination))
        return Access(source, destination, request)

    def _targets(self, ref: Ref) -> Hashable:
        return frozenset(self.mesh.target_of[i] for i in self.pods.get(ref, ()))

    def _port_key(self, ref: Ref, port: int) -> Hashable:
        """All that tells a port of its servers from others."""
        key = (ref, port)
        if key not in self._ports:
            pods = [(f, i) for i in self.pods.get(ref, ()) for f in self._speaking(i)]
            self._ports[key] = frozenset(_port_key(f, i, port) for f, i in pods)
        return self._ports[key]

    def _sources(self, ref: Ref | None, destination: Ref) -> Hashable:
        """What the destination can tell about a source."""
        own = (self.mesh.outside,) if ref is None else tuple(self.mesh.source_of[i] for i in self.pods.get(ref, ()))
        targets = frozenset(self.mesh.target_of[t] for t in self.pods.get(destination, ()))
        return ref is None, frozenset((t, self.mesh.alike(t)[s]) for s in own for t in targets)

    def _inside(self, source: Ref | None, destination: Ref, port: int) -> Iterator[Access]:
        """The accesses of one client at one port that are in the set."""
        for base in self._bases(source, destination, port):
            every = (Access(source, destination, replace(base, http=http)) for http in (ANY_HTTP, None))
            mine = [(a, self.decide(a).answer) for a in every]
            if all(answer is Answer.DENIED for _, answer in mine):
                continue
            if self._less is None and (sure := [a for a, answer in mine if answer is Answer.ALLOWED]):
                yield sure[0]
                continue
            if self._less is not None and all(self._less.decide(a).answer is Answer.ALLOWED for a, _ in mine):
                continue
            questions = [q for s in self._sides for q in s._asked(source, destination, base)]
            if len({s._tokens(destination) for s in self._sides}) > 1:
                differing = dict.fromkeys(about_tokens(questions), Truth.UNKNOWN)
                base = replace(base, assumed={**base.assumed, **differing})
            for request in messages(questions, base) or (replace(base, http=ANY_HTTP),):
                access = Access(source, destination, request)
                if access in self:
                    yield access

    def _bases(self, source: Ref | None, destination: Ref, port: int) -> Iterator[Request]:
        """With a name and without; from outside with each name and from each address that is told apart."""
        sides = self._sides
        assumed = _assumed(sides, destination)
        if source is not None:
            named = (s.principal(source, destination) for s in sides)
            for name in dict.fromkeys((*(n for n in named if n is not None), None)):
                yield Request(port, name, assumed=assumed)
            return
        pods = [(f, i) for s in sides for i in s.pods.get(destination, ()) for f in s._speaking(i)]
        names = dict.fromkeys(n for f, i in pods for n in _strangers(f, i))
        places = dict.fromkeys(p for f, i in pods for p in _places(f, i))
        for name, place in product((*names, None), places or (None,)):
            yield Request(port, name, place, assumed=assumed)

    def _tokens(self, destination: Ref) -> Hashable:
        """Which tokens its servers take."""
        pods = [(f, i) for i in self.pods.get(destination, ()) for f in self._speaking(i)]
        return frozenset(istio.tokens(f.view, i) for f, i in pods if isinstance(f, Istio))

    def _asked(self, source: Ref | None, destination: Ref, base: Request) -> Iterator[Question]:
        for i in (OUTSIDE,) if source is None else self.pods.get(source, ()):
            for t in self.pods.get(destination, ()):
                for fabric in self._speaking(t):
                    if isinstance(fabric, Istio):
                        yield from istio.asked(fabric.view, i, t, base)


def granted(snapshot: Snapshot, uses: Iterable[Use] = ()) -> Grants:
    """What the meshes of a snapshot let in. Where a use arrived, somebody answers."""
    ends = endpoints(snapshot)
    used: dict[Ref, set[int]] = {}
    for use in uses:
        if use.at < SPAN:
            used.setdefault(use.destination, set()).add(use.port)
    return Grants(snapshot, mesh(snapshot, ends), ends, {ref: frozenset(ports) for ref, ports in used.items()})


def _between(sides: Sequence[Grants], destination: Ref, known: frozenset[int]) -> frozenset[int]:
    """Ports that stand for all others: one between any two where an answer may change."""
    edges = {1, SPAN}
    for s in sides:
        for t in s.pods.get(destination, ()):
            edges.update(c for c in s.mesh.cuts(s.mesh.target_of[t]) if 1 <= c <= SPAN)
    edges.update(n for p in known for n in (p, p + 1))
    return frozenset(sorted(edges)[:-1]) - known


def _assumed(sides: Sequence[Grants], destination: Ref) -> dict[Hashable, Truth]:
    """External authorizers that both sides ask the same: they agree, so that all else is compared."""
    asked = []
    for s in sides:
        pods = [(f, i) for i in s.pods.get(destination, ()) for f in s._speaking(i) if isinstance(f, Istio)]
        asked.append({(name, said) for f, i in pods for name, said in istio.providers(f.view, i)})
    if len(sides) < 2 or asked[0] != asked[1]:
        return {}
    return {name: Truth.YES for name, _ in asked[0]}


def _name(fabric: Fabric, endpoint: int) -> str | None:
    match fabric:
        case Istio():
            return fabric.view.authorization.principal(endpoint)
        case Linkerd():
            return linkerd.principal(fabric, endpoint)
        case _:
            return None


def _port_key(fabric: Fabric, target: int, port: int) -> Hashable:
    return istio.port_key(fabric.view, target, port) if isinstance(fabric, Istio) else port


def _strangers(fabric: Fabric, target: int) -> tuple[str | Anything, ...]:
    match fabric:
        case Istio():
            return istio.strangers(fabric.view, target)
        case Linkerd():
            return linkerd.strangers(fabric, target)
        case _:
            return ()


def _places(fabric: Fabric, target: int) -> tuple[str, ...]:
    return istio.places(fabric.view, target) if isinstance(fabric, Istio) else ()


def _numbers(port: int | str, e: Endpoint) -> Iterator[int]:
    if isinstance(port, int):
        yield port
    else:
        yield from (p.number for p in e.ports if p.name == port and p.protocol == "TCP")
