"""NetworkPolicy, clause by clause: k8s.io/api/networking/v1/types.go and the concept page "Network Policies"."""

from __future__ import annotations

import pytest
from tests.layers.network.reached import ALL, NONE, shop
from tests.layers.network.scene import policy

WEB = "podSelector: {matchLabels: {app: web}}"
ISOLATION = {
    "no policy: everything is open": ([], {"shop/web -> shop/db": ALL, "8.8.8.8 -> shop/db": ALL}),
    "selected without rules: nothing comes in, everything goes out": (
        [("shop/db", "{}")],
        {"shop/web -> shop/db": NONE, "8.8.8.8 -> shop/db": NONE, "shop/db -> pay/job": ALL, "shop/db -> 8.8.8.8": ALL},
    ),
    "an empty list of rules is no rule": ([("shop/db", "{ingress: []}")], {"shop/web -> shop/db": NONE}),
    "an empty rule allows everything": (
        [("shop/db", "{ingress: [{}]}")],
        {"shop/web -> shop/db": ALL, "8.8.8.8 -> shop/db": ALL},
    ),
    "empty lists in a rule are as if they were absent": (
        [("shop/db", "{ingress: [{from: [], ports: []}]}")],
        {"pay/job -> shop/db": ALL, "8.8.8.8 -> shop/db": ALL},
    ),
    "a policy is about pods of its own namespace": (
        [("pay/all", "{}")],
        {"shop/web -> pay/job": NONE, "pay/job -> shop/web": ALL, "shop/web -> shop/db": ALL},
    ),
    "egress rules alone make it a policy of both directions": (
        [("shop/web", "{podSelector: {matchLabels: {app: web}}, egress: [{}]}")],
        {"shop/web -> shop/db": ALL, "shop/db -> shop/web": NONE},
    ),
    "an empty list of egress rules does not": (
        [("shop/web", "{podSelector: {matchLabels: {app: web}}, egress: []}")],
        {"shop/web -> shop/db": ALL, "shop/db -> shop/web": NONE},
    ),
    "policyTypes say the directions, whatever rules there are": (
        [("shop/web", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], ingress: []}")],
        {"shop/web -> shop/db": NONE, "shop/web -> 8.8.8.8": NONE, "shop/db -> shop/web": ALL},
    ),
    "rules of a direction that policyTypes leave out do nothing": (
        [("shop/web", f"{{{WEB}, policyTypes: [Ingress], egress: [{{ports: [{{port: 1}}]}}]}}")],
        {"shop/web -> shop/db": ALL, "shop/db -> shop/web": NONE},
    ),
    "policies only add": (
        [("shop/a", "{}"), *((f"shop/p{n}", f"{{ingress: [{{ports: [{{port: {n}}}]}}]}}") for n in (80, 81))],
        {"shop/web -> shop/db": "TCP 80-81"},
    ),
    "both sides must agree": (
        [
            ("shop/out", f"{{{WEB}, policyTypes: [Egress], egress: [{{ports: [{{port: 80, endPort: 90}}]}}]}}"),
            ("shop/in", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 85, endPort: 95}]}]}"),
        ],
        {"shop/web -> shop/db": "TCP 85-90", "shop/api -> shop/db": "TCP 85-95", "shop/web -> shop/api": "TCP 80-90"},
    ),
    "a pod always reaches itself": ([("shop/none", "{policyTypes: [Ingress, Egress]}")], {"shop/web -> shop/web": ALL}),
}  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), ISOLATION.values(), ids=ISOLATION)
def test_isolation(given: list[tuple[str, str]], wanted: dict[str, str]) -> None:
    world = shop(*(policy(*p) for p in given))
    assert {q: world.ports(q) for q in wanted} == wanted
    assert {world.unsure(q) for q in wanted} == {NONE}


SOURCES = ("shop/web", "shop/api", "pay/job", "10.0.0.9", "8.8.8.8", "fd00::1")
PEERS = {
    "{podSelector: {}}": "shop/web shop/api",
    "{podSelector: {matchLabels: {app: job}}}": "",
    "{namespaceSelector: {}}": "shop/web shop/api pay/job",
    "{namespaceSelector: {matchLabels: {env: dev}}}": "pay/job",
    "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}": "shop/web shop/api",
    "{namespaceSelector: {matchLabels: {env: prod}}, podSelector: {matchLabels: {app: web}}}": "shop/web",
    "{namespaceSelector: {matchLabels: {env: dev}}}, {podSelector: {matchLabels: {app: web}}}": "shop/web pay/job",
    "{podSelector: {matchExpressions: [{key: tier, operator: In, values: [front]}]}}": "shop/web",
    "{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}}": "shop/api",
    "{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [back]}]}}": "shop/web shop/api",
    "{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}": "shop/web",
    "{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}": "shop/api",
    "{podSelector: {matchLabels: {app: Web}}}": "",
    "{ipBlock: {cidr: 10.0.0.0/16}}": "shop/web shop/api 10.0.0.9",
    "{ipBlock: {cidr: 10.0.0.7/16}}": "shop/web shop/api 10.0.0.9",
    "{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.1/32, 10.0.0.8/29]}}": "shop/api pay/job",
    "{ipBlock: {cidr: 0.0.0.0/0}}": "shop/web shop/api pay/job 10.0.0.9 8.8.8.8",
    "{ipBlock: {cidr: '::/0'}}": "fd00::1",
    "{ipBlock: {cidr: 'fd00::/8', except: ['fd00::/127']}}": "",
    "{ipBlock: {cidr: '::ffff:8.8.8.0/120'}}": "8.8.8.8",
}


@pytest.mark.parametrize(("peers", "wanted"), PEERS.items())
def test_peers(peers: str, wanted: str) -> None:
    world = shop(policy("shop/db", f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{peers}]}}]}}"))
    found = {s: world.ports(f"{s} -> shop/db") for s in SOURCES}
    assert found == {s: ALL if s in wanted.split() else NONE for s in SOURCES}


PORTS = {
    "{}": {"shop/web": "TCP 1-65535"},
    "{protocol: SCTP}": {"shop/web": "SCTP 1-65535"},
    "{port: 80}": {"shop/web": "TCP 80", "8.8.8.8": "TCP 80"},
    "{port: 80}, {port: 81, protocol: UDP}": {"shop/web": "TCP 80,UDP 81"},
    "{port: 80, endPort: 82}, {port: 82, endPort: 90}": {"shop/web": "TCP 80-90"},
    "{port: 65535}": {"shop/web": "TCP 65535"},
    "{port: http}": {"shop/web": "TCP 8080", "shop/api": "TCP 9090-9091", "shop/db": NONE, "8.8.8.8": NONE},
    "{port: http, protocol: UDP}": {"shop/web": NONE, "shop/db": "UDP 8080"},
    "{port: nobody}": {"shop/web": NONE, "8.8.8.8": NONE},
}


@pytest.mark.parametrize(("ports", "wanted"), PORTS.items())
def test_ports_are_those_of_the_destination(ports: str, wanted: dict[str, str]) -> None:
    world = shop(policy("pay/all", f"{{policyTypes: [Egress], egress: [{{ports: [{ports}]}}]}}"))
    assert {to: world.ports(f"pay/job -> {to}") for to in wanted} == wanted


REFUSED = (
    "{policyTypes: [Both]}",
    "{ingress: [{from: [{}]}]}",
    "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]}",
    "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}",
    "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}",
    "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}",
    "{ingress: [{ports: [{port: 0}]}]}",
    "{ingress: [{ports: [{port: 90, endPort: 80}]}]}",
    "{ingress: [{ports: [{port: http, endPort: 80}]}]}",
    "{ingress: [{ports: [{endPort: 80}]}]}",
    "{ingress: [{ports: [{port: '80'}]}]}",
    "{ingress: [{ports: [{port: 80, protocol: ICMP}]}]}",
    "{podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}",
    "{podSelector: {matchExpressions: [{key: app, operator: In}]}}",
    "{podSelector: {matchExpressions: [{key: app, operator: Exists, values: [db]}]}}",
)


@pytest.mark.parametrize("spec", REFUSED)
def test_a_policy_that_the_server_refuses_denies_nothing_and_is_told(spec: str) -> None:
    world = shop(policy("shop/wrong", spec))
    (problem, *_) = world.policies.problems
    assert "NetworkPolicy shop/wrong" in str(problem)
    assert problem.do
    assert world.ports("pay/job -> shop/db") == ALL
    assert shop(policy("shop/right", "{}")).policies.problems == ()
