"""AuthorizationPolicy in ambient: ztunnel sees connections, waypoints see HTTP."""

from __future__ import annotations

import pytest
from tests.layers.mesh.authorization_scene import (
    AMBIENT,
    BY_WAYPOINT,
    TO_SERVICE,
    TO_WAYPOINT,
    WEB,
    policy,
    waypoint,
    with_operation,
    with_source,
)
from tests.layers.mesh.istio_scene import (
    IN_AMBIENT,
    Scene,
    config,
    namespace,
    read,
    service,
    workload,
)

from mistrust.kube.istio import AuthorizationPolicy
from mistrust.layers.mesh.istio.authorization.attachment import Attachments, Named, Waypoint


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
        # what is left of an ALLOW rule does not let anybody in
        (
            'rules: [{from: [{source: {namespaces: ["shop"]}}], to: [{operation: {methods: ["GET"]}}]}]',
            "denied",
            "denied",
        ),
        # an empty alternative matches nothing here, where to a sidecar it is everything
        ('rules: [{from: [{source: {}}, {source: {namespaces: ["shop"]}}]}]', "identity", "denied"),
        ('rules: [{to: [{operation: {}}, {operation: {ports: ["443"]}}]}]', "denied", "denied"),
    ],
)
def test_ztunnel(spec: str, web: str, probe: str) -> None:
    scene = Scene(*AMBIENT, service("cart"), policy("p", spec))
    assert [scene.channel(who, "cart").authz.value for who in ("web", "probe")] == [web, probe]


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


def test_a_client_with_a_sidecar_is_not_led_through_the_waypoint_of_a_pod() -> None:
    """ztunnel leads its clients there; a sidecar that dials the pod itself does not."""
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    rules = policy("p", TO_WAYPOINT + with_source("principals", WEB))
    hbone = config(defaultConfig={"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}})
    others = (namespace("lab"), workload("web"), workload("cart"), workload("probe", "lab"), hbone)
    scene = Scene(used, *others, service("cart"), waypoint("all"), rules)
    assert scene.channel("web", "cart").authz.value == "identity"
    assert scene.channel("probe", "cart").authz.value == "none"


def test_what_is_not_limited_is_not_told_beside_what_is() -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    rules = policy("p", TO_WAYPOINT + with_source("principals", WEB))
    channel = Scene(used, *AMBIENT[1:], service("cart"), waypoint("all"), rules).channel("web", "cart")
    assert "rule 0 of AuthorizationPolicy shop/p allows it" in channel.because
    assert "no AuthorizationPolicy" not in channel.because


def test_a_waypoint_that_does_not_exist_stands_before_nothing() -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    scene = Scene(used, *AMBIENT[1:], service("cart"), policy("p", TO_SERVICE))
    assert scene.channel("web", "cart").authz.value == "none"


def test_a_waypoint_is_known_by_the_account_of_its_pods() -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    pods = workload("way-pods", labels={"gateway.networking.k8s.io/gateway-name": "way"}, account="porter")
    porter = with_source("principals", "cluster.local/ns/shop/sa/porter")
    several = (
        policy("p", TO_SERVICE + with_source("principals", WEB)),
        policy("q", "selector: {matchLabels: {app: cart}}\n" + porter),
    )
    scene = Scene(used, *AMBIENT[1:], service("cart"), waypoint(), pods, *several)
    assert [scene.channel(who, "cart").authz.value for who in ("web", "probe")] == ["identity", "denied"]
    assert "no AuthorizationPolicy" not in scene.channel("web", "cart").because


def test_a_service_may_do_without_the_waypoint_of_its_namespace() -> None:
    used = namespace("shop", {**IN_AMBIENT, "istio.io/use-waypoint": "way"})
    without = service("cart", labels={"istio.io/use-waypoint": "none"})
    several = (policy("p", TO_SERVICE + with_source("principals", WEB)), policy("q", BY_WAYPOINT))
    assert Scene(used, *AMBIENT[1:], without, waypoint(), *several).channel("web", "cart").authz.value == "denied"


@pytest.mark.parametrize(
    ("where", "spec", "holds"),
    [
        ("shop", TO_SERVICE, True),
        ("lab", TO_SERVICE, False),
        ("shop", TO_WAYPOINT, True),
        ("lab", TO_WAYPOINT, False),
        ("shop", TO_WAYPOINT.replace("name: way", "name: way, namespace: lab"), False),
        ("shop", TO_WAYPOINT.replace("name: way", "name: other"), False),
        ("istio-system", TO_WAYPOINT.replace("Gateway, name: way", "GatewayClass, name: istio-waypoint"), True),
        ("shop", TO_WAYPOINT.replace("Gateway, name: way", "GatewayClass, name: istio-waypoint"), False),
        ("shop", "selector: {matchLabels: {app: cart}}", False),
        ("istio-system", "{}", False),
    ],
)
def test_which_policies_a_waypoint_asks(where: str, spec: str, holds: bool) -> None:
    found = [o for o in read(policy("p", spec, where)) if isinstance(o, AuthorizationPolicy)]
    attached = Attachments([(o, o.spec) for o in found], "istio-system")
    assert bool(attached.at_waypoint(Waypoint(Named("shop", "way"), Named("shop", "cart")))) is holds
