"""The example shop, and changes of it: objects that go, objects that come, objects that are written otherwise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from mistrust.catalog.load import api_resources, default_rbac, steps
from mistrust.cluster.files import read_files
from mistrust.effect.state import Given
from mistrust.kube.meta import Object
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET
from mistrust.paths.path import Foothold

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
STARTS = (INTERNET, Foothold("identity", "Group system:authenticated"))
TARGETS = (CLUSTER_ADMIN, ANY_NODE, Foothold("secrets", "kube-system"))

EXTRA = b"""\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: extra}
roleRef: {kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: orders, namespace: shop}, {kind: Group, name: devs}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: more, namespace: payments}
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: some, namespace: ops}
spec:
  podSelector: {matchLabels: {app: agent}}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 9100}]}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Service
metadata: {name: open, namespace: shop}
spec: {type: LoadBalancer, selector: {app: cart}, ports: [{port: 80, targetPort: 7070}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tool, namespace: ops, labels: {app: tool}}
spec: {hostPID: true, containers: [{name: c, image: i, securityContext: {privileged: true}}]}
"""


@cache
def shop() -> tuple[Object, ...]:
    """The objects of the example."""
    return read_files([str(SHOP)]).snapshot.objects


@cache
def every() -> tuple[Object, ...]:
    """Those, and some that may come."""
    objects, problems = read(EXTRA, "extra.yaml")
    assert not problems
    return (*shop(), *objects)


@cache
def given_catalog() -> Given:
    return Given(default_rbac(), api_resources(), steps(), STARTS, (ANY_POD,), TARGETS)


def of(*objects: Object) -> Snapshot:
    return snapshot(objects)


@st.composite
def versions(draw: st.DrawFn) -> Snapshot:
    """The shop with a few of its objects gone and a few that came."""
    objects = every()
    own = len(shop())
    gone = draw(st.sets(st.integers(0, own - 1), max_size=4))
    come = draw(st.sets(st.integers(own, len(objects) - 1), max_size=4))
    return of(*(o for i, o in enumerate(objects) if (i < own and i not in gone) or i in come))
