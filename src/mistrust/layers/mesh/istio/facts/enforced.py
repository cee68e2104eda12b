"""Facts about AuthorizationPolicies where they meet workloads: evaded, not enforced, wider or narrower than written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.evidence import at
from mistrust.access.fact import Fact
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Authz
from mistrust.layers.mesh.istio.accept import Takes
from mistrust.layers.mesh.istio.authorization.conditions import Address, Condition, Identity, Which
from mistrust.layers.mesh.istio.authorization.protocols import Protocol
from mistrust.layers.mesh.istio.authorization.rules import Dropped, Every, Rule
from mistrust.layers.mesh.istio.authorization.server import Policy
from mistrust.layers.mesh.istio.facts import attached
from mistrust.layers.mesh.istio.facts import policies as facts_policies
from mistrust.layers.mesh.istio.facts.attached import names_of
from mistrust.layers.mesh.istio.facts.policies import excludes, fact, told
from mistrust.layers.mesh.istio.view import OUTSIDE, View
from mistrust.layers.mesh.member import Kind

Held = dict[int, list[int]]
"""Policy (by id) -> the endpoints that it holds for."""


def facts(mesh: View, snapshot: Snapshot) -> Iterator[Fact]:
    """Every fact about authorization in Istio."""
    held = _held(mesh)
    normalization = mesh.config.mesh.path_normalization.normalization
    for source in snapshot.of(AuthorizationPolicy):
        policy = mesh.authorization.proxied[id(source)]
        yield from facts_policies.facts(policy, mesh.authorization.providers, normalization)
        chosen = held.get(id(source), [])
        yield from attached.facts(mesh, snapshot, source, chosen)
        if chosen and not policy.dry_run and policy.action != "AUDIT":
            yield from _of_http(mesh, snapshot, policy, chosen)
            yield from _tunnelled(mesh, snapshot, policy, chosen)
            yield from _evaded(mesh, snapshot, policy, chosen)
            yield from _forwarded(mesh, snapshot, policy, chosen)
    yield from attached.tokens(mesh, snapshot)
    yield from attached.around(mesh, snapshot)


def _held(mesh: View) -> Held:
    out: Held = {}
    for i in range(len(mesh.endpoints)):
        if mesh.authorization.kind(i) is Kind.NONE:
            continue
        for policy in mesh.authorization.chosen(i):
            out.setdefault(id(policy), []).append(i)
    return out


def _of_http(mesh: View, snapshot: Snapshot, policy: Policy, chosen: Sequence[int]) -> Iterator[Fact]:
    """Rules about HTTP at ports where bytes are passed on."""
    at_tcp = [
        (i, v.target)
        for i in chosen
        if mesh.authorization.kind(i) is not Kind.AMBIENT
        for v in mesh.hosts.vias[i]
        if mesh.authorization.spoken(i, v.target) is Protocol.TCP
    ]
    lost = [
        field
        for i, with_http in enumerate(policy.http)
        if isinstance(with_http, Rule)
        for field in policy.tcp[i].lost
        if field not in with_http.lost
    ]
    if not at_tcp or not lost:
        return
    ports = ", ".join(str(p) for p in sorted({p for _, p in at_tcp})[:4])
    names = names_of(mesh, snapshot, [i for i, _ in at_tcp])
    evidence = tuple(told(policy.source, f.path, f.value) for f in lost)[:4]
    if policy.action == "ALLOW":
        detail = f"its rules about HTTP are left out at TCP port {ports} of {names}: they let nobody in there"
        yield fact("mesh.policy-narrower", policy.source, detail, evidence)
    else:
        detail = f"at TCP port {ports} of {names} its rules match without what they say about HTTP"
        yield fact("mesh.policy-wider", policy.source, detail, evidence)


def _tunnelled(mesh: View, snapshot: Snapshot, policy: Policy, chosen: Sequence[int]) -> Iterator[Fact]:
    """What ztunnel makes of a policy that no waypoint asks."""
    ambient = [i for i in chosen if mesh.authorization.kind(i) is Kind.AMBIENT]
    if not ambient:
        return
    names = names_of(mesh, snapshot, ambient)
    read = mesh.authorization.tunnelled.get(id(policy.source))
    if read is None:
        detail = f"ztunnel does not ask {policy.action} policies, so nothing enforces it for {names}"
        yield fact(
            "mesh.policy-unenforced", policy.source, detail, (at(policy.source, "spec.action", value=policy.action),)
        )
        return
    gone = [r for r in read.tcp if isinstance(r, Dropped)]
    lost = [f for r in read.tcp for f in r.lost]
    evidence = tuple(told(policy.source, f.path, f.value) for f in lost)[:4]
    if policy.action == "DENY" and gone:
        detail = (
            f"its rules about HTTP alone deny nobody at {names}: ztunnel does not see HTTP and no waypoint asks them"
        )
        yield fact("mesh.policy-unenforced", policy.source, detail, evidence)
    elif lost:
        how = "let nobody in" if policy.action == "ALLOW" else "deny more than they say"
        yield fact(
            "mesh.policy-ztunnel",
            policy.source,
            f"its rules about HTTP {how} at {names}: ztunnel does not see HTTP",
            evidence,
        )


def _evaded(mesh: View, snapshot: Snapshot, policy: Policy, chosen: Sequence[int]) -> Iterator[Fact]:
    """Rules that say who is not meant, at ports that take plaintext: whoever proves nothing is not excluded."""
    found = [(r, c) for r in policy.http if isinstance(r, Rule) for s in r.sources for c in _escapes(policy, s)]
    if not found:
        return
    plain = [i for i in chosen if any(_passes(mesh, i, p) for p in {v.target for v in mesh.hosts.vias[i]} or {0})]
    if plain:
        what = "does not deny them" if policy.action == "DENY" else "lets them in"
        names = names_of(mesh, snapshot, plain)
        detail = f"plaintext is taken at {names}, and whoever sends it has no identity: the policy {what}"
        evidence = tuple(dict.fromkeys(told(policy.source, c.path) for _, c in found))[:4]
        yield fact("mesh.policy-evaded", policy.source, detail, evidence)


def _passes(mesh: View, target: int, port: int) -> bool:
    """Does plaintext pass here, other policies included?"""
    taken = mesh.accepts(target, mesh.authorization.kind(target), port)
    if not taken.captured or taken.takes is Takes.MUTUAL:
        return False
    return mesh.authorization.authorize(OUTSIDE, target, port, authenticated=False).authz is not Authz.DENIED


def _escapes(policy: Policy, conditions: Every) -> tuple[Condition, ...]:
    if policy.action == "ALLOW":
        return excludes(conditions)
    return tuple(c for c in conditions if not c.negative and isinstance(c.question, Identity))


def _forwarded(mesh: View, snapshot: Snapshot, policy: Policy, chosen: Sequence[int]) -> Iterator[Fact]:
    """X-Forwarded-For believed where anybody may write it: at sidecars, which no proxy of the mesh stands before."""
    sidecars = [i for i in chosen if mesh.authorization.kind(i) is Kind.SIDECAR]
    asks = [
        c
        for r in policy.http
        if isinstance(r, Rule)
        for c in r.conditions
        if isinstance(c.question, Address) and c.question.which is Which.REMOTE
    ]
    if sidecars and asks:
        names = names_of(mesh, snapshot, sidecars)
        detail = f"trusts X-Forwarded-For at {names}, where the client writes it"
        evidence = tuple(dict.fromkeys(told(policy.source, c.path) for c in asks))[:4]
        yield fact("mesh.policy-forwarded", policy.source, detail, evidence)
