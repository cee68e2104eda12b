"""Workloads that a new NetworkPolicy would shield: what it says, and where it would help and shut nothing that is meant
to be open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mistrust.kube.meta import Metadata
from mistrust.kube.network import (
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkPolicy,
    NetworkPolicySpec,
)
from mistrust.kube.selectors import LabelSelector, covers
from mistrust.kube.workloads import Workload
from mistrust.paths.inventory import Inventory
from mistrust.paths.terrain import Terrain

PASSING = (
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
)
"""Labels that a controller writes, and writes anew: no policy should choose by them."""


def steady(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that a policy may choose pods by."""
    return {k: v for k, v in labels.items() if k not in PASSING}


class Shielding:
    """Answers whose new policy would keep neighbours out of a workload."""

    def __init__(self, terrain: Terrain) -> None:
        self._inv, self._near = terrain.inv, terrain.near
        self._exposed = {id(e.workload) for e in terrain.exposed}
        self._spaces: dict[str, list[int]] = {}
        for i, w in enumerate(terrain.inv.workloads if terrain.near else ()):
            self._spaces.setdefault(w.namespace, []).append(i)
        self._offered: dict[int, bool] = {}

    def of(self, i: int) -> Iterator[int]:
        """The workloads, by number, for each of which a policy by its labels would choose this one's pods too.

        None where policies would not do: the plugin ignores them, the pods share their node's network, another policy
        lets somebody in on purpose, or it would shut a door to the outside.
        """
        if self._free(i):
            for n in self._spaces[self._inv.workloads[i].namespace]:
                if self._offers(n) and all(covers(self._selector(n), labels) for labels in self._labels(i)):
                    yield n

    def _free(self, i: int) -> bool:
        """Would a policy decide who gets in to a workload, and decides none yet?"""
        near = self._near
        if near is None or not near.net.rows.profile.enforces or self._inv.workloads[i].spec.host_network:
            return False
        admin = any(not _baseline(p) for p in near.net.policies.cluster)
        return not admin and not any(near.net.rows.isolated(c)[0] for c in near.classes[i])

    def _offers(self, n: int) -> bool:
        if n not in self._offered:
            chosen = self._selector(n)
            workloads = self._inv.workloads
            self._offered[n] = (
                bool(chosen)
                and self._free(n)
                and not any(
                    id(workloads[j]) in self._exposed and any(covers(chosen, labels) for labels in self._labels(j))
                    for j in self._spaces[workloads[n].namespace]
                )
            )
        return self._offered[n]

    def _selector(self, n: int) -> dict[str, str]:
        return steady(self._inv.workloads[n].labels)

    def _labels(self, i: int) -> list[Mapping[str, str]]:
        w = self._inv.workloads[i]
        return [p.metadata.labels for p in w.pods] or [w.labels]


def _baseline(policy: object) -> bool:
    """Is it one that NetworkPolicies come before?"""
    if isinstance(policy, ClusterNetworkPolicy):
        return policy.spec.tier == "Baseline"
    return isinstance(policy, BaselineAdminNetworkPolicy)


def shield(inv: Inventory, workload: Workload) -> NetworkPolicy:
    """A policy that lets nobody in to a workload, under a name that is not taken."""
    taken = {p.name for p in inv.snapshot.of(NetworkPolicy) if p.namespace == workload.namespace}
    name, n = f"{workload.ref.name}-clients", 2
    while name in taken:
        name, n = f"{workload.ref.name}-clients-{n}", n + 1
    chosen = LabelSelector(match_labels=steady(workload.labels))
    spec = NetworkPolicySpec(pod_selector=chosen, policy_types=("Ingress",))
    return NetworkPolicy(metadata=Metadata(name=name, namespace=workload.namespace), spec=spec)


def written(policy: NetworkPolicy) -> str:
    """The policy as a line of YAML in flow style; JSON is YAML."""
    metadata = {"name": policy.metadata.name, "namespace": policy.metadata.namespace}
    plain = {"apiVersion": "networking.k8s.io/v1", "kind": policy.KIND, "metadata": metadata, "spec": policy.spec}
    return msgspec.json.encode(plain).decode()
