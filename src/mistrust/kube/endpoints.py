"""What sends and answers traffic: running pods, and the pods that a workload will make.

An `Endpoint` is one pod that runs, or one that a template promises where none runs today. Pods that have ended
(Succeeded, Failed) neither send nor answer. Labels of a namespace include the one that the API server always sets.

A mesh adds its proxy to pods, so these have another shape than their owner describes and are workloads of their own.
On the network they are what the owner promised: they are counted under it, unless more than the proxy differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import structs

from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata, Object
from mistrust.kube.pods import Pod, PodSpec
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import PodTemplateObject, Workload, template_of, topmost

ENDED = ("Succeeded", "Failed")
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""k8s.io/api/core/v1/well_known_labels.go (LabelMetadataName)."""


class Port(msgspec.Struct, frozen=True, order=True, gc=False):
    """A declared container port."""

    name: str
    protocol: str
    number: int


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One pod, running or promised."""

    workload: int
    """Index in `Snapshot.workloads`."""
    namespace: str
    name: str
    """The pod's name; the workload's name for a promised pod."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    ports: tuple[Port, ...]
    host_network: bool
    account: str
    """Name of its ServiceAccount."""
    node: str = ""
    addresses: tuple[str, ...] = ()
    """Empty where no server has told."""
    source: Object = Object()
    """The pod, or the object with the template."""

    @property
    def running(self) -> bool:
        """Is it a pod, not a promise?"""
        return isinstance(self.source, Pod)


PROXIES = frozenset(
    {"istio-proxy", "istio-init", "istio-validation", "linkerd-proxy", "linkerd-init", "linkerd-network-validator"}
)
"""The containers that injectors of meshes add."""


def endpoints(snapshot: Snapshot) -> tuple[Endpoint, ...]:
    """Every endpoint, workload by workload, in the order of the snapshot."""
    owners = _injected(snapshot)
    pods: dict[int, list[Pod]] = {}
    for i, w in enumerate(snapshot.workloads):
        pods.setdefault(owners.get(i, i), []).extend(w.pods)
    return tuple(e for i, w in enumerate(snapshot.workloads) if i not in owners for e in _of(i, w, pods.get(i, ())))


def _injected(snapshot: Snapshot) -> Mapping[int, int]:
    """Workloads that are pods of another one with a proxy added -> that other one."""
    strays = [
        (i, w)
        for i, w in enumerate(snapshot.workloads)
        if isinstance(w.source, Pod) and w.source.metadata.owner_references
    ]
    bare = [(i, w) for i, w in strays if any(c.name in PROXIES for _, c in w.spec.every_container())]
    if not bare:
        return {}
    makers = {o.ref: (o, *made) for o in snapshot.objects if (made := template_of(o)) is not None}
    index = {w.ref: i for i, w in enumerate(snapshot.workloads)}
    found = {i: index.get(topmost(w.source, makers).ref, i) for i, w in bare}
    return {
        i: o for i, o in found.items() if o != i and _promised(snapshot.workloads[o].spec, snapshot.workloads[i].spec)
    }


def _promised(described: PodSpec, spec: PodSpec) -> bool:
    """Do the two run the same, proxies aside, as the same account and in the same network?"""
    return (
        _own(described) == _own(spec)
        and described.identity == spec.identity
        and described.host_network == spec.host_network
    )


def _own(spec: PodSpec) -> list[tuple[str, str]]:
    return [
        (c.name, c.image)
        for where, c in spec.every_container()
        if c.name not in PROXIES and not where.startswith("ephemeral")
    ]


def _of(index: int, workload: Workload, pods: Sequence[Pod]) -> Iterator[Endpoint]:
    if isinstance(workload.source, PodTemplateObject):
        return
    running = [p for p in pods if p.status.phase not in ENDED]
    if pods:
        yield from (_endpoint(index, workload.namespace, p.metadata, p.spec, p) for p in running)
    else:
        named = structs.replace(workload.template.metadata, name=workload.source.name)
        yield _endpoint(index, workload.namespace, named, workload.spec, workload.source)


def _endpoint(index: int, namespace: str, metadata: Metadata, spec: PodSpec, source: Object) -> Endpoint:
    return Endpoint(
        workload=index,
        namespace=namespace,
        name=metadata.name,
        labels=metadata.labels,
        annotations=metadata.annotations,
        ports=ports_of(spec),
        host_network=spec.host_network,
        account=spec.identity,
        node=spec.node_name,
        addresses=source.status.addresses if isinstance(source, Pod) else (),
        source=source,
    )


def ports_of(spec: PodSpec) -> tuple[Port, ...]:
    """The declared ports of every container that keeps running: sidecars among the init containers included."""
    return tuple(
        Port(p.name, p.protocol, p.container_port)
        for where, c in spec.every_container()
        if not where.startswith("init") or c.restart_policy == "Always"
        for p in c.ports
        if p.container_port
    )


def namespace_labels(snapshot: Snapshot) -> dict[str, Mapping[str, str]]:
    """The labels of every namespace that the snapshot shows or that an object is in, `metadata.name` included."""
    found: dict[str, Mapping[str, str]] = {n.name: n.metadata.labels for n in snapshot.of(Namespace)}
    for o in snapshot.objects:
        if o.namespace:
            found.setdefault(o.namespace, {})
    return {name: {**labels, NAMESPACE_NAME: name} for name, labels in found.items()}
