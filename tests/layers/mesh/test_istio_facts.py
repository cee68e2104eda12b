"""What is told about an Istio mesh, each fact by the smallest cluster that shows it, and by one that does not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.layers.mesh.istio_scene import (
    IN_AMBIENT,
    INJECTED,
    Plain,
    Scene,
    config,
    meta,
    namespace,
    peers,
    rule,
    service,
    tls,
    workload,
)

from mistrust.access.fact import Fact
from mistrust.layers.mesh.layer import Meshes

HOST = "b.shop.svc.cluster.local"
STRICT = peers("shop", "STRICT")
MESH = (namespace("shop"), workload("a"), workload("b"), service("b"))
IN, OUT = "traffic.sidecar.istio.io/excludeInboundPorts", "traffic.sidecar.istio.io/excludeOutboundPorts"


def told(name: str, *given: Plain) -> list[Fact]:
    """The facts of one name."""
    scene = Scene(*given)
    return [f for f in Meshes().facts(scene.snapshot, scene.mesh) if f.name == f"mesh.{name}"]


def details(name: str, *given: Plain) -> list[str]:
    return [f"{f.ref}: {f.detail}" for f in told(name, *given)]


def evidence(name: str, *given: Plain) -> list[str]:
    return [str(e) for f in told(name, *given) for e in f.evidence]


def test_a_strict_mesh_without_exceptions_has_nothing_to_tell() -> None:
    scene = Scene(*MESH, STRICT)
    assert list(Meshes().facts(scene.snapshot, scene.mesh)) == []


def test_a_cluster_without_a_mesh_has_nothing_to_tell() -> None:
    scene = Scene(namespace("shop", {}), workload("a"), workload("b"), service("b"))
    assert list(Meshes().facts(scene.snapshot, scene.mesh)) == []


def test_permissive_is_told_once_a_namespace() -> None:
    assert details("permissive", *MESH) == [
        "Namespace shop: 2 of 2 workloads in the mesh take plaintext: Deployment shop/a, Deployment shop/b; "
        "no PeerAuthentication says otherwise"
    ]
    assert details("permissive", *MESH, peers("shop", "STRICT", app="b", name="b")) == [
        "Namespace shop: 1 of 2 workloads in the mesh take plaintext: Deployment shop/a; "
        "no PeerAuthentication says otherwise"
    ]
    assert evidence("permissive", *MESH, peers("shop", "PERMISSIVE")) == [
        "PeerAuthentication shop/default spec.mtls.mode PERMISSIVE"
    ]


def test_disable_is_told_where_a_sidecar_follows_it() -> None:
    off = peers("shop", "DISABLE", app="b", name="off")
    assert details("mtls-disabled", *MESH, off) == ["PeerAuthentication shop/off: DISABLE holds for Deployment shop/b"]
    port = peers("shop", "STRICT", app="b", name="off", ports={80: "DISABLE"})
    assert details("mtls-disabled", *MESH, port) == [
        "PeerAuthentication shop/off: DISABLE at port 80 holds for Deployment shop/b"
    ]
    ambient = (namespace("shop", IN_AMBIENT), workload("b"), peers("shop", "DISABLE"))
    assert details("mtls-disabled", *ambient) == [], "ztunnel still speaks mutual TLS"
    assert details("mtls-disabled", namespace("shop", {}), workload("b"), off) == []


def test_a_permissive_port_beside_strict() -> None:
    port = peers("shop", "", app="b", name="b", ports={80: "PERMISSIVE"})
    assert details("open-port", *MESH, STRICT, port) == [
        "PeerAuthentication shop/b: PERMISSIVE at port 80 holds for Deployment shop/b"
    ]
    assert details("open-port", *MESH, port) == [], "the workload is permissive as a whole"


def test_excluded_ports() -> None:
    server = workload("b", ports=(80, 90), annotations={IN: "90, 91"})
    assert details("port-excluded", namespace("shop"), server, STRICT) == [
        "Deployment shop/b: ports 90, 91: neither mutual TLS nor authorization, "
        "although a PeerAuthentication says STRICT"
    ]
    only = workload("b", ports=(80, 90), annotations={"traffic.sidecar.istio.io/includeInboundPorts": "80"})
    assert details("port-excluded", namespace("shop"), only) == [
        "Deployment shop/b: port 90: neither mutual TLS nor authorization"
    ]
    bypass = workload("b", annotations={"ambient.istio.io/bypass-inbound-capture": "true"})
    assert details("port-excluded", namespace("shop", IN_AMBIENT), bypass) == [
        "Deployment shop/b: port 80: neither mutual TLS nor authorization"
    ]
    assert told("port-excluded", namespace("shop", {}), server) == [], "without a proxy nothing is excluded"


def test_policies_that_another_one_makes_void() -> None:
    assert details("peers-ignored", *MESH, peers("istio-system", "STRICT", app="b", name="b")) == [
        "PeerAuthentication istio-system/b: a selector in the root namespace selects nothing"
    ]
    old, new = (peers("shop", "STRICT", name=n, made=f"2026-01-0{d}T00:00:00Z") for n, d in (("old", 1), ("new", 2)))
    assert details("peers-ignored", *MESH, new, old) == [
        "PeerAuthentication shop/new: PeerAuthentication shop/old is older and holds for the same scope"
    ]
    one, two = (peers("shop", "STRICT", name=n, app="b") for n in ("one", "two"))
    assert details("peers-ignored", *MESH, two, one) == [
        "PeerAuthentication shop/two: for Deployment shop/b PeerAuthentication shop/one counts, "
        "which is older or comes first by name"
    ]


def test_policies_for_nobody() -> None:
    assert details("peers-idle", *MESH, STRICT, peers("shop", "STRICT", app="gone", name="gone")) == [
        "PeerAuthentication shop/gone: no workload of its namespace has these labels"
    ]
    bare = (namespace("old", {}), workload("c", "old"), peers("old", "STRICT", app="c", name="c"))
    assert details("peers-idle", *MESH, *bare) == [
        "PeerAuthentication old/c: Deployment old/c: selected, but in no mesh"
    ]


def test_a_port_of_the_service_where_the_containers_was_meant() -> None:
    mapped = {**service("b")}
    mapped["spec"] = {"selector": {"app": "b"}, "ports": [{"port": 8080, "targetPort": 80}]}
    given = (namespace("shop"), workload("b"), mapped, STRICT)
    wrong = peers("shop", "", app="b", name="b", ports={8080: "PERMISSIVE"})
    assert details("peers-service-port", *given, wrong) == [
        "PeerAuthentication shop/b: port 8080 is that of Service shop/b; its pods listen at 80"
    ]
    right = peers("shop", "", app="b", name="b", ports={80: "PERMISSIVE"})
    assert told("peers-service-port", *given, right) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (
            [peers("istio-system", "STRICT"), peers("shop", "PERMISSIVE", app="b", name="b", ports={80: "STRICT"})],
            ["ztunnel takes plaintext at port 80, where the policy says STRICT: Deployment shop/b"],
        ),
        (
            [STRICT, peers("shop", "", app="b", name="b", ports={80: "DISABLE"})],
            ["ztunnel refuses plaintext at port 80, where the policy lets it in: Deployment shop/b"],
        ),
        ([STRICT, peers("shop", "STRICT", app="b", name="b", ports={80: "DISABLE"})], []),
    ],
)
def test_what_ambient_reads_differently(given: list[Plain], wanted: list[str]) -> None:
    found = told("ambient-differs", namespace("shop", IN_AMBIENT), workload("b"), *given)
    assert [f.detail for f in found] == wanted


def test_rules_that_send_plaintext_into_the_mesh() -> None:
    off = rule("shop", HOST, tls("DISABLE"), name="off")
    assert details("rule-plaintext", *MESH, off) == [
        "DestinationRule shop/off: a DestinationRule switches TLS off: Deployment shop/b"
    ]
    assert evidence("rule-plaintext", *MESH, off) == ["DestinationRule shop/off spec.trafficPolicy.tls mode: DISABLE"]
    assert told("rule-plaintext", *MESH, STRICT, off) == [], "then it is broken"
    bare = (namespace("shop"), workload("a"), workload("b", labels={"sidecar.istio.io/inject": "false"}), service("b"))
    assert told("rule-plaintext", *bare, off) == [], "there is nothing else to speak to a server without a proxy"


def test_a_rule_is_told_whatever_other_namespaces_say_about_other_hosts() -> None:
    off, other = rule("shop", HOST, tls("DISABLE"), name="off"), rule("else", "x.example.com", tls("SIMPLE"))
    assert len(told("rule-plaintext", *MESH, off, other)) == 1


def test_rules_whose_credentials_sidecars_ignore() -> None:
    cut = rule("shop", HOST, tls("SIMPLE", credentialName="partner"), name="cut")
    assert details("rule-plaintext", *MESH, cut) == [
        "DestinationRule shop/cut: sidecars ignore credentialName in a DestinationRule without workloadSelector: "
        "plaintext: Deployment shop/b"
    ]


def test_rules_with_tls_of_their_own() -> None:
    own = rule("shop", HOST, tls("SIMPLE", insecureSkipVerify=True), name="own")
    assert details("rule-foreign-tls", *MESH, own) == [
        "DestinationRule shop/own: a DestinationRule asks for TLS of its own (SIMPLE) and does not verify the server: "
        "Deployment shop/b"
    ]
    assert details("rule-unverified", *MESH, own) == [
        f"DestinationRule shop/own: clients of {HOST} take any certificate, an attacker's too"
    ]
    assert told("rule-unverified", *MESH, rule("shop", HOST, tls("SIMPLE"), name="own")) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (
            [STRICT, rule("shop", HOST, tls("DISABLE"), name="r")],
            "DestinationRule shop/r: a DestinationRule switches TLS off, and PeerAuthentication shop/default says "
            "STRICT: Deployment shop/b",
        ),
        (
            [peers("shop", "DISABLE", app="b", name="b"), rule("shop", HOST, tls("ISTIO_MUTUAL"), name="r")],
            "DestinationRule shop/r: a DestinationRule asks for mutual TLS, and PeerAuthentication shop/b says "
            "DISABLE: Deployment shop/b",
        ),
        (
            [
                workload("c", labels={"sidecar.istio.io/inject": "false"}),
                service("c"),
                rule("shop", "c", tls("ISTIO_MUTUAL"), name="r"),
            ],
            "DestinationRule shop/r: a DestinationRule asks for mutual TLS, and the server is in no mesh: "
            "Deployment shop/c",
        ),
        (
            [peers("shop", "DISABLE"), peers("shop", "STRICT", app="b", name="b")],
            "PeerAuthentication shop/default: the PeerAuthentication for the Service's namespace switches mutual TLS "
            "off for its clients, and PeerAuthentication shop/b says STRICT: Deployment shop/b",
        ),
    ],
)
def test_what_does_not_fit(given: list[Plain], wanted: str) -> None:
    assert details("broken", *MESH, *given) == [wanted]


def test_rules_for_a_host_that_is_not_there() -> None:
    assert details("rule-idle", *MESH, rule("shop", "b.shop", tls("ISTIO_MUTUAL"), name="short")) == [
        f"DestinationRule shop/short: no Service and no ServiceEntry has the host b.shop; {HOST} would be one"
    ]
    assert told("rule-idle", *MESH, rule("shop", "b", tls("ISTIO_MUTUAL"), name="short")) == []
    assert told("rule-idle", *MESH, rule("shop", "b.shop", name="without-tls")) == []
    assert told("rule-idle", *MESH, rule("shop", "*.example.com", tls("ISTIO_MUTUAL"), name="many")) == []


@pytest.mark.parametrize(
    ("labels", "pod", "because"),
    [
        (INJECTED, {"sidecar.istio.io/inject": "false"}, "sidecar.istio.io/inject is false"),
        (IN_AMBIENT, {"istio.io/dataplane-mode": "none"}, "istio.io/dataplane-mode is none"),
    ],
)
def test_pods_that_the_mesh_misses(labels: Mapping[str, str], pod: dict[str, str], because: str) -> None:
    given = (namespace("shop", labels), workload("a"), workload("b", labels=pod))
    assert details("not-injected", *given) == [f"Namespace shop: Deployment shop/b: {because}"]
    assert len(evidence("not-injected", *given)) == 2


def test_traffic_that_leaves_without_its_proxy() -> None:
    given = (namespace("shop"), workload("a", annotations={OUT: "3306"}))
    assert details("outbound-excluded", *given) == [
        "Deployment shop/a: ports 3306 leave without its proxy: plaintext, without an identity"
    ]
    none = workload("a", annotations={"traffic.sidecar.istio.io/includeOutboundIPRanges": ""})
    assert details("outbound-excluded", namespace("shop"), none) == [
        "Deployment shop/a: nothing goes through its proxy: plaintext, without an identity"
    ]


def above(context: Plain) -> Plain:
    found = dict(workload("a"))
    container = {"name": "app", "image": "app", "securityContext": context}
    found["spec"] = {"template": {"metadata": meta("", labels={"app": "a"}), "spec": {"containers": [container]}}}
    return found


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        ({"runAsUser": 1337}, ['container "app" runs as the proxy\'s user']),
        (
            {"capabilities": {"add": ["NET_ADMIN"]}},
            ['container "app" may rewrite the rules that send traffic through the proxy'],
        ),
        ({"privileged": True}, ['container "app" may rewrite the rules that send traffic through the proxy']),
        ({"runAsUser": 1000, "capabilities": {"drop": ["ALL"]}}, []),
    ],
)
def test_containers_that_can_avoid_the_proxy(context: Plain, wanted: list[str]) -> None:
    assert [f.detail for f in told("proxy-avoidable", namespace("shop"), above(context))] == wanted


def test_automatic_mutual_tls_switched_off() -> None:
    assert evidence("automatic-off", *MESH, config(enableAutoMtls=False)) == [
        "ConfigMap istio-system/istio data.mesh enableAutoMtls: false"
    ]
    assert told("automatic-off", *MESH, config(trustDomain="prod")) == []
