"""What network and mesh show together: who can still speak plaintext, and what may go STRICT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.access.telling import listed
from mistrust.channels.crowd import Crowd, Crowds, members, union
from mistrust.channels.drawing import Answers, Doors, strands
from mistrust.kube.meta import Ref
from mistrust.kube.workloads import Workload
from mistrust.layers.mesh.channel import Transport

EVIDENCE = 12
"""How many fields a finding of a namespace rests on at most."""

Told = tuple[Workload, Crowd, tuple[Evidence, ...]]
"""A workload, its clients, and what decided."""


def facts(
    workloads: Sequence[Workload],
    crowds: Crowds,
    meshed: Sequence[bool | None],
    doors: Doors,
    answers: Answers,
) -> Iterator[Fact]:
    """One fact a namespace and name, namespaces by name.

    `meshed` says of each workload whether a mesh carries it, `answers` at which ports it is known to answer. Where no
    mesh carries any, nothing is to be said: that everything is plaintext is one line of the summary.
    """
    if True not in meshed:
        return
    spaces: dict[str, _Space] = {}
    for i, workload in enumerate(workloads):
        if not crowds.classes(i):
            continue
        space = spaces.setdefault(workload.namespace, _Space())
        space.every += 1
        if meshed[i] is False:
            space.bare.append(workload)
        elif meshed[i]:
            space.spoken.append((workload, _Spoken(crowds, i, answers.get(workload.ref, ()), bool(doors.get(i)))))
    for namespace, space in sorted(spaces.items()):
        yield from _of_space(namespace, space, workloads)


class _Space:
    """What there is in one namespace."""

    def __init__(self) -> None:
        self.every = 0
        self.bare: list[Workload] = []
        self.spoken: list[tuple[Workload, _Spoken]] = []


def _of_space(namespace: str, space: _Space, workloads: Sequence[Workload]) -> Iterator[Fact]:
    plain = [(w, s.plain, s.plain_by) for w, s in space.spoken if s.plain]
    ready = [(w, s.willing, ()) for w, s in space.spoken if s.willing and not s.plain]
    if plain:
        clients = _named(workloads, union([crowd for _, crowd, _ in plain]))
        yield _fact("channels.plaintext", namespace, plain, f"{_of(plain, space)} to {clients}")
    if ready:
        yield _fact("channels.strict-ready", namespace, ready, _of(ready, space))
    if space.bare:
        bare = [(w, 0, ()) for w in space.bare]
        yield _fact("channels.no-mesh", namespace, bare, _of(bare, space))


class _Spoken:
    """Who speaks how to one workload, where it is known to answer."""

    def __init__(self, crowds: Crowds, workload: int, points: Sequence[int], door: bool) -> None:
        self.plain: Crowd = 0
        """Clients whose own connections would be in plaintext, and would be served."""
        self.willing: Crowd = 0
        """Clients that speak mutual TLS to a server that takes plaintext too."""
        self.plain_by: tuple[Evidence, ...] = ()
        own = 1 << workload
        for strand in strands(crowds, workload):
            if not any(p in strand.ports for p in points):
                continue
            crowd = crowds.of(strand.sources) & ~own
            if not door:
                crowd &= ~crowds.internet
            if not crowd:
                continue
            told = strand.channel
            if told.plaintext and told.transport is Transport.MTLS_OPPORTUNISTIC:
                self.willing |= crowd
            elif told.plaintext:
                self.plain |= crowd
                self.plain_by = self.plain_by or told.decided_by


def _of(told: Sequence[Told], space: _Space) -> str:
    """`2 of 5 workloads (Deployment shop/web, Deployment shop/cart)`."""
    names = listed([str(w.ref) for w, _, _ in told])
    return f"{len(told)} of {space.every} {'workload' if space.every == 1 else 'workloads'} ({names})"


def _named(workloads: Sequence[Workload], crowd: Crowd) -> str:
    """`the Internet, Deployment ci/runner and 7 more`."""
    internet = 1 << len(workloads)
    names = ["the Internet"] if crowd & internet else []
    names += [str(workloads[i].ref) for i in members(crowd & ~internet)]
    return listed(names)


def _fact(name: str, namespace: str, told: Sequence[Told], detail: str) -> Fact:
    ref = Ref("", "Namespace", "", namespace)
    decided = (e for _, _, evidence in told for e in evidence)
    evidence = tuple(dict.fromkeys((*decided, *(at(w.source) for w, _, _ in told))))
    return Fact(name, str(ref), ref, detail, evidence[:EVIDENCE])
