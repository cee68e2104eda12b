"""Linkerd's decisions as tables: who gets in to port 80 of `web`, and how.

In meaning these are linkerd2's own tests: policy-controller/k8s/index/src/inbound/tests and policy-test/tests. Each
cell is the transport, what authorization says, and whether the server would take plaintext from this client.
"""

from __future__ import annotations

import pytest
from tests.layers.mesh.linkerd_scene import WORLD, Scene, grant, meshtls, network, policy, route, server

MUTUAL = ("mtls-enforced", "identity", "no")
OPEN = ("mtls-opportunistic", "none", "yes")
PLAIN = ("plaintext", "none", "yes")
REFUSED = ("broken", "denied", "no")
"""The client speaks plaintext, and mutual TLS is wanted."""
DENIED = ("mtls-enforced", "denied", "no")
SHUT = ("plaintext", "denied", "no")

DEFAULTS = {  # the policy: the meshed, the meshed elsewhere, the plain, the plain from afar, whoever else
    "all-unauthenticated": (OPEN, OPEN, PLAIN, PLAIN, PLAIN),
    "all-authenticated": (MUTUAL, MUTUAL, REFUSED, REFUSED, REFUSED),
    "cluster-unauthenticated": (
        ("mtls-opportunistic", "address", "yes"),
        DENIED,
        ("plaintext", "address", "yes"),
        SHUT,
        ("plaintext", "unknown", "unknown"),
    ),
    "cluster-authenticated": (MUTUAL, DENIED, REFUSED, REFUSED, REFUSED),
    "deny": (DENIED, DENIED, SHUT, SHUT, SHUT),
    "audit": (OPEN, OPEN, PLAIN, PLAIN, PLAIN),
}
CLIENTS = ("meshed", "other", "plain", "far", "outside")


@pytest.mark.parametrize("default", DEFAULTS)
def test_a_default_policy_of_the_cluster(default):
    assert tuple(Scene(WORLD, default=default).table(80, *CLIENTS).values()) == DEFAULTS[default]


@pytest.mark.parametrize("default", DEFAULTS)
@pytest.mark.parametrize("where", ["pod", "namespace"])
def test_an_annotation_goes_before_the_cluster(default, where):
    annotated = f"annotations: {{config.linkerd.io/default-inbound-policy: {default}, linkerd.io/inject: enabled"
    world = (
        WORLD.replace("name: web, namespace: ns-0, ", f"name: web, namespace: ns-0, {annotated}}}, ", 1)
        if where == "pod"
        else WORLD.replace("annotations: {linkerd.io/inject: enabled", annotated, 1)
    )
    scene = Scene(world, default="all-unauthenticated" if default == "deny" else "deny")
    assert tuple(scene.table(80, *CLIENTS).values()) == DEFAULTS[default]


def test_an_annotation_that_linkerd_does_not_know_leaves_the_clusters():
    world = WORLD.replace(
        "labels: {app: web}", "labels: {app: web}, annotations: {config.linkerd.io/default-inbound-policy: bogus}"
    )
    assert tuple(Scene(world, default="deny").table(80, *CLIENTS).values()) == DEFAULTS["deny"]


@pytest.mark.parametrize(("default", "then"), [
    ("all-unauthenticated", "all-authenticated"), ("all-authenticated", "all-authenticated"),
    ("cluster-unauthenticated", "cluster-authenticated"), ("cluster-authenticated", "cluster-authenticated"),
    ("deny", "deny"), ("audit", "audit"),
])  # fmt: skip
def test_ports_that_require_an_identity(default, then):
    key = "config.linkerd.io/proxy-require-identity-inbound-ports"
    world = WORLD.replace("labels: {app: web}", f"labels: {{app: web}}, annotations: {{{key}: '80'}}")
    scene = Scene(world, default=default)
    assert tuple(scene.table(80, *CLIENTS).values()) == DEFAULTS[then]
    assert tuple(scene.table(81, *CLIENTS).values()) == DEFAULTS[default]


@pytest.mark.parametrize("port", [80, "http"])
def test_a_server_replaces_the_default_on_its_port_alone(port):
    scene = Scene(WORLD, server(port=port))
    assert scene.table(80, "meshed", "plain") == {"meshed": DENIED, "plain": SHUT}
    assert scene.table(8080, "meshed", "plain") == {"meshed": OPEN, "plain": PLAIN}


@pytest.mark.parametrize("spec", [server(selector="{app: api}"), server(port="metrics"), server(port=81)])
def test_a_server_that_selects_something_else_changes_nothing_here(spec):
    assert Scene(WORLD, spec).told("plain", 80) == PLAIN


@pytest.mark.parametrize("access", DEFAULTS)
def test_the_access_policy_of_a_server(access):
    scene = Scene(WORLD, server(spec=f"accessPolicy: {access}"), default="deny")
    assert tuple(scene.table(80, *CLIENTS).values()) == DEFAULTS[access]


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_of_two_servers_on_a_port_the_oldest_decides(first, second):
    old = server(name=first, spec="accessPolicy: all-authenticated", meta="creationTimestamp: '2026-01-01T00:00:00Z'")
    new = server(
        name=second, spec="accessPolicy: all-unauthenticated", meta="creationTimestamp: '2026-02-01T00:00:00Z'"
    )
    assert Scene(WORLD, new, old).told("plain", 80) == REFUSED


def test_of_two_servers_of_one_age_the_first_name_decides():
    b = server(name="b", spec="accessPolicy: all-unauthenticated")
    a = server(name="a", spec="accessPolicy: all-authenticated")
    assert Scene(WORLD, b, a).told("plain", 80) == REFUSED


ANY = meshtls("any", "*")
DOMAIN = "serviceaccount.identity.linkerd.cluster.example.com"
FOO = f"foo.ns-0.{DOMAIN}"

POLICIES = {  # what is written, then: the meshed (foo, 192.0.2.1), the meshed elsewhere (bar, 10.0.0.7), plain, far
    "everything in the mesh": (
        (policy("Server srv", "MeshTLSAuthentication any"), ANY),
        (MUTUAL, MUTUAL, REFUSED, REFUSED),
    ),
    "one name": (
        (policy("Server srv", "MeshTLSAuthentication one"), meshtls("one", FOO)),
        (MUTUAL, DENIED, REFUSED, REFUSED),
    ),
    "a suffix": (
        (policy("Server srv", "MeshTLSAuthentication one"), meshtls("one", f"*.ns-1.{DOMAIN}")),
        (DENIED, MUTUAL, REFUSED, REFUSED),
    ),
    "a suffix begins at a dot": (
        (policy("Server srv", "MeshTLSAuthentication one"), meshtls("one", f"*.s-0.{DOMAIN}")),
        (DENIED, DENIED, REFUSED, REFUSED),
    ),
    "another trust domain": (
        (policy("Server srv", "MeshTLSAuthentication one"), meshtls("one", FOO.replace("example.com", "local"))),
        (DENIED, DENIED, REFUSED, REFUSED),
    ),
    "a service account of the policy's namespace": (
        (policy("Server srv", "ServiceAccount foo"),),
        (MUTUAL, DENIED, REFUSED, REFUSED),
    ),
    "a service account of another namespace": (
        (policy("Server srv", "ServiceAccount ns-1/bar"),),
        (DENIED, MUTUAL, REFUSED, REFUSED),
    ),
    "identityRefs to a service account": (
        (policy("Server srv", "MeshTLSAuthentication sa"), meshtls("sa", refs="[{kind: ServiceAccount, name: foo}]")),
        (MUTUAL, DENIED, REFUSED, REFUSED),
    ),
    "identityRefs to a namespace": (
        (policy("Server srv", "MeshTLSAuthentication sa"), meshtls("sa", refs="[{kind: Namespace, name: ns-1}]")),
        (DENIED, MUTUAL, REFUSED, REFUSED),
    ),
    "addresses": (
        (policy("Server srv", "NetworkAuthentication net"), network("net", "192.0.2.0/24")),
        (("mtls-opportunistic", "address", "yes"), DENIED, ("plaintext", "address", "yes"), SHUT),
    ),
    "addresses without some": (
        (policy("Server srv", "NetworkAuthentication net"), network("net", "192.0.2.0/24!192.0.2.1/32")),
        (DENIED, DENIED, ("plaintext", "address", "yes"), SHUT),
    ),
    "an identity and an address, both": (
        (
            policy("Server srv", "NetworkAuthentication net", "MeshTLSAuthentication any"),
            ANY,
            network("net", "192.0.2.0/24"),
        ),
        (MUTUAL, DENIED, REFUSED, REFUSED),
    ),
    "an identity or an address, two policies": (
        (
            policy("Server srv", "NetworkAuthentication net", name="a"),
            policy("Server srv", "MeshTLSAuthentication any", name="b"),
            ANY,
            network("net", "192.0.2.2/32"),
        ),
        (MUTUAL, MUTUAL, ("plaintext", "address", "yes"), REFUSED),
    ),
    "authentications of another namespace": (
        (policy("Server srv", "MeshTLSAuthentication ns-1/any"), meshtls("any", "*", namespace="ns-1")),
        (MUTUAL, MUTUAL, REFUSED, REFUSED),
    ),
    "nothing required": ((policy("Server srv"),), (OPEN, OPEN, PLAIN, PLAIN)),
    "the whole namespace": (
        (policy("Namespace ns-0", "MeshTLSAuthentication any"), ANY),
        (MUTUAL, MUTUAL, REFUSED, REFUSED),
    ),
    "a policy of another namespace": (
        (policy("Server srv", "MeshTLSAuthentication ns-0/any", namespace="ns-1"), ANY),
        (DENIED, DENIED, SHUT, SHUT),
    ),
    "an authentication that is not there": (
        (policy("Server srv", "MeshTLSAuthentication none"),),
        (DENIED, DENIED, SHUT, SHUT),
    ),
    "an authentication without names": (
        (policy("Server srv", "MeshTLSAuthentication empty"), meshtls("empty")),
        (DENIED, DENIED, SHUT, SHUT),
    ),
    "one that is there and one that is not": (
        (policy("Server srv", "MeshTLSAuthentication any", "NetworkAuthentication none"), ANY),
        (DENIED, DENIED, SHUT, SHUT),
    ),
    "two identities at once": (
        (policy("Server srv", "MeshTLSAuthentication any", "ServiceAccount foo"), ANY),
        (DENIED, DENIED, SHUT, SHUT),
    ),
    "something that authenticates nobody": (
        (policy("Server srv", "ConfigMap any"),),
        (DENIED, DENIED, SHUT, SHUT),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", POLICIES)
def test_an_authorization_policy_on_a_server(case):
    manifests, expected = POLICIES[case]
    scene = Scene(WORLD, server(), *manifests, default="all-unauthenticated")
    assert tuple(scene.table(80, "meshed", "other", "plain", "far").values()) == expected


def test_a_policy_for_the_namespace_does_nothing_on_a_port_without_a_server():
    scene = Scene(WORLD, policy("Namespace ns-0", "MeshTLSAuthentication any"), ANY, server())
    assert scene.told("plain", 80) == REFUSED
    assert scene.told("plain", 8080) == PLAIN


GRANTS = {
    "a name": (f"{{meshTLS: {{identities: [{FOO}]}}}}", (MUTUAL, DENIED, REFUSED, REFUSED)),
    "a service account": ("{meshTLS: {serviceAccounts: [{name: foo}]}}", (MUTUAL, DENIED, REFUSED, REFUSED)),
    "the cluster's networks where none is named": (
        "{meshTLS: {identities: ['*']}}",
        (MUTUAL, DENIED, REFUSED, REFUSED),
    ),
    "networks": (
        "{meshTLS: {identities: ['*']}, networks: [{cidr: 10.0.0.0/8}]}",
        (DENIED, MUTUAL, REFUSED, REFUSED),
    ),
    "the mesh's TLS without a name": (
        "{meshTLS: {unauthenticatedTLS: true}}",
        (("mtls-enforced", "none", "no"), DENIED, REFUSED, REFUSED),
    ),
    "nobody has to say who they are": (
        "{unauthenticated: true}",
        (("mtls-opportunistic", "address", "yes"), DENIED, ("plaintext", "address", "yes"), SHUT),
    ),
    "no client": ("{}", (DENIED, DENIED, SHUT, SHUT)),
    "no name": ("{meshTLS: {}}", (DENIED, DENIED, SHUT, SHUT)),
}


@pytest.mark.parametrize("case", GRANTS)
@pytest.mark.parametrize("chosen", ["{name: srv}", "{selector: {matchLabels: {tier: front}}}", "{selector: {}}"])
def test_a_server_authorization(case, chosen):
    client, expected = GRANTS[case]
    scene = Scene(WORLD, server(meta="labels: {tier: front}"), grant(client, chosen))
    assert tuple(scene.table(80, "meshed", "other", "plain", "far").values()) == expected


def test_a_server_authorization_for_another_server():
    scene = Scene(WORLD, server(), grant("{unauthenticated: true}", "{selector: {matchLabels: {tier: back}}}"))
    assert scene.told("meshed", 80) == DENIED


SOME = ("mtls-enforced", "requests", "no")


def test_with_a_route_only_its_requests_pass_and_only_who_may_use_it():
    """policy-test e2e_authorization_policy.rs, targets_route: /noroute is 404, a route without a policy is 403."""
    scene = Scene(
        WORLD, server(), ANY, route("roux"), route("root"), policy("HTTPRoute root", "MeshTLSAuthentication any")
    )
    assert scene.table(80, "meshed", "plain") == {"meshed": SOME, "plain": REFUSED}


def test_whom_the_server_lets_in_may_use_every_route():
    """The same test's end: a policy on the Server opens the route that has none of its own."""
    scene = Scene(WORLD, server(), ANY, route("roux"), policy("Server srv", "MeshTLSAuthentication any"))
    assert scene.table(80, "meshed", "plain") == {"meshed": SOME, "plain": REFUSED}


def test_a_route_for_everything_is_as_good_as_none():
    scene = Scene(WORLD, server(), ANY, route("root", "/"), policy("Server srv", "MeshTLSAuthentication any"))
    assert scene.told("meshed", 80) == MUTUAL


def test_a_route_that_nobody_may_use_shuts_the_port():
    assert Scene(WORLD, server(), route("roux")).told("meshed", 80) == DENIED


def test_a_route_of_the_gateway_api_attaches_as_well():
    gateway = route("r", kind="gateway.networking.k8s.io/v1")
    target = policy("HTTPRoute r", "MeshTLSAuthentication any").replace(
        "'policy.linkerd.io', kind: HTTPRoute", "gateway.networking.k8s.io, kind: HTTPRoute"
    )
    assert Scene(WORLD, server(), ANY, gateway, target).told("meshed", 80) == SOME


def test_a_route_counts_for_nothing_where_bytes_are_opaque():
    scene = Scene(
        WORLD,
        server(spec="proxyProtocol: opaque"),
        ANY,
        route("roux"),
        policy("Server srv", "MeshTLSAuthentication any"),
    )
    assert scene.told("meshed", 80) == MUTUAL


@pytest.mark.parametrize("parent", ["sectionName: x", "port: 80", "namespace: ns-1"])
def test_a_parent_that_linkerd_refuses_attaches_nothing(parent):
    odd = route("roux").replace("name: srv", f"name: srv, {parent}")
    assert (
        Scene(WORLD, server(), ANY, odd, policy("Server srv", "MeshTLSAuthentication any")).told("meshed", 80) == MUTUAL
    )
