"""The same cluster at another time: pods anew, more of them or none, and pods that nobody has thought of."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Container, Pod, PodIP, PodSpec, PodStatus
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.network.addresses import V6, place
from mistrust.layers.network.deciding.party import text

GENERATED = ("pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name")
"""Labels that a controller gives, with another value for each revision or pod."""
NEWCOMER = "newcomer"


def idle(given: Snapshot) -> Snapshot:
    """Every template scaled to zero."""
    gone = {id(p) for w in given.workloads for p in _made(w)}
    return given.holding([o for o in given.objects if id(o) not in gone])


def restarted(given: Snapshot, copies: int = 1) -> Snapshot:
    """Every pod that something makes anew, so many times: other names, hashes and addresses."""
    fresh = _Fresh(given)
    new = {id(p): [_again(p, i, fresh) for i in range(copies)] for w in given.workloads for p in _made(w)}
    return given.holding([made for o in given.objects for made in new.get(id(o), [o])])


def visited(given: Snapshot) -> Snapshot:
    """One more namespace, and in each of them a pod without labels."""
    spaces = [n.name for n in given.of(Namespace)] or sorted({w.namespace for w in given.workloads})
    name = NEWCOMER
    while name in spaces:
        name += "s"
    pods = [
        Pod(metadata=Metadata(name=NEWCOMER, namespace=space), spec=PodSpec(containers=(Container(name=NEWCOMER),)))
        for space in (*spaces, name)
    ]
    return given.holding([*given.objects, Namespace(metadata=Metadata(name=name)), *pods])


def _made(workload: Workload) -> Iterator[Pod]:
    """The pods of a workload that are not the workload itself."""
    return (p for p in workload.pods if p is not workload.source)


class _Fresh:
    """Addresses that nobody has, near others."""

    def __init__(self, given: Snapshot) -> None:
        held = (address for pod in given.of(Pod) for address in pod.status.addresses)
        self._taken = {at for address in held if (at := place(address)) is not None}

    def near(self, address: str) -> str:
        """A free one of the same /24, or of the same /112; none where all are taken."""
        at = place(address)
        if at is None:
            return ""
        size = 1 << (16 if at >= V6 else 8)
        low = at - at % size
        found = next((n for n in range(low + size - 2, low, -1) if n not in self._taken), None)
        if found is None:
            return ""
        self._taken.add(found)
        return text(found)


def _again(pod: Pod, copy: int, fresh: _Fresh) -> Pod:
    labels = {k: (f"{v}x" if k in GENERATED else v) for k, v in pod.metadata.labels.items()}
    metadata = structs.replace(pod.metadata, name=f"{pod.name}-{copy}x", labels=labels, uid=f"{pod.metadata.uid}{copy}")
    own = [a for a in map(fresh.near, pod.status.addresses) if a] if not pod.spec.host_network else None
    if own is None:
        return structs.replace(pod, metadata=metadata)
    status = PodStatus(pod.status.phase, own[0] if own else "", tuple(PodIP(a) for a in own), pod.status.host_ip)
    return structs.replace(pod, metadata=metadata, status=status)
