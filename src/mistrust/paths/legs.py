"""Where each workload gets to over the network, in the numbers of the inventory; without an answer, everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.paths.network import Network, api_clients, kubelet_clients, metadata_clients

Some = frozenset[int] | None
"""Workloads by index in `Inventory.workloads`; None: all of them."""


class Legs(msgspec.Struct, frozen=True):
    """What the pods of a workload, or one of them, can open a connection to."""

    api: Some = None
    """The API server."""
    kubelet: Some = frozenset()
    """A kubelet, for those that do not get to the API server; none where all do."""
    metadata: Some = None
    """The cloud's metadata service."""
    wire: Some = None
    """On their nodes something travels in plaintext."""

    def uses_token(self, workload: int) -> bool:
        """Is a token of any use in the pod?"""
        return self.api is None or workload in self.api

    def shows_token_to_kubelets(self, workload: int) -> bool:
        """Does the pod get to a kubelet and not to the API server, which others would ask first?"""
        return not self.uses_token(workload) and (self.kubelet is None or workload in self.kubelet)

    def overhears(self, workload: int) -> bool:
        """Does plaintext travel on one of its nodes?"""
        return self.wire is None or workload in self.wire

    def asks_metadata(self, workload: int) -> bool:
        """Does the cloud's metadata service answer to the pod?"""
        return self.metadata is None or workload in self.metadata


ANYWHERE = Legs()


def legs(snapshot: Snapshot, workloads: Sequence[Workload], net: Network) -> Legs:
    """The legs of these workloads."""
    classes = classes_of(snapshot, workloads, net)

    def among(allowed: frozenset[int]) -> frozenset[int]:
        return frozenset(i for i, own in enumerate(classes) if not own.isdisjoint(allowed))

    return Legs(
        api=among(api_clients(snapshot, net)),
        kubelet=among(kubelet_clients(snapshot, net)),
        metadata=among(metadata_clients(net)),
        wire=_wire(snapshot, workloads, net),
    )


def _wire(snapshot: Snapshot, workloads: Sequence[Workload], net: Network) -> Some:
    """The workloads with a pod on a node, or maybe on one, on which a workload speaks plaintext."""
    if net.plaintext is None:
        return None
    places = {e.node for e in net.ends if e.workload in net.plaintext}
    at = positions(snapshot, workloads)
    return frozenset(
        at[e.workload]
        for e in net.ends
        if at[e.workload] >= 0 and places and (e.node in places or "" in places or not e.node)
    )


def classes_of(snapshot: Snapshot, workloads: Sequence[Workload], net: Network) -> list[frozenset[int]]:
    """The classes of each workload's pods: one where its pods are alike, none where it has none that runs."""
    found: list[set[int]] = [set() for _ in workloads]
    at = positions(snapshot, workloads)
    for e, c in set(zip((e.workload for e in net.ends), net.rows.class_of, strict=True)):
        if at[e] >= 0:
            found[at[e]].add(c)
    return [frozenset(own) for own in found]


def positions(snapshot: Snapshot, workloads: Iterable[Workload]) -> list[int]:
    """For each workload of the snapshot its index among these; -1 for one that is not among them."""
    at = {id(w): i for i, w in enumerate(workloads)}
    return [at.get(id(w), -1) for w in snapshot.workloads]
