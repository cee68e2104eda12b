"""How much of what is allowed is not sure."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.network import dice
from tests.layers.network.scene import Plain, cluster, made, namespace, other, pod, policy
from tests.layers.network.test_plugin import agent

from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.access.verdict import Answer
from mistrust.kube.problem import Problem
from mistrust.layers.network.doubt import doubtful
from mistrust.layers.network.grants import Connection, granted
from mistrust.layers.network.profile import CALICO, UPSTREAM

PODS = (
    namespace("a"),
    namespace("b"),
    pod("a/x", "app=x", "http=TCP/80", "10.0.0.1"),
    pod("b/y", "app=y", "http=TCP/80", "10.0.0.2"),
)
BLOCK = policy("a/p", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}")
IN_A = ["Pod b/y -> Pod a/x", "Pod a/x -> Pod b/y", "the Internet -> Pod a/x"]
HERE, ALL = ("NetworkPolicy", "c", "a"), ("GlobalNetworkPolicy", "c")
CASES: list[tuple[str, list[Plain], list[str]]] = [
    ("nothing", [], []),
    ("plugins differ", [BLOCK], ["Pod b/y -> Pod a/x"]),
    ("a policy that is not read", [other("projectcalico.org/v3", *HERE)], IN_A),
    ("one for the whole cluster", [other("projectcalico.org/v3", *ALL)], [*IN_A, "the Internet -> Pod b/y"]),
    ("a refused policy", [policy("a/p", "{ingress: [{from: [{}]}]}")], IN_A),
    (
        "what is denied is not in doubt",
        [policy("b/p", "{}"), other("projectcalico.org/v3", *HERE)],
        ["the Internet -> Pod a/x", "Pod b/y -> Pod a/x"],
    ),
]


@pytest.mark.parametrize(("title", "objects", "expected"), CASES, ids=[c[0] for c in CASES])
def test_what_is_in_doubt(title: str, objects: list[Plain], expected: list[str]) -> None:
    every = granted(cluster(*PODS, *objects))
    found = doubtful(every)

    refs = [None, *every.relation.places]
    pairs = [(s, d) for s in refs for d in refs if d is not None and found.ports(s, d)]
    assert {f"{s or 'the Internet'} -> {d}" for s, d in pairs} == set(expected)
    assert found.count() == len(expected)


def test_a_document_that_was_not_understood_is_told_elsewhere() -> None:
    """It leaves every answer open, which `decide` says; a share of all would say nothing."""
    every = granted(cluster(*PODS, problems=(Problem("not YAML", "x", 1),)))

    assert doubtful(every).count() == 0
    assert every.decide(Connection(None, next(iter(every.relation.places)), "TCP", 80)).answer is Answer.UNKNOWN


def wide(name: str, action: str) -> Plain:
    rule = {"action": action, "from": [{"namespaces": {}}]}
    return made(
        {"ClusterNetworkPolicy": name, "spec": {"tier": "Admin", "subject": {"namespaces": {}}, "ingress": [rule]}}
    )


@pytest.mark.parametrize("actions", [("Accept", "Deny"), ("Deny", "Accept")])
def test_what_one_order_of_contradicting_policies_allows_is_in_the_set_and_in_doubt(actions: tuple[str, str]) -> None:
    every = granted(cluster(*PODS, wide("c", actions[0]), wide("d", actions[1])))

    known = granted(every.origins[0].snapshot, [UPSTREAM])

    assert every.count() == known.count() == 4
    assert doubtful(every).count() == doubtful(known).count() == 2  # the Internet is no namespace


def test_where_enforcement_is_in_doubt_so_is_what_policies_deny() -> None:
    every = granted(cluster(*PODS, policy("a/p", "{}"), agent("aws-node", "aws-node", "aws-eks-nodeagent")))
    found = doubtful(every)

    assert every.count() == 9  # the agent is a workload too
    assert found.count() == 3
    assert {str(d) for d in every.relation.places if found.ports(None, d)} == {"Pod a/x"}


def test_plugins_that_read_alike_leave_no_doubt() -> None:
    every = granted(cluster(*PODS, BLOCK), [UPSTREAM, CALICO])

    assert doubtful(every).count() == 0


@pytest.mark.parametrize("seed", range(40))
def test_decide_has_no_doubt_about_the_rest(seed: int) -> None:
    every = granted(cluster(*dice.cluster(seed)))
    found, random = doubtful(every), Random(seed)
    hosts = {e.source.ref for e in every.origins[0].reach.endpoints if e.host_network}
    refs = sorted(set(every.relation.places) - hosts)
    for _ in range(40) if len(refs) > 1 else ():
        source, destination = random.sample(refs, 2)
        at = point(random.choice(PROTOCOLS), random.choice(dice.PORTS))
        access = Connection(source, destination, PROTOCOLS[at // SPAN], at % SPAN)
        answer = every.decide(access).answer
        assert (answer is Answer.UNKNOWN) == (access in found)
