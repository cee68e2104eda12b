"""Paths over the network as a person reads them: what a policy takes away, what it leaves, and what to change."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.paths.cluster import Plain, account, cluster, granted, named, namespace, pod, rule
from tests.paths.edited import edited
from tests.paths.steps import STEPS

from mistrust.catalog.load import steps
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.index import rbac
from mistrust.layers.network.profile import CALICO, UPSTREAM, Profile
from mistrust.paths.attack import ANY_POD, CLUSTER_ADMIN, INTERNET, attack
from mistrust.paths.costs import Costs
from mistrust.paths.network import network_of
from mistrust.paths.path import Foothold, Paths
from mistrust.paths.step import Gain

EVERYTHING = rule("*", "*", "*")
WEB = Foothold("pod", "Pod shop/web")
FLANNEL = Profile("flannel", enforces=False)
NETWORKING = "networking.k8s.io/v1"


def program(name: str, account: str = "default", port: int = 0, *, host: bool = False, node: str = "n1") -> Plain:
    """A pod `app=NAME` that answers at a port."""
    space, _, own = name.partition("/")
    found = pod(space, own, account, node=node)
    found["metadata"]["labels"] = {"app": own}  # type: ignore[index]
    found["spec"]["hostNetwork"] = host  # type: ignore[index]
    if port:
        found["spec"]["containers"][0]["ports"] = [{"containerPort": port}]  # type: ignore[index]
    return found


def policy(name: str, **spec: object) -> Plain:
    space, _, own = name.partition("/")
    return named("NetworkPolicy", own, space, NETWORKING, spec={"podSelector": {}, **spec})


SHOP: list[Plain] = [
    namespace("shop", "restricted"),
    namespace("ops", "restricted"),
    account("ops", "operator"),
    program("shop/web", port=8080),
    program("ops/operator", "operator", 9090),
    named(
        "Service", "web", "shop", spec={"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 8080}]}
    ),
    *granted("ops/operator", EVERYTHING),
]
"""Whoever gets to the operator has the cluster; the web shop faces the Internet and has nothing itself."""
QUIET = [o for o in SHOP if "Role" not in str(o["kind"])]


def instead(operator: Plain) -> list[Plain]:
    """The shop with another operator."""
    return [operator if str(o["kind"]) == "Pod" and o["metadata"]["name"] == "operator" else o for o in SHOP]  # type: ignore[index]


def inner(**spec: object) -> Plain:
    """A Service of the operator."""
    chosen = {"selector": {"app": "operator"}, "ports": [{"port": 9090}], **spec}
    return named("Service", "operator", "ops", spec=chosen)


def found(
    *more: Plain,
    start: Foothold = INTERNET,
    target: Foothold = CLUSTER_ADMIN,
    profile: Profile = UPSTREAM,
    protected: Sequence[Ref] = (),
    base: list[Plain] = SHOP,
) -> Paths:
    snapshot = cluster(*base, *more)
    net = network_of(snapshot, profile)
    return attack(snapshot, rbac(snapshot), STEPS, [start], [target], network=net, protected=protected)


def told(paths: Paths) -> list[str]:
    (path,) = paths.paths
    return [f"{hop.source} {hop.how} -> {hop.target}" for hop in path.hops]


# --- from pod to pod -------------------------------------------------------------------------------------------------


def test_from_outside_through_a_neighbour() -> None:
    paths = found()
    assert told(paths) == [
        "internet answers at Service shop/web (LoadBalancer) -> Pod shop/web",
        "Pod shop/web connects to TCP 9090 of Pod ops/operator -> Pod ops/operator",
        "Pod ops/operator holds the token of service account operator -> ServiceAccount ops/operator",
        "ServiceAccount ops/operator Use all rights (* *) -> cluster-admin",
    ]
    hop = paths.paths[0].hops[1]
    assert hop.assumes == "the program that answers there has a flaw that runs code"
    assert [str(e) for e in hop.grants] == ["Pod ops/operator spec.containers[0].ports[0].containerPort 9090"]


def test_without_a_network_nobody_goes_from_pod_to_pod() -> None:
    snapshot = cluster(*SHOP)
    assert attack(snapshot, rbac(snapshot), STEPS, [INTERNET], [CLUSTER_ADMIN]).pairs == 0


EDGE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}


@pytest.mark.parametrize(
    ("policies", "open_"),
    [
        ([policy("ops/deny", ingress=[])], False),
        ([policy("ops/all", ingress=[{}])], True),
        ([policy("ops/all", ingress=[{}]), policy("ops/deny", ingress=[])], True),
        ([policy("ops/own", ingress=[{"from": [{"podSelector": {}}]}])], False),
        ([policy("ops/shop", ingress=[{"from": [EDGE]}])], True),
        ([policy("ops/shop", ingress=[{"from": [EDGE], "ports": [{"port": 443}]}])], False),
        ([policy("shop/out", policyTypes=["Egress"], egress=[])], False),
        ([policy("shop/out", policyTypes=["Egress"], egress=[{"ports": [{"port": 9090}]}])], True),
        ([policy("shop/in", ingress=[])], False),
    ],
    ids=["deny", "allow everything", "policies add up", "own namespace", "the shop", "another port", "no way out",
         "a way out", "no way in from outside"],
)  # fmt: skip
def test_both_sides_and_the_door_have_to_let_it_through(policies: list[Plain], open_: bool) -> None:
    assert bool(found(*policies).pairs) == open_


def test_the_policy_that_lets_it_through_is_named() -> None:
    hop = found(policy("ops/shop", ingress=[{"from": [EDGE]}])).paths[0].hops[1]
    assert "NetworkPolicy ops/shop spec.ingress[0]" in [str(e) for e in hop.grants]


def test_a_plugin_that_enforces_nothing_leaves_everything_open() -> None:
    deny = policy("ops/deny", ingress=[])
    assert (found(deny, profile=CALICO).pairs, found(deny, profile=FLANNEL).pairs) == (0, 1)


def test_where_nothing_is_known_to_answer_there_is_nothing_to_attack() -> None:
    silent = instead(program("ops/operator", "operator"))
    assert found(base=silent).pairs == 0
    assert found(inner(), base=silent).pairs == 1, "a Service says that it answers"


def test_a_node_and_its_own_pods_are_not_kept_apart() -> None:
    deny = policy("ops/deny", ingress=[])
    agent, start = program("shop/agent", host=True), Foothold("pod", "Pod shop/agent")
    assert found(deny, agent, start=start).pairs == 1
    assert found(deny, program("shop/agent", host=True, node="n2"), start=start).pairs == 0


def test_any_pod_stands_for_itself() -> None:
    """Who starts everywhere need not go anywhere: only those count that have a way of their own."""
    assert [str(p.start) for p in found(start=ANY_POD).paths] == ["Pod ops/operator"]
    assert found(start=WEB).pairs == 1


# --- from pod to what every pod asks ---------------------------------------------------------------------------------

SUBSET = {"addresses": [{"ip": "192.168.0.9"}], "ports": [{"port": 6443}]}
API = [named("Endpoints", "kubernetes", "default", subsets=[SUBSET])]
OPERATOR = Foothold("pod", "Pod ops/operator")


def egress(*rules: Plain) -> Plain:
    return policy("ops/out", policyTypes=["Egress"], egress=list(rules))


def to(cidr: str, *ports: int) -> Plain:
    return {"to": [{"ipBlock": {"cidr": cidr}}], **({"ports": [{"port": p} for p in ports]} if ports else {})}


@pytest.mark.parametrize(
    ("rules", "known", "useful"),
    [
        ([], True, False),
        ([to("192.168.0.9/32")], True, True),
        ([to("192.168.0.9/32", 6443)], True, True),
        ([to("192.168.0.9/32", 443)], True, False),
        ([to("192.168.0.8/32")], True, False),
        ([{"ports": [{"port": 53, "protocol": "UDP"}]}], True, False),
        ([to("192.168.0.8/32", 6443)], False, True),
        ([to("192.168.0.8/32", 53)], False, False),
    ],
    ids=["nothing", "its address", "its port", "another port", "another address", "DNS", "perhaps it", "surely not it"],
)
def test_a_token_is_used_where_the_api_server_can_be_reached(rules: list[Plain], known: bool, useful: bool) -> None:
    paths = found(egress(*rules), *(API if known else []), start=OPERATOR)
    assert bool(paths.pairs) == useful
    assert any("token is carried off" in u for u in paths.unknown) == (not useful)


def test_a_token_that_leads_nowhere_is_not_worth_carrying_off() -> None:
    assert found(egress(), *API, start=OPERATOR, base=QUIET).unknown == ()


def test_a_kubelet_takes_the_token_that_policies_keep_from_the_api_server() -> None:
    """A pod always gets to its own node, and the kubelet there runs commands in every pod of it."""
    node = named("Node", "n1", status={"addresses": [{"type": "InternalIP", "address": "192.168.0.1"}]})
    monitor = [account("ops", "monitor"), program("ops/monitor", "monitor")]
    rights = granted("ops/monitor", rule("get", "nodes/proxy"))

    def path(*more: Plain) -> list[str]:
        snapshot = cluster(*SHOP, node, *monitor, *rights, *API, *more)
        net = network_of(snapshot)
        wanted = [s for s in steps() if s.id.startswith("kubelet-exec")]
        start, target = Foothold("pod", "Pod ops/monitor"), Foothold("pod", "Pod shop/web")
        (found,) = attack(snapshot, rbac(snapshot), wanted, [start], [target], network=net).paths
        return [hop.step for hop in found.hops]

    shut = policy("shop/shut", ingress=[])
    out = policy("ops/out", policyTypes=["Egress"], podSelector={"matchLabels": {"app": "monitor"}}, egress=[])
    assert path(shut) == ["", "kubelet-exec"]
    assert path(shut, out) == ["kubelet-exec-from-pod"]


def test_the_metadata_service_is_asked_where_policies_let_the_pod() -> None:
    wanted = [s for s in steps() if s.id == "node-metadata"]
    target = Foothold(str(Gain.CLOUD), "")

    def pairs(*more: Plain) -> int:
        snapshot = cluster(*SHOP, *more)
        net = network_of(snapshot)
        return attack(snapshot, rbac(snapshot), wanted, [ANY_POD], [target], network=net).pairs

    assert pairs() == 2
    assert pairs(egress(to("0.0.0.0/0"))) == 2
    assert pairs(egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]})) == 1
    assert pairs(egress(to("10.0.0.0/8"))) == 1


# --- interception ----------------------------------------------------------------------------------------------------


def test_whoever_holds_a_node_reads_what_its_pods_say_in_plaintext() -> None:
    snapshot = cluster(*QUIET, pod("ci", "build", node="n1", privileged=True), program("ops/far", node="n2"))
    names = [str(w.ref) for w in snapshot.workloads]

    def pairs(*plain: str, space: str = "shop") -> int:
        net = replace(network_of(snapshot), plaintext=frozenset(map(names.index, plain)))
        target = Foothold(str(Gain.MITM), space)
        return attack(snapshot, rbac(snapshot), STEPS, [Foothold("pod", "Pod ci/build")], [target], network=net).pairs

    assert pairs("Pod shop/web") == 1
    assert pairs("Pod shop/web", space="ops") == 0
    assert pairs("Pod ops/far", space="ops") == 0, "on another node"
    assert pairs() == 0


# --- what to change --------------------------------------------------------------------------------------------------

KEPT = tuple(
    Ref(group, kind, space, name)
    for group, kind, space, name in (
        ("rbac.authorization.k8s.io", "ClusterRole", "", "ops-operator"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding", "", "ops-operator"),
    )
)
"""Where the operator's rights may not be touched."""


def test_a_new_policy_is_dearer_than_a_narrower_role() -> None:
    (change,) = found().fixes.changes
    assert change.kind in ("rule", "binding", "subject", "token")


def test_where_rights_are_needed_a_new_policy_keeps_neighbours_out() -> None:
    token = Ref("", "Pod", "ops", "operator")
    snapshot = cluster(*SHOP)
    assert found(protected=(*KEPT, token)).fixes.remaining == 1, "a protected workload gets no policy either"
    net, index = network_of(snapshot), rbac(snapshot)
    costs = Costs(token=20.0)
    fixes = attack(snapshot, index, STEPS, [INTERNET], [CLUSTER_ADMIN], network=net, protected=KEPT, costs=costs).fixes
    (change,) = fixes.changes
    assert (change.kind, change.cuts, fixes.remaining) == ("network", 1, 0)
    assert change.title == "NetworkPolicy for Pod ops/operator: let in only who needs it"
    assert change.note == "needs owner: find out first who uses it, and let them in"
    (edit,) = change.edits
    assert (edit.op, edit.path, str(edit.ref)) == ("add", (), "NetworkPolicy ops/operator-clients")
    assert edit.value == (
        '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",'
        '"metadata":{"name":"operator-clients","namespace":"ops"},'
        '"spec":{"podSelector":{"matchLabels":{"app":"operator"}},"policyTypes":["Ingress"]}}'
    )
    assert found(base=edited(SHOP, [edit])).pairs == 0


def offers(*more: Plain, profile: Profile = UPSTREAM, base: list[Plain] = SHOP) -> bool:
    """Is a policy for the operator one of the changes, where it is by far the cheapest?"""
    snapshot: Snapshot = cluster(*base, *more)
    net = network_of(snapshot, profile)
    paths = attack(
        snapshot, rbac(snapshot), STEPS, [WEB], [CLUSTER_ADMIN], network=net, costs=Costs(network=0.01)
    )  # fmt: skip
    assert paths.pairs
    return any(c.kind == "network" for c in paths.fixes.changes)


def test_a_policy_is_offered_only_where_it_would_help_and_shut_nothing() -> None:
    assert offers()
    assert not offers(policy("ops/all", ingress=[{}])), "another policy lets in who it would keep out"
    assert not offers(profile=FLANNEL), "nobody would enforce it"
    assert not offers(inner(type="NodePort")), "it would shut a door that is meant to be open"
    first = {"priority": 1, "subject": {"namespaces": {}}}
    admin = named("AdminNetworkPolicy", "first", api="policy.networking.k8s.io/v1alpha1", spec=first)
    assert not offers(admin), "an administrator's policy comes before it"
    host = instead(program("ops/operator", "operator", 9090, host=True))
    assert not offers(base=host), "no policy is asked about a node's own network"


def test_what_hangs_on_something_unknown_is_said() -> None:
    """Of manifests nobody knows the addresses."""
    out = policy("shop/out", policyTypes=["Egress"], egress=[to("10.0.0.0/8")])
    hop = found(out).paths[0].hops[1]
    assert hop.how == (
        "connects to TCP 9090 of Pod ops/operator, if policies let it: "
        "Pod ops/operator has no address yet, so whether it is in 10.0.0.0/8 is not known"
    )
