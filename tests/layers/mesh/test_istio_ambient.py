"""What ztunnel lets in: as a sidecar would, but for DISABLE and for three surprises in how policies are attached.

istio's pilot/pkg/serviceregistry/kube/controller/ambient/authorization.go decides; its test TestComputeWorkloadPolicies
has the ordinary cases.
"""

from __future__ import annotations

import pytest
from tests.layers.mesh.istio_scene import IN_AMBIENT, Plain, Scene, namespace, peers, read, workload

from mistrust.kube.istio import PeerAuthentication
from mistrust.layers.mesh.istio.ambient import ztunnel
from mistrust.layers.mesh.istio.server import Mode, Policies

ROOT, NS = "istio-system", "shop"
PORTS = (80, 90, 1)
"""80 and 90 are in policies, 1 is in none."""


def open_ports(*plain: Plain) -> list[int]:
    """The ports where ztunnel takes plaintext for the pods with app=foo."""
    policies = Policies([p for p in read(*plain) if isinstance(p, PeerAuthentication)], ROOT)
    scope = policies.scope(NS, {"app": "foo"})
    return [p for p in PORTS if ztunnel(scope, p).mode is not Mode.STRICT]


def foo(mode: str = "", **ports: str) -> Plain:
    return peers(NS, mode, name="foo", app="foo", ports={int(k.removeprefix("p")): v for k, v in ports.items()})


ALL = list(PORTS)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], ALL),
        ([peers(ROOT, "STRICT")], []),
        ([peers(ROOT, "STRICT"), peers(NS, "PERMISSIVE")], ALL),
        ([peers(ROOT, "STRICT"), peers(NS, "UNSET")], []),
        ([peers(NS, "STRICT"), foo()], []),
        ([peers(NS, "STRICT"), foo("PERMISSIVE")], ALL),
        ([peers(NS, "PERMISSIVE"), foo("STRICT")], []),
        ([foo("STRICT", p80="PERMISSIVE")], [80]),
        ([foo("STRICT", p80="DISABLE")], [80]),
        ([foo("STRICT", p80="STRICT", p90="UNSET")], []),
        ([foo("PERMISSIVE", p80="STRICT")], [90, 1]),
        ([foo("DISABLE", p80="STRICT")], [90, 1]),
        ([foo("", p80="STRICT")], [90, 1]),
        ([peers(NS, "STRICT"), foo("", p80="PERMISSIVE")], [80]),
        ([peers(ROOT, "STRICT"), foo("", p80="PERMISSIVE", p90="STRICT")], [80]),
    ],
)
def test_ordinary_cases(given: list[Plain], wanted: list[int]) -> None:
    assert open_ports(*given) == wanted


def test_ports_in_a_policy_for_a_whole_namespace_mean_nothing() -> None:
    assert open_ports(peers(NS, "STRICT", ports={80: "PERMISSIVE"})) == []
    assert open_ports(peers(NS, "PERMISSIVE", ports={80: "STRICT"})) == ALL


@pytest.mark.parametrize("scope", [ROOT, NS])
def test_disable_takes_nothing_away_from_ambient(scope: str) -> None:
    """A whole mesh or namespace with DISABLE still speaks mutual TLS in ambient: it is merely not STRICT."""
    scene = Scene(namespace("shop", IN_AMBIENT), workload("a"), workload("b"), peers(scope, "DISABLE"))
    assert scene.transport("a", "b") == "mtls-opportunistic"


def test_disable_of_a_port_under_a_strict_parent_needs_a_permissive_port_beside_it() -> None:
    """Without a mode of its own the policy is attached for PERMISSIVE ports alone, and then exempts both."""
    assert open_ports(peers(NS, "STRICT"), foo("", p80="DISABLE")) == []
    assert open_ports(peers(NS, "STRICT"), foo("", p80="DISABLE", p90="PERMISSIVE")) == [80, 90]


def test_an_unset_namespace_between_a_strict_mesh_and_a_permissive_port_opens_everything() -> None:
    """The policy stands in for STRICT, but istiod derives nothing from it, and ztunnel skips what it misses."""
    assert open_ports(peers(ROOT, "STRICT"), peers(NS, "UNSET"), foo("", p80="PERMISSIVE")) == ALL
    assert open_ports(peers(ROOT, "STRICT"), foo("", p80="PERMISSIVE")) == [80]


def test_a_strict_port_of_a_permissive_workload_is_lost_under_a_strict_mesh() -> None:
    """istiod takes the port for enforced by the mesh, which the workload's own mode has switched off."""
    assert open_ports(peers(ROOT, "STRICT"), foo("PERMISSIVE", p80="STRICT")) == ALL
    assert open_ports(peers(NS, "STRICT"), foo("PERMISSIVE", p80="STRICT")) == [90, 1]
