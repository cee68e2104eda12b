"""What the network lets an attacker do, as one value: who gets in from outside, which pod gets to which, and to what
every pod asks for: the API server and the cloud's metadata service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from mistrust.access.ports import point
from mistrust.kube.core import Endpoints, EndpointSlice, Node, Service
from mistrust.kube.endpoints import Endpoint, endpoints, namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.decide import Ground, ground
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.exposure.behind import SERVICE_NAME, Behind
from mistrust.layers.network.exposure.door import Door
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.exposure.listening import listening
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.statements.policies import Policies, policies

METADATA: Final = "169.254.169.254"
"""Where the clouds' metadata services answer, at port 80."""
KUBELET: Final = 10250
"""pkg/cluster/ports/ports.go (KubeletPort)."""
API_PORTS: Final = (443, 6443)
"""Where API servers answer, if no object tells."""


class Network(msgspec.Struct, frozen=True):
    """One snapshot's network under its policies."""

    rows: Reach
    ends: tuple[Endpoint, ...]
    doors: tuple[Door, ...]
    """Those that the policies leave open."""
    listening: dict[int, frozenset[int]]
    """By index in `Snapshot.workloads`: the points at which a workload is known to answer."""
    policies: Policies
    ground: Ground | None = None
    """To say which policy let something in; None where there is none."""
    plaintext: frozenset[int] | None = None
    """The workloads that send or take something in plaintext, by index in `Snapshot.workloads`; None: nobody knows."""

    def reaching(self, destination: int, at: int) -> frozenset[int]:
        """The classes of pods that may open a port of a class."""
        for part in self.rows.row(destination):
            if at in part.ports:
                return frozenset(c for c in part.sources if c < self.rows.classes)
        return frozenset()

    def reaching_address(self, address: str, number: int) -> frozenset[int]:
        """The classes of pods that may open a TCP port of an address outside."""
        return self.reaching(self.rows.block_of(address), point("TCP", number))


def network(snapshot: Snapshot, rows: Reach, plaintext: frozenset[int] | None = None) -> Network:
    """The value for `attack`. `rows` are those of `kube.endpoints.endpoints(snapshot)`, in their order."""
    ends, own = endpoints(snapshot), policies(snapshot)
    return Network(
        rows=rows,
        ends=ends,
        doors=doors(snapshot, ends, rows),
        listening=listening(ends, Behind(snapshot, ends)),
        policies=own,
        ground=ground(snapshot, own, ends) if own.every else None,
        plaintext=plaintext,
    )


def network_of(snapshot: Snapshot, profile: Profile = UPSTREAM) -> Network:
    """The same for one plugin's reading of the snapshot's policies."""
    labels, nodes = namespace_labels(snapshot), snapshot.of(Node)
    return network(snapshot, reach(endpoints(snapshot), labels, policies(snapshot), profile, nodes=nodes))


def api_clients(snapshot: Snapshot, net: Network) -> frozenset[int]:
    """The classes of pods that may open a connection to the API server, by its own address or its Service's.

    Where no object tells its address, whoever gets out to any address, or to any node, at a port of an API server
    counts: it may be there.
    """
    if servers := _servers(snapshot):
        told = (*servers, *_service(snapshot))
        return frozenset().union(*(net.reaching_address(a, number) for a, number in told))
    return _somewhere(net, API_PORTS)


def kubelet_clients(snapshot: Snapshot, net: Network) -> frozenset[int]:
    """The classes of pods that may open a connection to the kubelet of some node."""
    told = [a.address for n in snapshot.of(Node) for a in n.status.addresses if place(a.address) is not None]
    if told:
        return frozenset().union(*(net.reaching_address(a, KUBELET) for a in told))
    return _somewhere(net, (KUBELET,))


def _somewhere(net: Network, ports: Sequence[int]) -> frozenset[int]:
    """The classes of pods that get out to any address, or to any node, at one of some TCP ports."""
    rows = net.rows
    outside = range(rows.classes, rows.classes + len(rows.blocks))
    machines = {rows.class_of[i] for i, e in enumerate(net.ends) if e.host_network}
    return frozenset().union(*(net.reaching(c, point("TCP", n)) for c in (*outside, *machines) for n in ports))


def metadata_clients(net: Network) -> frozenset[int]:
    """The classes of pods that may open a connection to the cloud's metadata service."""
    return net.reaching_address(METADATA, 80)


def _servers(snapshot: Snapshot) -> list[tuple[str, int]]:
    """The addresses of the API servers: pkg/controlplane/reconcilers writes them for the Service `kubernetes`."""
    found: dict[tuple[str, int], None] = {}
    for s in snapshot.of(EndpointSlice):
        if s.namespace == "default" and s.metadata.labels.get(SERVICE_NAME) == "kubernetes":
            found.update({(a, p.port): None for e in s.endpoints for a in e.addresses for p in s.ports})
    for o in snapshot.of(Endpoints):
        if (o.namespace, o.name) == ("default", "kubernetes"):
            found.update({(a.ip, p.port): None for u in o.subsets for a in u.addresses for p in u.ports})
    return [(a, number) for a, number in found if place(a) is not None]


def _service(snapshot: Snapshot) -> list[tuple[str, int]]:
    """The Service's own address: some plugins ask the policies before it is replaced."""
    return [
        (s.spec.cluster_ip, p.port)
        for s in snapshot.of(Service)
        if (s.namespace, s.name) == ("default", "kubernetes") and place(s.spec.cluster_ip) is not None
        for p in s.spec.ports
    ]
