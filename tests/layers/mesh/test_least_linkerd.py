"""Linkerd: a Server, its identities and its policy for each port in use; nothing where that would cut somebody off."""

from __future__ import annotations

from random import Random

import pytest
import yaml
from tests.layers.mesh.least_scene import WEEKS, often

from mistrust.access.change import Tightened, applied
from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.linkerd import LinkerdAuthorizationPolicy, MeshTLSAuthentication, Server
from mistrust.kube.meta import Object, Ref
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.istio.authorization.requests import Request
from mistrust.layers.mesh.least.access import Access
from mistrust.layers.mesh.least.grants import granted
from mistrust.layers.mesh.synthesize import synthesize
from mistrust.layers.mesh.use import Use
from mistrust.report.manifests import folder
from mistrust.trust.prove import prove

NAME = "{}.shop.serviceaccount.identity.linkerd.cluster.example.com"
BASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: linkerd-config, namespace: linkerd}
data: {values: 'identityTrustDomain: cluster.example.com'}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, annotations: {linkerd.io/inject: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: old}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {space}}}
spec:
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}
    spec: {{serviceAccountName: {name}, containers: [{{name: c, ports: [{ports}]}}]}}
"""


def deployment(name: str, *ports: int, space: str = "shop", annotations: str = "") -> str:
    listed = ", ".join(f"{{containerPort: {p}}}" for p in ports)
    return DEPLOYMENT.format(name=name, space=space, ports=listed, annotations=annotations)


def shop(*more: str) -> Snapshot:
    own = (deployment("web"), deployment("cart", 80), deployment("db", 5432), deployment("legacy", space="old"))
    objects, problems = read("\n---\n".join((BASE, *own, *more)).encode(), "shop.yaml")
    assert not problems
    return snapshot(objects)


def of(name: str, space: str = "shop") -> Ref:
    return Ref("apps", "Deployment", space, name)


def use(source: str, target: str, port: int, security: str = "mtls", space: str = "shop") -> Use:
    who = NAME.format(source) if security == "mtls" else ""
    return Use(of(source, space), of(target), point("TCP", port), who, security)


USES = often(use("web", "cart", 80), use("cart", "db", 5432))


def tightened(given: Snapshot, uses: object = USES) -> tuple[Tightened, Snapshot]:
    found = synthesize(given, uses, WEEKS)  # type: ignore[arg-type]
    return found, snapshot(applied(given.objects, found.changes))


def made(found: Tightened) -> list[Object]:
    return [o for c in found.changes for o in c.new]


def test_a_port_in_use_gets_a_server_its_identities_and_a_policy() -> None:
    found, _ = tightened(shop())
    server, names, policy = (o for o in made(found) if o.name == "cart-80")
    assert isinstance(server, Server)
    assert server.spec.port == 80
    assert server.spec.pod_selector is not None
    assert server.spec.pod_selector.match_labels == {"app": "cart"}
    assert isinstance(names, MeshTLSAuthentication)
    assert names.spec.identities == (NAME.format("web"),)
    assert isinstance(policy, LinkerdAuthorizationPolicy)
    assert (policy.spec.target_ref.kind, policy.spec.target_ref.name) == ("Server", "cart-80")
    assert [r.name for r in policy.spec.required_authentication_refs] == ["cart-80"]


def test_what_was_used_passes_and_nobody_else_does() -> None:
    given = shop()
    found, after = tightened(given)
    old, new = granted(given), granted(after)
    proof = prove(old, new, map(old.ways, USES))
    assert proof.holds
    assert not proof.unknown
    assert proof.used == 2
    for source, name in (("db", NAME.format("db")), ("cart", None), ("legacy", None)):
        space = "old" if source == "legacy" else "shop"
        verdict = new.decide(Access(of(source, space), of("cart"), Request(80, name)))
        assert verdict.answer is Answer.DENIED, (source, verdict)
    assert [str(n) for n in found.changes[0].notes] == [
        "spec.identities[0]: Deployment shop/web -> Deployment shop/cart TCP 80 (10 times, last on 1970-01-02)"
    ]


def test_there_is_nothing_to_do_twice() -> None:
    _, after = tightened(shop())
    assert tightened(after)[0].changes == ()


def test_where_the_proxy_takes_a_port_for_bytes_so_does_the_server() -> None:
    """A database speaks first: a Server that looks for HTTP would make every connection wait."""
    found, _ = tightened(shop())
    protocols = {o.name: o.spec.proxy_protocol for o in made(found) if isinstance(o, Server)}
    assert protocols == {"cart-80": "unknown", "db-5432": "opaque"}


def test_a_client_without_a_proxy_keeps_its_port_open() -> None:
    found, _ = tightened(shop(), {**USES, **often(use("legacy", "cart", 80, "plaintext", space="old"))})
    assert [o.name for o in made(found) if isinstance(o, Server)] == ["db-5432"]
    assert [str(each) for each in found.left if each.ref == of("cart")] == [
        "left alone Deployment shop/cart: port 80: Deployment old/legacy connects without an identity "
        "(10 times, last on 1970-01-02)"
    ]


def test_a_flow_between_proxies_is_mutual_tls_without_anybody_saying_so() -> None:
    found, _ = tightened(shop(), often(use("web", "cart", 80, ""), use("cart", "db", 5432)))
    assert [o.spec.identities for o in made(found) if isinstance(o, MeshTLSAuthentication)] == [
        (NAME.format("web"),),
        (NAME.format("cart"),),
    ]


def test_a_server_that_is_there_already_stays() -> None:
    server = """
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: mine, namespace: shop}
spec: {podSelector: {matchLabels: {app: cart}}, port: 80, accessPolicy: all-authenticated}
"""
    found, _ = tightened(shop(server))
    assert [o.name for o in made(found) if isinstance(o, Server)] == ["db-5432"]


def test_the_other_ports_of_a_namespace_are_closed_where_every_one_in_use_has_a_server() -> None:
    """By the annotation that proxies read when they are injected; what runs keeps its default until it restarts."""
    given = shop()
    found, after = tightened(given)
    (change,) = (c for c in found.changes if c.edits)
    assert str(change) == (
        "change Namespace shop: every port in use in shop has a Server: the others are closed, of pods to come"
    )
    files = folder([change])
    assert yaml.safe_load(files["fields/namespace-shop.yaml"]) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "annotations": {"config.linkerd.io/default-inbound-policy": "deny"}},
    }
    other = Access(of("web"), of("cart"), Request(9999, NAME.format("web")))
    assert granted(given).decide(other).answer is Answer.ALLOWED
    assert granted(after).decide(other).answer is Answer.DENIED


def test_somebody_whose_proxy_told_nothing_is_left_alone() -> None:
    found, _ = tightened(shop(), often(use("web", "cart", 80)))
    assert [str(each) for each in found.left] == [
        "left alone Deployment shop/db: nothing was seen to connect to it, and nothing says that it would have been"
    ]
    assert not [c for c in found.changes if c.edits]


@pytest.mark.parametrize("seed", range(12))
def test_every_use_is_kept_and_nothing_is_gained_whatever_was_used(seed: int) -> None:
    dice = Random(seed)
    given = shop(
        deployment("api", 80, 9090, annotations=dice.choice(["", "config.linkerd.io/skip-inbound-ports: '9090'"]))
    )
    old = granted(given)
    uses = {}
    for _ in range(dice.choice([4, 12, 30])):
        source, space = dice.choice([("web", "shop"), ("cart", "shop"), ("db", "shop"), ("legacy", "old")])
        security = dice.choice(["mtls", "mtls", ""]) if space == "shop" else "plaintext"
        one = use(source, dice.choice(["cart", "db", "api", "web"]), dice.choice([80, 5432, 9090]), security, space)
        if any(old.decide(a).answer is Answer.ALLOWED for a in old.ways(one)):
            uses |= often(one)
    found, after = tightened(given, uses)
    proof = prove(granted(given, uses), granted(after, uses), map(old.ways, uses))
    assert (proof.lost, proof.gain, proof.unknown, proof.used) == ((), None, (), len(uses))
    assert not tightened(after, uses)[0].changes
    if found.changes:
        assert proof.removed
