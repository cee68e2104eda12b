"""What was not read, or not seen, and may change what is said of a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.kube.cilium import CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy, CiliumPolicy
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Other
from mistrust.kube.network import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkPolicy,
)
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.statements.cilium import unjudged

CALICO_GROUPS: Final = ("crd.projectcalico.org", "projectcalico.org")

FOREIGN: Mapping[tuple[str, str], bool] = {
    **{(group, "NetworkPolicy"): True for group in CALICO_GROUPS},
    **{(group, "GlobalNetworkPolicy"): False for group in CALICO_GROUPS},
    ("crd.antrea.io", "NetworkPolicy"): True,
    ("crd.antrea.io", "ClusterNetworkPolicy"): False,
    ("networking.k8s.aws", "ApplicationNetworkPolicy"): True,
    ("networking.k8s.aws", "ClusterNetworkPolicy"): False,
    ("k8s.cni.cncf.io", "MultiNetworkPolicy"): True,
    ("k8s.ovn.org", "EgressFirewall"): True,
    ("network.openshift.io", "EgressNetworkPolicy"): True,
    ("k8s.ovn.org", "UserDefinedNetwork"): True,
    ("k8s.ovn.org", "ClusterUserDefinedNetwork"): False,
}
"""(group, kind) of what decides about connections and is not read; true where it counts in its namespace only."""

OURS: Final = (NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy)
CILIUM: Final = (CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy)


class Unseen(msgspec.Struct, frozen=True, gc=False):
    """Something that may say otherwise about the pods of a namespace."""

    words: str
    namespace: str = ""
    """Empty where it may be about any pod."""
    anything: bool = False
    """Is it not even known to be a policy?"""
    nodes: bool = False
    """Is it about nodes, and never about pods?"""

    def touches(self, namespace: str) -> bool:
        """May it say something of the pods of this namespace?"""
        return not self.nodes and self.namespace in ("", namespace)


def unseen(snapshot: Snapshot) -> tuple[Unseen, ...]:
    """Each thing once, in the order of the input."""
    return tuple(dict.fromkeys(_every(snapshot)))


def _every(snapshot: Snapshot) -> Iterator[Unseen]:
    for other in snapshot.of(Other):
        namespaced = FOREIGN.get((other.ref.group, other.kind))
        if namespaced is not None:
            words = f"{other.ref} ({other.ref.group}) is not read"
            yield Unseen(words, other.namespace if namespaced else "")
    own: tuple[CiliumPolicy, ...] = (*snapshot.of(CiliumNetworkPolicy), *snapshot.of(CiliumClusterwideNetworkPolicy))
    for policy in own:
        yield from (Unseen(words, nodes=True) for words in unjudged(policy))
    for kind in (*OURS, *CILIUM, Namespace):
        for gap in snapshot.blind(kind):
            where = f" in {gap.namespace}" if gap.namespace else ""
            yield Unseen(f"{gap.kind} objects{where} were not seen ({gap.why})", gap.namespace)
    for problem in snapshot.problems:
        if problem.blinds:
            words = f"a document was not understood ({problem.file}:{problem.line}: {problem.what})"
            yield Unseen(words, anything=True)
