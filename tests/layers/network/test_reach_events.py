"""What `Reach` answers besides ports, and what it shares when one pod or policy comes or goes."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from tests.layers.network.reached import ALL, NONE, PLACES, PODS, Reached, shop
from tests.layers.network.scene import Plain, cluster, made, pod, policy

from mistrust.kube.endpoints import endpoints
from mistrust.kube.network import NetworkPolicy
from mistrust.layers.network.engine.bits import Classes
from mistrust.layers.network.engine.reach import Reach, Ties


def rows(network: Reach) -> list[object]:
    return [network.row(c) for c in range(network.classes + len(network.blocks))]


def changed(before: Reach, after: Reach) -> set[str]:
    """The pods with a row of their own now."""
    old = {id(row) for row in rows(before)}
    return {
        after.endpoints[i].name for c in range(after.classes) if id(after.row(c)) not in old for i in after.members(c)
    }


def read(plain: Plain) -> NetworkPolicy:
    return msgspec.convert(plain, NetworkPolicy)


RULES = (
    policy("shop/db", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}"),
    policy("pay/all", "{policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: 5432}]}]}"),
)


def test_pods_that_policies_treat_alike_are_one_class() -> None:
    twins = [
        pod(f"shop/web{i}", f"app=web tier=front pod-template-hash={i}", "", f"10.0.0.{20 + i}") for i in range(50)
    ]
    world = Reached(*PLACES, *PODS, *twins, *RULES)
    classes = {world.reach.class_of[i] for i, e in enumerate(world.reach.endpoints) if e.name.startswith("web")}
    assert len(classes) == 1
    (c,) = classes
    assert len(world.reach.members(c)) == 52, "and the pod of the API: no policy asks what tells them apart"
    assert world.reach.members(world.reach.classes) == ()
    assert sum(len(world.reach.members(c)) for c in range(world.reach.classes)) == len(world.reach.endpoints)


def test_blocks_are_the_addresses_that_policies_treat_alike() -> None:
    world = shop(policy("shop/in", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}"))
    network = world.reach
    size = sum(high - low for b in network.blocks for low, high in b.ranges if not b.v6)
    assert size == 1 << 32
    assert sum(high - low for b in network.blocks for low, high in b.ranges if b.v6) == 1 << 128
    assert network.block_of("10.1.2.3") == network.block_of("8.8.8.8") != network.block_of("10.2.0.0")
    assert "10.2.0.0" in network.blocks[network.block_of("10.2.0.0") - network.classes]
    with pytest.raises(ValueError, match="no IP address"):
        network.block_of("example.org")


def test_parts_are_disjoint_and_in_order_and_rows_are_shared() -> None:
    network = shop(*RULES).reach
    for c in range(network.classes + len(network.blocks)):
        parts = network.row(c)
        assert [p.ports.ranges for p in parts] == sorted(p.ports.ranges for p in parts)
        assert sum(p.ports.count() for p in parts) == len({n for p in parts for n in p.ports})
    named = {e.name: network.row(network.class_of[i]) for i, e in enumerate(network.endpoints)}
    assert named["web"] is named["api"]
    assert named["web"] != named["db"]


def test_isolation_of_a_class() -> None:
    network = shop(*RULES).reach
    named = {e.name: network.class_of[i] for i, e in enumerate(network.endpoints)}
    told = {name: network.isolated(c) for name, c in named.items()}
    free = (False, False)
    assert told == {"web": free, "api": free, "db": (True, False), "job": (False, True), "agent": free}


def test_sets_of_classes() -> None:
    a, b = Classes.of([1, 5, 9]), Classes.of([5, 7])
    assert (list(a & b), list(a | b), list(a - b)) == ([5], [1, 5, 7, 9], [1, 9])
    assert (len(a), 5 in a, 4 in a, -1 in a, bool(a - a)) == (3, True, False, False, False)
    assert len({a, Classes.of([9, 5, 1]), b}) == 2


def test_a_pod_of_a_class_that_exists_changes_no_row() -> None:
    network = shop(*RULES, spare=2).reach
    rows(network)
    (twin,) = endpoints(cluster(pod("shop/web2", "app=web tier=front", "http=TCP/8080 dns=UDP/53", "10.0.0.7", "n2")))
    more = network.with_pod(twin)
    assert rows(network) == rows(more)
    assert changed(network, more) == set()
    assert more.class_of[-1] == more.class_of[0]
    assert rows(more.without_pod(0)) == rows(more)


def test_a_policy_about_what_comes_in_changes_the_rows_of_its_pods() -> None:
    network = shop(*RULES, spare=2).reach
    rows(network)
    rule = read(policy("shop/web", "{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 8080}]}]}"))
    more = network.with_policy(rule)
    assert changed(network, more) == {"web"}
    assert changed(more, more.without_policy(rule)) == {"web"}


def test_a_policy_about_what_goes_out_changes_the_rows_that_have_its_pods_as_sources() -> None:
    network = shop(*RULES, policy("shop/api", "{podSelector: {matchLabels: {app: api}}}"), spare=2).reach
    rows(network)
    rule = read(policy("shop/web", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}"))
    assert changed(network, network.with_policy(rule)) == {"web", "db", "job"}, (
        "api lets nobody in, the agent is a node"
    )


def test_without_spare_ids_an_event_that_asks_nothing_new_shares_as_well() -> None:
    network = shop(*RULES).reach
    rows(network)
    rule = read(policy("shop/db2", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}"))
    more = network.with_policy(rule)
    assert changed(network, more) == {"db"}
    assert changed(more, more.without_policy(rule)) == {"db"}
    new = network.with_policy(read(policy("shop/new", "{podSelector: {matchLabels: {app: web}}, ingress: []}")))
    rows(new)
    assert changed(new, new.with_policy(rule)) == {"db"}


def test_what_was_before_stays_as_it_was() -> None:
    world = shop(*RULES, spare=2)
    before = rows(world.reach)
    rule = read(policy("shop/web", "{policyTypes: [Ingress, Egress]}"))
    after = world.reach.with_policy(rule)
    assert before == rows(world.reach)
    assert rows(after) != before
    assert rows(after.without_policy(rule)) == before


def test_a_policy_that_is_not_there_cannot_go() -> None:
    with pytest.raises(ValueError):
        shop(spare=1).reach.without_policy(read(policy("shop/none", "{}")))


def test_more_classes_than_were_spared_start_afresh() -> None:
    world = shop(*RULES, spare=1)
    network = world.reach
    for i in range(3):
        (new,) = endpoints(cluster(pod(f"shop/new{i}", f"app=new{i}", "", f"10.0.3.{i}", "n2")))
        network = network.with_pod(new)
    db = next(i for i, e in enumerate(network.endpoints) if e.name == "db")
    last = len(network.endpoints) - 1
    assert str(network.between(last, db)) == ALL
    assert str(network.between(last, db)) != NONE


def wide(name: str, priority: int, spec: str) -> Plain:
    return made({"ClusterNetworkPolicy": name, "spec": {"priority": priority, **yaml.safe_load(spec)}})


ALL_PODS = "subject: {namespaces: {}}"
OUT = "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]"
COMING = {
    "a first policy about what goes out": ([], policy("shop/out", f"{{{OUT}}}")),
    "one more for a pod that is limited already": (
        [policy("shop/none", f"{{{OUT}}}")],
        policy("shop/out", f"{{{OUT}, egress: [{{to: [{{podSelector: {{}}}}], ports: [{{port: 5432}}]}}]}}"),
    ),
    "one that opens to addresses": (
        [policy("shop/none", f"{{{OUT}}}")],
        policy("shop/out", f"{{{OUT}, egress: [{{to: [{{ipBlock: {{cidr: 203.0.113.0/24}}}}]}}]}}"),
    ),
    "one that cuts addresses that another names": (
        [
            policy(
                "shop/none", f"{{{OUT}, egress: [{{to: [{{ipBlock: {{cidr: 0.0.0.0/0}}}}], ports: [{{port: 443}}]}}]}}"
            )
        ],
        policy("pay/out", "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}"),
    ),
    "one that cuts the addresses of pods": (
        [policy("shop/none", f"{{{OUT}}}")],
        policy("shop/out", f"{{{OUT}, egress: [{{to: [{{ipBlock: {{cidr: 10.0.0.0/24}}}}]}}]}}"),
    ),
    "one with a port that nobody named before": (
        [policy("shop/none", f"{{{OUT}}}")],
        policy("shop/out", f"{{{OUT}, egress: [{{ports: [{{port: 4000, endPort: 4002}}]}}]}}"),
    ),
    "one under a policy for the whole cluster": (
        [wide("w", 5, f"{{tier: Baseline, {ALL_PODS}, egress: [{{action: Deny, to: [{{namespaces: {{}}}}]}}]}}")],
        policy("shop/out", f"{{{OUT}, egress: [{{ports: [{{port: 80}}]}}]}}"),
    ),
    "one for the whole cluster, about what comes in": (
        [policy("shop/open", "{ingress: [{}]}")],
        wide("w", 5, f"{{tier: Admin, {ALL_PODS}, ingress: [{{action: Deny, from: [{{namespaces: {{}}}}]}}]}}"),
    ),
    "one for the whole cluster, about what goes out": (
        [policy("shop/none", f"{{{OUT}}}")],
        wide("w", 5, f"{{tier: Admin, {ALL_PODS}, egress: [{{action: Accept, to: [{{networks: [10.0.0.0/8]}}]}}]}}"),
    ),
    "one that is asked before another": (
        [wide("z", 5, f"{{tier: Admin, {ALL_PODS}, egress: [{{action: Deny, to: [{{namespaces: {{}}}}]}}]}}")],
        wide("w", 4, f"{{tier: Admin, {ALL_PODS}, egress: [{{action: Accept, to: [{{namespaces: {{}}}}]}}]}}"),
    ),
    "one that ties with another": (
        [wide("m", 5, f"{{tier: Admin, {ALL_PODS}, ingress: [{{action: Deny, from: [{{namespaces: {{}}}}]}}]}}")],
        wide("a", 5, f"{{tier: Admin, {ALL_PODS}, ingress: [{{action: Accept, from: [{{namespaces: {{}}}}]}}]}}"),
    ),
}


@pytest.mark.parametrize("ties", ["forward", "backward"])
@pytest.mark.parametrize("was_read", [True, False])
@pytest.mark.parametrize(("given", "new"), COMING.values(), ids=COMING)
def test_a_policy_comes_and_goes(given: list[Plain], new: Plain, was_read: bool, ties: Ties) -> None:
    before, fresh = shop(*given, ties=ties, spare=2), shop(*given, new, ties=ties)
    if was_read:
        rows(before.reach)
    (read_new,) = (p for p in (*fresh.policies.network, *fresh.policies.cluster) if p.name == new["metadata"]["name"])
    after = before.reach.with_policy(read_new)
    assert answers(after) == answers(fresh.reach)
    assert answers(after) != answers(before.reach) or ties == "backward"
    assert answers(after.without_policy(read_new)) == answers(before.reach)


NEWCOMER = pod("shop/new", "app=new", "http=TCP/8088", "10.0.0.50", "n2")
IT = "{matchLabels: {app: new}}"
IT_ANYWHERE = f"{{pods: {{namespaceSelector: {{}}, podSelector: {IT}}}}}"
UNDER = {
    "a policy that selects it": [policy("shop/new", f"{{podSelector: {IT}, egress: [{{ports: [{{port: http}}]}}]}}")],
    "policies that name it": [
        policy("shop/db", f"{{ingress: [{{from: [{{podSelector: {IT}}}], ports: [{{port: 1}}]}}]}}"),
        policy("pay/all", f"{{egress: [{{to: [{{namespaceSelector: {{}}, podSelector: {IT}}}]}}]}}"),
    ],
    "policies that name its address": [
        policy("shop/db", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.32/27}}, {ipBlock: {cidr: 11.0.0.0/8}}]}]}"),
        policy("pay/all", "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/24}}]}]}"),
    ],
    "one for the whole cluster that denies it": [
        wide("w", 5, f"{{tier: Admin, {ALL_PODS}, ingress: [{{action: Deny, from: [{IT_ANYWHERE}]}}]}}"),
    ],
    "one for the whole cluster that is about it": [
        wide(
            "w", 5, f"{{tier: Admin, subject: {IT_ANYWHERE}, egress: [{{action: Deny, to: [{{namespaces: {{}}}}]}}]}}"
        ),
    ],
}


@pytest.mark.parametrize("was_read", [True, False])
@pytest.mark.parametrize("given", UNDER.values(), ids=UNDER)
def test_a_pod_of_a_new_class_comes(given: list[Plain], was_read: bool) -> None:
    before, fresh = shop(*given, spare=2), Reached(*PLACES, *PODS, NEWCOMER, *given)
    if was_read:
        rows(before.reach)
    (new,) = endpoints(cluster(NEWCOMER))
    after = before.reach.with_pod(new)
    assert answers(after) == answers(fresh.reach)
    assert answers(after.without_pod(len(after.endpoints) - 1)) == answers(before.reach)
    assert ALL in answers(fresh.reach).values()
    assert len({v for k, v in answers(fresh.reach).items() if "new" in k}) > 1


def answers(network: Reach) -> dict[str, str]:
    outside = {a: network.block_of(a) for a in ("10.0.0.77", "203.0.113.7", "8.8.8.8", "fd00::1")}
    inside = {e.name: network.class_of[i] for i, e in enumerate(network.endpoints)}
    ends = {**inside, **outside}
    return {f"{a} -> {b}": str(network.ports(ends[a], ends[b])) for a in ends for b in ends if {a, b} & inside.keys()}
