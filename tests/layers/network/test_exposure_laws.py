"""Doors against single connections, each decided by itself: both legs, from some address of the Internet."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.layers.network.scene import namespace, pod
from tests.layers.network.test_exposure import Plain, block, listener, made, service, thing

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.deciding.decide import Ground, decide, ground
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.exposure.door import Door, Kind
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.profile import UPSTREAM
from mistrust.layers.network.statements.policies import policies

law = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SOMEBODY, FEW = "8.8.8.8", "203.0.113.9"
"""An address like most, and one of the few that a policy may name."""
BLOCKS = [block("0.0.0.0/0"), block("203.0.113.0/24"), block("10.0.0.0/8"), block("0.0.0.0/0", "203.0.113.0/24")]
LABELS = [{"app": "web"}, {"app": "edge"}, {"tier": "front"}, {}]
PORTS = "http=TCP/80 admin=TCP/81"
CLASS = "gateway.networking.k8s.io/gateway-name"


@st.composite
def guards(draw: st.DrawFn, name: str) -> Plain:
    """A NetworkPolicy over these pods; what a port name means on a node's own network is nowhere defined."""

    def peer() -> Plain:
        chosen: Plain = {"matchLabels": draw(st.sampled_from(LABELS))}
        return draw(
            st.sampled_from([*BLOCKS, {"podSelector": chosen}, {"namespaceSelector": {}, "podSelector": chosen}])
        )

    def rules(word: str) -> list[Plain]:
        count = draw(st.integers(0, 2))
        ports: list[list[Plain]] = [[], [{"port": 80}], [{"port": "admin" if word == "from" else 81}]]
        return [
            {word: [peer() for _ in range(draw(st.integers(0, 2)))], "ports": draw(st.sampled_from(ports))}
            for _ in range(count)
        ]

    types = draw(st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
    spec: Plain = {"podSelector": {"matchLabels": draw(st.sampled_from(LABELS))}, "policyTypes": types}
    spec |= {"ingress": rules("from")} if "Ingress" in types else {}
    spec |= {"egress": rules("to")} if "Egress" in types else {}
    return thing("NetworkPolicy", f"{draw(st.sampled_from(['shop', 'edge']))}/{name}", spec)


@st.composite
def clusters(draw: st.DrawFn) -> list[Plain]:
    """Two programs, a gateway with a load balancer, a route through it, and a load balancer straight to them."""
    target = draw(st.sampled_from([80, "http", "admin"]))
    front = draw(st.sampled_from(["", " tier=front"]))
    pods = [
        pod("shop/web", "app=web", PORTS, "10.0.0.1", "n1", host=draw(st.integers(0, 5)) == 0),
        pod("shop/web2", f"app=web{front}", PORTS, "10.0.0.2", "n2"),
        pod("edge/gw", f"app=edge {CLASS}=gw", PORTS, "10.0.7.1", "n3", host=draw(st.integers(0, 5)) == 0),
    ]
    local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": False}
    edge = {**local, "selector": {"app": "edge"}, "ports": [{"port": 80}]}
    rules = [{"backendRefs": [{"name": "web", "port": 80}]}]
    return [
        namespace("shop"),
        namespace("edge"),
        *pods,
        service([{"port": 80, "targetPort": target}], **local),
        thing("Service", "edge/gw", edge),
        thing("Gateway", "edge/gw", {"listeners": [listener()]}),
        thing("HTTPRoute", "shop/front", {"parentRefs": [{"name": "gw", "namespace": "edge"}], "rules": rules}),
        *[draw(guards(f"np{i}")) for i in range(draw(st.integers(0, 4)))],
    ]


def solved(state: Snapshot) -> tuple[Door, ...]:
    ends = endpoints(state)
    return doors(state, ends, reach(ends, namespace_labels(state), policies(state)))


def may(on: Ground, source: Party, destination: Party, at: int) -> bool:
    return decide(on, source, destination, at, UPSTREAM).answer is not Answer.DENIED


@law
@given(clusters())
def test_a_load_balancer_is_a_door_where_some_address_is_let_in(objects: list[Plain]) -> None:
    state = made(*objects)
    on = ground(state)
    found = {
        (i, d.at): d.assumes
        for d in solved(state)
        if d.kind is Kind.LOAD_BALANCER and d.how.startswith("Service shop/")
        for i in d.endpoints
    }
    number = {"http": 80, "admin": 81}
    target = next(o for o in objects if o["kind"] == "Service")["spec"]["ports"][0]["targetPort"]
    at = point("TCP", number.get(target, 80))
    for i, e in enumerate(endpoints(state)):
        if e.namespace == "shop":
            everybody, few = (may(on, on.at(a), on.pod(e), at) for a in (SOMEBODY, FEW))
            assert ((i, at) in found) == (everybody or few)
            assert ("the attacker comes from" in found.get((i, at), "")) == (few and not everybody)


@law
@given(clusters())
def test_a_route_is_a_door_where_both_legs_hold(objects: list[Plain]) -> None:
    state = made(*objects)
    on, ends = ground(state), endpoints(state)
    found = {(i, d.port) for d in solved(state) if d.kind is Kind.ROUTE for i in d.endpoints}
    edge = on.pod(next(e for e in ends if e.namespace == "edge"))
    outer = any(may(on, on.at(a), edge, point("TCP", 80)) for a in (SOMEBODY, FEW))
    port = 81 if "admin" in str(next(o for o in objects if o["kind"] == "Service")["spec"]["ports"]) else 80
    for i, e in enumerate(ends):
        if e.namespace == "shop":
            assert ((i, port) in found) == (outer and may(on, edge, on.pod(e), point("TCP", port)))
