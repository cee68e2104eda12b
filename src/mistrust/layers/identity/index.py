"""Bindings and roles joined: who holds which rules, and in which namespace.

The order is that in which the authorizer looks: ClusterRoleBindings, then RoleBindings
(pkg/registry/rbac/validation/rule.go, VisitRulesFor).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.meta import Object, Ref
from mistrust.kube.problem import Problem
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from mistrust.kube.snapshot import Gap, Scope, Snapshot
from mistrust.layers.identity.roles import EffectiveRole, RoleKey, bootstrapped, roles
from mistrust.layers.identity.subjects import Principal, principal_of

AnyBinding = RoleBinding | ClusterRoleBinding


SHOWN = 12
"""How many values of a list a summary shows; a rule may have thousands."""


class Grant(msgspec.Struct, frozen=True, gc=False):
    """One subject of one binding, with the role it is given."""

    binding: AnyBinding
    subject: int
    """Index in the binding's `subjects`."""
    principal: Principal
    namespace: str
    """Where it holds; empty for everywhere, cluster-scoped objects and URLs included."""
    role: EffectiveRole

    def evidence(self, rule: int) -> tuple[Evidence, Evidence]:
        """The rule where it is written, and the subject that has it."""
        source, index = self.role.at(rule)
        return (
            at(source, "rules", index, value=summary(self.role.rules[rule])),
            at(self.binding, "subjects", self.subject, value=str(self.principal)),
        )

    def __str__(self) -> str:
        """As the API server describes it: pkg/registry/rbac/validation/rule.go, clusterRoleBindingDescriber."""
        binding, subject = self.binding, self.binding.subjects[self.subject]
        name = f"{binding.name}/{binding.namespace}" if binding.namespace else binding.name
        holder = subject.name
        if subject.kind == "ServiceAccount":
            holder = f"{subject.name}/{subject.namespace or binding.namespace}"
        ref = binding.role_ref
        return f'{binding.KIND} "{name}" of {ref.kind} "{ref.name}" to {subject.kind} "{holder}"'


class Rbac(msgspec.Struct, frozen=True):
    """Every grant of a snapshot."""

    grants: tuple[Grant, ...]
    principals: tuple[Principal, ...]
    """Everybody that some grant names, once, in the order of the grants."""
    contents: tuple[tuple[PolicyRule, ...], ...]
    """The distinct rules of roles: what holds for `contents[grant.role.content]` holds for each such grant."""
    roles: Mapping[RoleKey, tuple[EffectiveRole, ...]]
    dangling: tuple[AnyBinding, ...]
    """Bindings whose role does not exist: they grant nothing until somebody creates it."""
    gaps: tuple[Gap, ...]
    """RBAC objects that could not be seen: with one, a "no" proves nothing."""
    unread: tuple[Problem, ...]
    """Documents that were not understood, behind which a grant may hide."""
    defaults: Mapping[Ref, Object]
    """What a server brings by itself, so that it is not held against anybody."""

    @property
    def unseen(self) -> tuple[str, ...]:
        """What was not seen, in words: a list of grants may be too short for each of them."""
        return (*map(gap_words, self.gaps), *map(problem_words, self.unread))


def rbac(snapshot: Snapshot, defaults: Sequence[Object] = ()) -> Rbac:
    """Join the bindings of a snapshot with the roles they name.

    `defaults` are the roles and bindings that every API server creates for itself. They count as part of manifests
    that do not bring their own; an object that the manifests write too counts as they write it.
    """
    brought = snapshot.scope is Scope.MANIFESTS and not bootstrapped(snapshot)
    added = defaults if brought else ()
    known = roles(snapshot, [o for o in added if isinstance(o, ClusterRole | Role)])
    bindings: list[AnyBinding] = [
        *_with_defaults(snapshot.of(ClusterRoleBinding), (o for o in added if isinstance(o, ClusterRoleBinding))),
        *_with_defaults(snapshot.of(RoleBinding), (o for o in added if isinstance(o, RoleBinding))),
    ]
    grants, dangling, principals = join(bindings, known.by_key)
    return Rbac(
        grants=tuple(grants),
        principals=tuple(principals.values()),
        contents=known.contents,
        roles=known.by_key,
        dangling=tuple(dangling),
        gaps=tuple(
            gap for kind in (ClusterRoleBinding, RoleBinding, ClusterRole, Role) for gap in snapshot.blind(kind)
        ),
        unread=tuple(problem for problem in snapshot.problems if problem.blinds),
        defaults={o.ref: o for o in defaults},
    )


def summary(rule: PolicyRule) -> str:
    """A rule in one line, for evidence.

    >>> summary(PolicyRule(verbs=("get", "list"), api_groups=("apps",), resources=("deployments",)))
    'get,list deployments.apps'
    """
    groups = [g for g in rule.api_groups if g]
    suffix = "." + "|".join(groups[:SHOWN]) if groups else ""
    what = _some([f"{r}{suffix}" for r in rule.resources[: SHOWN + 1]] or rule.non_resource_urls)
    names = f" named {_some(rule.resource_names)}" if rule.resource_names else ""
    return f"{_some(rule.verbs)} {what}{names}"


def _some(values: Sequence[str]) -> str:
    return ",".join(values[:SHOWN]) + (",..." if len(values) > SHOWN else "")


def gap_words(gap: Gap) -> str:
    """`Role objects in shop were not seen (forbidden)`."""
    where = f" in {gap.namespace}" if gap.namespace else ""
    return f"{gap.kind} objects{where} were not seen ({gap.why})"


def problem_words(problem: Problem) -> str:
    """`a document was not understood (a.yaml:3: not YAML)`."""
    return f"a document was not understood ({problem.file}:{problem.line}: {problem.what})"


def _with_defaults(written: Sequence[Object], defaults: Iterable[AnyBinding]) -> list[AnyBinding]:
    every = [b for b in written if isinstance(b, RoleBinding | ClusterRoleBinding)]
    given = {b.ref for b in every}
    return [*every, *(b for b in defaults if b.ref not in given)]


def join(
    bindings: Iterable[AnyBinding], known: Mapping[RoleKey, tuple[EffectiveRole, ...]]
) -> tuple[list[Grant], list[AnyBinding], dict[Principal, Principal]]:
    """What bindings grant, those whose role is not there, and whom they name."""
    grants: list[Grant] = []
    dangling: list[AnyBinding] = []
    principals: dict[Principal, Principal] = {}
    for binding in bindings:
        namespace, ref = binding.metadata.namespace, binding.role_ref
        found = known.get((ref.kind, namespace if ref.kind == "Role" else "", ref.name))
        if not found:
            dangling.append(binding)
            continue
        for i, subject in enumerate(binding.subjects):
            principal = principal_of(subject, namespace)
            if principal is not None:
                principal = principals.setdefault(principal, principal)
                grants.extend(Grant(binding, i, principal, namespace, role) for role in found)
    return grants, dangling, principals
