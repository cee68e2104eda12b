"""What network and mesh show together: who can still speak plaintext, what is broken, what may go STRICT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.channels.crowd import Crowd, Crowds, members
from mistrust.channels.drawing import Doors, strands
from mistrust.kube.meta import Ref
from mistrust.kube.workloads import Workload
from mistrust.layers.mesh.channel import Transport

SHOWN = 3
"""How many clients a clause names before it counts the rest."""


def facts(
    workloads: Sequence[Workload],
    crowds: Crowds,
    meshed: Sequence[bool],
    doors: Doors,
    answers: Mapping[Ref, Sequence[int]],
) -> Iterator[Fact]:
    """Every fact, workload by workload, then namespace by namespace.

    `meshed` says of each workload whether a mesh carries it, `answers` at which ports it is known to answer. Where no
    mesh carries any, nothing is to be said: that everything is plaintext is one line of the summary, not a finding a
    workload.
    """
    if not any(meshed):
        return
    ready: dict[str, list[int]] = {}
    bare: dict[str, list[int]] = {}
    for i, workload in enumerate(workloads):
        if not crowds.classes(i):
            continue
        if not meshed[i]:
            bare.setdefault(workload.namespace, []).append(i)
            continue
        spoken = _Spoken(crowds, i, answers.get(workload.ref, ()), bool(doors.get(i)))
        if spoken.plain:
            yield _plaintext(workloads, workload, spoken)
        elif spoken.willing:
            ready.setdefault(workload.namespace, []).append(i)
        if spoken.broken:
            detail = f"{_named(workloads, spoken.broken)}: the network lets it through, the two sides do not fit"
            yield _fact("channels.broken", workload.ref, workload.ref, detail, spoken.broken_by)
    for namespace, found in sorted(ready.items()):
        names = _listed([str(workloads[i].ref) for i in found])
        detail = f"{names}: whoever may reach it speaks mutual TLS, and the server would still take plaintext"
        yield _space("channels.strict-ready", namespace, workloads[found[0]], detail)
    for namespace, found in sorted(bare.items()):
        every = sum(w.namespace == namespace for w in workloads)
        detail = f"{len(found)} of {every} {'workload' if every == 1 else 'workloads'}: " + _listed(
            [str(workloads[i].ref) for i in found]
        )
        yield _space("channels.no-mesh", namespace, workloads[found[0]], detail)


class _Spoken:
    """Who speaks how to one workload, where it is known to answer."""

    def __init__(self, crowds: Crowds, workload: int, points: Sequence[int], door: bool) -> None:
        self.plain: Crowd = 0
        """Clients whose own connections would be in plaintext, and would be served."""
        self.willing: Crowd = 0
        """Clients that speak mutual TLS to a server that takes plaintext too."""
        self.broken: Crowd = 0
        self.plain_by: tuple[Evidence, ...] = ()
        self.broken_by: tuple[Evidence, ...] = ()
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
            if told.transport is Transport.BROKEN:
                self.broken |= crowd
                self.broken_by = self.broken_by or told.decided_by
            elif told.plaintext and told.transport is Transport.MTLS_OPPORTUNISTIC:
                self.willing |= crowd
            elif told.plaintext:
                self.plain |= crowd
                self.plain_by = self.plain_by or told.decided_by
        self.broken &= ~(self.plain | self.willing)


def _plaintext(workloads: Sequence[Workload], workload: Workload, spoken: _Spoken) -> Fact:
    detail = f"{_named(workloads, spoken.plain)}: in the way of STRICT, and unseen by any authorization by identity"
    return _fact("channels.plaintext", workload.ref, workload.ref, detail, spoken.plain_by)


def _named(workloads: Sequence[Workload], crowd: Crowd) -> str:
    """`the Internet, Deployment ci/runner and 7 more`."""
    internet = 1 << len(workloads)
    names = ["the Internet"] if crowd & internet else []
    names += [str(workloads[i].ref) for i in members(crowd & ~internet)]
    return _listed(names)


def _listed(names: Sequence[str]) -> str:
    if len(names) <= SHOWN + 1:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN:,} more"


def _fact(name: str, subject: Ref, ref: Ref, detail: str, evidence: tuple[Evidence, ...]) -> Fact:
    return Fact(name, str(subject), ref, detail, evidence)


def _space(name: str, namespace: str, first: Workload, detail: str) -> Fact:
    ref = Ref("", "Namespace", "", namespace)
    return Fact(name, str(ref), ref, detail, (at(first.source),))
