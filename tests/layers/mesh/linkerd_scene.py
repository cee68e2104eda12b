"""A small cluster with Linkerd, written as YAML, and questions about its connections."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.ports import point
from mistrust.kube.endpoints import Endpoint, endpoints
from mistrust.kube.read import read
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.layers.mesh.channel import Channel
from mistrust.layers.mesh.linkerd.linkerd import Linkerd, linkerd

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: linkerd-config, namespace: linkerd}
data:
  values: |
    clusterNetworks: "192.0.2.0/24"
    identityTrustDomain: cluster.example.com
    proxy: {defaultInboundPolicy: %s}
    policyController: {probeNetworks: ["10.0.0.0/24"]}
"""

WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: ns-0, annotations: {linkerd.io/inject: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ns-1}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ns-0, labels: {app: web}}
spec:
  serviceAccountName: web
  containers:
  - name: web
    ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 8080}]
status: {podIP: 192.0.2.10}
---
apiVersion: v1
kind: Pod
metadata: {name: meshed, namespace: ns-0}
spec: {serviceAccountName: foo, containers: [{name: c}]}
status: {podIP: 192.0.2.1}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: ns-1, annotations: {linkerd.io/inject: enabled}}
spec: {serviceAccountName: bar, containers: [{name: c}]}
status: {podIP: 10.0.0.7}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: ns-1}
spec: {containers: [{name: c}]}
status: {podIP: 192.0.2.2}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: ns-1}
spec: {containers: [{name: c}]}
status: {podIP: 203.0.113.9}
"""
"""A meshed server; clients with and without a proxy, inside and outside the cluster's networks."""

Row = tuple[str, ...]


class Scene:
    """A cluster with its mesh; endpoints are called by their names, and `outside` is whoever is none of them."""

    def __init__(
        self,
        *manifests: str,
        default: str = "all-unauthenticated",
        scope: Scope | None = None,
        gaps: Sequence[Gap] = (),
        tunnels: bool = False,
    ) -> None:
        config = CONFIG % default if default else ""
        if tunnels:
            config = config.replace("proxy: {", "proxy: {outboundTransportMode: transport-header, ")
        objects, problems = read("\n---\n".join((config, *manifests)).encode(), "scene.yaml")
        assert not problems, [str(p) for p in problems]
        self.snapshot: Snapshot = snapshot(objects, scope=scope, gaps=gaps)
        self.endpoints: Sequence[Endpoint] = endpoints(self.snapshot)
        found = linkerd(self.snapshot, self.endpoints)
        assert found is not None
        self.mesh: Linkerd = found
        self._index = {e.name: i for i, e in enumerate(self.endpoints)}

    def ask(self, client: str, port: int, server: str = "web", protocol: str = "TCP") -> Channel:
        source = self.mesh.outside if client == "outside" else self.mesh.source_of[self._index[client]]
        return self.mesh.channel(source, self.mesh.target_of[self._index[server]], point(protocol, port))

    def told(self, client: str, port: int, server: str = "web", protocol: str = "TCP") -> Row:
        """Transport, authorization, and whether plaintext is served: `("mtls-enforced", "identity", "no")`."""
        found = self.ask(client, port, server, protocol)
        return found.transport, found.authz, {True: "yes", False: "no", None: "unknown"}[found.plaintext]

    def table(self, port: int, *clients: str, server: str = "web") -> dict[str, Row]:
        return {c: self.told(c, port, server) for c in clients}


def server(
    name: str = "srv", port: int | str = 80, selector: str = "{app: web}", spec: str = "", meta: str = ""
) -> str:
    return f"""
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {{name: {name}, namespace: ns-0, {meta}}}
spec: {{podSelector: {{matchLabels: {selector}}}, port: {port}, {spec}}}
"""


def policy(target: str, *refs: str, name: str = "authz", namespace: str = "ns-0") -> str:
    """`target` and `refs` as `Kind name` or `Kind namespace/name`."""
    return f"""
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{targetRef: {_ref(target)}, requiredAuthenticationRefs: [{", ".join(map(_ref, refs))}]}}
"""


def _ref(text: str) -> str:
    kind, _, name = text.partition(" ")
    namespace, slash, name = name.rpartition("/")
    group = "" if kind in ("Namespace", "ServiceAccount") else "policy.linkerd.io"
    return f"{{group: '{group}', kind: {kind}, name: {name}{f', namespace: {namespace}' if slash else ''}}}"


def meshtls(name: str, *identities: str, refs: str = "[]", namespace: str = "ns-0") -> str:
    named = ", ".join(repr(i) for i in identities)
    return f"""
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{identities: [{named}], identityRefs: {refs}}}
"""


def network(name: str, *networks: str, namespace: str = "ns-0") -> str:
    """Each network as `cidr` or `cidr!except`."""
    blocks = []
    for n in networks:
        cidr, _, hole = n.partition("!")
        blocks.append(f"{{cidr: '{cidr}', except: [{hole}]}}")
    return f"""
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{networks: [{", ".join(blocks)}]}}
"""


def grant(client: str, server: str = "{name: srv}", name: str = "grant") -> str:
    return f"""
apiVersion: policy.linkerd.io/v1beta1
kind: ServerAuthorization
metadata: {{name: {name}, namespace: ns-0}}
spec: {{server: {server}, client: {client}}}
"""


def route(name: str, path: str = "/foo", parent: str = "srv", kind: str = "policy.linkerd.io/v1beta3") -> str:
    return f"""
apiVersion: {kind}
kind: HTTPRoute
metadata: {{name: {name}, namespace: ns-0}}
spec:
  parentRefs: [{{group: policy.linkerd.io, kind: Server, name: {parent}}}]
  rules: [{{matches: [{{path: {{type: PathPrefix, value: {path}}}}}]}}]
"""
