"""What is said once for the whole cluster, and what stays with the workloads."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import yaml
from tests.layers.network.scene import Plain, cluster, made, node, policy
from tests.layers.network.synthesizing import DNS, SHOP, USED, after, deployment, seen, told

from mistrust.access.change import Tightened
from mistrust.kube.network import ClusterNetworkPolicy, NetworkPolicy
from mistrust.kube.problem import Origin
from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.least.wide import OUTSIDE
from mistrust.layers.network.synthesize import synthesize
from mistrust.report.manifests import manifest
from mistrust.trust.prove import prove


def tighten(world: Sequence[Plain], *flows: str) -> tuple[Tightened, dict[str, list[str]], dict[str, Plain]]:
    """What is found; then, of what is in force afterwards, NetworkPolicies in words and ClusterNetworkPolicies."""
    given = cluster(*world)
    usage = seen(given, *flows)
    found = synthesize(given, usage, form="cluster")
    new = after(given, found)
    proof = prove(granted(given), granted(new), ((c,) for c in usage.seen))
    assert proof.holds, (proof.lost, proof.gain)
    network = {f"{p.namespace}/{p.name}": told(p) for p in new.of(NetworkPolicy)}
    return found, network, {p.name: msgspec.to_builtins(p.spec) for p in new.of(ClusterNetworkPolicy)}


HERE = {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}


def test_names_and_the_denial_for_pods_to_come_are_said_once() -> None:
    found, network, wide = tighten(SHOP, USED)

    assert network == {
        "shop/web": ["app=web", "egress app=db TCP 5432"],
        "shop/db": ["app=db", "ingress app=web TCP 5432"],
    }
    assert wide.keys() == {"allow-dns", "default-deny"}
    assert wide["allow-dns"]["tier"] == "Admin"
    assert wide["allow-dns"]["subject"] == wide["default-deny"]["subject"] == {"namespaces": HERE}
    assert wide["default-deny"]["tier"] == "Baseline"
    assert OUTSIDE in found.remarks


def test_in_a_namespace_where_a_pod_may_not_ask_for_names_the_workloads_say_so_themselves() -> None:
    shut = policy("shop/no-names", "{podSelector: {matchLabels: {app: odd}}, policyTypes: [Egress]}")
    odd = deployment("shop/odd", "app=odd", "TCP/80")
    _, network, wide = tighten([*SHOP, odd, shut], USED, "shop/web -> shop/odd TCP/80")

    assert DNS in network["shop/web"]
    assert "allow-dns" not in wide


def test_where_pods_to_come_are_limited_already_they_stay_so() -> None:
    """The Baseline tier is not asked about a pod that a NetworkPolicy isolates, and can deny less."""
    found, network, wide = tighten([*SHOP, policy("shop/all", "{ingress: [{}]}")], USED)

    assert network["shop/default-deny"] == [""]
    assert "default-deny" not in wide
    assert OUTSIDE not in found.remarks


def test_a_tier_with_policies_of_others_is_left_to_them() -> None:
    passing = {"action": "Pass", "from": [{"namespaces": {}}]}
    spec = {"tier": "Admin", "priority": 5, "subject": {"namespaces": {}}, "ingress": [passing]}
    theirs = made({"ClusterNetworkPolicy": "theirs", "spec": spec})
    _, network, wide = tighten([*SHOP, theirs], USED)

    assert DNS in network["shop/web"]
    assert wide.keys() == {"theirs", "default-deny"}


def test_a_policy_of_the_same_name_that_says_something_else_is_somebody_elses() -> None:
    to = {"action": "Accept", "to": [{"networks": ["10.0.0.0/8"]}]}
    spec = {"tier": "Admin", "priority": 100, "subject": {"namespaces": {}}, "egress": [to]}
    found, network, wide = tighten([*SHOP, made({"ClusterNetworkPolicy": "allow-dns", "spec": spec})], USED)

    assert DNS in network["shop/web"]
    assert wide["allow-dns"]["subject"] == {"namespaces": {}}
    assert "allow-dns" not in str(found.changes)


def test_a_namespace_more_changes_the_policies_and_adds_none() -> None:
    given = cluster(*SHOP)
    first = after(given, synthesize(given, seen(given, USED), form="cluster"))
    grown = snapshot([*first.objects, *cluster(deployment("pay/api", "app=api", "TCP/80")).objects])
    found = synthesize(grown, seen(grown, USED, "shop/web -> pay/api TCP/80"), form="cluster")

    assert [str(c) for c in found.changes if "ClusterNetworkPolicy" in str(c)] == [
        "change ClusterNetworkPolicy allow-dns: pods may ask for names, as they all may now",
        "change ClusterNetworkPolicy default-deny: what comes later has to get a policy of its own",
    ]


def test_nothing_is_written_for_a_plugin_that_reads_no_such_kind() -> None:
    k3s = node("n1", "192.168.0.1", version="v1.30.1+k3s1")
    found, _, wide = tighten([*SHOP, k3s], USED)
    assert (found.changes, wide) == ((), {})
    assert found.remarks == ("the network plugin that runs reads no ClusterNetworkPolicy: nothing is written",)


def test_what_is_written_is_what_is_read_back() -> None:
    found, _, _ = tighten(SHOP, USED)
    for o in (o for c in found.changes for o in c.new):
        back, problems = read(yaml.safe_dump(manifest(o)).encode(), "x.yaml")
        assert ([msgspec.structs.replace(x, origin=Origin()) for x in back], problems) == ([o], [])
