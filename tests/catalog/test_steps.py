"""Every step of the catalog: complete, of this world, and true of its own examples."""

from __future__ import annotations

import re

import pytest

from mistrust.catalog.load import api_resources, explain, steps, structure
from mistrust.paths.step import Need, Permission, Step

STEPS = [explain(step.id) for step in (*steps(), *structure())]

BESIDE_DISCOVERY = {
    ("", "users"): {"impersonate"},
    ("", "groups"): {"impersonate"},
    ("authentication.k8s.io", "uids"): {"impersonate"},
    ("authentication.k8s.io", "userextras/scopes"): {"impersonate"},
    ("authentication.k8s.io", "serviceaccounts"): {"impersonate:serviceaccount"},
    ("certificates.k8s.io", "signers"): {"approve", "sign", "attest"},
    ("certificates.k8s.io", "certificatesigningrequests/nodeclient"): {"create"},
    ("policy", "podsecuritypolicies"): {"use"},
    **{("", f"nodes/{sub}"): {"get"} for sub in ("log", "configz", "metrics", "stats", "pods")},
    ("", "nodes/checkpoint"): {"create"},
}
"""What the API server or a kubelet asks an authorizer about although no discovery document lists it."""

VERBS_BESIDE_DISCOVERY = {
    ("", "serviceaccounts"): {"impersonate"},
    ("", "pods"): {"impersonate-on:serviceaccount:create"},
    ("", "pods/exec"): {"impersonate-on:serviceaccount:create"},
    ("", "serviceaccounts/token"): {"impersonate-on:serviceaccount:create"},
    ("rbac.authorization.k8s.io", "roles"): {"escalate", "bind"},
    ("rbac.authorization.k8s.io", "clusterroles"): {"escalate", "bind"},
}


@pytest.fixture(params=STEPS, ids=lambda step: step.id)
def step(request: pytest.FixtureRequest) -> Step:
    return request.param


def test_is_described_for_a_person(step: Step) -> None:
    sentences = re.findall(r"[.!?](?=\s|$)", step.prose)
    assert 4 <= len(sentences) <= 12, f"{len(sentences)} sentences"
    assert max(map(len, step.prose.splitlines())) <= 118
    assert not step.title.endswith(".")
    assert len(step.title) <= 80
    assert step.title[0].isupper()


def test_names_real_techniques_and_public_references(step: Step) -> None:
    assert step.technique
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", t) for t in step.technique)
    assert step.references
    assert all(re.fullmatch(r"https://[a-z0-9.-]+/\S+", r) for r in step.references)
    assert len(set(step.references)) == len(step.references)


def test_has_examples_of_both_kinds(step: Step) -> None:
    assert step.holds
    assert bool(step.fails) == bool(step.needs or step.where)
    assert len(set(map(repr, step.holds + step.fails))) == len(step.holds + step.fails)


def test_asks_about_resources_and_verbs_that_exist(step: Step) -> None:
    served = {(r.group, r.resource): {*r.verbs} for r in api_resources()}
    known = {key: served.get(key, set()) | VERBS_BESIDE_DISCOVERY.get(key, set()) for key in served} | BESIDE_DISCOVERY
    groups = {group for group, _ in served}
    for permission in permissions(step):
        for resource in permission.resources:
            if permission.group == "*" or permission.group not in groups | {"policy"}:
                continue
            assert (permission.group, resource) in known
            assert {*permission.verbs} <= known[permission.group, resource]


def test_a_foreign_resource_stands_under_a_condition_that_it_exists(step: Step) -> None:
    groups = {r.group for r in api_resources()} | {"*", "policy"}
    for permission in permissions(step):
        if permission.group not in groups:
            kinds = [c.removeprefix("kind:") for c in step.where if c.startswith("kind:")]
            assert any(kind.partition(".")[2] == permission.group for kind in kinds)


def test_a_permission_asks_about_resources_or_urls(step: Step) -> None:
    assert all(bool(p.resources) != bool(p.urls) for p in permissions(step))


def test_a_cluster_scoped_resource_is_never_asked_for_in_a_namespace(step: Step) -> None:
    """Except where the API server does so: a request for the Namespace `shop` is checked in the namespace `shop`, and
    `bind` on a ClusterRole in the namespace of the binding."""
    cluster_scoped = {(r.group, r.resource) for r in api_resources() if not r.namespaced}
    for need, permission in needs(step):
        if (need.scope or step.scope) == "cluster" or permission.verbs == ("bind",):
            continue
        for resource in permission.resources:
            if resource.partition("/")[0] != "namespaces":
                assert (permission.group, resource) not in cluster_scoped


def needs(step: Step) -> list[tuple[Need, Permission]]:
    return [(need, permission) for need in step.needs for permission in need.any]


def permissions(step: Step) -> list[Permission]:
    return [permission for _, permission in needs(step)]
