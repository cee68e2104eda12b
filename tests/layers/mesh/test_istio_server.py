"""Which mode a server has: mesh, namespace, workload, port; the oldest of a scope; UNSET inherits.

The first table re-expresses istio's pilot/pkg/security/authn/policy_applier_test.go (TestComposePeerAuthentication),
case by case under its names there.
"""

from __future__ import annotations

import pytest
from tests.layers.mesh.istio_scene import Plain, peers, read

from mistrust.kube.istio import PeerAuthentication
from mistrust.layers.mesh.istio.server import Mode, Policies, sidecar

ROOT, NS = "root-namespace", "my-ns"
NOW, BEFORE = "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"
FOO = {"app": "foo", "stage": "prod"}
STRICT, PERMISSIVE, DISABLE = Mode.STRICT, Mode.PERMISSIVE, Mode.DISABLE


def policies(*plain: Plain, root: str = ROOT) -> Policies:
    return Policies([p for p in read(*plain) if isinstance(p, PeerAuthentication)], root)


def mode(*plain: Plain, port: int = 8080) -> Mode:
    """Of the pods of my-ns with the label app=foo."""
    return sidecar(policies(*plain).scope(NS, FOO), port).mode


def prod(name: str, mode: str, made: str) -> Plain:
    """A policy for the pods with stage=prod."""
    found = dict(peers(NS, mode, name=name, made=made))
    found["spec"] = {"selector": {"matchLabels": {"stage": "prod"}}, "mtls": {"mode": mode}}
    return found


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("no config", [], PERMISSIVE),
        ("mesh only", [peers(ROOT, "STRICT")], STRICT),
        ("mesh vs namespace", [peers(ROOT, "STRICT"), peers(NS, "PERMISSIVE")], PERMISSIVE),
        ("ignore non-empty selector in root namespace", [peers(ROOT, "STRICT", app="foo")], PERMISSIVE),
        ("workload vs namespace config", [peers(NS), peers(NS, name="foo", app="foo")], PERMISSIVE),
        ("workload vs mesh config", [peers(NS, "PERMISSIVE"), peers(ROOT, "DISABLE")], PERMISSIVE),
        (
            "multiple mesh policy",
            [
                peers(ROOT, "DISABLE", name="now", made=NOW),
                peers(ROOT, "PERMISSIVE", name="second-ago", made=BEFORE),
                peers(ROOT, "STRICT", name="second-later", made=BEFORE),
            ],
            PERMISSIVE,
        ),
        (
            "multiple namespace policy",
            [
                peers(NS, "DISABLE", name="now", made=NOW),
                peers(NS, "PERMISSIVE", name="second-ago", made=BEFORE),
                peers(NS, "STRICT", name="second-later", made=BEFORE),
            ],
            PERMISSIVE,
        ),
        (
            "multiple workload policy",
            [
                peers(NS, "DISABLE", name="now", app="foo", made=NOW),
                peers(NS, "PERMISSIVE", name="second-ago", app="foo", made=BEFORE),
                prod("second-later", "STRICT", BEFORE),
            ],
            PERMISSIVE,
        ),
        ("inheritance: default mesh", [peers(ROOT, "UNSET")], PERMISSIVE),
        ("inheritance: mesh to workload", [peers(ROOT, "STRICT"), peers(NS, name="foo", app="foo")], STRICT),
        ("inheritance: namespace to workload", [peers(NS, "STRICT"), peers(NS, name="foo", app="foo")], STRICT),
        (
            "inheritance: mesh to namespace to workload",
            [peers(ROOT, "STRICT"), peers(NS, "UNSET"), peers(NS, name="foo", app="foo")],
            STRICT,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_scopes_combine_as_istio_composes_them(name: str, given: list[Plain], wanted: Mode) -> None:
    assert mode(*given) is wanted


@pytest.mark.parametrize(("port", "wanted"), [(80, DISABLE), (90, STRICT), (100, STRICT), (8080, STRICT)])
def test_port_level(port: int, wanted: Mode) -> None:
    own = dict(peers(NS, name="foo", app="foo"))
    own["spec"] = {
        "selector": {"matchLabels": {"app": "foo"}},
        "portLevelMtls": {"80": {"mode": "DISABLE"}, "90": {"mode": "UNSET"}, "100": {}},
    }
    assert mode(peers(ROOT, "STRICT"), own, port=port) is wanted


def test_a_port_of_a_policy_for_a_whole_namespace_means_nothing() -> None:
    assert mode(peers(NS, "STRICT", ports={80: "DISABLE"}), port=80) is STRICT


def test_of_policies_without_a_date_that_disagree_nothing_says_which_is_older() -> None:
    scope = policies(peers(NS, "STRICT", name="a"), peers(NS, "DISABLE", name="b")).scope(NS, FOO)
    assert sidecar(scope, 80).doubt == (
        "nothing says whether PeerAuthentication my-ns/a or PeerAuthentication my-ns/b is older"
    )


@pytest.mark.parametrize(("other", "doubted"), [("STRICT", False), ("DISABLE", True)])
def test_of_undated_policies_for_one_workload_only_a_difference_is_doubtful(other: str, doubted: bool) -> None:
    scope = policies(peers(NS, "STRICT", name="a", app="foo"), prod("b", other, "")).scope(NS, FOO)
    assert bool(sidecar(scope, 80).doubt) is doubted
    dated = policies(peers(NS, "STRICT", name="a", app="foo", made=NOW), prod("b", other, BEFORE)).scope(NS, FOO)
    assert sidecar(dated, 80).doubt == ""
    assert sidecar(dated, 80).mode == other


def test_policies_without_effect_are_told() -> None:
    found = policies(
        peers(ROOT, "STRICT", name="selecting", app="foo"),
        peers(NS, "STRICT", name="old", made=BEFORE),
        peers(NS, "DISABLE", name="new", made=NOW),
    )
    assert [(p.name, why) for p, why in found.ignored] == [
        ("selecting", "a selector in the root namespace selects nothing"),
        ("new", "PeerAuthentication my-ns/old is older and holds for the same scope"),
    ]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], PERMISSIVE),
        ([peers(ROOT, "STRICT")], STRICT),
        ([peers(ROOT, "STRICT"), peers(NS, "UNSET")], STRICT),
        ([peers(ROOT, "STRICT"), peers(NS, "DISABLE")], DISABLE),
        ([peers(NS, "DISABLE", app="foo")], PERMISSIVE),
    ],
)
def test_clients_go_by_the_namespace_and_know_no_workload_policy(given: list[Plain], wanted: Mode) -> None:
    """istio's GetNamespaceMutualTLSMode (authentication.go), which BestEffortInferServiceMTLSMode asks."""
    assert policies(*given).hint(NS).mode is wanted


def test_the_evidence_for_clients_is_the_policy_that_says_something() -> None:
    found = policies(peers(ROOT, "DISABLE"), peers(NS, "UNSET")).hint(NS)
    assert [str(e) for e in found.decided_by] == ["PeerAuthentication root-namespace/default spec.mtls.mode DISABLE"]


def test_the_evidence_is_the_field_that_decides() -> None:
    scope = policies(peers(ROOT, "STRICT"), peers(NS, "", name="foo", app="foo", ports={80: "DISABLE"})).scope(NS, FOO)
    assert [str(e) for e in sidecar(scope, 80).decided_by] == [
        "PeerAuthentication my-ns/foo spec.portLevelMtls.80.mode DISABLE"
    ]
    assert [str(e) for e in sidecar(scope, 81).decided_by] == [
        "PeerAuthentication root-namespace/default spec.mtls.mode STRICT"
    ]
