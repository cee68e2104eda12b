"""What does not do what its writer thinks: roles and bindings that grant nothing, or something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mistrust.access.evidence import at
from mistrust.access.fact import Edit, Fact
from mistrust.kube.core import ServiceAccount
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.identity.expected import Expected
from mistrust.layers.identity.index import AnyBinding, Rbac, summary
from mistrust.layers.identity.roles import AnyRole, EffectiveRole
from mistrust.layers.identity.rules import ALL
from mistrust.layers.identity.subjects import principal_of

NAMELESS = ("create", "deletecollection")
"""Verbs whose requests carry no name (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go)."""
LISTING = ("list", "watch")


def mistakes(snapshot: Snapshot, rbac: Rbac, scopes: Mapping[tuple[str, str], bool]) -> Iterator[Fact]:
    """Everything of this kind; `scopes` says of (group, resource) whether it is inside namespaces."""
    expected = Expected(rbac)
    for found in rbac.roles.values():
        for role in found:
            if rbac.defaults.get(role.source.ref) is not role.source:
                yield from _of_role(role, expected)
    blind = {gap.kind for gap in rbac.gaps}
    yield from (_dangling(binding) for binding in rbac.dangling if binding.role_ref.kind not in blind)
    accounts = _accounts(snapshot)
    bindings: tuple[AnyBinding, ...] = (*snapshot.of(ClusterRoleBinding), *snapshot.of(RoleBinding))
    for binding in bindings:
        if not expected.binding(binding):
            yield from _of_subjects(binding, accounts)
    yield from _without_effect(rbac, scopes, expected)


def _of_role(role: EffectiveRole, expected: Expected) -> Iterator[Fact]:
    source = role.source
    if role.rules is not source.rules:  # aggregated: what is written in it does not count
        lost = [i for i, rule in enumerate(source.rules) if rule not in role.rules]
        if lost:
            detail = f"{len(lost)} of the rules written in it are overwritten by the aggregation"
            edit = Edit(source.ref, source.origin, "remove", ("rules",))
            yield _fact("identity.rules-overwritten", source, detail, lost, (edit,))
        return
    own = [(i, rule) for i, rule in enumerate(source.rules) if not expected.rule(source, rule)]
    yield from _wildcards(source, own)
    hollow = {i: [r for r in rule.resources if r.endswith("/*") or r == "*/"] for i, rule in own}
    hollow = {i: entries for i, entries in hollow.items() if entries}
    if hollow:
        entries = ", ".join(dict.fromkeys(repr(e) for found in hollow.values() for e in found))
        edits = tuple(
            Edit(source.ref, source.origin, "remove", ("rules", i, "resources", source.rules[i].resources.index(e)))
            for i, found in hollow.items()
            for e in reversed(found)
            if len(found) < len(source.rules[i].resources)
        )
        yield _fact("identity.no-such-wildcard", source, f"{entries} matches nothing", list(hollow), edits)
    if isinstance(source, Role):
        urls = [i for i, rule in own if rule.non_resource_urls]
        if urls:
            yield _fact("identity.urls-in-role", source, "URLs are not inside a namespace", urls)
    nameless = [i for i, rule in own if rule.resource_names and _nameless(rule)]
    if nameless:
        verbs = ",".join(dict.fromkeys(v for i in nameless for v in source.rules[i].verbs if v in NAMELESS))
        detail = f"{verbs} carries no name, so resourceNames never matches"
        yield _fact("identity.names-without-effect", source, detail, nameless)
    listing = [i for i, rule in own if rule.resource_names and any(v in rule.verbs for v in LISTING)]
    if listing:
        detail = "list and watch match resourceNames only with fieldSelector=metadata.name=..."
        yield _fact("identity.names-for-list", source, detail, listing)


def _nameless(rule: PolicyRule) -> bool:
    """Has it verbs whose requests carry no name? Those of server-side apply and of subresources carry one."""
    return (
        any(v in rule.verbs for v in NAMELESS)
        and "patch" not in rule.verbs
        and ALL not in rule.verbs
        and all("/" not in r for r in rule.resources)
    )


def _wildcards(source: AnyRole, own: list[tuple[int, PolicyRule]]) -> Iterator[Fact]:
    for fact, what, chosen in (
        ("identity.wildcard-verbs", "verbs", [i for i, rule in own if ALL in rule.verbs]),
        ("identity.wildcard-resources", "resources", [i for i, rule in own if ALL in rule.resources]),
    ):
        if chosen:
            rules = ", ".join(f"rules[{i}]" for i in chosen[:5]) + (" and more" if len(chosen) > 5 else "")
            yield _fact(fact, source, f"{rules} lists * under {what}, which also means those of tomorrow", chosen)


def _dangling(binding: AnyBinding) -> Fact:
    ref = binding.role_ref
    wanted = f"{ref.kind} {binding.namespace}/{ref.name}" if ref.kind == "Role" else f"{ref.kind} {ref.name}"
    return Fact(
        "identity.dangling-role",
        str(binding.ref),
        binding.ref,
        f"{wanted} does not exist; whoever creates it decides what the binding grants",
        (at(binding, "roleRef", value=ref.name),),
        (Edit(binding.ref, binding.origin, "remove"),),
    )


def _of_subjects(binding: AnyBinding, accounts: frozenset[tuple[str, str]] | None) -> Iterator[Fact]:
    for i, subject in enumerate(binding.subjects):
        place = (at(binding, "subjects", i, value=f"{subject.kind} {subject.name}"),)
        holder = principal_of(subject, binding.namespace)
        if holder is None:
            kind = subject.kind == "ServiceAccount"
            detail = (
                "it names no namespace, so it is nobody" if kind else f"there is no subject of kind {subject.kind!r}"
            )
            name = f"{subject.kind} {subject.name}"
            yield Fact("identity.nobody", name, binding.ref, detail, place, (drop_subject(binding, i),))
        elif accounts is not None and subject.kind == "ServiceAccount" and holder.service_account not in accounts:
            detail = "it does not exist; whoever creates it has the rights"
            yield Fact("identity.missing-account", str(holder), binding.ref, detail, place, (drop_subject(binding, i),))


def _without_effect(rbac: Rbac, scopes: Mapping[tuple[str, str], bool], expected: Expected) -> Iterator[Fact]:
    seen: set[int] = set()
    for grant in rbac.grants:
        if not grant.namespace or id(grant.binding) in seen or expected.binding(grant.binding):
            continue
        seen.add(id(grant.binding))
        rules = grant.role.rules
        if rules and all(_cluster_scoped(rule, scopes) for rule in rules):
            binding = grant.binding
            detail = f"{grant.role.source.ref} is about cluster-scoped things only, which a RoleBinding does not reach"
            evidence = (at(binding, "roleRef", value=binding.role_ref.name), grant.evidence(0)[0])
            edit = Edit(binding.ref, binding.origin, "remove")
            yield Fact("identity.no-effect-in-namespace", str(binding.ref), binding.ref, detail, evidence, (edit,))


def _cluster_scoped(rule: PolicyRule, scopes: Mapping[tuple[str, str], bool]) -> bool:
    """Is every resource of the rule known, and none inside a namespace? Namespaces are: their names are."""
    return all(
        scopes.get((group, resource)) is False and resource.partition("/")[0] != "namespaces"
        for group in rule.api_groups
        for resource in rule.resources
    ) and bool(rule.resources or rule.non_resource_urls)


def _accounts(snapshot: Snapshot) -> frozenset[tuple[str, str]] | None:
    """The service accounts that exist; None where that is not known."""
    if snapshot.scope is not Scope.CLUSTER or snapshot.blind(ServiceAccount) or not snapshot.of(ServiceAccount):
        return None
    return frozenset((a.namespace, a.name) for a in snapshot.of(ServiceAccount))


def drop_subject(binding: AnyBinding, subject: int) -> Edit:
    """Take one subject out of a binding, or the binding away if it has no other."""
    path = ("subjects", subject) if len(binding.subjects) > 1 else ()
    return Edit(binding.ref, binding.origin, "remove", path)


def _fact(name: str, role: ClusterRole | Role, detail: str, rules: list[int], edits: tuple[Edit, ...] = ()) -> Fact:
    evidence = tuple(at(role, "rules", i, value=summary(role.rules[i])) for i in rules)
    return Fact(name, str(role.ref), role.ref, detail, evidence, edits)
