"""What network plugins do differently where the API leaves it open."""

from __future__ import annotations

import msgspec


class Profile(msgspec.Struct, frozen=True):
    """One plugin's reading of the policies."""

    name: str
    enforces: bool = True
    """False for a plugin that ignores every policy."""
    blocks_match_pods: bool = True
    """Does `ipBlock` (and `networks`) match the address of a pod?"""
    blocks_match_nodes: bool = True
    """Does it match the address of a node?"""
    host_network_selectable: bool = False
    """Do selectors choose pods that share the node's network? Otherwise they are node traffic: never isolated."""
    cluster_wide: bool = True
    """Are AdminNetworkPolicy and its kin enforced?"""
    cilium: bool = False
    """Are CiliumNetworkPolicy and its kin enforced?"""


UPSTREAM = Profile("upstream")
"""What Kubernetes' own end-to-end tests and the conformance tests of the network policy API expect."""
CALICO = Profile("calico")
CILIUM = Profile("cilium", blocks_match_pods=False, blocks_match_nodes=False, cilium=True)
"""Pods and nodes carry identities; `policy-cidr-match-mode` may change that."""
OVN = Profile("ovn")
NP_GUARD = Profile("np-guard", blocks_match_pods=False, host_network_selectable=True)
"""np-guard's netpol-analyzer: it knows no hostNetwork, and no address block matches a pod."""

PROFILES = (UPSTREAM, CALICO, CILIUM, OVN, NP_GUARD)
