"""Istio: in which scope mutual TLS is required, what stays open and why, and who may do what afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from tests.layers.mesh.authorization_scene import policy, waypoint
from tests.layers.mesh.istio_scene import IN_AMBIENT, Plain, config, namespace, peers, read, rule, tls, workload
from tests.layers.mesh.least_scene import WEEKS, http_service, identity, of, often, shop, use

from mistrust.access.change import Tightened, applied
from mistrust.access.record import Coverage, Tally
from mistrust.kube.istio import AuthorizationPolicy, PeerAuthentication
from mistrust.kube.snapshot import Gap, Snapshot, snapshot
from mistrust.layers.mesh.least.grants import granted
from mistrust.layers.mesh.synthesize import synthesize
from mistrust.layers.mesh.use import Use
from mistrust.report.manifests import manifest
from mistrust.trust.prove import prove

ALL = [f"{n}/{a}" for n in ("shop", "pay") for a in "abc"]
EVERY = often(*(use(f"{s[:-1]}{'bca'['abc'.index(s[-1])]}", s, 80, "GET", "/") for s in ALL))
"""Each workload is used by the next one."""


def tightened(given: Snapshot, uses: Mapping[Use, Tally], coverage: Coverage = WEEKS) -> Tightened:
    """What is proposed; each time it is proved, and there is nothing left to do."""
    found = synthesize(given, uses, coverage)
    after = snapshot(applied(given.objects, found.changes), gaps=given.gaps)
    old, new = granted(given), granted(after)
    proof = prove(old, new, map(old.ways, uses))
    assert (proof.lost, proof.gain, proof.unknown) == ((), None, ())
    assert not synthesize(after, uses, coverage).changes
    return found


def modes(found: Tightened) -> dict[str, object]:
    """PeerAuthentications by name: their mode, and the ports that differ."""
    made = [o for c in found.changes for o in c.new if isinstance(o, PeerAuthentication)]
    return {
        f"{o.namespace}/{o.name}": (
            o.spec.mtls.mode if o.spec.mtls else "",
            {p: m.mode for p, m in o.spec.port_level_mtls.items()},
        )
        for o in made
    }


def rules(found: Tightened, name: str) -> object:
    """The rules of a policy, as they are written."""
    made = [o for c in found.changes for o in c.new if isinstance(o, AuthorizationPolicy)]
    (one,) = (o for o in made if f"{o.namespace}/{o.name}" == name)
    return json.loads(json.dumps(manifest(one)))["spec"].get("rules")


def left(found: Tightened, name: str, space: str = "shop") -> list[str]:
    return [each.because for each in found.left if each.ref == of(name, space)]


def test_the_whole_mesh_takes_mutual_tls_alone_where_every_workload_can() -> None:
    assert modes(tightened(shop(), EVERY)) == {"istio-system/default": ("STRICT", {})}


def test_a_namespace_of_its_own_where_another_one_cannot() -> None:
    uses = {u: t for u, t in EVERY.items() if u.destination != of("a", "pay")}
    found = tightened(shop(), uses)
    assert modes(found) == {
        "shop/default": ("STRICT", {}),
        "pay/b": ("STRICT", {}),
        "pay/c": ("STRICT", {}),
    }
    assert left(found, "a", "pay") == ["nothing was seen to connect to it, and nothing says that it would have been"]


def test_a_port_that_somebody_needs_in_plaintext_stays_open_with_the_reason() -> None:
    uses = {**EVERY, **often(use("old/legacy", "shop/b", 5432, security="plaintext"))}
    found = tightened(shop(), uses)
    assert modes(found) == {
        "istio-system/default": ("STRICT", {}),
        "shop/b": ("STRICT", {"5432": "PERMISSIVE"}),
    }
    (change,) = (c for c in found.changes if any(o.ref.kind == "PeerAuthentication" and o.name == "b" for o in c.new))
    assert str(change.notes[1]) == (
        'spec.portLevelMtls["5432"]: Deployment old/legacy connects, in plaintext (10 times, last on 1970-01-02)'
    )


def test_the_oldest_policy_of_a_scope_is_changed_in_its_place() -> None:
    """A younger one beside it would do nothing."""
    held = peers("shop", "PERMISSIVE", name="team", made="2020-01-01T00:00:00Z")
    found = tightened(shop(held), EVERY)
    assert modes(found) == {"istio-system/default": ("STRICT", {}), "shop/team": ("STRICT", {})}
    (change,) = (c for c in found.changes if c.old is not None)
    assert change.old is not None
    assert change.old.name == "team"


def test_a_workload_that_switches_mutual_tls_off_stays_as_it_is() -> None:
    found = tightened(shop(peers("shop", "DISABLE", name="b", app="b")), EVERY)
    assert left(found, "b")[0].startswith(
        "its transport stays: mutual TLS is switched off for it: PeerAuthentication shop/b says DISABLE"
    )
    assert "shop/default" not in modes(found)


def test_a_rule_that_sends_plaintext_must_not_break() -> None:
    """Nobody told how the flow came; the DestinationRule says that it was plaintext."""
    off = rule("shop", "b.shop.svc.cluster.local", tls("DISABLE"))
    uses = {u: t for u, t in EVERY.items() if u.destination != of("b")}
    found = tightened(shop(off), {**uses, **often(use("shop/c", "shop/b", 80, security=""))})
    assert modes(found)["shop/b"] == ("STRICT", {"80": "PERMISSIVE"})


def test_a_flow_between_two_sidecars_is_mutual_tls_without_anybody_saying_so() -> None:
    uses = {u: t for u, t in EVERY.items() if u.destination != of("b")}
    found = tightened(shop(), {**uses, **often(use("shop/c", "shop/b", 80, security=""))})
    assert modes(found) == {"istio-system/default": ("STRICT", {})}
    assert rules(found, "shop/b") == [
        {"from": [{"source": {"principals": [identity("c")]}}], "to": [{"operation": {"ports": ["80"]}}]}
    ]


def test_probes_that_the_agent_does_not_make_in_the_kubelets_place_need_plaintext() -> None:
    bare = dict(workload("probed", "shop", annotations={"sidecar.istio.io/rewriteAppHTTPProbers": "false"}))
    container = bare["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    container["livenessProbe"] = {"httpGet": {"port": "p80", "path": "/live"}}
    found = tightened(shop(bare), {**EVERY, **often(use("shop/a", "shop/probed", 80, "GET", "/"))})
    assert modes(found)["shop/probed"] == ("STRICT", {"80": "PERMISSIVE"})


def test_the_api_server_is_in_no_mesh() -> None:
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "checks"},
        "webhooks": [{"name": "a.b.c", "clientConfig": {"service": {"name": "b", "namespace": "shop", "port": 80}}}],
    }
    found = tightened(shop(hook), EVERY)
    assert modes(found)["shop/b"] == ("STRICT", {"80": "PERMISSIVE", "5432": "PERMISSIVE"})


def test_who_does_the_same_is_in_one_rule() -> None:
    """Bytes are in a rule apart: at their port a rule that speaks of HTTP as well would fall out as a whole."""
    uses = often(
        *(
            use(s, "shop/b", 80, m, p)
            for s in ("shop/a", "pay/a")
            for m, p in (("GET", "/cart/{*}"), ("HEAD", "/cart/{*}"), ("POST", "/cart"))
        ),
        use("pay/b", "shop/b", 80, "GET", "/health"),
        use("pay/b", "shop/b", 5432),
    )
    found = tightened(shop(), uses)
    assert rules(found, "shop/b") == [
        {
            "from": [{"source": {"principals": [identity("a", "pay"), identity("a")]}}],
            "to": [
                {"operation": {"ports": ["80"], "methods": ["GET", "HEAD"], "paths": ["/cart/{*}"]}},
                {"operation": {"ports": ["80"], "methods": ["POST"], "paths": ["/cart"]}},
            ],
        },
        {
            "from": [{"source": {"principals": [identity("b", "pay")]}}],
            "to": [{"operation": {"ports": ["5432"]}}],
        },
        {
            "from": [{"source": {"principals": [identity("b", "pay")]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": ["/health"]}}],
        },
    ]


PATHS = {
    "a path": (["/cart"], ["/cart"]),
    "an identifier": (["/cart/{*}"], ["/cart/{*}"]),
    "a rest of any length": (["/files/{**}"], ["/files/{**}"]),
    "an identifier inside a segment": (["/cart/a{*}b/c"], ["/cart/a*"]),
    "a character that templates refuse": (["/cart/{*}/a=b"], ["/cart/*"]),
    "a star of its own": (["/glob*"], ["/glob*"]),
    "many below one segment": ([f"/cart/{i}/x" for i in range(6)], ["/cart/*"]),
    "too many": ([f"/p{i}" for i in range(13)], ["/*"]),
}


@pytest.mark.parametrize(("seen", "written"), PATHS.values(), ids=PATHS)
def test_how_paths_are_written(seen: list[str], written: list[str]) -> None:
    found = tightened(shop(), often(*(use("shop/a", "shop/b", 80, "GET", p) for p in seen)))
    assert rules(found, "shop/b") == [
        {
            "from": [{"source": {"principals": [identity("a")]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": written}}],
        }
    ]


def test_a_namespace_all_of_whose_workloads_have_a_policy_lets_in_nothing_else() -> None:
    found = tightened(shop(), EVERY)
    assert rules(found, "shop/allow-nothing") is None
    uses = {u: t for u, t in EVERY.items() if u.destination != of("c")}
    some = tightened(shop(), uses)
    assert "allow-nothing" not in {o.name for c in some.changes for o in c.new if o.namespace == "shop"}


CART = "selector: {matchLabels: {app: b}}\n"


def test_what_allows_is_narrowed_in_its_place_and_what_denies_stays() -> None:
    wide = policy("team", f"{CART}rules: [{{}}]")
    deny = policy("no", f"{CART}action: DENY\nrules: [{{to: [{{operation: {{paths: [/admin]}}}}]}}]")
    found = tightened(shop(wide, deny), EVERY)
    assert rules(found, "shop/team") == [
        {
            "from": [{"source": {"principals": [identity("c")]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": ["/"]}}],
        }
    ]
    assert "no" not in {c.old.name for c in found.changes if c.old is not None}


def test_what_allows_for_a_whole_namespace_goes_where_each_workload_has_its_own() -> None:
    found = tightened(shop(policy("all", "rules: [{from: [{source: {namespaces: [shop]}}]}]")), EVERY)
    assert [str(c) for c in found.changes if c.old is not None] == [
        "delete AuthorizationPolicy shop/all: what was used of it stands in policies of its workloads"
    ]


def test_what_allows_for_somebody_who_is_left_alone_stays_and_so_do_its_workloads() -> None:
    uses = {u: t for u, t in EVERY.items() if u.destination != of("c")}
    found = tightened(shop(policy("all", "rules: [{from: [{source: {namespaces: [shop]}}]}]")), uses)
    assert left(found, "a") == [
        "its authorization stays: AuthorizationPolicy shop/all allows for Deployment shop/c too, which is left alone"
    ]


def test_a_template_is_not_written_where_only_some_identifiers_were_let_in() -> None:
    some = policy("some", f"{CART}rules: [{{to: [{{operation: {{paths: [/cart/1, /cart/2]}}}}]}}]")
    found = tightened(shop(some), often(use("shop/a", "shop/b", 80, "GET", "/cart/{*}")))
    assert left(found, "b")[0].startswith("its authorization stays: it is not known whether its policies let in")


def test_a_folded_path_falls_back_to_what_was_seen_where_it_would_be_wider() -> None:
    listed = [f"/cart/{i}/x" for i in range(6)]
    some = policy("some", f"{CART}rules: [{{to: [{{operation: {{paths: {listed}}}}}]}}]")
    found = tightened(shop(some), often(*(use("shop/a", "shop/b", 80, "GET", p) for p in listed)))
    assert rules(found, "shop/some") == [
        {
            "from": [{"source": {"principals": [identity("a")]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": listed}}],
        }
    ]


def test_ambient_knows_names_and_ports_alone() -> None:
    pods = [workload(a, "shop", ports=(80,)) for a in "ab"]
    services = [http_service(a, "shop") for a in "ab"]
    given = snapshot(read(namespace("shop", IN_AMBIENT), *pods, *services, config()))
    found = tightened(given, often(use("shop/a", "shop/b", 80, "GET", "/cart")))
    assert rules(found, "shop/b") == [
        {"from": [{"source": {"principals": [identity("a")]}}], "to": [{"operation": {"ports": ["80"]}}]}
    ]


def test_a_waypoint_has_policies_of_its_own() -> None:
    labelled = {"istio.io/use-waypoint": "way"}
    pods = [workload(a, "shop", ports=(80,)) for a in "ab"]
    services = [http_service(a, "shop") for a in "ab"]
    given = snapshot(read(namespace("shop", {**IN_AMBIENT, **labelled}), *pods, *services, waypoint(), config()))
    found = tightened(given, often(use("shop/a", "shop/b", 80, "GET", "/cart")))
    assert "its authorization stays: a waypoint stands before it: its policies belong to the Service" in left(
        found, "b"
    )


def test_a_job_that_was_not_seen_keeps_what_it_may() -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": "shop"},
        "spec": {
            "schedule": "0 0 * * *",
            "jobTemplate": {
                "spec": {
                    "template": {
                        "metadata": {"labels": {"app": "nightly"}},
                        "spec": {"serviceAccountName": "nightly", "containers": [{"name": "c"}]},
                    }
                }
            },
        },
    }
    found = tightened(shop(job), EVERY)
    assert rules(found, "shop/b") == [
        {
            "from": [{"source": {"principals": [identity("c")]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": ["/"]}}],
        },
        {"from": [{"source": {"principals": [identity("nightly")]}}]},
    ]


THIN = {
    "short": (Coverage(first=0, last=86_400, events=9), "the evidence shows 1.0 days, and 14 are wanted"),
    "sampled": (
        replace(WEEKS, sampled=True),
        "the evidence is sampled: it shows use, and never that something is unused",
    ),
    "a hole": (
        replace(WEEKS, holes=((0, 20 * 86_400),)),
        "the evidence shows 10.0 days, and 14 are wanted",
    ),
    "nothing": (Coverage(), "no connection was read"),
}


@pytest.mark.parametrize(("coverage", "why"), THIN.values(), ids=THIN)
def test_thin_evidence_changes_nothing(coverage: Coverage, why: str) -> None:
    found = tightened(shop(), EVERY, coverage)
    assert not found.changes
    assert {each.because for each in found.left} == {why}


def test_policies_that_could_not_be_seen_change_nothing() -> None:
    given = shop()
    blind = replace(given, gaps=(Gap("AuthorizationPolicy", "forbidden"),))
    found = synthesize(blind, EVERY, WEEKS)
    assert not found.changes
    assert {each.because for each in found.left} == {"AuthorizationPolicy objects could not be seen"}


def test_what_the_policies_deny_stays_denied() -> None:
    """A use that was seen although a policy refuses it: the policy came later."""
    deny = policy("no", f"{CART}action: DENY\nrules: [{{to: [{{operation: {{paths: [/admin]}}}}]}}]")
    found = tightened(shop(deny), {**EVERY, **often(use("shop/a", "shop/b", 80, "GET", "/admin"))})
    assert found.remarks == (
        "1 uses were seen that the policies deny, such as Deployment shop/a -> Deployment shop/b TCP 80: GET /admin: "
        "they stay denied",
    )


def test_what_comes_through_a_gateway_comes_in_its_name() -> None:
    door = dict(workload("door", "edge", annotations={"inject.istio.io/templates": "gateway"}))
    found = tightened(
        shop(namespace("edge"), door), {**EVERY, **often(use("edge/door", "shop/b", 80, "GET", "/shop/{*}"))}
    )
    written = rules(found, "shop/b")
    assert isinstance(written, list)
    assert written[0] == {
        "from": [{"source": {"principals": [identity("door", "edge")]}}],
        "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": ["/shop/{*}"]}}],
    }
    assert not [o for c in found.changes for o in c.new if o.namespace == "edge"], "it serves clients without a name"


def test_a_port_that_the_proxy_never_sees_is_no_business_of_a_policy() -> None:
    past = workload(
        "past", "shop", ports=(80, 9090), annotations={"traffic.sidecar.istio.io/excludeInboundPorts": "9090"}
    )
    seen = often(use("shop/a", "shop/past", 80, "GET", "/"), use("old/legacy", "shop/past", 9090, security="plaintext"))
    found = tightened(shop(past, http_service("past", "shop")), {**EVERY, **seen})
    assert modes(found) == {"istio-system/default": ("STRICT", {})}
    assert rules(found, "shop/past") == [
        {
            "from": [{"source": {"principals": [identity("a")]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": ["/"]}}],
        }
    ]


def test_what_cannot_have_come_as_it_was_seen_says_that_something_is_not_shown() -> None:
    """No Service leads there, so the client's proxy would pass it on in plaintext."""
    found = tightened(shop(workload("odd", "shop")), {**EVERY, **often(use("shop/a", "shop/odd", 80, "GET", "/"))})
    assert left(found, "odd") == [
        "its authorization stays: Deployment shop/a -> Deployment shop/odd TCP 80: GET / was seen, and should not have "
        "come about: no mutual TLS comes about: no Service leads to this port, so the client's proxy passes it on as "
        "it is; no PeerAuthentication says otherwise"
    ]
    assert "allow-nothing" not in {o.name for c in found.changes for o in c.new if o.namespace == "shop"}


def test_mutual_tls_of_nobody_knows_whom_is_no_use_that_a_rule_can_name() -> None:
    somebody = Use(None, of("b"), 80, "", "mtls", "GET", "/")
    found = tightened(shop(), {**EVERY, somebody: Tally(1, 0, 0)})
    assert left(found, "b") == [
        "its authorization stays: nobody told as whom somebody came over mutual TLS: "
        "somebody outside -> Deployment shop/b TCP 80: GET /"
    ]
    assert modes(found) == {"istio-system/default": ("STRICT", {})}


def test_plaintext_at_a_port_opens_it_to_everybody_as_narrowly_as_was_seen() -> None:
    uses = {**EVERY, **often(use("old/legacy", "shop/b", 80, "GET", "/metrics", security="plaintext"))}
    written = rules(tightened(shop(), uses), "shop/b")
    assert isinstance(written, list)
    assert written[1] == {"to": [{"operation": {"ports": ["80"], "methods": ["GET"], "paths": ["/metrics"]}}]}


def test_an_external_authorizer_is_asked_as_before() -> None:
    ask = policy(
        "ask", f"{CART}action: CUSTOM\nprovider: {{name: opa}}\nrules: [{{to: [{{operation: {{paths: [/]}}}}]}}]"
    )
    providers = config(extensionProviders=[{"name": "opa", "envoyExtAuthzGrpc": {"service": "opa", "port": 1}}])
    found = tightened(shop(ask, providers, mesh=False), EVERY)
    assert rules(found, "shop/b") is not None
    assert "ask" not in {c.old.name for c in found.changes if c.old is not None}


def test_without_the_settings_of_the_mesh_its_root_namespace_is_only_assumed() -> None:
    assert set(modes(tightened(shop(mesh=False), EVERY))) == {"shop/default", "pay/default"}


def test_outside_the_mesh_there_is_nothing_to_say() -> None:
    plain: list[Plain] = [namespace("shop", {}), workload("a"), workload("b")]
    found = synthesize(snapshot(read(*plain)), often(use("shop/a", "shop/b", 80, security="plaintext")), WEEKS)
    assert found == Tightened()
