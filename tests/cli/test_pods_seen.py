"""Evidence in the words of the pods layer: who asked, whom flows show to have met whom, whom kubelets let in."""

from __future__ import annotations

import msgspec
import yaml

from mistrust.access.record import Record, Tally
from mistrust.cli.evidence import Seen
from mistrust.cli.pods_seen import pods_seen, powers_row
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.lookup import Request
from mistrust.layers.pods.layer import Pods
from mistrust.layers.pods.usage import Usage
from tests.layers.network.scene import cluster, namespace, node
from tests.layers.network.synthesizing import SERVER, WINDOW, deployment, flow, plain

WEB, DB = (Ref("apps", "Deployment", "shop", name) for name in ("web", "db"))
SHOP = (
    {**namespace("shop"), "metadata": {"name": "shop", "uid": "1"}},
    node("n1", "192.168.0.1"),
    deployment("shop/web", "app=web", "TCP/80"),
    deployment("shop/db", "app=db", "TCP/80", serviceAccountName="db"),
    *plain(SERVER),
)
USER = "system:serviceaccount:shop:default"


def seen(world: Snapshot, *flows: str, requests: tuple[Request, ...] = ()) -> Usage:
    tally = Tally(3, 5, 9)
    return pods_seen(
        world,
        Seen(Record(dict.fromkeys(requests, tally), WINDOW), Record({flow(f): tally for f in flows}, WINDOW)),
        14,
    )


def test_requests_are_told_by_account_whatever_was_asked() -> None:
    asked = (Request(USER, verb="get", path="/version"), Request(USER, verb="list", resource="pods", namespace="shop"))
    found = seen(cluster(*SHOP), requests=asked)
    assert dict(found.asked) == {Ref("", "ServiceAccount", "shop", "default"): Tally(6, 5, 9)}


def test_flows_show_who_asked_the_api_server_and_who_met_whom() -> None:
    flows = ("shop/web -> 10.96.0.1 TCP/443", "shop/web -> shop/db TCP/80", "shop/db -> 192.168.0.1 TCP/10250")
    contacts = seen(cluster(*SHOP), *flows).contacts
    assert contacts is not None
    assert WEB in contacts.asked
    assert contacts.nodes == {DB}
    assert contacts.pairs == {(WEB, DB)}
    assert contacts.complete == {WEB, DB}


def test_an_address_outside_is_not_the_api_server_where_that_is_shown() -> None:
    flows = ("shop/web -> 203.0.113.9 TCP/443", "shop/db -> shop/web TCP/80")
    known = seen(cluster(*SHOP), *flows).contacts
    guessed = seen(cluster(*SHOP[:-2]), *flows).contacts
    assert known is not None
    assert guessed is not None
    assert (known.asked, guessed.asked) == (frozenset(), frozenset({WEB}))


GRANT = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: scraper}
rules: [{apiGroups: [""], resources: [nodes/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: scraper}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: scraper}
subjects: [{kind: ServiceAccount, name: db, namespace: shop}]
"""


def test_whom_kubelets_let_in() -> None:
    assert seen(cluster(*SHOP)).let_in == frozenset()
    assert seen(cluster(*SHOP, *yaml.safe_load_all(GRANT))).let_in == {Ref("", "ServiceAccount", "shop", "db")}


def test_the_row_knows_tokens_and_nothing_of_other_powers() -> None:
    world = cluster(*SHOP, deployment("shop/agent", "app=agent", hostPID=True, serviceAccountName="agent"))
    rbac, powers = Identity().index(world), Pods().granted(world)
    bare = powers_row(powers, world, None, rbac)
    assert (bare.granted, bare.used, bare.unknown) == (4, None, None)
    kubelet = Request("system:node:n1", verb="create", resource="serviceaccounts", subresource="token")
    fetched = msgspec.structs.replace(kubelet, namespace="shop", name="db")
    asked = Request(USER, verb="list", resource="pods", namespace="shop")
    always = Tally(9, WINDOW.first, WINDOW.last)
    row = powers_row(powers, world, Record({fetched: always, asked: always}, WINDOW), rbac)
    assert (row.used, row.excess, row.unknown) == (1, 0.25, 0.5)
