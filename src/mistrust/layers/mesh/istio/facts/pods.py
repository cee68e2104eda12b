"""Facts about pods: those that the mesh misses, and traffic that passes the proxy by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.mesh.istio.capture import OWN, inbound, outbound, told
from mistrust.layers.mesh.istio.membership import AMBIENT, INJECT, INJECTION, MODE, PROXY, REVISION
from mistrust.layers.mesh.istio.server import Mode
from mistrust.layers.mesh.istio.view import View
from mistrust.layers.mesh.member import Kind
from mistrust.layers.mesh.told import label, listed

PROXY_USER = 1337
"""What runs as this user is taken for the proxy itself: its traffic is not intercepted."""
ABOVE = frozenset({"NET_ADMIN", "CAP_NET_ADMIN", "ALL"})
"""Capabilities that can rewrite the rules that send traffic through the proxy."""
OF_ISTIO = frozenset({PROXY, "istio-init", "istio-validation"})


def facts(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Every fact about pods in the mesh and beside it."""
    yield from _outside(mesh, snapshot)
    seen: set[int] = set()
    for i in mesh.ordered:
        e = mesh.endpoints[i]
        if e.workload in seen:
            continue
        seen.add(e.workload)
        workload = snapshot.workloads[e.workload]
        if mesh.members[i].kind in (Kind.SIDECAR, Kind.AMBIENT):
            yield from _bypassed(mesh, i, workload)
        if mesh.members[i].kind is Kind.SIDECAR:
            yield from _leaving(e, workload)
            yield from _above(workload)


def _outside(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """One for each namespace that the mesh takes in, with the workloads that it misses."""
    for name, space in sorted(mesh.namespaces.items()):
        held = space.metadata.labels
        enabled = held.get(INJECTION) == "enabled" or (INJECTION not in held and REVISION in held)
        key = next((k for k in (INJECTION, REVISION) if enabled and k in held), MODE)
        if not enabled and held.get(MODE) != AMBIENT:
            continue
        held_here = [i for i in mesh.ordered if mesh.endpoints[i].namespace == name]
        missed = [i for i in held_here if mesh.members[i].kind is Kind.NONE]
        if not missed:
            continue
        names = listed(snapshot.workloads[mesh.endpoints[i].workload].ref for i in missed)
        ref = Ref("", "Namespace", "", name)
        evidence = (at(space, f'metadata.labels["{key}"]', value=held[key]), *_refusals(mesh, missed))
        yield Fact("mesh.not-injected", str(ref), ref, f"{names}: {_why(mesh, missed)}", evidence)


def _why(mesh: View, missed: Sequence[int]) -> str:
    return "; ".join(sorted({mesh.members[i].because for i in missed}))


def _refusals(mesh: View, missed: Sequence[int]) -> tuple[Evidence, ...]:
    found = [mesh.endpoints[i] for i in missed]
    return tuple(label(e, k) for e in found[:3] for k in (INJECT, MODE) if k in e.labels)


def _bypassed(mesh: View, i: int, workload: Workload) -> Iterator[Fact]:
    """Ports that the server's proxy does not see."""
    e, kind = mesh.endpoints[i], mesh.members[i].kind
    evidence = told(e, "Inbound")
    if not evidence:
        return
    side = inbound(e, kind)
    listening = {p.number for p in e.ports if p.protocol == "TCP"} | {v.target for v in mesh.hosts.vias[i]}
    passed = sorted({p for p in listening if p not in side} | (side.excluded - frozenset(OWN)))
    if not passed:
        return
    strict = [p for p in passed if mesh.accepts(i, kind, p).mode is Mode.STRICT]
    which = ", ".join(str(p) for p in passed)
    ports = f"port {which}" if len(passed) == 1 else f"ports {which}"
    though = ", although a PeerAuthentication says STRICT" if strict else ""
    detail = f"{ports}: neither mutual TLS nor authorization{though}"
    yield Fact("mesh.port-excluded", str(workload.ref), workload.ref, detail, evidence)


def _leaving(e: Endpoint, workload: Workload) -> Iterator[Fact]:
    """Traffic that leaves without the client's proxy."""
    side = outbound(e, Kind.SIDECAR)
    if side.every and not side.excluded and not side.ranges:
        return
    if not side.every:
        what = "nothing goes through its proxy" + (
            f" but ports {', '.join(map(str, sorted(side.included)))}" if side.included else ""
        )
    else:
        parts = [f"ports {', '.join(map(str, sorted(side.excluded)))}"] if side.excluded else []
        parts += ["some addresses"] if side.ranges else []
        what = f"{' and '.join(parts)} leave without its proxy"
    detail = f"{what}: plaintext, without an identity"
    yield Fact("mesh.outbound-excluded", str(workload.ref), workload.ref, detail, told(e, "Outbound"))


def _above(workload: Workload) -> Iterator[Fact]:
    """Containers beside the proxy that can get around it."""
    spec = workload.spec
    found: list[tuple[str, Evidence]] = []
    common = spec.security_context.run_as_user
    for where, c in spec.every_container():
        if c.name in OF_ISTIO:
            continue
        own = c.security_context
        user = own.run_as_user if own is not None and own.run_as_user is not None else common
        if user == PROXY_USER:
            path = f"{workload.path}.{where}.securityContext" if user != common else f"{workload.path}.securityContext"
            found.append((f'container "{c.name}" runs as the proxy\'s user', at(workload.source, f"{path}.runAsUser")))
        added = own.capabilities.add if own is not None and own.capabilities is not None else ()
        held = [cap for cap in added if cap.upper() in ABOVE]
        if held or (own is not None and own.privileged):
            what = "capabilities.add" if held else "privileged"
            value = ", ".join(held) or "true"
            path = f"{workload.path}.{where}.securityContext.{what}"
            clause = f'container "{c.name}" may rewrite the rules that send traffic through the proxy'
            found.append((clause, at(workload.source, path, value=value)))
    if found:
        detail = "; ".join(dict.fromkeys(clause for clause, _ in found))
        evidence = tuple(e for _, e in found)
        yield Fact("mesh.proxy-avoidable", str(workload.ref), workload.ref, detail, evidence)
