"""NetworkPolicies that are just enough, as tables of small clusters: what runs, what was seen, what comes out."""

from __future__ import annotations

import pytest
from tests.layers.network.scene import Plain, namespace, pod
from tests.layers.network.synthesizing import (
    DNS,
    NODES,
    SHOP,
    USED,
    deployment,
    plain,
    policies,
    tighten,
)

from mistrust.layers.network.synthesize import PROBES

API = deployment("shop/api", "app=api")


def test_each_workload_gets_one_policy_and_each_namespace_a_denial() -> None:
    assert policies(SHOP, USED, "shop/web -> kube-system/coredns UDP/53") == {
        "kube-system/coredns": ["k8s-app=kube-dns", "ingress every pod TCP 53,UDP 53"],
        "kube-system/default-deny": [""],
        "shop/db": ["app=db", "ingress app=web TCP 5432", DNS],
        "shop/default-deny": [""],
        "shop/web": ["app=web", "egress app=db TCP 5432", DNS],
    }


WRITTEN: dict[str, tuple[list[Plain], list[str], str, list[str]]] = {
    "peers with the same ports are one rule": (
        [API],
        ["shop/web -> shop/db TCP/5432", "shop/api -> shop/db TCP/5432"],
        "shop/db",
        ["app=db", "ingress app=api, app=web TCP 5432", DNS],
    ),
    "ports of one peer are together": (
        [],
        ["shop/web -> shop/db TCP/5432", "shop/web -> shop/db TCP/8008"],
        "shop/db",
        ["app=db", "ingress app=web TCP 5432,8008", DNS],
    ),
    "three ports in a row are a range": (
        [],
        [f"shop/web -> shop/db TCP/{port}" for port in (7000, 7001, 7002)],
        "shop/db",
        ["app=db", "ingress app=web TCP 7000-7002", DNS],
    ),
    "a peer of another namespace, by the name of that namespace": (
        [namespace("ops", "team=ops"), deployment("ops/agent", "app=agent")],
        ["ops/agent -> shop/db TCP/9187", USED],
        "shop/db",
        ["app=db", "ingress app=web TCP 5432", "ingress ops:app=agent TCP 9187", DNS],
    ),
    "replicas among themselves": (
        [],
        ["shop/db -> shop/db TCP/7000", USED],
        "shop/db",
        ["app=db", "ingress app=db TCP 7000", "ingress app=web TCP 5432", "egress app=db TCP 7000", DNS],
    ),
    "addresses outside, one by one, joined only where they touch": (
        [],
        [f"shop/web -> {address} TCP/443" for address in ("203.0.113.8", "203.0.113.9", "203.0.113.11", "2001:db8::1")],
        "shop/web",
        ["app=web", DNS, "egress 203.0.113.8/31, 203.0.113.11/32, 2001:db8::1/128 TCP 443"],
    ),
    "the metadata of the cloud, because it was used": (
        [],
        ["shop/web -> 169.254.169.254 TCP/80"],
        "shop/web",
        ["app=web", DNS, "egress 169.254.169.254/32 TCP 80"],
    ),
    "a client of a private network": (
        [],
        ["172.16.4.4 -> shop/web TCP/8080"],
        "shop/web",
        ["app=web", "ingress 172.16.4.4/32 TCP 8080", DNS],
    ),
    "a node, which may be any": (
        list(NODES),
        ["192.168.0.1 -> shop/web TCP/8080"],
        "shop/web",
        ["app=web", "ingress 192.168.0.1/32, 192.168.0.2/32 TCP 8080", DNS],
    ),
    "a peer on the network of its node": (
        [*NODES, pod("shop/agent", "app=agent", "", "192.168.0.2", "n2", host=True)],
        ["shop/web -> shop/agent TCP/9100"],
        "shop/web",
        ["app=web", DNS, "egress 192.168.0.2/32 TCP 9100"],
    ),
    "one that runs with an endpoint of the mesh asks its control plane": (
        plain(
            """
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system}
spec: {template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: istiod, namespace: istio-system}
spec: {selector: {app: istiod}, ports: [{name: https-dns, port: 15012}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: meshed, namespace: shop}
spec: {template: {metadata: {labels: {app: meshed}}, spec: {containers: [{name: c}, {name: istio-proxy}]}}}
"""
        ),
        ["shop/meshed -> shop/db TCP/5432"],
        "shop/meshed",
        ["app=meshed", "egress app=db TCP 5432", "egress istio-system:app=istiod TCP 15012", DNS],
    ),
    "NodeLocal DNSCache, at its own address": (
        [deployment("kube-system/node-local-dns", "k8s-app=node-local-dns", kind="DaemonSet", hostNetwork=True)],
        [USED],
        "shop/web",
        ["app=web", "egress app=db TCP 5432", DNS, "egress 169.254.20.10/32 TCP 53,UDP 53"],
    ),
}


@pytest.mark.parametrize(("more", "flows", "name", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written(more: list[Plain], flows: list[str], name: str, expected: list[str]) -> None:
    assert policies([*SHOP, *more], *flows)[name] == expected


def test_two_ports_in_a_row_are_two_and_three_are_a_range() -> None:
    flows = [f"shop/web -> shop/db TCP/{port}" for port in (80, 81, 7000, 7001, 7002)]
    db = next(p for c in tighten(SHOP, *flows).changes for p in c.new if p.name == "db")
    assert [(p.port, p.end_port) for p in db.spec.ingress[0].ports] == [(80, None), (81, None), (7000, 7002)]


def test_what_has_to_stay_has_its_reason() -> None:
    found = tighten(SHOP, USED)
    db = next(c for c in found.changes if c.new[0].name == "db")
    told = [str(note) for note in db.notes]
    assert told[0].startswith("spec.ingress[0]: Deployment shop/web -> Deployment shop/db TCP 5432 (used ")
    assert [line.rpartition(": ")[0] for line in told[1:]] == [
        f"spec.egress[0]: Deployment shop/db -> Deployment kube-system/coredns {port} (DNS"
        for port in ("TCP 53", "UDP 53")
    ]
    assert PROBES in found.remarks
