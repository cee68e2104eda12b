"""What clients send: automatic mutual TLS, DestinationRules, and the many ways around both.

Sources are named where they decide: cluster_tls.go, mtls_checker.go, push_context.go, sidecar.go of istio's pilot.
"""

from __future__ import annotations

import pytest
from tests.layers.mesh.istio_scene import (
    IN_AMBIENT,
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

from mistrust.layers.mesh.channel import Authn, Authz, Transport

HOST = "b.shop.svc.cluster.local"
TWO = (namespace("shop"), workload("a"), workload("b"), service("b"))
ENFORCED, OPPORTUNISTIC, BROKEN = "mtls-enforced", "mtls-opportunistic", "broken"


def between(*given: Plain) -> str:
    """From a to port 80 of b, both with a sidecar, through the Service b."""
    return Scene(*TWO, *given).transport("a", "b")


def test_two_sidecars_speak_mutual_tls_by_themselves_and_plaintext_stays_possible() -> None:
    found = Scene(*TWO).channel("a", "b")
    assert (found.transport, found.authn, found.authz) == (OPPORTUNISTIC, Authn.WORKLOAD, Authz.NONE)
    assert found.plaintext is True
    assert Scene(*TWO).transport("", "b") == "plaintext"


def test_plaintext_that_authorization_refuses_is_not_served() -> None:
    found = Scene(*TWO, deny("b")).channel("", "b")
    assert (found.transport, found.authz, found.plaintext) == (Transport.PLAINTEXT, Authz.DENIED, False)


def test_strict_refuses_who_is_not_in_the_mesh() -> None:
    scene = Scene(*TWO, peers("shop", "STRICT"))
    assert scene.transport("a", "b") == ENFORCED
    outside = scene.channel("", "b")
    assert (outside.transport, outside.plaintext) == (BROKEN, False)


@pytest.mark.parametrize(
    ("mode", "server", "wanted"),
    [
        ("DISABLE", "STRICT", BROKEN),
        ("DISABLE", "PERMISSIVE", "plaintext"),
        ("DISABLE", "DISABLE", "plaintext"),
        ("ISTIO_MUTUAL", "STRICT", ENFORCED),
        ("ISTIO_MUTUAL", "PERMISSIVE", OPPORTUNISTIC),
        ("ISTIO_MUTUAL", "DISABLE", BROKEN),
        ("SIMPLE", "STRICT", BROKEN),
        ("SIMPLE", "PERMISSIVE", "tls"),
        ("SIMPLE", "DISABLE", "tls"),
        ("MUTUAL", "STRICT", "unknown"),  # its certificate may be one of the mesh
        ("MUTUAL", "PERMISSIVE", "tls"),
    ],
)
def test_a_rule_against_a_mode(mode: str, server: str, wanted: str) -> None:
    assert between(peers("shop", server), rule("shop", HOST, tls(mode))) == wanted


def test_a_rule_without_tls_leaves_automatic_mutual_tls_alone() -> None:
    assert between(rule("shop", HOST, {"loadBalancer": {"simple": "ROUND_ROBIN"}})) == OPPORTUNISTIC


def test_without_automatic_mutual_tls_only_a_rule_brings_it() -> None:
    assert between(config(enableAutoMtls=False)) == "plaintext"
    assert between(config(enableAutoMtls=False), rule("shop", HOST, tls("ISTIO_MUTUAL"))) == OPPORTUNISTIC


def test_sidecars_ignore_credential_names_and_send_plaintext() -> None:
    """buildUpstreamClusterTLSContext answers no TLS at all, unless the rule selects workloads."""
    policy = tls("SIMPLE", credentialName="partner")
    assert between(rule("shop", HOST, policy)) == "plaintext"
    assert between(rule("shop", HOST, policy, workloadSelector={"matchLabels": {"app": "a"}})) == "tls"


def test_disable_for_the_namespace_beats_strict_for_the_workload_at_the_client() -> None:
    """Clients see the namespace's mode alone: the server insists, the client does not, and nothing comes about."""
    assert between(peers("shop", "DISABLE"), peers("shop", "STRICT", name="b", app="b")) == BROKEN


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ({**tls("ISTIO_MUTUAL"), "portLevelSettings": [{"port": {"number": 80}, **tls("DISABLE")}]}, "plaintext"),
        ({**tls("DISABLE"), "portLevelSettings": [{"port": {"number": 80}, **tls("ISTIO_MUTUAL")}]}, OPPORTUNISTIC),
        ({**tls("DISABLE"), "portLevelSettings": [{"port": {"number": 81}, **tls("ISTIO_MUTUAL")}]}, "plaintext"),
        # a port's settings replace those of the host, TLS included; endpoints are still weighed by the host's mode
        ({**tls("ISTIO_MUTUAL"), "portLevelSettings": [{"port": {"number": 80}}]}, OPPORTUNISTIC),
        ({**tls("SIMPLE"), "portLevelSettings": [{"port": {"number": 80}}]}, "plaintext"),
    ],
)
def test_settings_of_a_port(policy: Plain, wanted: str) -> None:
    assert between(rule("shop", HOST, policy)) == wanted


def test_a_headless_service_needs_a_sidecar_at_every_endpoint() -> None:
    pods = (namespace("shop"), workload("a"), workload("b"), service("b", headless=True))
    bare = workload("c", labels={"app": "b", "sidecar.istio.io/inject": "false"})
    assert Scene(*pods).transport("a", "b") == OPPORTUNISTIC
    assert Scene(*pods, bare).transport("a", "b") == "plaintext"
    assert Scene(*TWO, bare).transport("a", "b") == OPPORTUNISTIC
    passed_on = rule("shop", HOST, {"loadBalancer": {"simple": "PASSTHROUGH"}})
    assert Scene(*TWO, passed_on).transport("a", "b") == OPPORTUNISTIC
    assert Scene(*TWO, bare, passed_on).transport("a", "b") == "plaintext"
    assert (
        Scene(*TWO, bare, rule("shop", HOST, {"loadBalancer": {"simple": "RANDOM"}})).transport("a", "b")
        == OPPORTUNISTIC
    )


def test_a_pod_dialled_by_its_own_address_gets_what_the_application_sends() -> None:
    """The mesh knows Services: what goes elsewhere passes through as it is, and STRICT refuses it."""
    pods = (namespace("shop"), workload("a"), workload("b"))
    assert Scene(*pods).transport("a", "b") == "plaintext"
    assert Scene(*pods, peers("shop", "STRICT")).transport("a", "b") == BROKEN
    assert Scene(*pods, config(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})).transport("a", "b") == BROKEN


def test_a_service_that_is_not_shown_to_the_client_is_as_none() -> None:
    hidden = service("b", annotations={"networking.istio.io/exportTo": "other"})
    scene = Scene(namespace("shop"), namespace("other"), workload("a"), workload("c", "other"), workload("b"), hidden)
    assert (scene.transport("a", "b"), scene.transport("c", "b")) == ("plaintext", OPPORTUNISTIC)


def sidecar(namespace: str, *hosts: str, name: str = "default", app: str = "") -> Plain:
    spec: dict[str, object] = {"egress": [{"hosts": list(hosts)}]}
    if app:
        spec["workloadSelector"] = {"labels": {"app": app}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": meta(name, namespace),
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([sidecar("shop", "./*")], OPPORTUNISTIC),
        ([sidecar("shop", "*/*")], OPPORTUNISTIC),
        ([sidecar("shop", f"shop/{HOST}")], OPPORTUNISTIC),
        ([sidecar("shop", "shop/*.shop.svc.cluster.local")], OPPORTUNISTIC),
        ([sidecar("shop", "other/*", "./*")], OPPORTUNISTIC),
        ([sidecar("shop", "other/*")], "plaintext"),
        ([sidecar("shop", "~/*")], "plaintext"),
        ([sidecar("shop", "~/*", name="one", app="a"), sidecar("shop", "*/*")], "plaintext"),
        ([sidecar("shop", "~/*", name="one", app="b"), sidecar("shop", "*/*")], OPPORTUNISTIC),
        ([sidecar("istio-system", "~/*")], "plaintext"),
        ([sidecar("istio-system", "~/*"), sidecar("shop", "*/*")], OPPORTUNISTIC),
    ],
)
def test_a_sidecar_object_narrows_what_the_client_knows(given: list[Plain], wanted: str) -> None:
    assert between(*given) == wanted


def test_a_sidecar_object_means_nothing_to_a_gateway() -> None:
    gateway = workload("g", annotations={"inject.istio.io/templates": "gateway"})
    scene = Scene(*TWO, gateway, sidecar("shop", "~/*"))
    assert (scene.transport("g", "b"), scene.transport("a", "b")) == (OPPORTUNISTIC, "plaintext")


def test_a_gateway_sends_nowhere_but_along_its_routes() -> None:
    gateway = workload("g", annotations={"inject.istio.io/templates": "gateway"})
    assert Scene(namespace("shop"), gateway, workload("b")).transport("g", "b") == BROKEN


@pytest.mark.parametrize(
    ("listener", "from_outside", "plaintext"),
    [
        ({"port": {"number": 80, "protocol": "HTTP"}}, "plaintext", True),
        ({"port": {"number": 80, "protocol": "HTTPS"}, "tls": {"mode": "SIMPLE"}}, "tls", False),
        ({"port": {"number": 80, "protocol": "HTTPS"}, "tls": {"mode": "MUTUAL"}}, "tls", False),
        ({"port": {"number": 80, "protocol": "TLS"}, "tls": {"mode": "ISTIO_MUTUAL"}}, BROKEN, False),
        ({"port": {"number": 81, "protocol": "HTTP"}}, "plaintext", True),  # nobody listens: nothing is promised
    ],
)
def test_what_a_gateway_listens_for(listener: Plain, from_outside: str, plaintext: bool) -> None:
    """PeerAuthentication means nothing to it: its own listeners decide. The Service maps its port to the pod's."""
    gateway = workload("g", ports=(8080,), annotations={"inject.istio.io/templates": "gateway"})
    mapped = {**service("g")}
    mapped["spec"] = {"selector": {"app": "g"}, "ports": [{"port": 80, "targetPort": 8080}]}
    resource = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": meta("g", "shop"),
        "spec": {"selector": {"app": "g"}, "servers": [{**listener, "hosts": ["*"]}]},
    }
    found = Scene(namespace("shop"), gateway, mapped, resource, peers("shop", "STRICT")).channel("", "g", 8080)
    assert (found.transport, found.plaintext) == (from_outside, plaintext)


@pytest.mark.parametrize(
    ("mesh", "own", "wanted"),
    [
        ("ALLOW_ANY", "REGISTRY_ONLY", BROKEN),
        ("REGISTRY_ONLY", "ALLOW_ANY", "plaintext"),
        ("REGISTRY_ONLY", "", BROKEN),
    ],
)
def test_a_sidecar_object_may_refuse_what_the_mesh_does_not_know(mesh: str, own: str, wanted: str) -> None:
    narrow = {**sidecar("shop", "~/*")}
    if own:
        narrow["spec"] = {"egress": [{"hosts": ["~/*"]}], "outboundTrafficPolicy": {"mode": own}}
    assert between(narrow, config(outboundTrafficPolicy={"mode": mesh})) == wanted


@pytest.mark.parametrize(
    ("protocol", "port", "wanted"),
    [("HTTP", 80, "plaintext"), ("HTTPS", 80, "tls"), ("TLS", 80, "tls"), ("HTTPS", 81, "plaintext")],
)
def test_what_a_gateway_of_the_gateway_api_listens_for(protocol: str, port: int, wanted: str) -> None:
    """Its pods carry its name as a label."""
    labels = {"gateway.networking.k8s.io/gateway-name": "g"}
    pods = workload("g", labels=labels, annotations={"inject.istio.io/templates": "gateway"})
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": meta("g", "shop"),
        "spec": {"gatewayClassName": "istio", "listeners": [{"name": "x", "port": port, "protocol": protocol}]},
    }
    assert Scene(namespace("shop"), pods, gateway).transport("", "g") == wanted


OUT, IN = "traffic.sidecar.istio.io/excludeOutbound", "traffic.sidecar.istio.io/excludeInboundPorts"


@pytest.mark.parametrize(
    ("annotations", "wanted"),
    [
        ({f"{OUT}Ports": "80"}, "plaintext"),
        ({f"{OUT}Ports": "443"}, OPPORTUNISTIC),
        ({"traffic.sidecar.istio.io/includeOutboundIPRanges": ""}, "plaintext"),
        ({"traffic.sidecar.istio.io/includeOutboundIPRanges": "", f"{OUT}Ports": "1"}, "plaintext"),
        (
            {
                "traffic.sidecar.istio.io/includeOutboundIPRanges": "",
                "traffic.sidecar.istio.io/includeOutboundPorts": "80",
            },
            OPPORTUNISTIC,
        ),
        ({"sidecar.istio.io/interceptionMode": "NONE"}, "plaintext"),
        ({f"{OUT}IPRanges": "10.0.0.0/8"}, "unknown"),  # the address of the Service is not known
    ],
)
def test_annotations_of_the_client(annotations: dict[str, str], wanted: str) -> None:
    scene = Scene(namespace("shop"), workload("a", annotations=annotations), workload("b"), service("b"))
    assert scene.transport("a", "b") == wanted


def test_an_excluded_port_leaves_even_where_the_proxy_refuses_what_it_does_not_know() -> None:
    given = (namespace("shop"), workload("a", annotations={f"{OUT}Ports": "80"}), workload("b"))
    scene = Scene(*given, config(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}))
    assert (scene.transport("a", "b", 80), scene.transport("a", "b", 81)) == ("plaintext", BROKEN)


def test_ranges_that_are_not_understood_may_exclude_anything() -> None:
    client = workload("a", annotations={f"{OUT}IPRanges": "ten dot zero"})
    known = {**service("b")}
    known["spec"] = {"selector": {"app": "b"}, "ports": [{"port": 80}], "clusterIP": "192.0.2.1"}
    assert Scene(namespace("shop"), client, workload("b"), known).transport("a", "b") == "unknown"


@pytest.mark.parametrize(("address", "wanted"), [("10.1.2.3", "unknown"), ("192.0.2.1", OPPORTUNISTIC)])
def test_an_excluded_address_is_compared_with_that_of_the_service(address: str, wanted: str) -> None:
    client = workload("a", annotations={f"{OUT}IPRanges": "10.0.0.0/8"})
    known = {**service("b")}
    known["spec"] = {"selector": {"app": "b"}, "ports": [{"port": 80}], "clusterIP": address}
    assert Scene(namespace("shop"), client, workload("b"), known).transport("a", "b") == wanted


def test_an_excluded_port_of_the_server_has_no_mutual_tls_and_no_authorization() -> None:
    """Its clients do not know: with automatic mutual TLS they speak TLS to an application that has none."""
    server = workload("b", ports=(80, 90), annotations={IN: "90"})
    scene = Scene(
        namespace("shop"), workload("a"), server, service("b", ports=(80, 90)), peers("shop", "STRICT"), deny("b")
    )
    assert scene.channel("", "b", 80).plaintext is False
    open_port = scene.channel("", "b", 90)
    assert (open_port.transport, open_port.authz, open_port.plaintext) == (Transport.PLAINTEXT, Authz.NONE, True)
    assert "excluded from the server's proxy" in open_port.because
    assert [str(e) for e in open_port.decided_by] == [
        'Deployment shop/b spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"] 90'
    ]
    assert scene.transport("a", "b", 90) == BROKEN


def deny(app: str, namespace: str = "shop") -> Plain:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": meta("deny", namespace),
        "spec": {"selector": {"matchLabels": {"app": app}}},
    }


@pytest.mark.parametrize("port", [15020, 15021, 15090])
def test_the_proxys_own_ports_are_open_in_plaintext_under_strict(port: int) -> None:
    assert Scene(*TWO, peers("shop", "STRICT")).channel("", "b", port).plaintext is True


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
def test_istio_carries_tcp_alone(protocol: str) -> None:
    found = Scene(*TWO, peers("shop", "STRICT")).channel("a", "b", 80, protocol)
    assert (found.transport, found.plaintext) == (Transport.PLAINTEXT, True)


AMBIENT = (namespace("amb", IN_AMBIENT), workload("z", "amb"), service("z", "amb"))


def test_ambient_to_ambient_is_mutual_tls_by_address_too() -> None:
    scene = Scene(*AMBIENT, workload("y", "amb"), peers("amb", "STRICT"))
    assert (scene.transport("y", "z"), scene.transport("z", "y"), scene.transport("", "z")) == (
        ENFORCED,
        ENFORCED,
        BROKEN,
    )


@pytest.mark.parametrize(
    ("settings", "to_ambient", "to_sidecar"),
    [
        # without HBONE at the sidecars either side falls back to plaintext
        ({"defaultConfig": {}}, "plaintext", "plaintext"),
        ({"defaultConfig": {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}}}, OPPORTUNISTIC, OPPORTUNISTIC),
        (None, "unknown", "unknown"),
    ],
)
def test_between_ambient_and_sidecars_hbone_decides(
    settings: dict[str, object] | None, to_ambient: str, to_sidecar: str
) -> None:
    given = [config(**settings)] if settings is not None else []
    scene = Scene(*TWO, *AMBIENT, *given)
    assert (scene.transport("a", "z"), scene.transport("z", "b")) == (to_ambient, to_sidecar)


def test_the_network_sees_the_port_of_the_tunnel() -> None:
    """A NetworkPolicy is asked about 15008, whatever port of an ambient pod is dialled."""
    scene = Scene(*AMBIENT, workload("y", "amb"), *TWO)
    assert scene.channel("y", "z").carried == 15008
    assert scene.channel("", "z").carried == 0
    assert scene.channel("a", "b").carried == 0


def test_where_it_is_not_known_whether_there_is_a_tunnel_both_ports_are_told() -> None:
    scene = Scene(*AMBIENT, *TWO)
    found = scene.channel("a", "z")
    assert (found.transport, found.carried, found.perhaps) == (Transport.UNKNOWN, 15008, True)
    switched_on = config(defaultConfig={"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}})
    found = Scene(*AMBIENT, *TWO, switched_on).channel("a", "z")
    assert (found.transport, found.carried, found.perhaps) == (Transport.MTLS_OPPORTUNISTIC, 15008, False)


def test_a_waypoint_on_the_way_hides_the_client_from_the_network() -> None:
    waypoint = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": meta("w", "amb"),
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }
    used = service("z", "amb", labels={"istio.io/use-waypoint": "w"})
    found = Scene(namespace("amb", IN_AMBIENT), workload("y", "amb"), workload("z", "amb"), used, waypoint).channel(
        "y", "z"
    )
    assert (found.transport, found.carried, found.relayed) == (Transport.MTLS_OPPORTUNISTIC, 15008, True)
    assert any("waypoint" in u for u in found.unknown)


def test_the_nodes_own_network_passes_ztunnel_by() -> None:
    """The rule that lets the kubelet's probes through cannot tell them from other processes there."""
    agent = workload("agent", "amb", host_network=True)
    found = Scene(*AMBIENT, agent, peers("amb", "STRICT")).channel("agent", "z")
    assert (found.transport, found.plaintext, found.authz) == (Transport.PLAINTEXT, True, Authz.NONE)
    assert found.because.endswith("reaches the pods of its node past ztunnel, as probes do")


def test_what_bypasses_ztunnel_is_plaintext_and_not_authorised() -> None:
    bypassed = workload("z", "amb", annotations={"ambient.istio.io/bypass-inbound-capture": "true"})
    scene = Scene(namespace("amb", IN_AMBIENT), bypassed, peers("amb", "STRICT"), deny("z", "amb"))
    found = scene.channel("", "z")
    assert (found.plaintext, found.authz) == (True, Authz.NONE)


@pytest.mark.parametrize(("label", "wanted"), [("http", OPPORTUNISTIC), ("", "plaintext")])
def test_of_a_sidecar_that_runs_its_label_says_whether_it_takes_hbone(label: str, wanted: str) -> None:
    """The settings of the mesh came later, or were others when it was injected."""
    labels = {"networking.istio.io/tunnel": label} if label else {}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta("s", "shop", uid="u", labels=labels),
        "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
    }
    client = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta("y", "amb", uid="v", annotations={"ambient.istio.io/redirection": "enabled"}),
        "spec": {"containers": [{"name": "app"}]},
    }
    switched_on = config(defaultConfig={"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}})
    assert Scene(namespace("shop"), namespace("amb"), pod, client, switched_on).transport("y", "s") == wanted


def listening(port: int, mode: str) -> Plain:
    """A Sidecar that ends TLS itself."""
    listener = {"port": {"number": port, "protocol": "HTTPS", "name": "https"}, "tls": {"mode": mode}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": meta("tls", "shop"),
        "spec": {"workloadSelector": {"labels": {"app": "b"}}, "ingress": [listener]},
    }


@pytest.mark.parametrize(
    ("mode", "port", "wanted"),
    [("DISABLE", 80, ("tls", False)), ("DISABLE", 81, ("plaintext", True)), ("PERMISSIVE", 80, ("plaintext", True))],
)
def test_a_sidecar_object_may_end_tls_where_mutual_tls_is_off(mode: str, port: int, wanted: tuple[str, bool]) -> None:
    """Its TLS settings count with DISABLE alone; authorization still holds there."""
    found = Scene(*TWO, peers("shop", mode), listening(80, "SIMPLE")).channel("", "b", port)
    assert (found.transport, found.plaintext) == wanted
    refused = Scene(*TWO, peers("shop", mode), listening(80, "SIMPLE"), deny("b")).channel("", "b", port)
    assert refused.authz is Authz.DENIED


def test_membership_that_is_not_known_is_said_unless_it_changes_nothing() -> None:
    scene = Scene(namespace("shop"), workload("b"), service("b"), workload("x", "unseen"))
    found = scene.channel("x", "b")
    assert (found.transport, found.authn, found.plaintext) == (Transport.UNKNOWN, Authn.UNKNOWN, True)
    assert found.unknown == ("Namespace unseen, whose labels decide, is not in the snapshot",)
    udp = scene.channel("x", "b", 53, "UDP")
    assert (udp.transport, udp.unknown) == (Transport.PLAINTEXT, ())


def test_policies_whose_age_is_unknown_make_no_promise() -> None:
    found = Scene(*TWO, peers("shop", "STRICT", name="x"), peers("shop", "DISABLE", name="y")).channel("a", "b")
    assert (found.transport, found.plaintext) == (Transport.UNKNOWN, None)


def test_a_target_port_is_found_by_number_and_by_name() -> None:
    named = {**service("b")}
    named["spec"] = {"selector": {"app": "b"}, "ports": [{"port": 443, "targetPort": "p80"}]}
    assert Scene(namespace("shop"), workload("a"), workload("b"), named).transport("a", "b") == OPPORTUNISTIC


@pytest.mark.parametrize(
    "backend",
    [{"addresses": ["10.0.0.7"]}, {"addresses": ["192.0.2.1"], "targetRef": {"kind": "Pod", "name": "b"}}],
)
def test_a_service_without_a_selector_leads_where_its_slices_say(backend: Plain) -> None:
    bare = {"apiVersion": "v1", "kind": "Service", "metadata": meta("db", "shop"), "spec": {"ports": [{"port": 5432}]}}
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta("db-1", "shop", labels={"kubernetes.io/service-name": "db"}),
        "ports": [{"port": 80}],
        "endpoints": [backend],
    }
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta(name, "shop", uid=name, labels={"security.istio.io/tlsMode": "istio"}),
            "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
            "status": {"podIP": address},
        }
        for name, address in (("a", "10.0.0.6"), ("b", "10.0.0.7"))
    ]
    assert Scene(namespace("shop"), *pods, bare, piece).transport("a", "b") == OPPORTUNISTIC
    assert Scene(namespace("shop"), *pods, bare).transport("a", "b") == "plaintext"


def entry(location: str) -> Plain:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": meta("e", "shop"),
        "spec": {
            "hosts": ["b.example.com"],
            "location": location,
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "workloadSelector": {"labels": {"app": "b"}},
        },
    }


@pytest.mark.parametrize(("location", "wanted"), [("MESH_INTERNAL", OPPORTUNISTIC), ("MESH_EXTERNAL", "plaintext")])
def test_a_service_entry_outside_the_mesh_gets_no_automatic_mutual_tls(location: str, wanted: str) -> None:
    assert Scene(namespace("shop"), workload("a"), workload("b"), entry(location)).transport("a", "b") == wanted


def test_of_several_services_the_worst_that_works_is_told() -> None:
    """A client may take any of them: one that is plaintext counts, one that is broken leaves the others."""
    other = {**service("b")}
    other["metadata"] = meta("b-too", "shop")
    off = rule("shop", "b-too", tls("DISABLE"))
    assert between(other, off) == "plaintext"
    assert between(other, off, peers("shop", "STRICT")) == ENFORCED
    found = Scene(*TWO, other, off).channel("a", "b")
    assert found.because.endswith("or else automatic mutual TLS")
    assert "or else" not in Scene(*TWO, other).channel("a", "b").because
