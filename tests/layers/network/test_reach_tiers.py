"""Cluster-wide policies: Admin, then NetworkPolicy, then Baseline, then allow.

sigs.k8s.io/network-policy-api apis/v1alpha1 and apis/v1alpha2.
"""

from __future__ import annotations

import pytest
import yaml
from tests.layers.network.reached import ALL, NONE, shop
from tests.layers.network.scene import Plain, made, policy

from mistrust.layers.network.profile import Profile

EVERY = "{namespaces: {}}"
PROD, DEV = "{namespaces: {matchLabels: {env: prod}}}", "{namespaces: {matchLabels: {env: dev}}}"


def admin(*rules: str, name: str = "a", priority: int = 10, tier: str = "Admin", subject: str = PROD) -> Plain:
    """`admin("Deny from {namespaces: {}} on {tcp: {...}}")`: a ClusterNetworkPolicy."""
    spec: Plain = {"tier": tier, "priority": priority, "subject": yaml.safe_load(subject)}
    for text in rules:
        action, side, rest = text.split(" ", 2)
        peers, _, protocols = rest.partition(" on ")
        rule: Plain = {"action": action, side: yaml.safe_load(f"[{peers}]")}
        if protocols:
            rule["protocols"] = yaml.safe_load(f"[{protocols}]")
        spec.setdefault("ingress" if side == "from" else "egress", []).append(rule)
    return made({"ClusterNetworkPolicy": name, "spec": spec})


def base(*rules: str, **more: str) -> Plain:
    return admin(*rules, name="b", tier="Baseline", **more)


HTTP = "{tcp: {destinationPort: {number: 80}}}"
RANGE = "{udp: {destinationPort: {range: {start: 5, end: 7}}}}"
CLOSED = policy("shop/closed", "{}")
OPEN = policy("shop/open", "{ingress: [{}]}")
JOB = "pay/job -> shop/db"
TIERS: dict[str, tuple[list[Plain], dict[str, str]]] = {
    "a subject is not isolated by being one": ([admin(f"Accept from {PROD}")], {JOB: ALL}),
    "Deny of the Admin tier comes before NetworkPolicy": (
        [admin(f"Deny from {DEV}"), OPEN],
        {JOB: NONE, "8.8.8.8 -> shop/db": ALL},
    ),
    "so does Accept": ([admin(f"Accept from {DEV}"), CLOSED], {JOB: ALL, "8.8.8.8 -> shop/db": NONE}),
    "Pass goes on to NetworkPolicy, past the rest of its tier": (
        [admin(f"Pass from {DEV}", f"Deny from {EVERY}"), OPEN],
        {JOB: ALL, "shop/web -> shop/db": NONE},
    ),
    "Pass passes what policies of a higher number would say too": (
        [admin(f"Pass from {DEV}"), admin(f"Deny from {EVERY}", name="later", priority=11)],
        {JOB: ALL, "shop/web -> shop/db": NONE},
    ),
    "the Baseline tier is asked where no NetworkPolicy isolates": ([base(f"Deny from {EVERY}")], {JOB: NONE}),
    "and is not where one does": ([base(f"Deny from {EVERY}"), OPEN], {JOB: ALL}),
    "not even for what that one denies": ([base(f"Accept from {EVERY}"), CLOSED], {JOB: NONE}),
    "Pass of the Baseline tier ends in allow": ([base(f"Pass from {EVERY}", f"Deny from {EVERY}")], {JOB: ALL}),
    "the first rule that matches decides": ([admin(f"Accept from {DEV}", f"Deny from {DEV}")], {JOB: ALL}),
    "the lower priority is asked first": (
        [admin(f"Deny from {EVERY}", priority=9), admin(f"Accept from {EVERY}", name="z", priority=3)],
        {JOB: ALL},
    ),
    "rules may differ by port": (
        [admin(f"Accept from {DEV} on {HTTP}", f"Deny from {DEV} on {{tcp: {{}}}}")],
        {JOB: "SCTP 1-65535,TCP 80,UDP 1-65535"},
    ),
    "a range, and a name with whatever protocol it has": (
        [
            admin(
                f"Accept from {DEV} on {RANGE}, {{destinationNamedPort: sql}}",
                f"Deny from {DEV}",
            )
        ],
        {JOB: "TCP 5432,UDP 5-7", "pay/job -> shop/web": "UDP 5-7"},
    ),
    "egress is the source's": ([admin(f"Deny to {PROD}", subject=DEV)], {JOB: NONE, "shop/web -> shop/db": ALL}),
    "networks are addresses of pods too": (
        [admin("Deny to {networks: [10.0.0.0/16]}", subject=DEV)],
        {JOB: NONE, "pay/job -> shop/web": NONE, "pay/job -> 10.0.9.9": NONE, "pay/job -> 10.9.0.1": ALL},
    ),
    "both sides must agree": (
        [admin(f"Accept to {PROD}", subject=DEV), CLOSED],
        {JOB: NONE},
    ),
    "pods on the node's network are no subject and no pods": (
        [admin(f"Deny from {EVERY}", f"Deny to {EVERY}", subject=EVERY)],
        {"pay/agent -> shop/db": ALL, JOB: NONE},
    ),
    "nodes are addresses of nodes, by the labels of the nodes": (
        [admin("Deny to {nodes: {matchLabels: {zone: b}}}", subject=PROD)],
        {"shop/web -> 192.168.0.1": ALL, "shop/web -> pay/job": ALL},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), TIERS.values(), ids=TIERS)
def test_tiers(given: list[Plain], wanted: dict[str, str]) -> None:
    world = shop(*given)
    assert {q: world.ports(q) for q in wanted} == wanted
    assert world.policies.problems == ()


FAIL_CLOSED = {
    "Accept from {somethingNew: {}}": ALL,
    "Deny from {somethingNew: {}}": NONE,
    "Pass from {somethingNew: {}}": NONE,
    "Accept from {somethingNew: {}}, {namespaces: {}}": ALL,
    "Deny from {}": NONE,
    "Deny from {networks: [1.2.3.0/24]}": NONE,
}
"""`networks` is a field of egress peers: from an ingress peer the server drops it."""


@pytest.mark.parametrize(("rule", "wanted"), FAIL_CLOSED.items())
def test_a_peer_that_nobody_knows_fails_closed(rule: str, wanted: str) -> None:
    world = shop(admin(rule))
    assert world.ports(JOB) == wanted
    closed = shop(admin(rule, f"Deny from {EVERY}"))
    assert closed.ports(JOB) == NONE, "an Accept rule that fails closed matches nothing"


def v1alpha1(kind: str, spec: str, name: str = "default") -> Plain:
    return made({kind: name, "spec": yaml.safe_load(spec)})


FIRST_VERSION = {
    "Allow, Deny and Pass": ("Pass", "[{portNumber: {port: 80}}]", "TCP 80"),
    "ports by range": ("Allow", "[{portRange: {protocol: UDP, start: 10, end: 12}}]", "UDP 10-12"),
    "ports by name": ("Allow", "[{namedPort: sql}]", "TCP 5432"),
}


@pytest.mark.parametrize(("action", "ports", "wanted"), FIRST_VERSION.values(), ids=FIRST_VERSION)
def test_v1alpha1(action: str, ports: str, wanted: str) -> None:
    first = f"{{name: a, action: {action}, from: [{EVERY}], ports: {ports}}}"
    rules = f"[{first}, {{action: Deny, from: [{EVERY}]}}]"
    world = shop(v1alpha1("AdminNetworkPolicy", f"{{priority: 5, subject: {PROD}, ingress: {rules}}}"))
    assert world.ports(JOB) == wanted
    assert world.policies.problems == ()


def test_the_baseline_of_v1alpha1_comes_last() -> None:
    spec = f"{{subject: {PROD}, ingress: [{{action: Deny, from: [{EVERY}]}}]}}"
    assert shop(v1alpha1("BaselineAdminNetworkPolicy", spec)).ports(JOB) == NONE
    assert shop(v1alpha1("BaselineAdminNetworkPolicy", spec), OPEN).ports(JOB) == ALL


def test_policies_of_one_priority_are_asked_in_either_order() -> None:
    tie = [admin(f"Accept from {DEV}", name="a"), admin(f"Deny from {DEV}", name="b")]
    assert [shop(*tie, ties=t).ports(JOB) for t in ("forward", "backward")] == [ALL, NONE]
    assert [shop(*tie[::-1], ties=t).ports(JOB) for t in ("forward", "backward")] == [ALL, NONE]


def test_a_plugin_may_know_none_of_them() -> None:
    assert shop(admin(f"Deny from {EVERY}"), profile=Profile("old", cluster_wide=False)).ports(JOB) == ALL


REFUSED = (
    admin(f"Allow from {DEV}"),
    admin(f"Deny from {DEV}", priority=1001),
    admin(f"Deny from {DEV}", tier="Tenant"),
    admin(f"Deny from {DEV}", subject="{}"),
    admin("Deny to {networks: [10.0.0.0]}"),
    admin("Deny to {domainNames: [example.org]}"),
    admin(f"Deny from {DEV} on {{tcp: {{}}, udp: {{}}}}"),
    v1alpha1("BaselineAdminNetworkPolicy", f"{{subject: {PROD}, ingress: [{{action: Pass, from: [{EVERY}]}}]}}"),
    v1alpha1(
        "BaselineAdminNetworkPolicy", f"{{subject: {PROD}, ingress: [{{action: Deny, from: [{EVERY}]}}]}}", "other"
    ),
)


@pytest.mark.parametrize("given", REFUSED, ids=range(len(REFUSED)))
def test_what_the_server_refuses_denies_nothing_surely(given: Plain) -> None:
    world = shop(given)
    assert world.policies.problems
    assert world.ports(JOB) == world.ports("shop/web -> 8.8.8.8") == ALL


def test_domain_names_may_be_any_address_outside() -> None:
    given = admin("Accept to {domainNames: [example.org]}", "Deny to {networks: [0.0.0.0/0, '::/0']}", subject=PROD)
    world = shop(given)
    assert world.ports("shop/web -> 8.8.8.8") == world.unsure("shop/web -> 8.8.8.8") == ALL
    assert world.ports("shop/web -> pay/job") == NONE
