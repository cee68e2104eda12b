"""Which network plugin runs, and how it reads policies.

An agent is known by the name of its container, which its makers keep while images are mirrored and renamed; it shares
the node's network, or it could not do its work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.cilium import CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy
from mistrust.kube.core import Node
from mistrust.kube.pods import Container
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.network.profile import CALICO, CILIUM, OVN, UPSTREAM, Profile
from mistrust.layers.network.statements.policies import ENFORCEMENT, cilium_setting

ANTREA: Final = Profile("antrea")
AZURE: Final = Profile("azure-npm", cluster_wide=False)
AWS: Final = Profile("aws-node")
FLANNEL: Final = Profile("flannel", enforces=False)
KINDNET: Final = Profile("kindnet")
KUBE_OVN: Final = Profile("kube-ovn")
KUBE_ROUTER: Final = Profile("kube-router", cluster_wide=False)
STANDARD: Final = Profile("kube-network-policies")
WEAVE: Final = Profile("weave", cluster_wide=False)

AGENTS: Mapping[str, Profile] = {
    "antrea-agent": ANTREA,
    "aws-node": AWS,
    "azure-npm": AZURE,
    "calico-node": CALICO,
    "cilium-agent": CILIUM,
    "cni-server": KUBE_OVN,
    "kindnet-cni": KINDNET,
    "kube-flannel": FLANNEL,
    "kube-network-policies": STANDARD,
    "kube-router": KUBE_ROUTER,
    "ovnkube-controller": OVN,
    "ovnkube-node": OVN,
    "weave-npc": WEAVE,
}
AWS_AGENT: Final = "aws-eks-nodeagent"
"""The part of aws-node that enforces, if one of its arguments says so."""
CIDR_MODE: Final = "policy-cidr-match-mode"
KINDNET_ENFORCES: Final = 20240813
"""kind 0.24 brought the first kindnetd that enforces NetworkPolicy: kindnetd:v20240813-c6f155d6."""

PLAUSIBLE: Final = (UPSTREAM, CILIUM)
"""Where nothing tells which plugin runs: the two readings that differ. Calico and OVN read as upstream expects."""


class Plugin(msgspec.Struct, frozen=True):
    """A network plugin that was seen."""

    name: str
    profiles: tuple[Profile, ...]
    """How it reads policies; more than one where that hangs on a setting that was not seen."""
    evidence: Evidence

    @property
    def enforces(self) -> bool:
        """May it enforce policies?"""
        return any(p.enforces for p in self.profiles)


def plugins(snapshot: Snapshot) -> tuple[Plugin, ...]:
    """Every plugin that was seen, once each, those that enforce first.

    Two at a time are common: one that gives addresses and one that enforces.
    """
    found: dict[str, Plugin] = {}
    reading = _configured(snapshot)
    for workload in snapshot.workloads:
        if workload.spec.host_network:
            for plugin in _agents(workload, reading):
                found.setdefault(plugin.name, plugin)
    if not any(p.enforces for p in found.values()):
        for node in snapshot.of(Node):
            version = node.status.node_info.kubelet_version
            if "+k3s" in version:  # flannel and the controller of kube-router run inside the k3s process
                evidence = at(node, "status.nodeInfo.kubeletVersion", value=version)
                found.setdefault("k3s", Plugin("k3s", (KUBE_ROUTER,), evidence))
    return tuple(sorted(found.values(), key=lambda p: not p.enforces))


def profiles(snapshot: Snapshot) -> tuple[Profile, ...]:
    """How the policies of this cluster may be read: one profile where that is known."""
    seen = plugins(snapshot)
    if not seen:  # nobody writes Cilium's kinds for another plugin
        own = (*snapshot.of(CiliumNetworkPolicy), *snapshot.of(CiliumClusterwideNetworkPolicy))
        return (_configured(snapshot),) if own else PLAUSIBLE
    enforcing = [p for p in seen if p.enforces] or seen
    return tuple(dict.fromkeys(profile for p in enforcing for profile in p.profiles))


def may_be_cilium(snapshot: Snapshot) -> bool:
    """Is Cilium there, or may it be?"""
    seen = plugins(snapshot)
    return not seen or any(p.cilium for each in seen for p in each.profiles)


def _agents(workload: Workload, cilium: Profile) -> Iterator[Plugin]:
    containers = [(f"{workload.path}.{where}", c) for where, c in workload.spec.every_container()]
    names = {c.name for _, c in containers}
    for path, container in containers:
        profile = AGENTS.get(container.name)
        if profile is not None:
            evidence = at(workload.source, path, value=container.image)
            readings = (cilium,) if profile is CILIUM else _readings(profile, container, names)
            yield Plugin(profile.name, readings, evidence)


def _configured(snapshot: Snapshot) -> Profile:
    """Cilium as its configuration has it: it matches pods and nodes by address only where they are listed."""
    listed = cilium_setting(snapshot, CIDR_MODE).split(",")
    return msgspec.structs.replace(
        CILIUM,
        enforces=cilium_setting(snapshot, ENFORCEMENT) != "never",
        blocks_match_pods="pods" in listed,
        blocks_match_nodes="nodes" in listed,
    )


def _readings(profile: Profile, container: Container, names: set[str]) -> tuple[Profile, ...]:
    silent = msgspec.structs.replace(profile, enforces=False)
    if profile is AWS:
        return (profile, silent) if AWS_AGENT in names else (silent,)
    if profile is KINDNET:
        day = re.search(r":v(\d{8})-", container.image)
        if day is None:
            return (profile, silent)
        return (profile,) if int(day[1]) >= KINDNET_ENFORCES else (silent,)
    return (profile,)
