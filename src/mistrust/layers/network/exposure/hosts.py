"""Doors on the addresses of nodes: `hostPort`, and containers on the node's own network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from mistrust.access.evidence import at
from mistrust.access.ports import point
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.behind import sound
from mistrust.layers.network.exposure.door import Door, Kind, Sees, together
from mistrust.layers.network.exposure.judge import Judge, judged

NODE = "the node can be reached from outside"


def host_doors(snapshot: Snapshot, ends: Sequence[Endpoint], judge: Judge) -> Iterator[Door]:
    """The doors of every workload that takes ports of its node."""
    running: dict[int, list[int]] = {}
    for i, e in enumerate(ends):
        running.setdefault(e.workload, []).append(i)
    for index, workload in enumerate(snapshot.workloads):
        if index not in running:
            continue
        spec = workload.spec
        for where, container in spec.every_container():
            for p, port in enumerate(container.ports):
                if not sound(port.protocol, port.container_port):
                    continue
                field = f"{workload.path}.{where}.ports[{p}].hostPort"
                if spec.host_network:
                    evidence = at(workload.source, f"{workload.path}.hostNetwork", value="true")
                    kind, how, cost = Kind.HOST_NETWORK, f"port {port.container_port} of its node", 2.0
                elif port.host_port and not _loopback(port.host_ip):
                    evidence = at(workload.source, field, value=str(port.host_port))
                    kind, how, cost = Kind.HOST_PORT, f"hostPort {port.host_port}", 1.0
                else:
                    continue
                strangers = partial(judge.strangers, at=point(port.protocol, port.container_port))
                for assumed, pods in judged(running[index], strangers).items():
                    yield Door(
                        kind,
                        how,
                        index,
                        tuple(pods),
                        port.protocol,
                        port.container_port,
                        port.container_port if spec.host_network else port.host_port,
                        Sees.CLIENT,
                        (evidence,),
                        max(cost, 2.0) if assumed else cost,
                        together(NODE, assumed),
                    )


def _loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
