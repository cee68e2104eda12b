"""What is told of doors: one table a fact, what makes it and what does not."""

from __future__ import annotations

import pytest
from tests.layers.network.test_exposure import (
    ALL,
    BACKEND,
    CONTROLLER,
    EDGE,
    INNER,
    Plain,
    allow,
    block,
    gateway,
    istio,
    listener,
    made,
    pod,
    route,
    service,
    thing,
)

from mistrust.access.fact import Fact
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.exposure.facts import exposure_facts
from mistrust.layers.network.statements.policies import policies

WEB = pod("shop/web", "app=web", "http=TCP/8080 db=TCP/5432 cache=TCP/6379", "10.0.0.1", "n1")


def facts(*objects: Plain) -> list[Fact]:
    state = made(WEB, *objects)
    ends = endpoints(state)
    rows = reach(ends, namespace_labels(state), policies(state))
    return list(exposure_facts(state, doors(state, ends, rows)))


def told(name: str, *objects: Plain) -> list[str]:
    """`Pod shop/web: what is said`."""
    return [f"{f.subject}: {f.detail}" for f in facts(*objects) if f.name == f"network.{name}"]


DB = [{"port": 5432, "targetPort": "db"}]
LOCAL = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        (
            [service(DB, **LOCAL)],
            "Pod shop/web: Service shop/web (LoadBalancer) opens TCP 5432 (PostgreSQL) of it",
        ),
        (
            [service([*DB, {"name": "b", "port": 80, "targetPort": 6379}], **LOCAL)],
            "Pod shop/web: Service shop/web (LoadBalancer) opens TCP 5432 (PostgreSQL), TCP 6379 (Redis) of it",
        ),
        (
            [service(DB, type="NodePort")],
            "Pod shop/web: Service shop/web (NodePort) opens TCP 5432 (PostgreSQL) of it, "
            "if the nodes can be reached from outside",
        ),
        ([service(DB, **LOCAL), allow(ALL)], "Pod shop/web: Service shop/web (LoadBalancer) opens TCP 5432"),
        ([service(DB, **LOCAL), allow()], ""),
        ([service(DB, **LOCAL), allow(block("203.0.113.0/24"))], ""),
        ([service(DB, **LOCAL, loadBalancerSourceRanges=["203.0.113.0/24"])], ""),
        ([service([{"port": 5432, "targetPort": 8080}], **LOCAL)], ""),
        ([service([{"port": 5432, "protocol": "UDP"}], **LOCAL)], ""),
        ([service(DB)], ""),
    ],
)
def test_a_sensitive_port_counts_as_the_container_has_it(objects: list[Plain], wanted: str) -> None:
    found = told("sensitive-port", *objects)
    assert len(found) == bool(wanted)
    assert all(one.startswith(wanted) for one in found)


INGRESS = thing("Ingress", "shop/front", {"ingressClassName": "nginx", "defaultBackend": BACKEND})
SIDE = "Pod shop/web: Service shop/web (NodePort of its LoadBalancer) leads to TCP 8080 of it past "
NODES = ", if the nodes can be reached from outside"
INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        ([service(type="LoadBalancer")], []),
        (
            [service(type="LoadBalancer", loadBalancerSourceRanges=["203.0.113.0/24"])],
            [f"{SIDE}loadBalancerSourceRanges{NODES}"],
        ),
        ([service(type="LoadBalancer", annotations=INTERNAL)], [f"{SIDE}its internal load balancer{NODES}"]),
        ([service(type="LoadBalancer", annotations=INTERNAL, allocateLoadBalancerNodePorts=False)], []),
        ([service(type="NodePort")], []),
        (
            [service(type="NodePort"), INGRESS, CONTROLLER, EDGE],
            [f"Pod shop/web: Service shop/web (NodePort) leads to TCP 8080 of it past Ingress shop/front{NODES}"],
        ),
        ([service(type="NodePort"), INGRESS], []),
    ],
    ids=["open anyway", "ranges", "internal", "none allocated", "alone", "past a controller", "perhaps a cloud's"],
)
def test_a_side_entrance_leads_past_something(objects: list[Plain], wanted: list[str]) -> None:
    assert told("side-entrance", *objects) == wanted


def test_a_side_entrance_of_a_load_balancer_can_be_left_out() -> None:
    found = facts(service(type="LoadBalancer", annotations=INTERNAL))
    (edit,) = (e for f in found for e in f.edits)
    assert (edit.op, edit.path, edit.value) == ("set", ("spec", "allocateLoadBalancerNodePorts"), "false")


def test_external_addresses_are_claimed() -> None:
    assert told("external-ips", service(externalIPs=["192.0.2.7"])) == [
        "Service shop/web: takes the traffic of every node and pod to 192.0.2.7"
    ]
    assert told("external-ips", service()) == []


FAR = thing("HTTPRoute", "front/far", route(backend={"namespace": "shop"})["spec"])


def grant(name: str = "") -> Plain:
    sources = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "front"}]
    targets = [{"group": "", "kind": "Service", **({"name": name} if name else {})}]
    return thing("ReferenceGrant", "shop/grant", {"from": sources, "to": targets})


def test_a_route_needs_its_grant_and_a_grant_a_name() -> None:
    dead = ["HTTPRoute front/far: leads to shop/web, and no ReferenceGrant there permits it"]
    assert told("route-not-granted", INNER, FAR) == dead
    assert told("route-not-granted", INNER, FAR, grant("other")) == dead
    assert told("route-not-granted", INNER, FAR, grant("web")) == []
    assert told("route-not-granted", INNER, route()) == [], "its own namespace"
    assert told("broad-grant", grant("web")) == []
    assert told("broad-grant", grant()) == [
        "ReferenceGrant shop/grant: permits HTTPRoutes of front every Service of shop"
    ]


@pytest.mark.parametrize(
    ("one", "open_"),
    [
        (listener(origin="All"), True),
        (listener(origin="Same"), False),
        (listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {}}}), True),
        (listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}}), False),
        (listener(allowedRoutes={}), False),
    ],
)
def test_a_gateway_takes_routes_of_every_namespace_or_not(one: Plain, open_: bool) -> None:
    wanted = ['Gateway edge/gw: listener "web" takes routes of every namespace'] if open_ else []
    assert told("open-gateway", gateway(one)) == wanted


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        ([gateway(listener()), route()], ['Gateway edge/gw: listener "web" serves HTTPRoute shop/front without TLS']),
        ([gateway(listener(protocol="HTTPS")), route()], []),
        ([gateway(listener()), route(sectionName="other")], []),
        ([gateway(listener(), gatewayClassName="gke-l7-rilb"), route()], []),
        ([gateway(listener())], []),
        ([gateway(listener()), route(), allow()], []),
    ],
    ids=["HTTP", "HTTPS", "another listener", "internal", "no route", "shut by policy"],
)
def test_a_listener_serves_in_the_clear(objects: list[Plain], wanted: list[str]) -> None:
    assert told("plain-http", INNER, *objects) == wanted


def ingress(tls: list[Plain], host: str = "www.shop.example", annotations: dict[str, str] | None = None) -> Plain:
    rules = [{"host": host, "http": {"paths": [{"path": "/", "backend": BACKEND}]}}]
    return thing("Ingress", "shop/front", {"tls": tls, "rules": rules}, annotations=annotations)


@pytest.mark.parametrize(
    ("one", "clear"),
    [
        (ingress([]), True),
        (ingress([{"hosts": ["www.shop.example"]}]), False),
        (ingress([{"hosts": ["*.shop.example"]}]), False),
        (ingress([{"hosts": ["*.example"]}]), True),
        (ingress([{"secretName": "wildcard"}]), False),
        (ingress([], annotations={"alb.ingress.kubernetes.io/certificate-arn": "arn:aws:acm:x"}), False),
        (ingress([], annotations={"kubernetes.io/ingress.class": "gce-internal"}), False),
    ],
)
def test_an_ingress_serves_in_the_clear(one: Plain, clear: bool) -> None:
    wanted = ["Ingress shop/front: serves www.shop.example without TLS"] if clear else []
    assert told("plain-http", INNER, one) == wanted


def test_a_gateway_of_istio_serves_in_the_clear_unless_it_redirects() -> None:
    objects = istio(["*"], ["edge/gw"], "web")
    assert told("plain-http", *objects) == ["Gateway edge/gw: serves VirtualService shop/front without TLS"]
    server = objects[3]["spec"]["servers"][0]
    for change in ({"tls": {"httpsRedirect": True}}, {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}}):
        objects[3]["spec"]["servers"] = [{**server, **change}]
        assert told("plain-http", *objects) == []
