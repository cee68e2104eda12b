"""Conditions of a step on the cluster, its namespace and its actor, each in an example as the catalog writes them."""

from __future__ import annotations

import pytest
from tests.paths.cluster import RBAC, account, cluster, granted, named, namespace, rule

from mistrust.kube.errors import InputError
from mistrust.kube.snapshot import Scope
from mistrust.layers.identity.index import rbac
from mistrust.paths.attack import attack
from mistrust.paths.conditions import inside, understood
from mistrust.paths.examples import evaluate
from mistrust.paths.path import Foothold
from mistrust.paths.step import Example, Gain, Need, Permission, Step

CREATE_PODS = Need((Permission(("create",), ("pods",)),))
MAY_CREATE_PODS = rule("create", "pods")


def step(where: str, actor: str = "identity", gains: Gain = Gain.LEAK, **more: object) -> Step:
    needs = () if actor != "identity" or where.startswith("annotation:") else (CREATE_PODS,)
    return Step("s", "S", "Do it", gains, actor=actor, where=(where,), needs=needs, **more)  # type: ignore[arg-type]


def holds(s: Step, *objects: dict[str, object], **example: object) -> bool:
    rules = (MAY_CREATE_PODS,) if s.needs else ()
    return evaluate(s, Example(rules=rules, namespace="shop" if rules else "", objects=objects, **example))  # type: ignore[arg-type]


def test_pod_security_of_the_namespace() -> None:
    s = step("pod-security-admits-privileged")
    assert holds(s)
    assert not holds(s, namespace("shop", "baseline"))


def test_a_token_kept_in_a_secret() -> None:
    token = named("Secret", "token", "shop", type="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "attacker"}  # type: ignore[index]
    s = step("token-secret")
    assert holds(s, token)
    assert not holds(s, named("Secret", "token", "shop"))


def test_a_binding_without_its_role() -> None:
    ref = {"apiGroup": RBAC, "kind": "Role", "name": "gone"}
    dangling = named("RoleBinding", "old", "shop", f"{RBAC}/v1", roleRef=ref, subjects=[])
    assert holds(step("dangling-role"), dangling)
    assert not holds(step("dangling-role"))


def test_a_resource_that_the_cluster_has() -> None:
    s = step("kind:widgets.example.com")
    names = {"group": "example.com", "names": {"plural": "widgets", "kind": "Widget"}}
    assert holds(s, named("CustomResourceDefinition", "widgets.example.com", "", "apiextensions.k8s.io/v1", spec=names))
    assert holds(s, named("Widget", "w", "shop", "example.com/v1"))
    assert not holds(s, named("Widget", "w", "shop", "example.org/v1"))


def test_files_may_leave_a_definition_out_and_the_hop_says_so() -> None:
    s = step("kind:widgets.example.com")
    snapshot = cluster(
        account("shop", "attacker"), *granted("shop/attacker", MAY_CREATE_PODS, namespace="shop"), scope=Scope.MANIFESTS
    )
    start = Foothold("identity", "ServiceAccount shop/attacker")
    (path,) = attack(snapshot, rbac(snapshot), [s], (start,), (Foothold("leak", ""),)).paths
    assert path.hops[0].assumes == "the cluster has widgets.example.com"


def test_an_object_by_its_name() -> None:
    s = step("object:ConfigMap kube-system/aws-auth")
    assert holds(s, named("ConfigMap", "aws-auth", "kube-system"))
    assert not holds(s, named("ConfigMap", "aws-auth", "shop"))


def test_an_annotation_of_the_acting_service_account() -> None:
    s = step("annotation:eks.amazonaws.com/role-arn", gains=Gain.CLOUD)
    annotated = account("shop", "attacker")
    annotated["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}  # type: ignore[index]
    assert holds(s, annotated)
    assert not holds(s)


@pytest.mark.parametrize(
    ("where", "spec"),
    [
        ("pod:host-network", {"hostNetwork": True}),
        ("pod:host-pid", {"hostPID": True}),
        ("pod:host-path=/var/log", {"volumes": [{"name": "v", "hostPath": {"path": "/var/log/pods/"}}]}),
        ("pod:host-path=/var/log", {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    ],
)
def test_the_acting_pod(where: str, spec: dict[str, object]) -> None:
    pod = named("Pod", "attacker", "shop", spec={"containers": [{"name": "c"}], **spec})
    assert holds(step(where, "pod"), pod)
    assert not holds(step(where, "pod"))


def test_other_words_are_an_error() -> None:
    assert understood("pod:host-network")
    assert not understood("pod:privileged")
    with pytest.raises(InputError, match="not a condition"):
        holds(step("moon:full"))


@pytest.mark.parametrize(
    ("path", "mounted", "expected"),
    [("/var/log", "/", True), ("/var/log", "/var/log/x", True), ("/var/log", "/var/lo", False), ("/", "/etc", True)],
)
def test_inside(path: str, mounted: str, expected: bool) -> None:
    assert inside(path, mounted) is expected


# --- who acts --------------------------------------------------------------------------------------------------------


def test_code_in_a_pod_acts_with_the_rights_of_its_token() -> None:
    s = Step("s", "S", "Do it", Gain.LEAK, actor="pod", needs=(CREATE_PODS,))
    without = named("Pod", "attacker", "shop", spec={"containers": [{"name": "c"}], "serviceAccountName": "attacker"})
    without["spec"]["automountServiceAccountToken"] = False  # type: ignore[index]
    example = {"rules": (MAY_CREATE_PODS,), "namespace": "shop"}
    assert evaluate(s, Example(**example))  # type: ignore[arg-type]
    assert not evaluate(s, Example(**example, objects=(without,)))  # type: ignore[arg-type]


@pytest.mark.parametrize("actor", ["node", "node-identity"])
def test_a_node_adds_its_half_to_the_rights_of_an_identity(actor: str) -> None:
    s = Step("s", "S", "Do it", Gain.LEAK, actor=actor, needs=(CREATE_PODS,))  # type: ignore[arg-type]
    assert evaluate(s, Example(rules=(MAY_CREATE_PODS,), namespace="shop"))
    assert not evaluate(s, Example(rules=(rule("get", "pods"),), namespace="shop"))


def test_whoever_is_outside_needs_nothing() -> None:
    assert evaluate(Step("s", "S", "Do it", Gain.LEAK, actor="outside"), Example())
