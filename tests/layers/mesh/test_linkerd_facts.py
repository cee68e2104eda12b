"""What is said about Linkerd in a cluster, each beside the smallest cluster where it is not said."""

from __future__ import annotations

import pytest
from tests.layers.mesh.linkerd_scene import WORLD, Scene, grant, meshtls, network, policy, route, server

from mistrust.kube.snapshot import Gap
from mistrust.layers.mesh.linkerd.facts import facts

ANY = meshtls("any", "*")
ALL = network("all", "0.0.0.0/0", "::/0")
DENY = "accessPolicy: deny"


def told(scene: Scene, name: str) -> list[tuple[str, str]]:
    """Subject and detail of each fact with this name."""
    found = [f for f in facts(scene.mesh, scene.snapshot) if f.name == f"mesh.linkerd-{name}"]
    assert all(f.evidence and f.evidence[0].origin.file == "scene.yaml" for f in found)
    return [(f.subject, f.detail) for f in found]


def annotated(key: str, value: str) -> str:
    inject = "linkerd.io/inject: enabled, "
    return WORLD.replace("labels: {app: web}", f"labels: {{app: web}}, annotations: {{{inject}{key}: '{value}'}}")


def test_a_default_that_takes_plaintext_is_said_once_a_namespace():
    assert told(Scene(WORLD), "unauthenticated") == [
        (
            "Namespace ns-0",
            "Pod ns-0/meshed, Pod ns-0/web: every port without a Server takes plaintext under the default policy "
            "all-unauthenticated",
        ),
        (
            "Namespace ns-1",
            "Pod ns-1/other: every port without a Server takes plaintext under the default policy all-unauthenticated",
        ),
    ]
    assert told(Scene(WORLD, default="all-authenticated"), "unauthenticated") == []
    one = annotated("config.linkerd.io/default-inbound-policy", "audit")
    assert [s for s, _ in told(Scene(one, default="deny"), "unauthenticated")] == ["Namespace ns-0"]


def test_a_policy_for_a_namespace_without_servers_does_nothing():
    everywhere = policy("Namespace ns-0", "MeshTLSAuthentication any")
    assert told(Scene(WORLD, ANY, everywhere, server()), "namespace-policy") == [
        (
            "AuthorizationPolicy ns-0/authz",
            "does nothing for Pod ns-0/meshed: no Server selects a port there, so the default policy decides alone",
        )
    ]
    assert told(Scene(WORLD, ANY, everywhere, server(selector="{}")), "namespace-policy") == []
    assert told(Scene(WORLD, ANY, everywhere, gaps=[Gap("Server", "forbidden")]), "namespace-policy") == []


IGNORED = {
    "MeshTLSAuthentication ns-0/none does not exist": policy("Server srv", "MeshTLSAuthentication none"),
    "NetworkAuthentication ns-9/none does not exist": policy("Server srv", "NetworkAuthentication ns-9/none"),
    "it requires two identities at once": policy("Server srv", "MeshTLSAuthentication any", "ServiceAccount foo"),
    "it requires two NetworkAuthentications": policy(
        "Server srv", "NetworkAuthentication all", "NetworkAuthentication all"
    ),
    "it requires a Secret, which authenticates nobody": policy("Server srv", "Secret x"),
    "it targets a Service, which is not supported": policy("Service srv"),
    "it names no client": grant("{}"),
    "it names no identity": grant("{meshTLS: {}}"),
}


@pytest.mark.parametrize("why", IGNORED)
def test_a_policy_that_linkerd_leaves_out(why):
    scene = Scene(WORLD, server(), ANY, ALL, IGNORED[why])
    assert [d for _, d in told(scene, "policy-ignored")] == [why]
    assert told(scene, "policy-idle") == []


@pytest.mark.parametrize(("manifests", "idle"), [
    ((policy("Server srv"),), 0),
    ((policy("Server other"),), 1),
    ((policy("HTTPRoute roux"), route("roux")), 0),
    ((policy("HTTPRoute roux"),), 1),
    ((policy("HTTPRoute roux"), route("roux").replace("name: srv", "name: srv, port: 80")), 1),
])  # fmt: skip
def test_a_policy_whose_target_is_not_there(manifests, idle):
    assert len(told(Scene(WORLD, server(), *manifests), "policy-idle")) == idle


def test_two_servers_on_one_port():
    old = server(name="z", meta="creationTimestamp: '2026-01-01T00:00:00Z'")
    new = server(name="a", port="http", meta="creationTimestamp: '2026-02-01T00:00:00Z'")
    assert told(Scene(WORLD, new, old), "servers-overlap") == [
        ("Server ns-0/a", "port 80 is decided by the older Server ns-0/z")
    ]
    assert told(Scene(WORLD, server(name="a"), server(name="b", port=8080)), "servers-overlap") == []


@pytest.mark.parametrize(("written", "detail"), [
    (server(selector="{app: none}"), "it selects no pod with a proxy"),
    (server(port="metrics"), "none of the pods that it selects has a TCP port named metrics"),
])  # fmt: skip
def test_a_server_that_selects_nothing(written, detail):
    assert told(Scene(WORLD, written), "server-idle") == [("Server ns-0/srv", detail)]
    assert told(Scene(WORLD, server()), "server-idle") == []


@pytest.mark.parametrize(("manifests", "subject"), [
    ((policy("Server srv"),), "AuthorizationPolicy ns-0/authz"),
    ((policy("Server srv", "NetworkAuthentication all"), ALL), "AuthorizationPolicy ns-0/authz"),
    ((policy("Server srv", "NetworkAuthentication some"), network("some", "10.0.0.0/8")), None),
    ((grant("{unauthenticated: true, networks: [{cidr: 0.0.0.0/0}]}"),), "ServerAuthorization ns-0/grant"),
    ((grant("{unauthenticated: true}"),), None),  # the cluster's networks
    ((policy("Server srv", "MeshTLSAuthentication any"),), None),
    ((policy("HTTPRoute roux"), route("roux")), "AuthorizationPolicy ns-0/authz"),
])  # fmt: skip
def test_an_authorization_for_everybody(manifests, subject):
    found = told(Scene(WORLD, server(spec=DENY), ANY, *manifests), "open")
    assert [s for s, _ in found] == ([subject] if subject else [])


def test_an_access_policy_for_everybody():
    assert told(Scene(WORLD, server(spec="accessPolicy: audit")), "open") == [
        ("Server ns-0/srv", "lets whoever comes, from everywhere and in plaintext, into Server ns-0/srv")
    ]


def test_ports_that_skip_the_proxy():
    assert told(Scene(annotated("config.linkerd.io/skip-inbound-ports", "80,3306")), "skipped-ports") == [
        ("Pod ns-0/web", "TCP 80,3306 skip the proxy: no mutual TLS and no authorization there")
    ]
    assert told(Scene(WORLD), "skipped-ports") == []


@pytest.mark.parametrize(("key", "value"), [
    ("config.linkerd.io/skip-inbound-ports", "http"),
    ("config.linkerd.io/default-inbound-policy", "all-tls"),
])  # fmt: skip
def test_an_annotation_that_is_not_taken(key, value):
    assert told(Scene(annotated(key, value)), "annotation-ignored") == [
        ("Pod ns-0/web", f"{key} has a value that Linkerd does not take, so the cluster's setting holds")
    ]


def test_an_annotation_of_the_namespace_that_came_after_the_pod():
    key = "config.linkerd.io/default-inbound-policy"
    late = WORLD.replace("linkerd.io/inject: enabled}", f"linkerd.io/inject: enabled, {key}: deny}}", 1)
    running = late.replace("name: web, namespace", "uid: u, name: web, namespace").replace(
        "  - name: web\n", "  - name: linkerd-proxy\n  - name: web\n"
    )
    scene = Scene(running)
    why = f"its namespace says {key}=deny, which is read when a pod is injected, and it runs without"
    assert told(scene, "annotation-late") == [("Pod ns-0/web", why)]
    assert scene.told("plain", 80) == ("plaintext", "none", "yes")
    has = running.replace("labels: {app: web}", f"labels: {{app: web}}, annotations: {{{key}: deny}}")
    assert told(Scene(has), "annotation-late") == []
    assert told(Scene(late), "annotation-late") == []  # it will be injected with it


def test_a_pod_without_a_proxy_where_the_namespace_has_one():
    off = WORLD.replace("labels: {app: web}", "labels: {app: web}, annotations: {linkerd.io/inject: disabled}")
    why = "its namespace is injected, and it is not: linkerd.io/inject is disabled on the pod"
    assert told(Scene(off), "not-injected") == [("Pod ns-0/web", why)]
    assert told(Scene(WORLD), "not-injected") == []


def test_the_order_of_the_input_changes_nothing():
    manifests = [
        *WORLD.split("---"), server(name="a"), server(name="b", port="http"), ANY, ALL, policy("Server a"), grant("{}"),
        policy("Server b", "NetworkAuthentication all", name="other"), policy("Server nowhere", name="lost"),
        policy("Namespace ns-0", "MeshTLSAuthentication any", name="all"),
    ]  # fmt: skip
    scenes = [Scene(*manifests), Scene(*reversed(manifests))]
    one, two = ([(f.name, f.subject, f.detail) for f in facts(s.mesh, s.snapshot)] for s in scenes)
    assert sorted(one) == sorted(two)
    for client in ("meshed", "other", "plain", "far", "outside"):
        first, second = (s.ask(client, 80) for s in scenes)
        assert (first.because, [str(e) for e in first.decided_by]) == (
            second.because,
            [str(e) for e in second.decided_by],
        )
