"""Regions of a difference: together they are every pair that differs, each once."""

from __future__ import annotations

import pytest
from tests.layers.network.scene import Plain, cluster, namespace, pod, policy
from tests.layers.network.test_grants import random_pair, told

from mistrust.access.ports import NO_PORT
from mistrust.kube.meta import Ref
from mistrust.layers.network.diff import Region, regions
from mistrust.layers.network.grants import granted
from mistrust.layers.network.relation import Relation


def pairs(found: list[Region]) -> dict[tuple[Ref, Ref], tuple[str, str]]:
    """Every pair of workloads of every region; no pair is in two."""
    out: dict[tuple[Ref, Ref], tuple[str, str]] = {}
    for region in found:
        for source in (ref for crowd in region.sources for ref in crowd.workloads):
            for destination in (ref for crowd in region.destinations for ref in crowd.workloads):
                if source != destination:
                    assert (source, destination) not in out
                    out[source, destination] = (str(region.old), str(region.new))
    return out


@pytest.mark.parametrize("seed", range(60))
def test_they_are_every_pair_that_differs(seed: int) -> None:
    old, new = random_pair(seed)
    before, after = told(old), told(new)
    expected = {
        key: (str(before.get(key, NO_PORT)), str(after.get(key, NO_PORT)))
        for key in {**before, **after}
        if key[0] is not None and before.get(key, NO_PORT) != after.get(key, NO_PORT)
    }

    assert pairs(list(regions(old.relation, new.relation))) == expected


@pytest.mark.parametrize("seed", range(20))
def test_nothing_differs_from_itself(seed: int) -> None:
    old, _ = random_pair(seed)

    assert list(regions(old.relation, old.relation)) == []


PODS = (
    namespace("a"),
    *(pod(f"a/{name}", f"app={name}") for name in ("web", "db", "job")),
)


def relation(*objects: Plain) -> Relation:
    return granted(cluster(*PODS, *objects)).relation


def lines(old: Relation, new: Relation) -> list[str]:
    def names(crowds: tuple[object, ...]) -> str:
        refs = [ref.name for crowd in crowds for ref in crowd.workloads]  # type: ignore[attr-defined]
        outside = ["outside"] * any(crowd.addresses for crowd in crowds)  # type: ignore[attr-defined]
        return "+".join(sorted(refs) + outside)

    return sorted(
        f"{r.kind} {names(r.sources)} -> {names(r.destinations)}: {r.old} / {r.new}" for r in regions(old, new)
    )


def test_what_a_policy_takes_away() -> None:
    rule = "{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}"
    closed = policy("a/db", f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{rule}]}}")

    assert lines(relation(), relation(closed)) == [
        "changed web -> db: All Connections / TCP 5432",
        "removed job+outside -> db: All Connections / No Connections",
    ]
    assert [line.split()[0] for line in lines(relation(closed), relation())] == ["added", "changed"]


def test_a_workload_that_comes() -> None:
    assert lines(relation(), relation(pod("a/new", "app=new"))) == [
        "added db+job+web+outside -> new: No Connections / All Connections",
        "added new -> db+job+web: No Connections / All Connections",
        "added new -> outside: No Connections / All Connections",
    ]
