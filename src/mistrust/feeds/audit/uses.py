"""What one kind of audit event proves to have been used."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.feeds.audit.event import ObjectRef, User, decode_impersonated
from mistrust.feeds.audit.impersonation import impersonating
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

UPGRADE_ALSO_CREATES = Version(1, 35)
"""From here on exec, attach and portforward also ask for `create` where the upgrade is a GET (a WebSocket):
AuthorizePodWebsocketUpgradeCreatePermission, pkg/registry/core/pod/rest/authorize.go."""
_UPGRADED = ("exec", "attach", "portforward")


class Seen(msgspec.Struct, frozen=True, gc=False):
    """The fields that events are told apart by. Events that are equal here prove the same uses."""

    verb: str
    user: User | None
    target: ObjectRef | str
    """The object, or the path of a request for no resource."""
    used: bool
    """The request itself was authorized; where it was not, an impersonation before it still was."""
    created: bool
    """The answer was 201."""
    impersonated: bytes
    """The event's impersonatedUser, as it stands; empty for none."""
    constraint: str


def uses(seen: Seen, version: Version | None) -> Iterator[Request]:
    """Every request that was authorized.

    An update or a patch that created its object was also authorized to create it, by name (withAuthorization in
    k8s.io/apiserver/pkg/endpoints/handlers/update.go and patch.go). `version` is the server's; where it is not known,
    what a newer one asks for counts, because a right too many in this list keeps a right and one too few loses it.
    """
    name, groups = _who(seen.user)
    if seen.impersonated:
        whom = decode_impersonated(seen.impersonated)
        yield from impersonating(name, groups, whom, seen.constraint)
        if seen.constraint:
            mode = seen.constraint.partition(":")[2]
            yield _request(name, groups, f"impersonate-on:{mode}:{seen.verb}", seen.target)
        name, groups = _who(User(whom.username, whom.groups))
    if not seen.used:
        return
    yield _request(name, groups, seen.verb, seen.target)
    if isinstance(seen.target, str):
        return
    created = seen.created and seen.verb in ("patch", "update")
    upgraded = seen.verb == "get" and seen.target.resource == "pods" and seen.target.subresource in _UPGRADED
    if created or (upgraded and (version is None or version >= UPGRADE_ALSO_CREATES)):
        yield _request(name, groups, "create", seen.target)


def _who(user: User | None) -> tuple[str, tuple[str, ...]]:
    return (user.username, tuple(sorted(set(user.groups or ())))) if user else ("", ())


def _request(user: str, groups: tuple[str, ...], verb: str, target: ObjectRef | str) -> Request:
    if isinstance(target, str):
        return Request(user, groups, verb, path=target)
    group = target.api_group or target.api_version.rpartition("/")[0]
    return Request(user, groups, verb, group, target.resource, target.subresource, target.namespace, target.name)
