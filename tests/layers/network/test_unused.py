"""What can go: tables of what is told, and the law that taking it away changes nothing, for pods to come either."""

from __future__ import annotations

from random import Random

import pytest
from msgspec import structs
from tests.layers.network import dice
from tests.layers.network.scene import Plain, cluster, made, namespace, pod, policy

from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.engine.selectors import plain
from mistrust.layers.network.facts.unused import Unused, redundant, shadowed
from mistrust.layers.network.profile import PROFILES, Profile
from mistrust.layers.network.relation import Relation, aligned, relation
from mistrust.layers.network.statements.policies import Policies, policies
from mistrust.layers.network.statements.rules import Selector
from mistrust.layers.network.statements.within import narrower


def told(found: tuple[Unused, ...]) -> dict[str, str]:
    """The policy, with its rules where it is not all of it, and why."""
    return {" ".join([str(u.policy.ref), *(str(r).split()[-1] for r in u.rules)]): u.because for u in found}


def unused(*objects: Plain) -> tuple[dict[str, str], dict[str, str]]:
    s = cluster(namespace("a", "team=x"), namespace("b", "team=y"), *objects)
    spaces = namespace_labels(s)
    return told(redundant(policies(s), spaces)), told(shadowed(policies(s), spaces))


SAME = "allows the same, or more, for the same pods"
P = "NetworkPolicy a/p"
X = "{podSelector: {matchLabels: {app: x}}}"
REDUNDANT: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("alone", {"a/p": "{ingress: [{from: [{podSelector: {}}]}]}"}, {}),
    ("twice the same", {"a/p": "{ingress: [{}]}", "a/q": "{ingress: [{}]}"}, {"NetworkPolicy a/q": f"{P} {SAME}"}),
    ("in two namespaces", {"a/p": "{ingress: [{}]}", "b/q": "{ingress: [{}]}"}, {}),
    (
        "another allows more",
        {"a/p": "{ingress: [{}]}", "a/few": "{ingress: [{ports: [{port: 80}]}]}"},
        {"NetworkPolicy a/few": f"{P} {SAME}"},
    ),
    ("another isolates more", {"a/p": "{}", "a/few": X}, {"NetworkPolicy a/few": f"{P} {SAME}"}),
    ("another isolates less", {"a/p": "{}", "a/few": X.replace("}}}", "}}, ingress: [{}]}")}, {}),
    ("the other direction", {"a/p": "{ingress: [{}]}", "a/out": "{policyTypes: [Egress], egress: [{}]}"}, {}),
    (
        "two others together",
        {
            "a/p": "{ingress: [{ports: [{port: 1, endPort: 50}]}]}",
            "a/q": "{ingress: [{ports: [{port: 51, endPort: 99}]}]}",
            "a/r": "{ingress: [{ports: [{port: 40, endPort: 60}]}]}",
        },
        {"NetworkPolicy a/r": f"{P} and NetworkPolicy a/q {SAME}".replace("allows", "allow")},
    ),
    (
        "a rule within another",
        {"a/p": f"{{ingress: [{{from: [{X}]}}, {{from: [{{podSelector: {{}}}}]}}]}}"},
        {f"{P} spec.ingress[0]": f"{P} allows the same, or more"},
    ),
    (
        "a block within another",
        {
            "a/p": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            "a/q": "{ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}",
        },
        {"NetworkPolicy a/q": f"{P} {SAME}"},
    ),
    (
        "pods are in no block for good",
        {
            "a/p": "{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
            "a/q": "{ingress: [{from: [{podSelector: {}}]}]}",
        },
        {},
    ),
    (
        "a namespace by its label",
        {
            "a/p": "{ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]}",
            "a/q": "{ingress: [{from: [{podSelector: {}}]}]}",
        },
        {"NetworkPolicy a/q": f"{P} {SAME}"},
    ),
    (
        "a name of a port",
        {"a/p": "{ingress: [{ports: [{protocol: TCP}]}]}", "a/q": "{ingress: [{ports: [{port: http}]}]}"},
        {"NetworkPolicy a/q": f"{P} {SAME}"},
    ),
    (
        "a name is no number",
        {"a/p": "{ingress: [{ports: [{port: 80}]}]}", "a/q": "{ingress: [{ports: [{port: http}]}]}"},
        {},
    ),
    ("one that the server refuses", {"a/p": "{ingress: [{}]}", "a/q": "{ingress: [{from: [{}]}]}"}, {}),
]


@pytest.mark.parametrize(("title", "given", "expected"), REDUNDANT, ids=[r[0] for r in REDUNDANT])
def test_redundant(title: str, given: dict[str, str], expected: dict[str, str]) -> None:
    assert unused(*(policy(name, spec) for name, spec in given.items()))[0] == expected


def admin(name: str, priority: int, *rules: Plain, tier: str = "Admin", to: Plain | None = None) -> Plain:
    spec: Plain = {"tier": tier, "priority": priority, "subject": to or {"namespaces": {}}, "ingress": list(rules)}
    return made({"ClusterNetworkPolicy": name, "spec": spec})


DENY, ACCEPT, PASS = ({"action": action, "from": [{"namespaces": {}}]} for action in ("Deny", "Accept", "Pass"))
HTTP = {**ACCEPT, "protocols": [{"tcp": {"destinationPort": {"number": 80}}}]}
ONE = {"namespaces": {"matchLabels": {"team": "x"}}}
IN = "{ingress: [{from: [{podSelector: {}}]}]}"
RULE = "NetworkPolicy a/p spec.ingress[0]"
BEFORE = "ClusterNetworkPolicy c always decides before"
SHADOWED: list[tuple[str, list[Plain], dict[str, str]]] = [
    ("an earlier rule", [admin("c", 1, DENY, HTTP)], {"ClusterNetworkPolicy c spec.ingress[1]": BEFORE}),
    ("an exception before it", [admin("c", 1, HTTP, DENY)], {}),
    (
        "a policy of higher rank",
        [admin("late", 9, HTTP), admin("c", 1, DENY)],
        {"ClusterNetworkPolicy late spec.ingress[0]": BEFORE},
    ),
    ("for some pods only", [admin("late", 9, HTTP), admin("c", 1, DENY, to=ONE)], {}),
    ("the same rank", [admin("a", 1, DENY), admin("b", 1, HTTP)], {}),
    ("another tier", [admin("a", 1, DENY), admin("b", 1, HTTP, tier="Baseline")], {}),
    ("before NetworkPolicy", [admin("c", 1, DENY), policy("a/p", IN)], {RULE: BEFORE}),
    ("a namespace by labels", [admin("c", 1, DENY, to=ONE), policy("a/p", IN), policy("b/p", IN)], {RULE: BEFORE}),
    ("NetworkPolicy is left something", [admin("c", 1, HTTP), policy("a/p", IN)], {}),
    ("a Pass may leave everything", [admin("b", 0, PASS, to=ONE), admin("c", 1, DENY), policy("a/p", IN)], {}),
]


@pytest.mark.parametrize(("title", "objects", "expected"), SHADOWED, ids=[r[0] for r in SHADOWED])
def test_shadowed(title: str, objects: list[Plain], expected: dict[str, str]) -> None:
    assert unused(*objects)[1] == expected


def solved(s: Snapshot, given: Policies, profile: Profile) -> Relation:
    ends = endpoints(s)
    owners = [s.workloads[e.workload].ref for e in ends]
    found = reach(ends, namespace_labels(s), given, profile, nodes=s.of(Node))
    return relation(found, owners)


def without(given: Policies, found: tuple[Unused, ...]) -> Policies:
    """The policies, less what is unused."""
    whole = {id(u.policy) for u in found if not u.rules}
    parts = {id(u.policy): {r.path for r in u.rules} for u in found if u.rules}

    def rest(p):
        out = {}
        for field in ("ingress", "egress"):
            rules = getattr(p.spec, field)
            out[field] = tuple(r for i, r in enumerate(rules) if ("spec", field, i) not in parts.get(id(p), ()))
        if isinstance(p, NetworkPolicy):
            out["policy_types"] = p.spec.directions
        return structs.replace(p, spec=structs.replace(p.spec, **out))

    network = tuple(rest(p) for p in given.network if id(p) not in whole)
    return Policies(network, tuple(rest(p) for p in given.cluster if id(p) not in whole))


def crowded(seed: int) -> list[Plain]:
    """A cluster with the policies of several, and pods with every combination of labels.

    All have addresses: of an unknown one, two rules that both depend on it would be doubted one by one.
    """
    random = Random(seed)
    objects = [o for o in dice.cluster(seed) if o["kind"] != "Pod" or o["status"]["podIPs"]]
    for i, o in enumerate(o for n in (1, 2, 3) for o in dice.cluster(seed + 5000 * n) if o["kind"] == "NetworkPolicy"):
        if o["metadata"]["namespace"] in ("a", "b"):
            objects.append({**o, "metadata": {**o["metadata"], "name": f"{random.choice('abc')}{i}"}})
    for space in "ab":
        for app in ("", "app=x", "app=y"):
            for role in ("", "role=x", "role=y"):
                name = f"{space}/n{app[-1:]}{role[-1:]}"
                objects.append(pod(name, f"{app} {role}", "http=TCP/80 dns=UDP/53", f"10.0.0.{100 + len(objects)}"))
    return objects


@pytest.mark.parametrize("seed", range(60))
def test_without_them_every_connection_is_as_before(seed: int) -> None:
    objects = crowded(seed)
    s = cluster(*objects)
    given, spaces = policies(s), namespace_labels(s)
    for found in (redundant(given, spaces), shadowed(given, spaces)):
        for profile in PROFILES[::2]:
            before = solved(s, given, profile)
            after = solved(s, without(given, found), profile)
            assert all(x == y for x, y in aligned(before, after)[1]), told(found)


def test_the_law_has_something_to_check() -> None:
    found = [0, 0]
    for seed in range(60):
        s = cluster(*crowded(seed))
        spaces = namespace_labels(s)
        found[0] += len(redundant(policies(s), spaces))
        found[1] += len(shadowed(policies(s), spaces))

    assert min(found) > 20


SELECTORS = [
    Selector(labels, needs)
    for labels in ((), (("k", "a"),), (("k", "b"),), (("j", "a"),))
    for needs in (
        (),
        (("k", "In", ("a",)),),
        (("k", "In", ("a", "b")),),
        (("k", "NotIn", ("a",)),),
        (("k", "NotIn", ("a", "b")),),
        (("k", "Exists", ()),),
        (("k", "DoesNotExist", ()),),
    )
]


WORLDS = [{k: v for k, v in (("k", k), ("j", j)) if v} for k in ("", "a", "b", "c", "d") for j in ("", "a", "b")]


@pytest.mark.parametrize("a", SELECTORS, ids=str)
def test_a_selector_is_narrower_where_it_chooses_no_label_set_that_the_other_does_not(a: Selector) -> None:
    chosen = [w for w in WORLDS if matches(plain(a), w)]
    for b in SELECTORS:
        inside = all(matches(plain(b), w) for w in chosen)
        assert narrower(a, b) == inside or (not chosen and inside), b


def test_what_makes_a_rule_useless_is_the_one_rule_that_does() -> None:
    s = cluster(namespace("a"), admin("c", 1, {**HTTP, "action": "Pass"}, DENY, ACCEPT))
    (found,) = shadowed(policies(s), namespace_labels(s))

    assert [str(e) for e in found.rules] == ["ClusterNetworkPolicy c spec.ingress[2]"]
    assert [str(e) for e in found.by] == ["ClusterNetworkPolicy c spec.ingress[1]"]
