"""What is worth knowing about Linkerd in a cluster: doors that stand open, and policies that do nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.linkerd import LinkerdAuthorizationPolicy, Server
from mistrust.kube.meta import Ref
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.linkerd.authorization import Proof
from mistrust.layers.mesh.linkerd.grants import Ignored, is_kind
from mistrust.layers.mesh.linkerd.linkerd import Linkerd
from mistrust.layers.mesh.linkerd.membership import DEFAULT_POLICY, INJECT, ON, REQUIRE_IDENTITY, SKIP_INBOUND, Member
from mistrust.layers.mesh.linkerd.targets import server_ports
from mistrust.layers.mesh.told import annotation

SHOWN = 3
"""How many workloads a clause names before it counts the rest."""
LATE = (DEFAULT_POLICY, REQUIRE_IDENTITY)
"""What a namespace may be annotated with for more safety than its pods have."""
Found = tuple[Endpoint, Member]


def facts(mesh: Linkerd, snapshot: Snapshot) -> Iterator[Fact]:
    """Every fact: of namespaces, of policies, of Servers, of workloads."""
    by_namespace: dict[str, list[Found]] = {}
    for endpoint, member in zip(mesh.endpoints, mesh.members, strict=True):
        by_namespace.setdefault(endpoint.namespace, []).append((endpoint, member))
    for name in sorted(by_namespace):
        yield from _open_by_default(name, by_namespace[name], mesh, snapshot)
    for policy in sorted(snapshot.of(LinkerdAuthorizationPolicy), key=lambda p: p.ref):
        if is_kind(policy.spec.target_ref, "", "Namespace"):
            yield from _without_server(policy, by_namespace.get(policy.namespace, ()), mesh, snapshot)
    yield from (_of("mesh.linkerd-policy-ignored", i) for i in mesh.policies.ignored)
    yield from (_of("mesh.linkerd-policy-idle", i) for i in mesh.policies.idle)
    yield from _open_servers(mesh)
    for name, servers in sorted(mesh.policies.servers.items()):
        yield from _servers(servers, [e for e, m in by_namespace.get(name, ()) if m.meshed is not False])
    yield from _workloads(mesh, snapshot)


def _open_by_default(name: str, found: Sequence[Found], mesh: Linkerd, snapshot: Snapshot) -> Iterator[Fact]:
    meshed = [(e, m) for e, m in found if m.meshed is True]
    bare = [(e, m) for e, m in meshed if m.default_policy == "audit" or m.default_policy.endswith("-unauthenticated")]
    if not bare:
        return
    policies = ", ".join(sorted({m.default_policy for _, m in bare}))
    whom = _workload_names(snapshot, (e for e, _ in bare))
    detail = f"{whom}: every port without a Server takes plaintext under the default policy {policies}"
    space = mesh.namespaces[name]
    evidence: list[Evidence] = []
    for e, m in bare:
        if DEFAULT_POLICY in e.annotations:
            evidence.append(annotation(e, DEFAULT_POLICY))
        elif m.annotated and isinstance(space, Namespace):
            evidence.append(at(space, f'metadata.annotations["{DEFAULT_POLICY}"]', value=m.default_policy))
        else:
            evidence.extend(mesh.settings.evidence)
    ref = Ref("", "Namespace", "", name)
    evidence = sorted(dict.fromkeys(evidence), key=str)[:SHOWN] or [at(min(bare, key=_of_found)[0].source)]
    yield Fact("mesh.linkerd-unauthenticated", str(ref), ref, detail, tuple(evidence))


def _without_server(
    policy: LinkerdAuthorizationPolicy, found: Iterable[Found], mesh: Linkerd, snapshot: Snapshot
) -> Iterator[Fact]:
    if snapshot.blind(Server):
        return
    servers = mesh.policies.servers.get(policy.namespace, ())
    bare = [e for e, m in found if m.meshed is True and not any(_selected(s, e) for s in servers)]
    if bare:
        whom = _workload_names(snapshot, bare)
        detail = f"does nothing for {whom}: no Server selects a port there, so the default policy decides alone"
        evidence = (at(policy, "spec.targetRef", value=f"Namespace {policy.namespace}"),)
        yield Fact("mesh.linkerd-namespace-policy", str(policy.ref), policy.ref, detail, evidence)


def _of(name: str, ignored: Ignored) -> Fact:
    source = ignored.source
    return Fact(name, str(source.ref), source.ref, ignored.why, ignored.evidence)


def _open_servers(mesh: Linkerd) -> Iterator[Fact]:
    """Authorizations that let everybody in from everywhere, each with the Servers where it does."""
    where: dict[Evidence, list[str]] = {}
    for inbound in mesh.policies.inbound.values():
        for a in inbound.every():
            if a.proof is Proof.NOTHING and (not a.networks or any(_whole(b.cidr) for b in a.networks)):
                for e in a.evidence:
                    where.setdefault(e, []).append(inbound.name)
    for e, names in where.items():
        detail = f"lets whoever comes, from everywhere and in plaintext, into {_listed(sorted(set(names)))}"
        yield Fact("mesh.linkerd-open", str(e.ref), e.ref, detail, (e,))


def _whole(cidr: str) -> bool:
    return cidr in ("0.0.0.0/0", "::/0")


def _servers(servers: Sequence[Server], meshed: Sequence[Endpoint]) -> Iterator[Fact]:
    decides: dict[tuple[int, int], Server] = {}
    for server in servers:
        if server.spec.pod_selector is None:
            continue
        selected = [i for i, e in enumerate(meshed) if matches(server.spec.pod_selector, e.labels)]
        ports = [(i, p) for i in selected for p in server_ports(server, meshed[i])]
        if not ports:
            named = f"none of the pods that it selects has a TCP port named {server.spec.port}"
            yield _server("mesh.linkerd-server-idle", server, named if selected else "it selects no pod with a proxy")
        elder = next((decides[key] for key in ports if key in decides), None)
        if elder is not None:
            shared = sorted({p for i, p in ports if (i, p) in decides})
            detail = f"port {', '.join(map(str, shared))} is decided by the older {elder.ref}"
            yield _server("mesh.linkerd-servers-overlap", server, detail)
        for key in ports:
            decides.setdefault(key, server)


def _server(name: str, server: Server, detail: str) -> Fact:
    evidence = (at(server, "spec.podSelector"), at(server, "spec.port", value=str(server.spec.port)))
    return Fact(name, str(server.ref), server.ref, detail, evidence)


def _workloads(mesh: Linkerd, snapshot: Snapshot) -> Iterator[Fact]:
    """What one of a workload's pods shows is told of the workload, once."""
    told: set[tuple[str, int]] = set()
    for endpoint, member in sorted(zip(mesh.endpoints, mesh.members, strict=True), key=_of_found):
        for name, detail, evidence in _weaknesses(endpoint, member, mesh):
            if (name, endpoint.workload) not in told:
                told.add((name, endpoint.workload))
                ref = snapshot.workloads[endpoint.workload].ref
                yield Fact(name, str(ref), ref, detail, evidence)


def _weaknesses(e: Endpoint, m: Member, mesh: Linkerd) -> Iterator[tuple[str, str, tuple[Evidence, ...]]]:
    space = mesh.namespaces[e.namespace]
    annotated = space.metadata.annotations.get(INJECT, "") if isinstance(space, Namespace) else ""
    if m.meshed is False:
        if annotated in ON and isinstance(space, Namespace):
            evidence = (at(space, f'metadata.annotations["{INJECT}"]', value=annotated), _why(e))
            yield "mesh.linkerd-not-injected", f"its namespace is injected, and it is not: {m.why}", evidence
        return
    if m.skip_told:
        detail = f"{m.skip_told} skip the proxy: no mutual TLS and no authorization there"
        yield "mesh.linkerd-skipped-ports", detail, (_annotated(e, SKIP_INBOUND, space),)
    if isinstance(space, Namespace) and e.source.live:
        for key in (k for k in LATE if k in space.metadata.annotations and k not in e.annotations):
            value = space.metadata.annotations[key]
            detail = f"its namespace says {key}={value}, which is read when a pod is injected, and it runs without"
            evidence = (at(space, f'metadata.annotations["{key}"]', value=value), at(e.source))
            yield "mesh.linkerd-annotation-late", detail, evidence
    for key in m.ignored:
        detail = f"{key} has a value that Linkerd does not take, so the cluster's setting holds"
        yield "mesh.linkerd-annotation-ignored", detail, (_annotated(e, key, space),)


def _why(e: Endpoint) -> Evidence:
    return annotation(e, INJECT) if INJECT in e.annotations else at(e.source)


def _annotated(e: Endpoint, key: str, space: Namespace | str) -> Evidence:
    if key in e.annotations or not isinstance(space, Namespace):
        return annotation(e, key)
    return at(space, f'metadata.annotations["{key}"]', value=space.metadata.annotations.get(key, ""))


def _selected(server: Server, endpoint: Endpoint) -> bool:
    return matches(server.spec.pod_selector, endpoint.labels) and bool(server_ports(server, endpoint))


def _workload_names(snapshot: Snapshot, found: Iterable[Endpoint]) -> str:
    return _listed(sorted({str(snapshot.workloads[e.workload].ref) for e in found}))


def _of_found(found: Found) -> tuple[str, str, str]:
    endpoint, _ = found
    return (endpoint.namespace, endpoint.name, str(endpoint.source.ref))


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + rest
