"""The connections of a snapshot, and the forms they are written in."""

from __future__ import annotations

import csv
import io
import json
from itertools import product

import pytest

from mistrust.access.ports import EVERY_PORT, NO_PORT, Ports
from mistrust.kube.core import Namespace, Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.profile import CILIUM, NP_GUARD, UPSTREAM, Profile
from mistrust.layers.network.statements.policies import policies
from mistrust.report.connections.diff import Kind, compare
from mistrust.report.connections.diff_formats import render as render_changes
from mistrust.report.connections.focus import Focus, focused
from mistrust.report.connections.formats import render
from mistrust.report.connections.listed import ANY_ADDRESS, Connections
from mistrust.report.connections.npguard import as_np_guard_reads
from mistrust.report.connections.of import connections_of
from tests.layers.network.dice import cluster
from tests.layers.network.scene import Plain, made, namespace, pod, policy
from tests.layers.network.scene import cluster as taken

SEEDS = range(60)
PLACES = ("8.8.8.8", "10.0.0.77", "10.9.9.9", "1.1.1.1", "192.168.7.7", "2001:db8::1", "fd00:9::1")

SHOP = (
    namespace("shop"),
    pod("shop/web", "app=web", "http=TCP/8080", "10.0.0.1"),
    pod("shop/db", "app=db", "sql=TCP/5432", "10.0.0.2"),
    policy(
        "shop/db",
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], "
        "ports: [{port: sql}, {port: 53, protocol: UDP}]}]}",
    ),
)


def table(connections: Connections) -> dict[tuple[str, str], Ports]:
    return {(s.text, t.text): ports for s, t, ports in connections.pairs()}


def told(connections: Connections, form: str) -> str:
    return "".join(render(connections, form))


def engine(snapshot: Snapshot, profile: Profile) -> Reach:
    seen = {n.name for n in snapshot.of(Namespace)}
    labels, nodes = namespace_labels(snapshot), snapshot.of(Node)
    return reach(endpoints(snapshot), labels, policies(snapshot), profile, nodes=nodes, seen=seen)


@pytest.mark.parametrize(("profile", "fold"), [(UPSTREAM, True), (UPSTREAM, False), (CILIUM, True)])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_pair_is_what_the_engine_says_of_it(seed: int, profile: Profile, fold: bool) -> None:
    snapshot = taken(*cluster(seed))
    solved = engine(snapshot, profile)
    lines = table(connections_of(snapshot, profile, fold=fold))
    names = [f"{e.namespace}/{e.name}[Pod]" for e in solved.endpoints]
    for (i, a), (j, b) in product(enumerate(names), repeat=2):
        if i != j:
            expected = solved.ports(solved.class_of[i], solved.class_of[j])
            assert lines.get((a, b), NO_PORT) == expected, (a, b)
    for (i, name), place in product(enumerate(names), PLACES):
        block = solved.block_of(place)
        assert outside(lines, place, name, egress=False) == solved.ports(block, solved.class_of[i])
        assert outside(lines, place, name, egress=True) == solved.ports(solved.class_of[i], block)


def outside(lines: dict[tuple[str, str], Ports], place: str, name: str, *, egress: bool) -> Ports:
    """The ports of the one range that holds an address."""
    from mistrust.layers.network.addresses import place as at

    wanted = at(place)
    found = []
    for (source, target), ports in lines.items():
        other, own = (target, source) if egress else (source, target)
        if own == name and other.endswith("[External]"):
            low, _, high = other.removesuffix("[External]").partition("-")
            if other == ANY_ADDRESS.text or (at(low) or 0) <= (wanted or 0) <= (at(high) or 0):
                found.append(ports)
    assert len(found) <= 1
    return found[0] if found else NO_PORT


@pytest.mark.parametrize("seed", SEEDS)
def test_every_form_says_the_same(seed: int) -> None:
    connections = connections_of(taken(*cluster(seed)), UPSTREAM)
    lines = [(s.text, t.text, str(p)) for s, t, p in connections.pairs()]
    assert lines == sorted(lines, key=lambda line: line[:2])

    rows = list(csv.reader(io.StringIO(told(connections, "csv"))))
    assert rows == [["src", "dst", "conn"], *map(list, lines)]
    items = json.loads(told(connections, "json"))
    assert [(i["src"], i["dst"], i["conn"]) for i in items] == lines
    assert told(connections, "txt") == "".join(f"{s} => {t} : {p}\n" for s, t, p in lines)
    assert told(connections, "md").splitlines()[2:] == [f"| {s} | {t} | {p} |" for s, t, p in lines]
    drawn = [line for line in told(connections, "dot").splitlines() if " -> " in line]
    assert sorted(line.partition(" color=")[0] for line in drawn) == sorted(
        f'\t"{s}" -> "{t}" [label="{p}"' for s, t, p in lines
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_np_guard_cuts_ranges_finer_and_means_the_same(seed: int) -> None:
    snapshot = taken(*[o for o in cluster(seed) if o["kind"] != "Node"])
    rules, labels = as_np_guard_reads(policies(snapshot)), namespace_labels(snapshot)
    solved = reach(endpoints(snapshot), labels, rules, NP_GUARD)
    lines = table(connections_of(snapshot, NP_GUARD))
    assert not any(":" in end for pair in lines for end in pair)
    for i, e in enumerate(solved.endpoints):
        own, name = solved.class_of[i], f"{e.namespace}/{e.name}[Pod]"
        for place in (p for p in PLACES if ":" not in p):
            block = solved.block_of(place)
            assert outside(lines, place, name, egress=False) == solved.ports(block, own)
            assert outside(lines, place, name, egress=True) == solved.ports(own, block)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_difference_takes_the_old_version_to_the_new(seed: int) -> None:
    old, new = (connections_of(taken(*cluster(s)), UPSTREAM, fold=False) for s in (seed, seed + 1000))
    changes = compare(old, new)
    names = {p.text for p in (*old.peers, *new.peers)}
    for version, which in ((old, "old"), (new, "new")):
        lines, changed = table(version), {(c.source.text, c.target.text): getattr(c, which) for c in changes}
        for pair in product(names, names):
            assert lines.get(pair, NO_PORT) == changed.get(pair, NO_PORT)
        for name, place, egress in product(names, PLACES, (False, True)):
            here = {pair: ports for pair, ports in changed.items() if ports}
            assert outside(lines, place, name, egress=egress) == outside(here, place, name, egress=egress)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_changes_between_a_version_and_itself(seed: int) -> None:
    same = connections_of(taken(*cluster(seed)), UPSTREAM)
    assert {c.kind for c in compare(same, same)} <= {Kind.UNCHANGED}
    assert render_changes(compare(same, same), "txt") == ""


@pytest.mark.parametrize("seed", range(20))
def test_a_focus_leaves_only_what_it_asks_for(seed: int) -> None:
    snapshot = taken(*cluster(seed))
    whole = connections_of(snapshot, UPSTREAM)
    for peer in whole.peers[:3]:
        name = peer.text.removesuffix("[Pod]")
        few = focused(connections_of(snapshot, UPSTREAM, about=[name]), Focus((name,)))
        near = {pair: ports for pair, ports in table(whole).items() if peer.text in pair}
        assert {p: v for p, v in table(few).items() if not any("External" in e for e in p)} == {
            p: v for p, v in near.items() if not any("External" in e for e in p)
        }
        inward = focused(whole, Focus((name,), direction="ingress"))
        assert all(target == peer for _, target, _ in inward.pairs())
        large = Ports.span("TCP", 80, 80)
        for s, t, ports in focused(whole, Focus((name,), ports=large)).pairs():
            assert peer in (s, t)
            assert large <= ports


def test_ports_with_a_comma_are_quoted_in_csv() -> None:
    out = told(connections_of(taken(*SHOP), UPSTREAM), "csv")
    assert 'shop/web[Pod],shop/db[Pod],"TCP 5432,UDP 53"\n' in out


def test_names_from_strangers_cannot_act_on_a_reader() -> None:
    evil = [*SHOP, pod("shop/a\x1b[2J|b", "app=x", "", "10.0.0.3")]
    connections = connections_of(taken(*evil), UPSTREAM)
    for form in ("txt", "csv", "md", "dot", "json"):
        assert "\x1b" not in told(connections, form)
    assert "\\|b[Pod]" in told(connections, "md")


def test_pods_of_one_owner_are_one_line_while_policies_treat_them_alike() -> None:
    def owned(name: str, labels: str, address: str) -> Plain:
        one = pod(f"shop/{name}", labels, "", address)
        one["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api", "controller": True}
        ]
        return one

    alike = [*SHOP, owned("api-1", "app=api x=1", "10.0.0.3"), owned("api-2", "app=api x=2", "10.0.0.4")]
    assert ("shop/web[Pod]", "shop/api[ReplicaSet]") in table(connections_of(taken(*alike), NP_GUARD))

    apart = [*alike, policy("shop/one", "{podSelector: {matchLabels: {x: '1'}}, ingress: []}")]
    lines = table(connections_of(taken(*apart), NP_GUARD))
    assert ("shop/web[Pod]", "shop/api-1[Pod]") not in lines
    assert lines["shop/web[Pod]", "shop/api-2[Pod]"] == EVERY_PORT


def test_deny_of_all_of_ipv4_leaves_ipv6_open_and_that_is_told() -> None:
    deny = {"action": "Deny", "to": [{"networks": ["0.0.0.0/0"]}]}
    wide = made(
        {"AdminNetworkPolicy": "no-v4", "spec": {"priority": 1, "subject": {"namespaces": {}}, "egress": [deny]}}
    )
    lines = table(connections_of(taken(*SHOP, wide), CILIUM))
    v6 = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff[External]"
    assert lines["shop/web[Pod]", v6] == EVERY_PORT
    assert ("shop/web[Pod]", "0.0.0.0-255.255.255.255[External]") not in lines


def test_large_outputs_share_what_is_alike() -> None:
    many = [*SHOP, *(pod(f"shop/p{i}", "app=guest", "", f"10.1.{i // 250}.{i % 250 + 1}") for i in range(300))]
    connections = connections_of(taken(*many), UPSTREAM)
    assert len(connections.rows) > 300
    assert len({id(targets) for _, targets in connections.rows}) < 10
    assert told(connections, "txt").count("\n") == sum(1 for _ in connections.pairs())


def test_a_drawing_puts_workloads_into_their_namespaces() -> None:
    few = focused(connections_of(taken(*SHOP), NP_GUARD), Focus(("db",), direction="ingress"))
    assert told(few, "dot") == (
        "digraph {\n"
        '\tsubgraph "cluster_shop[namespace]" {\n'
        '\t\tcolor="black"\n'
        '\t\tfontcolor="black"\n'
        '\t\t"shop/db[Pod]" [label="db[Pod]" color="blue" fontcolor="blue"]\n'
        '\t\t"shop/web[Pod]" [label="web[Pod]" color="blue" fontcolor="blue"]\n'
        '\t\tlabel="shop[namespace]"\n'
        "\t}\n"
        '\t"shop/web[Pod]" -> "shop/db[Pod]" '
        '[label="TCP 5432,UDP 53" color="gold2" fontcolor="darkgreen" weight=1]\n'
        "}"
    )
    one = focused(connections_of(taken(*SHOP), NP_GUARD), Focus(ports=Ports.span("UDP", 53, 53)))
    assert all('label="UDP 53"' in line for line in told(one, "dot").splitlines() if " -> " in line)
