"""Rights that are worth a remark whoever holds them: what CIS 5.1 and the RBAC good practices of Kubernetes name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.kube.rbac import GROUP as RBAC_GROUP
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.rules import ALL, ANY, NONE, permits

CERTIFICATES: Final = "certificates.k8s.io"
ADMISSION: Final = "admissionregistration.k8s.io"
CHANGES: Final = ("create", "update", "patch")


class Right(msgspec.Struct, frozen=True, gc=False):
    """A right with a name."""

    fact: str
    verbs: tuple[str, ...]
    group: str
    resources: tuple[str, ...]
    cluster_wide: bool = True
    """Worth a remark only where it holds everywhere."""
    named: bool = False
    """Worth a remark also where it is limited to some names."""


RIGHTS: Final = (
    Right("identity.secrets-everywhere", ("get", "list", "watch"), "", ("secrets",)),
    Right("identity.create-pods-everywhere", ("create",), "", ("pods",)),
    Right("identity.exec-everywhere", ("create", "get"), "", ("pods/exec", "pods/attach")),
    Right("identity.create-volumes", ("create",), "", ("persistentvolumes",)),
    Right("identity.node-proxy", ("get", "create"), "", ("nodes/proxy",), named=True),
    Right("identity.create-tokens", ("create",), "", ("serviceaccounts/token",)),
    Right("identity.approve-certificates", ("update", "patch"), CERTIFICATES, ("certificatesigningrequests/approval",)),
    Right(
        "identity.admission-control",
        (*CHANGES, "delete"),
        ADMISSION,
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        named=True,
    ),
    Right("identity.escalate", ("escalate",), RBAC_GROUP, ("roles", "clusterroles"), False, True),
    Right("identity.bind", ("bind",), RBAC_GROUP, ("roles", "clusterroles"), False, True),
    Right("identity.impersonate", ("impersonate",), "", ("users", "groups", "serviceaccounts"), False, True),
)


class Held(msgspec.Struct, frozen=True, gc=False):
    """A right that a rule gives."""

    fact: str
    rule: int
    what: str
    """`get secrets`, `bind clusterroles named view`."""
    cluster_wide: bool


def sensitive(rules: tuple[PolicyRule, ...]) -> tuple[Held, ...]:
    """The rights that these rules give; nothing but `identity.cluster-admin` where they give everything."""
    everything = [i for i, rule in enumerate(rules) if is_everything(rule)]
    if everything:
        return (Held("identity.cluster-admin", everything[0], "everything", False),)
    return tuple(held for i, rule in enumerate(rules) for right in RIGHTS for held in _held(right, i, rule))


def is_everything(rule: PolicyRule) -> bool:
    """Does it permit every verb on every resource?"""
    return ALL in rule.verbs and ALL in rule.api_groups and ALL in rule.resources and not rule.resource_names


def _held(right: Right, index: int, rule: PolicyRule) -> Iterator[Held]:
    if not (right.named or not rule.resource_names):
        return
    given = {
        (verb, resource): names
        for verb in right.verbs
        for resource in right.resources
        if (names := permits(rule, verb, right.group, resource)) != NONE
    }
    if not given:
        return
    verbs = ",".join(dict.fromkeys(verb for verb, _ in given))
    resources = ",".join(dict.fromkeys(resource for _, resource in given))
    limited = "" if ANY in given.values() else f" named {','.join(rule.resource_names[:5])}"
    yield Held(right.fact, index, f"{verbs} {resources}{limited}", right.cluster_wide)
