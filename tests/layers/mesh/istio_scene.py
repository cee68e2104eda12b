"""A small cluster with Istio, written in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mistrust.access.ports import point
from mistrust.kube.decode import from_plain
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.channel import Channel
from mistrust.layers.mesh.mesh import Mesh, mesh

Plain = Mapping[str, object]
INJECTED = {"istio-injection": "enabled"}
IN_AMBIENT = {"istio.io/dataplane-mode": "ambient"}


def read(*plain: Plain) -> tuple[Object, ...]:
    """Objects as the reader makes them; a mistake in a test is an error."""
    out: list[Object] = []
    for i, value in enumerate(plain):
        for found in from_plain(value, Origin("test.yaml", i, -1, i + 1)):
            assert not isinstance(found, Problem), found
            out.append(found)
    return tuple(out)


def meta(name: str, namespace: str = "", **more: object) -> dict[str, object]:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def namespace(name: str, labels: Mapping[str, str] = INJECTED) -> Plain:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(name, labels=labels)}


def workload(
    name: str,
    namespace: str = "shop",
    *,
    ports: Sequence[int] = (80,),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    account: str = "",
    host_network: bool = False,
) -> Plain:
    """A Deployment whose pods have the label `app: <name>`."""
    container = {"name": "app", "image": "app", "ports": [{"containerPort": p, "name": f"p{p}"} for p in ports]}
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}, "annotations": annotations or {}},
        "spec": {"containers": [container], "serviceAccountName": account or name, "hostNetwork": host_network},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(name, namespace),
        "spec": {"template": template},
    }


def service(
    name: str, namespace: str = "shop", *, ports: Sequence[int] = (80,), headless: bool = False, **metadata: object
) -> Plain:
    """A Service for the pods with the label `app: <name>`, the same port numbers on both sides."""
    spec: dict[str, object] = {"selector": {"app": name}, "ports": [{"port": p, "name": f"p{p}"} for p in ports]}
    if headless:
        spec["clusterIP"] = "None"
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, namespace, **metadata), "spec": spec}


def peers(
    namespace: str,
    mode: str = "",
    *,
    name: str = "default",
    app: str = "",
    ports: Mapping[int, str] | None = None,
    made: str = "",
) -> Plain:
    """A PeerAuthentication; for one `app`, or for the namespace."""
    spec: dict[str, object] = {"mtls": {"mode": mode}} if mode else {}
    if app:
        spec["selector"] = {"matchLabels": {"app": app}}
    if ports:
        spec["portLevelMtls"] = {str(p): {"mode": m} for p, m in ports.items()}
    more = {"creationTimestamp": made} if made else {}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": meta(name, namespace, **more),
        "spec": spec,
    }


def rule(namespace: str, host: str, policy: Plain | None = None, *, name: str = "", **spec: object) -> Plain:
    """A DestinationRule."""
    body: dict[str, object] = {"host": host, **spec}
    if policy is not None:
        body["trafficPolicy"] = policy
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": meta(name or f"rule-{host.replace('*', 'any')}", namespace),
        "spec": body,
    }


def tls(mode: str, **more: object) -> Plain:
    """A traffic policy with TLS settings."""
    return {"tls": {"mode": mode, **more}}


def config(**settings: object) -> Plain:
    """The ConfigMap that istiod reads, with these settings."""

    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta("istio", "istio-system"),
        "data": {"mesh": json.dumps(settings)},
    }


class Scene:
    """The mesh over some objects, asked by the names of workloads."""

    def __init__(self, *plain: Plain) -> None:
        self.snapshot: Snapshot = snapshot(read(*plain))
        self.endpoints = endpoints(self.snapshot)
        self.mesh: Mesh = mesh(self.snapshot, self.endpoints)

    def index(self, name: str) -> int:
        """The endpoint with this name; `namespace/name` where the name alone is not enough."""
        found = [i for i, e in enumerate(self.endpoints) if name in (e.name, f"{e.namespace}/{e.name}")]
        assert len(found) == 1, (name, found)
        return found[0]

    def channel(self, source: str, target: str, port: int = 80, protocol: str = "TCP") -> Channel:
        """The channel between two workloads; an empty source is whoever is no endpoint."""
        of = self.mesh.source_of[self.index(source)] if source else self.mesh.outside
        return self.mesh.channel(of, self.mesh.target_of[self.index(target)], point(protocol, port))

    def transport(self, source: str, target: str, port: int = 80) -> str:
        """The transport alone."""
        return str(self.channel(source, target, port).transport)
