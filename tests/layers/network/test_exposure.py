"""Doors to the outside: which object opens one, at which container port, and which policies shut it."""

from __future__ import annotations

import pytest
from tests.layers.network.scene import Plain, namespace, node, pairs, pod
from tests.paths.cluster import read

from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.exposure.door import Door, Kind, Sees
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.statements.policies import policies

API = {
    "Service": "v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
    "Gateway": "gateway.networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "TLSRoute": "gateway.networking.k8s.io/v1",
    "ReferenceGrant": "gateway.networking.k8s.io/v1beta1",
    "VirtualService": "networking.istio.io/v1",
}
WEB = pod("shop/web", "app=web", "http=TCP/8080 admin=TCP/9090", "10.0.0.1", "n1")


def thing(
    kind: str, name: str, spec: object = None, api: str = "", annotations: dict[str, str] | None = None, **more: object
) -> Plain:
    """`thing("Service", "shop/web", {...})`."""
    space, _, own = name.rpartition("/")
    meta = {"name": own, "namespace": space, "annotations": annotations or {}}
    return {"apiVersion": api or API[kind], "kind": kind, "metadata": meta, **({"spec": spec} if spec else {}), **more}


def service(
    ports: object = None, name: str = "shop/web", annotations: dict[str, str] | None = None, **spec: object
) -> Plain:
    chosen = {"selector": {"app": "web"}, "ports": ports or [{"port": 80, "targetPort": 8080}], **spec}
    return thing("Service", name, chosen, annotations=annotations)


def made(*objects: Plain, scope: Scope = Scope.CLUSTER) -> Snapshot:
    return snapshot(read(objects), scope=scope)


def found(*objects: Plain, scope: Scope = Scope.CLUSTER) -> tuple[Door, ...]:
    state = made(*objects, scope=scope)
    ends = endpoints(state)
    rows = reach(ends, namespace_labels(state), policies(state), nodes=state.of(Node))
    return doors(state, ends, rows)


def told(*objects: Plain, scope: Scope = Scope.CLUSTER) -> list[str]:
    """`Pod shop/web TCP 8080 by Service shop/web (LoadBalancer)`, and behind `?` what is assumed."""
    state = made(*objects, scope=scope)
    return [
        f"{state.workloads[d.workload].ref.namespace}/{state.workloads[d.workload].ref.name} {d.protocol} {d.port}"
        f" by {d.how}" + (f" ? {d.assumes}" if d.assumes else "")
        for d in found(*objects, scope=scope)
    ]


def allow(*sources: Plain, name: str = "shop/guard", port: object = None) -> Plain:
    """A policy for the pods `app=web` that lets in these peers only."""
    rules = [{"from": list(sources), **({"ports": [{"port": port}]} if port else {})}] if sources else []
    return thing("NetworkPolicy", name, {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": rules})


def block(cidr: str, *excluded: str) -> Plain:
    return {"ipBlock": {"cidr": cidr, "except": list(excluded)}}


# --- Services --------------------------------------------------------------------------------------------------------

NODES = "the nodes can be reached from outside"
SIDE = "Service shop/web (NodePort of its LoadBalancer)"


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, ["Service shop/web (LoadBalancer)"]),
        ({"type": "LoadBalancer"}, ["Service shop/web (LoadBalancer)", f"{SIDE} ? {NODES}"]),
        ({"type": "NodePort"}, [f"Service shop/web (NodePort) ? {NODES}"]),
        ({"externalIPs": ["203.0.113.7"]}, ["Service shop/web (externalIPs)"]),
        ({"externalIPs": ["203.0.113.7"], "clusterIP": "None"}, []),
        ({"type": "ClusterIP"}, []),
        ({"type": "ExternalName", "externalName": "db.example"}, []),
        (
            {"type": "LoadBalancer", "loadBalancerSourceRanges": ["203.0.113.0/24"]},
            [
                "Service shop/web (LoadBalancer) ? the attacker comes from 203.0.113.0/24",
                f"{SIDE} ? {NODES}",
            ],
        ),
        (
            {"type": "LoadBalancer", "loadBalancerSourceRanges": ["0.0.0.0/1", "128.0.0.0/1"]},
            ["Service shop/web (LoadBalancer)", f"{SIDE} ? {NODES}"],
        ),
    ],
)
def test_what_a_service_opens(spec: dict[str, object], wanted: list[str]) -> None:
    assert told(WEB, service(**spec)) == [f"shop/web TCP 8080 by {w}" for w in wanted]


@pytest.mark.parametrize(
    ("key", "value", "private"),
    [
        ("networking.gke.io/load-balancer-type", "Internal", True),
        ("service.beta.kubernetes.io/aws-load-balancer-internal", "0.0.0.0/0", True),
        ("service.beta.kubernetes.io/aws-load-balancer-internal", "false", False),
        ("service.beta.kubernetes.io/aws-load-balancer-type", "external", True),
        ("service.beta.kubernetes.io/aws-load-balancer-type", "nlb", False),
        ("service.beta.kubernetes.io/azure-load-balancer-internal", "true", True),
        ("service.beta.kubernetes.io/azure-load-balancer-internal", "false", False),
    ],
)
def test_clouds_keep_a_load_balancer_inside_by_an_annotation(key: str, value: str, private: bool) -> None:
    first, *_ = found(WEB, service(type="LoadBalancer", annotations={key: value}))
    assert (first.cost, "private network" in first.assumes) == ((2.0, True) if private else (0.0, False))


@pytest.mark.parametrize(
    ("target", "number"),
    [(8080, 8080), ("http", 8080), ("admin", 9090), (0, 80)],
    ids=["number", "name", "another name", "none: the Service's own"],
)
def test_the_port_is_that_of_the_container(target: object, number: int) -> None:
    doors_ = found(WEB, service([{"port": 80, "targetPort": target}], type="NodePort"))
    assert [(d.port, d.outer, d.sees) for d in doors_] == [(number, 0, Sees.NODE)]


def test_a_name_is_looked_up_in_each_pod_and_for_its_protocol() -> None:
    other = pod("shop/web2", "app=web", "http=TCP/8081 admin=UDP/9090")
    http = service([{"port": 80, "targetPort": "http"}], type="NodePort")
    admin = service([{"port": 80, "targetPort": "admin"}], type="NodePort")
    assert [d.port for d in found(WEB, other, http)] == [8080, 8081]
    assert [d.port for d in found(WEB, other, admin)] == [9090], "the other's is UDP"


def test_without_a_selector_the_backends_are_those_somebody_wrote_down() -> None:
    bare = service([{"name": "web", "port": 80}], type="NodePort", selector={})
    slice_ = thing(
        "EndpointSlice", "shop/web-1", ports=[{"name": "web", "port": 9090}], endpoints=[{"addresses": ["10.0.0.1"]}]
    )
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "web"}
    address = {"ip": "10.9.9.9", "targetRef": {"kind": "Pod", "name": "web"}}
    subset = {"addresses": [address], "ports": [{"name": "web", "port": 7070}]}
    older = thing("Endpoints", "shop/web", api="v1", subsets=[subset])
    assert [d.port for d in found(WEB, bare)] == []
    assert [d.port for d in found(WEB, bare, slice_)] == [9090]
    assert [d.port for d in found(WEB, bare, older)] == [7070]


def test_ended_pods_answer_nobody() -> None:
    assert found(pod("shop/web", "app=web", phase="Succeeded"), service(type="LoadBalancer")) == ()


# --- what the policies leave open ------------------------------------------------------------------------------------

ALL = block("0.0.0.0/0")
LOCAL = {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "externalTrafficPolicy": "Local"}
CLUSTER = {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}
N1 = node("n1", "192.168.0.1")
BY_CLIENT = "the policies are asked with the client's address, not with the node's"


@pytest.mark.parametrize(
    ("spec", "policy", "assumed"),
    [
        (LOCAL, allow(ALL), ""),
        (LOCAL, allow(ALL, port=8080), ""),
        (LOCAL, allow(ALL, port="http"), ""),
        (LOCAL, allow(ALL, port=80), None),
        (LOCAL, allow(), None),
        (LOCAL, allow({"podSelector": {}}), None),
        (LOCAL, allow(block("10.0.0.0/8")), None),
        (LOCAL, allow(block("203.0.113.0/24")), "the attacker comes from 203.0.113.0/24"),
        (LOCAL, allow(block("0.0.0.0/0", "10.0.0.0/8", "192.168.0.0/16")), ""),
        (CLUSTER, allow(ALL), ""),
        (CLUSTER, allow(), None),
        (CLUSTER, allow(block("192.168.0.0/24")), ""),
        (CLUSTER, allow(block("192.168.9.0/24")), None),
        (CLUSTER, allow(block("0.0.0.0/0", "192.168.0.0/16")), BY_CLIENT),
    ],
)
def test_a_policy_judges_the_address_that_the_pod_sees(spec: Plain, policy: Plain, assumed: str | None) -> None:
    doors_ = found(WEB, N1, service(**spec), policy)
    assert [d.assumes for d in doors_] == ([] if assumed is None else [assumed])


def test_where_the_nodes_are_not_known_they_may_be_anywhere_private() -> None:
    (door,) = found(WEB, service(**CLUSTER), allow(block("10.1.0.0/16")))
    assert door.assumes == "the nodes' addresses are in 10.1.0.0/16"


def test_one_of_several_pods_that_is_let_in_is_enough() -> None:
    second = pod("shop/web2", "app=web shielded=no", "http=TCP/8080", "10.0.0.2")
    more = thing("NetworkPolicy", "shop/more", {"podSelector": {"matchLabels": {"shielded": "no"}}, "ingress": [{}]})
    assert told(WEB, second, service(**LOCAL), allow(), more) == [
        "shop/web2 TCP 8080 by Service shop/web (LoadBalancer)"
    ]


# --- ports of nodes --------------------------------------------------------------------------------------------------


def with_port(host: bool = False, **port: object) -> Plain:
    p = pod("shop/p", "app=web", host=host)
    p["spec"]["containers"][0]["ports"] = [{"containerPort": 80, **port}]
    return p


def test_ports_of_the_node() -> None:
    assert [(d.kind, d.port, d.outer) for d in found(with_port(hostPort=8080))] == [(Kind.HOST_PORT, 80, 8080)]
    assert [(d.kind, d.port, d.outer) for d in found(with_port(host=True))] == [(Kind.HOST_NETWORK, 80, 80)]
    assert found(with_port(hostPort=8080, hostIP="127.0.0.1")) == ()
    assert found(with_port()) == ()


def test_policies_shut_a_host_port_but_not_what_is_on_the_nodes_network() -> None:
    assert found(with_port(hostPort=8080), allow()) == ()
    assert len(found(with_port(host=True), allow())) == 1


# --- controllers -----------------------------------------------------------------------------------------------------

BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
INNER = service()
INGRESS = thing("Ingress", "shop/front", {"ingressClassName": "nginx", "defaultBackend": BACKEND})
CONTROLLER = pod("edge/nginx", "app=nginx", "http=TCP/80", "10.0.7.7")
CONTROLLER["spec"]["containers"][0]["image"] = "registry.k8s.io/ingress-nginx/controller:v1.12.0@sha256:0"
EDGE = thing("Service", "edge/nginx", {"type": "LoadBalancer", "selector": {"app": "nginx"}, "ports": [{"port": 80}]})
FROM_EDGE = allow({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}})
UNSHOWN = "its controller, which is not shown, is one of those that the policies let in"


def behind(*objects: Plain, scope: Scope = Scope.CLUSTER) -> list[tuple[int, Sees, str]]:
    """The doors to `shop/web` through a controller."""
    relayed = (Kind.INGRESS, Kind.ROUTE, Kind.VIRTUAL_SERVICE)
    return [(d.port, d.sees, d.assumes) for d in found(WEB, *objects, scope=scope) if d.kind in relayed]


OPEN = [(8080, Sees.CONTROLLER, "")]


@pytest.mark.parametrize(
    ("backend", "port"),
    [
        ({"service": {"name": "web", "port": {"number": 80}}}, 8080),
        ({"service": {"name": "web", "port": {"name": "front"}}}, 8080),
        ({"serviceName": "web", "servicePort": 80}, 8080),
        ({"service": {"name": "web", "port": {"number": 81}}}, 0),
        ({"service": {"name": "other", "port": {"number": 80}}}, 0),
    ],
)
def test_an_ingress_leads_to_the_target_port_of_its_service(backend: Plain, port: int) -> None:
    inner = service([{"name": "front", "port": 80, "targetPort": "http"}])
    rules = [{"http": {"paths": [{"path": "/", "backend": backend}]}}]
    assert [p for p, _, _ in behind(inner, thing("Ingress", "shop/front", {"rules": rules}))] == (
        [port] if port else []
    )


def test_both_legs_have_to_hold() -> None:
    shut = thing("NetworkPolicy", "edge/shut", {"podSelector": {}, "ingress": []})
    shown = (INNER, INGRESS, CONTROLLER, EDGE, namespace("edge"))
    assert behind(*shown) == OPEN
    assert behind(*shown, FROM_EDGE) == OPEN
    assert behind(*shown, allow()) == [], "the controller is not let in"
    assert behind(*shown, allow(ALL)) == OPEN, "by address"
    assert behind(*shown, allow(block("0.0.0.0/0", "10.0.0.0/8"))) == [], (
        "the Internet is let in, the controller is not"
    )
    assert behind(*shown, shut) == [], "nobody gets to the controller"
    assert behind(INNER, INGRESS, CONTROLLER) == [
        (8080, Sees.CONTROLLER, "the controller answers to the outside, although no object opens a door to it")
    ]


def test_a_controller_that_is_not_shown_may_be_one_of_those_let_in() -> None:
    assert behind(INNER, INGRESS) == [(8080, Sees.UNKNOWN, "")]
    assert behind(INNER, INGRESS, allow()) == []
    assert behind(INNER, INGRESS, allow(), scope=Scope.MANIFESTS) == [], "nobody is let in, whoever it is"
    assert behind(INNER, INGRESS, FROM_EDGE) == [], "in a cluster, who is not there is not let in"
    assert behind(INNER, INGRESS, FROM_EDGE, scope=Scope.MANIFESTS) == [(8080, Sees.UNKNOWN, UNSHOWN)]
    other = allow({"podSelector": {"matchLabels": {"app": "prometheus"}}}, port=9090)
    assert behind(INNER, INGRESS, other, scope=Scope.MANIFESTS) == [], "another port"


@pytest.mark.parametrize(
    ("name", "annotations", "sees"),
    [
        ("nginx-internal", {}, Sees.CONTROLLER),
        ("", {"kubernetes.io/ingress.class": "nginx"}, Sees.CONTROLLER),
        ("ours", {}, Sees.CONTROLLER),
        ("traefik", {}, Sees.UNKNOWN),
        ("alb", {"alb.ingress.kubernetes.io/scheme": "internet-facing"}, Sees.UNKNOWN),
    ],
)
def test_a_class_is_served_by_the_controller_of_its_name(name: str, annotations: dict[str, str], sees: Sees) -> None:
    spec = {"ingressClassName": name, "defaultBackend": BACKEND}
    ((_, seen, assumes),) = behind(
        INNER, CONTROLLER, EDGE, thing("Ingress", "shop/front", spec, annotations=annotations)
    )
    assert seen is sees
    assert bool(assumes) == (name == "ours")


def test_the_load_balancer_of_aws_is_internal_unless_it_is_told_otherwise() -> None:
    ((_, _, assumes),) = behind(
        INNER, thing("Ingress", "shop/front", {"ingressClassName": "alb", "defaultBackend": BACKEND})
    )
    assert assumes == "the attacker is in the private network"


# --- the Gateway API -------------------------------------------------------------------------------------------------


def gateway(*listeners: Plain, name: str = "edge/gw", **spec: object) -> Plain:
    return thing("Gateway", name, {"listeners": list(listeners), **spec})


def listener(name: str = "web", origin: str = "All", **more: object) -> Plain:
    return {"name": name, "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": origin}}, **more}


def route(
    *, kind: str = "HTTPRoute", backend: Plain | None = None, hosts: tuple[str, ...] = (), **parent: object
) -> Plain:
    ref = {"name": "gw", "namespace": "edge", **parent}
    rules = [{"backendRefs": [{"name": "web", "port": 80, **(backend or {})}]}]
    return thing(kind, "shop/front", {"parentRefs": [ref], "hostnames": list(hosts), "rules": rules})


def selected(labels: str) -> Plain:
    return listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {"matchLabels": pairs(labels)}}})


@pytest.mark.parametrize(
    ("listeners", "routed", "attached"),
    [
        ([listener()], route(), True),
        ([listener(origin="Same")], route(), False),
        ([listener(origin="None")], route(), False),
        ([selected("team=shop")], route(), True),
        ([selected("team=bank")], route(), False),
        ([listener()], route(sectionName="web"), True),
        ([listener()], route(sectionName="other"), False),
        ([listener()], route(port=80), True),
        ([listener()], route(port=81), False),
        ([listener()], route(kind="TLSRoute"), False),
        ([listener(protocol="TLS")], route(kind="TLSRoute"), True),
        ([listener(protocol="HTTPS")], route(), True),
        ([listener(hostname="*.shop.example")], route(hosts=("www.shop.example",)), True),
        ([listener(hostname="*.shop.example")], route(hosts=("shop.example",)), False),
        ([listener(hostname="www.shop.example")], route(hosts=("*.shop.example",)), True),
        ([listener(hostname="www.shop.example")], route(), True),
        ([listener()], route(kind="HTTPRoute", group="", name="web"), False),
        ([listener(allowedRoutes={"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]})], route(), False),
    ],
)
def test_a_listener_takes_a_route_or_not(listeners: list[Plain], routed: Plain, attached: bool) -> None:
    assert bool(behind(INNER, gateway(*listeners), namespace("shop", "team=shop"), routed)) == attached


def test_a_gateway_that_is_not_shown_may_take_it() -> None:
    assert behind(INNER, route()) == [(8080, Sees.UNKNOWN, "its Gateway, which is not shown, faces the outside")]


def test_its_pods_are_known_by_their_label_and_have_to_be_let_in() -> None:
    own = pod("edge/gw-istio", "gateway.networking.k8s.io/gateway-name=gw", "http=TCP/80", "10.0.7.8")
    labels = {"gateway.networking.k8s.io/gateway-name": "gw"}
    front = thing("Service", "edge/gw", {"type": "LoadBalancer", "selector": labels, "ports": [{"port": 80}]})
    shown = (INNER, gateway(listener()), route(), own, front, namespace("edge"))
    assert behind(*shown) == OPEN
    assert behind(*shown, FROM_EDGE) == OPEN
    assert behind(*shown, allow({"podSelector": {}})) == []


def test_a_waypoint_faces_the_inside() -> None:
    assert behind(INNER, gateway(listener(), gatewayClassName="istio-waypoint"), route()) == []


@pytest.mark.parametrize(
    ("kind", "namespace_", "target", "granted"),
    [
        ("HTTPRoute", "front", {"kind": "Service"}, True),
        ("HTTPRoute", "front", {"kind": "Service", "name": "web"}, True),
        ("HTTPRoute", "front", {"kind": "Service", "name": "db"}, False),
        ("HTTPRoute", "front", {"kind": "Secret"}, False),
        ("GRPCRoute", "front", {"kind": "Service"}, False),
        ("HTTPRoute", "edge", {"kind": "Service"}, False),
    ],
)
def test_a_backend_of_another_namespace_has_to_be_granted(
    kind: str, namespace_: str, target: Plain, granted: bool
) -> None:
    source = {"group": "gateway.networking.k8s.io", "kind": kind, "namespace": namespace_}
    far = thing("HTTPRoute", "front/far", route(backend={"namespace": "shop"})["spec"])
    grant = thing("ReferenceGrant", "shop/grant", {"from": [source], "to": [{"group": "", **target}]})
    assert behind(INNER, gateway(listener()), far) == []
    assert bool(behind(INNER, gateway(listener()), far, grant)) == granted


# --- Istio -----------------------------------------------------------------------------------------------------------

PROXY = pod("istio-system/ingress", "istio=ingressgateway", "http=TCP/8080", "10.0.7.9")
FRONT = thing(
    "Service",
    "istio-system/ingress",
    {"type": "LoadBalancer", "selector": {"istio": "ingressgateway"}, "ports": [{"port": 80}]},
)


def istio(
    hosts: list[str], gateways: list[str], host: str, own: str = "www.shop.example", **more: object
) -> list[Plain]:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}
    spec = {"selector": {"istio": "ingressgateway"}, "servers": [server]}
    http = [{"route": [{"destination": {"host": host, "port": {"number": 80}}}]}]
    virtual = {"hosts": [own], "gateways": gateways, "http": http, **more}
    gate = thing("Gateway", "edge/gw", spec, api="networking.istio.io/v1")
    return [INNER, PROXY, FRONT, gate, thing("VirtualService", "shop/front", virtual)]


@pytest.mark.parametrize(
    ("objects", "served"),
    [
        (istio(["*"], ["edge/gw"], "web"), True),
        (istio(["*"], ["edge/gw"], "web.shop.svc.cluster.local"), True),
        (istio(["*"], ["edge/gw"], "web.shop"), True),
        (istio(["*"], ["edge/gw"], "web.bank"), False),
        (istio(["*"], ["edge/gw"], "web.shop.example"), False),
        (istio(["*"], ["mesh"], "web"), False),
        (istio(["*"], [], "web"), False),
        (istio(["*.shop.example"], ["edge/gw"], "web"), True),
        (istio(["*.bank.example"], ["edge/gw"], "web"), False),
        (istio(["shop/*"], ["edge/gw"], "web"), True),
        (istio(["./*"], ["edge/gw"], "web"), False),
        (istio(["*"], ["edge/gw"], "web", exportTo=["."]), False),
    ],
)
def test_a_virtual_service_needs_a_gateway_that_serves_it(objects: list[Plain], served: bool) -> None:
    assert behind(*objects) == (OPEN if served else [])


def test_its_gateway_has_to_be_let_in() -> None:
    objects = istio(["*"], ["edge/gw"], "web")
    assert behind(*objects, allow()) == []
    assert behind(*objects, allow({"namespaceSelector": {}})) == OPEN


# --- what files may hold ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ports",
    [
        [{"port": 70000}],
        [{"port": -1}],
        [{"port": 80, "protocol": "HTTP"}],
        [{"port": 80, "targetPort": "no such port"}],
        [{"port": 80, "targetPort": 70000}],
        [{}],
        [],
    ],
)
def test_ports_that_cannot_be_open_nothing(ports: list[Plain]) -> None:
    odd = thing("Service", "shop/web", {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": ports})
    assert found(WEB, odd, allow(ALL), INGRESS) == ()
    assert found(with_port(hostPort=80, protocol="HTTP"), with_port(host=True, protocol="HTTP")) == ()
