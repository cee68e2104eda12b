"""Ambient's tunnel meets NetworkPolicies: they are enforced outside the pod, where only port 15008 is to be seen.

istio.io/latest/docs/ambient/usage/networkpolicy tells both halves: a policy that forgets 15008 stops the mesh, and one
that allows it says nothing about other ports any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.layers.mesh.istio_scene import IN_AMBIENT, Plain, meta, namespace, read, service, workload

from mistrust.access.ports import Ports
from mistrust.access.verdict import Answer
from mistrust.channels.ask import ask
from mistrust.channels.scene import Scene, Side
from mistrust.channels.table import join
from mistrust.kube.endpoints import namespace_labels
from mistrust.kube.snapshot import snapshot
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.profile import UPSTREAM
from mistrust.layers.network.statements.policies import policies


def allows(*ports: int) -> Plain:
    """A NetworkPolicy: whoever it is may open these ports of `web`."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta("web", "shop"),
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "ingress": [{"ports": [{"port": p} for p in ports]}],
        },
    }


def scene(*given: Plain) -> Scene:
    pods = (workload("web", ports=(8080, 9090)), workload("client"), workload("old", "old"))
    return Scene(snapshot(read(namespace("shop", IN_AMBIENT), namespace("old", {}), *pods, *given)), UPSTREAM)


def side(s: Scene, name: str) -> Side:
    return Side(name, tuple(i for i, e in enumerate(s.ends) if e.name == name))


@pytest.mark.parametrize(
    ("ports", "in_ambient", "outside"),
    [
        #         what a client in ambient may open, and one outside the mesh
        ([8080], [], [8080]),
        ([8080, 15008], [8080, 9090], [8080]),
        ([15008], [8080, 9090], []),
        ([], [], []),
    ],
)
def test_only_the_port_of_the_tunnel_counts_for_the_mesh(
    ports: Sequence[int], in_ambient: list[int], outside: list[int]
) -> None:
    s = scene(allows(*ports)) if ports else scene(closed())
    assert (asked(s, "client"), asked(s, "old")) == (in_ambient, outside)
    assert (joined(s, "client"), joined(s, "old")) == (in_ambient, outside)


def closed() -> Plain:
    found = dict(allows())
    found["spec"] = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
    return found


def asked(s: Scene, source: str) -> list[int]:
    """The ports of `web` that a question finds open."""
    wanted = Ports.span("TCP", 8080, 8080) | Ports.span("TCP", 9090, 9090)
    found = ask(s, side(s, source), side(s, "web"), lambda _: wanted)
    return sorted(p for f in found if f.verdict.answer is Answer.ALLOWED for p in f.ports)


def joined(s: Scene, source: str) -> list[int]:
    """The same in the table of everything; what is broken opens nothing."""
    network = reach(s.ends, namespace_labels(s.snapshot), policies(s.snapshot), UPSTREAM)
    a, b = (side(s, name).pods[0] for name in (source, "web"))
    told = [(ports, c) for ports, c in join(network, s.mesh).between(a, b) if c.transport != "broken"]
    return sorted(p for p in (8080, 9090) if any(p in ports for ports, _ in told))


def test_where_a_waypoint_may_open_the_connection_a_closed_port_proves_nothing() -> None:
    """The policy sees the waypoint's pod; whether that one may come in is another question."""
    waypoint = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": meta("w", "shop"),
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }
    used = service("web", ports=(8080,), labels={"istio.io/use-waypoint": "w"})
    s = scene(closed(), waypoint, used)
    wanted = Ports.span("TCP", 8080, 8080)
    (found,) = ask(s, side(s, "client"), side(s, "web"), lambda _: wanted)
    assert found.verdict.answer is Answer.UNKNOWN
    assert any("waypoint" in reason for reason in found.verdict.failed)
    (refused,) = ask(s, side(s, "old"), side(s, "web"), lambda _: wanted)
    assert refused.verdict.answer is Answer.DENIED
    network = reach(s.ends, namespace_labels(s.snapshot), policies(s.snapshot), UPSTREAM)
    a, b = side(s, "client").pods[0], side(s, "web").pods[0]
    table = join(network, s.mesh)
    own = table.reach.class_of[a]
    (strand,) = [x for x in table.rows[table.reach.class_of[b]] if own in x.sources and wanted <= x.ports]
    assert (strand.unsure, strand.channel.plaintext) == (True, False)


def test_it_is_said_why() -> None:
    s = scene(allows(8080))
    (found,) = ask(s, side(s, "client"), side(s, "web"), lambda _: Ports.span("TCP", 8080, 8080))
    assert found.verdict.because.endswith("the mesh carries it in a tunnel, on port 15008, whatever port is dialled")
    network = reach(s.ends, namespace_labels(s.snapshot), policies(s.snapshot), UPSTREAM)
    a, b = side(s, "client").pods[0], side(s, "web").pods[0]
    (told,) = [c for ports, c in join(network, s.mesh).between(a, b) if 8080 in ports]
    assert told.because == ("the network lets this port through, but not 15008, on which the tunnel of the mesh comes")


LINKERD: Plain = {"linkerd.io/inject": "enabled"}


def linkerd(*given: Plain, settings: str = "") -> Scene:
    """The same two workloads in Linkerd; `settings` are the chart's, not seen where they are empty."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": LINKERD}}
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta("linkerd-config", "linkerd"),
        "data": {"values": settings},
    }
    pods = (workload("web", ports=(8080, 9090)), workload("client"))
    return Scene(snapshot(read(space, *pods, *given, *([config] if settings else []))), UPSTREAM)


HEADER, TRANSPARENT = (f"proxy: {{outboundTransportMode: {m}}}" for m in ("transport-header", "transparent"))


@pytest.mark.parametrize(
    ("ports", "settings", "allowed", "unknown"),
    [
        ([8080], TRANSPARENT, [8080], []),
        ([8080], HEADER, [], []),
        ([4143], HEADER, [8080, 9090], []),
        ([8080], "", [], [8080]),
        ([4143], "", [], [8080, 9090]),
        ([8080, 4143], "", [8080], [9090]),
    ],
)
def test_between_linkerds_proxies_the_network_sees_their_own_port(
    ports: Sequence[int], settings: str, allowed: list[int], unknown: list[int]
) -> None:
    """github.com/linkerd/linkerd2/issues/15246: a policy that allows 4143 allows every port."""
    s = linkerd(allows(*ports), settings=settings)
    wanted = Ports.span("TCP", 8080, 8080) | Ports.span("TCP", 9090, 9090)
    found = ask(s, side(s, "client"), side(s, "web"), lambda _: wanted)
    told = {answer: sorted(p for f in found if f.verdict.answer is answer for p in f.ports) for answer in Answer}
    assert (told[Answer.ALLOWED], told[Answer.UNKNOWN]) == (allowed, unknown)
