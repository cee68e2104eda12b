"""Policies that we propose, enforced by a real Envoy: what was seen passes, and nothing else does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.layers.mesh.least_scene import WEEKS, identity, of, often, shop, use
from tests.peers.envoy import envoy
from tests.peers.istio_policies import Json
from tests.peers.istio_translator import translate
from tests.peers.rbac import Outcome

from mistrust.access.change import applied
from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.snapshot import snapshot
from mistrust.layers.mesh.istio.authorization.requests import Http, Request
from mistrust.layers.mesh.least.access import Access
from mistrust.layers.mesh.least.grants import granted, some_path
from mistrust.layers.mesh.synthesize import synthesize
from mistrust.report.manifests import manifest

HERE = "127.200.0.9"
USES = often(
    use("shop/a", "shop/b", 80, "GET", "/cart/{*}"),
    use("shop/a", "shop/b", 80, "POST", "/cart"),
    use("pay/a", "shop/b", 80, "GET", "/cart/{*}/items"),
    use("pay/a", "shop/b", 80, "GET", "/img/{*}.png"),
    use("pay/b", "shop/b", 80, "DELETE", "/a=b/{*}"),
    use("pay/c", "shop/b", 5432),
)


def proposed() -> tuple[list[Json], object]:
    """The policies for `shop/b` as they are written, and what is let in with them."""
    given = shop()
    found = synthesize(given, USES, WEEKS)
    after = snapshot(applied(given.objects, found.changes))
    mine = [o for o in after.of(AuthorizationPolicy) if o.name == "b"]
    return [dict(manifest(o)) for o in mine], granted(after)


@pytest.mark.slow
def test_envoy_lets_in_what_was_seen_and_nothing_else(tmp_path: Path) -> None:
    policies, new = proposed()
    assert policies
    rng = random.Random(7)
    names = [identity(n, s) for s, n in (("shop", "a"), ("pay", "a"), ("pay", "b"), ("pay", "c"), ("shop", "c"))]
    paths = [
        "/cart",
        "/cart/1",
        "/cart/1/items",
        "/cart/1/2/items",
        "/img/x.png",
        "/img/x.gif",
        "/a=b/9",
        "/",
        "/admin",
    ]
    seen = [(u.identity.removeprefix("spiffe://"), u.port, u.method, some_path(u.path)) for u in USES]
    asked = [
        (
            rng.choice([*names, None]),
            rng.choice([80, 80, 5432]),
            rng.choice(["GET", "POST", "DELETE", "PUT"]),
            rng.choice(paths),
        )
        for _ in range(400)
    ]
    filters = {kind: translate(policies, http=kind == "http") for kind in ("http", "tcp")}
    passed = 0
    with envoy(tmp_path, filters) as running:
        for name, port, method, path in (*seen, *asked):
            http = Http(method, path, "b.test") if port == 80 else None
            request = Request(port, name, HERE, HERE, HERE, "", http, metadata={})
            ((_, outcome),) = running.answers("http" if http else "tcp", [request])
            wanted = new.decide(Access(None, of("b"), request)).answer  # type: ignore[attr-defined]
            assert (outcome is Outcome.ALLOWED) == (wanted is Answer.ALLOWED), (request, outcome, wanted)
            assert (name, port, method, path) not in seen or outcome is Outcome.ALLOWED, request
            passed += outcome is Outcome.ALLOWED
    assert len(seen) < passed < 200
