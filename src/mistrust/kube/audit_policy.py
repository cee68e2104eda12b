"""The audit policy: a file that the API server is started with, and that says of which requests it writes what."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Object, Value


class GroupResources(Value, frozen=True, gc=False):
    """Resources of one API group; no resources are all of them."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class AuditRule(Value, frozen=True, gc=False):
    """What it lists must all match; what it does not list matches everything."""

    level: str = ""
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = field(name="nonResourceURLs", default=())
    omit_stages: tuple[str, ...] = ()


class AuditPolicy(Object, frozen=True, gc=False):
    """audit.k8s.io Policy. The first rule that matches decides; where none does nothing is logged."""

    GROUP: ClassVar[str] = "audit.k8s.io"
    KIND: ClassVar[str] = "Policy"
    NAMESPACED: ClassVar[bool] = False
    rules: tuple[AuditRule, ...] = ()
    omit_stages: tuple[str, ...] = ()
