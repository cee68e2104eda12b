"""What the evidence shows of pods: audit logs and flows, in the words of the pods layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.access.record import Record, Tally
    from mistrust.cli.evidence import Seen
    from mistrust.kube.meta import Ref
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.identity.lookup import Request
    from mistrust.layers.network.usage import Usage as Connected
    from mistrust.layers.pods.usage import Call, Contacts, Usage


def pods_seen(snapshot: Snapshot, seen: Seen, days: float) -> Usage:
    """What was used of the trust in the pods of a snapshot."""
    from mistrust.access.record import Record
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.usage import used as connections
    from mistrust.layers.pods.usage import used

    contacts = None
    if seen.flows is not None:
        contacts = _contacts(snapshot, connections(Network().granted(snapshot), seen.flows, snapshot), days)
    return used(snapshot, _calls(seen.audit) if seen.audit is not None else Record({}), contacts)


def _calls(record: Record[Request]) -> Record[Call]:
    from msgspec import structs

    from mistrust.access.record import Record
    from mistrust.layers.pods.usage import Call

    found: dict[Call, Tally] = {}
    for r, tally in record.uses.items():
        call = Call(r.user, r.verb, r.group, r.combined if r.path is None else "", r.namespace, r.name)
        found[call] = found[call] + tally if call in found else tally
    return Record(found, structs.replace(record.coverage))


def _contacts(snapshot: Snapshot, usage: Connected, days: float) -> Contacts:
    """Whom workloads met. Where the snapshot does not show where the API server is, it may be any address outside."""
    from mistrust.kube.core import Node
    from mistrust.kube.endpoints import endpoints
    from mistrust.layers.network.least.enough import unsaid
    from mistrust.layers.pods.usage import Contacts

    ends = endpoints(snapshot)
    doubtful = {ref for ref, _ in unsaid(snapshot, usage, ends, days)}
    servers = frozenset(_api_servers(snapshot))
    machines = {a.address for n in snapshot.of(Node) for a in n.status.addresses}
    outward = [a for a in usage.abroad if not a.inward]
    names = ("kubernetes", "kubernetes.default")
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
        ),
        nodes=frozenset(a.workload for a in outward if a.address in machines),
        pairs=frozenset((c.source, c.destination) for c in usage.seen if c.source is not None),
    )


def _api_servers(snapshot: Snapshot) -> Iterator[str]:
    from mistrust.kube.core import Service
    from mistrust.kube.endpoints import endpoints
    from mistrust.layers.network.least.regulars import regulars

    yield from (a for a, _ in regulars(snapshot, endpoints(snapshot)).api_server)
    yield from (s.spec.cluster_ip for s in snapshot.of(Service) if (s.namespace, s.name) == ("default", "kubernetes"))
