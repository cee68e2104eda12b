"""Facts about what policies are attached to: nothing, something that is not there, or something that can be avoided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.core import Service
from mistrust.kube.ingress import Gateway
from mistrust.kube.istio import AuthorizationPolicy, IstioGateway, RequestAuthentication, ServiceEntry, TargetRef
from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.authorization.attachment import WAYPOINT_CLASS, labels, refs
from mistrust.layers.mesh.istio.authorization.classes import asked
from mistrust.layers.mesh.istio.authorization.conditions import Subject, Token
from mistrust.layers.mesh.istio.authorization.server import Authorizer
from mistrust.layers.mesh.istio.facts.policies import fact
from mistrust.layers.mesh.istio.view import View
from mistrust.layers.mesh.member import Kind
from mistrust.layers.mesh.told import listed


def facts(mesh: View, snapshot: Snapshot, source: AuthorizationPolicy, chosen: Sequence[int]) -> Iterator[Fact]:
    """What one policy is attached to; `chosen` are the endpoints that it holds for."""
    yield from _targets(mesh, snapshot, source)
    if not chosen and not refs(source.spec):
        yield from _idle(source)


def names_of(mesh: View, snapshot: Snapshot, several: Sequence[int]) -> str:
    """The workloads of some endpoints, for a person."""
    return listed(snapshot.workloads[mesh.endpoints[i].workload].ref for i in several)


def _idle(source: AuthorizationPolicy) -> Iterator[Fact]:
    wanted = labels(source.spec)
    written = ", ".join(f"{k}={v}" for k, v in wanted.items())
    whom = f"no workload in the mesh has {written}" if wanted else "there is no workload in the mesh that it is for"
    evidence = (at(source, "spec.selector.matchLabels", value=written) if wanted else at(source),)
    yield fact("mesh.policy-idle", source, f"{whom}: it decides nothing today", evidence)


def _targets(mesh: View, snapshot: Snapshot, source: AuthorizationPolicy) -> Iterator[Fact]:
    for i, r in enumerate(refs(source.spec)):
        if why := _missing(mesh, snapshot, source, r):
            path = f"spec.targetRefs[{i}]" if source.spec.target_refs else "spec.targetRef"
            evidence = (at(source, path, value=f"{r.kind} {r.name}"),)
            yield fact("mesh.policy-target", source, f"{why}: nothing enforces it", evidence, f"{r.kind} {r.name}")


def _missing(mesh: View, snapshot: Snapshot, source: AuthorizationPolicy, r: TargetRef) -> str:
    """Why nothing at a target enforces the policy; empty if something does, or cannot be seen."""
    if r.kind == "GatewayClass":
        if source.namespace != mesh.config.root:
            return f"a policy for GatewayClass {r.name} counts in the root namespace {mesh.config.root} alone"
        return "" if r.name == WAYPOINT_CLASS else f"GatewayClass {r.name} is not that of waypoints"
    kind = _KINDS.get((r.kind, r.group == "networking.istio.io"))
    if kind is None:
        return f"nothing of kind {r.kind} is a target"
    if r.namespace not in ("", source.namespace):
        return f"{r.kind} {r.namespace}/{r.name} is in another namespace than the policy"
    if snapshot.blind(kind):
        return ""
    found = [o for o in snapshot.of(kind) if o.name == r.name and o.namespace == source.namespace]
    if not found:
        return f"there is no {r.kind} {source.namespace}/{r.name}"
    if kind in (Service, ServiceEntry) and not snapshot.blind(Gateway):
        return (
            "" if mesh.authorization.waypoints.of_service(found[0]) is not None else f"{found[0].ref} has no waypoint"
        )
    return ""


_KINDS: Final[Mapping[tuple[str, bool], type[Object]]] = {
    ("Service", False): Service,
    ("ServiceEntry", True): ServiceEntry,
    ("Gateway", True): IstioGateway,
    ("Gateway", False): Gateway,
}


def tokens(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Token checks that no policy builds on: a request without a token passes them."""
    every = snapshot.of(RequestAuthentication)
    bare: dict[int, list[int]] = {}
    for i in range(len(mesh.endpoints)):
        if mesh.authorization.kind(i) not in (Kind.SIDECAR, Kind.GATEWAY):
            continue
        chosen = mesh.authorization.tokens_at(i)
        if chosen and not _asks_for_tokens(mesh.authorization.at(i)):
            for policy in chosen:
                bare.setdefault(id(policy), []).append(i)
    for policy in every:
        if id(policy) in bare:
            names = names_of(mesh, snapshot, bare[id(policy)])
            detail = f"a request without a token passes at {names}: no AuthorizationPolicy there asks for one"
            evidence: tuple[Evidence, ...] = (
                at(policy, "spec.jwtRules", value=f"{len(policy.spec.jwt_rules)} issuers"),
            )
            yield Fact("mesh.tokens-optional", str(policy.ref), policy.ref, detail, evidence)


def _asks_for_tokens(authorizer: Authorizer) -> bool:
    return any(isinstance(q, Subject | Token) for q in asked(authorizer.policies)) or bool(authorizer.custom)


def around(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Policies at a waypoint that whoever dials the pod itself goes around."""
    found: dict[int, tuple[AuthorizationPolicy, list[int]]] = {}
    for i in range(len(mesh.endpoints)):
        if mesh.authorization.kind(i) is not Kind.AMBIENT or mesh.authorization.waypoints.all(i):
            continue
        if mesh.authorization.at(i).policies:
            continue
        for waypoint in mesh.authorization.waypoints.every(i):
            for policy in mesh.authorization.at_waypoint(waypoint).policies:
                found.setdefault(id(policy.source), (policy.source, []))[1].append(i)
    for source, several in found.values():
        names = names_of(mesh, snapshot, several)
        detail = f"whoever dials the address of a pod of {names} goes around the waypoint that asks it"
        refs_of = refs(source.spec)
        where = "spec.targetRefs" if source.spec.target_refs else "spec.targetRef"
        evidence = (at(source, where, value=", ".join(f"{r.kind} {r.name}" for r in refs_of)),)
        yield fact("mesh.waypoint-avoidable", source, detail, evidence)
