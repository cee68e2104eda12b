"""Facts about namespaces: labels that mean nothing, and trust that no pod uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mistrust.access.evidence import Evidence
from mistrust.access.fact import Edit, Fact
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Object
from mistrust.kube.pods import Pod
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.workloads import Controller, CronJob
from mistrust.layers.pods.admission import Enforced
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.policy import ENFORCE, policy


def space_facts(
    snapshot: Snapshot, levels: Mapping[str, Sequence[Level]], enforced: Mapping[str, Enforced]
) -> Iterator[Fact]:
    """Facts about every Namespace of the snapshot.

    `levels` has the level of each workload by namespace, `enforced` what is enforced there.
    """
    for namespace in snapshot.of(Namespace):
        yield from _mistaken(namespace)
        if not blind(snapshot, namespace.name):
            yield from _loose(namespace, levels.get(namespace.name, ()), enforced[namespace.name], snapshot.scope)


def _mistaken(namespace: Namespace) -> Iterator[Fact]:
    labels = namespace.metadata.labels
    for label in policy(labels).invalid:
        effect = (
            "restricted is enforced" if label == ENFORCE else "latest is used" if "version" in label else "no effect"
        )
        seen = Evidence(namespace.ref, namespace.origin, ("metadata", "labels", label), labels[label])
        detail = f'label {label} says "{labels[label]}", which is not understood: {effect}'
        yield Fact("pods.namespace-label", str(namespace.ref), namespace.ref, detail, (seen,))


def _loose(namespace: Namespace, levels: Sequence[Level], enforced: Enforced, scope: Scope) -> Iterator[Fact]:
    """The namespace admits more than its workloads use: the stricter label breaks none of them."""
    if not levels and scope is Scope.MANIFESTS:
        return
    used = min(levels, default=Level.RESTRICTED)
    if used <= enforced.level:
        return
    ref, path = namespace.ref, ("metadata", "labels", ENFORCE)
    runs = f"its {len(levels)} workloads meet {used}" if len(levels) > 1 else f"its workload meets {used}"
    detail = f"{enforced.level} pods are admitted, although {runs if levels else 'it runs none'}"
    seen = Evidence(ref, namespace.origin, path, namespace.metadata.labels.get(ENFORCE, ""))
    edit = Edit(ref, namespace.origin, "set", path, str(used))
    yield Fact("pods.namespace-admits-more", str(ref), ref, detail, (seen,), (edit,))


def blind(snapshot: Snapshot, namespace: str) -> bool:
    """Is there a kind that makes pods and that could not be seen here? Then nothing is known to be unused."""
    kinds: tuple[type[Object], ...] = (Pod, CronJob, *Controller.__subclasses__())
    return any(gap.namespace in ("", namespace) for kind in kinds for gap in snapshot.blind(kind))
