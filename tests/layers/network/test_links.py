"""What a flow uses, addresses outside and the pods of one workload included, and what policies say of it."""

from __future__ import annotations

import pytest

from mistrust.access.flow import Flow, Peer
from mistrust.access.verdict import Answer
from mistrust.kube.meta import Ref
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.grants import Connection, granted
from mistrust.layers.network.links import Links, links, lost
from mistrust.layers.network.usage import Abroad, Names

PODS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: [{containerPort: 5432}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
"""
SLICE = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{name: https, port: 6443, protocol: TCP}]
endpoints: [{addresses: [172.18.0.2]}]
"""
POLICY = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - {from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 8080}]}
  egress:
  - {to: [{ipBlock: {cidr: 198.51.100.7/32}}], ports: [{port: 443}]}
  - {to: [{ipBlock: {cidr: 172.18.0.2/32}}], ports: [{port: 6443}]}
"""
WEB, DB = Ref("apps", "Deployment", "shop", "web"), Ref("apps", "Deployment", "shop", "db")
web, db = Peer("shop", workload="web"), Peer("shop", workload="db")


def cluster(text: str) -> Snapshot:
    objects, problems = read(text.encode(), "cluster.yaml")
    assert not problems
    return snapshot(objects)


LIMITED = cluster(PODS + SLICE + POLICY)


@pytest.mark.parametrize(
    ("flow", "used"),
    [
        (Flow(web, db, "TCP", 5432), Connection(WEB, DB, "TCP", 5432)),
        (Flow(web, web, "TCP", 8080), Connection(WEB, WEB, "TCP", 8080)),
        (Flow(Peer(address="203.0.113.9"), web, "TCP", 8080), Abroad(WEB, True, "203.0.113.9", "TCP", 8080)),
        (Flow(web, Peer(address="198.51.100.7"), "TCP", 443), Abroad(WEB, False, "198.51.100.7", "TCP", 443)),
    ],
    ids=["two workloads", "pods of one", "from outside", "to the outside"],
)
def test_each_flow_uses_one_link(flow: Flow, used: object) -> None:
    names = Names(LIMITED)
    assert links(names, flow) == (used,)
    assert not lost(names, flow)


def test_a_flow_with_an_unknown_end_uses_nothing_that_is_known() -> None:
    flow = Flow(Peer("gone", pod="x"), db, "TCP", 5432)
    assert links(Names(LIMITED), flow) == ()
    assert lost(Names(LIMITED), flow)


def test_what_comes_from_the_node_of_a_pod_is_always_let_in() -> None:
    flow = Flow(Peer(workload="reserved:host", address="10.0.0.1"), web, "TCP", 8080)
    assert (links(Names(LIMITED), flow), lost(Names(LIMITED), flow)) == ((), False)


@pytest.mark.parametrize(
    ("link", "answer"),
    [
        (Abroad(WEB, True, "203.0.113.9", "TCP", 8080), Answer.ALLOWED),
        (Abroad(WEB, True, "203.0.114.9", "TCP", 8080), Answer.DENIED),
        (Abroad(WEB, False, "198.51.100.7", "TCP", 443), Answer.ALLOWED),
        (Abroad(WEB, False, "198.51.100.8", "TCP", 443), Answer.DENIED),
        (Abroad(WEB, False, "198.51.100.7", "TCP", 80), Answer.DENIED),
        (Abroad(DB, False, "198.51.100.8", "TCP", 443), Answer.ALLOWED),
        (Abroad(WEB, False, "10.96.0.1", "TCP", 443), Answer.ALLOWED),  # judged where the Service leads
        (Connection(WEB, WEB, "TCP", 8080), Answer.DENIED),  # its other pods are nobody's block
        (Connection(DB, DB, "TCP", 5432), Answer.ALLOWED),
        (Connection(WEB, DB, "TCP", 5432), Answer.DENIED),
    ],
)
def test_every_link_is_decided_by_the_policies_of_its_ends(link: Connection | Abroad, answer: Answer) -> None:
    found = Links(granted(LIMITED))
    assert found.decide(link).answer is answer
    assert (link in found) is (answer is Answer.ALLOWED)
    assert not found.unsure(link)


def test_where_a_service_leads_may_not_be_shown() -> None:
    found = Links(granted(cluster(PODS + POLICY)))
    link = Abroad(WEB, False, "10.96.0.1", "TCP", 443)
    assert (link in found, found.unsure(link)) == (True, True)
    assert found.decide(link).because == "where Service default/kubernetes leads is not shown (EndpointSlice)"
