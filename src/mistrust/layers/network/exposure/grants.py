"""ReferenceGrants: those that a route lacks, and those that permit more than one object."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.access.evidence import at
from mistrust.access.fact import Fact
from mistrust.kube.core import Service
from mistrust.kube.ingress import ReferenceGrant
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.network.exposure.attachment import Attachments
from mistrust.layers.network.exposure.routes import every_route


def grant_facts(snapshot: Snapshot) -> Iterator[Fact]:
    """Both kinds."""
    yield from _lacking(snapshot)
    yield from _broad(snapshot)


def _lacking(snapshot: Snapshot) -> Iterator[Fact]:
    attachments = Attachments(snapshot)
    shown = {s.namespace for s in snapshot.of(Service)}
    for route in every_route(snapshot):
        dead = {
            f"{b.namespace}/{b.name}": at(route, "spec.rules", r, "backendRefs", i, value=f"{b.namespace}/{b.name}")
            for r, rule in enumerate(route.spec.rules)
            for i, b in enumerate(rule.backend_refs)
            if attachments.granted(route, b) is None and (snapshot.scope is Scope.CLUSTER or b.namespace in shown)
        }
        if dead:
            clause = f"leads to {', '.join(dead)}, and no ReferenceGrant there permits it"
            yield Fact("network.route-not-granted", str(route.ref), route.ref, clause, tuple(dead.values()))


def _broad(snapshot: Snapshot) -> Iterator[Fact]:
    for grant in snapshot.of(ReferenceGrant):
        wide = [(i, t) for i, t in enumerate(grant.spec.targets) if not t.name]
        if wide:
            whom = ", ".join(dict.fromkeys(f"{s.kind}s of {s.namespace}" for s in grant.spec.sources)) or "nobody"
            kinds = " and ".join(dict.fromkeys(t.kind for _, t in wide))
            evidence = tuple(at(grant, "spec.to", i, value=t.kind) for i, t in wide)
            clause = f"permits {whom} every {kinds} of {grant.namespace}"
            yield Fact("network.broad-grant", str(grant.ref), grant.ref, clause, evidence)
