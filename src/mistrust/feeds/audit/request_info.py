"""What the authorizer was asked, where the event's objectRef does not tell: the API server's RequestInfo.

Defined by k8s.io/apiserver/pkg/endpoints/request/requestinfo.go. An event's objectRef starts as what the authorizer was
asked about; then LogRequestObject (k8s.io/apiserver/pkg/audit/request.go) fills an empty name and an empty namespace
from the body, although no rule with names allows a create.
"""

from __future__ import annotations

from urllib.parse import parse_qs, unquote

from mistrust.feeds.audit.event import ObjectRef

_SELECTING = ("list", "watch")
"""A selector names no object for deletecollection: RequestInfo reads it for GET alone."""


def target(verb: str, ref: ObjectRef | None, uri: str) -> ObjectRef | str:
    """The object as the authorizer saw it, or the path of a request for no resource."""
    if ref is None:
        path = unquote(uri.partition("?")[0])
        return resource_of(path) or path
    created = verb == "create" and ref.name and not ref.subresource
    moved = ref.namespace and uri and "/namespaces/" not in uri
    if created or moved:
        asked = resource_of(unquote(uri.partition("?")[0])) or ObjectRef()
        namespace = "" if moved else ref.namespace
        name = asked.name if created else ref.name
        return ObjectRef(ref.resource, namespace, name, ref.api_group, ref.subresource, ref.api_version)
    if not ref.name and "fieldSelector=" in uri and verb in _SELECTING and (name := selected(uri)):
        return ObjectRef(ref.resource, ref.namespace, name, ref.api_group, ref.subresource, ref.api_version)
    return ref


def resource_of(path: str) -> ObjectRef | None:
    """The object that a path names; None if it is no path of a resource.

    >>> resource_of("/apis/apps/v1/namespaces/shop/deployments/web/scale").subresource
    'scale'
    >>> resource_of("/api/v1/namespaces/shop").namespace
    'shop'
    """
    parts = path.strip("/").split("/")
    if len(parts) < 3 or parts[0] not in ("api", "apis"):
        return None
    group, parts = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if not parts:
        return None
    if parts[0] in ("watch", "proxy"):
        proxied, parts = parts[0] == "proxy", parts[1:]
    else:
        proxied = False
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in ("status", "finalize"):
            parts = parts[2:]
    parts += [""] * (3 - len(parts))
    return ObjectRef(parts[0], namespace, parts[1], group, "" if proxied else parts[2])


def selected(uri: str) -> str:
    """The one name that a field selector requires; empty if it requires none.

    >>> selected("/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Dtls&watch=true")
    'tls'
    """
    for selector in parse_qs(uri.partition("?")[2]).get("fieldSelector", ())[:1]:
        for term in selector.split(","):
            field, operator, name = term.partition("=")
            name = name.removeprefix("=")
            if operator and field == "metadata.name" and name not in ("", ".", "..") and not set(name) & set("/%"):
                return name
    return ""
