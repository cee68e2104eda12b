"""The protection and the authorization that are just enough for what was used of the meshes, and never wider.

Each proposal is put to the layer again: a workload of which something used would be lost, or for which something would
become wider, is left alone, with the reason, until nothing of that kind is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import structs

from mistrust.access.change import Change, LeftAlone, Tightened, applied
from mistrust.access.record import Coverage
from mistrust.access.telling import listed
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.least.authorizing import Authorizing
from mistrust.layers.mesh.least.evidence import Uses
from mistrust.layers.mesh.least.grants import Grants, granted
from mistrust.layers.mesh.least.ground import Ground
from mistrust.layers.mesh.least.protecting import protect
from mistrust.layers.mesh.least.serving import serve
from mistrust.layers.mesh.least.stances import Stance, stances
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
    stood = stances(ground, istio)
    protected, strict, left = _protected(ground, istio, stood)
    authorizing = Authorizing(ground, istio, stood, strict)
    unfit: dict[Ref, str] = {}
    exactly: frozenset[Ref] = frozenset()
    while True:
        draft = authorizing.draft(unfit, exactly)
        new = _after(strict.snapshot, draft.changes)
        lost, wider = _lost(ground, new, stood), _wider(ground, new, draft.written)
        if not lost and not wider:
            break
        first = {ref: ground.unit[ref].workloads[0] for ref in wider}
        loose = frozenset(unit for unit in first.values() if unit not in exactly)
        exactly |= loose
        unfit = _more(unfit, lost | {ref: why for ref, why in wider.items() if first[ref] not in loose}, loose, stood)
    same = {ref for ref, why in left.items() if draft.left.get(ref) == why}
    said = [LeftAlone(ref, left[ref]) for ref in same]
    for what, whys in (("transport", left), ("authorization", draft.left)):
        said += [LeftAlone(ref, f"its {what} stays: {why}") for ref, why in whys.items() if ref not in same]
    return Tightened((*protected, *draft.changes), tuple(said), tuple(_remarks(ground, authorizing)))


def _protected(
    ground: Ground, istio: Istio, stood: Mapping[Ref, Stance]
) -> tuple[tuple[Change, ...], Grants, Mapping[Ref, str]]:
    """The changes that require mutual TLS, what is let in with them, and who is left alone."""
    unfit: dict[Ref, str] = {}
    while True:
        now = {ref: structs.replace(s, left=s.left or unfit.get(ref, "")) for ref, s in stood.items()}
        found = protect(ground, istio, now)
        new = _after(ground.snapshot, found.changes)
        wrong = _lost(ground, new, stood) | _wider(
            ground, new, (ref for ref, s in now.items() if s.plain and not s.left)
        )
        if not wrong:
            return found.changes, new, found.left
        unfit = _more(unfit, wrong, (), stood)


def _linkerd(ground: Ground, linkerd: Linkerd) -> Tightened:
    unfit: dict[Ref, str] = {}
    while True:
        served = serve(ground, linkerd, unfit)
        new = _after(ground.snapshot, served.changes)
        wrong = _lost(ground, new, ground.grants.pods) | _wider(ground, new, served.written)
        if not wrong:
            return Tightened(served.changes, tuple(LeftAlone(ref, why) for ref, why in served.left.items()))
        unfit = _more(unfit, wrong, (), ground.grants.pods)


def _lost(ground: Ground, new: Grants, refs: Iterable[Ref]) -> dict[Ref, str]:
    return {use.destination: f"{use} would be refused: {why}" for use, why in ground.lost(new, refs)}


def _wider(ground: Ground, new: Grants, refs: Iterable[Ref]) -> dict[Ref, str]:
    return {a.destination: f"more than before would be let in, such as {a}" for a in (new - ground.grants).at(refs)}


def _more(unfit: dict[Ref, str], wrong: dict[Ref, str], other: Collection[Ref], every: Iterable[Ref]) -> dict[Ref, str]:
    """Who is left alone next. What goes wrong for those alone who are left alone already is nobody's: then all are."""
    if other or wrong.keys() - unfit.keys():
        return unfit | wrong
    return dict.fromkeys(every, next(iter(wrong.values())))


def _after(old: Snapshot, changes: Sequence[Change]) -> Grants:
    """What is let in with the changes."""
    return granted(old.holding(applied(old.objects, changes)))


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
