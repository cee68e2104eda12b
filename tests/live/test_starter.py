"""The starter set in a real API server: it takes every policy, finds no fault in its types, and says what we say."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout

import pytest
import yaml

from mistrust.admission.plain import labels, text
from mistrust.admission.vap.suite import Sample
from mistrust.catalog.starter import Entry, starter
from mistrust.cli.main import run
from tests.catalog.test_starter import samples
from tests.controlplane.client import Reply
from tests.controlplane.server import ControlPlane, start, until

pytestmark = pytest.mark.slow

CONTROLLERS = ("serviceaccount-controller", "validatingadmissionpolicy-status-controller")
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
KINDS = (
    ("security.istio.io", "PeerAuthentication", "peerauthentications"),
    ("security.istio.io", "AuthorizationPolicy", "authorizationpolicies"),
    ("networking.istio.io", "DestinationRule", "destinationrules"),
)
BOOTSTRAPPING = "kubernetes.io/bootstrapping"


def definition(group: str, kind: str, plural: str) -> dict[str, object]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    metadata = {"name": f"{plural}.{group}"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


def exported(*words: str) -> list[dict[str, object]]:
    out = io.StringIO()
    with redirect_stdout(out):
        assert run(["policy", "export", *words]) == 0
    return [each for each in yaml.safe_load_all(out.getvalue()) if each]


EXPORTED = {text(o, "metadata", "name"): o for o in exported() if text(o, "kind").endswith("Binding")}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A server with every policy, none of them bound."""
    with start(controllers=CONTROLLERS) as running:
        running.namespace("shop", {"pod-security.kubernetes.io/enforce": "privileged"})
        for name in ("web", "orders"):
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "shop"}}
            running.admin.apply(account)
        for group, kind, plural in KINDS:
            running.admin.apply(definition(group, kind, plural))
            path = f"/apis/{group}/v1/{plural}"
            until(lambda path=path: running.admin.request("GET", path).status == 200, "the kind is served")
        accounts = "/api/v1/namespaces/shop/serviceaccounts/default"
        until(lambda: running.admin.request("GET", accounts).status == 200, "the namespace has its account")
        running.admin.apply(*(o for o in exported() if not text(o, "kind").endswith("Binding")))
        yield running


def tried(plane: ControlPlane, manifest: Mapping[str, object]) -> Reply:
    """Create without keeping."""
    collection, _, _ = plane.admin.path(manifest).rpartition("/")
    return plane.admin.request("POST", f"{collection}?dryRun=All", manifest)


def by_the_policy(entry: Entry, reply: Reply) -> str:
    """What a policy says, where it is what keeps an object out."""
    said = f"ValidatingAdmissionPolicy '{entry.name}' with binding '{entry.name}' denied request: "
    return reply.message.partition(said)[2]


def test_the_api_server_finds_no_fault_in_the_types_of_any_policy(plane: ControlPlane) -> None:
    for entry in starter():
        path = f"{POLICIES}/{entry.name}"
        until(lambda path=path: "typeChecking" in plane.admin.request("GET", path).body.decode(), "types are checked")
        assert plane.admin.request("GET", path).at("status", "typeChecking") == {}, entry.name


@pytest.mark.parametrize("entry", starter(), ids=lambda entry: entry.name)
def test_the_api_server_says_of_every_sample_what_we_say(plane: ControlPlane, entry: Entry) -> None:
    chosen = [s for s in samples(entry) if takes(s)]
    denied: Sequence[Sample] = [s for s in chosen if s.messages]
    assert len(denied) >= 2
    plane.admin.apply(EXPORTED[entry.name])
    try:
        until(lambda: bool(by_the_policy(entry, tried(plane, denied[0].object))), "the policy is asked")
        for sample in chosen:
            reply = tried(plane, sample.object)
            if sample.messages or BOOTSTRAPPING in labels(sample.object):
                assert by_the_policy(entry, reply), reply.message
            else:
                assert reply.status in (201, 409), reply.message
            if sample.messages:
                assert by_the_policy(entry, reply) == sample.messages[0]
    finally:
        plane.admin.delete(EXPORTED[entry.name])
        until(lambda: not by_the_policy(entry, tried(plane, denied[0].object)), "it is asked no more")


def takes(sample: Sample) -> bool:
    """Debug containers come by a subresource, never with the pod."""
    return "ephemeralContainers" not in str(sample.object)


def test_the_check_of_types_does_find_faults(plane: ControlPlane) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.spec.template == null"}],
    }
    metadata = {"name": "wrong"}
    group = "admissionregistration.k8s.io/v1"
    plane.admin.apply({"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": spec})
    until(lambda: "undefined field" in plane.admin.request("GET", f"{POLICIES}/wrong").body.decode(), "it is said")


def test_what_was_there_before_may_change_as_long_as_it_does_not_get_worse(plane: ControlPlane) -> None:
    privileged = {"securityContext": {"privileged": True}, "image": "example.com/a:1"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "old", "namespace": "shop"},
        "spec": {"containers": [{"name": "main", **privileged}]},
    }
    assert plane.admin.create(pod).status == 201
    [entry] = [e for e in starter() if e.name == "privileged-containers"]
    binding = EXPORTED[entry.name]
    plane.admin.apply(binding)
    try:
        new = {**pod, "metadata": {"name": "new", "namespace": "shop"}}
        until(lambda: bool(by_the_policy(entry, tried(plane, new))), "the policy is asked")
        path, merge = plane.admin.path(pod), "application/merge-patch+json"
        labelled = {"metadata": {"labels": {"a": "b"}}}
        assert plane.admin.request("PATCH", path, labelled, content_type=merge).status == 200
        debug = {"spec": {"ephemeralContainers": [{"name": "debug", **privileged}]}}
        strategic = "application/strategic-merge-patch+json"
        reply = plane.admin.request("PATCH", f"{path}/ephemeralcontainers", debug, content_type=strategic)
        assert by_the_policy(entry, reply) == "privileged containers: main, debug (remove securityContext.privileged)"
    finally:
        plane.admin.delete(binding)


CLEAN = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def test_large_objects_that_nothing_is_wrong_with_are_let_in(plane: ControlPlane) -> None:
    """A policy that costs more than the API server grants to an expression would deny whatever is large."""
    environment = [{"name": f"VARIABLE_{i}", "value": "x" * 100} for i in range(100)]
    image = f"example.com/{'a' * 100}@sha256:{'0' * 64}"
    several = [{"name": f"c{i}", "image": image, "env": environment, "securityContext": CLEAN} for i in range(50)]
    spec = {"containers": several, "serviceAccountName": "web", "automountServiceAccountToken": False}
    metadata = {"name": "large", "namespace": "shop"}
    rules = [{"apiGroups": [f"g{i}.example.com"], "resources": ["a", "b"], "verbs": ["get"]} for i in range(1000)]
    large: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "Pod", "spec": spec},
        {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {**spec, "restartPolicy": "Never"}}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {f"file-{i}": "y" * 10_000 for i in range(95)}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules},
    ]
    plane.admin.apply(*EXPORTED.values())
    try:
        for entry in starter():
            [sample, *_] = [s.object for s in samples(entry) if s.messages]
            until(lambda sample=sample: "denied request" in tried(plane, sample).message, "the policies are asked")
        for each in large:
            reply = tried(plane, {**each, "metadata": metadata})
            assert reply.status == 201, reply.message
    finally:
        plane.admin.delete(*EXPORTED.values())
