"""What the evidence shows of pods: audit logs and flows, in the words of the pods layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mistrust.access.record import Record, Tally
    from mistrust.cli.evidence import Seen
    from mistrust.kube.meta import Ref
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.identity.index import Rbac
    from mistrust.layers.identity.lookup import Request
    from mistrust.layers.network.usage import Usage as Connected
    from mistrust.layers.pods.layer import Powers
    from mistrust.layers.pods.usage import Call, Contacts, Usage
    from mistrust.report.assessment import Row

DAYS: Final = 14
"""Less evidence shows no absence, unless somebody says otherwise."""


def pods_seen(snapshot: Snapshot, seen: Seen, days: float) -> Usage:
    """What was used of the trust in the pods of a snapshot."""
    from mistrust.access.record import Record
    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.layers.identity.layer import Identity
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.usage import used as connections
    from mistrust.layers.pods.usage import used

    contacts = None
    if seen.flows is not None:
        contacts = _contacts(snapshot, connections(Network().granted(snapshot), seen.flows, snapshot), days)
    identity = Identity(default_rbac(), api_resources())
    record = calls(seen.audit) if seen.audit is not None else Record({})
    return used(snapshot, record, contacts, let_in(snapshot, identity.index(snapshot)))


def powers_row(powers: Powers, snapshot: Snapshot, audit: Record[Request] | None, rbac: Rbac) -> Row:
    """The row of the pods layer: of tokens an audit log tells who used them, of other powers nothing does."""
    from mistrust.layers.pods.escapes.escape import Power
    from mistrust.layers.pods.escapes.tokens import accounts, tokens
    from mistrust.layers.pods.layer import Access, Pods
    from mistrust.layers.pods.least.tokens import Spared, unused_tokens
    from mistrust.layers.pods.usage import used
    from mistrust.report.assessment import Row

    count = powers.count()
    if audit is None or not count:
        return Row("node powers", granted=count, layer=Pods.name)
    usage = used(snapshot, calls(audit), None, let_in(snapshot, rbac))
    held = {access for access in usage.accesses(snapshot) if access in powers}
    known = accounts(snapshot)
    found = (f.workload for f in unused_tokens(snapshot, usage, DAYS) if isinstance(f, Spared))
    spared = {Access(w.ref, Power.IDENTITY) for w in found if len(tuple(tokens(w, known))) == 1} - held
    unknown = count - len(held) - len(spared)
    return Row(
        "node powers",
        granted=count,
        used=len(held),
        excess=len(spared) / count,
        unknown=unknown / count if unknown else None,
        layer=Pods.name,
    )


def let_in(snapshot: Snapshot, rbac: Rbac) -> frozenset[Ref] | None:
    """The service accounts of workloads that RBAC lets in to a kubelet, or to the metrics of a control plane.

    What kubelets ask for: pkg/kubelet/server/auth.go.
    """
    from mistrust.kube.meta import Ref
    from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding
    from mistrust.layers.identity.lookup import Lookup, Request
    from mistrust.layers.identity.subjects import AUTHENTICATED, SERVICE_ACCOUNTS, account, group

    if snapshot.blind(ClusterRole) or snapshot.blind(ClusterRoleBinding):
        return None
    index = Lookup(rbac)
    verbs = ("get", "create", "update", "patch", "delete")
    parts = ("proxy", "stats", "metrics", "log", "spec", "checkpoint", "pods", "healthz", "configz")
    asked = [Request(verb=verb, resource="nodes", subresource=part) for verb in verbs for part in parts]
    asked += [Request(verb="get", path=path) for path in ("/metrics", "/configz", "/debug/pprof")]
    holders = {grant.principal for request in asked for grant in index.granting(request)}
    return frozenset(
        Ref("", "ServiceAccount", space, name)
        for space, name in {(w.namespace, w.spec.identity) for w in snapshot.workloads}
        if holders
        & {account(space, name), group(AUTHENTICATED), group(SERVICE_ACCOUNTS), group(f"{SERVICE_ACCOUNTS}:{space}")}
    )


def calls(record: Record[Request]) -> Record[Call]:
    """The requests of an audit log, as far as the pods layer asks."""
    from msgspec import structs

    from mistrust.access.record import Record
    from mistrust.layers.pods.usage import Call

    found: dict[Call, Tally] = {}
    for r, tally in record.uses.items():
        call = Call(r.user, r.verb, r.group, r.combined if r.path is None else "", r.namespace, r.name)
        found[call] = found[call] + tally if call in found else tally
    return Record(found, structs.replace(record.coverage))


def _contacts(snapshot: Snapshot, usage: Connected, days: float) -> Contacts:
    """Whom workloads met. The API server may be whoever is not told; where it is not shown, any address outside."""
    from mistrust.kube.core import Node
    from mistrust.kube.endpoints import endpoints
    from mistrust.layers.network.least.enough import unsaid
    from mistrust.layers.network.usage import Names
    from mistrust.layers.pods.usage import Contacts

    ends = endpoints(snapshot)
    doubtful = {ref for ref, _ in unsaid(snapshot, usage, ends, days)}
    servers = frozenset(_api_servers(snapshot))
    machines = {a.address for n in snapshot.of(Node) for a in n.status.addresses}
    outward = [a for a in usage.abroad if not a.inward]
    names, known = ("kubernetes", "kubernetes.default"), Names(snapshot)
    untold = (f for f in usage.unresolved if not (f.destination.pod or f.destination.workload))
    ran: dict[Ref, Tally] = {}
    for c, tally in (*usage.seen.items(), *usage.within.items()):
        for ref in (c.source, c.destination):
            if ref is not None:
                ran[ref] = ran[ref] + tally if ref in ran else tally
    for a, tally in usage.abroad.items():
        ran[a.workload] = ran[a.workload] + tally if a.workload in ran else tally
    return Contacts(
        ran=ran,
        complete=frozenset(w.ref for w in snapshot.workloads if w.ref not in doubtful),
        asked=frozenset(
            a.workload
            for a in outward
            if not servers or a.address in servers or a.address in machines or a.name.split(".svc")[0] in names
        ).union(ref for flow in untold for ref in known.who(flow.source) or ()),
        nodes=frozenset(a.workload for a in outward if a.address in machines),
        pairs=frozenset((c.source, c.destination) for c in usage.seen if c.source is not None),
    )


def _api_servers(snapshot: Snapshot) -> Iterator[str]:
    from mistrust.kube.core import Service
    from mistrust.kube.endpoints import endpoints
    from mistrust.layers.network.least.regulars import regulars

    yield from (a for a, _ in regulars(snapshot, endpoints(snapshot)).api_server)
    yield from (s.spec.cluster_ip for s in snapshot.of(Service) if (s.namespace, s.name) == ("default", "kubernetes"))
