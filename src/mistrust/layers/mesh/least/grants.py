"""What the servers of all meshes let in, as an exact set: who, to whom, proving what, at which port, asking for what.

Requests are symbols: of all that a client can make up one request stands for those that no rule of either side tells
apart, so that two sets are compared over every request. What nobody can know for sure is in the set; where two sets
leave the same open for the same reason, neither has more. A workload that answers itself counts like any other.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Final, Self

from mistrust.access.ports import SPAN
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.core import Service
from mistrust.kube.endpoints import Endpoint, endpoints
from mistrust.kube.meta import Ref
from mistrust.kube.selectors import covers
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.authorization.requests import ANY_HTTP, Http, Request
from mistrust.layers.mesh.istio.authorization.truth import Truth
from mistrust.layers.mesh.istio.granting import wider
from mistrust.layers.mesh.least.access import Access
from mistrust.layers.mesh.least.parts import parts, parts_between
from mistrust.layers.mesh.least.servers import OUTSIDE, Servers
from mistrust.layers.mesh.mesh import Mesh, mesh
from mistrust.layers.mesh.use import ONE, REST, Use

SOME_SEGMENT: Final = "0any0"
"""Stands for an identifier in a path."""
SCHEME: Final = "spiffe://"
RANK: Final = {Answer.DENIED: 0, Answer.UNKNOWN: 1, Answer.ALLOWED: 2}


class Grants:
    """What is let in; `Allowed` of `trust.prove`."""

    def __init__(
        self, snapshot: Snapshot, meshes: Mesh, ends: Sequence[Endpoint], used: Mapping[Ref, frozenset[int]]
    ) -> None:
        self.snapshot, self.mesh, self.ends = snapshot, meshes, ends
        self.servers = Servers(meshes)
        self.pods: dict[Ref, tuple[int, ...]] = {}
        """The endpoints of each workload."""
        for i, e in enumerate(ends):
            ref = snapshot.workloads[e.workload].ref
            self.pods[ref] = (*self.pods.get(ref, ()), i)
        self._services: dict[str, list[Service]] = {}
        for s in snapshot.of(Service):
            self._services.setdefault(s.namespace, []).append(s)
        self._used = used
        self._less: Grants | None = None
        self._sides: tuple[Grants, ...] = (self,)
        self._answers: dict[Ref, frozenset[int]] = {}
        self._whole: dict[Hashable, Verdict] = {}

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
        return next(self.at(self.pods), None)

    def count(self) -> int:
        """How many (source workload or outside, destination workload, port) have an access inside.

        Ports count where the destination is known to answer: declared ones, those that Services send to, and used ones.
        """
        return sum(many for _, many in parts(self._sides, self, self.pods))

    def at(self, destinations: Iterable[Ref]) -> Iterator[Access]:
        """Accesses inside to some destinations, one of each kind."""
        yield from (access for access, _ in parts(self._sides, self, destinations))

    def between(self, source: Ref | None, destination: Ref) -> Iterator[Access]:
        """The same for one source, by port."""
        yield from parts_between(self._sides, self, source, destination)

    def decide(self, access: Access) -> Verdict:
        """One access: does some pod of the destination let it in from some pod of the source?"""
        pairs = {self._classes(s, t): (s, t) for s, t in self._ends(access)}
        found = [self._pair(key, s, t, access) for key, (s, t) in pairs.items()]
        if not found:
            return Verdict(Answer.DENIED, f"there is no connection from {access.source} to {access.destination}")
        return max(found, key=lambda v: RANK[v.answer])

    def _ends(self, access: Access) -> Iterator[tuple[int, int]]:
        for s in (OUTSIDE,) if access.source is None else self.pods.get(access.source, ()):
            for t in self.pods.get(access.destination, ()):
                yield s, t

    def _classes(self, source: int, target: int) -> tuple[int, int]:
        return self.mesh.source_of[source] if source >= 0 else self.mesh.outside, self.mesh.target_of[target]

    def _pair(self, classes: tuple[int, int], source: int, target: int, access: Access) -> Verdict:
        """The same for two endpoints; of all that a client may send the answer is kept."""
        r = access.request
        if isinstance(r.http, Http) or r.sni is not None or r.assumed or access.partly:
            return self.servers.decide(source, target, r, partly=access.partly)
        key = (access.source, *classes, r.port, r.principal, r.source, r.remote, r.http)
        if key not in self._whole:
            self._whole[key] = self.servers.decide(source, target, r)
        return self._whole[key]

    def _wider(self, access: Access, other: Grants) -> bool:
        """Where both do not know: may this let in more, in any way in which clients and servers may take part?"""
        mine, theirs = (
            [p for a, b in s._ends(access) for p in s.servers.possible(a, b, access.request, partly=access.partly)]
            for s in (self, other)
        )
        return len(mine) != len(theirs) or any(
            wider(a, b, same=said == before) if a is not None and b is not None else said != before
            for (said, a), (before, b) in zip(mine, theirs, strict=True)
        )

    def principal(self, ref: Ref, destination: Ref) -> str | None:
        """The name that a workload proves to another one; None where no mesh gives it one."""
        targets = self.pods.get(destination, ())[:1]
        named = (self.servers.principal(i, t) for i in self.pods.get(ref, ()) for t in targets)
        return next((name for name in named if name is not None), None)

    def answers(self, ref: Ref) -> frozenset[int]:
        """The TCP ports where a workload is known to answer."""
        if ref not in self._answers:
            found = set(self._used.get(ref, ()))
            for e in (self.ends[i] for i in self.pods.get(ref, ())):
                found.update(p.number for p in e.ports if p.protocol == "TCP")
                chosen = (s for s in self._services.get(e.namespace, ()) if covers(s.spec.selector, e.labels))
                sent = (p.target_port or p.port for s in chosen for p in s.spec.ports if p.protocol == "TCP")
                found.update(n for port in sent for n in _numbers(port, e))
            self._answers[ref] = frozenset(n for n in found if 0 < n < SPAN)
        return self._answers[ref]

    def ways(self, use: Use) -> tuple[Access, ...]:
        """The accesses any of which a use may have been; none for what no mesh carries, such as UDP.

        External authorizers have let it in, or it would not have been seen.
        """
        if use.at >= SPAN or use.destination not in self.pods:
            return ()
        http = Http(use.method, some_path(use.path)) if use.method or use.path else ANY_HTTP
        own = self.principal(use.source, use.destination) if use.source is not None else None
        name = use.identity.removeprefix(SCHEME) or own
        asked = (p for i in self.pods[use.destination] for p, _ in self.servers.providers(i))
        passed: dict[Hashable, Truth] = dict.fromkeys(asked, Truth.YES)
        found: list[tuple[Ref | None, str | None]] = []
        if name is not None and use.security in ("mtls", ""):
            found.append((use.source if name == own else None, name))
        if use.security != "mtls" and not use.identity:
            found.append((use.source, None))
        return tuple(
            Access(source, use.destination, Request(use.port, proved, http=http, assumed=passed), partly=True)
            for source, proved in found
        )


def granted(snapshot: Snapshot, uses: Iterable[Use] = ()) -> Grants:
    """What the meshes of a snapshot let in. Where a use arrived, somebody answers."""
    ends = endpoints(snapshot)
    used: dict[Ref, set[int]] = {}
    for use in uses:
        if use.at < SPAN:
            used.setdefault(use.destination, set()).add(use.port)
    return Grants(snapshot, mesh(snapshot, ends), ends, {ref: frozenset(ports) for ref, ports in used.items()})


def some_path(path: str) -> str:
    """One of the paths that a use stands for.

    >>> some_path("/cart/{*}/items/{**}")
    '/cart/0any0/items/0any0/0any0'
    """
    return path.replace(REST, f"{SOME_SEGMENT}/{SOME_SEGMENT}").replace(ONE, SOME_SEGMENT)


def _numbers(port: int | str, e: Endpoint) -> Iterator[int]:
    if isinstance(port, int):
        yield port
    else:
        yield from (p.number for p in e.ports if p.name == port and p.protocol == "TCP")
