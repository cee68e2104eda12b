"""What is written is what is read back: no field is lost, and none is made up."""

from __future__ import annotations

import pytest
import yaml

from mistrust.access.change import Change
from mistrust.kube.istio import (
    AuthorizationPolicy,
    AuthorizationPolicySpec,
    AuthorizationRule,
    Condition,
    From,
    MutualTLS,
    Operation,
    PeerAuthentication,
    PeerAuthenticationSpec,
    Provider,
    Source,
    TargetRef,
    To,
    WorkloadSelector,
)
from mistrust.kube.linkerd import (
    LinkerdAuthorizationPolicy,
    LinkerdAuthorizationSpec,
    LinkerdRef,
    MeshTLSAuthentication,
    MeshTLSAuthenticationSpec,
    NetworkAuthentication,
    NetworkAuthenticationSpec,
    Server,
    ServerSpec,
)
from mistrust.kube.meta import Metadata, Object
from mistrust.kube.network import IPBlock
from mistrust.kube.problem import Origin
from mistrust.kube.read import read
from mistrust.kube.selectors import LabelSelector
from mistrust.report.manifests import folder, manifest

HERE = Metadata(name="web", namespace="shop", labels={"team": "a"})
WEB = WorkloadSelector(match_labels={"app": "web"})
FULL = AuthorizationRule(
    sources=(From(Source(principals=("cluster.local/ns/shop/sa/a",), not_namespaces=("lab",))),),
    operations=(To(Operation(methods=("GET",), paths=("/cart/{*}", "/*"), ports=("8080",))), To()),
    conditions=(Condition("request.headers[x]", ("yes", "1"), ("no",)),),
)
OBJECTS: tuple[Object, ...] = (
    PeerAuthentication(
        metadata=HERE, spec=PeerAuthenticationSpec(WEB, MutualTLS("STRICT"), {"9090": MutualTLS("PERMISSIVE")})
    ),
    PeerAuthentication(metadata=HERE, spec=PeerAuthenticationSpec(mtls=MutualTLS("STRICT"))),
    AuthorizationPolicy(metadata=HERE, spec=AuthorizationPolicySpec(selector=WEB, rules=(FULL, AuthorizationRule()))),
    AuthorizationPolicy(metadata=HERE),
    AuthorizationPolicy(
        metadata=HERE,
        spec=AuthorizationPolicySpec(
            target_refs=(TargetRef(kind="Service", name="web"),),
            action="CUSTOM",
            provider=Provider("opa"),
            rules=(FULL,),
        ),
    ),
    Server(
        metadata=HERE,
        spec=ServerSpec(pod_selector=LabelSelector({"app": "web"}), port=8080, proxy_protocol="HTTP/2"),
    ),
    Server(metadata=HERE, spec=ServerSpec(pod_selector=LabelSelector(), port="http", access_policy="audit")),
    LinkerdAuthorizationPolicy(
        metadata=HERE,
        spec=LinkerdAuthorizationSpec(
            LinkerdRef("policy.linkerd.io", "Server", "web"),
            (LinkerdRef("policy.linkerd.io", "MeshTLSAuthentication", "web", "shop"),),
        ),
    ),
    MeshTLSAuthentication(metadata=HERE, spec=MeshTLSAuthenticationSpec(identities=("*.cluster.local", "a.b"))),
    NetworkAuthentication(
        metadata=HERE, spec=NetworkAuthenticationSpec((IPBlock("10.0.0.0/8", ("10.1.0.0/16",)), IPBlock("::/0")))
    ),
)


@pytest.mark.parametrize("written", OBJECTS, ids=[f"{i}-{o.KIND}" for i, o in enumerate(OBJECTS)])
def test_what_is_written_reads_back(written: Object) -> None:
    text = yaml.safe_dump(manifest(written)).encode()
    (found,), problems = read(text, "written.yaml")
    assert not problems
    assert type(found) is type(written)
    assert manifest(found) == manifest(written)
    assert found.metadata == written.metadata
    assert getattr(found, "spec") == getattr(written, "spec")  # noqa: B009 - every kind has its own


def test_an_empty_policy_is_written_as_one() -> None:
    """It denies everything, and a file without `spec` looks like a mistake."""
    assert manifest(AuthorizationPolicy(metadata=HERE))["spec"] == {}


def test_a_changed_policy_replaces_the_old_one_as_a_whole() -> None:
    """Ports and labels that a merge would keep must go."""
    old = PeerAuthentication(
        metadata=HERE,
        origin=Origin("a.yaml"),
        spec=PeerAuthenticationSpec(WEB, MutualTLS("STRICT"), {"9090": MutualTLS("PERMISSIVE")}),
    )
    new = PeerAuthentication(metadata=HERE, spec=PeerAuthenticationSpec(mtls=MutualTLS("STRICT")))
    files = folder([Change(old, (new,), "")])
    (patch,) = yaml.safe_load(files["patches/peerauthentication-shop-web.yaml"])
    assert patch == {"op": "replace", "path": "/spec", "value": {"mtls": {"mode": "STRICT"}}}
    component = yaml.safe_load(files["kustomization.yaml"])
    target = {"group": "security.istio.io", "version": "v1", "kind": "PeerAuthentication"}
    assert component["patches"] == [
        {
            "path": "patches/peerauthentication-shop-web.yaml",
            "target": {**target, "name": "web", "namespace": "shop"},
        }
    ]


def test_two_meshes_call_different_things_by_one_name() -> None:
    """Istio's AuthorizationPolicy and Linkerd's may both be called shop/web: two files."""
    new = (AuthorizationPolicy(metadata=HERE), LinkerdAuthorizationPolicy(metadata=HERE))
    files = folder([Change(None, new, "")])
    assert [f for f in files if f.startswith("new/")] == [
        "new/authorizationpolicy-shop-web-2.yaml",
        "new/authorizationpolicy-shop-web.yaml",
    ]
