"""AuthorizationPolicies in a few words, and the clusters that they are asked about."""

from __future__ import annotations

import json

import yaml
from tests.layers.mesh.istio_scene import IN_AMBIENT, Plain, config, meta, namespace, workload

WEB = "cluster.local/ns/shop/sa/web"


def policy(name: str, spec: str, where: str = "shop", **metadata: object) -> Plain:
    """An AuthorizationPolicy; its spec as YAML."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": meta(name, where, **metadata),
        "spec": yaml.safe_load(spec) or {},
    }


def with_source(field: str, *values: str, **more: list[str]) -> str:
    source = {field: [*values], **more}
    return f"rules: [{{from: [{{source: {json.dumps(source)}}}]}}]"


def with_operation(field: str, *values: str) -> str:
    return f"rules: [{{to: [{{operation: {{{field}: {list(values)}}}}}]}}]"


SHOP_GETS = 'rules: [{from: [{source: {namespaces: ["shop"]}}], to: [{operation: {methods: ["GET"]}}]}]'
"""The shop may read."""
CUSTOM = '{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: ["/admin"]}}]}]}'

SHOP = (
    namespace("shop"),
    namespace("lab"),
    workload("web"),
    workload("cart", ports=(80, 5432)),
    workload("probe", "lab"),
    config(),
)
NAMED: Plain = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": meta("cart", "shop"),
    "spec": {
        "selector": {"app": "cart"},
        "ports": [{"name": "http", "port": 80}, {"name": "tcp-db", "port": 5432}],
    },
}


AMBIENT = (
    namespace("shop", IN_AMBIENT),
    namespace("lab", IN_AMBIENT),
    workload("web"),
    workload("cart"),
    workload("probe", "lab"),
    config(),
)


def waypoint(kind: str = "service") -> Plain:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": meta("way", "shop", labels={"istio.io/waypoint-for": kind}),
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


TO_SERVICE = 'targetRefs: [{group: "", kind: Service, name: cart}]\n'
TO_WAYPOINT = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: way}]\n"
BY_WAYPOINT = with_source("principals", "cluster.local/ns/shop/sa/way")
