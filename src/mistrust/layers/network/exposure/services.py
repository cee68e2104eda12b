"""Doors that a Service opens: load balancers, ports of every node, external addresses.

Sources: k8s.io/api/core/v1/types.go (ServiceSpec); kubernetes.io/docs/tutorials/services/source-ip for the addresses
that pods see; annotations for internal load balancers: the documentation of each cloud.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.core import Service, ServicePort
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.exposure.behind import Behind
from mistrust.layers.network.exposure.door import Door, Kind, Sees, together
from mistrust.layers.network.exposure.judge import Assumed, Judge, judged
from mistrust.layers.network.exposure.outside import INTERNET, PRIVATE, spans_of, strangers

INTERNAL: Mapping[str, str] = {
    "networking.gke.io/load-balancer-type": "internal",
    "cloud.google.com/load-balancer-type": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "service.beta.kubernetes.io/openstack-internal-load-balancer": "true",
    "service.beta.kubernetes.io/oci-load-balancer-internal": "true",
    "oci-network-load-balancer.oraclecloud.com/internal": "true",
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": "private",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": "intranet",
    "service.beta.kubernetes.io/do-loadbalancer-network": "internal",
    "load-balancer.hetzner.cloud/disable-public-network": "true",
    "service.beta.kubernetes.io/scw-loadbalancer-private": "true",
    "yandex.cloud/load-balancer-type": "internal",
}
"""Annotations by which a cloud keeps a load balancer off the Internet, with the value that does so, in lower case."""
AWS_INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"
AWS_TYPE = "service.beta.kubernetes.io/aws-load-balancer-type"
AWS_SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"

NETWORK = "the attacker is in the private network"
NODES = "the nodes can be reached from outside"


class Opening(msgspec.Struct, frozen=True):
    """What one field of a Service opens, at one of its ports, before any policy is asked."""

    kind: Kind
    how: str
    evidence: Evidence
    port: ServicePort
    outer: int
    cost: float
    assumes: str = ""
    among: tuple[Span, ...] = INTERNET
    """The clients that it is open to."""


def service_doors(snapshot: Snapshot, behind: Behind, judge: Judge) -> Iterator[Door]:
    """The doors of every Service."""
    for service in snapshot.of(Service):
        chosen: Evidence | None = None
        for opening in openings(service):
            chosen = chosen or selector(service)
            for (workload, number), pods in by_workload(behind, service, opening.port).items():
                yield from _door(opening, service, chosen, workload, number, pods, judge)


def openings(service: Service) -> Iterator[Opening]:
    """What a Service opens to the outside."""
    spec = service.spec
    for port in spec.ports:
        if spec.type == "LoadBalancer":
            yield _balancer(service, port)
            if spec.allocate_load_balancer_node_ports:  # a side entrance: past ranges and private addresses
                how = f"{service.ref} (NodePort of its LoadBalancer)"
                yield Opening(Kind.NODE_PORT, how, at(service, "spec.type"), port, port.node_port, 2.5, NODES)
        if spec.type == "NodePort":
            evidence = at(service, "spec.type", value=spec.type)
            yield Opening(Kind.NODE_PORT, f"{service.ref} (NodePort)", evidence, port, port.node_port, 1.0, NODES)
        if spec.external_ips and spec.cluster_ip != "None" and spec.type != "ExternalName":
            evidence = at(service, "spec.externalIPs", value=", ".join(spec.external_ips))
            how = f"{service.ref} (externalIPs)"
            yield Opening(Kind.EXTERNAL_IP, how, evidence, port, port.port, 0.5)


def _balancer(service: Service, port: ServicePort) -> Opening:
    ranges = service.spec.load_balancer_source_ranges
    among = spans_of(ranges) if ranges else INTERNET
    limited, how = ", ".join(ranges), f"{service.ref} (LoadBalancer)"
    if key := internal(service.metadata.annotations):
        how = f"{service.ref} (internal LoadBalancer)"
        evidence = at(service, "metadata.annotations", f'["{key}"]', value=service.metadata.annotations.get(key, ""))
        return Opening(Kind.LOAD_BALANCER, how, evidence, port, port.port, 2.0, NETWORK, spans_of(PRIVATE))
    if ranges and strangers(among) != "":
        evidence = at(service, "spec.loadBalancerSourceRanges", value=limited)
        assumes = f"the attacker comes from {limited}"
        return Opening(Kind.LOAD_BALANCER, how, evidence, port, port.port, 2.0, assumes, among)
    return Opening(Kind.LOAD_BALANCER, how, at(service, "spec.type", value="LoadBalancer"), port, port.port, 0.0)


def internal(annotations: Mapping[str, str]) -> str:
    """The annotation that keeps a load balancer off the Internet; empty if it faces it."""
    found = next((k for k, v in INTERNAL.items() if annotations.get(k, "").lower() == v), "")
    if not found and annotations.get(AWS_INTERNAL, "false").lower() not in ("", "false"):
        return AWS_INTERNAL  # any other value, `0.0.0.0/0` too
    if not found and annotations.get(AWS_TYPE) in ("external", "nlb-ip") and AWS_SCHEME not in annotations:
        return AWS_TYPE  # the AWS Load Balancer Controller's default scheme is `internal`
    return found


def selector(service: Service) -> Evidence:
    """The field that chooses the pods."""
    return at(service, "spec.selector", value=", ".join(f"{k}={v}" for k, v in service.spec.selector.items()))


def by_workload(behind: Behind, service: Service, port: ServicePort) -> dict[tuple[int, int], list[int]]:
    """The pods behind a port of a Service, by workload and container port."""
    found: dict[tuple[int, int], list[int]] = {}
    for i, number in behind.targets(service, port):
        found.setdefault((behind.ends[i].workload, number), []).append(i)
    return found


def _door(
    opening: Opening,
    service: Service,
    chosen: Evidence,
    workload: int,
    number: int,
    pods: Sequence[int],
    judge: Judge,
) -> Iterator[Door]:
    local = service.spec.external_traffic_policy == "Local"
    door = Door(
        opening.kind,
        opening.how,
        workload,
        (),
        opening.port.protocol,
        number,
        opening.outer,
        Sees.CLIENT if local else Sees.NODE,
        (opening.evidence, chosen),
    )
    for assumed, let_in in judged(pods, lambda pod: _let_in(opening, judge, pod, door.at, local=local)).items():
        cost = max(opening.cost, 2.0) if assumed.startswith("the attacker comes") else opening.cost
        assumes = together(opening.assumes, assumed)
        yield msgspec.structs.replace(door, endpoints=tuple(let_in), cost=cost, assumes=assumes)


def _let_in(opening: Opening, judge: Judge, pod: int, at: int, *, local: bool) -> Assumed:
    """By which address the policies let the connection in: the client's, or that of the node which passes it on.

    With `externalTrafficPolicy: Cluster` a node replaces the address after its own policies were asked, so a pod on
    the node at which the connection arrives is judged by the client's, any other by the node's.
    """
    whole = opening.among is INTERNET
    client = judge.strangers(pod, at) if whole else judge.some(pod, at, opening.among)
    if local:
        return client
    node = judge.nodes(pod, at)
    if node == "" or client is None:
        return node
    return together("the policies are asked with the client's address, not with the node's", client)
