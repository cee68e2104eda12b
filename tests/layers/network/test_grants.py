"""Connections as an exact set: compared with the same thing written down pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from tests.layers.network import dice
from tests.layers.network.scene import Plain, cluster, made, namespace, pod, policy

from mistrust.access.ports import EVERY_PORT, NO_PORT, PROTOCOLS, SPAN, Ports, point
from mistrust.access.verdict import Answer
from mistrust.kube.meta import Ref
from mistrust.layers.network.engine.bits import Classes, Space
from mistrust.layers.network.exposure.outside import INTERNET, common, spans_in
from mistrust.layers.network.grants import Connection, Connections, granted, widest
from mistrust.layers.network.plugin import PLAUSIBLE
from mistrust.layers.network.profile import CALICO, CILIUM, UPSTREAM, Profile
from mistrust.layers.network.relation import _dense
from mistrust.layers.network.statements.policies import policies

Told = Mapping[tuple[Ref | None, Ref], Ports]


def told(given: Connections) -> dict[tuple[Ref | None, Ref], Ports]:
    """Every pair on its own, from the engine alone."""
    found: dict[tuple[Ref | None, Ref], Ports] = {}
    for origin in given.origins:
        r = origin.reach
        public = [r.classes + i for i, b in enumerate(r.blocks) if common(tuple(spans_in(b)), INTERNET)]
        sources = {ref: [r.class_of[i] for i in pods] for ref, pods in origin.pods.items()}
        for destination, classes in sources.items():
            for source, others in [(None, public), *sources.items()]:
                if source != destination:
                    for a in others:
                        for b in classes:
                            key = source, destination
                            found[key] = found.get(key, NO_PORT) | r.ports(a, b)
    return found


def ref(name: str) -> Ref:
    space, _, short = name.partition("/")
    return Ref("", "Pod", space, short)


def random_pair(seed: int) -> tuple[Connections, Connections]:
    """A cluster, and the same with some objects left out and others that are new."""
    objects = dice.cluster(seed)
    random = Random(seed)
    others = [o for o in objects if random.random() < 0.8 or o["kind"] == "Namespace"]
    others += [o for o in dice.cluster(seed + 1000) if o["kind"] in ("NetworkPolicy", "Pod") and random.random() < 0.3]
    others = list({(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in others}.values())
    return granted(cluster(*objects), [UPSTREAM]), granted(cluster(*others), [UPSTREAM])


@pytest.mark.parametrize("seed", range(60))
def test_union_and_difference_are_exact(seed: int) -> None:
    a, b = random_pair(seed)
    mine, theirs = told(a), told(b)

    for key in {**mine, **theirs}:
        x, y = mine.get(key, NO_PORT), theirs.get(key, NO_PORT)
        assert (a | b).ports(*key) == x | y
        assert (a - b).ports(*key) == x - y
        assert a.ports(*key) == x
    assert (a - a).witness() is None
    assert (a - a).count() == 0


@pytest.mark.parametrize("seed", range(60))
def test_count_and_witness(seed: int) -> None:
    a, b = random_pair(seed)

    for found in (a, a - b):
        pairs = {key: ports for key in {**told(a), **told(b)} if (ports := found.ports(*key))}
        expected = 0
        for (_, destination), ports in pairs.items():
            known = found.answers.get(destination, ())
            expected += sum(p in ports for p in known) if known else 1
        assert found.count() == expected
        witness = found.witness()
        assert (witness is None) == (not pairs)
        if witness is not None:
            assert witness in found


DB = "{matchLabels: {app: db}}"


def test_the_answer_for_one_connection_has_its_reasons() -> None:
    found = granted(
        cluster(
            namespace("shop"),
            pod("shop/web", "app=web"),
            pod("shop/db", "app=db", "sql=TCP/5432"),
            policy(
                "shop/db",
                f"{{podSelector: {DB}, ingress: [{{ports: [{{port: sql}}], from: [{{podSelector: {{}}}}]}}]}}",
            ),
        )
    )
    to = Connection(ref("shop/web"), ref("shop/db"), "TCP", 5432)
    inside, outside = found.decide(to), found.decide(Connection(None, ref("shop/db"), "TCP", 5432))

    assert (inside.answer, [str(e) for e in inside.decided_by]) == (
        Answer.ALLOWED,
        ["NetworkPolicy shop/db spec.ingress[0]"],
    )
    assert outside.answer is Answer.DENIED
    assert [str(e) for e in outside.decided_by] == ["NetworkPolicy shop/db spec.podSelector"]
    assert str(found.witness()) == "Pod shop/web -> Pod shop/db TCP 5432"
    assert found.count() == 1 + 2  # and web and the Internet reach web on any port
    assert found.decide(Connection(ref("shop/x"), ref("shop/db"), "TCP", 1)).answer is Answer.DENIED


def test_nothing_limits_anything() -> None:
    found = granted(cluster(pod("a/x"), pod("a/y", "", "http=TCP/80 dns=UDP/53"), pod("b/z")))

    assert found.ports(ref("a/x"), ref("b/z")) == EVERY_PORT
    assert found.count() == 3 + 3 * 2 + 3  # the Internet and two others each; y answers at two ports
    assert str(found.witness()) == "the Internet -> Pod a/x TCP 1"


def test_a_service_tells_where_a_workload_answers() -> None:
    service: Plain = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "a"},
        "spec": {
            "selector": {"app": "x"},
            "ports": [{"port": 80, "targetPort": 8080}, {"port": 53, "protocol": "UDP"}],
        },
    }
    found = granted(cluster(pod("a/x", "app=x"), pod("a/y"), service))

    assert [(PROTOCOLS[p // SPAN], p % SPAN) for p in found.answers[ref("a/x")]] == [("TCP", 8080), ("UDP", 53)]


BY_BLOCK = {"action": "Deny", "to": [{"networks": ["10.0.0.0/8"]}]}
TO_ALL = {"tier": "Admin", "subject": {"namespaces": {}}}
DENY_BY_BLOCK = made({"ClusterNetworkPolicy": "c", "spec": {**TO_ALL, "egress": [BY_BLOCK]}})
SILENT = Profile("flannel", enforces=False)


@pytest.mark.parametrize(
    ("given", "objects", "kept"),
    [
        (PLAUSIBLE, [], [UPSTREAM]),
        (PLAUSIBLE, [DENY_BY_BLOCK], [UPSTREAM, CILIUM]),
        ((UPSTREAM, CALICO), [DENY_BY_BLOCK], [UPSTREAM]),
        ((CILIUM,), [], [CILIUM]),
        ((CILIUM, SILENT), [], [SILENT]),
    ],
)
def test_one_reading_where_it_allows_everything_that_the_others_do(
    given: tuple[Profile, ...], objects: list[Plain], kept: list[Profile]
) -> None:
    assert list(widest(given, policies(cluster(*objects)))) == kept


@pytest.mark.parametrize("seed", range(40))
def test_under_several_plugins_it_is_the_union(seed: int) -> None:
    s = cluster(*dice.cluster(seed))
    both = granted(s, PLAUSIBLE)
    each = [granted(s, [p]) for p in PLAUSIBLE]

    hosts = {e.source.ref for e in both.origins[0].reach.endpoints if e.host_network}
    for key in told(each[0]):
        if not hosts.intersection(key):  # whether a node is a pod's own is known of classes alone
            assert both.ports(*key) == each[0].ports(*key) | each[1].ports(*key)


def test_decide_never_denies_what_is_surely_in_the_set() -> None:
    for seed in range(30):
        found = granted(cluster(*dice.cluster(seed)))
        random = Random(seed)
        refs = sorted(found.relation.places)
        for _ in range(20):
            source, destination = random.choice([None, *refs]), random.choice(refs)
            at = point("TCP", random.choice(dice.PORTS))
            access = Connection(source, destination, "TCP", at % SPAN)
            verdict = found.decide(access)
            assert (verdict.answer is Answer.DENIED) == (access not in found)


def test_the_witness_is_at_a_port_where_something_answers() -> None:
    """`a` lets the others in at a port that it does not have; `b` at one that it has."""
    shut = (
        "{{podSelector: {{matchLabels: {{app: {0}}}}}, policyTypes: [Ingress], ingress: [{{ports: [{{port: {1}}}]}}]}}"
    )
    found = granted(
        cluster(
            namespace("n"),
            pod("n/a", "app=a", "http=TCP/80"),
            pod("n/b", "app=b", "http=TCP/80"),
            policy("n/a", shut.format("a", 9)),
            policy("n/b", shut.format("b", 80)),
        )
    )

    assert str(found.witness()) == "the Internet -> Pod n/b TCP 80"


def test_a_large_sparse_set_of_classes_becomes_one_integer() -> None:
    numbers = [3, 1024, 40000]

    assert _dense(Classes(Space(50000).of(numbers))) == sum(1 << n for n in numbers)
    assert _dense(Classes(Space(50000).of([]))) == 0
