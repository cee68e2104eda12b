"""The protection and the authorization that are just enough for what was used of the meshes, and never wider.

Each proposal is put to the layer again: a workload of which something used would be lost, or for which something would
become wider, is left alone, with the reason, until nothing of that kind is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mistrust.access.change import Change, LeftAlone, Tightened, applied
from mistrust.access.record import Coverage
from mistrust.access.telling import listed
from mistrust.kube.meta import Object, Ref
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.least.authorizing import Authorizing
from mistrust.layers.mesh.least.evidence import Uses
from mistrust.layers.mesh.least.grants import Grants, granted
from mistrust.layers.mesh.least.ground import Ground
from mistrust.layers.mesh.least.protecting import protect
from mistrust.layers.mesh.least.serving import serve
from mistrust.layers.mesh.least.stances import stances
from mistrust.layers.mesh.linkerd.linkerd import Linkerd


def synthesize(given: Snapshot, uses: Uses, coverage: Coverage, *, days: float = 14) -> Tightened:
    """What to change so that what was used is let in and little else.

    Less evidence than `days`, holes not counted, shows no absence. Uses are told by workloads of this snapshot.
    """
    old = granted(given, uses)
    ground = Ground(given, old, uses, coverage, days)
    changes: list[Change] = []
    left: set[LeftAlone] = set()
    remarks: list[str] = []
    for fabric in old.mesh.fabrics:
        match fabric:
            case Istio():
                found = _istio(ground, fabric)
            case Linkerd():
                found = _linkerd(ground, fabric)
            case _:
                continue
        changes += found.changes
        left.update(found.left)
        remarks += found.remarks
    return Tightened(tuple(changes), tuple(sorted(left)), tuple(dict.fromkeys(remarks)))


def _istio(ground: Ground, istio: Istio) -> Tightened:
    protected, strict, left = _protected(ground, istio)
    authorizing = Authorizing(ground, istio, stances(ground, istio), strict)
    unfit: dict[Ref, str] = {}
    exactly: frozenset[Ref] = frozenset()
    while True:
        draft = authorizing.draft(unfit, exactly)
        new = _after(strict.snapshot, draft.changes)
        lost = {use.destination: f"{use} would be refused: {why}" for use, why in ground.lost(new, draft.written)}
        units = {ref: ground.unit[ref].workloads[0] for ref in draft.written}
        wider = {
            a.destination: f"more than before would be let in, such as {a}"
            for a in (new - ground.grants).at(draft.written)
        }
        loose = {units[ref] for ref in wider if units[ref] not in exactly}
        if not lost and not wider:
            break
        exactly |= loose
        unfit |= lost | {ref: why for ref, why in wider.items() if units[ref] not in loose}
    said = [LeftAlone(ref, f"its transport stays: {why}") for ref, why in left.items()]
    said += [LeftAlone(ref, f"its authorization stays: {why}") for ref, why in draft.left.items()]
    same = {ref for ref, why in left.items() if draft.left.get(ref) == why}
    said = [*(LeftAlone(ref, left[ref]) for ref in same), *(s for s in said if s.ref not in same)]
    return Tightened((*protected, *draft.changes), tuple(said), tuple(_remarks(ground, authorizing)))


def _linkerd(ground: Ground, linkerd: Linkerd) -> Tightened:
    unfit: dict[Ref, str] = {}
    while True:
        served = serve(ground, linkerd, unfit)
        new = _after(ground.snapshot, served.changes)
        lost = {u.destination: f"{u} would be refused: {why}" for u, why in ground.lost(new, ground.grants.pods)}
        wider = {
            a.destination: f"more than before would be let in, such as {a}"
            for a in (new - ground.grants).at(served.written)
        }
        if not lost and not wider:
            left = tuple(LeftAlone(ref, why) for ref, why in served.left.items())
            return Tightened(served.changes, left)
        unfit |= wider | lost


def _protected(ground: Ground, istio: Istio) -> tuple[tuple[Change, ...], Grants, dict[Ref, str]]:
    """The changes that require mutual TLS, what is let in with them, and who is left alone."""
    stood = dict(stances(ground, istio))
    while True:
        found = protect(ground, istio, stood)
        new = _after(ground.snapshot, found.changes)
        lost = {
            use.destination: f"{use} would be refused: {why}"
            for use, why in ground.lost(new, stood)
            if not stood[use.destination].left
        }
        if not lost:
            return found.changes, new, dict(found.left)
        for ref, why in lost.items():
            stood[ref] = type(stood[ref])(ref, stood[ref].plain, why)


def _after(old: Snapshot, changes: Sequence[Change]) -> Grants:
    """What is let in with the changes."""
    objects: Iterable[Object] = applied(old.objects, changes)
    return granted(snapshot(objects, old.problems, gaps=old.gaps, scope=old.scope, version=old.version, name=old.name))


def _remarks(ground: Ground, authorizing: Authorizing) -> Iterable[str]:
    denied = sorted(set(map(str, authorizing.denied)))
    if denied:
        yield f"{len(denied):,} uses were seen that the policies deny, such as {denied[0]}: they stay denied"
    bare = [ref for ref in ground.rare if not any(ground.grants.principal(ref, d) for d in ground.grants.pods)]
    if bare:
        yield (
            f"no run of {listed(map(str, bare))} was seen, and no mesh gives it a name: "
            "servers that require one from now on refuse it"
        )
