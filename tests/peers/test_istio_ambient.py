"""Istio's own cases of what istiod makes of a PeerAuthentication for ztunnel: our reading must mean the same.

Each `peer-authn-*-in.yaml` holds PeerAuthentications, the `.yaml` beside it the policy that istiod derives from the one
with a selector (nothing where it derives none). Compared is the meaning: which ports refuse who has no identity.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.corpora import corpus

from mistrust.kube.istio import PeerAuthentication
from mistrust.kube.read import read
from mistrust.layers.mesh.istio.ambient import converted
from mistrust.layers.mesh.istio.server import labels

FOLDER = Path("pilot") / "pkg" / "serviceregistry" / "ambient" / "testdata"
ROOT = "istio-system"
PORTS = (8080, 9090, 1)
NAMES = (
    "disable", "disable-port-mtls-strict", "permissive", "permissive-port-mtls-strict",
    "permissive-port-mtls-strict-and-permissive", "permissive-root-permissive-namespace-strict-workload-ports",
    "permissive-root-permissive-workload", "permissive-root-strict-namespace-permissive-workload",
    "permissive-root-unset-namespace-mixed-workload-ports", "strict", "strict-and-disable-port-mtls",
    "strict-and-permissive-port-mtls", "strict-and-strict-port-mtls", "strict-port-mtls-strict-and-permissive",
    "strict-root-permissive-namespace-strict-workload", "strict-root-permissive-workload",
    "strict-root-unset-workload-port-mtls-strict-and-permissive", "strict-workload", "unset-port-mtls-strict",
)  # fmt: skip


def refuses(policy: dict[str, object] | None, port: int) -> bool:
    """Does an Authorization of ztunnel deny who has no identity? Groups are or-ed, rules and-ed, matches or-ed."""
    if policy is None:
        return False
    assert policy["action"] == "DENY"
    return any(
        all(any(matches(m, port) for m in rule["matches"]) for rule in group["rules"]) for group in policy["groups"]
    )


def matches(match: dict[str, object], port: int) -> bool:
    """A match is all of its fields; `notPrincipals: presence` is met by who has none."""
    for field, value in match.items():
        held = {
            "destinationPorts": lambda v: port in v,
            "notDestinationPorts": lambda v: port not in v,
            "notPrincipals": lambda v: v == [{"presence": {}}],
        }[field](value)
        if not held:
            return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_istiod_derives_the_same_from_a_peer_authentication(name: str) -> None:
    folder = corpus("istio") / FOLDER
    objects, problems = read((folder / f"peer-authn-{name}-in.yaml").read_bytes(), name, "")
    assert problems == []
    given = [o for o in objects if isinstance(o, PeerAuthentication)]
    own = given[-1]
    whole = {p.namespace: p for p in given if not labels(p)}
    namespace = whole.get(own.namespace) if labels(own) else None
    found = converted(own, namespace, whole.get(ROOT))
    wanted = yaml.safe_load((folder / f"peer-authn-{name}.yaml").read_text())
    assert {p: any(p in r for r in found) for p in PORTS} == {p: refuses(wanted, p) for p in PORTS}


def test_every_case_is_asked() -> None:
    folder = corpus("istio") / FOLDER
    there = {p.name.removeprefix("peer-authn-").removesuffix("-in.yaml") for p in folder.glob("peer-authn-*-in.yaml")}
    assert there == set(NAMES)
