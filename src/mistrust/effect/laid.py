"""Manifests laid over a cluster, as if they were applied to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import structs

from mistrust.kube.core import Service
from mistrust.kube.meta import Object, Ref
from mistrust.kube.pods import Pod
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.workloads import shape, template_of


def laid_over(cluster: Snapshot, manifests: Snapshot) -> Snapshot:
    """The cluster with every object of the manifests in the place of its own of that name; the others stay.

    What only a server knows of an object (its uid, its addresses) stays. Where a pod template changes, what its
    controller made of the old one goes. Nothing is deleted because the manifests do not name it.
    """
    written: dict[Ref, list[Object]] = {}
    for o in manifests.objects:
        written.setdefault(o.ref, []).append(o)
    there = {o.ref: o for o in cluster.objects}
    gone = set(_made_of({ref: o for ref, o in there.items() if ref in written and _remade(o, written[ref])}, there))
    kept = (o for o in cluster.objects if o.ref not in written and o.ref not in gone)
    applied = (_applied(o, there.get(ref)) for ref, copies in written.items() for o in copies)
    return snapshot(
        [*kept, *applied],
        (*cluster.problems, *manifests.problems),
        gaps=cluster.gaps,
        scope=Scope.CLUSTER,
        version=cluster.version,
        name=manifests.name,
    )


def without(cluster: Snapshot, ref: Ref) -> Snapshot:
    """The cluster after an object was deleted, and what its controller made with it."""
    there = {o.ref: o for o in cluster.objects}
    gone = {ref, *(_made_of({ref: there[ref]}, there) if ref in there else ())}
    return cluster.holding(o for o in cluster.objects if o.ref not in gone)


def _applied(o: Object, before: Object | None) -> Object:
    """An object as a server would keep it."""
    if before is None:
        return o
    known = before.metadata
    o = structs.replace(
        o,
        metadata=structs.replace(
            o.metadata,
            uid=known.uid,
            resource_version=known.resource_version,
            creation_timestamp=known.creation_timestamp,
            owner_references=o.metadata.owner_references or known.owner_references,
        ),
    )
    if isinstance(o, Service) and isinstance(before, Service) and not o.spec.cluster_ip:
        return structs.replace(o, spec=structs.replace(o.spec, cluster_ip=before.spec.cluster_ip))
    return o


def _remade(before: Object, after: Iterable[Object]) -> bool:
    """Does what makes pods describe others than before?"""
    described = template_of(before)
    if described is None or isinstance(before, Pod):
        return False
    own = (described[1].metadata.labels, described[1].metadata.annotations, shape(described[1].spec))
    templates = (found[1] for o in after if (found := template_of(o)) is not None)
    return any((t.metadata.labels, t.metadata.annotations, shape(t.spec)) != own for t in templates)


def _made_of(owners: Mapping[Ref, Object], there: Mapping[Ref, Object]) -> Iterator[Ref]:
    """What some controllers made, and what that made in turn."""
    made: dict[Ref, list[Ref]] = {}
    for ref, o in there.items():
        for owner in o.metadata.owner_references:
            if owner.controller:
                group, slash, _ = owner.api_version.rpartition("/")
                made.setdefault(Ref(group if slash else "", owner.kind, ref.namespace, owner.name), []).append(ref)
    work, seen = list(owners), set(owners)
    while work:
        for ref in made.get(work.pop(), ()):
            if ref not in seen:
                seen.add(ref)
                work.append(ref)
                yield ref
