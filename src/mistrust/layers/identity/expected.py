"""What every API server grants by itself: known by its content, never by a label that anybody can write."""

from __future__ import annotations

from functools import cached_property

from mistrust.kube.meta import Ref
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from mistrust.layers.identity.index import AnyBinding, Grant, Rbac
from mistrust.layers.identity.roles import AnyRole
from mistrust.layers.identity.rules import covers
from mistrust.layers.identity.subjects import principal_of


class Expected:
    """Compares with the defaults of a server; without them, nothing is expected."""

    def __init__(self, rbac: Rbac) -> None:
        self._defaults = rbac.defaults
        self._known: dict[tuple[Ref, PolicyRule], bool] = {}

    @cached_property
    def _subjects(self) -> dict[tuple[object, ...], None]:
        found: dict[tuple[object, ...], None] = {}
        for binding in self._defaults.values():
            if isinstance(binding, RoleBinding | ClusterRoleBinding):
                for subject in binding.subjects:
                    found[binding.ref, binding.role_ref.name, principal_of(subject, binding.namespace)] = None
        return found

    def binding(self, binding: AnyBinding) -> bool:
        """Does a server write a binding of this name?"""
        return binding.ref in self._defaults

    def rule(self, role: AnyRole, rule: PolicyRule) -> bool:
        """Is the rule part of what a server writes into this role?"""
        default = self._defaults.get(role.ref)
        if default is role:
            return True
        if not isinstance(default, ClusterRole | Role):
            return False
        key = (role.ref, rule)
        if key not in self._known:
            self._known[key] = not covers(default.rules, rule)
        return self._known[key]

    def grant(self, grant: Grant) -> bool:
        """Does a server give this role to this subject?"""
        return (grant.binding.ref, grant.binding.role_ref.name, grant.principal) in self._subjects

    def held(self, grant: Grant, rule: int) -> bool:
        """Is this rule, in these hands, nothing but a default?"""
        return self.grant(grant) and self.rule(grant.role.at(rule)[0], grant.role.rules[rule])
