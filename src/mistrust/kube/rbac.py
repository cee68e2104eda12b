"""RBAC objects: k8s.io/api/rbac/v1/types.go."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Object, Value
from mistrust.kube.selectors import LabelSelector

GROUP = "rbac.authorization.k8s.io"


class PolicyRule(Value, frozen=True, gc=False):
    """One rule: all of its verbs on all of its resources (or URLs). What it means is answered by `layers.identity`."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = field(name="nonResourceURLs", default=())


class AggregationRule(Value, frozen=True, gc=False):
    """Selects the ClusterRoles whose rules make up this one."""

    cluster_role_selectors: tuple[LabelSelector, ...] = ()


class Role(Object, frozen=True, gc=False):
    """A Role."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "Role"
    rules: tuple[PolicyRule, ...] = ()


class ClusterRole(Object, frozen=True, gc=False):
    """A ClusterRole."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "ClusterRole"
    NAMESPACED: ClassVar[bool] = False
    rules: tuple[PolicyRule, ...] = ()
    aggregation_rule: AggregationRule | None = None


class RoleRef(Value, frozen=True, gc=False):
    """The role that a binding gives; immutable once written."""

    kind: str = ""
    name: str = ""
    api_group: str = ""


class BindingSubject(Value, frozen=True, gc=False):
    """Who a binding gives it to, as written."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    api_group: str = ""


class RoleBinding(Object, frozen=True, gc=False):
    """A RoleBinding."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "RoleBinding"
    role_ref: RoleRef = RoleRef()
    subjects: tuple[BindingSubject, ...] = ()


class ClusterRoleBinding(Object, frozen=True, gc=False):
    """A ClusterRoleBinding."""

    GROUP: ClassVar[str] = GROUP
    KIND: ClassVar[str] = "ClusterRoleBinding"
    NAMESPACED: ClassVar[bool] = False
    role_ref: RoleRef = RoleRef()
    subjects: tuple[BindingSubject, ...] = ()
