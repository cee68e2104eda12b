"""Who carries Linkerd's proxy, and what travels beside it."""

from __future__ import annotations

import pytest
from tests.layers.mesh.linkerd_scene import WORLD, Scene, meshtls, policy, server

from mistrust.access.ports import point
from mistrust.kube.snapshot import Gap, Scope
from mistrust.layers.mesh.linkerd.channel import channel

PLAIN = ("plaintext", "none", "yes")
OPEN = ("mtls-opportunistic", "none", "yes")
MUTUAL = ("mtls-enforced", "identity", "no")
UNKNOWN = ("unknown", "unknown", "unknown")
FOO = "foo.ns-0.serviceaccount.identity.linkerd."

INJECTION = [  # the namespace, the pod, is it injected: pkg/inject/report.go, the rows of the webhook
    ("enabled", "enabled", True),
    ("enabled", "", True),
    ("enabled", "disabled", False),
    ("disabled", "enabled", True),
    ("", "enabled", True),
    ("disabled", "disabled", False),
    ("", "disabled", False),
    ("disabled", "", False),
    ("", "", False),
    ("ingress", "", True),
    ("", "ingress", True),
    ("enabled", "yes", False),
    ("true", "enabled", False),
]


def world(
    namespace: str = "", pod: str = "", spec: str = "", labels: str = "", name: str = "ns", meta: str = ""
) -> str:
    def annotated(value: str) -> str:
        return f", annotations: {{linkerd.io/inject: '{value}'}}" if value else ""

    return f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {name}{annotated(namespace)}, labels: {{{labels}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: {name}{annotated(pod)}{meta}}}
spec: {{containers: [{{name: c}}]{spec}}}
"""


def meshed(scene: Scene) -> object:
    return scene.mesh.speaks(scene.mesh.target_of[0])


@pytest.mark.parametrize(("namespace", "pod", "injected"), INJECTION)
def test_whom_the_injector_takes(namespace, pod, injected):
    assert meshed(Scene(world(namespace, pod))) is injected


@pytest.mark.parametrize(("told", "why"), [
    ({"spec": ", hostNetwork: true"}, "node's network"),
    ({"labels": "config.linkerd.io/admission-webhooks: disabled"}, "leaves its namespace out"),
    ({"name": "kube-system"}, "leaves its namespace out"),
])  # fmt: skip
def test_whom_it_never_takes(told, why):
    scene = Scene(world("enabled", **told))
    assert meshed(scene) is False
    assert why in scene.mesh.members[0].why


def test_a_pod_that_runs_is_asked_itself():
    without = Scene(world("enabled", meta=", uid: u"))
    assert (meshed(without), without.mesh.members[0].why) == (False, "it runs without a container linkerd-proxy")
    proxy = "containers: [{name: c}, {name: linkerd-proxy}]"
    assert meshed(Scene(world(meta=", uid: u").replace("containers: [{name: c}]", proxy))) is True
    native = "containers: [{name: c}], initContainers: [{name: linkerd-proxy, restartPolicy: Always}]"
    assert meshed(Scene(world(meta=", uid: u").replace("containers: [{name: c}]", native))) is True


def test_a_pod_that_runs_keeps_the_annotations_of_its_injection():
    """The namespace was annotated later: the policy controller reads the pod alone."""
    key = "config.linkerd.io/default-inbound-policy"
    text = world("enabled", meta=", uid: u").replace("containers: [{name: c}]", "containers: [{name: linkerd-proxy}]")
    text = text.replace("linkerd.io/inject: 'enabled'", f"linkerd.io/inject: enabled, {key}: deny")
    assert Scene(text).mesh.members[0].default_policy == "all-unauthenticated"
    assert Scene(text.replace(", uid: u", "")).mesh.members[0].default_policy == "deny"


@pytest.mark.parametrize(("scope", "answer"), [
    (Scope.MANIFESTS, "the annotations of Namespace ns were not seen"),
    (Scope.CLUSTER, False),
])  # fmt: skip
def test_a_namespace_that_is_not_in_the_input(scope, answer):
    pod = world().split("---")[1]
    assert meshed(Scene(pod, scope=scope)) == answer


def test_what_is_not_known_of_either_side_is_not_known_of_the_connection():
    unseen = WORLD.split("---", 2)[2]  # the two Namespaces left out
    scene = Scene(unseen, scope=Scope.MANIFESTS)
    assert scene.told("meshed", 80) == UNKNOWN
    assert scene.told("plain", 80, server="other") == UNKNOWN
    assert scene.ask("plain", 80, server="other").unknown == ("the annotations of Namespace ns-1 were not seen",)


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
def test_only_tcp_is_carried(protocol):
    assert Scene(WORLD, default="deny").told("meshed", 80, protocol=protocol) == PLAIN


def test_a_server_without_a_proxy_takes_what_comes():
    assert Scene(WORLD, default="deny").told("meshed", 80, server="plain") == PLAIN


def annotated(name: str, key: str, value: str) -> str:
    inject = "linkerd.io/inject: enabled, "
    return WORLD.replace(
        f"name: {name}, namespace: ns-0", f"name: {name}, namespace: ns-0, annotations: {{{inject}{key}: '{value}'}}"
    )


def test_a_port_that_skips_the_servers_proxy_is_neither_encrypted_nor_authorized():
    scene = Scene(annotated("web", "config.linkerd.io/skip-inbound-ports", "80,9000-9010"), server(), default="deny")
    assert scene.table(80, "meshed", "plain") == {"meshed": PLAIN, "plain": PLAIN}
    assert scene.told("meshed", 9005) == PLAIN
    assert scene.told("meshed", 9011) == ("mtls-enforced", "denied", "no")


def test_the_defaults_of_both_sides_skip_the_ports_of_galera():
    assert Scene(WORLD).told("meshed", 4567) == PLAIN


def test_a_client_that_does_not_skip_what_the_servers_default_skips_speaks_to_a_deaf_port():
    """The destination service reads the annotation alone, so the client's proxy still expects the server's."""
    scene = Scene(annotated("meshed", "config.linkerd.io/skip-outbound-ports", "25"))
    assert scene.told("meshed", 4567) == ("broken", "none", "yes")


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ns-0}
spec: {selector: {app: web}, ports: [%s]}
"""
ONE, OTHER = "{name: a, port: 8000, targetPort: http}", "{name: b, port: 8001, targetPort: 80}"


@pytest.mark.parametrize(("skips", "ports", "expected"), [
    ("8000", ONE, PLAIN),
    ("80", ONE, OPEN),  # it is the Service's port that is dialed
    ("80", "", PLAIN),
    ("8000", f"{ONE}, {OTHER}", UNKNOWN),
    ("8000-8001", f"{ONE}, {OTHER}", PLAIN),
    ("443", ONE, OPEN),
    ("x", ONE, OPEN),  # no list of ports: the default stays
])  # fmt: skip
def test_a_client_that_skips_its_own_proxy(skips, ports, expected):
    text = annotated("meshed", "config.linkerd.io/skip-outbound-ports", skips)
    assert Scene(text, SERVICE % ports if ports else "").told("meshed", 80) == expected


def test_who_skips_the_own_proxy_is_refused_where_mutual_tls_is_wanted():
    text = annotated("meshed", "config.linkerd.io/skip-outbound-ports", "80")
    assert Scene(text, default="all-authenticated").told("meshed", 80) == ("broken", "denied", "no")


def test_subnets_that_skip_the_proxy_are_not_compared():
    scene = Scene(annotated("web", "config.linkerd.io/skip-subnets", "192.0.2.0/24"))
    assert scene.told("meshed", 80) == UNKNOWN


@pytest.mark.parametrize(("client", "expected"), [
    ("meshed", ("mtls-enforced", "requests", "no")),
    ("plain", ("broken", "denied", "no")),
])  # fmt: skip
def test_the_port_of_the_proxy_itself_takes_other_proxies_alone(client, expected):
    assert Scene(WORLD).told(client, 4143) == expected


@pytest.mark.parametrize(("manifests", "port", "opaque"), [
    ((), 5432, True),  # the cluster's default list
    ((), 80, False),
    ((server(spec="proxyProtocol: opaque"),), 80, True),
])  # fmt: skip
def test_what_the_network_sees_of_a_connection_between_proxies(manifests, port, opaque):
    """controller/api/destination, createWeightedAddr: opaque ports alone, or all where transport-header is on."""
    scene, tunnelled = Scene(WORLD, *manifests), Scene(WORLD, *manifests, tunnels=True)
    assert scene.ask("meshed", port).carried == (4143 if opaque else 0)
    assert tunnelled.ask("meshed", port).carried == 4143
    assert tunnelled.ask("plain", port).carried == scene.ask("plain", port).carried == 0
    web = scene.mesh.target_of[0]
    assert scene.mesh.tunnels(web)
    assert tunnelled.mesh.tunnels(web)
    assert not scene.mesh.tunnels(scene.mesh.target_of[3])  # a pod without a proxy


@pytest.mark.parametrize("port", [4143, 4191])
def test_the_proxys_own_ports_are_in_no_tunnel(port):
    assert Scene(WORLD, tunnels=True).ask("meshed", port).carried == 0


def test_a_tunnel_reaches_what_the_servers_default_skips():
    """And whoever comes without a proxy still reaches it past all policy."""
    text = annotated("meshed", "config.linkerd.io/skip-outbound-ports", "25")
    scene = Scene(text, default="deny", tunnels=True)
    assert scene.told("meshed", 4567) == ("mtls-opportunistic", "denied", "yes")
    assert scene.told("plain", 4567) == PLAIN
    told = annotated("web", "config.linkerd.io/skip-inbound-ports", "4567")
    assert Scene(told, default="deny", tunnels=True).ask("meshed", 4567).carried == 0


@pytest.mark.parametrize(("version", "carried"), [
    ("edge-25.3.2", (4143, False)), ("edge-25.8.5", (4143, False)), ("enterprise-2.18.0", (4143, False)),
    ("edge-25.3.1", (0, False)), ("edge-24.11.8", (0, False)), ("stable-2.14.10", (0, False)),
    ("", (4143, True)), ("custom", (4143, True)),  # nobody knows
])  # fmt: skip
def test_where_settings_are_not_seen_the_proxies_tell_their_version(version, carried):
    told = WORLD.replace(
        "labels: {app: web}", f"labels: {{app: web}}, annotations: {{linkerd.io/proxy-version: '{version}'}}"
    )
    scene = Scene(told if version else WORLD, default="")
    found = scene.ask("meshed", 80)
    assert (found.carried, found.perhaps) == carried


def test_clients_that_are_alike_to_a_server_get_the_same_channels():
    manifests = (
        server(),
        policy("Server srv", "MeshTLSAuthentication one"),
        meshtls("one", f"{FOO}cluster.example.com"),
    )
    scene = Scene(WORLD, *manifests, default="cluster-unauthenticated")
    mesh, many = scene.mesh, 0
    for target in range(len(mesh.targets)):
        alike = mesh.alike(target)
        many += len(alike) - len(set(alike))
        first: dict[int, int] = {}
        for source, number in enumerate(alike):
            same = first.setdefault(number, source)
            for at in {point("TCP", 1), point("UDP", 1), *mesh.cuts(target)} - {3 * 65536}:
                assert mesh.channel(source, target, at) == mesh.channel(same, target, at)
    assert many > 0


def test_tap_is_for_an_identity_that_is_not_seen():
    assert Scene(WORLD).told("meshed", 4190) == UNKNOWN


PROBED = WORLD.replace("- name: web\n", "- name: web\n    readinessProbe: {httpGet: {path: /ready, port: http}}\n")


@pytest.mark.parametrize(("manifests", "client", "expected"), [
    ((), "far", ("broken", "denied", "no")),  # the probes come from 10.0.0.0/24
    ((), "meshed", MUTUAL),
    ((), "outside", ("plaintext", "requests", "no")),
    ((server(spec="proxyProtocol: opaque, accessPolicy: all-authenticated"),), "outside", ("broken", "denied", "no")),
])  # fmt: skip
def test_probe_paths_answer_in_plaintext_where_probes_come_from(manifests, client, expected):
    assert Scene(PROBED, *manifests, default="all-authenticated").told(client, 80) == expected


def test_the_cuts_hold_every_port_where_an_answer_changes():
    """Between two neighbouring cuts no answer differs."""
    text = annotated("web", "config.linkerd.io/skip-inbound-ports", "90-95")
    scene = Scene(text, server(port=8080), PROBED.split("---")[0], default="all-authenticated")
    mesh, target = scene.mesh, scene.mesh.target_of[0]
    cuts = set(mesh.cuts(target))
    for source in range(len(mesh.clients)):
        before = None
        for port in range(1, 10000):
            at = point("TCP", port)

            here = channel(mesh.clients[source], mesh.targets[target], at)
            assert here == mesh.channel(source, target, at)
            assert before is None or here == before or at in cuts, port
            before = here


def test_many_pods_are_few_classes():
    pods = "\n---\n".join(
        f"""
apiVersion: v1
kind: Pod
metadata: {{name: p{i}, namespace: ns-0, labels: {{app: web, pod-template-hash: "{i}"}}}}
spec: {{serviceAccountName: sa{i % 7}, containers: [{{name: c}}]}}
status: {{podIP: 192.0.2.{i}}}
"""
        for i in range(200)
    )
    scene = Scene(WORLD, pods, server(), policy("Server srv", "MeshTLSAuthentication any"), meshtls("any", "*"))
    assert len(scene.mesh.clients) <= 8
    assert len(scene.mesh.targets) == 3  # with the Server, without it, without a proxy


def test_settings_that_are_not_seen_are_said():
    scene = Scene(WORLD, default="")
    assert scene.told("meshed", 80) == OPEN
    assert "Linkerd's default policy all-unauthenticated" in scene.ask("meshed", 80).because
    assert [a.partition(":")[0] for a in scene.mesh.assumed] == ["ConfigMap linkerd-config was not seen"]
    assert Scene(WORLD).mesh.assumed == ()


def test_policies_that_may_not_be_listed_leave_the_answer_open():
    scene = Scene(WORLD, gaps=[Gap("Server", "forbidden")])
    assert scene.told("meshed", 80) == UNKNOWN
    assert scene.told("meshed", 80, server="plain") == PLAIN


@pytest.mark.parametrize(("identity", "authz"), [
    (FOO + "cluster.local", "identity"),
    (FOO + "example.org", "unknown"),
    ("*.ns-0.serviceaccount.identity.linkerd.example.org", "unknown"),
    ("*.example.org", "unknown"),
    ("*.ns-1.serviceaccount.identity.linkerd.example.org", "denied"),
    ("bar.ns-0.serviceaccount.identity.linkerd.example.org", "denied"),
])  # fmt: skip
def test_a_trust_domain_that_is_not_seen(identity, authz):
    authentication = meshtls("one", identity)
    scene = Scene(WORLD, server(), policy("Server srv", "MeshTLSAuthentication one"), authentication, default="")
    assert scene.ask("meshed", 80).authz == authz


def test_evidence_names_the_server_and_who_let_the_client_in():
    scene = Scene(WORLD, server(), policy("Server srv", "MeshTLSAuthentication any"), meshtls("any", "*"))
    assert [str(e) for e in scene.ask("meshed", 80).decided_by] == [
        "Server ns-0/srv spec",
        "AuthorizationPolicy ns-0/authz spec",
    ]
    assert [str(e) for e in scene.ask("meshed", 81).decided_by] == ["ConfigMap linkerd/linkerd-config data.values"]
