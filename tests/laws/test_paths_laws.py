"""Laws of the attack graph: it equals its slow definition, less is never more, and order does not matter."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.paths.cluster import Plain, cluster
from tests.paths.edited import edited
from tests.paths.naive import Fact, World
from tests.paths.steps import STEPS
from tests.paths.strategies import clusters

from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.snapshot import snapshot as make
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.subjects import group, user
from mistrust.paths import ways
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, attack, survey
from mistrust.paths.costs import Costs
from mistrust.paths.fixes import Cutting
from mistrust.paths.labels import Labels
from mistrust.paths.path import Foothold, Paths
from mistrust.paths.region import region

GROUP = Foothold("identity", "Group devs")
STARTS = (ANY_POD, GROUP)
TARGETS: dict[Foothold, Fact] = {
    CLUSTER_ADMIN: ("cluster-admin",),
    ANY_NODE: ("some node",),
    Foothold("secrets", "b"): ("gain", "secrets", "b"),
    Foothold("identity", "User jane"): ("identity", "User", "jane"),
    Foothold("any-identity", ""): ("gain", "any-identity", ""),
}

law = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def from_objects(objects: list[Object]) -> Snapshot:
    return make(objects, scope=Scope.CLUSTER)


def answered(snapshot: Snapshot) -> Paths:
    return attack(snapshot, rbac(snapshot), STEPS, STARTS, tuple(TARGETS))


def pairs(found: Paths) -> set[tuple[str, Foothold]]:
    assert len(found.paths) == found.pairs
    return {(p.start.name, p.target) for p in found.paths}


def defined(snapshot: Snapshot) -> set[tuple[str, Foothold]]:
    world = World(snapshot, STEPS, asked=[user("jane"), group("devs")])
    starts: dict[str, Fact] = {str(w.ref): ("pod", str(w.ref)) for w in snapshot.workloads}
    starts[GROUP.name] = ("identity", "Group", "devs")
    return {
        (name, target)
        for name, start in starts.items()
        for held in [world.holds(start)]
        for target, fact in TARGETS.items()
        if fact in held
    }


@law
@given(clusters())
def test_the_graph_equals_its_slow_definition(objects: list[Plain]) -> None:
    snapshot = cluster(*objects)
    assert pairs(answered(snapshot)) == defined(snapshot)


@law
@given(clusters(), st.data())
def test_taking_a_grant_away_never_opens_a_path(objects: list[Plain], data: st.DataObject) -> None:
    removable = [o for o in objects if str(o["kind"]).endswith("Binding")]
    gone = data.draw(st.sampled_from(removable))
    fewer = cluster(*(o for o in objects if o is not gone))
    assert pairs(answered(fewer)) <= pairs(answered(cluster(*objects)))


@law
@given(clusters(), st.integers())
def test_the_order_of_the_objects_does_not_matter(objects: list[Plain], seed: int) -> None:
    first = cluster(*objects)
    shuffled = list(first.objects)
    random.Random(seed).shuffle(shuffled)
    assert answered(from_objects(shuffled)) == answered(from_objects(list(first.objects)))


@law
@given(clusters())
def test_large_and_small_graphs_are_searched_alike(objects: list[Plain]) -> None:
    snapshot = cluster(*objects)
    small = answered(snapshot)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "WIDE", 0)
        assert answered(snapshot) == small


# --- the smallest cut ------------------------------------------------------------------------------------------------


@law
@given(clusters())
def test_the_changes_really_cut(objects: list[Plain]) -> None:
    """Made in the files and read again, they leave only the pairs that no change can cut."""
    before = answered(cluster(*objects))
    fixes = before.fixes
    after = answered(cluster(*edited(objects, (e for c in fixes.changes for e in c.edits))))
    assert fixes.optimal
    assert fixes.cut + fixes.remaining == before.pairs
    assert after.pairs == fixes.remaining
    assert pairs(after) <= pairs(before)


@law
@given(clusters())
def test_no_change_of_the_set_is_idle(objects: list[Plain]) -> None:
    fixes = answered(cluster(*objects)).fixes
    assert all(c.cuts > 0 for c in fixes.changes)


@law
@given(clusters())
def test_no_cheaper_set_exists(objects: list[Plain]) -> None:
    """Every cheaper set of labels is tried, where there are few enough."""
    cutting = prepared(cluster(*objects))
    price, count = cutting.labels.price_of, len(cutting.labels.price)
    assume(count <= 10)
    found = cutting.solve(60.0)
    best = price(found.chosen)
    wanted = cutting.surviving(found.chosen)
    assert wanted == cutting.hopeless & cutting.pairs
    for size in range(count + 1):
        for some in combinations(range(count), size):
            if price(some) < best - 1e-9:
                assert not cutting.surviving(frozenset(some)) <= wanted
    assert cutting.surviving(frozenset(range(count))) == wanted, "what is called hopeless cannot be cut at all"


@law
@given(clusters())
def test_the_greedy_cut_cuts_too(objects: list[Plain]) -> None:
    cutting = prepared(cluster(*objects))
    exact = cutting.solve(60.0)
    greedy = cutting.greedy(frozenset())
    assert cutting.surviving(greedy.chosen) == cutting.surviving(exact.chosen)


def prepared(snapshot: Snapshot) -> Cutting:
    index = rbac(snapshot)
    land, ways, goals = survey(snapshot, index, STEPS, STARTS, tuple(TARGETS))
    between = region(ways, [(g.toward, [s.node for s in g.starts]) for g in goals])
    return Cutting(between, Labels(land, {}, frozenset(), Costs()))
