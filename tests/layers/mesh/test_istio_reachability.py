"""PeerAuthentication x DestinationRule: who gets through, and with mutual TLS or without.

istio's tests/integration/security/reachability_test.go, its fifteen cases under their names there, as tables instead
of functions. `mtls` and `plain` are what the upstream test sees in the headers, `-` is a call that must fail. Upstream
calls no workload from itself, so there is one workload of each kind on both sides.
"""

from __future__ import annotations

import pytest
from tests.layers.mesh.istio_scene import Plain, Scene, namespace, peers, rule, service, tls, workload

from mistrust.layers.mesh.channel import Transport

SYSTEM = "istio-system"
SAYS = {
    Transport.MTLS_ENFORCED: "mtls",
    Transport.MTLS_OPPORTUNISTIC: "mtls",
    Transport.PLAINTEXT: "plain",
    Transport.BROKEN: "-",
}
FROM = ("a", "naked")
TO = ("b", "headless", "naked-b")

CLUSTER: tuple[Plain, ...] = (
    namespace("shop"),
    workload("a"),
    workload("b"),
    workload("headless"),
    *(workload(n, annotations={"sidecar.istio.io/inject": "false"}) for n in ("naked", "naked-b")),
    *(service(n) for n in ("a", "b", "naked", "naked-b")),
    service("headless", headless=True),
)


def everywhere(policy: Plain) -> tuple[Plain, ...]:
    """global-dr.yaml: a rule for all hosts, and one that takes the root namespace out."""
    private = rule(SYSTEM, "*", {"loadBalancer": {"simple": "UNSPECIFIED"}}, name="eastwest-opt-out", exportTo=["."])
    return rule(SYSTEM, "*", policy, name="default"), private


def each(mode: str, policy: Plain) -> tuple[Plain, ...]:
    """workload-peer-authn.yaml and workload-dr.yaml: the same for every workload by itself."""
    names = ("a", "b", "headless", "naked", "naked-b")
    return (
        *(peers("shop", mode, name=n, app=n) for n in names),
        *(rule("shop", f"{n}.shop.svc.cluster.local", policy, name=n) for n in names),
    )


MUTUAL, OFF = tls("ISTIO_MUTUAL"), tls("DISABLE")
PASSTHROUGH = {"loadBalancer": {"simple": "PASSTHROUGH"}}


@pytest.mark.parametrize(
    ("name", "given", "table"),
    [
        #                                                       from a:  to b, headless, naked; from naked: the same
        ("global mtls strict", [peers(SYSTEM, "STRICT"), *everywhere(MUTUAL)], "mtls mtls - | - - plain"),
        (
            "global mtls permissive",
            [peers(SYSTEM, "PERMISSIVE"), *everywhere(MUTUAL)],
            "mtls mtls - | plain plain plain",
        ),
        ("global mtls disabled", [peers(SYSTEM, "DISABLE"), *everywhere(OFF)], "plain plain plain | plain plain plain"),
        (
            "global plaintext to mtls permissive",
            [peers(SYSTEM, "PERMISSIVE"), *everywhere(OFF)],
            "plain plain plain | plain plain plain",
        ),
        ("global automtls strict", [peers(SYSTEM, "STRICT")], "mtls mtls plain | - - plain"),
        ("global automtls disable", [peers(SYSTEM, "DISABLE")], "plain plain plain | plain plain plain"),
        ("global automtls passthrough", [*everywhere(PASSTHROUGH)], "mtls mtls plain | plain plain plain"),
        ("global no peer authn", [*everywhere(MUTUAL)], "mtls mtls - | plain plain plain"),
        ("mtls strict", [*each("STRICT", MUTUAL)], "mtls mtls - | - - plain"),
        ("mtls permissive", [*each("PERMISSIVE", MUTUAL)], "mtls mtls - | plain plain plain"),
        ("mtls disabled", [*each("DISABLE", OFF)], "plain plain plain | plain plain plain"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_upstream_tables(name: str, given: list[Plain], table: str) -> None:
    scene = Scene(*CLUSTER, *given)
    rows = [[SAYS[scene.channel(source, target).transport] for target in TO] for source in FROM]
    assert " | ".join(" ".join(row) for row in rows) == table


def test_mtls_port_override() -> None:
    """A port of a STRICT workload with DISABLE is plaintext from everybody; headless is left out upstream (#39439)."""
    scene = Scene(*CLUSTER, peers("shop", "STRICT", name="b", app="b", ports={80: "DISABLE"}))
    assert [SAYS[scene.channel(source, "b").transport] for source in FROM] == ["plain", "plain"]


MIGRATION: tuple[Plain, ...] = (
    namespace("shop"),
    workload("a"),
    *(
        {
            **workload(version, labels={"app": "migration", "version": version, "sidecar.istio.io/inject": inject}),
        }
        for version, inject in (("vistio", "true"), ("vlegacy", "false"))
    ),
    service("migration"),
    peers("shop", "STRICT"),
)


@pytest.mark.parametrize(
    ("name", "mode", "table"),
    [
        #                           to the pods with a sidecar, and to those without
        ("migration no tls", "", "mtls plain"),
        ("migration tls disabled", "DISABLE", "- plain"),
        ("migration tls mutual", "ISTIO_MUTUAL", "mtls -"),
    ],
)
def test_one_service_with_and_without_sidecars(name: str, mode: str, table: str) -> None:
    policy = {"trafficPolicy": tls(mode)} if mode else {}
    subsets = [{"name": v, "labels": {"version": v}, **policy} for v in ("vistio", "vlegacy")]
    host = "migration.shop.svc.cluster.local"
    scene = Scene(*MIGRATION, rule("shop", host, tls(mode) if mode else None, subsets=subsets))
    assert " ".join(SAYS[scene.channel("a", v).transport] for v in ("vistio", "vlegacy")) == table
