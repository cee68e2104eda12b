"""Is every workload limited in both directions?"""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.obligation import Obligation
from mistrust.access.telling import listed
from mistrust.kube.meta import Ref
from mistrust.layers.network.grants import Connections

WAYS = ("in", "out")


def isolation(new: Connections) -> Obligation:
    """Which workloads no NetworkPolicy surely limits, by direction; those on the node's network none can limit."""
    hosts = set(_on_nodes(new))
    loose: dict[Ref, list[str]] = {}
    total: set[Ref] = set()
    for origin in new.origins:
        for ref, pods in origin.pods.items():
            total.add(ref)
            limits = [origin.reach.isolated(origin.reach.class_of[i]) for i in pods]
            open_ = [way for n, way in enumerate(WAYS) if not all(limit[n] for limit in limits)]
            if open_ and ref not in hosts:
                held = loose.setdefault(ref, [])
                held += [way for way in open_ if way not in held]
    beside = f"; {len(hosts):,} on the node's network cannot be" if hosts else ""
    if not loose:
        return Obligation("isolation", True, f"{len(total - hosts):,} workloads are limited in both directions{beside}")
    named = listed([f"{ref} ({' and '.join(ways)})" for ref, ways in sorted(loose.items())])
    because = f"{len(loose):,} of {len(total):,} workloads are not limited: {named}{beside}"
    return Obligation("isolation", False, because, tuple(f"{r} {' and '.join(w)}" for r, w in sorted(loose.items())))


def _on_nodes(new: Connections) -> Iterator[Ref]:
    for origin in new.origins:
        for ref, pods in origin.pods.items():
            if any(origin.reach.endpoints[i].host_network for i in pods):
                yield ref
