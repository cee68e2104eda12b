"""Laws of the effect of a change: nothing is no effect, backwards is the other way round, and each layer is exact."""

from __future__ import annotations

from itertools import product

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.effect.changes import STARTS, TARGETS, every, given_catalog, of, versions
from tests.paths.cluster import Plain, cluster
from tests.paths.strategies import clusters

from mistrust.access.verdict import Answer
from mistrust.channels.drawing import strands
from mistrust.effect.compare import between, effect
from mistrust.effect.effect import Delta, Effect, Hearing, Kind, Link
from mistrust.effect.permissions import came
from mistrust.effect.state import RBAC, State, state
from mistrust.kube.meta import Ref
from mistrust.kube.rbac import GROUP as RBAC_GROUP
from mistrust.kube.rbac import PolicyRule
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.boxes import bundle_of, minus
from mistrust.layers.identity.grants import NOTHING, Access, Grants
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.rules import holds_for, permits
from mistrust.layers.identity.subjects import Principal
from mistrust.paths.attack import ANY_POD, attack

law = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def worked(snapshot: Snapshot) -> State:
    return state(snapshot, given_catalog())


def links(some: tuple[Link, ...]) -> object:
    return {(k.sources, k.destinations, k.ports.ranges, k.pairs) for k in some}


def sides(found: Effect) -> dict[str, tuple[object, object]]:
    """What came and what went of every layer, without what is only told of it."""
    deltas: dict[str, Delta[object]] = {
        name: getattr(found, name)
        for name in ("permissions", "exposure", "authorized", "plaintext", "mutual", "powers", "paths")
    }
    return {
        **{name: (set(map(str, d.gained)), set(map(str, d.lost))) for name, d in deltas.items()},
        "connections": (links(found.connections.gained), links(found.connections.lost)),
        "counts": ((found.granted, found.opened), (found.taken, found.closed)),
    }


@given(versions())
@law
def test_a_version_and_itself_differ_in_nothing(version: Snapshot) -> None:
    now = worked(version)
    assert not between(now, now)
    assert not between(now, now).kinds
    assert not effect(version, version, given_catalog())


@given(versions(), versions())
@law
def test_backwards_what_came_is_what_went(old: Snapshot, new: Snapshot) -> None:
    a, b = worked(old), worked(new)
    there, back = sides(between(a, b)), sides(between(b, a))
    assert there == {name: (lost, gained) for name, (gained, lost) in back.items()}


@given(st.data())
@law
def test_what_an_object_gives_goes_with_it(data: st.DataObject) -> None:
    objects = every()
    one = data.draw(st.sampled_from(objects))
    rest = [o for o in objects if o is not one]
    without, whole = worked(of(*rest)), worked(of(*rest, one))
    added, removed = sides(between(without, whole)), sides(between(whole, without))
    assert added == {name: (lost, gained) for name, (gained, lost) in removed.items()}


@given(versions(), versions())
@law
def test_what_is_shared_changes_no_answer(old: Snapshot, new: Snapshot) -> None:
    rbac = [o for o in new.objects if isinstance(o, RBAC)]
    same = of(*(o for o in old.objects if not isinstance(o, RBAC)), *rbac)
    before = worked(old)
    shared = state(same, given_catalog(), before)
    assert shared.ground is before.ground
    assert between(before, shared) == between(before, worked(same))


@given(versions(), st.randoms(use_true_random=False))
@law
def test_the_order_of_the_objects_does_not_matter(version: Snapshot, random: object) -> None:
    turned = list(version.objects)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert not between(worked(version), worked(of(*turned)))


@given(versions(), versions())
@law
def test_a_permission_that_came_is_allowed_now_and_was_not(old: Snapshot, new: Snapshot) -> None:
    a, b = worked(old).permissions, worked(new).permissions
    found = between(worked(old), worked(new))
    for permission in found.permissions.gained:
        for principal, rule in product(permission.principals, permission.rules):
            access = one_of(rule, permission.namespace, a, principal)
            assert b.decide(access).answer is Answer.ALLOWED
            assert a.decide(access).answer is not Answer.ALLOWED
    assert bool(found.permissions.gained) == ((b - a).witness() is not None)
    assert found.granted == (b - a).count()
    assert {p for each in found.permissions.gained for p in each.principals} == set((b - a).shards)


PROBES = tuple(
    (verb, group, resource, name)
    for verb, (group, resource), name in product(
        ("get", "create", "bind", "update", "escalate", "impersonate", "patch", "watch"),
        (
            ("", "pods"),
            ("", "pods/exec"),
            ("", "secrets"),
            ("", "serviceaccounts/token"),
            ("", "groups"),
            ("", "nodes/proxy"),
            (RBAC_GROUP, "clusterroles"),
            ("apps", "deployments"),
        ),
        ("", "x", "r1", "r2", "token", "p0"),
    )
)


@given(clusters(), clusters())
@law
def test_no_permission_that_came_is_left_out(old: list[Plain], new: list[Plain]) -> None:
    """Told is at least what is new, and nothing that is not allowed; wildcards, names too, are told whole."""
    a, b = (Identity().granted(cluster(*objects)) for objects in (old, new))
    gained, _ = came(a, b)
    for principal in {**a.shards, **b.shards}:
        told = [p for p in gained if principal in p.principals]
        for (verb, group, resource, name), namespace in product(PROBES, ("", "a", "b", "c")):
            access = Access(principal, verb, group, resource, namespace, name)
            said = any(
                holds_for(permits(rule, verb, group, resource), name)
                for p in told
                for rule in p.rules
                if p.namespace in ("", namespace)
            )
            assert said >= (access in b and access not in a)
            assert said <= (access in b)


def one_of(rule: PolicyRule, namespace: str, had: Grants, principal: Principal) -> Access:
    """One access that a rule permits and that a principal did not have; a wildcard is told whole."""
    shard = had.shards.get(principal, NOTHING)
    known = shard.at(namespace) if namespace else shard.everywhere
    (bundle,) = minus(bundle_of((rule,), urls=not namespace), known)
    values = bundle.boxes[0].example()
    if len(values) == 2:
        return Access(principal, values[0], path=values[1])
    verb, group, resource, name = values
    return Access(principal, verb, group, resource, namespace, name)


@given(versions(), versions())
@law
def test_connections_are_every_pair_whose_ports_differ(old: Snapshot, new: Snapshot) -> None:
    a, b = worked(old).ground.connections, worked(new).ground.connections
    told: dict[tuple[Ref, Ref], set[tuple[int, int]]] = {}
    for link in between(worked(old), worked(new)).connections.gained:
        for source, target in product(link.sources.workloads, link.destinations.workloads):
            if source != target:
                told.setdefault((source, target), set()).update(link.ports.ranges)
    refs = {w.ref for s in (old, new) for w in s.workloads}
    expected = {
        pair: set(ports.ranges)
        for pair in product(refs, refs)
        if pair[0] != pair[1] and (ports := b.ports(*pair) - a.ports(*pair))
    }
    assert told == expected


@given(versions(), versions())
@law
def test_plaintext_is_every_source_and_port_that_is_served_so_now_and_was_not(old: Snapshot, new: Snapshot) -> None:
    a, b = worked(old), worked(new)
    points = {
        ref: sorted({*a.ground.connections.answers.get(ref, ()), *b.ground.connections.answers.get(ref, ())}) or [0]
        for ref in {w.ref for s in (old, new) for w in s.workloads}
    }
    found = between(a, b)
    before, after = served(a, points), served(b, points)
    assert spelt(found.plaintext.gained) == after - before
    assert spelt(found.plaintext.lost) == before - after


def spelt(hearings: tuple[Hearing, ...]) -> set[tuple[Ref, int, Ref | None]]:
    return {
        (h.workload, at, source)
        for h in hearings
        for at in h.points or (0,)
        for source in (*h.sources, *((None,) if h.outside else ()))
    }


def served(version: State, points: dict[Ref, list[int]]) -> set[tuple[Ref, int, Ref | None]]:
    """Workload, port and source (None: outside), one at a time."""
    whole = version.ground.whole
    out: set[tuple[Ref, int, Ref | None]] = set()
    for i, workload in enumerate(whole.workloads):
        for strand in strands(whole.crowds, i):
            crowd = whole.crowds.of(strand.sources)
            for at in points[workload.ref]:
                if strand.channel.plaintext is True and (not at or at in strand.ports):
                    out |= {
                        (workload.ref, at, w.ref) for j, w in enumerate(whole.workloads) if crowd >> j & 1 and j != i
                    }
                    out |= {(workload.ref, at, None)} if crowd & whole.crowds.internet else set()
    return out


@given(versions(), versions())
@law
def test_paths_are_the_pairs_that_the_attack_finds_in_one_version_only(old: Snapshot, new: Snapshot) -> None:
    a, b = worked(old), worked(new)
    before, after = attacked(old, a), attacked(new, b)
    found = between(a, b)
    opened = {pair for pair, inside in after.items() if pair not in before or (before[pair] and not inside)}
    assert found.opened == len(opened)
    assert {(str(p.start), str(p.target)) for p in found.paths.gained} == opened
    assert {pair for pair in opened if after[pair]} == {pair for pair in opened if pair in found.inside}


def attacked(snapshot: Snapshot, version: State) -> dict[tuple[str, str], bool]:
    """Start and target of every path, and whether the start has to be taken first."""
    footing = version.ground.footing
    index, steps = version.permissions.rbac, given_catalog().steps
    out = {}
    for starts, inside in ((STARTS, False), ((ANY_POD,), True)):
        told = attack(
            snapshot, index, steps, () if inside else starts, TARGETS, inside=starts if inside else (), network=footing
        )
        for path in told.paths:
            out.setdefault((str(path.start), str(path.target)), inside)
    return out


@given(versions(), versions())
@law
def test_the_kinds_are_those_that_came(old: Snapshot, new: Snapshot) -> None:
    found = between(worked(old), worked(new))
    assert (Kind.EXPOSURE in found.kinds) == bool(found.exposure.gained)
    assert (Kind.PATH in found.kinds) == (found.opened > 0)
    assert (Kind.ESCALATION in found.kinds) <= (Kind.PERMISSION in found.kinds)
    assert bool(found) >= bool(found.kinds)


def test_only_names_and_places_differ_for_a_moved_object() -> None:
    """Where an object is written is no part of it."""
    moved = [msgspec.structs.replace(o, origin=msgspec.structs.replace(o.origin, file="other.yaml")) for o in every()]
    found = effect(of(*every()), of(*moved), given_catalog())
    assert found == Effect()
