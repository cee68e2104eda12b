"""Do the answers stay when pods come and go?"""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.obligation import Obligation
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.grants import Connection, Connections, granted
from mistrust.layers.network.proving.changed import idle, restarted, visited
from mistrust.layers.network.relation import both, combine, relation


def stability(new: Snapshot, now: Connections) -> Iterator[Obligation]:
    """The same answers between workloads when pods are made anew, two for each, and when there are none."""
    yield _same("restart", "pods get other names, hashes and addresses", now, granted(restarted(new)))
    yield _same("scaling up", "there are twice as many pods", now, granted(restarted(new, 2)))
    yield _same("scaling down", "no pod of a template runs", now, granted(idle(new)))


def newcomers(old: Snapshot, new: Snapshot) -> Obligation:
    """May a pod without labels, in any namespace or in a new one, nothing that it could not before?"""
    now = granted(visited(new))
    gained = now - granted(visited(old))
    found = gained.witness()
    if found is None:
        return Obligation("newcomers", True, "a pod without labels may nothing more, in a new namespace neither")
    sure = _sure(now, gained)
    may = "may" if sure is not None else "may perhaps"
    because = f"a pod without labels {may} open more ({gained.count():,} in all), such as {sure or found}"
    return Obligation("newcomers", False if sure is not None else None, because, (str(sure or found),))


def _same(name: str, when: str, now: Connections, then: Connections) -> Obligation:
    """False where an answer surely is another; None where it may be."""
    lost, gained = now - then, then - now
    surely = (_sure(now, lost), _sure(then, gained))
    for words, each in zip(("is refused", "is allowed"), surely, strict=True):
        if each is not None:
            return Obligation(name, False, f"where {when}, {each} {words}", (str(each),))
    some = lost.witness() or gained.witness()
    if some is not None:
        return Obligation(
            name, None, f"where {when}, {some} may get another answer: it rests on addresses", (str(some),)
        )
    return Obligation(name, True, f"no answer changes where {when}")


def _sure(of: Connections, differing: Connections) -> Connection | None:
    """A connection among the differing that `of` surely allows, whichever plugin runs."""
    if differing.witness() is None:
        return None
    firm = None
    for origin in of.origins:
        owners = [origin.snapshot.workloads[e.workload].ref for e in origin.reach.endpoints]
        own = relation(origin.reach, owners, Reach.sure)
        firm = own if firm is None else combine(firm, own, both)
    assert firm is not None
    return Connections(combine(firm, differing.relation, both), differing.answers, differing.origins).witness()
