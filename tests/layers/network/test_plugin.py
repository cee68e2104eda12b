"""Which network plugin runs, seen by its agents, and what that means for policies."""

from __future__ import annotations

import pytest
from tests.layers.network.scene import Plain, Scene, cluster, node, other, pod, policy

from mistrust.access.verdict import Answer
from mistrust.kube.snapshot import Gap
from mistrust.layers.network.deciding.unseen import unseen
from mistrust.layers.network.plugin import plugins, profiles


def agent(name: str, *containers: str, host: bool = True) -> Plain:
    """A DaemonSet; a container is `name` or `name=image`."""
    made = [dict(zip(("name", "image"), (*c.split("=", 1), "example/x:1"), strict=False)) for c in containers]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"hostNetwork": host, "containers": made}}},
    }


OLD, NEW = "kindnet-cni=kindest/kindnetd:v20240202-8f1494ea", "kindnet-cni=kindest/kindnetd:v20250512-df8de77b"
K3S = node("n", version="v1.31.4+k3s1")
CASES: list[tuple[str, list[Plain], str]] = [
    ("calico", [agent("calico-node", "calico-node")], "calico"),
    ("cilium, renamed", [agent("anetd", "cilium-agent")], "cilium"),
    ("flannel ignores policies", [agent("kube-flannel-ds", "kube-flannel")], "-flannel"),
    ("canal: flannel for addresses, calico for policies", [agent("canal", "kube-flannel", "calico-node")], "calico"),
    (
        "flannel with its own enforcer",
        [agent("kube-flannel-ds", "kube-flannel", "kube-network-policies")],
        "kube-network-policies",
    ),
    ("old kindnet", [agent("kindnet", OLD)], "-kindnet"),
    ("new kindnet", [agent("kindnet", NEW)], "kindnet"),
    ("the first that does", [agent("kindnet", "kindnet-cni=kindest/kindnetd:v20240813-c6f155d6")], "kindnet"),
    ("kindnet of unknown age", [agent("kindnet", "kindnet-cni=mirror/kindnetd@sha256:abc")], "kindnet -kindnet"),
    ("aws-node alone", [agent("aws-node", "aws-node")], "-aws-node"),
    ("an argument turns its agent on", [agent("aws-node", "aws-node", "aws-eks-nodeagent")], "aws-node -aws-node"),
    ("aws-node under cilium", [agent("aws-node", "aws-node"), agent("cilium", "cilium-agent")], "cilium"),
    ("k3s brings a controller inside its process", [K3S], "kube-router"),
    ("k3s with calico", [K3S, agent("x", "calico-node")], "calico"),
    ("a pod with a network of its own is no agent", [agent("x", "calico-node", host=False)], "upstream cilium"),
    ("nothing to see: the two readings that differ", [], "upstream cilium"),
]


@pytest.mark.parametrize(("title", "objects", "expected"), CASES, ids=[c[0] for c in CASES])
def test_the_plugin(title: str, objects: list[Plain], expected: str) -> None:
    """A dash stands before one that enforces nothing."""
    assert " ".join("-" * (not p.enforces) + p.name for p in profiles(cluster(*objects))) == expected


def test_it_is_known_by_a_container() -> None:
    (found,) = plugins(cluster(agent("calico-node", "init", "calico-node=quay.io/calico/node:v3.31")))

    assert str(found.evidence) == (
        "DaemonSet kube-system/calico-node spec.template.spec.containers[1] quay.io/calico/node:v3.31"
    )


def test_what_enforces_is_told_first() -> None:
    found = plugins(cluster(agent("a", "kube-flannel"), agent("b", "calico-node")))

    assert [(p.name, p.enforces) for p in found] == [("calico", True), ("flannel", False)]


@pytest.mark.parametrize(
    ("mode", "pods", "nodes"), [("", False, False), ("nodes", False, True), ("pods,nodes", True, True)]
)
def test_cilium_matches_by_address_what_its_configuration_lists(mode: str, pods: bool, nodes: bool) -> None:
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cilium-config", "namespace": "kube-system"},
        "data": {"policy-cidr-match-mode": mode, "debug": "false"},
    }
    (found,) = profiles(cluster(agent("cilium", "cilium-agent"), settings))

    assert (found.blocks_match_pods, found.blocks_match_nodes) == (pods, nodes)


def test_without_enforcement_everything_is_allowed() -> None:
    asked = Scene(pod("a/x"), pod("a/y"), policy("a/p", "{}"), agent("kube-flannel-ds", "kube-flannel"))
    verdict = asked.flow("a/x -> a/y TCP/80")

    assert verdict.answer is Answer.ALLOWED
    assert verdict.because == "egress: flannel enforces no policy; ingress: flannel enforces no policy"


def test_where_enforcement_is_a_setting_a_no_is_unknown() -> None:
    asked = Scene(pod("a/x"), pod("a/y"), policy("a/p", "{}"), agent("aws-node", "aws-node", "aws-eks-nodeagent"))

    assert asked.flow("a/x -> a/y TCP/80").answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (Gap("NetworkPolicy", "forbidden"), "NetworkPolicy objects were not seen (forbidden)"),
        (Gap("NetworkPolicy", "forbidden", "shop"), "NetworkPolicy objects in shop were not seen (forbidden)"),
    ],
)
def test_what_was_not_seen_is_said(gap: Gap, words: str) -> None:
    assert [(u.words, u.namespace) for u in unseen(cluster(gaps=(gap,)))] == [(words, gap.namespace)]


def test_kinds_of_others_are_said_once_and_for_their_namespace() -> None:
    found = unseen(
        cluster(
            other("projectcalico.org/v3", "NetworkPolicy", "c", "shop"),
            other("projectcalico.org/v3", "GlobalNetworkPolicy", "w"),
            other("k8s.ovn.org/v1", "UserDefinedNetwork", "u", "shop"),
            other("example.com/v1", "NetworkPolicy", "e", "shop"),
        )
    )

    assert [(u.namespace, u.words) for u in found] == [
        ("shop", "NetworkPolicy shop/c (projectcalico.org) is not read"),
        ("", "GlobalNetworkPolicy w (projectcalico.org) is not read"),
        ("shop", "UserDefinedNetwork shop/u (k8s.ovn.org) is not read"),
    ]
