"""AuthorizationPolicy: one request, and what is said of a pair of workloads."""

from __future__ import annotations

import pytest
import yaml
from tests.layers.mesh.istio_scene import (
    IN_AMBIENT,
    Plain,
    Scene,
    config,
    meta,
    namespace,
    peers,
    read,
    service,
    workload,
)

from mistrust.access.evidence import show_path
from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.layers.mesh.istio.authorization import Authorizer, Provider, authorizer, read_policy
from mistrust.layers.mesh.istio.principals import TrustDomains
from mistrust.layers.mesh.istio.requests import Http, Request

WEB = "cluster.local/ns/shop/sa/web"
GET = Request(
    8080, WEB, "10.1.2.3", "10.1.2.3", "10.9.9.9", "", Http("GET", "/cart?id=7", "cart.shop:8080"), metadata={}
)


def policy(name: str, spec: str, where: str = "shop", **metadata: object) -> Plain:
    """An AuthorizationPolicy; its spec as YAML."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": meta(name, where, **metadata),
        "spec": yaml.safe_load(spec) or {},
    }


def asking(
    *plain: Plain, trust: TrustDomains | None = None, providers: dict[str, Provider] | None = None
) -> Authorizer:
    return authorizer(
        [read_policy(o, trust or TrustDomains()) for o in read(*plain) if isinstance(o, AuthorizationPolicy)], providers
    )


def allowed(spec: str, request: Request = GET) -> bool:
    """Does one policy let a request pass? It is told, not unknown."""
    answer = asking(policy("p", spec)).decide(request).answer
    assert answer is not Answer.UNKNOWN
    return answer is Answer.ALLOWED


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        # no rules: an ALLOW policy that allows nothing, and policies that do nothing
        ("{}", False),
        ("action: ALLOW", False),
        ("action: DENY", True),
        ("action: AUDIT", True),
        # one empty rule: everything
        ("rules: [{}]", True),
        ("{action: DENY, rules: [{}]}", False),
        ("{action: AUDIT, rules: [{}]}", True),
        # an empty part of a rule asks nothing
        ("rules: [{from: [{source: {}}]}]", True),
        ("rules: [{to: [{operation: {}}]}]", True),
        # any of a list, all of the fields
        ('rules: [{to: [{operation: {methods: ["POST", "GET"]}}]}]', True),
        ('rules: [{to: [{operation: {methods: ["GET"], paths: ["/admin"]}}]}]', False),
        ('rules: [{to: [{operation: {methods: ["POST"]}}, {operation: {paths: ["/cart"]}}]}]', True),
        ('rules: [{to: [{operation: {methods: ["POST"]}}]}, {from: [{source: {namespaces: ["shop"]}}]}]', True),
    ],
)
def test_empty_and_combined(spec: str, passes: bool) -> None:
    assert allowed(spec) is passes


def with_source(field: str, *values: str) -> str:
    return f"rules: [{{from: [{{source: {{{field}: {list(values)}}}}}]}}]"


def with_operation(field: str, *values: str) -> str:
    return f"rules: [{{to: [{{operation: {{{field}: {list(values)}}}}}]}}]"


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        (with_source("principals", WEB), True),
        (with_source("principals", "*"), True),
        (with_source("principals", "*/sa/web"), True),
        (with_source("principals", "cluster.local/ns/shop/*"), True),
        (with_source("principals", "cluster.local/ns/shop/sa/we"), False),
        # the scheme is not written
        (with_source("principals", f"spiffe://{WEB}"), False),
        (with_source("namespaces", "shop"), True),
        (with_source("namespaces", "sh*"), True),
        (with_source("namespaces", "sho"), False),
        (with_source("serviceAccounts", "shop/web"), True),
        # a name alone is one of the policy's own namespace
        (with_source("serviceAccounts", "web"), True),
        (with_source("serviceAccounts", "other/web"), False),
        (with_source("ipBlocks", "10.1.0.0/16"), True),
        (with_source("ipBlocks", "10.1.2.4"), False),
        (with_source("notIpBlocks", "10.0.0.0/8"), False),
        # the query is no part of the path, and the port is one of the host
        (with_operation("paths", "/cart"), True),
        (with_operation("paths", "/cart?id=7"), False),
        (with_operation("paths", "/{*}"), True),
        (with_operation("paths", "/cart/{*}"), False),
        (with_operation("hosts", "cart.shop"), False),
        (with_operation("hosts", "CART.shop:*"), True),
        (with_operation("methods", "get"), False),
        (with_operation("ports", "8080"), True),
        (with_operation("notPorts", "8080"), False),
    ],
)
def test_fields(spec: str, passes: bool) -> None:
    assert allowed(spec) is passes


def test_a_template_that_envoy_refuses_is_unknown() -> None:
    verdict = asking(policy("p", with_operation("paths", "/cart{**}"))).decide(GET)
    assert verdict.answer is Answer.UNKNOWN


PLAINTEXT = Request(8080, None, "10.1.2.3", "10.1.2.3", "10.9.9.9", "", Http("GET", "/", "cart"), metadata={})


@pytest.mark.parametrize("field", ["principals", "namespaces", "serviceAccounts", "trustDomains", "requestPrincipals"])
@pytest.mark.parametrize("value", ["*", "shop", WEB])
def test_nobody_is_none_of_these_so_their_opposite_matches(field: str, value: str) -> None:
    """A client in plaintext fails what asks for an identity, and passes what excludes one: the trap of `not*`."""
    opposite = f"not{field[0].upper()}{field[1:]}"
    assert not allowed(with_source(field, value), PLAINTEXT)
    assert allowed(with_source(opposite, value), PLAINTEXT)
    assert not allowed("action: DENY\n" + with_source(opposite, value), PLAINTEXT)


TCP = Request(8080, WEB, "10.1.2.3", "10.1.2.3", "10.9.9.9", "", None, metadata={})


@pytest.mark.parametrize(
    ("action", "operation", "passes"),
    [
        # narrower: an ALLOW rule with a field of HTTP is gone
        ("ALLOW", '{methods: ["GET"]}', False),
        ("ALLOW", '{methods: ["GET"], ports: ["8080"]}', False),
        ("ALLOW", '{ports: ["8080"]}', True),
        # wider: a DENY rule loses the field alone
        ("DENY", '{methods: ["GET"]}', False),
        ("DENY", '{methods: ["GET"], ports: ["8080"]}', False),
        ("DENY", '{methods: ["GET"], ports: ["80"]}', True),
        ("DENY", '{notPaths: ["/"]}', False),
    ],
)
def test_fields_of_http_where_bytes_are_passed_on(action: str, operation: str, passes: bool) -> None:
    assert allowed(f"{{action: {action}, rules: [{{to: [{{operation: {operation}}}]}}]}}", TCP) is passes


def test_the_answer_names_the_rule() -> None:
    deny = policy("no-admin", "action: DENY\n" + with_operation("paths", "/admin*"))
    allow = policy("web", with_source("namespaces", "shop"))
    both = asking(deny, allow)
    verdict = both.decide(GET)
    assert verdict.because == "rule 0 of AuthorizationPolicy shop/web allows it"
    assert [(str(e.ref), show_path(e.path)) for e in verdict.decided_by] == [
        ("AuthorizationPolicy shop/web", "spec.rules[0]")
    ]
    stranger = both.decide(PLAINTEXT)
    assert stranger.answer is Answer.DENIED
    assert stranger.because == "an ALLOW policy selects the workload and no ALLOW rule matches"


@pytest.mark.parametrize("value", ["true", "True", "1", "t"])
def test_a_dry_run_decides_nothing(value: str) -> None:
    tried = policy("p", "{action: DENY, rules: [{}]}", annotations={"istio.io/dry-run": value})
    assert asking(tried).decide(GET).answer is Answer.ALLOWED
    meant = policy("p", "{action: DENY, rules: [{}]}", annotations={"istio.io/dry-run": "yes"})
    assert asking(meant).decide(GET).answer is Answer.DENIED, "yes is no word of Go's ParseBool"


CUSTOM = '{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: ["/admin"]}}]}]}'
ADMIN = Request(8080, WEB, "10.1.2.3", "10.1.2.3", "10.9.9.9", "", Http("GET", "/admin", "cart"), metadata={})


@pytest.mark.parametrize(
    ("providers", "request_", "answer"),
    [
        ({"opa": Provider.GRPC}, ADMIN, Answer.UNKNOWN),
        ({"opa": Provider.GRPC}, GET, Answer.ALLOWED),
        (None, ADMIN, Answer.UNKNOWN),
        # a provider that the mesh does not have denies what the rule matches
        ({}, ADMIN, Answer.DENIED),
        ({}, GET, Answer.ALLOWED),
        # one that speaks HTTP is not asked about bytes
        ({"opa": Provider.HTTP}, TCP, Answer.ALLOWED),
        ({"opa": Provider.GRPC}, TCP, Answer.UNKNOWN),
    ],
)
def test_an_external_authorizer(providers: dict[str, Provider] | None, request_: Request, answer: Answer) -> None:
    assert asking(policy("p", CUSTOM), providers=providers).decide(request_).answer is answer


def test_deny_holds_whatever_the_external_authorizer_says() -> None:
    both = asking(policy("p", CUSTOM), policy("q", "{action: DENY, rules: [{}]}"), providers={"opa": Provider.GRPC})
    assert both.decide(ADMIN).answer is Answer.DENIED


@pytest.mark.parametrize(
    ("names", "written", "passes"),
    [
        (("cluster.local",), WEB, True),
        # cluster.local in a policy is the mesh's own domain, whatever it is called
        (("corp",), WEB, False),
        (("corp", "cluster.local"), "corp/ns/shop/sa/web", True),
        (("corp", "cluster.local"), WEB, True),
        (("corp",), "corp/ns/shop/sa/web", False),
    ],
)
def test_trust_domains(names: tuple[str, ...], written: str, passes: bool) -> None:
    """The client's certificate says cluster.local."""
    read_so = asking(policy("p", with_source("principals", written)), trust=TrustDomains(names))
    assert (read_so.decide(GET).answer is Answer.ALLOWED) is passes


def test_a_foreign_domain_may_be_our_own_where_the_settings_are_not_seen() -> None:
    spec = with_source("principals", "corp/ns/shop/sa/web")
    assert asking(policy("p", spec), trust=TrustDomains(known=False)).decide(GET).answer is Answer.UNKNOWN
    assert asking(policy("p", spec), trust=TrustDomains(known=True)).decide(GET).answer is Answer.DENIED


# Pairs of workloads.

SHOP = (
    namespace("shop"),
    namespace("lab"),
    workload("web"),
    workload("cart", ports=(80, 5432)),
    workload("probe", "lab"),
    config(),
)
NAMED: Plain = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": meta("cart", "shop"),
    "spec": {
        "selector": {"app": "cart"},
        "ports": [{"name": "http", "port": 80}, {"name": "tcp-db", "port": 5432}],
    },
}


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


# Ambient: ztunnel sees connections, waypoints see HTTP.

AMBIENT = (
    namespace("shop", IN_AMBIENT),
    namespace("lab", IN_AMBIENT),
    workload("web"),
    workload("cart"),
    workload("probe", "lab"),
    config(),
)


@pytest.mark.parametrize(
    ("spec", "web", "probe"),
    [
        (with_source("principals", WEB), "identity", "denied"),
        ("{}", "denied", "denied"),
        ("rules: [{}]", "none", "none"),
        # an ALLOW rule about HTTP is gone: fails closed
        (with_operation("methods", "GET"), "denied", "denied"),
        # a DENY rule about HTTP alone denies nobody: fails open
        ("action: DENY\n" + with_operation("methods", "GET"), "none", "none"),
        ("action: DENY\n" + with_source("requestPrincipals", "*"), "none", "none"),
        # what is left of it still denies, and more than was asked for
        (
            '{action: DENY, rules: [{from: [{source: {namespaces: ["lab"], requestPrincipals: ["*"]}}]}]}',
            "none",
            "denied",
        ),
        # nobody asks an external authorizer
        ("{action: CUSTOM, provider: {name: opa}, rules: [{}]}", "none", "none"),
    ],
)
def test_ztunnel(spec: str, web: str, probe: str) -> None:
    scene = Scene(*AMBIENT, service("cart"), policy("p", spec))
    assert [scene.channel(who, "cart").authz.value for who in ("web", "probe")] == [web, probe]


def waypoint(kind: str = "service") -> Plain:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": meta("way", "shop", labels={"istio.io/waypoint-for": kind}),
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


TO_SERVICE = 'targetRefs: [{group: "", kind: Service, name: cart}]\n'
TO_WAYPOINT = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: way}]\n"
BY_WAYPOINT = with_source("principals", "cluster.local/ns/shop/sa/way")


@pytest.mark.parametrize(
    ("kind", "policies", "web", "probe"),
    [
        # who dials the pod's own address goes around a waypoint for Services
        ("service", (TO_SERVICE + with_source("principals", WEB),), "none", "none"),
        # unless the pod lets in the waypoint alone
        ("service", (TO_SERVICE + with_source("principals", WEB), BY_WAYPOINT), "identity", "denied"),
        ("service", (TO_WAYPOINT + with_source("principals", WEB), BY_WAYPOINT), "identity", "denied"),
        ("service", (TO_SERVICE + with_operation("methods", "GET"), BY_WAYPOINT), "requests", "requests"),
        ("all", (TO_WAYPOINT + with_source("principals", WEB),), "identity", "denied"),
        # a policy for the Service does not hold for the pod's own address
        ("all", (TO_SERVICE + with_source("principals", WEB),), "none", "none"),
        # labels mean nothing to a waypoint; ztunnel asks that policy, and sees the waypoint's name
        ("all", (with_source("principals", WEB),), "denied", "denied"),
    ],
)
def test_waypoints(kind: str, policies: tuple[str, ...], web: str, probe: str) -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    several = [policy(f"p{i}", spec) for i, spec in enumerate(policies)]
    scene = Scene(used, *AMBIENT[1:], service("cart"), waypoint(kind), *several)
    assert [scene.channel(who, "cart").authz.value for who in ("web", "probe")] == [web, probe]


def test_a_waypoint_that_does_not_exist_stands_before_nothing() -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    scene = Scene(used, *AMBIENT[1:], service("cart"), policy("p", TO_SERVICE))
    assert scene.channel("web", "cart").authz.value == "none"


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
