"""The resources that exist, and how a person names one: `po`, `deployments.apps`, `pods/exec`, `Role`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from mistrust.kube.admission import CustomResourceDefinition
from mistrust.kube.errors import UsageError
from mistrust.kube.rbac import GROUP as RBAC_GROUP
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.rules import ALL

WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
READS: Final = ("get", "list", "watch")


class Served(Protocol):
    """A resource as discovery tells it."""

    @property
    def group(self) -> str:
        """The API group; empty for the core."""

    @property
    def resource(self) -> str:
        """With the subresource: `pods/exec`."""

    @property
    def kind(self) -> str:
        """What it takes and gives."""

    @property
    def namespaced(self) -> bool:
        """Is it inside namespaces?"""

    @property
    def verbs(self) -> tuple[str, ...]:
        """What can be done with it."""


class Resource(msgspec.Struct, frozen=True, order=True, gc=False):
    """A resource of the API, or one that exists for authorization only (`users`, to impersonate them)."""

    group: str
    resource: str
    """With the subresource: `pods/exec`."""
    kind: str = ""
    namespaced: bool = True
    verbs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


SHORT: Final = {
    "cm": "configmaps", "cs": "componentstatuses", "ep": "endpoints", "ev": "events", "limits": "limitranges",
    "ns": "namespaces", "no": "nodes", "pvc": "persistentvolumeclaims", "pv": "persistentvolumes", "po": "pods",
    "rc": "replicationcontrollers", "quota": "resourcequotas", "sa": "serviceaccounts", "svc": "services",
    "crd": "customresourcedefinitions", "crds": "customresourcedefinitions", "ds": "daemonsets",
    "deploy": "deployments", "rs": "replicasets", "sts": "statefulsets", "hpa": "horizontalpodautoscalers",
    "cj": "cronjobs", "csr": "certificatesigningrequests", "ing": "ingresses", "netpol": "networkpolicies",
    "pdb": "poddisruptionbudgets", "pc": "priorityclasses", "sc": "storageclasses", "vac": "volumeattributesclasses",
    "ip": "ipaddresses",
}  # fmt: skip
"""`kubectl api-resources`: the ShortNames of pkg/registry/*/*/storage."""

FOR_AUTHORIZATION: Final = (
    Resource("", "users", "User", False, ("impersonate",)),
    Resource("", "groups", "Group", False, ("impersonate",)),
    Resource("authentication.k8s.io", "uids", "UID", False, ("impersonate",)),
    Resource("authentication.k8s.io", "userextras", "UserExtra", False, ("impersonate",)),
    Resource("certificates.k8s.io", "signers", "Signer", False, ("approve", "attest", "sign")),
    *(
        Resource("", f"nodes/{part}", "Node", False, ("get", "create"))
        for part in ("checkpoint", "configz", "healthz", "log", "metrics", "pods", "spec", "stats")
    ),
)
"""What no discovery lists, because it is only ever asked about: impersonation, signers, the kubelet's own API
(pkg/kubelet/server/auth.go)."""

ALSO: Final = {
    ("", "serviceaccounts"): ("impersonate",),
    (RBAC_GROUP, "roles"): ("bind", "escalate"),
    (RBAC_GROUP, "clusterroles"): ("bind", "escalate"),
}
"""Verbs that no discovery lists."""


def known_resources(served: Iterable[Served], snapshot: Snapshot | None = None) -> tuple[Resource, ...]:
    """Everything that can be asked about: what is served, what a snapshot's definitions add, and the rest."""
    defined = (
        Resource(d.spec.group, d.spec.names.plural, d.spec.names.kind, d.spec.scope != "Cluster", (*READS, *WRITES))
        for d in (snapshot.of(CustomResourceDefinition) if snapshot else ())
    )
    told = (Resource(r.group, r.resource, r.kind, r.namespaced, r.verbs) for r in served)
    every = {(r.group, r.resource): r for r in (*defined, *FOR_AUTHORIZATION, *told)}
    return tuple(
        msgspec.structs.replace(r, verbs=(*r.verbs, *ALSO[key])) if key in ALSO else r for key, r in every.items()
    )


def resolve(text: str, known: Sequence[Resource], group: str | None = None) -> Resource:
    """The resource that a person means.

    `text` is a plural, singular, short or kind name, with or without `.group`, with or without `/subresource`; `group`
    settles the API group, and is believed where nothing known has it.

    Raises `UsageError` for a name that is unknown or means several resources, and lists what it could be.

    >>> str(resolve("deploy/scale", [Resource("apps", "deployments/scale")]))
    'deployments/scale.apps'
    """
    name, slash, subresource = text.partition("/")
    if name == ALL:
        return Resource(group if group is not None else ALL, text)
    name, dot, suffix = name.partition(".")
    wanted = group if group is not None else suffix if dot else None
    if name == "userextras" and subresource:  # any key of any authenticator
        return Resource("authentication.k8s.io", f"userextras/{subresource}", "UserExtra", False, ("impersonate",))
    mains = {_main(r) for r in known if _called(name, r)}
    found = [
        r
        for r in known
        if _main(r) in mains and r.resource.partition("/")[2] == subresource and (wanted is None or r.group == wanted)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = ", ".join(str(r) for r in sorted(found))
        do = '--api-group chooses; the core group is ""'
        raise UsageError("several resources have this name", got=repr(text), wanted=f"one of {candidates}", do=do)
    if group is not None:
        return Resource(group, f"{sorted(mains)[0] if mains else name}{slash}{subresource}")
    near = _near(name, mains, known)
    wanted_words = f"one of {', '.join(near)}" if near else "a resource such as pods, deployments.apps or pods/exec"
    raise UsageError(
        "no such resource is known", got=repr(text), wanted=wanted_words, do="--api-group GROUP asks about it anyway"
    )


def _main(resource: Resource) -> str:
    return resource.resource.partition("/")[0]


def _called(name: str, resource: Resource) -> bool:
    kind = "" if "/" in resource.resource else resource.kind
    return (
        name == _main(resource) or SHORT.get(name) == _main(resource) or (kind != "" and name.lower() == kind.lower())
    )


def _near(name: str, mains: set[str], known: Sequence[Resource]) -> list[str]:
    import difflib

    near = mains or set(difflib.get_close_matches(name, sorted({_main(r) for r in known}), n=3))
    return [str(r) for r in sorted(known) if _main(r) in near and (mains or "/" not in r.resource)]
