"""What pods to come may have is an exact set: a label takes from it, and a pod gets in if all that it has is there."""

from __future__ import annotations

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.layers.pods.make import cluster, deployment, one, spec
from tests.layers.pods.pods import POD

from mistrust.access.verdict import Answer
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Pod
from mistrust.kube.version import LATEST, Version
from mistrust.layers.pods.admission import Enforced
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import violations
from mistrust.layers.pods.newcomers import Newcomer, free_under, in_use, needed, newcomers
from mistrust.layers.pods.standards.registry import CHECKS
from mistrust.trust.prove import prove

SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {%s}}"
ENFORCED = st.builds(
    lambda level, minor: Enforced(level, Version(1, minor), ""),
    st.sampled_from(list(Level)),
    st.integers(10, LATEST.minor),
)


def labelled(level: str, version: str = "latest") -> str:
    prefix = "pod-security.kubernetes.io/enforce"
    return SPACE % f"{prefix}: {level}, {prefix}-version: {version}"


def controls(label: str) -> set[str]:
    """What may come, in the newest meaning of every control."""
    newest = {c.id: c.revisions[-1].since for c in CHECKS}
    return {a.control for a in newcomers(cluster(label)).free if a.since == newest[a.control]}


def test_a_label_takes_what_its_level_forbids() -> None:
    baseline = {c.id for c in CHECKS if c.level is Level.BASELINE}
    assert controls(SPACE % "") == controls(labelled("privileged")) == {c.id for c in CHECKS}
    assert controls(labelled("baseline")) == {c.id for c in CHECKS} - baseline
    assert controls(labelled("restricted")) == set()


def test_an_answer_names_the_label() -> None:
    found = newcomers(cluster(labelled("baseline")))
    verdict = found.decide(Newcomer("shop", "hostPathVolumes", 0))
    assert verdict.answer is Answer.DENIED
    assert verdict.because == "namespace shop enforces baseline:latest, which forbids hostPath volumes"
    assert [e.value for e in verdict.decided_by] == ["baseline"]
    assert found.decide(Newcomer("other", "hostPathVolumes", 0)).answer is Answer.UNKNOWN


def test_a_label_that_is_too_strict_loses_what_a_pod_has() -> None:
    web = deployment(one("") + "\nvolumes: [{name: v, hostPath: {path: /x}}]")
    old, new = cluster(SPACE % "", web), cluster(labelled("baseline"), web)
    proof = prove(newcomers(old), newcomers(new), ((a,) for a in in_use(new)))
    assert [str(x.access) for x in proof.lost] == ["a pod to come in namespace shop with hostPath volumes"]
    assert (proof.gain, proof.removed > 5) == (None, True)


def test_a_newer_meaning_that_allows_more_is_a_gain() -> None:
    old, new = cluster(labelled("baseline", "v1.26")), cluster(labelled("baseline", "v1.28"))
    proof = prove(newcomers(old), newcomers(new), ())
    assert str(proof.gain) == "a pod to come in namespace shop with forbidden sysctls as before v1.27"
    back = prove(newcomers(new), newcomers(old), ())
    assert (back.gain is None, back.removed) == (True, proof.gained)


@settings(deadline=None)
@given(POD, ENFORCED)
def test_law_a_level_admits_a_pod_if_all_that_it_has_is_free(plain: dict[str, object], place: Enforced) -> None:
    pod = msgspec.convert(plain, Pod)
    assume(pod.spec.os is None or pod.spec.os.name != "windows")  # API validation refuses Linux fields there
    admitted = not violations(place.level, pod.metadata, pod.spec, place.version)
    assert admitted == (set(needed("x", pod.metadata, pod.spec)) <= set(free_under("x", place)))


@settings(deadline=None)
@given(POD, ENFORCED, ENFORCED)
def test_law_what_gives_no_newcomer_more_admits_no_pod_more(plain: dict[str, object], a: Enforced, b: Enforced) -> None:
    pod = msgspec.convert(plain, Pod)
    assume(pod.spec.os is None or pod.spec.os.name != "windows")
    if set(free_under("x", a)) <= set(free_under("x", b)):
        refused = violations(b.level, pod.metadata, pod.spec, b.version)
        assert not refused or violations(a.level, pod.metadata, pod.spec, a.version)


def test_what_a_pod_needs_is_what_it_violates() -> None:
    assert {n.control for n in needed("x", Metadata(), spec("hostPID: true"))} == {"hostNamespaces"}
