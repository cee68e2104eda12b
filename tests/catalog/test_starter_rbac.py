"""The starter set's policies of roles: one denies a role if a rule of it permits what the policy is about."""

from __future__ import annotations

from itertools import product
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mistrust.admission.review import of_object
from mistrust.admission.vap.policy import policy
from mistrust.admission.vap.suite import said
from mistrust.catalog.starter import starter
from mistrust.kube.rbac import GROUP, PolicyRule
from mistrust.layers.identity.rules import ANY, NONE, permits

ADMISSION = "admissionregistration.k8s.io"
CERTIFICATES = "certificates.k8s.io"
CONFIGURATIONS = [
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
]
WRITING = ["create", "update", "patch", "delete", "deletecollection"]
PROXIED = ["get", "create", "update", "patch", "delete"]
STREAMS = ["pods/exec", "pods/attach", "pods/portforward"]
REQUESTS = ["certificatesigningrequests/approval", "certificatesigningrequests/status"]


class About(msgspec.Struct, frozen=True):
    """Requests that a policy is about."""

    verbs: list[str]
    group: str
    resources: list[str]
    named: bool = False
    """Is a rule that names its objects let pass?"""

    def granted(self, rule: PolicyRule) -> bool:
        found = [permits(rule, verb, self.group, r) for verb, r in product(self.verbs, self.resources)]
        return ANY in found if self.named else any(names != NONE for names in found)


ABOUT: Final = {
    "escalation-verbs": [
        About(["escalate"], GROUP, ["roles", "clusterroles"]),
        About(["bind"], GROUP, ["roles", "clusterroles"], named=True),
    ],
    "impersonation": [
        About(["impersonate"], "", ["users", "groups", "serviceaccounts"], named=True),
        About(["impersonate"], "authentication.k8s.io", ["uids", "userextras"], named=True),
    ],
    "cluster-wide-secrets": [About(["get", "list", "watch"], "", ["secrets"], named=True)],
    "node-proxy": [About(PROXIED, "", ["nodes/proxy"])],
    "cluster-wide-exec": [
        About(["create", "get"], "", STREAMS),
        About(["update", "patch"], "", ["pods/ephemeralcontainers"]),
    ],
    "token-creation": [About(["create"], "", ["serviceaccounts/token"], named=True)],
    "admission-changes": [About(WRITING, ADMISSION, CONFIGURATIONS, named=True)],
    "certificate-approval": [
        About(["update", "patch"], CERTIFICATES, REQUESTS, named=True),
        About(["approve", "sign"], CERTIFICATES, ["signers"], named=True),
    ],
}
SET = {e.name: policy(e.policy) for e in starter()}


def lists(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


def rules(about: list[About]) -> st.SearchStrategy[PolicyRule]:
    """Rules near to what a policy is about: its own words, stars, and words of others."""
    verbs = {v for a in about for v in a.verbs}
    resources = {r for a in about for r in a.resources}
    subresources = {r.partition("/")[2] for r in resources} - {""}
    near = {*resources, *(r.partition("/")[0] for r in resources), *(f"*/{s}" for s in subresources), *subresources}
    return st.builds(
        PolicyRule,
        verbs=lists("*", "get", "create", "deletecollection", "escalate", *verbs),
        api_groups=lists("*", "", "apps", *(a.group for a in about)),
        resources=lists("*", "pods", "pods/*", "*/scale", *near),
        resource_names=lists("a", ""),
    )


@pytest.mark.parametrize("name", ABOUT)
def test_a_role_is_denied_if_a_rule_of_it_permits_what_the_policy_is_about(name: str) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(rules(ABOUT[name]), max_size=2))
    def holds(several: list[PolicyRule]) -> None:
        role = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}
        review = of_object({**role, "rules": msgspec.json.decode(msgspec.json.encode(several))})
        granted = any(a.granted(rule) for rule in several for a in ABOUT[name])
        assert bool(list(said(SET[name], [], review))) is granted

    holds()
