"""What tells endpoints apart: everything that an answer may rest on, and nothing else."""

from __future__ import annotations

from collections.abc import Hashable

from mistrust.layers.mesh.istio import capture, client
from mistrust.layers.mesh.istio.capture import outbound
from mistrust.layers.mesh.istio.hosts import Via
from mistrust.layers.mesh.istio.server import Mode
from mistrust.layers.mesh.istio.view import View, kinds
from mistrust.layers.mesh.member import Kind, Member

ClientKey = tuple[Hashable, Hashable, Hashable]
"""How it sends, which DestinationRules are meant for it, and what policies may ask about it."""


class Keys:
    """The keys of the endpoints of one mesh."""

    def __init__(self, view: View) -> None:
        self._view = view
        outward = [outbound(e, Kind.SIDECAR) for e in view.endpoints]
        self._dialled = view.rules.ports.union(*(side.points() for side in outward))
        self._ranged = any(side.ranges for side in outward)

    def client(self, i: int) -> ClientKey:
        """All that decides what an endpoint sends, and what may be asked about it."""
        view = self._view
        e, member = view.endpoints[i], view.members[i]
        asked = view.authorization.source_key(i)
        if member.kind is Kind.NONE:
            return (Kind.NONE, e.host_network), None, asked
        who = view.client(i, next(iter(kinds(member))))
        known = (e.namespace, who.known.key()) if who.known.hosts else who.known.registry_only
        annotated = e.workload if who.told else -1
        rules = view.rules.client_key(e.namespace, e.labels)
        exported = e.namespace if e.namespace in view.hosts.shown else ""
        return (_taken(member), client.key(who), known, annotated, exported), rules, asked

    def server(self, i: int) -> Hashable:
        """All that decides what an endpoint accepts, what is sent to it, and who may."""
        view = self._view
        e, member = view.endpoints[i], view.members[i]
        ways = frozenset(map(self._way, view.hosts.vias[i]))
        subsets = tuple(sorted((k, e.labels[k]) for k in view.rules.subset_labels & e.labels.keys()))
        if member.kind is Kind.NONE:
            return Kind.NONE, ways, subsets
        scope = view.policies.scope(e.namespace, e.labels)
        what = view.server(i, next(iter(kinds(member))))
        return (
            _taken(member),
            tuple(id(p) for p in (scope.mesh, scope.namespace, scope.workload)),
            scope.doubt,
            e.workload if capture.told(e, "Inbound") else -1,
            what.tls_mode,
            what.tunnel,
            view.waypointed(i),
            id(view.scopes.of(e.namespace, e.labels)),
            view.gateways.key(e) if member.kind is Kind.GATEWAY else (),
            ways,
            subsets,
            view.authorization.target_key(i),
        )

    def _way(self, via: Via) -> Hashable:
        view = self._view
        hint = view.policies.hint(via.namespace)
        return (
            via.target,
            view.rules.host_key(via.host, via.namespace),
            hint.decided_by if hint.mode is Mode.DISABLE else (),
            via.headless,
            view.whole(via),
            via.external,
            via.exported,
            via.port if via.port in self._dialled else 0,
            via.address if self._ranged else "",
            (via.host, via.namespace) if view.scopes.narrow else "",
        )


def _taken(member: Member) -> Hashable:
    """How it takes part, and why that is not known."""
    return member.kind, member.maybe, member.because if member.kind is Kind.UNKNOWN else ""
