"""What the network layer remarks: each remark where it belongs, and not where it does not."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from tests.layers.network import dice
from tests.layers.network.scene import Plain, cluster, made, namespace, node, other, pod, policy
from tests.layers.network.test_plugin import agent

from mistrust.access.fact import Fact
from mistrust.kube.core import Namespace
from mistrust.kube.snapshot import Gap
from mistrust.layers.network.facts.telling import listed
from mistrust.layers.network.facts.tomorrow import alike, future
from mistrust.layers.network.layer import Network
from mistrust.layers.network.statements.policies import policies
from mistrust.layers.network.statements.rules import statements

SHOP = (
    namespace("shop", "team=web"),
    pod("shop/web", "app=web", "http=TCP/80", "10.0.0.1"),
    pod("shop/db", "app=db", "sql=TCP/5432", "10.0.0.2"),
)
DEFAULT_DENY = policy("shop/deny", "{policyTypes: [Ingress, Egress]}")


def facts(*objects: Plain, gaps: tuple[Gap, ...] = ()) -> list[Fact]:
    layer, s = Network(), cluster(*objects, gaps=gaps)
    return list(layer.facts(s, layer.granted(s)))


def told(*objects: Plain) -> dict[str, str]:
    """`name subject` -> detail."""
    return {f"{f.name.removeprefix('network.')} {f.subject}": f.detail for f in facts(*objects)}


TO_WEB, TO_DB = (f"{{to: [{{podSelector: {{matchLabels: {{app: {app}}}}}}}]}}" for app in ("web", "db"))
UNSEGMENTED = "no policy limits what reaches its 2 workloads, or what they reach"
SEGMENTS: list[tuple[str, list[str], dict[str, str]]] = [
    ("no policy", [], {"unsegmented Namespace shop": UNSEGMENTED}),
    ("everything denied", ["{policyTypes: [Ingress, Egress]}"], {}),
    (
        "everything allowed",
        ["{policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}"],
        {
            "unsegmented Namespace shop": f"{UNSEGMENTED}: NetworkPolicy shop/p0 allows everything",
            "allow-all NetworkPolicy shop/p0": "lets everything in and out",
        },
    ),
    (
        "every pod of every namespace is everything",
        ["{ingress: [{from: [{namespaceSelector: {}}]}]}"],
        {
            "unsegmented Namespace shop": f"{UNSEGMENTED}: NetworkPolicy shop/p0 allows everything",
            "allow-all NetworkPolicy shop/p0": "lets everything in",
        },
    ),
    (
        "every pod on one port is a limit",
        ["{policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}"],
        {},
    ),
    (
        "rules that together let every pod through",
        [
            "{ingress: [{ports: [{port: 1, endPort: 999}]}, {ports: [{protocol: UDP}, {protocol: SCTP}]}]}",
            "{ingress: [{ports: [{port: 1000, endPort: 65535}], from: [{podSelector: {}}]}]}",
        ],
        {"unsegmented Namespace shop": UNSEGMENTED},
    ),
    (
        "peers that together are all pods there are",
        [f"{{policyTypes: [Egress], egress: [{TO_WEB}, {TO_DB}]}}"],
        {"unsegmented Namespace shop": UNSEGMENTED},
    ),
    (
        "what one policy denies another allows",
        ["{policyTypes: [Ingress, Egress]}", "{podSelector: {matchLabels: {app: web}}, ingress: [{}]}"],
        {"open-ingress Namespace shop": "1 of 2 workloads (web) may be reached from every namespace on every port"},
    ),
    (
        "one workload is left out",
        ["{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}"],
        {"open-ingress Namespace shop": "1 of 2 workloads (web) may be reached from every namespace on every port"},
    ),
    (
        "what goes out is left out",
        ["{policyTypes: [Ingress]}"],
        {
            "open-egress Namespace shop": "2 of 2 workloads (db and web) "
            "may connect to everything, the Internet included"
        },
    ),
]


@pytest.mark.parametrize(("title", "specs", "expected"), SEGMENTS, ids=[s[0] for s in SEGMENTS])
def test_segments(title: str, specs: list[str], expected: dict[str, str]) -> None:
    assert told(*SHOP, *(policy(f"shop/p{i}", spec) for i, spec in enumerate(specs))) == expected


def test_a_cluster_wide_deny_is_a_limit() -> None:
    rule = {"action": "Deny", "from": [{"namespaces": {}}]}
    spec = {"tier": "Admin", "subject": {"namespaces": {}}, "ingress": [rule], "egress": [{**rule, "to": rule["from"]}]}

    assert told(*SHOP, made({"ClusterNetworkPolicy": "c", "spec": spec})) == {}


def test_pods_on_the_network_of_a_node_are_not_counted() -> None:
    assert told(namespace("ops"), pod("ops/agent", host=True)) == {}


def test_the_fact_is_about_the_namespace_and_shows_it() -> None:
    (fact,) = facts(*SHOP)

    assert fact.ref.kind == Namespace.KIND
    assert [str(e) for e in fact.evidence] == ["Namespace shop"]


TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("facts.yaml").read_text())


@pytest.mark.parametrize("row", TABLE, ids=[row["title"] for row in TABLE])
def test_mistakes(row: dict[str, Any]) -> None:
    """Beside a policy that denies everything, so that nothing is to be said about segments."""
    assert told(*SHOP, DEFAULT_DENY, *map(shown, row["objects"])) == row["expect"]


def shown(short: dict[str, Any]) -> Plain:
    """An object of the table."""
    match next(iter(short.items())):
        case ("Pod", str(name)):
            return pod(name, **{k: v for k, v in short.items() if k != "Pod"})
        case ("Namespace", str(name)):
            return namespace(name)
        case ("Node", str(name)):
            return node(name) | {"spec": {"providerID": short["providerID"]}}
        case ("Agent", str(name)):
            return agent(name, name)
        case _:
            return made(short)


def test_policies_that_nobody_enforces() -> None:
    flannel, deny = agent("kube-flannel-ds", "kube-flannel"), DEFAULT_DENY

    assert told(*SHOP, deny, flannel) == {"not-enforced flannel": "flannel ignores the one policy"}
    assert set(told(*SHOP, flannel)) == {"unsegmented Namespace shop"}
    (fact,) = facts(*SHOP, deny, flannel)
    assert fact.ref.kind == "DaemonSet"


def test_policies_that_perhaps_nobody_enforces() -> None:
    found = told(*SHOP, DEFAULT_DENY, agent("aws-node", "aws-node", "aws-eks-nodeagent"))

    detail = "whether aws-node enforces policies hangs on a setting or version that is not shown"
    assert found == {"maybe-not-enforced aws-node": detail}


def test_what_policies_select_is_asked_even_where_nobody_enforces_them() -> None:
    found = told(*SHOP, policy("shop/p", "{podSelector: {matchLabels: {app: web}}}"), agent("f", "kube-flannel"))

    assert set(found) == {"not-enforced flannel"}


def test_policies_of_one_priority_that_contradict_each_other() -> None:
    def wide(name: str, action: str) -> Plain:
        rule = {"action": action, "from": [{"namespaces": {}}]}
        return made(
            {"ClusterNetworkPolicy": name, "spec": {"tier": "Admin", "subject": {"namespaces": {}}, "ingress": [rule]}}
        )

    found = [f for f in facts(*SHOP, wide("a", "Accept"), wide("b", "Deny")) if f.name == "network.ambiguous"]

    assert [(f.subject, f.detail) for f in found] == [
        (
            "ClusterNetworkPolicy a, ClusterNetworkPolicy b",
            "a allows Pod shop/web to open TCP 1 of Pod shop/db, b of the same priority does not",
        )
    ]


def test_nothing_is_said_of_selectors_where_pods_were_not_seen() -> None:
    found = facts(
        *SHOP, DEFAULT_DENY, policy("shop/p", "{podSelector: {matchLabels: {app: x}}}"), gaps=(Gap("Pod", "forbidden"),)
    )

    assert [f.name for f in found if f.name == "network.selects-nothing"] == []


GONE = policy("shop/p", "{podSelector: {matchLabels: {app: gone}}, ingress: [{ports: [{port: 80}]}]}")
OPERATED = other("monitoring.coreos.com/v1", "Prometheus", "p", "shop")


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([GONE], True),
        ([GONE, OPERATED], False),  # an operator makes pods of what nobody here reads
        ([GONE, OPERATED | {"metadata": {"name": "p", "namespace": "shop", "uid": "1"}}], True),  # in a cluster it has
        ([policy("empty/p", "{}")], False),
    ],
)
def test_pods_that_manifests_do_not_show_may_be_made_by_others(objects: list[Plain], said: bool) -> None:
    found = {f.name for f in facts(*SHOP, DEFAULT_DENY, *objects)}

    assert ("network.selects-nothing" in found) is said


def test_many_policies_of_a_namespace_are_one_fact() -> None:
    many = [policy(f"shop/p{i}", f"{{podSelector: {{matchLabels: {{app: gone{i}}}}}}}") for i in range(6)]
    (fact,) = [f for f in facts(*SHOP, DEFAULT_DENY, *many) if f.name == "network.selects-nothing"]

    assert fact.subject == "Namespace shop"
    assert fact.detail == (
        "6 NetworkPolicy objects (p0, p1, p2 and 3 more); p0: selects no pod; "
        "it will select pods with app=gone0 in Namespace shop"
    )
    assert len(fact.evidence) == 6


def test_a_redundant_policy_comes_with_the_edit_that_takes_it_away() -> None:
    found = facts(*SHOP, DEFAULT_DENY, policy("shop/p", "{podSelector: {matchLabels: {app: web}}}"))
    (fact,) = [f for f in found if f.name == "network.redundant"]

    assert [(str(e.ref), e.op, e.path) for e in fact.edits] == [("NetworkPolicy shop/p", "remove", ())]
    assert [str(e) for e in fact.evidence] == ["NetworkPolicy shop/deny spec.podSelector"]


def test_redundant_rules_come_with_edits_from_the_last_to_the_first() -> None:
    narrow = "{from: [{podSelector: {matchLabels: {app: web}}}]}"
    spec = f"{{ingress: [{narrow}, {{from: [{{podSelector: {{}}}}]}}, {narrow}]}}"
    (fact,) = [f for f in facts(*SHOP, DEFAULT_DENY, policy("shop/p", spec)) if f.name == "network.redundant"]

    assert [e.path for e in fact.edits] == [("spec", "ingress", 2), ("spec", "ingress", 0)]
    assert [e.path for e in fact.evidence] == [("spec", "ingress", 2), ("spec", "ingress", 0), ("spec",)]


def test_one_workload_is_not_told_as_many() -> None:
    only = (namespace("shop"), pod("shop/web"))

    assert told(*only) == {
        "unsegmented Namespace shop": "no policy limits what reaches its workload, or what that reaches"
    }
    assert told(*only, policy("shop/p", "{policyTypes: [Ingress]}")) == {
        "open-egress Namespace shop": "its workload web may connect to everything, the Internet included"
    }


def test_a_cluster_wide_policy_that_selects_nothing_shows_its_subject() -> None:
    """In a cluster: of manifests the namespaces are rarely all there are."""
    gone = {"namespaces": {"matchLabels": {"team": "gone"}}}
    wide = made({"ClusterNetworkPolicy": "c", "spec": {"tier": "Admin", "subject": gone, "ingress": [{"action": "Deny", "from": [gone]}]}})  # fmt: skip  # noqa: E501
    live = wide | {"metadata": {"name": "c", "uid": "1"}}

    assert [f.name for f in facts(*SHOP, DEFAULT_DENY, wide)] == []
    (fact,) = facts(*SHOP, DEFAULT_DENY, live)
    assert fact.detail == "selects no pod; it will select every pod in namespaces with team=gone"
    assert [str(e) for e in fact.evidence] == ["ClusterNetworkPolicy c spec.subject"]


def test_pods_without_addresses_are_in_a_block_of_all_addresses_alone() -> None:
    promised = (namespace("shop"), pod("shop/web"), DEFAULT_DENY)

    def ports_to(block: str) -> Plain:
        return policy("shop/p", f"{{policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{cidr: {block}}}}}]}}]}}")

    world = [f.detail for f in facts(*promised, ports_to("0.0.0.0/0")) if f.name == "network.block-holds-pods"]
    some = [f.detail for f in facts(*promised, ports_to("10.0.0.0/8")) if f.name == "network.block-holds-pods"]

    assert world == ["0.0.0.0/0 holds 1 pod, and upstream lets them through, cilium does not"]
    assert some == []


def test_policies_of_every_kind_count_as_not_enforced() -> None:
    wide = made({"ClusterNetworkPolicy": "c", "spec": {"tier": "Admin", "subject": {"namespaces": {}}}})
    found = told(*SHOP, DEFAULT_DENY, wide, agent("kube-flannel-ds", "kube-flannel"))

    assert found["not-enforced flannel"] == "flannel ignores all 2 policies"


@pytest.mark.parametrize(
    ("names", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (list("abcde"), "a, b, c and 2 more")],
)
def test_names_in_a_clause(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_three_policies_are_told_one_by_one() -> None:
    many = [policy(f"shop/p{i}", f"{{podSelector: {{matchLabels: {{app: gone{i}}}}}}}") for i in range(3)]

    assert sum(f.name == "network.selects-nothing" for f in facts(*SHOP, DEFAULT_DENY, *many)) == 3


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("dashbord", "dashboard", True),
        ("Frontend", "frontend", True),
        ("back-end", "backend", True),
        ("prod", "prod", False),  # not misspelt
        ("web-1", "web-2", False),
        ("v1", "v2", False),
        ("frontend", "backend", False),
        ("a", "A", False),
        ("abcd", "abcx", False),
        ("abcde", "abcdx", True),  # four of five letters
    ],
)
def test_words_that_are_nearly_the_same(a: str, b: str, same: bool) -> None:
    assert alike(a, b) is same


def test_what_a_selector_will_choose() -> None:
    spec = """{podSelector: {matchLabels: {app: x}}, ingress: [{from: [
        {namespaceSelector: {matchLabels: {team: y}}}, {podSelector: {}},
        {namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: Exists}]}}]}]}"""
    ((statement,),) = [list(statements(p)) for p in policies(cluster(policy("shop/p", spec))).network]

    assert future(statement.subject) == "pods with app=x in Namespace shop"
    assert [future(p.chosen) for p in statement.rules[0].peers if p.chosen] == [
        "every pod in namespaces with team=y",
        "every pod in Namespace shop",
        "pods with any app",
    ]


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    objects = dice.cluster(seed)
    shuffled = Random(seed).sample(objects, len(objects))

    def bare(given: list[Plain]) -> set[tuple[str, str, str]]:
        return {(f.name, f.subject, f.detail) for f in facts(*given)}

    assert bare(objects) == bare(shuffled)


@pytest.mark.parametrize("seed", range(30))
def test_no_two_facts_have_one_identity(seed: int) -> None:
    found = [(f.name, f.subject, f.ref) for f in facts(*dice.cluster(seed))]

    assert len(found) == len(set(found))
