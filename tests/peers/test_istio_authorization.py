"""Istio's test cases of its translator, answered three times: by us from the policies, by Envoy from Istio's filters,
and by a small interpreter of those filters; over requests made from the policies' own words.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.peers.envoy import envoy
from tests.peers.istio_cases import CASES, TESTDATA, Case
from tests.peers.istio_policies import Json, random_policies
from tests.peers.istio_requests import requests
from tests.peers.istio_translator import translate
from tests.peers.rbac import Outcome, interpret

from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.read import read
from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.requests import Http, Request
from mistrust.layers.mesh.istio.authorization.server import Authorizer, authorizer, read_policy

OURS = {Answer.ALLOWED: Outcome.ALLOWED, Answer.DENIED: Outcome.DENIED, Answer.UNKNOWN: Outcome.ASKED}


def generated(case: Case, count: int) -> list[Request]:
    return requests(case.raw(), http=case.http, seed=str(case), count=count)


def test_every_file_is_in_the_table() -> None:
    for kind in ("http", "tcp"):
        files = {f.name for f in (TESTDATA() / kind).iterdir()}
        told = {f"{c.policies}-in.yaml" for c in CASES if (c.http is (kind == "http"))}
        told |= {
            f"{f.partition('#')[0]}-out{f.partition('#')[2]}.yaml"
            for c in CASES
            if c.http is (kind == "http")
            for f in c.filters
        }
        twice = {f for f in files if f.startswith("extended-")}
        assert files - twice == told, files - twice ^ told
        for f in twice:
            folder = TESTDATA() / kind
            assert (folder / f).read_bytes() == (folder / f.removeprefix("extended-")).read_bytes(), f


@pytest.mark.parametrize("case", CASES, ids=str)
def test_we_answer_as_the_filters_that_istio_writes(case: Case) -> None:
    ours = case.authorizer()
    filters = case.translated()
    for request in generated(case, 250):
        verdict = ours.decide(request)
        assert OURS[verdict.answer] is interpret(filters, request), (request, verdict)


def test_the_requests_are_worth_asking() -> None:
    """Over all cases every kind of answer comes up, and in the cases where both can, both do."""
    seen: dict[str, set[Outcome]] = {}
    for case in CASES:
        filters = case.translated()
        seen[str(case)] = {interpret(filters, r) for r in generated(case, 250)}
    both = [name for name, outcomes in seen.items() if len(outcomes) > 1]
    assert len(both) >= 14, seen
    assert set().union(*seen.values()) == set(Outcome)


NOT_DRIVEN = {
    "tcp: experimental.envoy.filters": "no network filter writes what a test sends, so it is never there",
    "tcp: ext_authz": "nobody sees that it is asked; the shadow rules are enforced as DENY instead",
    "http: ext_authz": "the filter is left out; the metadata that switches it on is read from a response header",
    "allow-host-before-111": "an old form that this Envoy does not take; the same regex is given as stringMatch",
}
"""What does not reach Envoy as Istio wrote it, and why."""


def for_envoy(case: Case) -> list[dict[str, Any]]:
    """Istio's filters as this Envoy can be asked about them; see NOT_DRIVEN."""
    filters = [f for f in case.translated() if "ExtAuthz" not in f["typedConfig"]["@type"]]
    for f in filters:
        config = f["typedConfig"]
        if not case.http and "shadowRules" in config and case.providers is not None:
            config["rules"] = config.pop("shadowRules")
        if case.name == "allow-host-before-111":
            f["typedConfig"] = json.loads(
                re.sub(r'"safeRegexMatch": (\{[^}]*\})', r'"stringMatch": {"safeRegex": \1}', json.dumps(config))
            )
    return filters


@pytest.mark.slow
def test_we_answer_as_envoy_does(tmp_path: Path) -> None:
    asked, denied = 0, 0
    with envoy(tmp_path, {str(c): for_envoy(c) for c in CASES}) as running:
        for case in CASES:
            ours = case.authorizer()
            for request, outcome in running.answers(str(case), generated(case, 500)):
                verdict = ours.decide(request)
                expected = OURS[verdict.answer]
                if not case.http and expected is Outcome.ASKED:
                    expected = Outcome.DENIED
                assert expected is outcome, (str(case), request, verdict)
                asked += 1
                denied += outcome is Outcome.DENIED
    assert asked > 4000
    assert 500 < denied < asked - 500


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.providers is None and c.name != "allow-host-before-111"], ids=str
)
def test_the_second_translator_writes_what_istio_writes(case: Case) -> None:
    assert translate(case.raw(), http=case.http, domains=case.trust.names) == case.translated()


def made_up(seed: int) -> tuple[list[Json], Authorizer]:
    """Policies that nobody wrote, and our reading of them."""
    policies = random_policies(random.Random(seed))
    objects, problems = read("\n---\n".join(json.dumps(p) for p in policies).encode(), "made-up")
    assert not problems
    return policies, authorizer([read_policy(o, TRUST) for o in objects if isinstance(o, AuthorizationPolicy)])


TRUST = TrustDomains(("cluster.local", "old.local"))


@pytest.mark.parametrize("seed", range(100))
def test_we_answer_made_up_policies_as_their_filters(seed: int) -> None:
    policies, ours = made_up(seed)
    for http in (True, False):
        filters = translate(policies, http=http, domains=TRUST.names)
        for request in requests(policies, http=http, seed=str(seed), count=50):
            verdict = ours.decide(request)
            assert OURS[verdict.answer] is interpret(filters, request), (request, verdict, policies)


@pytest.mark.slow
def test_we_answer_made_up_policies_as_envoy_does(tmp_path: Path) -> None:
    """A hundred sets of policies, as HTTP and as TCP, each asked with requests made from its words."""
    asked, denied = 0, 0
    cases = {f"{kind} {seed}": (seed, kind == "http") for seed in range(1000, 1100) for kind in ("http", "tcp")}
    filters = {n: translate(made_up(seed)[0], http=http, domains=TRUST.names) for n, (seed, http) in cases.items()}
    with envoy(tmp_path, filters) as running:
        for name, (seed, http) in cases.items():
            policies, ours = made_up(seed)
            for request, outcome in running.answers(name, requests(policies, http=http, seed=name, count=60)):
                verdict = ours.decide(request)
                assert OURS[verdict.answer] is outcome, (name, request, verdict, policies)
                asked += 1
                denied += outcome is Outcome.DENIED
    assert asked > 6000
    assert 1500 < denied < asked - 1500


@pytest.mark.slow
def test_a_path_that_is_refused_has_other_spellings(tmp_path: Path) -> None:
    """What Istio's BASE normalization leaves is passed by; MERGE_SLASHES closes it."""
    refused = {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"action": "DENY", "rules": [PATHS]}}
    options = {"BASE": {"normalize_path": True}, "MERGE_SLASHES": {"normalize_path": True, "merge_slashes": True}}
    with envoy(tmp_path, {n: translate([refused], http=True) for n in options}, options=options) as running:
        for name, passing in (("BASE", {"//admin", "/ADMIN"}), ("MERGE_SLASHES", {"/ADMIN"})):
            paths = ("/admin", "/admin/", "/x/../admin", "/%61dmin", "//admin", "/ADMIN")
            several = [Request(80, None, HERE, HERE, HERE, "", Http("GET", p, "web.test"), metadata={}) for p in paths]
            found = {
                r.http.path
                for r, o in running.answers(name, several)
                if o is Outcome.ALLOWED
                if isinstance(r.http, Http)
            }
            assert found == passing


PATHS: Json = {"to": [{"operation": {"paths": ["/admin*"]}}]}
HERE = "127.200.0.9"


@pytest.mark.slow
def test_whoever_speaks_to_a_sidecar_writes_the_forwarded_address(tmp_path: Path) -> None:
    """The peer's address is proved by the connection, the client's is what X-Forwarded-For says."""
    blocks = {"source": "ipBlocks", "remote": "remoteIpBlocks"}
    written = {n: [_allowing({field: ["127.1.2.3"]})] for n, field in blocks.items()}
    filters = {n: translate(p, http=True) for n, p in written.items()}
    with envoy(tmp_path, filters) as running:
        for name, passes in (("source", Outcome.DENIED), ("remote", Outcome.ALLOWED)):
            lying = Http("GET", "/", "web.test", {"x-forwarded-for": "127.1.2.3"})
            r = Request(80, None, HERE, HERE, HERE, "", lying, metadata={})
            ((_, outcome),) = running.answers(name, [r])
            assert outcome is passes


def _allowing(source: Json) -> Json:
    return {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"rules": [{"from": [{"source": source}]}]}}
