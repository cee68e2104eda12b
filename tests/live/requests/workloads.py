"""Pods and what makes, changes and reaches them."""

from __future__ import annotations

from tests.live.requests import objects as o
from tests.live.requests.request import (
    APPLY,
    STRATEGIC,
    Plain,
    Thing,
    Tried,
    Ways,
    both,
    either,
    may,
    on,
    one,
    standing,
)

POD = f"{o.PODS.collection}/{{name}}"
MAKING_PODS = either(
    *(
        on("create", each)
        for each in (o.PODS, o.REPLICATION_CONTROLLERS, *o.TEMPLATED, o.JOBS, o.CRON_JOBS)
    )
)  # fmt: skip
CHANGING_PODS = either(
    *(
        on("update,patch", each, patch=o.SWAPPED, patched_as=STRATEGIC)
        for each in (*o.TEMPLATED, o.REPLICATION_CONTROLLERS)
    ),
    on("update,patch", o.CRON_JOBS, patch={"spec": {"jobTemplate": o.SWAPPED}}, patched_as=STRATEGIC),
)

UNSCHEDULED = (400, 404, 500, 502, 503)
"""What the server says about a pod on no node, when it has let the request through."""
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}
KUBELET = "a kubelet"


def connecting(method: str, sub: str) -> Tried:
    """Connect to a pod that stands, and is on no node."""
    headers = WEBSOCKET if method == "GET" else {}
    ways = one(method, f"{POD}/{sub}", headers=headers, beyond=UNSCHEDULED, stands=(o.PODS.manifest,), real=True)
    return Tried(ways, rest=KUBELET)


def proxied(thing: Thing) -> Ways:
    path = f"{thing.collection}/{{name}}/proxy/"
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    return either(*(one(m, path, beyond=UNSCHEDULED, stands=(thing.manifest,), real=True) for m in methods))


def ephemeral(**security: object) -> Tried:
    """An ephemeral container in a pod that stands."""
    container = {**o.CONTAINER, "name": "debug", **({"securityContext": security} if security else {})}
    added: Plain = {"ephemeralContainers": [container]}
    whole = {**o.PODS.manifest, "spec": {**o.POD_SPEC, **added}}
    ways = on("update,patch", o.PODS, "ephemeralcontainers", patch={"spec": added}, patched_as=STRATEGIC, body=whole)
    return Tried(ways, rest=KUBELET)


ROLE = {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/x"}}}
CONTAINERS = {"containers": [{**o.CONTAINER, "image": "example.com/attackers:1"}]}
REPLACED: Plain = {**o.PODS.manifest, "spec": {**o.POD_SPEC, **CONTAINERS}}
CLAIMED = {"name": "disk", "ephemeral": {"volumeClaimTemplate": {"spec": {**o.CLAIM, "storageClassName": "attackers"}}}}

WORKLOADS = {
    "annotate-service-account": Tried(
        both(
            on("create,update,patch", o.SERVICE_ACCOUNTS, patch=ROLE),
            either(
                on("create", o.PODS), one("POST", f"{o.SERVICE_ACCOUNTS.collection}/default/token", {}, real=True)
            ),
        ),
        rest="a cloud that trusts it",
    ),
    "apply-named-pod": Tried(one("PATCH", f"{POD}?fieldManager=attacker&force=true", o.PODS.manifest, APPLY)),
    "attach": connecting("POST", "attach?container=main&stdin=true"),
    "attach-by-get": connecting("GET", "attach?container=main&stdin=true"),
    "bind-pod-to-node": Tried(
        standing(
            o.PODS.manifest,
            either(
                one("POST", f"{POD}/binding", o.BINDINGS.manifest),
                one("POST", o.BINDINGS.collection, o.BINDINGS.manifest),
            ),
        ),
        rest=KUBELET,
    ),
    "change-workload": Tried(CHANGING_PODS),
    "checkpoint": Tried(may("create", "", "nodes/checkpoint", "{name}"), rest=KUBELET),
    "create-pod": Tried(on("create", o.PODS)),
    "create-workload": Tried(MAKING_PODS[1:]),
    "ephemeral-container": ephemeral(),
    "exec": connecting("POST", "exec?container=main&command=id&stdout=true"),
    "exec-by-get": connecting("GET", "exec?container=main&command=id&stdout=true"),
    "kubelet-exec": Tried(
        either(
            *(
                one(m, "/api/v1/nodes/{name}/proxy/run/shop/web/main?cmd=id", beyond=UNSCHEDULED, real=True,
                    stands=(o.NODES.manifest,))
                for m in ("GET", "POST")
            )
        ),
        name="worker-1",
        rest=KUBELET,
    ),
    "port-forward": connecting("POST", "portforward?ports=80"),
    "port-forward-by-get": connecting("GET", "portforward?ports=80"),
    "privileged-ephemeral-container": ephemeral(privileged=True),
    "proxy-to-pods": Tried(either(proxied(o.PODS), proxied(o.SERVICES)), rest="a pod that answers"),
    "read-logs": Tried(
        one("GET", f"{POD}/log?container=main", beyond=UNSCHEDULED, stands=(o.PODS.manifest,)), rest=KUBELET
    ),
    "read-node": Tried(
        either(*(may("get", "", f"nodes/{sub}", "{name}") for sub in ("log", "configz", "stats", "metrics", "pods"))),
        rest=KUBELET,
    ),
    "rewrite-history": Tried(both(on("delete", o.REVISIONS), on("create", o.REVISIONS)), rest="a controller"),
    "scale-down": Tried(
        either(
            *(
                on("update,patch", each, "scale", patch={"spec": {"replicas": 0}}, body=o.scale(each))
                for each in (o.DEPLOYMENTS, o.STATEFUL_SETS, o.REPLICA_SETS, o.REPLICATION_CONTROLLERS)
            ),
            on("create,update,patch,delete", o.AUTOSCALERS),
        )
    ),
    "swap-image": Tried(
        on("update,patch", o.PODS, patch={"spec": CONTAINERS}, patched_as=STRATEGIC, body=REPLACED), rest=KUBELET
    ),
    "volume-of-the-node": Tried(
        both(on("create", o.VOLUMES), either(MAKING_PODS, CHANGING_PODS)), rest=KUBELET
    ),
}  # fmt: skip
