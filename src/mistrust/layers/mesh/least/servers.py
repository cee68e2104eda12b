"""What is asked of whichever mesh decides for a server."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final

from mistrust.access.verdict import Answer, Verdict
from mistrust.layers.mesh.fabric import Fabric
from mistrust.layers.mesh.istio import granting as istio
from mistrust.layers.mesh.istio.authorization.conditions import Question
from mistrust.layers.mesh.istio.authorization.requests import Anything, Request
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.linkerd import granting as linkerd
from mistrust.layers.mesh.linkerd.linkerd import Linkerd
from mistrust.layers.mesh.mesh import Mesh

OUTSIDE: Final = -1
UNMESHED: Final = Verdict(Answer.ALLOWED, "the server is in no mesh")
NAMELESS: Final = Verdict(Answer.DENIED, "the server is in no mesh, so nobody proves who they are")


class Servers:
    """The servers of all meshes, by their endpoints; clients are endpoints too, or `OUTSIDE`."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._fabrics: dict[int, tuple[Fabric, ...]] = {}
        self._words: dict[int, Hashable] = {}

    def deciding(self, target: int) -> tuple[Fabric, ...]:
        """The meshes that may decide for a server, the sure ones first."""
        if target not in self._fabrics:
            found = [f for f in self.mesh.fabrics if f.speaks(f.target_of[target]) is not False]
            self._fabrics[target] = tuple(sorted(found, key=lambda f: f.speaks(f.target_of[target]) is not True))
        return self._fabrics[target]

    def decide(self, source: int, target: int, request: Request, *, partly: bool = False) -> Verdict:
        """Does a server let a request of a client in?"""
        for fabric in self.deciding(target):
            match fabric:
                case Istio():
                    return istio.ruling(fabric.view, source, target, request, partly=partly).verdict()
                case Linkerd():
                    name = request.principal
                    return linkerd.verdict(fabric, source, target, request.port, name if isinstance(name, str) else "")
                case _:
                    pass
        return UNMESHED if request.principal is None else NAMELESS

    def possible(
        self, source: int, target: int, request: Request, *, partly: bool
    ) -> Iterator[tuple[Hashable, tuple[istio.Weighed, ...] | None]]:
        """For each mesh what is written down for a server, and, of Istio, what comes of it in each way to take part."""
        for fabric in self.deciding(target):
            match fabric:
                case Istio():
                    if target not in self._words:
                        self._words[target] = istio.written(fabric.view, target)
                    yield self._words[target], istio.weighed(fabric.view, source, target, request, partly=partly)
                case Linkerd():
                    yield linkerd.written(fabric, target, request.port), None
                case _:
                    pass

    def principal(self, source: int, target: int) -> str | None:
        """The name that a client proves to a server; None where no mesh gives it one."""
        for fabric in self.deciding(target):
            if fabric.sends(fabric.source_of[source]) is not False:
                match fabric:
                    case Istio():
                        return fabric.view.authorization.principal(source)
                    case Linkerd():
                        return linkerd.principal(fabric, source)
                    case _:
                        pass
        return None

    def strangers(self, target: int) -> Iterator[str | Anything]:
        """One name for each way in which policies tell apart who proves to be somebody."""
        for fabric in self.deciding(target):
            match fabric:
                case Istio():
                    yield from istio.strangers(fabric.view, target)
                case Linkerd():
                    yield from linkerd.strangers(fabric, target)
                case _:
                    pass

    def port_key(self, target: int, port: int) -> Hashable:
        """All that tells a port of a server from others."""
        return tuple(
            istio.port_key(f.view, target, port) if isinstance(f, Istio) else port for f in self.deciding(target)
        )

    def places(self, target: int) -> Iterator[str]:
        """One address for each way in which policies tell addresses outside apart."""
        yield from (p for f in self._istio(target) for p in istio.places(f.view, target))

    def questions(self, source: int, target: int, request: Request) -> Iterator[Question]:
        """What rules may ask of a client's requests."""
        yield from (q for f in self._istio(target) for q in istio.asked(f.view, source, target, request))

    def providers(self, target: int) -> Iterator[tuple[str, str]]:
        """The external authorizers that are asked, each with what it is asked about."""
        yield from (each for f in self._istio(target) for each in istio.providers(f.view, target))

    def tokens(self, target: int) -> Hashable:
        """Which tokens are taken."""
        return tuple(istio.tokens(f.view, target) for f in self._istio(target))

    def _istio(self, target: int) -> Iterator[Istio]:
        yield from (f for f in self.deciding(target) if isinstance(f, Istio))
