"""What holds for the whole cluster: namespaces, nodes, admission, priorities, and the control plane's own objects."""

from __future__ import annotations

from tests.live.requests import objects as o
from tests.live.requests.request import Plain, Thing, Tried, both, either, on, one

WRITE = "create,update,patch"
BEND = "delete,deletecollection,update,patch"
PRIVILEGED: Plain = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
RELABELLED: Plain = {
    **o.NAMESPACES.manifest,
    "metadata": {"name": "{name}", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
}
DATA: Plain = {"data": {"Corefile": "."}}


def named_config(name: str, rest: str, *, brought: bool = False) -> Tried:
    """A ConfigMap of kube-system; one that the server or the example brings does not have to be put there."""
    return Tried(
        on("update,patch", o.SYSTEM_CONFIG_MAPS, patch=DATA, stands=not brought), name=name, free=False, rest=rest
    )


DELETABLE_DEFINITION = {
    **o.DEFINITIONS.manifest,
    "metadata": {"name": "webs.new.example.com"},
    "spec": {**o.DEFINITIONS.manifest["spec"], "group": "new.example.com"},  # type: ignore[dict-item]
}
NEW_API = {**o.API_SERVICES.manifest, "metadata": {"name": "v2.attackers.example.com"}}
NEW_API["spec"] = {**o.API_SERVICES.manifest["spec"], "version": "v2"}  # type: ignore[dict-item]
URLS = ("/metrics", "/logs/", "/debug/pprof/profile?seconds=1", "/configz")

CLUSTER = {
    "api-service": Tried(
        either(on("update,patch", o.API_SERVICES), one("POST", o.API_SERVICES.collection, NEW_API)),
        name="v1.attackers.example.com",
    ),
    "aws-auth": named_config("aws-auth", "the cloud that reads it", brought=True),
    "conversion-webhook": Tried(
        either(on("update,patch", o.DEFINITIONS), one("POST", o.DEFINITIONS.collection, DELETABLE_DEFINITION)),
        name="webs.step.example.com",
    ),
    "debug-endpoints": Tried(either(*(one("GET", url, beyond=[404]) for url in URLS))),
    "delete-node": Tried(on("delete,deletecollection", o.NODES), name="worker-1"),
    "disable-admission-policy": Tried(either(on(BEND, o.POLICIES), on(BEND, o.POLICY_BINDINGS))),
    "disable-webhook": Tried(either(on(BEND, o.VALIDATING_WEBHOOKS), on(BEND, o.MUTATING_WEBHOOKS))),
    "dns-hijack": named_config("coredns", "a DNS server that reads it"),
    "leader-lease": Tried(on("update,patch,delete", o.LEASES), name="kube-scheduler", free=False),
    "mutating-admission-policy": Tried(both(on(WRITE, o.MUTATING_POLICIES), on(WRITE, o.MUTATING_POLICY_BINDINGS))),
    "mutating-webhook": Tried(on(WRITE, o.MUTATING_WEBHOOKS), name="injector"),
    "poison-front-proxy": named_config("extension-apiserver-authentication", "an aggregated API", brought=True),
    "poison-kubelet-config": named_config("kubelet-config", "kubeadm", brought=True),
    "preempt": Tried(on("create", o.PRIORITY_CLASSES), rest="a scheduler"),
    "provisioner-abuse": Tried(
        either(on(WRITE, o.STORAGE_CLASSES), on(WRITE, o.DRIVERS), on(WRITE, o.ATTACHMENTS)), rest="a storage driver"
    ),
    "read-configuration": Tried(
        either(
            on("get,list,watch", o.CONFIG_MAPS),
            on("get,list,watch", o.EVENTS, stands=False, beyond=[404]),
            on("get,list,watch", o.NEWER_EVENTS, stands=False, beyond=[404]),
        )
    ),
    "recreate-namespace": Tried(on("create", o.NAMESPACES), rest="a binding that is left from before"),
    "relabel-namespace": Tried(
        either(
            on("update,patch", o.NAMESPACES, patch=PRIVILEGED, body=RELABELLED, stands=False),
            on("update,patch", o.NAMESPACES, "status", patch=PRIVILEGED, body=RELABELLED, stands=False),
            on("update", o.NAMESPACES, "finalize", body=RELABELLED, stands=False),
        ),
        name="{ns}",
    ),
    "relabel-node": Tried(either(on("update,patch", o.NODES), on("update,patch", o.NODES, "status")), name="worker-1"),
    "starve-by-priority": Tried(
        either(
            on("create,update,patch,delete,deletecollection", o.FLOW_SCHEMAS),
            on("create,update,patch,delete,deletecollection", o.PRIORITY_LEVELS),
        )
    ),
    "validating-webhook": Tried(on(WRITE, o.VALIDATING_WEBHOOKS)),
}

CLAIMED_ADDRESS = {"spec": {"externalIPs": ["192.0.2.1"]}}
BALANCER = Thing(o.SERVICES.collection, {**o.SERVICES.manifest, "spec": {**o.SERVICE, "type": "LoadBalancer"}})
BALANCED: Plain = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
CLAIMING: Plain = {**o.SERVICES.manifest, "spec": {**o.SERVICE, "externalIPs": ["192.0.2.1"]}}
LABELS: Plain = {"metadata": {"labels": {"app": "theirs"}}}

NETWORK = {
    "endpoint-injection": Tried(either(on(WRITE, o.ENDPOINTS), on(WRITE, o.SLICES))),
    "external-ip": Tried(
        either(
            on(WRITE, BALANCER, patch=CLAIMED_ADDRESS, body=CLAIMING),
            on("update,patch", BALANCER, "status", patch=BALANCED, body={**BALANCER.manifest, **BALANCED}),
        )
    ),
    "hijack-service": Tried(
        either(
            on("update,patch", o.SERVICES, patch={"spec": {"selector": {"app": "attackers"}}}),
            on("update,patch", o.PODS, patch=LABELS),
            on("update,patch", o.PODS, "status", patch=LABELS),
        )
    ),
    "hijack-webhook-backend": Tried(
        both(
            either(on(WRITE, o.SERVICES), on(WRITE, o.ENDPOINTS), on(WRITE, o.SLICES)),
            on("get,list,watch", o.SECRETS),
        )
    ),
    "ingress-hijack": Tried(on(WRITE, o.INGRESSES), rest="an ingress controller"),
    "ingress-snippet": Tried(on(WRITE, o.INGRESSES), rest="ingress-nginx"),
    "open-network": Tried(on("create,update,patch,delete,deletecollection", o.NETWORK_POLICIES)),
}
