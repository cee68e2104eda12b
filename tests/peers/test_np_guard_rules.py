"""How rules of different policies override each other: np-guard's cases that are made in its code, not in files.

Each case is written here in a line per policy, `<policy> on <subject> | <rule> | ...`, where a subject or peer is
`*` (every pod), `x` (a namespace), `x/a` (a pod) or `*/b` (pods of that name), and a rule is `in` or `out`, an action,
a peer, and ports where it has any. What np-guard printed is in the corpus.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from tests.corpora import corpus

from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import snapshot
from mistrust.layers.network.profile import NP_GUARD
from mistrust.report.connections.formats import render
from mistrust.report.connections.of import connections_of

Plain = dict[str, Any]

SERVED = "tcp:80-81 udp:80-81"
NONE_LEAVES = f"anp 100 on * | out deny * {SERVED}"

CASES = {
    "test1_anp_conn": ["anp 100 on x/a | out deny x/b tcp:80"],
    "test2_anp_conn": ["anp 100 on x/a | in deny x/b tcp:80"],
    "test4_anp_conn": ["anp 100 on x/a | in deny x tcp:80-81"],
    "test5_anp_conn": ["anp 100 on x/a | in deny y udp:80"],
    "test6_anp_conn": ["anp 100 on x/a | in allow y/a udp:80 | in deny y udp:80"],
    "test8_anp_conn": [NONE_LEAVES],
    "test9_anp_conn": [f"anp 99 on * | out allow * {SERVED}", NONE_LEAVES],
    "test10_anp_conn": [f"anp 101 on * | out allow * {SERVED}", NONE_LEAVES],
    "test4_anp_unmatched_ingress_egress": ["anp 100 on * | out deny x udp:80 | in allow y udp:80"],
    "test7_anp_unmatched_ingress_egress": [
        "anp 15 on y | out allow x tcp:80-81 | out deny x",
        "anp 4 on x | in allow y udp:80",
    ],
    "test13_anp_unmatched_ingress_egress": [
        "anp 100 on * | out pass x tcp:80 | out deny x | in pass y udp:80 | in deny y"
    ],
    "test2_banp_conn": ["banp on x/a | in deny */b"],
    "test3_banp_conn": ["banp on * | in allow y/b | in deny *"],
    "test1_anp_npv1_conn": ["np on x/a | in allow any udp:80", f"anp 99 on * | in allow * {SERVED}"],
    "test1_banp_npv1_conn": ["np on x/a | in allow b udp:80", "banp on * | in deny *"],
    "test1_anp_banp": ["anp 100 on x/a | in allow x udp:80", "banp on * | in deny *"],
    "test2_anp_banp": ["anp 100 on x/a | in pass x udp:80", "anp 101 on * | in allow *", "banp on * | in deny *"],
    "test5_anp_banp_unmatched_ingress_egress": [
        "anp 100 on * | out allow x udp:80 | in pass y udp:80",
        "banp on * | in deny y",
    ],
    "test9_anp_banp_unmatched_ingress_egress": ["anp 100 on y | out pass x", "banp on y | out deny x"],
    "test12_anp_banp_unmatched_ingress_egress": [
        "anp 100 on * | out deny x udp:80 | in pass y udp:80",
        "banp on * | in allow y",
    ],
    "test14_anp_banp_unmatched_ingress_egress": [
        "anp 100 on * | out pass x tcp:80 | out allow x | in pass y udp:80 | in allow y",
        "banp on * | in deny y",
    ],
    "test_anp_deny_specific_port": ["anp 100 on x/a | out deny x/b udp:80"],
    "test_banp_deny_specific_port": ["banp on x/a | out deny x/b tcp:80"],
    "test_anp_banp_allow_specific_ports": [
        "anp 100 on x/a | out allow x/b udp:80",
        "banp on x/a | out allow x/b tcp:80",
    ],
    "test_anp_banp_deny_specific_ports": [
        "anp 100 on x/a | out deny x/b udp:80",
        "banp on x/a | out deny x/b tcp:80",
    ],
}  # fmt: skip

PODS = {"test4_anp_conn": ("xyz", "abc"), "test1_banp_npv1_conn": ("x", "ab")}
"""The namespaces and the names of the pods, where it is not x and y with a and b."""


def labels(key: str, value: str) -> Plain:
    return {} if value == "*" else {"matchLabels": {key: value}}


def admin_peer(text: str) -> Plain:
    namespace, slash, pod = text.partition("/")
    if not slash:
        return {"namespaces": labels("ns", namespace)}
    return {"pods": {"namespaceSelector": labels("ns", namespace), "podSelector": labels("pod", pod)}}


def admin_port(text: str) -> Plain:
    protocol, _, numbers = text.upper().partition(":")
    first, _, last = numbers.partition("-")
    if last:
        return {"portRange": {"protocol": protocol, "start": int(first), "end": int(last)}}
    return {"portNumber": {"protocol": protocol, "port": int(first)}}


def admin_rule(action: str, side: str, peer: str, ports: list[str]) -> Plain:
    rule: Plain = {"action": action.capitalize(), side: [admin_peer(peer)]}
    return {**rule, "ports": [admin_port(p) for p in ports]} if ports else rule


def admin(kind: str, name: str, spec: Plain, rules: list[str]) -> Plain:
    for rule in rules:
        way, action, peer, *ports = rule.split()
        direction, side = ("ingress", "from") if way == "in" else ("egress", "to")
        spec.setdefault(direction, []).append(admin_rule(action, side, peer, ports))
    version = "policy.networking.k8s.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def classic(subject: str, rule: str) -> Plain:
    """A NetworkPolicy of one rule for what comes in."""
    namespace, _, pod = subject.partition("/")
    _, _, peer, port = rule.split()
    protocol, _, number = port.upper().partition(":")
    allowed: Plain = {"ports": [{"protocol": protocol, "port": int(number)}]}
    if peer != "any":
        allowed["from"] = [{"podSelector": labels("pod", peer)}]
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "base", "namespace": namespace},
        "spec": {"podSelector": labels("pod", pod), "ingress": [allowed], "policyTypes": ["Ingress"]},
    }  # fmt: skip


def policy(text: str) -> Plain:
    head, *rules = text.split(" | ")
    what, subject = head.split(" on ")
    if what == "np":
        return classic(subject, rules[0])
    if what == "banp":
        return admin("BaselineAdminNetworkPolicy", "default", {"subject": admin_peer(subject)}, rules)
    priority = int(what.removeprefix("anp "))
    spec = {"priority": priority, "subject": admin_peer(subject)}
    return admin("AdminNetworkPolicy", f"at-{priority}", spec, rules)


def cluster(namespaces: str, names: str) -> list[Plain]:
    """Pods that declare TCP and UDP 80 and 81, in namespaces labelled by their names."""
    ports = [{"containerPort": port, "protocol": p} for port, p in product((80, 81), ("TCP", "UDP"))]
    spec = {"containers": [{"name": "serve", "image": "serve", "ports": ports}]}
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n, "labels": {"ns": n}}} for n in namespaces
    ]
    return spaces + [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": p, "namespace": n, "labels": {"pod": p}}, "spec": spec}
        for n, p in product(namespaces, names)
    ]


@pytest.mark.parametrize("name", CASES)
def test_rules(name: str) -> None:
    expected = corpus("netpol-analyzer") / "test_outputs" / "connlist" / f"{name}_from_parsed_res.txt"
    plain = [*cluster(*PODS.get(name, ("xy", "ab"))), *map(policy, CASES[name])]
    read = [o for i, p in enumerate(plain) for o in from_plain(p, Origin("rules.yaml", i))]
    objects = [o for o in read if isinstance(o, Object)]
    assert len(objects) == len(plain), read
    assert "".join(render(connections_of(snapshot(objects), NP_GUARD), "txt")) == expected.read_text()


def test_no_case_is_forgotten() -> None:
    folder = corpus("netpol-analyzer") / "test_outputs" / "connlist"
    assert {p.stem.removesuffix("_from_parsed_res") for p in folder.glob("*_from_parsed_res.txt")} <= set(CASES)
