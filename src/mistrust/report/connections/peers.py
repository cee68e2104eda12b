"""Which pods a line of output stands for: the workloads of a snapshot, or the owners as np-guard counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mistrust.kube.endpoints import Endpoint, endpoints, ports_of
from mistrust.kube.meta import Object
from mistrust.kube.pods import Pod
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import PodTemplateObject, template_of
from mistrust.report.connections.listed import Peer, workload_peer


class Population(msgspec.Struct, frozen=True):
    """Endpoints, and which of them each peer stands for."""

    endpoints: tuple[Endpoint, ...]
    groups: Mapping[Peer, Sequence[int]]


def population(snapshot: Snapshot, *, owners: bool = False) -> Population:
    """Everything that sends and answers traffic.

    By workload: each once, under its topmost owner that is there. By `owners`, as np-guard does: each pod under the
    controller that its owner reference names, there or not, ended or not, and each object with a pod template beside.
    """
    groups: dict[Peer, list[int]] = {}
    if not owners:
        found = endpoints(snapshot)
        for i, e in enumerate(found):
            ref = snapshot.workloads[e.workload].ref
            groups.setdefault(workload_peer(ref.namespace, ref.name, ref.kind), []).append(i)
        return Population(found, groups)
    made = tuple(_owned(snapshot))
    for i, (_, peer) in enumerate(made):
        groups.setdefault(peer, []).append(i)
    return Population(tuple(e for e, _ in made), groups)


def _owned(snapshot: Snapshot) -> Iterator[tuple[Endpoint, Peer]]:
    for source in snapshot.objects:
        found = template_of(source)
        if found is None or isinstance(source, PodTemplateObject):
            continue
        _, template = found
        endpoint = Endpoint(
            workload=-1,
            namespace=source.namespace,
            name=source.name,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            ports=ports_of(template.spec),
            host_network=template.spec.host_network,
            account=template.spec.identity,
            node=template.spec.node_name,
            addresses=source.status.addresses if isinstance(source, Pod) else (),
            source=source,
        )
        yield endpoint, _peer(source)


def _peer(source: Object) -> Peer:
    if not isinstance(source, Pod):
        return workload_peer(source.namespace, source.name, source.KIND)
    owner = next((o for o in source.metadata.owner_references if o.controller and o.kind != "Node"), None)
    if owner is None:
        return workload_peer(source.namespace, source.name, "Pod")
    return workload_peer(source.namespace, owner.name, owner.kind or "Pod")
