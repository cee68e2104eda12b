"""What plugins do differently, what shares a node, and what nobody can know."""

from __future__ import annotations

import pytest
from tests.layers.network.reached import ALL, NONE, PLACES, PODS, Reached, shop
from tests.layers.network.scene import pod, policy

from mistrust.layers.network.profile import CALICO, CILIUM, NP_GUARD, OVN, UPSTREAM, Profile

WEB = "podSelector: {matchLabels: {app: web}}"
BLOCK = policy("shop/out", f"{{{WEB}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{cidr: 0.0.0.0/0}}}}]}}]}}")
SHUT = policy("shop/shut", "{policyTypes: [Ingress, Egress]}")

READINGS = {
    UPSTREAM: {"shop/web -> pay/job": ALL, "shop/web -> pay/far": ALL, "shop/web -> 8.8.8.8": ALL},
    CALICO: {"shop/web -> pay/job": ALL, "shop/web -> pay/far": ALL, "shop/web -> 8.8.8.8": ALL},
    OVN: {"shop/web -> pay/job": ALL, "shop/web -> pay/far": ALL, "shop/web -> 8.8.8.8": ALL},
    CILIUM: {"shop/web -> pay/job": NONE, "shop/web -> pay/far": NONE, "shop/web -> 8.8.8.8": ALL},
    NP_GUARD: {"shop/web -> pay/job": NONE, "shop/web -> pay/far": NONE, "shop/web -> 8.8.8.8": ALL},
}
"""`pay/far` is on the network of a node that is not web's."""


@pytest.mark.parametrize(("profile", "wanted"), READINGS.items(), ids=[p.name for p in READINGS])
def test_whom_a_block_matches(profile: Profile, wanted: dict[str, str]) -> None:
    far = pod("pay/far", "app=far", "", "192.168.0.2", "n2", host=True)
    world = Reached(*PLACES, *PODS, far, BLOCK, profile=profile)
    assert {q: world.ports(q) for q in wanted} == wanted


def test_a_plugin_that_enforces_nothing_leaves_everything_open() -> None:
    world = shop(SHUT, profile=Profile("flannel", enforces=False))
    assert world.ports("pay/job -> shop/db") == ALL
    assert world.unsure("pay/job -> shop/db") == NONE


HOSTS = {
    "pay/agent -> shop/web": ALL,
    "pay/agent -> shop/db": NONE,
    "shop/web -> pay/agent": ALL,
    "shop/db -> pay/agent": NONE,
}
"""The agent is the node n1, as is web's node; db is on n2. Traffic of a node with its own pods is always allowed."""


@pytest.mark.parametrize(("question", "wanted"), HOSTS.items())
def test_a_node_and_its_own_pods_always_reach_each_other(question: str, wanted: str) -> None:
    world = shop(SHUT)
    assert world.ports(question) == wanted
    a, b = world._ends(question)
    assert str(world.reach.ports(a, b)) == world.unsure(question) == ALL, "of a class that is not known"


def test_nodes_are_sources() -> None:
    world = shop(SHUT)
    names = {f"{e.namespace}/{e.name}": i for i, e in enumerate(world.reach.endpoints)}
    assert str(world.reach.from_node("n1", names["shop/web"])) == ALL
    assert str(world.reach.from_node("n2", names["shop/web"])) == NONE
    assert str(world.reach.from_node("n2", names["pay/job"])) == ALL
    with pytest.raises(KeyError):
        world.reach.from_node("n3", 0)


def test_a_pod_that_is_the_node_is_selected_by_nothing_unless_the_plugin_takes_it_for_a_pod() -> None:
    rule = policy("pay/agent", "{podSelector: {matchLabels: {app: agent}}}")
    assert shop(rule).ports("shop/db -> pay/agent") == ALL
    assert shop(rule, profile=NP_GUARD).ports("shop/db -> pay/agent") == NONE


PROMISED = pod("shop/later", "app=later", "", "")
"""A pod without an address yet."""
ADDRESSLESS = {
    "{cidr: 10.0.0.0/8}": (ALL, ALL),
    "{cidr: 0.0.0.0/0}": (ALL, NONE),
    "{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}": (ALL, ALL),
    "{cidr: '::/0'}": (ALL, ALL),
}
"""A block, what may be open, and what of it may be denied."""


@pytest.mark.parametrize(("block", "wanted"), ADDRESSLESS.items())
def test_whether_a_block_holds_an_address_to_come_is_unknown(block: str, wanted: tuple[str, str]) -> None:
    rule = policy("pay/out", f"{{policyTypes: [Egress], egress: [{{to: [{{ipBlock: {block}}}]}}]}}")
    world = Reached(*PLACES, *PODS, PROMISED, rule)
    question = "pay/job -> shop/later"
    assert (world.ports(question), world.unsure(question)) == wanted
    assert Reached(*PLACES, *PODS, PROMISED, rule, profile=CILIUM).ports(question) == NONE


FAMILIES = {
    "[{ipBlock: {cidr: 10.0.0.0/8}}]": (ALL, ALL),
    "[{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]": (ALL, NONE),
    "[{ipBlock: {cidr: 10.0.0.0/24}}, {ipBlock: {cidr: 'fd00::/64'}}]": (ALL, NONE),
    "[{ipBlock: {cidr: 8.0.0.0/8}}]": (NONE, NONE),
}
"""The blocks of one rule, what may be open, and what of it may be denied."""


@pytest.mark.parametrize(("blocks", "wanted"), FAMILIES.items())
def test_which_of_its_addresses_a_pod_uses_is_unknown(blocks: str, wanted: tuple[str, str]) -> None:
    both = pod("shop/dual", "app=dual", "", "10.0.0.9 fd00::9")
    world = Reached(*PLACES, *PODS, both, policy("pay/out", f"{{policyTypes: [Egress], egress: [{{to: {blocks}}}]}}"))
    question = "pay/job -> shop/dual"
    assert (world.ports(question), world.unsure(question)) == wanted
