"""What servers let in, as a set: two sets are compared over every request, and no request is missed."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.mesh.authorization_scene import CUSTOM, policy
from tests.layers.mesh.istio_scene import peers, read
from tests.layers.mesh.least_scene import cluster, identity, of, policies, requests, shop, use

from mistrust.access.verdict import Answer
from mistrust.kube.snapshot import snapshot
from mistrust.layers.mesh.least.grants import RANK, Grants, granted
from mistrust.layers.mesh.use import Use
from mistrust.trust.prove import prove

CART = "selector: {matchLabels: {app: b}}\n"


def allowing(rules: str, name: str = "b") -> dict[str, object]:
    return dict(policy(name, f"{CART}rules: {rules}"))


@pytest.mark.parametrize("seed", range(60))
def test_a_request_that_only_the_new_policy_lets_in_is_always_found(seed: int) -> None:
    """Beside the comparison of sets the plain definition: ask both for very many requests."""
    dice = Random(seed)
    base = cluster(dice)
    old, new = (granted(snapshot(read(*base, *policies(dice)))) for _ in range(2))
    more = new - old
    for access in requests(dice, 400):
        before, now = old.decide(access).answer, new.decide(access).answer
        if RANK[now] > RANK[before]:
            port = access.request.port
            ports = {a.request.port for a in more.between(access.source, access.destination)}
            assert port in ports or (port == 9999 and ports - {80, 5432}), access


@pytest.mark.parametrize("seed", range(30))
def test_every_witness_is_let_in_by_the_one_and_not_by_the_other(seed: int) -> None:
    dice = Random(seed)
    base = cluster(dice)
    old, new = (granted(snapshot(read(*base, *policies(dice)))) for _ in range(2))
    for access in (new - old).at(new.pods):
        before, now = old.decide(access), new.decide(access)
        assert RANK[now.answer] >= RANK[before.answer], access
        assert now.answer is not Answer.DENIED, access
        assert access in new
    assert (new - new).witness() is None
    assert (new - new).count() == 0


def test_a_host_that_is_let_in_beside_another_is_gained() -> None:
    old = granted(shop(allowing('[{to: [{operation: {hosts: ["b.test"]}}]}]')))
    new = granted(shop(allowing('[{to: [{operation: {hosts: ["b.test", "c.test"]}}]}]')))
    found = (new - old).witness()
    assert str(found) == (
        "Deployment shop/a -> Deployment shop/b TCP 80 as cluster.local/ns/shop/sa/a: GET / at c.test"
    )
    assert (old - new).witness() is None


def test_a_template_is_narrower_than_a_prefix_and_wider_than_a_path() -> None:
    one, template, prefix = (
        granted(shop(allowing(f'[{{to: [{{operation: {{paths: ["{p}"]}}}}]}}]')))
        for p in ("/cart/7", "/cart/{*}", "/cart/*")
    )
    assert (one - template).witness() is None
    assert (template - prefix).witness() is None
    assert (template - one).witness() is not None
    assert (prefix - template).witness() is not None


def test_a_name_that_no_workload_has_counts() -> None:
    """Another cluster of the mesh may have it, or a workload to come."""
    old = granted(shop(allowing('[{from: [{source: {principals: ["cluster.local/ns/shop/sa/a"]}}]}]')))
    new = granted(shop(allowing('[{from: [{source: {namespaces: ["shop"], notPrincipals: ["*/sa/b", "*/sa/c"]}}]}]')))
    found = (new - old).witness()
    assert found is not None
    assert found.source is None
    assert found.request.principal not in (identity("a"), identity("b"), identity("c"), None)


def test_what_hangs_on_a_token_is_compared_as_it_stands() -> None:
    token = "when: [{{key: 'request.auth.claims[team]', values: [{}]}}]"
    red, blue = (granted(shop(allowing(f"[{{{token.format(v)}}}]"))) for v in ("red", "blue"))
    assert (red - red).witness() is None
    assert (red - blue).witness() is None, "no RequestAuthentication: nobody has a token, and neither lets anybody in"
    tokens = {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": {"name": "t", "namespace": "shop"},
        "spec": {"jwtRules": [{"issuer": "i"}]},
    }
    red, blue = (granted(shop(tokens, allowing(f"[{{{token.format(v)}}}]"))) for v in ("red", "blue"))
    assert (red - blue).witness() is not None
    assert (red - red).witness() is None
    other = {**tokens, "spec": {"jwtRules": [{"issuer": "j"}]}}
    same, bare = granted(shop(other, allowing(f"[{{{token.format('red')}}}]"))), granted(shop(allowing("[]")))
    assert (same - red).witness() is not None, "tokens of another issuer"
    assert (red - bare).witness() is not None


def test_an_external_authorizer_that_stays_does_not_hide_what_changes() -> None:
    ask = policy("ask", CUSTOM)
    narrow = allowing('[{to: [{operation: {methods: ["GET"]}}]}]')
    wide, tight = granted(shop(ask)), granted(shop(ask, narrow))
    assert (tight - wide).witness() is None
    assert (wide - tight).witness() is not None


def test_strict_takes_plaintext_away_and_nothing_else() -> None:
    old, new = granted(shop()), granted(shop(peers("shop", "STRICT"), peers("pay", "STRICT")))
    proof = prove(old, new, [old.ways(use("shop/a", "shop/b"))])
    assert proof.holds
    assert not proof.unknown
    assert proof.used == 1
    assert all(a.request.principal is None for a in (old - new).at(old.pods))


def test_a_lost_use_comes_with_both_answers() -> None:
    old, new = granted(shop()), granted(shop(peers("shop", "STRICT")))
    proof = prove(old, new, [old.ways(use("old/legacy", "shop/b", security="plaintext"))])
    (lost,) = proof.lost
    assert lost.before.answer is Answer.ALLOWED
    assert lost.now.because.startswith("the server takes mutual TLS alone: PeerAuthentication shop/default")


def test_a_flow_without_mesh_facts_may_have_come_either_way() -> None:
    old = granted(shop())
    flow = Use(of("a"), of("b"), 80)
    assert [a.request.principal for a in old.ways(flow)] == [identity("a"), None]
    bare = Use(of("legacy", "old"), of("b"), 80)
    assert [a.request.principal for a in old.ways(bare)] == [None]


def test_what_a_use_does_not_tell_is_not_known() -> None:
    grants = granted(shop(allowing('[{to: [{operation: {methods: ["GET"], hosts: ["b.test"]}}]}]')))
    (access,) = grants.ways(use("shop/a", "shop/b", 80, "GET", "/cart"))
    assert grants.decide(access).answer is Answer.UNKNOWN
    (access,) = grants.ways(use("shop/a", "shop/b", 80, "POST", "/cart"))
    assert grants.decide(access).answer is Answer.DENIED


def test_bytes_meet_no_rule_about_http() -> None:
    grants = granted(shop(allowing('[{to: [{operation: {methods: ["GET"]}}]}]')))
    (access,) = grants.ways(use("shop/a", "shop/b", 5432))
    assert grants.decide(access).answer is Answer.DENIED


def test_udp_is_no_business_of_a_mesh() -> None:
    grants: Grants = granted(shop())
    assert grants.ways(Use(of("a"), of("b"), 65536 + 53)) == ()
