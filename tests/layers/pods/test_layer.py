"""The pods layer answers as every layer does: an exact set, with a verdict for each access."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.layers.pods.make import cluster, deployment, one

from mistrust.access.layer import Layer
from mistrust.access.verdict import Answer
from mistrust.kube.meta import Ref
from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.layer import Access, Pods, Powers

QUIET = "automountServiceAccountToken: false\n" + one("")
WAYS = ["hostPID: true\n", "hostNetwork: true\n", "hostIPC: true\n", "shareProcessNamespace: true\n"]
PODS = st.lists(st.sets(st.sampled_from(WAYS)).map(lambda ways: "".join(sorted(ways)) + QUIET), max_size=3)


def granted(pods: list[str]) -> Powers:
    return Pods().granted(cluster(*(deployment(pod, f"w{i}") for i, pod in enumerate(pods))))


def test_it_is_a_layer() -> None:
    layer: Layer[Powers] = Pods()
    assert (layer.name, layer.absent) == ("pods", "deny")


def test_a_verdict_carries_the_fields_that_decided_it() -> None:
    powers = granted(["hostPID: true\n" + QUIET])
    web = Ref("apps", "Deployment", "shop", "w0")
    answer = powers.decide(Access(web, Power.NODE_PROCESSES))
    assert answer.answer is Answer.ALLOWED
    assert [str(e) for e in answer.decided_by] == ["Deployment shop/w0 spec.template.spec.hostPID true"]
    assert powers.decide(Access(web, Power.NODE)).answer is Answer.DENIED
    assert powers.decide(Access(Ref("", "Pod", "x", "y"), Power.NODE)).answer is Answer.UNKNOWN


def test_a_condition_of_every_way_is_said() -> None:
    powers = granted(["automountServiceAccountToken: false\n" + one("securityContext: {privileged: true}")])
    [access] = powers.held
    assert powers.decide(access).failed == ("if the image runs as root",)


def test_an_amplifier_is_no_power() -> None:
    context = "securityContext: {capabilities: {add: [SYSLOG]}}"
    assert granted(["automountServiceAccountToken: false\n" + one(context)]).count() == 0


def everything(powers: Powers) -> set[Access]:
    return {Access(ref, power) for ref in powers.known for power in Power if _allows(powers, Access(ref, power))}


def _allows(powers: Powers, access: Access) -> bool:
    return powers.decide(access).answer is Answer.ALLOWED


@given(PODS, PODS)
def test_law_sets_are_sets_of_what_is_decided(a: list[str], b: list[str]) -> None:
    first, second = granted(a), granted(b)
    assert everything(first | second) == everything(first) | everything(second)
    assert everything(first - second) == everything(first) - everything(second)
    assert first.count() == len(everything(first))
    witness = (first - second).witness()
    assert (witness is None) == (everything(first) <= everything(second))
    assert witness is None or witness in everything(first)
