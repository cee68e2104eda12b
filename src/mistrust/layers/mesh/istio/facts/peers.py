"""Facts about PeerAuthentications: where plaintext is taken, and policies that do not do what they seem to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import PeerAuthentication
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.ambient import ztunnel
from mistrust.layers.mesh.istio.server import Mode, Scope, labels, ports, sidecar
from mistrust.layers.mesh.istio.view import View
from mistrust.layers.mesh.member import Kind
from mistrust.layers.mesh.told import listed

SERVES = (Kind.SIDECAR, Kind.AMBIENT)
OTHER_PORT = 0
"""Stands for every port that no policy names."""


def facts(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Every fact about PeerAuthentications."""
    served = [i for i in mesh.ordered if mesh.members[i].kind in SERVES]
    yield from _permissive(mesh, snapshot, served)
    yield from _disabled(mesh, snapshot, served)
    yield from _ignored(mesh, snapshot)
    yield from _idle(mesh, snapshot)
    yield from _service_ports(mesh, snapshot)
    yield from _ambient(mesh, snapshot)


def _scope(mesh: View, e: Endpoint) -> Scope:
    return mesh.policies.scope(e.namespace, e.labels)


def _mode(mesh: View, i: int, port: int = OTHER_PORT) -> Mode:
    decide = ztunnel if mesh.members[i].kind is Kind.AMBIENT else sidecar
    return decide(_scope(mesh, mesh.endpoints[i]), port).mode


def _permissive(mesh: View, snapshot: Snapshot, served: Sequence[int]) -> Iterator[Fact]:
    """One for each namespace with workloads whose proxies would take plaintext, those with DISABLE aside."""
    held: dict[str, list[int]] = {}
    every: dict[str, set[int]] = {}
    for i in served:
        e = mesh.endpoints[i]
        every.setdefault(e.namespace, set()).add(e.workload)
        if _mode(mesh, i) is Mode.PERMISSIVE:
            held.setdefault(e.namespace, []).append(i)
    for namespace, found in sorted(held.items()):
        names = listed(snapshot.workloads[mesh.endpoints[i].workload].ref for i in found)
        said = sidecar(_scope(mesh, mesh.endpoints[found[0]]), OTHER_PORT)
        ref = Ref("", "Namespace", "", namespace)
        space = mesh.namespaces.get(namespace)
        evidence = said.decided_by or ((at(space),) if space is not None else (at(mesh.endpoints[found[0]].source),))
        count = len({mesh.endpoints[i].workload for i in found})
        detail = f"{count} of {len(every[namespace])} workloads in the mesh take plaintext: {names}; {said.because}"
        yield Fact("mesh.permissive", str(ref), ref, detail, evidence)


def _disabled(mesh: View, snapshot: Snapshot, served: Sequence[int]) -> Iterator[Fact]:
    """Policies whose DISABLE or PERMISSIVE takes something away from sidecars: as a whole, or at single ports."""
    off: dict[Evidence, tuple[PeerAuthentication, list[int]]] = {}
    loose: dict[Evidence, tuple[PeerAuthentication, list[int]]] = {}
    for i in served:
        if mesh.members[i].kind is not Kind.SIDECAR:
            continue
        scope = _scope(mesh, mesh.endpoints[i])
        rest = sidecar(scope, OTHER_PORT)
        for port in (OTHER_PORT, *sorted(ports(scope))):
            said = sidecar(scope, port)
            found = off if said.mode is Mode.DISABLE else loose
            if said.mode is Mode.DISABLE or (said.mode is Mode.PERMISSIVE and rest.mode is Mode.STRICT):
                for evidence in said.decided_by:
                    own = _of(scope, evidence)
                    if own is not None:
                        found.setdefault(evidence, (own, []))[1].append(mesh.endpoints[i].workload)
    for name, found in (("mesh.mtls-disabled", off), ("mesh.open-port", loose)):
        for evidence, (policy, workloads) in found.items():
            where = "" if evidence.path[1] == "mtls" else f" at port {evidence.path[2]}"
            detail = f"{evidence.value}{where} holds for {listed(snapshot.workloads[w].ref for w in workloads)}"
            yield Fact(name, f"{policy.ref}{where}", policy.ref, detail, (evidence,))


def _of(scope: Scope, evidence: Evidence) -> PeerAuthentication | None:
    held = (scope.workload, scope.namespace, scope.mesh)
    return next((p for p in held if p is not None and p.ref == evidence.ref), None)


def _ignored(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Policies that another one of their scope, or the root namespace, makes void."""
    for policy, why in mesh.policies.ignored:
        yield Fact("mesh.peers-ignored", str(policy.ref), policy.ref, why, (at(policy, "spec"),))
    lost: dict[tuple[Ref, Ref], tuple[PeerAuthentication, list[int]]] = {}
    for i in mesh.ordered:
        e = mesh.endpoints[i]
        chosen = [p for p in mesh.policies.selecting(e.namespace) if labels(p).items() <= e.labels.items()]
        for later in chosen[1:]:
            lost.setdefault((chosen[0].ref, later.ref), (later, []))[1].append(e.workload)
    for (first, _), (policy, workloads) in lost.items():
        names = listed(snapshot.workloads[w].ref for w in workloads)
        detail = f"for {names} {first} counts, which is older or comes first by name"
        evidence = (at(policy, "spec.selector.matchLabels", value=_shown(labels(policy))),)
        yield Fact("mesh.peers-ignored", f"{policy.ref} beside {first}", policy.ref, detail, evidence)


def _idle(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Policies for workloads that are not there, or are in no mesh."""
    for policy in snapshot.of(PeerAuthentication):
        if not labels(policy) or policy.namespace == mesh.config.root:
            continue
        chosen = [
            i
            for i, e in enumerate(mesh.endpoints)
            if e.namespace == policy.namespace and labels(policy).items() <= e.labels.items()
        ]
        if any(mesh.members[i].kind is not Kind.NONE for i in chosen):
            continue
        names = listed(snapshot.workloads[mesh.endpoints[i].workload].ref for i in chosen)
        detail = f"{names}: selected, but in no mesh" if chosen else "no workload of its namespace has these labels"
        evidence = (at(policy, "spec.selector.matchLabels", value=_shown(labels(policy))),)
        yield Fact("mesh.peers-idle", str(policy.ref), policy.ref, detail, evidence)


def _service_ports(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """A port of the Service where the container's was meant: the setting holds for a port that nobody listens on."""
    told: set[tuple[Ref, int]] = set()
    for i in mesh.ordered:
        e = mesh.endpoints[i]
        own = _scope(mesh, e).workload
        if own is None or mesh.members[i].kind is Kind.NONE:
            continue
        listening = {p.number for p in e.ports} | {v.target for v in mesh.hosts.vias[i]}
        for port in sorted(ports(_scope(mesh, e)) - listening):
            meant = next((v for v in mesh.hosts.vias[i] if v.port == port), None)
            if meant is None or (own.ref, port) in told:
                continue
            told.add((own.ref, port))
            detail = f"port {port} is that of {meant.source.ref}; its pods listen at {meant.target}"
            evidence = at(own, f'spec.portLevelMtls["{port}"]', value=own.spec.port_level_mtls[str(port)].mode)
            subject = f"{own.ref} port {port}"
            yield Fact("mesh.peers-service-port", subject, own.ref, detail, (evidence,))


def _ambient(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Where ztunnel does not do what the same policy does at a sidecar."""
    lost: dict[tuple[Ref, str], tuple[PeerAuthentication, list[int]]] = {}
    for i in mesh.ordered:
        e = mesh.endpoints[i]
        scope = _scope(mesh, e)
        if mesh.members[i].kind is not Kind.AMBIENT or scope.workload is None:
            continue
        every = (OTHER_PORT, *sorted(ports(scope)))
        opened = [p for p in every if sidecar(scope, p).mode is Mode.STRICT is not ztunnel(scope, p).mode]
        shut = [p for p in every if ztunnel(scope, p).mode is Mode.STRICT is not sidecar(scope, p).mode]
        if opened:
            which = ", ".join(f"port {p}" if p else "every other port" for p in opened)
            found = f"ztunnel takes plaintext at {which}, where the policy says STRICT"
            lost.setdefault((scope.workload.ref, found), (scope.workload, []))[1].append(e.workload)
        if shut:
            which = ", ".join(f"port {p}" if p else "every other port" for p in shut)
            found = f"ztunnel refuses plaintext at {which}, where the policy lets it in"
            lost.setdefault((scope.workload.ref, found), (scope.workload, []))[1].append(e.workload)
    for (ref, found), (policy, workloads) in lost.items():
        detail = f"{found}: {listed(snapshot.workloads[w].ref for w in workloads)}"
        yield Fact("mesh.ambient-differs", str(ref), ref, detail, (at(policy, "spec.portLevelMtls"),))


def _shown(chosen: Mapping[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(chosen.items()))
