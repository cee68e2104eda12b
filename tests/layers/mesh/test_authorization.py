"""AuthorizationPolicy, asked about one request."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.mesh.authorization_scene import CUSTOM, WEB, policy, with_operation, with_source
from tests.layers.mesh.istio_scene import (
    Plain,
    read,
)

from mistrust.access.evidence import show_path
from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.requests import Http, Request
from mistrust.layers.mesh.istio.authorization.server import Authorizer, Provider, authorizer, read_policy

GET = Request(
    8080, WEB, "10.1.2.3", "10.1.2.3", "10.9.9.9", "", Http("GET", "/cart?id=7", "cart.shop:8080"), metadata={}
)


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


@pytest.mark.parametrize(
    ("written", "sent", "passes"),
    [
        ("web.test", "web.test", True),
        # what the client sends is put in lower case, what the policy says is not
        ("web.test", "WEB.test", True),
        ("WEB.test", "WEB.test", False),
        ("*.test", "web.TEST", True),
        ("*", "", False),
    ],
)
def test_server_names(written: str, sent: str, passes: bool) -> None:
    spec = f'rules: [{{when: [{{key: connection.sni, values: ["{written}"]}}]}}]'
    assert allowed(spec, msgspec.structs.replace(GET, sni=sent)) is passes


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
