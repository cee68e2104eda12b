"""Facts of the identity layer: who holds what is worth a remark, beyond what every API server grants by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mistrust.access.fact import Edit, Fact
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.expected import Expected
from mistrust.layers.identity.index import Grant, Rbac
from mistrust.layers.identity.mistakes import drop_subject, mistakes
from mistrust.layers.identity.resources import Resource
from mistrust.layers.identity.sensitive import Held, sensitive
from mistrust.layers.identity.subjects import (
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    Principal,
    group,
    user,
)

NAMES: Final = tuple(
    f"identity.{name}"
    for name in (
        "admission-control", "all-service-accounts", "anonymous", "approve-certificates", "authenticated", "bind",
        "cluster-admin", "cluster-admin-workload", "create-pods-everywhere", "create-tokens", "create-volumes",
        "dangling-role", "default-account", "escalate", "exec-everywhere", "impersonate", "masters", "missing-account",
        "names-for-list", "names-without-effect", "namespace-admin", "namespace-service-accounts",
        "no-effect-in-namespace", "no-such-wildcard", "node-proxy", "nobody", "rules-overwritten",
        "secrets-everywhere", "urls-in-role", "wildcard-resources", "wildcard-verbs",
    )
)  # fmt: skip
"""Every fact that this layer may tell."""

CROWDS: Mapping[Principal, tuple[str, str]] = {
    user(ANONYMOUS): ("identity.anonymous", "anybody who reaches the API server"),
    group(UNAUTHENTICATED): ("identity.anonymous", "anybody who reaches the API server"),
    group(AUTHENTICATED): ("identity.authenticated", "every user and every service account"),
    group(SERVICE_ACCOUNTS): ("identity.all-service-accounts", "every service account of the cluster"),
}
"""Groups that nobody chose the members of."""


def facts(snapshot: Snapshot, rbac: Rbac, resources: Iterable[Resource] = ()) -> Iterator[Fact]:
    """Everything worth knowing, one fact a name, subject and object.

    `resources` says which are inside namespaces; without it nothing is said about bindings without effect.
    """
    scopes = {(r.group, r.resource): r.namespaced for r in resources}
    seen: set[tuple[str, str, object]] = set()
    for fact in (*_held(rbac), *mistakes(snapshot, rbac, scopes)):
        key = (fact.name, fact.subject, fact.ref)
        if key not in seen:
            seen.add(key)
            yield fact


def _held(rbac: Rbac) -> Iterator[Fact]:
    expected = Expected(rbac)
    rights: dict[int, tuple[Held, ...]] = {}
    for grant in rbac.grants:
        own = not expected.grant(grant)
        if own:
            yield from _crowd(grant)
            yield from _account(grant)
        content = grant.role.content
        if content not in rights:
            rights[content] = sensitive(grant.role.rules)
        for held in rights[content]:
            if own or not expected.held(grant, held.rule):
                yield from _right(grant, held)


def _crowd(grant: Grant) -> Iterator[Fact]:
    holder = grant.principal
    where = f"in {grant.namespace}" if grant.namespace else "everywhere"
    if holder in CROWDS:
        name, who = CROWDS[holder]
        edits = (drop_subject(grant.binding, grant.subject),) if name == "identity.anonymous" else ()
        yield _fact(name, grant, f"{who} has the rights of {grant.role.source.ref} {where}", 0, edits)
    elif holder.kind == "Group" and holder.name.startswith(f"{SERVICE_ACCOUNTS}:"):
        detail = f"every service account of the namespace has the rights of {grant.role.source.ref} {where}"
        yield _fact("identity.namespace-service-accounts", grant, detail, 0)
    elif holder == group(MASTERS):
        detail = "its members may do everything with or without a binding, so no binding can take it away"
        yield _fact("identity.masters", grant, detail, 0)


def _account(grant: Grant) -> Iterator[Fact]:
    owner = grant.principal.service_account
    if owner is not None and owner[1] == "default":
        detail = f"every pod of {owner[0]} that names no service account has the rights of {grant.role.source.ref}"
        yield _fact("identity.default-account", grant, detail, 0)


def _right(grant: Grant, held: Held) -> Iterator[Fact]:
    if held.fact == "identity.cluster-admin":
        if grant.principal == group(MASTERS):
            return
        if grant.namespace:
            yield _fact("identity.namespace-admin", grant, f"may do everything in {grant.namespace}", held.rule)
        else:
            workload = "-workload" if grant.principal.service_account else ""
            yield _fact(f"identity.cluster-admin{workload}", grant, "may do everything in the cluster", held.rule)
    elif not (held.cluster_wide and grant.namespace):
        where = f"in {grant.namespace}" if grant.namespace else "everywhere"
        yield _fact(held.fact, grant, f"may {held.what} {where}", held.rule)


def _fact(name: str, grant: Grant, detail: str, rule: int, edits: tuple[Edit, ...] = ()) -> Fact:
    evidence = grant.evidence(rule) if grant.role.rules else ()
    return Fact(name, str(grant.principal), grant.binding.ref, detail, evidence, edits)
