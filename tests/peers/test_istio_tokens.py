"""Tokens: a RequestAuthentication's rules and policies that ask for claims, answered by us and by Envoy."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.layers.mesh.authorization_scene import NAMED, policy
from tests.layers.mesh.istio_scene import Plain, Scene, config, meta, namespace, workload
from tests.peers.envoy import envoy
from tests.peers.istio_translator import translate
from tests.peers.rbac import Outcome

from mistrust.access.verdict import Answer
from mistrust.layers.mesh.istio.authorization.requests import Claim, Http, Request
from mistrust.layers.mesh.istio.istio import Istio

ONE, TWO = {"issuer": "https://one.test"}, {"issuer": "https://two.test", "audiences": ["shop", "https://shop.test/"]}

ANYBODY, SOMEBODY = "action: AUDIT", 'rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]'
ADMIN = 'rules: [{when: [{key: "request.auth.claims[group]", values: ["admin"]}]}]'
READS = 'rules: [{when: [{key: "request.auth.claims[scope]", values: ["read"]}]}]'
NOT_NOBODY = 'action: DENY\nrules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]'

Row = tuple[list[dict[str, object]], str, dict[str, Claim] | None, bool]
USER: dict[str, Claim] = {"iss": "https://one.test", "sub": "u"}

TABLE: tuple[Row, ...] = (
    # no rules: a token is not looked at, so it proves nothing
    ([], ANYBODY, {"iss": "anybody", "sub": "u"}, True),
    ([], SOMEBODY, USER, False),
    # rules alone: without a token everything passes, with a foreign one nothing
    ([ONE], ANYBODY, None, True),
    ([ONE], ANYBODY, USER, True),
    ([ONE], ANYBODY, {"iss": "https://evil.test", "sub": "u"}, False),
    # a policy that asks for somebody
    ([ONE], SOMEBODY, None, False),
    ([ONE], SOMEBODY, USER, True),
    ([ONE], SOMEBODY, {"iss": "https://one.test"}, False),
    ([ONE], NOT_NOBODY, None, False),
    ([ONE], NOT_NOBODY, USER, True),
    # audiences: any of them, with or without scheme and last slash
    ([TWO], ANYBODY, {"iss": "https://two.test", "sub": "u"}, False),
    ([TWO], ANYBODY, {"iss": "https://two.test", "sub": "u", "aud": "shop"}, True),
    ([TWO], ANYBODY, {"iss": "https://two.test", "sub": "u", "aud": ("lab", "http://shop.test")}, True),
    ([TWO], ANYBODY, {"iss": "https://two.test", "sub": "u", "aud": "lab"}, False),
    # several rules: one of them has to take it
    ([ONE, TWO], SOMEBODY, USER, True),
    ([ONE, TWO], SOMEBODY, {"iss": "https://two.test", "sub": "u", "aud": "shop"}, True),
    ([ONE, TWO], SOMEBODY, {"iss": "https://three.test", "sub": "u"}, False),
    # claims: a text or a list of texts, and scopes are lists of words
    ([ONE], ADMIN, {**USER, "group": "admin"}, True),
    ([ONE], ADMIN, {**USER, "group": ("dev", "admin")}, True),
    ([ONE], ADMIN, {**USER, "group": "dev admin"}, False),
    ([ONE], ADMIN, {**USER, "group": True}, False),
    ([ONE], READS, {**USER, "scope": "write read"}, True),
    ([ONE], READS, {**USER, "scope": "readonly"}, False),
)


def request(claims: dict[str, Claim] | None) -> Request:
    return Request(
        80, None, "127.0.0.1", "127.0.0.1", "127.0.0.1", "", Http("GET", "/", "cart", {}, claims), metadata={}
    )


@pytest.mark.parametrize("row", TABLE)
def test_tokens(row: Row) -> None:
    rules, spec, claims, passes = row
    tokens: list[Plain] = [
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "RequestAuthentication",
            "metadata": meta("jwt", "shop"),
            "spec": {"jwtRules": rules},
        }
    ]
    scene = Scene(namespace("shop"), workload("cart"), NAMED, config(), policy("p", spec), *(tokens if rules else []))
    (fabric,) = scene.mesh.fabrics
    assert isinstance(fabric, Istio)
    verdict = fabric.view.authorization.decide(scene.index("cart"), request(claims))
    assert verdict.answer is (Answer.ALLOWED if passes else Answer.DENIED), verdict


@pytest.mark.slow
def test_envoy_answers_the_same(tmp_path: Path) -> None:
    names = [str(i) for i in range(len(TABLE))]
    rows = dict(zip(names, TABLE, strict=True))
    filters = {n: translate([dict(policy("p", row[1]))], http=True) for n, row in rows.items()}
    tokens = {n: row[0] for n, row in rows.items()}
    with envoy(tmp_path, filters, tokens) as running:
        for name, (rules, spec, claims, passes) in rows.items():
            ((_, outcome),) = running.answers(name, [request(claims)])
            assert outcome is (Outcome.ALLOWED if passes else Outcome.DENIED), (rules, spec, claims)
