"""Doors to the outside: which objects open one, and how easy it is."""

from __future__ import annotations

import pytest
from tests.paths.cluster import Plain, cluster, named, pod

from mistrust.kube.endpoints import endpoints
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.doors import doors as layer_doors
from mistrust.paths.exposure import Exposure, exposures
from mistrust.paths.inventory import inventory

WEB = pod("shop", "web")
WEB["metadata"]["labels"] = {"app": "web", "tier": "front"}  # type: ignore[index]


def doors(*objects: Plain) -> dict[str, Exposure]:
    snapshot: Snapshot = cluster(WEB, pod("shop", "inner"), *objects)
    found = exposures(snapshot, inventory(snapshot).workloads, layer_doors(snapshot, endpoints(snapshot)))
    return {str(e.workload.ref): e for e in found}


def service(namespace: str = "shop", annotations: dict[str, str] | None = None, **spec: object) -> Plain:
    found = named("Service", "web", namespace, spec={"selector": {"app": "web"}, "ports": [{"port": 80}], **spec})
    found["metadata"]["annotations"] = annotations or {}  # type: ignore[index]
    return found


@pytest.mark.parametrize(
    ("spec", "how", "cost"),
    [
        ({"type": "LoadBalancer"}, "Service shop/web (LoadBalancer)", 0.0),
        ({"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]}, "Service shop/web (LoadBalancer)", 2.0),
        ({"type": "LoadBalancer", "loadBalancerSourceRanges": ["0.0.0.0/0"]}, "Service shop/web (LoadBalancer)", 0.0),
        ({"type": "NodePort"}, "Service shop/web (NodePort)", 1.0),
        ({"externalIPs": ["203.0.113.7"]}, "Service shop/web (externalIPs)", 0.5),
    ],
)
def test_a_service_is_a_door_by_its_type(spec: dict[str, object], how: str, cost: float) -> None:
    found = doors(service(**spec))
    assert list(found) == ["Pod shop/web"]
    assert (found["Pod shop/web"].how, found["Pod shop/web"].cost) == (how, cost)


def test_an_internal_load_balancer_needs_the_private_network() -> None:
    internal = {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}
    assert doors(service(type="LoadBalancer", annotations=internal))["Pod shop/web"].assumes


@pytest.mark.parametrize(
    "other",
    [
        service(),
        service(namespace="elsewhere", type="LoadBalancer"),
        service(type="LoadBalancer", selector={}),
        service(type="LoadBalancer", selector={"app": "web", "tier": "back"}),
    ],
    ids=["ClusterIP", "another namespace", "no selector", "other labels"],
)
def test_other_services_are_not(other: Plain) -> None:
    assert doors(other) == {}


def test_an_ingress_leads_to_the_pods_of_its_service() -> None:
    backend = {"service": {"name": "web"}}
    rules = [{"http": {"paths": [{"path": "/", "backend": backend}]}}]
    for spec in ({"rules": rules}, {"defaultBackend": backend}, {"backend": {"serviceName": "web"}}):
        ingress = named("Ingress", "front", "shop", "networking.k8s.io/v1", spec=spec)
        assert doors(service(), ingress)["Pod shop/web"].how == "Ingress shop/front"
    assert doors(ingress) == {}, "without the Service it leads nowhere"


@pytest.mark.parametrize(
    ("parents", "shown", "assumed"),
    [
        ([{"name": "edge"}], True, False),
        ([{"name": "far"}], True, True),
        ([{"kind": "Service", "group": "", "name": "other"}], False, False),
    ],
    ids=["a Gateway that is shown", "one that is not", "a mesh route"],
)
def test_a_route_is_a_door_if_a_gateway_takes_it(parents: list[Plain], shown: bool, assumed: bool) -> None:
    spec = {"parentRefs": parents, "rules": [{"backendRefs": [{"name": "web"}]}]}
    api = "gateway.networking.k8s.io/v1"
    listeners = {"listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]}
    edge = named("Gateway", "edge", "shop", api, spec=listeners)
    found = doors(service(), edge, named("HTTPRoute", "front", "shop", api, spec=spec))
    assert ("Pod shop/web" in found) == shown
    assert any(e.assumes for e in found.values()) == assumed


def test_ports_of_the_node_are_doors() -> None:
    def with_port(**port: object) -> Plain:
        return named("Pod", "p", "shop", spec={"containers": [{"name": "c", "ports": [{"containerPort": 80, **port}]}]})

    assert doors(with_port(hostPort=8080))["Pod shop/p"].how == "hostPort 8080"
    assert doors(with_port(hostPort=8080, hostIP="127.0.0.1")) == {}
    assert doors(with_port()) == {}


def test_the_easiest_of_several_doors_counts() -> None:
    node_port = {**service(type="NodePort"), "metadata": {"name": "second", "namespace": "shop"}}
    assert doors(node_port, service(type="LoadBalancer"))["Pod shop/web"].cost == 0.0
