"""Whatever runs and whatever was seen: what is used stays, nothing is gained, and a second look finds nothing to do."""

from __future__ import annotations

import json

import msgspec
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.layers.pods.evidence import ALWAYS, account, call, kubelet, log
from tests.layers.pods.pods import POD

from mistrust.access.change import Tightened, applied
from mistrust.access.edited import edited
from mistrust.cli.shop.overlay import merged
from mistrust.kube.core import Namespace
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Metadata, Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.version import Version
from mistrust.layers.pods.admission import admits
from mistrust.layers.pods.layer import Pods
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.newcomers import in_use, newcomers
from mistrust.layers.pods.policy import ENFORCE
from mistrust.layers.pods.synthesize import synthesize
from mistrust.layers.pods.usage import Contacts, Usage, used
from mistrust.report.manifests import patch
from mistrust.trust.prove import prove

Plain = dict[str, object]
SPACES = ("a", "b")
CALLS = [
    *(kubelet(who, space) for who in ("default", "other") for space in SPACES),
    *(call(account(who, space), "get", "pods") for who in ("default", "other") for space in SPACES),
    call("alice", "create", "pods", "x", "a"),
    call("system:node:n", "create", "tokenreviews.authentication.k8s.io", namespace=""),
]


def deployment(number: int, pod: Plain, space: str, account: str | None, automount: bool | None) -> Plain:
    spec = {**json.loads(json.dumps(pod["spec"])), "serviceAccountName": account}
    if automount is not None:
        spec["automountServiceAccountToken"] = automount
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"w{number}", "namespace": space},
        "spec": {"template": {"metadata": {"annotations": metadata["annotations"]}, "spec": spec}},
    }


def namespace(name: str, level: str | None, version: str | None) -> Plain:
    labels = {ENFORCE: level, f"{ENFORCE}-version": version}
    kept = {k: v for k, v in labels.items() if v is not None}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": kept}}


def objects(plain: list[Plain]) -> list[Object]:
    found = [o for i, each in enumerate(plain) for o in from_plain(each, Origin("w.yaml", i))]
    assert all(isinstance(o, Object) for o in found)
    return [o for o in found if isinstance(o, Object)]


LEVELS = st.sampled_from([None, "privileged", "baseline", "restricted"])
VERSIONS = st.sampled_from([None, "latest", "v1.24", "v1.33"])
WORKLOADS = st.lists(
    st.tuples(POD, st.sampled_from(SPACES), st.sampled_from([None, "other"]), st.sampled_from([None, True, False])),
    max_size=3,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Plain], Snapshot, Usage]:
    """Namespaces, workloads, and what was seen of them."""
    plain = [namespace(name, draw(LEVELS), draw(VERSIONS)) for name in SPACES]
    plain += [deployment(i, *each) for i, each in enumerate(draw(WORKLOADS))]
    version = draw(st.sampled_from([None, Version(1, 25), Version(1, 34)]))
    world = snapshot(objects(plain), version=version, scope=draw(st.sampled_from(list(Scope))))
    refs = [w.ref for w in world.workloads]
    some = st.sets(st.sampled_from(refs)) if refs else st.just(set())
    contacts = draw(
        st.none()
        | st.builds(
            lambda complete, asked, nodes: Contacts(
                dict.fromkeys(complete, ALWAYS), frozenset(complete), frozenset(asked), frozenset(nodes)
            ),
            some,
            some,
            some,
        )
    )
    return plain, world, used(world, log(*draw(st.sets(st.sampled_from(CALLS)))), contacts)


def with_changes(world: Snapshot, found: Tightened) -> Snapshot:
    return snapshot(applied(world.objects, found.changes), version=world.version, scope=world.scope)


@settings(deadline=None, max_examples=150)
@given(worlds())
def test_law_nothing_used_is_lost_and_nothing_is_gained(given_: tuple[list[Plain], Snapshot, Usage]) -> None:
    _, world, usage = given_
    after = with_changes(world, synthesize(world, usage))
    powers = prove(Pods().granted(world), Pods().granted(after), ((a,) for a in usage.accesses(world)))
    assert (powers.lost, powers.gain) == ((), None)
    to_come = prove(newcomers(world), newcomers(after), ((a,) for a in in_use(after)))
    assert (to_come.lost, to_come.gain) == ((), None)


@settings(deadline=None, max_examples=150)
@given(worlds())
def test_law_every_pod_that_got_in_gets_in(given_: tuple[list[Plain], Snapshot, Usage]) -> None:
    _, world, usage = given_
    after = with_changes(world, synthesize(world, usage))
    for old, new in zip(world.workloads, after.workloads, strict=True):
        before = admits(world, old.namespace, old.template.metadata, old.spec).answer
        now = admits(after, new.namespace, new.template.metadata, new.spec).answer
        assert before == now


@settings(deadline=None, max_examples=100)
@given(worlds())
def test_law_a_second_look_finds_nothing_to_change(given_: tuple[list[Plain], Snapshot, Usage]) -> None:
    _, world, usage = given_
    after = with_changes(world, synthesize(world, usage))
    assert synthesize(after, usage).changes == ()


@settings(deadline=None, max_examples=100)
@given(worlds(), st.data())
def test_law_a_label_that_keeps_a_pod_out_is_found(
    given_: tuple[list[Plain], Snapshot, Usage], data: st.DataObject
) -> None:
    _, world, _ = given_
    assume(world.workloads)
    victim = data.draw(st.sampled_from(world.workloads))
    strict = [
        msgspec.structs.replace(o, metadata=Metadata(name=o.name, labels={ENFORCE: str(Level.RESTRICTED)}))
        if isinstance(o, Namespace) and o.name == victim.namespace
        else o
        for o in world.objects
    ]
    after = snapshot(strict, version=world.version, scope=world.scope)
    pod = victim.template.metadata, victim.spec
    before, now = admits(world, victim.namespace, *pod).answer, admits(after, victim.namespace, *pod).answer
    proof = prove(newcomers(world), newcomers(after), ((a,) for a in in_use(after)))
    assert bool(proof.lost) or before == now


@settings(deadline=None, max_examples=100)
@given(worlds())
def test_law_a_patch_says_exactly_the_edits(given_: tuple[list[Plain], Snapshot, Usage]) -> None:
    plain, world, usage = given_
    for change in synthesize(world, usage).changes:
        assert change.old is not None
        assert (edited(change.old, change.edits),) == change.new
        said = yaml.safe_load(yaml.safe_dump(patch(change.old, change.edits)))
        [new] = objects([merged(plain[change.old.origin.document], said)])  # type: ignore[list-item]
        assert (msgspec.structs.replace(new, origin=change.old.origin),) == change.new
