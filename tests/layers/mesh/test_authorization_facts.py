"""What is worth knowing about AuthorizationPolicies: one small cluster for each fact, and one that has none."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.mesh.authorization_scene import (
    AMBIENT,
    BY_WAYPOINT,
    NAMED,
    SHOP,
    TO_SERVICE,
    WEB,
    policy,
    waypoint,
    with_operation,
    with_source,
)
from tests.layers.mesh.istio_scene import IN_AMBIENT, Plain, Scene, config, meta, namespace, peers, service, workload

from mistrust.access.evidence import show_path
from mistrust.access.fact import Fact
from mistrust.kube.snapshot import Gap
from mistrust.layers.mesh.layer import Meshes
from mistrust.layers.mesh.mesh import mesh

OURS = ("mesh.policy", "mesh.tokens", "mesh.waypoint")


def found(*plain: Plain) -> list[Fact]:
    """The facts about authorization."""
    scene = Scene(*plain)
    return [f for f in Meshes().facts(scene.snapshot, scene.mesh) if f.name.startswith(OURS)]


def names(*plain: Plain) -> list[str]:
    return [f.name for f in found(*plain)]


STRICT = peers("shop", "STRICT")
GOOD = (*SHOP, NAMED, STRICT)


def test_a_policy_that_says_who_may_do_what_is_no_finding() -> None:
    by_name = policy("p", "selector: {matchLabels: {app: cart}}\n" + with_source("principals", WEB))
    assert names(*GOOD, by_name) == []


ADMIN_ONLY = "action: DENY\n" + with_operation("paths", "/admin*")


@pytest.mark.parametrize(
    ("fact", "spec", "field"),
    [
        ("mesh.policy-allow-all", "rules: [{}]", "spec.rules[0]"),
        ("mesh.policy-allow-all", "rules: [{from: [{source: {}}]}]", "spec.rules[0]"),
        ("mesh.policy-by-address", with_source("ipBlocks", "10.0.0.0/8"), "spec.rules[0].from[0].source.ipBlocks"),
        (
            "mesh.policy-by-address",
            'rules: [{when: [{key: "source.ip", values: ["10.0.0.0/8"]}]}]',
            "spec.rules[0].when[0].values",
        ),
        (
            "mesh.policy-wildcard",
            with_source("principals", "cluster.local/ns/shop/sa/we*"),
            "spec.rules[0].from[0].source.principals",
        ),
        ("mesh.policy-never", with_source("principals", f"spiffe://{WEB}"), "spec.rules[0].from[0].source.principals"),
        ("mesh.policy-never", with_source("principals", "web"), "spec.rules[0].from[0].source.principals"),
        ("mesh.policy-paths", ADMIN_ONLY, "spec.rules[0].to[0].operation.paths"),
        ("mesh.policy-paths", with_operation("notPaths", "/admin"), "spec.rules[0].to[0].operation.notPaths"),
        ("mesh.policy-skipped", with_operation("ports", "http"), "spec.rules[0].to[0].operation.ports"),
        (
            "mesh.policy-skipped",
            'action: DENY\nrules: [{when: [{key: "source.port", values: ["1"]}]}]',
            "spec.rules[0].when",
        ),
        (
            "mesh.policy-provider",
            "{action: CUSTOM, provider: {name: opa}, rules: [{}]}",
            "spec.provider.name",
        ),
        ("mesh.policy-idle", "selector: {matchLabels: {app: gone}}", "spec.selector.matchLabels"),
        ("mesh.policy-target", 'targetRefs: [{group: "", kind: Service, name: gone}]', "spec.targetRefs[0]"),
        ("mesh.policy-target", TO_SERVICE, "spec.targetRefs[0]"),
        (
            "mesh.policy-target",
            "targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]",
            "spec.targetRefs[0]",
        ),
        (
            "mesh.policy-forwarded",
            with_source("remoteIpBlocks", "10.0.0.0/8"),
            "spec.rules[0].from[0].source.remoteIpBlocks",
        ),
        ("mesh.policy-narrower", with_operation("methods", "GET"), "spec.rules[0].to[0].operation.methods"),
        (
            "mesh.policy-wider",
            "action: DENY\n" + with_operation("methods", "GET"),
            "spec.rules[0].to[0].operation.methods",
        ),
    ],
)
def test_the_field_that_shows_it(fact: str, spec: str, field: str) -> None:
    mine = [f for f in found(*GOOD, policy("p", spec)) if f.name == fact]
    assert len(mine) == 1, found(*GOOD, policy("p", spec))
    assert [show_path(e.path) for e in mine[0].evidence] == [field]
    assert mine[0].subject.startswith("AuthorizationPolicy shop/p")


def test_a_dry_run_that_was_left_on() -> None:
    tried = policy("p", with_source("principals", WEB), annotations={"istio.io/dry-run": "true"})
    (only,) = found(*GOOD, tried)
    assert (only.name, only.evidence[0].value) == ("mesh.policy-dry-run", "true")


@pytest.mark.parametrize("setting", ["MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"])
def test_paths_are_safe_where_slashes_are_merged(setting: str) -> None:
    rest = [o for o in GOOD if o["kind"] != "ConfigMap"]
    merged = config(pathNormalization={"normalization": setting})
    assert "mesh.policy-paths" not in names(*rest, merged, policy("p", ADMIN_ONLY))


@pytest.mark.parametrize(
    ("spec", "evaded"),
    [
        (with_source("notNamespaces", "lab"), True),
        ('rules: [{from: [{source: {notPrincipals: ["x"]}}], to: [{operation: {methods: ["GET"]}}]}]', True),
        ("action: DENY\n" + with_source("namespaces", "lab"), True),
        # these ask everybody for a name
        (with_source("namespaces", "shop"), False),
        ("action: DENY\n" + with_source("notNamespaces", "shop"), False),
    ],
)
def test_rules_by_exclusion_and_plaintext(spec: str, evaded: bool) -> None:
    assert ("mesh.policy-evaded" in names(*SHOP, NAMED, policy("p", spec))) is evaded
    assert "mesh.policy-evaded" not in names(*GOOD, policy("p", spec))


JWT: Plain = {
    "apiVersion": "security.istio.io/v1",
    "kind": "RequestAuthentication",
    "metadata": meta("jwt", "shop"),
    "spec": {"jwtRules": [{"issuer": "https://issuer.test"}]},
}


@pytest.mark.parametrize(
    ("spec", "optional"),
    [
        ("action: AUDIT", True),
        (with_source("principals", WEB), True),
        (with_source("requestPrincipals", "*"), False),
        ("action: DENY\n" + with_source("notRequestPrincipals", "*"), False),
    ],
)
def test_tokens_that_nobody_has_to_send(spec: str, optional: bool) -> None:
    assert ("mesh.tokens-optional" in names(*GOOD, JWT, policy("p", spec))) is optional


@pytest.mark.parametrize(
    ("spec", "fact"),
    [
        (with_operation("methods", "GET"), "mesh.policy-ztunnel"),
        ("action: DENY\n" + with_operation("methods", "GET"), "mesh.policy-unenforced"),
        ("{action: CUSTOM, provider: {name: opa}, rules: [{}]}", "mesh.policy-unenforced"),
        (
            'action: DENY\nrules: [{to: [{operation: {ports: ["80"], paths: ["/x"]}}]}]',
            "mesh.policy-ztunnel",
        ),
    ],
)
def test_rules_about_http_in_ambient(spec: str, fact: str) -> None:
    told = [
        n
        for n in names(*AMBIENT, service("cart"), policy("p", spec))
        if n.startswith(("mesh.policy-z", "mesh.policy-u"))
    ]
    assert told == [fact]


def test_a_waypoint_that_can_be_gone_around() -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    rules = policy("p", TO_SERVICE + with_source("principals", WEB))
    base = (used, *AMBIENT[1:], service("cart"))
    assert "mesh.waypoint-avoidable" in names(*base, waypoint(), rules)
    assert "mesh.waypoint-avoidable" not in names(*base, waypoint(), rules, policy("q", BY_WAYPOINT))
    assert "mesh.waypoint-avoidable" not in names(*base, waypoint("all"), rules)


def test_nothing_is_said_about_a_mesh_that_is_not_there() -> None:
    assert found(workload("web")) == []


def test_a_rule_by_exclusion_is_not_evaded_where_another_policy_asks_everybody_for_a_name() -> None:
    by_exclusion = policy("p", "action: DENY\n" + with_source("namespaces", "lab"))
    named = policy("q", "action: DENY\n" + with_source("notPrincipals", "*"))
    assert "mesh.policy-evaded" in names(*SHOP, NAMED, by_exclusion)
    assert "mesh.policy-evaded" not in names(*SHOP, NAMED, by_exclusion, named)


def test_a_target_that_could_not_be_seen_is_not_called_missing() -> None:
    scene = Scene(*GOOD, policy("p", 'targetRefs: [{group: "", kind: Service, name: gone}]'))
    blind = msgspec.structs.replace(scene.snapshot, gaps=(Gap("Service", "forbidden"),))
    assert "mesh.policy-target" not in [f.name for f in Meshes().facts(blind, mesh(blind, scene.endpoints))]
