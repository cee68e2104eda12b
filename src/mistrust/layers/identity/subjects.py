"""Who a request comes from, as RBAC sees it: a user name and the groups beside it.

A service account is the user `system:serviceaccount:NAMESPACE:NAME`. Defined by appliesToUser in
plugin/pkg/auth/authorizer/rbac/rbac.go and by k8s.io/apiserver/pkg/authentication/serviceaccount/util.go.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from mistrust.kube.errors import UsageError
from mistrust.kube.rbac import BindingSubject

SERVICE_ACCOUNT: Final = "system:serviceaccount:"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
ANONYMOUS: Final = "system:anonymous"
MASTERS: Final = "system:masters"
NODE: Final = "system:node:"
NODES: Final = "system:nodes"


class Principal(msgspec.Struct, frozen=True, order=True, gc=False):
    """A user name or a group name that rights are given to."""

    kind: Literal["User", "Group"]
    name: str

    @property
    def service_account(self) -> tuple[str, str] | None:
        """(namespace, name) if this user is a service account."""
        if self.kind != "User" or not self.name.startswith(SERVICE_ACCOUNT):
            return None
        namespace, colon, name = self.name.removeprefix(SERVICE_ACCOUNT).partition(":")
        return (namespace, name) if namespace and colon and name else None

    def __str__(self) -> str:
        account = self.service_account
        return f"ServiceAccount {account[0]}/{account[1]}" if account else f"{self.kind} {self.name}"


def user(name: str) -> Principal:
    """The user of this name."""
    return Principal("User", name)


def group(name: str) -> Principal:
    """The group of this name."""
    return Principal("Group", name)


def account(namespace: str, name: str) -> Principal:
    """The user that a service account is."""
    return Principal("User", f"{SERVICE_ACCOUNT}{namespace}:{name}")


def principal_of(subject: BindingSubject, namespace: str) -> Principal | None:
    """Who a binding's subject is; None if it can never be anybody.

    `namespace` is the binding's own, empty for a ClusterRoleBinding: a ServiceAccount that names no namespace is of
    the binding's, and nobody where that has none. `apiGroup` is not compared, as the authorizer does not.
    """
    match subject.kind:
        case "User" | "Group":
            return Principal(subject.kind, subject.name)
        case "ServiceAccount":
            owner = subject.namespace or namespace
            return account(owner, subject.name) if owner else None
        case _:
            return None


def groups_of(principal: Principal) -> tuple[str, ...]:
    """The groups that a principal is certainly in, because the API server itself puts it there.

    For a group: those that each of its members is also in. Others come from certificates and identity providers, which
    no object shows.
    """
    if principal.name == (ANONYMOUS if principal.kind == "User" else UNAUTHENTICATED):
        return (UNAUTHENTICATED,) if principal.kind == "User" else ()
    if principal.kind == "Group":
        if principal.name == AUTHENTICATED:
            return ()
        if principal.name.startswith(f"{SERVICE_ACCOUNTS}:"):
            return (SERVICE_ACCOUNTS, AUTHENTICATED)
        return (AUTHENTICATED,)
    owner = principal.service_account
    if owner is not None:
        return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{owner[0]}", AUTHENTICATED)
    return (AUTHENTICATED,)


def parse_subject(text: str, groups: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...]]:
    """What a person calls a subject -> its user name and all the groups it has.

    `alice`, `user:alice`, `group:devs` (any member), `sa:ci/runner`, `system:serviceaccount:ci:runner`. `groups` are
    those that only the person knows of. A kubelet is also in `system:nodes`: its certificate says so, and no signer
    of the cluster signs one without it.

    Raises `UsageError` for a form that means nobody.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in ("sa", "serviceaccount"):
        namespace, slash, name = rest.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise UsageError("not a service account", got=repr(text), wanted="sa:NAMESPACE/NAME")
        holder = account(namespace, name)
    elif colon and kind == "group":
        holder = group(rest)
    else:
        name = rest if colon and kind == "user" else text
        holder = group(name) if name is text and _is_system_group(name) else user(name)
    if not holder.name:
        raise UsageError("nobody", got=repr(text), wanted="alice, group:devs or sa:NAMESPACE/NAME")
    own = (holder.name,) if holder.kind == "Group" else ()
    node = (NODES,) if holder.kind == "User" and holder.name.startswith(NODE) else ()
    every = tuple(dict.fromkeys((*own, *groups, *node, *groups_of(holder))))
    return (holder.name if holder.kind == "User" else ""), every


def _is_system_group(name: str) -> bool:
    return name in (MASTERS, AUTHENTICATED, UNAUTHENTICATED, SERVICE_ACCOUNTS, NODES) or name.startswith(
        (f"{SERVICE_ACCOUNTS}:", "system:bootstrappers")
    )
