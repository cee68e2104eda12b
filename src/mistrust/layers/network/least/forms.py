"""The kinds in which policies are written, and what replacing old ones asks of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec
from msgspec import structs

from mistrust.kube.cilium import CiliumNetworkPolicy, CiliumRule, DefaultDeny
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.separate import Unit
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.least import cilium, writing
from mistrust.layers.network.least.writing import Needs, Policy, Written

Name = Literal["kubernetes", "cilium", "cluster"]
"""NetworkPolicies, CiliumNetworkPolicies, or NetworkPolicies under a ClusterNetworkPolicy of the whole cluster."""


class Form(msgspec.Struct, frozen=True):
    """How policies are written."""

    policy: Callable[[Unit, str, Needs, Needs], Written]
    """Of a unit: its name, what comes in and what goes out."""
    deny_all: Callable[[str, str], Policy]
    replaces: tuple[type[Policy], ...]
    """The kinds of old policies that these stand for."""

    def old(self, snapshot: Snapshot, namespace: str) -> Iterator[Policy]:
        """The policies of a namespace, those that are no more than rules for its pods."""
        for kind in self.replaces:
            yield from (p for p in snapshot.of(kind) if p.namespace == namespace)


KUBERNETES: Final = Form(writing.policy, writing.deny_all, (NetworkPolicy,))
CILIUM: Final = Form(cilium.policy, cilium.deny_all, (NetworkPolicy, CiliumNetworkPolicy))


def rewritable(given: Policy) -> bool:
    """Is it no more than rules that allow, for pods?"""
    if isinstance(given, NetworkPolicy):
        return True
    rule = given.spec
    if rule is None or rule.endpoint_selector is None or given.specs:
        return False
    return not rule.ingress_deny and not rule.egress_deny and rule.enable_default_deny == DefaultDeny()


def selector_of(given: Policy) -> LabelSelector | None:
    """The pods that it is about; None where that is no selector of labels alone."""
    if isinstance(given, NetworkPolicy):
        return given.spec.pod_selector
    return given.spec.endpoint_selector if given.spec is not None else None


def allows(given: Policy) -> bool:
    """Has it a rule that allows something?"""
    return bare(given) != given


def bare(given: Policy) -> Policy:
    """The same pods isolated in the same directions, and nothing allowed."""
    if isinstance(given, NetworkPolicy):
        if not given.spec.ingress and not given.spec.egress:
            return given
        spec = structs.replace(given.spec, policy_types=given.spec.directions, ingress=(), egress=())
        return structs.replace(given, spec=spec)
    rule = given.spec
    assert rule is not None
    ingress, egress = cilium.NO_INGRESS if rule.ingress else (), cilium.NO_EGRESS if rule.egress else ()
    return structs.replace(given, spec=structs.replace(rule, ingress=ingress, egress=egress))


def denies(given: Policy) -> bool:
    """Does it deny both directions to all pods of the namespace, and allow nothing?"""
    if isinstance(given, NetworkPolicy):
        spec = given.spec
        both = set(spec.directions) == {"Ingress", "Egress"}
        return spec.pod_selector == LabelSelector() and both and not spec.ingress and not spec.egress
    shut = CiliumRule(endpoint_selector=LabelSelector(), ingress=cilium.NO_INGRESS, egress=cilium.NO_EGRESS)
    return not given.specs and given.spec is not None and structs.replace(given.spec, description="") == shut
