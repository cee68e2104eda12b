"""What impersonation asks of the one who impersonates: k8s.io/apiserver/pkg/endpoints/filters/impersonation."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.feeds.audit.event import Impersonated
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.subjects import NODE, groups_of
from mistrust.layers.identity.subjects import user as user_of

AUTHENTICATION = "authentication.k8s.io"


def impersonating(by: str, groups: tuple[str, ...], whom: Impersonated, constraint: str) -> Iterator[Request]:
    """The requests to `impersonate` that were authorized before the request itself.

    `constraint` is the verb of the constrained impersonation that allowed it (1.35); empty for the old verb. Where many
    groups or extras are asked for at once, constrained impersonation asks for the name `*` first: each is named here,
    which the same rule allows.
    """
    verb = constraint or "impersonate"
    own = AUTHENTICATION if constraint else ""

    def ask(group: str, resource: str, name: str, namespace: str = "", subresource: str = "") -> Request:
        return Request(by, groups, verb, group, resource, subresource, namespace, name)

    account = user_of(whom.username).service_account
    if account:
        yield ask(own, "serviceaccounts", account[1], account[0])
    elif constraint and whom.username.startswith(NODE):
        wanted = "*" if constraint == "impersonate:associated-node" else whom.username.removeprefix(NODE)
        yield ask(own, "nodes", wanted)
    else:
        yield ask(own, "users", whom.username)
    for group in _asked_groups(whom, constraint):
        yield ask(own, "groups", group)
    for key, values in sorted((whom.extra or {}).items()):
        for value in values:
            yield ask(AUTHENTICATION, "userextras", value, subresource=key)
    if whom.uid:
        yield ask(AUTHENTICATION, "uids", whom.uid)


def _asked_groups(whom: Impersonated, constraint: str) -> tuple[str, ...]:
    """The groups that the request named, as far as the event can tell.

    The event shows the groups after the API server has added its own: those of a service account if none was named,
    and system:authenticated, last. An appended system:authenticated looks as if it was named: where other groups
    were named it counts as named too, because a right that gives nothing had better be kept than lost.
    """
    seen = whom.groups or ()
    user = user_of(whom.username)
    if constraint and (user.service_account or whom.username.startswith(NODE)):
        return ()
    return () if set(seen) == set(groups_of(user)) else seen
