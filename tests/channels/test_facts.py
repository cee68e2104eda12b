"""What network and mesh show together, on small clusters written as people write them."""

from __future__ import annotations

import pytest

from mistrust.channels.whole import Whole, whole
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.mesh import mesh
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.grants import Connections, granted

MESH = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops}
"""


def pod(name: str, namespace: str) -> str:
    return f"""---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}
spec: {{containers: [{{name: main, image: i, ports: [{{containerPort: 8080}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


def peer(mode: str, namespace: str = "shop") -> str:
    return f"""---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: {namespace}}}
spec: {{mtls: {{mode: {mode}}}}}
"""


def closed_to_ops() -> str:
    return """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: inside, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{podSelector: {}}]}]
"""


def joined(text: str) -> tuple[Snapshot, Whole, Connections]:
    objects, problems = read(text.encode(), "cluster.yaml")
    assert not problems
    shown = snapshot(objects)
    connections = granted(shown)
    network = connections.origins[0].reach
    both = whole(shown, network, mesh(shown, network.endpoints), doors(shown, network.endpoints, network))
    return shown, both, connections


def told(text: str) -> dict[str, list[str]]:
    _, both, connections = joined(text)
    found: dict[str, list[str]] = {}
    for fact in both.facts(connections.answers):
        found.setdefault(fact.name.removeprefix("channels."), []).append(f"{fact.subject}: {fact.detail}")
    return found


CLUSTER = MESH + pod("web", "shop") + pod("cart", "shop") + pod("agent", "ops")


def test_without_a_mesh_nothing_is_said_of_it() -> None:
    assert told(pod("web", "shop") + pod("cart", "shop")) == {}


def test_a_permissive_server_answers_plaintext_to_whoever_has_no_proxy() -> None:
    found = told(CLUSTER)
    assert found["plaintext"] == ["Namespace shop: 2 of 2 workloads (Pod shop/cart, Pod shop/web) to Pod ops/agent"]


def test_workloads_outside_the_mesh_are_said_once_a_namespace() -> None:
    assert told(CLUSTER)["no-mesh"] == ["Namespace ops: 1 of 1 workload (Pod ops/agent)"]


def test_a_strict_server_takes_no_plaintext_whoever_gets_to_it() -> None:
    assert set(told(CLUSTER + peer("STRICT"))) == {"no-mesh"}


def test_where_the_network_keeps_plaintext_clients_out_the_server_is_ready_for_strict() -> None:
    found = told(CLUSTER + closed_to_ops())
    assert "plaintext" not in found
    assert found["strict-ready"] == ["Namespace shop: 2 of 2 workloads (Pod shop/cart, Pod shop/web)"]


def test_strict_and_closed_leaves_nothing_to_say() -> None:
    assert set(told(CLUSTER + closed_to_ops() + peer("STRICT"))) == {"no-mesh"}


@pytest.mark.parametrize(
    ("more", "plain"),
    [
        ("", 9),  # each of three pods from the other two and from outside the cluster
        (peer("STRICT"), 3),  # to the agent alone
        (closed_to_ops(), 5),  # web and cart from each other, and three to the agent
        (closed_to_ops() + peer("STRICT"), 3),
    ],
)
def test_plaintext_is_counted_by_source_destination_and_known_port(more: str, plain: int) -> None:
    _, both, connections = joined(CLUSTER + more)
    assert both.plaintext(connections.answers) == (plain, 0)


def test_copies_of_one_object_count_once() -> None:
    changed = pod("agent", "ops").replace("image: i", "image: other")
    _, both, connections = joined(CLUSTER + changed)
    assert len(both.workloads) == 3
    assert both.places == (2, 1, 0, 0)
    assert both.plaintext(connections.answers) == (9, 0)
    assert connections.count() == 9


def test_the_map_has_every_pair_once_and_its_worst_transport() -> None:
    _, both, connections = joined(CLUSTER + closed_to_ops())
    drawn = both.atlas(connections.answers)
    assert drawn is not None
    assert [str(s.ref) for s in drawn.spots] == ["Pod ops/agent", "Pod shop/cart", "Pod shop/web"]
    drawn_as = {(link.source, link.target): str(link.transport) for link in drawn.links}
    assert drawn_as == {
        (1, 0): "plaintext",
        (1, 2): "mtls-opportunistic",
        (2, 0): "plaintext",
        (2, 1): "mtls-opportunistic",
    }
    assert len(drawn.links) == len(drawn_as)
    assert {(b.source, b.target): b.pairs for b in drawn.bundles} == {("shop", "shop"): 2, ("shop", "ops"): 2}
    assert drawn.omitted == 0


OPEN = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
"""
NO_WAY_OUT = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: quiet, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
"""


@pytest.mark.parametrize(
    ("policies", "protected"),
    [
        ("", (False, False)),
        (OPEN, (False, False)),  # selected, and nothing is kept out
        (closed_to_ops(), (True, False)),
        (NO_WAY_OUT, (False, True)),
        (NO_WAY_OUT + closed_to_ops(), (True, True)),
        (NO_WAY_OUT + OPEN, (False, False)),  # rules of all policies count together
    ],
)
def test_a_policy_that_lets_everything_through_limits_nothing(policies: str, protected: tuple[bool, bool]) -> None:
    _, both, connections = joined(CLUSTER + policies)
    drawn = both.atlas(connections.answers)
    assert drawn is not None
    assert [s.protected for s in drawn.spots] == [(False, False), protected, protected]
