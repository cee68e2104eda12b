"""NetworkPolicies that are just enough, as tables of small clusters: what runs, what was seen, what comes out."""

from __future__ import annotations

from collections.abc import Sequence

from tests.layers.network.scene import Plain, cluster, namespace
from tests.layers.network.synthesizing import WINDOW, after, deployment, seen, told

from mistrust.access.record import Coverage
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.synthesize import Tightened, synthesize

SHOP = (
    namespace("shop"),
    namespace("kube-system"),
    deployment("shop/web", "app=web", "TCP/8080"),
    deployment("shop/db", "app=db", "TCP/5432"),
    deployment("kube-system/coredns", "k8s-app=kube-dns", "UDP/53 TCP/53"),
)
DNS = "egress kube-system:k8s-app=kube-dns TCP 53,UDP 53"


def tighten(world: Sequence[Plain], *flows: str, coverage: Coverage = WINDOW) -> Tightened:
    snapshot = cluster(*world)
    return synthesize(snapshot, seen(snapshot, *flows, coverage=coverage))


def policies(world: Sequence[Plain], *flows: str) -> dict[str, list[str]]:
    """`{"shop/web": ["app=web", "ingress ... TCP 80"]}` of everything that is in force afterwards."""
    snapshot = cluster(*world)
    found = after(snapshot, synthesize(snapshot, seen(snapshot, *flows))).of(NetworkPolicy)
    return {f"{p.namespace}/{p.name}": told(p) for p in found}


def test_each_workload_gets_one_policy_and_each_namespace_a_denial() -> None:
    assert policies(SHOP, "shop/web -> shop/db TCP/5432", "shop/web -> kube-system/coredns UDP/53") == {
        "kube-system/coredns": ["k8s-app=kube-dns", "ingress every pod TCP 53,UDP 53"],
        "kube-system/default-deny": [""],
        "shop/db": ["app=db", "ingress app=web TCP 5432", DNS],
        "shop/default-deny": [""],
        "shop/web": ["app=web", "egress app=db TCP 5432", DNS],
    }
