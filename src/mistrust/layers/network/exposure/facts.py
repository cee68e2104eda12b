"""What is worth knowing about the doors of a cluster: sensitive ports, side entrances, what is served in the clear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Edit, Fact
from mistrust.kube.core import Service
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.door import Door, Kind, Sees
from mistrust.layers.network.exposure.grants import grant_facts
from mistrust.layers.network.exposure.listeners import listener_facts
from mistrust.layers.network.exposure.services import internal

SENSITIVE: Mapping[int, str] = {
    22: "SSH",
    111: "rpcbind",
    445: "SMB",
    1433: "SQL Server",
    1521: "Oracle",
    2049: "NFS",
    2181: "ZooKeeper",
    2375: "Docker without TLS",
    2379: "etcd",
    2380: "etcd",
    3306: "MySQL",
    3389: "RDP",
    5432: "PostgreSQL",
    5672: "RabbitMQ",
    5900: "VNC",
    5984: "CouchDB",
    6379: "Redis",
    8086: "InfluxDB",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "Elasticsearch",
    10250: "kubelet",
    10255: "kubelet, read-only",
    11211: "memcached",
    15672: "RabbitMQ's management",
    27017: "MongoDB",
}
"""TCP ports that databases, queues and remote access have by convention."""

FOR_ALL = 2.0
"""Doors that cost as much are for a private network, or for a few addresses."""


def exposure_facts(snapshot: Snapshot, doors: Sequence[Door]) -> Iterator[Fact]:
    """Facts about doors that the policies leave open, and about what routes to them."""
    yield from sensitive(snapshot, doors)
    yield from side_entrances(snapshot, doors)
    yield from external_addresses(snapshot)
    yield from grant_facts(snapshot)
    yield from listener_facts(snapshot, [d for d in doors if d.cost < FOR_ALL])


def sensitive(snapshot: Snapshot, doors: Iterable[Door]) -> Iterator[Fact]:
    """Ports of databases and the like that the Internet may open."""
    found: dict[tuple[int, str], list[Door]] = {}
    for d in doors:
        if d.cost < FOR_ALL and d.protocol == "TCP" and d.port in SENSITIVE:
            found.setdefault((d.workload, d.how), []).append(d)
    for (workload, how), several in found.items():
        ports = ", ".join(dict.fromkeys(f"TCP {d.port} ({SENSITIVE[d.port]})" for d in several))
        clause = f"{how} opens {ports} of it{_if(several)}"
        subject = str(snapshot.workloads[workload].ref)
        yield Fact("network.sensitive-port", subject, several[0].evidence[0].ref, clause, _evidence(several))


def side_entrances(snapshot: Snapshot, doors: Iterable[Door]) -> Iterator[Fact]:
    """Ports of nodes that lead past what was meant to be in front of the same port of the same pods."""
    limited = {s.ref: why for s in snapshot.of(Service) if (why := _limit(s))}
    objects = {s.ref: s for s in snapshot.of(Service)}
    by_port: dict[tuple[int, int], list[Door]] = {}
    for d in doors:
        by_port.setdefault((d.workload, d.at), []).append(d)
    for (workload, _), several in by_port.items():
        subject = str(snapshot.workloads[workload].ref)
        front = next((d for d in several if d.sees is Sees.CONTROLLER), None)
        for d in several:
            if d.kind not in (Kind.NODE_PORT, Kind.HOST_PORT):
                continue
            ref = d.evidence[0].ref
            past = limited.get(ref) or (str(front.how) if front else "")
            if not past:
                continue
            service = objects.get(ref)
            field = ("spec", "allocateLoadBalancerNodePorts")
            balanced = service is not None and service.spec.type == "LoadBalancer"
            edits = (Edit(ref, service.origin, "set", field, "false"),) if service is not None and balanced else ()
            clause = f"{d.how} leads to TCP {d.port} of it past {past}{_if([d])}".replace("TCP", d.protocol)
            yield Fact("network.side-entrance", subject, ref, clause, d.evidence, edits)


def _limit(service: Service) -> str:
    """What keeps most of the Internet from a load balancer."""
    if service.spec.type != "LoadBalancer":
        return ""
    if internal(service.metadata.annotations):
        return "its internal load balancer"
    return "loadBalancerSourceRanges" if service.spec.load_balancer_source_ranges else ""


def external_addresses(snapshot: Snapshot) -> Iterator[Fact]:
    """Services that claim addresses for themselves."""
    for service in snapshot.of(Service):
        if service.spec.external_ips:
            told = ", ".join(service.spec.external_ips)
            evidence = (at(service, "spec.externalIPs", value=told),)
            clause = f"takes the traffic of every node and pod to {told}"
            yield Fact("network.external-ips", str(service.ref), service.ref, clause, evidence)


def _evidence(doors: Iterable[Door]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(e for d in doors for e in d.evidence))


def _if(doors: Sequence[Door]) -> str:
    assumed = doors[0].assumes if all(d.assumes for d in doors) else ""
    return f", if {assumed}" if assumed else ""
