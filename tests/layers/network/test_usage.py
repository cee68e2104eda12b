"""What of the allowed connections is used: flows as observers tell them, by workload."""

from __future__ import annotations

import pytest

from mistrust.access.flow import Flow, Peer
from mistrust.access.record import Coverage, Record, Tally
from mistrust.kube.meta import Ref
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.grants import Connection, granted
from mistrust.layers.network.usage import Abroad, Names, Usage, used

ONCE = Tally(1, 100, 100)

CLUSTER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{containerPort: 8080, name: http}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: [{containerPort: 5432}]}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: ops, labels: {app: agent}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.7, phase: Running}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.5, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.0.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.168.1.1}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
"""

WEB, DB, AGENT = (
    Ref("apps", "Deployment", "shop", "web"),
    Ref("apps", "StatefulSet", "shop", "db"),
    Ref("", "Pod", "ops", "agent"),
)


@pytest.fixture(scope="module")
def cluster() -> Snapshot:
    objects, problems = read(CLUSTER.encode(), "cluster.yaml")
    assert not problems
    return snapshot(objects)


def usage(cluster: Snapshot, *flows: Flow) -> Usage:
    return used(granted(cluster), Record(dict.fromkeys(flows, ONCE), Coverage()), cluster)


@pytest.mark.parametrize(
    ("peer", "who"),
    [
        (Peer("ops", pod="agent"), (AGENT,)),
        (Peer("shop", pod="web-7d9f8c6b5-x2x9k"), (WEB,)),  # a pod that is gone, by the name its controller gave it
        (Peer("shop", pod="db-0"), (DB,)),
        (Peer("shop", workload="web"), (WEB,)),
        (Peer(address="10.0.0.7"), (AGENT,)),
        (Peer(address="203.0.113.9"), None),  # somebody outside
        (Peer(address="10.0.0.99"), ()),  # the address of a pod that is gone
        (Peer(address="192.168.1.1"), ()),  # a node is neither a workload nor the Internet
        (Peer("shop", pod="gone"), ()),
        (Peer("shop", pod="other-7d9f8c6b5-x2x9k", address="10.9.9.9"), ()),
        (Peer(), ()),
    ],
)
def test_who_a_peer_is(cluster: Snapshot, peer: Peer, who: tuple[Ref, ...] | None) -> None:
    assert Names(cluster).who(peer) == who


def test_a_flow_between_pods_is_one_connection(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer("shop", pod="web-7d9f8c6b5-x2x9k"), Peer("shop", pod="db-0"), "TCP", 5432))
    assert dict(found.seen) == {Connection(WEB, DB, "TCP", 5432): ONCE}
    assert found.count() == 1


def test_the_same_connection_of_several_pods_counts_once_and_adds_up(cluster: Snapshot) -> None:
    flows = [
        Flow(Peer("shop", pod=f"web-7d9f8c6b5-{end}"), Peer("shop", workload="db"), "TCP", 5432)
        for end in ("aaaaa", "bbbbb")
    ]
    found = usage(cluster, *flows)
    assert dict(found.seen) == {Connection(WEB, DB, "TCP", 5432): Tally(2, 100, 100)}


def test_the_address_of_a_service_becomes_the_port_of_its_pods(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer("ops", pod="agent"), Peer(address="10.96.0.5"), "TCP", 80))
    assert list(found.seen) == [Connection(AGENT, WEB, "TCP", 8080)]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("web.shop", True),
        ("web.shop.svc", True),
        ("WEB.shop.svc.cluster.local.", True),
        ("web", False),  # in the namespace of the agent there is none
        ("web.shop.example.com", False),
        ("shop", False),
        ("", False),
    ],
)
def test_the_name_of_a_service_stands_for_it_where_no_address_is_known(
    cluster: Snapshot, name: str, found: bool
) -> None:
    told = usage(cluster, Flow(Peer("ops", pod="agent"), Peer(name=name), "TCP", 80))
    assert list(told.seen) == ([Connection(AGENT, WEB, "TCP", 8080)] if found else [])
    assert bool(told.unresolved) is not found
    near = usage(cluster, Flow(Peer("shop", pod="db-0"), Peer(name="web"), "TCP", 80))
    assert list(near.seen) == [Connection(DB, WEB, "TCP", 8080)]


def test_the_name_of_a_headless_service_stands_for_its_pods_at_the_port_that_was_called() -> None:
    headless = CLUSTER.replace("clusterIP: 10.96.0.5", "clusterIP: None")
    objects, _ = read(headless.encode(), "cluster.yaml")
    told = usage(snapshot(objects), Flow(Peer("ops", pod="agent"), Peer(name="web.shop"), "TCP", 8080))
    assert list(told.seen) == [Connection(AGENT, WEB, "TCP", 8080)]


def test_a_flow_shows_that_somebody_answers(cluster: Snapshot) -> None:
    before = granted(cluster).count()
    found = usage(cluster, Flow(Peer("shop", workload="web"), Peer(address="10.0.0.7"), "TCP", 9100))
    assert found.count() == 1
    assert found.granted.count() == before  # an agent with no known port counted once before, and at 9100 now


def test_what_a_workload_opens_outside_is_told_by_port(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer("shop", workload="web"), Peer(address="203.0.113.9"), "TCP", 443))
    assert (dict(found.outside), dict(found.seen)) == ({(WEB, "TCP", 443): ONCE}, {})


def test_from_outside_the_source_is_nobody(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer(address="203.0.113.9"), Peer("shop", workload="web"), "TCP", 8080))
    assert list(found.seen) == [Connection(None, WEB, "TCP", 8080)]


def test_an_address_of_a_private_network_is_not_the_internet(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer(address="172.16.0.9"), Peer("shop", workload="web"), "TCP", 8080))
    assert (list(found.seen), [a.address for a in found.abroad]) == ([], ["172.16.0.9"])


def test_a_flow_that_the_policies_deny_is_told_and_not_counted(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer("ops", pod="agent"), Peer("shop", pod="db-0"), "TCP", 5432))
    assert found.count() == 0
    assert list(found.beyond()) == [Connection(AGENT, DB, "TCP", 5432)]


def test_a_flow_with_an_unknown_end_is_kept_apart(cluster: Snapshot) -> None:
    flow = Flow(Peer("shop", pod="gone"), Peer("shop", pod="db-0"), "TCP", 5432)
    assert dict(usage(cluster, flow).unresolved) == {flow: ONCE}


def test_the_pods_of_one_workload_are_told_apart_from_connections(cluster: Snapshot) -> None:
    found = usage(cluster, Flow(Peer("shop", pod="db-0"), Peer("shop", pod="db-1"), "TCP", 7000))
    assert (list(found.within), list(found.seen)) == ([Connection(DB, DB, "TCP", 7000)], [])


@pytest.mark.parametrize(
    ("source", "destination", "port", "told"),
    [
        (Peer("shop", workload="web"), Peer(address="203.0.113.9", name="a.example"), 443, [(WEB, False, "a.example")]),
        (Peer(address="203.0.113.9"), Peer("shop", workload="web"), 8080, [(WEB, True, "")]),
        (Peer(address="203.0.113.9"), Peer(address="10.96.0.5"), 80, [(WEB, True, "")]),  # the Service's address
        (Peer(address="192.168.1.1"), Peer("shop", workload="web"), 8080, [(WEB, True, "")]),  # a node
        (Peer("shop", workload="web"), Peer(address="192.168.1.1"), 9100, [(WEB, False, "")]),
        (Peer("shop", workload="web"), Peer("shop", workload="db"), 5432, []),
        (Peer(address="203.0.113.9"), Peer("shop", pod="gone"), 80, []),
    ],
)
def test_addresses_that_are_no_pods(
    cluster: Snapshot, source: Peer, destination: Peer, port: int, told: list[tuple[Ref, bool, str]]
) -> None:
    found = usage(cluster, Flow(source, destination, "TCP", port))
    assert [(a.workload, a.inward, a.name) for a in found.abroad] == told
    assert all(isinstance(a, Abroad) and a.port in (port, 8080) for a in found.abroad)
    assert bool(found.unresolved) == (destination.pod == "gone")
