"""AuthorizationPolicy: what is said of everything that one workload may send to another."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.mesh.authorization_scene import CUSTOM, NAMED, SHOP, WEB, policy, with_operation, with_source
from tests.layers.mesh.istio_scene import (
    Plain,
    Scene,
    config,
    meta,
    namespace,
    peers,
    service,
    workload,
)

from mistrust.access.evidence import show_path
from mistrust.access.ports import point
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.snapshot import Gap
from mistrust.layers.mesh.istio.authorization.protocols import named
from mistrust.layers.mesh.mesh import mesh


@pytest.mark.parametrize(
    ("spec", "web", "probe", "outside"),
    [
        ("action: AUDIT", "none", "none", "none"),
        ("{}", "denied", "denied", "denied"),
        ("rules: [{}]", "none", "none", "none"),
        (with_source("principals", WEB), "identity", "denied", "denied"),
        (with_source("principals", "*"), "identity", "identity", "denied"),
        (with_source("notNamespaces", "lab"), "none", "denied", "none"),
        ("action: DENY\n" + with_source("namespaces", "lab"), "none", "denied", "none"),
        ("action: DENY\n" + with_source("notNamespaces", "shop"), "identity", "denied", "denied"),
        (with_operation("methods", "GET"), "requests", "requests", "requests"),
        (with_operation("methods", "*"), "none", "none", "none"),
        (
            'rules: [{from: [{source: {namespaces: ["shop"]}}], to: [{operation: {methods: ["GET"]}}]}]',
            "requests",
            "denied",
            "denied",
        ),
        # no token is checked, so none ever counts
        (with_source("requestPrincipals", "*"), "denied", "denied", "denied"),
        (with_source("notRequestPrincipals", "*"), "none", "none", "none"),
        # whose address is not known may be inside; whoever is outside may come from anywhere
        (with_source("ipBlocks", "10.0.0.0/8"), "unknown", "unknown", "requests"),
        # whoever speaks to a sidecar writes X-Forwarded-For
        (with_source("remoteIpBlocks", "10.0.0.0/8"), "requests", "requests", "requests"),
        (with_operation("ports", "443"), "denied", "denied", "denied"),
    ],
)
def test_a_pair_over_http(spec: str, web: str, probe: str, outside: str) -> None:
    scene = Scene(*SHOP, NAMED, peers("shop", "STRICT"), policy("p", spec))
    strict = [scene.channel(who, "cart").authz.value for who in ("web", "probe")]
    assert strict == [web, probe]
    open_ = Scene(*SHOP, NAMED, policy("p", spec))
    assert open_.channel("", "cart").authz.value == outside


def test_the_same_policy_where_tcp_is_passed_on() -> None:
    """Rules about HTTP: ALLOW falls out at the database's port, DENY loses the field and denies everything."""
    for spec, http, tcp in (
        (with_operation("methods", "GET"), "requests", "denied"),
        ("action: DENY\n" + with_operation("methods", "PUT"), "requests", "denied"),
    ):
        scene = Scene(*SHOP, NAMED, policy("p", spec))
        assert [scene.channel("web", "cart", p).authz.value for p in (80, 5432)] == [http, tcp]


def test_a_port_that_nobody_names_is_looked_at_and_the_client_chooses() -> None:
    scene = Scene(*SHOP, policy("p", "action: DENY\n" + with_operation("methods", "PUT")))
    assert scene.channel("web", "cart").authz.value == "requests"


def test_what_is_said_of_a_name_is_not_said_of_nobody() -> None:
    channel = Scene(*SHOP, NAMED, policy("p", with_source("principals", "*"))).channel("web", "cart")
    assert (channel.authz.value, channel.plaintext) == ("identity", False)


def test_bytes_may_be_refused_where_every_http_request_passes() -> None:
    """At a port that is looked at: the rule falls out for whatever is not HTTP."""
    scene = Scene(*SHOP, policy("p", with_operation("methods", "*")))
    assert scene.channel("web", "cart").authz.value == "requests"


@pytest.mark.parametrize(
    ("names", "authz"),
    [(("http", "http-b"), "none"), (("http", "tcp-b"), "requests"), (("tcp", "tcp-b"), "denied")],
)
def test_services_that_disagree_about_a_port(names: tuple[str, str], authz: str) -> None:
    """Either may be what the proxy goes by, so the weaker is assumed."""
    both: list[Plain] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(f"cart{i}", "shop"),
            "spec": {"selector": {"app": "cart"}, "ports": [{"name": name, "port": 80}]},
        }
        for i, name in enumerate(names)
    ]
    scene = Scene(*SHOP, *both, policy("p", with_operation("methods", "*")))
    assert scene.channel("web", "cart").authz.value == authz


@pytest.mark.parametrize(
    ("name", "app", "port", "expected"),
    [
        ("http", "", 80, "HTTP"),
        ("http-web", "", 80, "HTTP"),
        ("HTTP2-web", "", 80, "HTTP"),
        ("grpc-web-x", "", 80, "HTTP"),
        ("web-http", "", 80, "sniffed"),
        ("", "", 80, "sniffed"),
        ("https", "", 443, "TCP"),
        ("tls-x", "", 443, "TCP"),
        ("redis", "", 6379, "TCP"),
        # ports where the server speaks first
        ("", "", 3306, "TCP"),
        ("http", "", 3306, "HTTP"),
        # appProtocol counts before the name
        ("tcp", "http", 80, "HTTP"),
        ("http", "kubernetes.io/h2c", 80, "HTTP"),
        ("http", "kubernetes.io/wss", 80, "TCP"),
    ],
)
def test_what_a_port_of_a_service_speaks(name: str, app: str, port: int, expected: str) -> None:
    assert named(port, name, app).value == expected


def test_plaintext_passes_where_the_rules_let_nobody_pass() -> None:
    """A PERMISSIVE port with a rule by exclusion: who proves nothing is not excluded."""
    by_exclusion = Scene(*SHOP, NAMED, policy("p", with_source("notNamespaces", "lab")))
    assert by_exclusion.channel("probe", "cart").authz.value == "denied"
    assert by_exclusion.channel("probe", "cart").plaintext is True
    by_name = Scene(*SHOP, NAMED, policy("p", with_source("namespaces", "shop")))
    assert by_name.channel("probe", "cart").plaintext is False


def test_what_passes_is_told() -> None:
    spec = (
        'rules: [{from: [{source: {namespaces: ["shop"]}}], to: [{operation: {methods: ["GET"], paths: ["/cart*"]}}]}]'
    )
    channel = Scene(*SHOP, NAMED, policy("p", spec)).channel("web", "cart")
    assert "rule 0 of AuthorizationPolicy shop/p allows some requests: GET /cart*" in channel.because
    assert any(show_path(e.path) == "spec.rules[0]" for e in channel.decided_by)


@pytest.mark.parametrize(
    ("where", "selector", "holds"),
    [
        ("shop", "", True),
        ("shop", "selector: {matchLabels: {app: cart}}", True),
        ("shop", "selector: {matchLabels: {app: web}}", False),
        ("lab", "", False),
        # the root namespace speaks for all, with labels too
        ("istio-system", "", True),
        ("istio-system", "selector: {matchLabels: {app: cart}}", True),
        ("istio-system", "selector: {matchLabels: {app: web}}", False),
        # a sidecar is no gateway
        ("shop", "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: cart}]", False),
        ("shop", 'targetRefs: [{group: "", kind: Service, name: cart}]', False),
    ],
)
def test_which_policies_hold(where: str, selector: str, holds: bool) -> None:
    scene = Scene(*SHOP, NAMED, policy("p", selector or "{}", where))
    assert (scene.channel("web", "cart").authz.value == "denied") is holds


def test_an_excluded_port_is_asked_by_nobody() -> None:
    excluded = workload("db", annotations={"traffic.sidecar.istio.io/excludeInboundPorts": "80"})
    channel = Scene(*SHOP, excluded, policy("p", "{}")).channel("web", "db")
    assert (channel.authz.value, channel.plaintext) == ("none", True)


def test_with_tokens_checked_a_request_may_pass() -> None:
    tokens: Plain = {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": meta("jwt", "shop"),
        "spec": {"jwtRules": [{"issuer": "https://issuer.test"}]},
    }
    for spec, expected in (
        ("action: AUDIT", "none"),
        (with_source("requestPrincipals", "*"), "requests"),
        ("action: DENY\n" + with_source("notRequestPrincipals", "*"), "requests"),
    ):
        assert Scene(*SHOP, NAMED, tokens, policy("p", spec)).channel("web", "cart").authz.value == expected


# Gateways.


def gateway(name: str, **labels: str) -> Plain:
    """A Deployment of gateway pods."""
    return workload(name, labels={"istio": name, **labels}, annotations={"inject.istio.io/templates": "gateway"})


CLASSIC: Plain = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": meta("doors", "shop"),
    "spec": {
        "selector": {"istio": "ingress"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
}
TO_CLASSIC = "targetRefs: [{group: networking.istio.io, kind: Gateway, name: doors}]\n"
TO_API = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]\n"
OF_API = {"gateway.networking.k8s.io/gateway-name": "front"}


@pytest.mark.parametrize(
    ("labels", "spec", "where", "holds"),
    [
        ({}, "selector: {matchLabels: {istio: ingress}}", "shop", True),
        ({}, "selector: {matchLabels: {istio: ingress}}", "istio-system", True),
        ({}, "selector: {matchLabels: {istio: egress}}", "shop", False),
        ({}, TO_CLASSIC, "shop", True),
        ({}, TO_CLASSIC, "istio-system", False),
        ({}, TO_API, "shop", False),
        (OF_API, TO_API, "shop", True),
        (OF_API, TO_API, "lab", False),
        (OF_API, TO_API.replace("front", "back"), "shop", False),
        (OF_API, "selector: {matchLabels: {istio: ingress}}", "shop", True),
    ],
)
def test_which_policies_hold_for_a_gateway(labels: dict[str, str], spec: str, where: str, holds: bool) -> None:
    scene = Scene(namespace("shop"), gateway("ingress", **labels), CLASSIC, config(), policy("p", spec, where))
    assert (scene.channel("", "ingress").authz.value == "denied") is holds


def test_a_gateway_ends_tls_itself_so_its_port_named_https_may_speak_http() -> None:
    """Taken for bytes, the rule would fall out and the gateway would look closed."""
    named: Plain = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta("ingress", "shop"),
        "spec": {"selector": {"istio": "ingress"}, "ports": [{"name": "https", "port": 80}]},
    }
    spec = "selector: {matchLabels: {istio: ingress}}\n" + with_operation("paths", "/public*")
    scene = Scene(namespace("shop"), gateway("ingress"), CLASSIC, named, config(), policy("p", spec))
    assert scene.channel("", "ingress").authz.value == "requests"


@pytest.mark.parametrize(
    ("mode", "authz"), [("SIMPLE", "denied"), ("MUTUAL", "requests"), ("OPTIONAL_MUTUAL", "requests")]
)
def test_a_gateway_that_takes_certificates_of_others_may_know_anybody(mode: str, authz: str) -> None:
    server = {
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": ["*"],
        "tls": {"mode": mode, "credentialName": "front"},
    }
    doors = {**CLASSIC, "spec": {"selector": {"istio": "ingress"}, "servers": [server]}}
    spec = "selector: {matchLabels: {istio: ingress}}\n" + with_source("principals", "partner.test/ns/x/sa/y")
    scene = Scene(namespace("shop"), gateway("ingress"), doors, config(), policy("p", spec))
    assert scene.channel("", "ingress", 443).authz.value == authz


@pytest.mark.parametrize(("protocol", "authz"), [("HTTP", "requests"), ("TCP", "denied")])
def test_a_sidecar_resource_says_what_a_port_speaks(protocol: str, authz: str) -> None:
    said: Plain = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": meta("cart", "shop"),
        "spec": {
            "workloadSelector": {"labels": {"app": "cart"}},
            "ingress": [{"port": {"number": 80, "protocol": protocol, "name": "x"}, "defaultEndpoint": "127.0.0.1:80"}],
        },
    }
    scene = Scene(*SHOP, service("cart"), said, policy("p", with_operation("methods", "GET")))
    assert scene.channel("web", "cart").authz.value == authz


# Addresses, and what is not known.


MUTUAL = {"security.istio.io/tlsMode": "istio"}


def running(name: str, *addresses: str) -> Plain:
    """A pod with a sidecar that has addresses."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, "shop", labels={"app": name}, annotations={"sidecar.istio.io/status": "{}"}),
        "spec": {
            "serviceAccountName": name,
            "containers": [{"name": "app", "image": "app"}, {"name": "istio-proxy", "image": "p"}],
        },
        "status": {"phase": "Running", "podIPs": [{"ip": a} for a in addresses]},
    }


PODS = (
    running("web", "10.1.0.1"),
    running("cart", "10.1.0.2"),
    running("two", "10.2.0.1", "fd00::1"),
    running("far", "10.2.0.2"),
)


def when(key: str, *values: str) -> str:
    return f"rules: [{{when: [{{key: {key}, values: {list(values)}}}]}}]"


@pytest.mark.parametrize(
    ("spec", "web", "far", "two"),
    [
        (with_source("ipBlocks", "10.1.0.0/16"), "address", "denied", "denied"),
        (with_source("notIpBlocks", "10.2.0.2"), "address", "denied", "address"),
        ("action: DENY\n" + with_source("ipBlocks", "10.2.0.0/16"), "address", "denied", "requests"),
        # of two addresses one may do
        (with_source("ipBlocks", "fd00::/8"), "denied", "denied", "requests"),
        # a name as well as an address: the name is proved
        (
            f'rules: [{{from: [{{source: {{ipBlocks: ["10.0.0.0/8"], principals: ["{WEB}"]}}}}]}}]',
            "identity",
            "denied",
            "denied",
        ),
        (when("destination.ip", "10.1.0.2"), "none", "none", "none"),
        (when("destination.ip", "10.9.0.0/16"), "denied", "denied", "denied"),
    ],
)
def test_addresses(spec: str, web: str, far: str, two: str) -> None:
    scene = Scene(
        namespace("shop"), *PODS, NAMED, config(), policy("p", "selector: {matchLabels: {app: cart}}\n" + spec)
    )
    assert [scene.channel(who, "cart").authz.value for who in ("web", "far", "two")] == [web, far, two]


def test_a_server_with_two_addresses_may_be_dialled_at_either() -> None:
    scene = Scene(namespace("shop"), *PODS, config(), policy("p", when("destination.ip", "fd00::/8")))
    assert scene.channel("web", "two").authz.value == "requests"


def test_policies_that_were_not_seen_leave_everything_open() -> None:
    scene = Scene(*SHOP, NAMED, policy("p", "{}"))
    for gap, authz in ((Gap(AuthorizationPolicy.KIND, "forbidden"), "unknown"), (Gap("Secret", "forbidden"), "denied")):
        blind = msgspec.structs.replace(scene.snapshot, gaps=(gap,))
        fabric = mesh(blind, scene.endpoints)
        of, to = fabric.source_of[scene.index("web")], fabric.target_of[scene.index("cart")]
        assert fabric.channel(of, to, point("TCP", 80)).authz.value == authz


@pytest.mark.parametrize(("where", "told"), [("shop", True), ("istio-system", True), ("lab", False)])
def test_a_filter_that_may_change_the_proxy_is_told(where: str, told: bool) -> None:
    """It is not read, so the answer stands, with a remark."""
    rewrites: Plain = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": meta("limits", where),
        "spec": {"configPatches": []},
    }
    for rules in ((), (policy("p", with_source("principals", WEB)),)):
        channel = Scene(*SHOP, NAMED, rewrites, *rules).channel("web", "cart")
        assert channel.authz.value == ("identity" if rules else "none")
        assert any("EnvoyFilter" in u for u in channel.unknown) is told


@pytest.mark.parametrize(
    ("settings", "authz"),
    [
        # the authorizer decides, or nobody knows whether it is there
        ({"extensionProviders": [{"name": "opa", "envoyExtAuthzGrpc": {"service": "opa", "port": 9}}]}, "unknown"),
        (None, "unknown"),
        # it is not there: what the rule matches is denied, the rest passes
        ({}, "requests"),
        ({"extensionProviders": [{"name": "opa", "zipkin": {"service": "z", "port": 9}}]}, "requests"),
    ],
)
def test_an_external_authorizer_for_a_pair(settings: dict[str, object] | None, authz: str) -> None:
    rest = [o for o in SHOP if o["kind"] != "ConfigMap"]
    given = [config(**settings)] if settings is not None else []
    assert Scene(*rest, *given, NAMED, policy("p", CUSTOM)).channel("web", "cart").authz.value == authz
