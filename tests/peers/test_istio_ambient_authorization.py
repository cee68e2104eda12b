"""Istio's test cases of what ztunnel gets: our reading of the policies, against ztunnel's rules over istiod's output.

The PeerAuthentications of the same folder are asked about elsewhere.
"""

from __future__ import annotations

import base64
import itertools
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml
from tests.corpora import corpus

from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.read import read
from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.requests import Request
from mistrust.layers.mesh.istio.authorization.server import authorizer
from mistrust.layers.mesh.istio.authorization.ztunnel import read_ztunnel_policy

CASES = ("allow-full", "allow-groups", "deny-groups")

PRINCIPALS = (
    None,
    *(
        f"{domain}/ns/{space}/sa/{account}"
        for domain, space, account in itertools.product(
            ("cluster.local", "principal-prefix-x", "not-principal-prefix-x"),
            (
                "ns",
                "ns-prefix-x",
                "x-ns-suffix",
                "cfg",
                "when-l4-ns",
                "only-l4-ns",
                "to-mix-ns",
                "from-mix-ns",
                "other",
            ),
            ("sa", "sa-only", "sa-not", "x-suffix-principal", "x-suffix-not-principal"),
        )
    ),
    # no SPIFFE ID that a mesh would give, but what the cases name
    *(f"{name}/ns/{space}/sa/x" for name in ("principal", "to-mix-principal") for space in ("ns", "to-mix-ns")),
)
ADDRESSES = (
    "1.2.3.4",
    "5.6.7.8",
    "2.2.3.4",
    "6.6.0.1",
    "10.10.10.10",
    "192.168.10.7",
    "90.10.10.10",
    "20.20.20.20",
    "8.8.8.8",
)
PORTS = (80, 90, 800, 91, 9001, 7)


def ztunnel(authorization: dict[str, Any], r: Request) -> bool:
    """Does ztunnel find that a policy matches? (src/rbac.rs)"""
    return any(
        all(not c["matches"] or any(m and _match(m, r) for m in c["matches"]) for c in group.get("rules") or [])
        for group in authorization.get("groups") or []
    )


def _match(m: dict[str, Any], r: Request) -> bool:
    parts = (r.principal or "").split("/")
    name, namespace = ("", "") if r.principal is None else (r.principal, parts[2])
    account = (namespace, parts[4]) if r.principal is not None else None
    tests = {
        "principals": lambda p: name != "" and _string(p, name),
        "namespaces": lambda p: _string(p, namespace),
        "serviceAccounts": lambda p: account == (p["namespace"], p["serviceAccount"]),
        "sourceIps": lambda p: _inside(p, r.source),
        "destinationIps": lambda p: _inside(p, r.destination),
        "destinationPorts": lambda p: p == r.port,
    }
    for key, wanted in m.items():
        negative = key.startswith("not")
        name_of = key[3].lower() + key[4:] if negative else key
        if any(tests[name_of](p) for p in wanted) is negative:
            return False
    return True


def _string(p: dict[str, Any], value: str) -> bool:
    ((kind, wanted),) = p.items()
    if kind == "presence":
        return value != ""
    return {"exact": value == wanted, "prefix": value.startswith(wanted or ""), "suffix": value.endswith(wanted or "")}[
        kind
    ]


def _inside(p: dict[str, Any], address: object) -> bool:
    raw = base64.b64decode(p["address"])
    assert isinstance(address, str)
    return ip_address(address) in ip_network((raw, p["length"]), strict=False)


@pytest.mark.parametrize("name", CASES)
def test_we_answer_as_ztunnel(name: str) -> None:
    folder = corpus("istio") / "pilot/pkg/serviceregistry/ambient/testdata"
    objects, problems = read((folder / f"{name}-in.yaml").read_bytes(), name)
    assert not problems
    (policy,) = objects
    assert isinstance(policy, AuthorizationPolicy)
    ours = read_ztunnel_policy(policy, TrustDomains())
    assert ours is not None
    handed = yaml.safe_load((folder / f"{name}.yaml").read_text())
    deny = handed.get("action") == "DENY"
    seen = set()
    for principal, source, destination, port in itertools.product(PRINCIPALS, ADDRESSES, ADDRESSES[4::2], PORTS[::2]):
        r = Request(port, principal, source, source, destination)
        passes = ztunnel(handed, r) is not deny
        assert (authorizer([ours]).decide(r).answer is Answer.ALLOWED) is passes, r
        seen.add(passes)
    assert seen == {True, False}


def test_every_case_is_in_the_table() -> None:
    folder = corpus("istio") / "pilot/pkg/serviceregistry/ambient/testdata"
    named = {f.name.removesuffix("-in.yaml") for f in folder.glob("*-in.yaml") if not f.name.startswith("peer-authn")}
    assert named == set(CASES)
