"""Evidence for small clusters, in words: `shop/web -> shop/db TCP/5432`, `shop/web -> 203.0.113.9 TCP/443`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import yaml
from tests.layers.network.scene import Plain, cluster, namespace, node, pairs

from mistrust.access.change import Tightened, applied
from mistrust.access.flow import Flow, Peer
from mistrust.access.ports import Ports
from mistrust.access.record import Coverage, Record, Tally
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.meta import Ref
from mistrust.kube.network import NetworkPolicy, PolicyPeer, PolicyPort
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.synthesize import synthesize
from mistrust.layers.network.usage import Usage, used

WINDOW = Coverage(first=1, last=1 + 30 * 86_400, events=1)
"""A month of evidence."""


def deployment(name: str, labels: str, ports: str = "", kind: str = "Deployment", **spec: object) -> Plain:
    """`deployment("shop/web", "app=web", "TCP/80 UDP/53")`."""
    space, _, short = name.partition("/")
    declared = []
    for protocol, _, number in (p.partition("/") for p in ports.split()):
        declared.append({"protocol": protocol, "containerPort": int(number)})
    pod = {"containers": [{"name": "c", "image": "i", "ports": declared}], **spec}
    template = {"metadata": {"labels": pairs(labels)}, "spec": pod}
    whole: Plain = {"template": template}
    if kind == "CronJob":
        whole = {"schedule": "0 3 * * *", "jobTemplate": {"spec": whole}}
    group = "batch/v1" if kind in ("CronJob", "Job") else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": short, "namespace": space}, "spec": whole}


def flow(text: str) -> Flow:
    source, _, destination, port = text.split()
    protocol, _, number = port.partition("/")
    return Flow(_peer(source), _peer(destination), protocol, int(number))


def _peer(text: str) -> Peer:
    space, slash, name = text.partition("/")
    return Peer(space, workload=name) if slash else Peer(address=text)


def seen(given: Snapshot, *flows: str, coverage: Coverage = WINDOW) -> Usage:
    return used(granted(given), Record({flow(f): Tally(1, 5, 5) for f in flows}, coverage), given)


def after(old: Snapshot, found: Tightened) -> Snapshot:
    return snapshot(applied(old.objects, found.changes), gaps=old.gaps, scope=old.scope)


def told(policy: NetworkPolicy) -> list[str]:
    """Its selector, then each rule on one line."""
    spec = policy.spec
    rules = [("ingress", r.sources, r.ports) for r in spec.ingress]
    rules += [("egress", r.destinations, r.ports) for r in spec.egress]
    return [
        selector_words(spec.pod_selector),
        *(f"{way} {_peers(peers)} {_ports(ports)}" for way, peers, ports in rules),
    ]


def _peers(peers: Iterable[PolicyPeer]) -> str:
    return ", ".join(map(_one, peers)) or "everybody"


def _one(peer: PolicyPeer) -> str:
    if peer.ip_block is not None:
        return " - ".join((peer.ip_block.cidr, *peer.ip_block.excluded))
    if peer.namespace_selector is None:
        return selector_words(peer.pod_selector)
    if peer.namespace_selector == LabelSelector():
        return "every pod" if peer.pod_selector is None else "?"
    name = peer.namespace_selector.match_labels.get(NAMESPACE_NAME) or selector_words(peer.namespace_selector)
    return f"{name}:{selector_words(peer.pod_selector or LabelSelector())}"


def selector_words(selector: LabelSelector | None) -> str:
    assert selector is not None
    words = [f"{k}={v}" for k, v in selector.match_labels.items()]
    words += [
        f"{r.key} in {'|'.join(r.values)}" if r.operator == "In" else f"!{r.key}" for r in selector.match_expressions
    ]
    return " ".join(words)


def _ports(ports: Iterable[PolicyPort]) -> str:
    spans = (Ports.span(p.protocol, p.port, p.end_port or p.port) for p in ports if isinstance(p.port, int))
    found = Ports()
    for each in spans:
        found = found | each
    return str(found)


SHOP = (
    namespace("shop"),
    namespace("kube-system"),
    deployment("shop/web", "app=web", "TCP/8080"),
    deployment("shop/db", "app=db", "TCP/5432"),
    deployment("kube-system/coredns", "k8s-app=kube-dns", "UDP/53 TCP/53"),
)
DNS = "egress kube-system:k8s-app=kube-dns TCP 53,UDP 53"
USED = "shop/web -> shop/db TCP/5432"
NODES = (node("n1", "192.168.0.1"), node("n2", "192.168.0.2"))


def plain(text: str) -> list[Plain]:
    return list(yaml.safe_load_all(text))


def tighten(world: Sequence[Plain], *flows: str, coverage: Coverage = WINDOW, callers: Sequence[Ref] = ()) -> Tightened:
    snapshot = cluster(*world)
    return synthesize(snapshot, seen(snapshot, *flows, coverage=coverage), callers=callers)


def policies(world: Sequence[Plain], *flows: str, callers: Sequence[Ref] = ()) -> dict[str, list[str]]:
    """`{"shop/web": ["app=web", "ingress ... TCP 80"]}` of everything that is in force afterwards."""
    snapshot = cluster(*world)
    found = after(snapshot, synthesize(snapshot, seen(snapshot, *flows), callers=callers)).of(NetworkPolicy)
    return {f"{p.namespace}/{p.name}": told(p) for p in found}


def left(found: Tightened) -> dict[str, str]:
    return {f"{each.ref.namespace}/{each.ref.name}": each.because for each in found.left}


SERVER = """
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: kubernetes, namespace: default}
subsets: [{addresses: [{ip: 172.18.0.3}], ports: [{name: https, port: 6443}]}]
"""
"""The API server as a cluster shows it."""
