"""Every way out of every workload, put together.

Left out, because objects do not say them: flaws of kernels and runtimes (E17 comes from advisories and node versions),
and what root on a node leads to (E19: the pods of the node and their tokens, which is the attack graph's business).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.version import Version
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.escapes import capabilities, confinement, mounts, namespaces, privileged, sharing, tokens
from mistrust.layers.pods.escapes.confined import confined
from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.storage import Storage, storage


class Surroundings(msgspec.Struct, frozen=True):
    """What lies around the workloads of a snapshot: storage, sharing, service accounts. Looked up once."""

    version: Version | None
    storage: Storage
    sharing: sharing.Sharing
    accounts: tokens.Accounts


def surroundings(snapshot: Snapshot) -> Surroundings:
    """Look the snapshot through once."""
    stored = storage(snapshot)
    return Surroundings(snapshot.version, stored, sharing.sharing(snapshot, stored), tokens.accounts(snapshot))


def escapes(workload: Workload, around: Snapshot | Surroundings) -> tuple[Escape, ...]:
    """Every way out of a workload, in the order of the families.

    Hand in `surroundings(snapshot)` where many workloads of one snapshot are asked about.
    """
    known = surroundings(around) if isinstance(around, Snapshot) else around
    template = workload.template
    return (
        *of_template(template.metadata, template.spec, workload.namespace, known),
        *sharing.shared(workload, known.storage, known.sharing),
        *tokens.tokens(workload, known.accounts),
    )


def of_template(metadata: Metadata, spec: PodSpec, namespace: str, known: Surroundings) -> tuple[Escape, ...]:
    """The ways out that a template has by itself, wherever it stands; claims are looked up in the namespace."""
    return tuple(_of_template(metadata, spec, namespace, known))


def _of_template(metadata: Metadata, spec: PodSpec, namespace: str, known: Surroundings) -> Iterator[Escape]:
    several = confined(metadata, spec, known.version)
    for c in several:
        yield from privileged.privileged(c)
        yield from privileged.host_process(spec, c)
    yield from namespaces.host_pid(spec, several)
    for c in several:
        yield from capabilities.capabilities(spec, c)
        yield from mounts.host_paths(spec, c, namespace, known.storage)
        yield from mounts.devices(spec, c, namespace, known.storage)
        yield from mounts.propagation(c)
        yield from confinement.unmasked(c, known.version)
        yield from confinement.unconfined(metadata, spec, c)
    yield from namespaces.host_network(spec)
    yield from namespaces.host_ipc(spec)
    yield from namespaces.shared_processes(spec, several)
