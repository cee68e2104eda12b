"""Selectors for workloads out of labels that stay: the smallest that choose exactly the wanted pods.

Asked are the labels of all pods that run and of all templates, so that a workload at zero counts. A workload that no
stable label tells from another one is one unit with it: policies can only treat both alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, combinations
from operator import or_
from typing import Final

import msgspec

from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Ref
from mistrust.kube.pods import Pod
from mistrust.kube.selectors import LabelSelector, Requirement
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import PodTemplateObject

Labels = Mapping[str, str]

PASSING: Final = frozenset(
    {
        "pod-template-hash", "controller-revision-hash", "pod-template-generation", "controller-uid", "job-name",
        "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index", "helm.sh/chart", "chart",
        "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "heritage", "version",
    }
)  # fmt: skip
"""Labels that change with a release or a restart: k8s.io/api/apps/v1, k8s.io/api/batch/v1, Helm's and the recommended
labels of kubernetes.io/docs/concepts/overview/working-with-objects/common-labels."""
INJECTED: Final = ("istio.io/", ".istio.io/", "linkerd.io/", "sidecar.")
"""In the prefix of what meshes add to pods."""
USUAL: Final = ("app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component", "app.kubernetes.io/instance")
"""The labels that people select by, the best first; any other one comes after them."""
FEW: Final = 3
"""So many labels of a selector are tried in every combination."""


class Unit(msgspec.Struct, frozen=True):
    """Workloads of one namespace that selectors can only choose together; mostly one."""

    namespace: str
    workloads: tuple[Ref, ...]
    """Sorted."""
    selector: LabelSelector | None
    """Exactly their pods; None where they have no label that stays."""

    def __hash__(self) -> int:
        return hash(self.workloads)


class _Literal(msgspec.Struct, frozen=True):
    """`key in values`, or no such key."""

    key: str
    values: tuple[str, ...]
    excludes: int
    """The shapes that it does not choose, as bits."""

    @property
    def rank(self) -> tuple[bool, int, str]:
        return not self.values, USUAL.index(self.key) if self.key in USUAL else len(USUAL), self.key


def units(snapshot: Snapshot, ends: Sequence[Endpoint]) -> tuple[Unit, ...]:
    """Every workload of the pods' network in one unit, by namespace and name."""
    shapes: dict[str, dict[Ref, set[tuple[tuple[str, str], ...]]]] = {}
    pods: dict[Ref, list[Labels]] = {}
    for e in ends:
        if not e.host_network:
            pods.setdefault(snapshot.workloads[e.workload].ref, []).append(e.labels)
    for w in snapshot.workloads:
        promised = not isinstance(w.source, Pod | PodTemplateObject) and not w.spec.host_network
        if promised or w.ref in pods:
            pods.setdefault(w.ref, [])
            if promised:
                pods[w.ref].append(w.labels)
    for ref, each in pods.items():
        kept = ({k: v for k, v in labels.items() if stays(k)} for labels in each)
        shapes.setdefault(ref.namespace, {})[ref] = {tuple(sorted(labels.items())) for labels in kept}
    return tuple(u for namespace in sorted(shapes) for u in _separated(namespace, shapes[namespace]))


def stays(key: str) -> bool:
    """Does a label with this key outlive a release and a restart?

    >>> stays("app"), stays("pod-template-hash"), stays("security.istio.io/tlsMode")
    (True, False, False)
    """
    return key not in PASSING and not any(word in key for word in INJECTED)


Shape = tuple[tuple[str, str], ...]


def _separated(namespace: str, shapes: Mapping[Ref, set[Shape]]) -> Iterator[Unit]:
    every = sorted({s for each in shapes.values() for s in each})
    index = {s: i for i, s in enumerate(every)}
    holding: dict[str, int] = {}
    valued: dict[tuple[str, str], int] = {}
    for s, i in index.items():
        for key, value in s:
            holding[key] = holding.get(key, 0) | 1 << i
            valued[key, value] = valued.get((key, value), 0) | 1 << i
    of = {ref: sum(1 << index[s] for s in each) for ref, each in shapes.items()}
    whole = (1 << len(every)) - 1
    alike: dict[frozenset[Shape], list[Ref]] = {}
    for ref in sorted(shapes):
        alike.setdefault(frozenset(shapes[ref]), []).append(ref)
    groups = [tuple(refs) for refs in alike.values()]
    literals: dict[tuple[Ref, ...], list[_Literal]] = {}
    while True:
        merged = False
        for group in groups:
            if group not in literals:
                literals[group] = list(_literals([sorted(shapes[r]) for r in group], holding, valued, whole))
            excluded = reduce(or_, (literal.excludes for literal in literals[group]), 0)
            others = [g for g in groups if g is not group and any(of[r] & ~excluded for r in g)]
            if others:
                groups = [g for g in groups if g is not group and g not in others]
                groups.append(tuple(sorted((*group, *(r for g in others for r in g)))))
                merged = True
                break
        if not merged:
            break
    for group in sorted(groups):
        mine = reduce(or_, (of[r] for r in group))
        yield Unit(namespace, group, _chosen(literals[group], whole & ~mine))


def _literals(
    group: Sequence[Sequence[Shape]], holding: Mapping[str, int], valued: Mapping[tuple[str, str], int], whole: int
) -> Iterator[_Literal]:
    """What is true of every pod of the workloads: one value of a key for each workload, or no such key."""
    shapes = [[dict(s) for s in each] for each in group]
    flat = [s for each in shapes for s in each]
    for key, held in holding.items():
        if not any(key in s for s in flat):
            yield _Literal(key, (), held)
        elif all(key in s for s in flat) and all(len({s[key] for s in each}) == 1 for each in shapes):
            values = tuple(sorted({s[key] for s in flat}))
            chosen = reduce(or_, (valued[key, v] for v in values))
            yield _Literal(key, values, whole & ~chosen)


def _chosen(literals: Iterable[_Literal], others: int) -> LabelSelector | None:
    """The smallest selector that leaves out the other shapes; labels are better than their absence."""
    ranked = sorted(literals, key=lambda literal: literal.rank)
    labels = [literal for literal in ranked if literal.values]
    if not labels:
        return None
    for size in range(1, FEW + 1):
        absent = [(one, no) for one in labels for no in ranked if not no.values] if size == FEW - 1 else []
        for some in chain(combinations(labels, size), absent):
            if not others & ~reduce(or_, (literal.excludes for literal in some)):
                return _selector(some)
    found, left = [labels[0]], others & ~labels[0].excludes
    while left:
        best = max(ranked, key=lambda literal: (literal.excludes & left).bit_count())
        found.append(best)
        left &= ~best.excludes
    return _selector(found)


def _selector(literals: Iterable[_Literal]) -> LabelSelector:
    ordered = sorted(literals, key=lambda literal: literal.rank)
    return LabelSelector(
        match_labels={x.key: x.values[0] for x in ordered if len(x.values) == 1},
        match_expressions=tuple(
            Requirement(x.key, "In" if x.values else "DoesNotExist", x.values) for x in ordered if len(x.values) != 1
        ),
    )
