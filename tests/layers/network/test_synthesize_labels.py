"""Selectors: the smallest that choose exactly the wanted workloads, out of labels that stay."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.network.definition import selects
from tests.layers.network.scene import Plain, cluster, pod
from tests.layers.network.synthesizing import deployment, selector_words

from mistrust.kube.endpoints import endpoints
from mistrust.kube.separate import stays, units

CASES: dict[str, tuple[list[Plain], dict[str, str]]] = {
    "one label that is enough": (
        [deployment("a/web", "app=web tier=front"), deployment("a/db", "app=db tier=back")],
        {"web": "app=web", "db": "app=db"},
    ),
    "the usual label before others": (
        [deployment("a/web", "zz=1 app=web aa=1"), deployment("a/db", "zz=2 app=db aa=2")],
        {"web": "app=web", "db": "app=db"},
    ),
    "the recommended name before app": (
        [deployment("a/web", "app=x app.kubernetes.io/name=web")],
        {"web": "app.kubernetes.io/name=web"},
    ),
    "two labels where one is not enough": (
        [
            deployment("a/web", "app=x tier=front"),
            deployment("a/api", "app=x tier=back"),
            deployment("a/y", "app=y tier=front"),
        ],
        {"web": "app=x tier=front", "api": "tier=back", "y": "app=y"},
    ),
    "a label that only the other one has": (
        [deployment("a/web", "app=x"), deployment("a/canary", "app=x track=canary")],
        {"web": "app=x !track", "canary": "track=canary"},
    ),
    "workloads with the same labels are one": (
        [deployment("a/one", "app=x"), deployment("a/two", "app=x")],
        {"one+two": "app=x"},
    ),
    "a release's labels tell nothing apart": (
        [
            deployment("a/one", "app=x version=1 helm.sh/chart=x-1"),
            deployment("a/two", "app=x version=2 helm.sh/chart=x-2"),
        ],
        {"one+two": "app=x"},
    ),
    "no label that stays": ([deployment("a/one", "pod-template-hash=5d4f")], {"one": "none"}),
    "other namespaces do not matter": (
        [deployment("a/web", "app=web"), deployment("b/web", "app=web")],
        {"web": "app=web"},
    ),
    "a CronJob without a pod counts": (
        [deployment("a/web", "app=web"), deployment("a/nightly", "app=web job=yes", kind="CronJob")],
        {"web": "app=web !job", "nightly": "job=yes"},
    ),
    "pods on the node's network are chosen by nobody": (
        [deployment("a/web", "app=web"), deployment("a/agent", "app=web", hostNetwork=True)],
        {"web": "app=web"},
    ),
    "a label that differs in every pod is none": (
        [*(pod(f"a/p{i}", f"app=x shard={i}") for i in range(3))],
        {"p0": "shard=0", "p1": "shard=1", "p2": "shard=2"},
    ),
}


@pytest.mark.parametrize(("world", "expected"), CASES.values(), ids=CASES)
def test_what_is_chosen_by(world: list[Plain], expected: dict[str, str]) -> None:
    snapshot = cluster(*world)
    found = {
        "+".join(r.name for r in u.workloads): "none" if u.selector is None else selector_words(u.selector)
        for u in units(snapshot, endpoints(snapshot))
        if u.namespace == "a"
    }
    assert found == expected


def test_a_label_with_another_value_in_every_pod_of_a_workload_is_not_used() -> None:
    owner = deployment("a/web", "app=x")
    pods = []
    for i in range(3):
        one = pod(f"a/web-{i}", f"app=x shard={i}")
        one["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
        ]
        pods.append(one)
    snapshot = cluster(owner, *pods, deployment("a/other", "app=x shard=9"))
    found = units(snapshot, endpoints(snapshot))
    assert [len(u.workloads) for u in found] == [2]


@pytest.mark.parametrize(
    ("key", "stable"),
    [
        ("app", True),
        ("app.kubernetes.io/name", True),
        ("app.kubernetes.io/version", False),
        ("controller-revision-hash", False),
        ("batch.kubernetes.io/job-name", False),
        ("service.istio.io/canonical-revision", False),
        ("linkerd.io/control-plane-ns", False),
    ],
)
def test_labels_that_stay(key: str, stable: bool) -> None:
    assert stays(key) == stable


@pytest.mark.parametrize("seed", range(80))
def test_a_selector_chooses_exactly_its_workloads(seed: int) -> None:
    random = Random(seed)
    world = []
    for i in range(random.randint(1, 12)):
        labels = " ".join(
            f"{k}={random.choice('xyz')}" for k in ("app", "tier", "role", "zone") if random.random() < 0.7
        )
        world.append(deployment(f"{random.choice('ab')}/w{i}", labels))
    snapshot = cluster(*world)
    found = units(snapshot, endpoints(snapshot))
    assert sorted(r for u in found for r in u.workloads) == sorted(w.ref for w in snapshot.workloads)
    for unit in found:
        if unit.selector is None:
            continue
        chosen = {
            w.ref for w in snapshot.workloads if w.namespace == unit.namespace and selects(unit.selector, w.labels)
        }
        assert chosen == set(unit.workloads)
        smaller = [
            {k: v for k, v in unit.selector.match_labels.items() if k != gone} for gone in unit.selector.match_labels
        ]
        if not unit.selector.match_expressions and len(unit.selector.match_labels) > 1:  # none of them is too much
            for labels in smaller:
                also = {
                    w.ref
                    for w in snapshot.workloads
                    if w.namespace == unit.namespace and labels.items() <= w.labels.items()
                }
                assert also != chosen
