"""Over random clusters, policies and uses: what is proposed keeps every use, lets in nothing more, and stays put."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace
from tests.layers.mesh.istio_scene import read
from tests.layers.mesh.least_scene import WEEKS, cluster, policies, requests

from mistrust.access.change import applied
from mistrust.access.ports import point
from mistrust.access.record import Tally
from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy, AuthorizationRule, Operation, To
from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.istio.authorization.requests import Http
from mistrust.layers.mesh.least.grants import RANK, Grants, granted
from mistrust.layers.mesh.synthesize import synthesize
from mistrust.layers.mesh.use import Use
from mistrust.trust.prove import prove


def used(dice: Random, old: Grants) -> dict[Use, Tally]:
    """Some of what is let in, as servers would have told it."""
    out: dict[Use, Tally] = {}
    plain = dice.random() < 0.4
    for access in requests(dice, dice.choice([20, 60, 150])):
        r = access.request
        if (r.principal is None and not plain) or r.port == 9999 or (access.source is None and r.principal):
            continue
        if old.decide(access).answer is Answer.ALLOWED:
            security = "mtls" if r.principal else "plaintext"
            security = "" if dice.random() < 0.1 else security
            who = f"spiffe://{r.principal}" if security == "mtls" else ""
            told = isinstance(r.http, Http) and dice.random() < 0.8
            method, path = (r.http.method, r.http.path) if isinstance(r.http, Http) and told else ("", "")
            at = point("TCP", r.port)
            use = Use(access.source, access.destination, at, who, security, method, path.replace("/7", "/{*}"))
            out[use] = Tally(dice.randrange(1, 50), 0, 86_400)
    return out


def scene(seed: int) -> tuple[Snapshot, Grants, dict[Use, Tally]]:
    dice = Random(seed)
    given = snapshot(read(*cluster(dice), *policies(dice)))
    old = granted(given)
    return given, old, used(dice, old)


@pytest.mark.parametrize("seed", range(25))
def test_every_use_is_kept_nothing_is_gained_and_nothing_is_left_to_do(seed: int) -> None:
    given, old, uses = scene(seed)
    found = synthesize(given, uses, WEEKS)
    after = snapshot(applied(given.objects, found.changes))
    proof = prove(old, granted(after), map(old.ways, uses))
    assert proof.lost == ()
    assert proof.gain is None
    assert proof.unknown == ()
    assert not synthesize(after, uses, WEEKS).changes


@pytest.mark.parametrize("seed", range(25))
def test_no_request_that_was_refused_passes_afterwards(seed: int) -> None:
    """Asked one by one, without any comparison of sets."""
    given, old, uses = scene(seed)
    found = synthesize(given, uses, WEEKS)
    new = granted(snapshot(applied(given.objects, found.changes)))
    for access in requests(Random(seed + 1000), 300):
        assert RANK[new.decide(access).answer] <= RANK[old.decide(access).answer], access


@pytest.mark.parametrize("seed", range(25))
def test_a_policy_that_somebody_spoils_is_found_out(seed: int) -> None:
    """A rule less loses a use; a field less lets in more; if, and only if, some request says so."""
    given, _, uses = scene(seed)
    found = synthesize(given, uses, WEEKS)
    after = applied(given.objects, found.changes)
    mine = [o for c in found.changes for o in c.new if isinstance(o, AuthorizationPolicy) and o.spec.rules]
    dice = Random(seed)
    for policy in dice.sample(mine, min(3, len(mine))):
        new = granted(snapshot(after))
        fewer = granted(snapshot(_without(after, policy, policy.spec.rules[1:])))
        lost = {repr(x.access) for x in prove(new, fewer, map(new.ways, uses)).lost}
        for use in uses:
            ways = new.ways(use)
            before, now = (any(g.decide(a).answer is not Answer.DENIED for a in ways) for g in (new, fewer))
            assert (before and not now) == any(repr(a) in lost for a in ways), use
        loose = granted(snapshot(_without(after, policy, tuple(map(_loose, policy.spec.rules)))))
        gain = prove(new, loose, ()).gain
        several = [
            a for a in requests(Random(seed + 7), 200) if RANK[loose.decide(a).answer] > RANK[new.decide(a).answer]
        ]
        assert gain is not None or not several, several[:1]
        assert gain is None or RANK[loose.decide(gain).answer] >= RANK[new.decide(gain).answer]


def _without(
    objects: tuple[Object, ...], policy: AuthorizationPolicy, rules: tuple[AuthorizationRule, ...]
) -> tuple[Object, ...]:
    return tuple(replace(o, spec=replace(policy.spec, rules=rules)) if o is policy else o for o in objects)


def _loose(rule: AuthorizationRule) -> AuthorizationRule:
    """The same without its methods."""
    kept = tuple(To(replace(t.operation or Operation(), methods=())) for t in rule.operations)
    return replace(rule, operations=kept)
