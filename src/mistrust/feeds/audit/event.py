"""The fields of an audit event that say who used which right; every other field is skipped while it is parsed.

Defined by k8s.io/apiserver/pkg/apis/audit/v1/types.go. v1beta1 has the same fields; v1alpha1 has its time in
`timestamp` and the API group inside `objectRef.apiVersion`. Events inside an EventList carry no kind and no apiVersion.
Bodies, tokens, addresses and user agents are never decoded. Of two equal keys the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec


class User(msgspec.Struct, frozen=True, gc=False):
    """authentication.k8s.io/v1 UserInfo, of the one who was authenticated."""

    username: str = ""
    groups: tuple[str, ...] | None = None


class Impersonated(msgspec.Struct, frozen=True):
    """authentication.k8s.io/v1 UserInfo, of the one who was impersonated."""

    username: str = ""
    groups: tuple[str, ...] | None = None
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] | None = None


class ObjectRef(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """ObjectReference: what the authorizer was asked about, completed from the body of the request."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    subresource: str = ""
    api_version: str = ""


class Status(msgspec.Struct, frozen=True, gc=False):
    """metav1.Status: the code is sent, at every level."""

    code: int = 0


class Annotations(msgspec.Struct, frozen=True, gc=False):
    """What the authorization filter wrote: k8s.io/apiserver/pkg/endpoints/filters/authorization.go."""

    decision: str = msgspec.field(name="authorization.k8s.io/decision", default="")


class AuthenticationMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """How the impersonation was allowed, where it was constrained (1.35)."""

    impersonation_constraint: str = ""


class Event(msgspec.Struct, gc=False, rename="camel"):
    """audit.k8s.io Event."""

    audit_id: str = msgspec.field(name="auditID", default="")
    stage: str = ""
    request_uri: str = msgspec.field(name="requestURI", default="")
    verb: str = ""
    user: User | None = None
    impersonated_user: msgspec.Raw = msgspec.Raw()
    authentication_metadata: AuthenticationMetadata | None = None
    object_ref: ObjectRef | None = None
    response_status: Status | None = None
    request_received_timestamp: datetime | None = None
    stage_timestamp: datetime | None = None
    timestamp: datetime | None = None
    annotations: Annotations | None = None


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoders raise: not JSON or not of this shape, not UTF-8, nested without end."""

_EVENT = msgspec.json.Decoder(Event)
decode_event = _EVENT.decode
decode_events = _EVENT.decode_lines
decode_impersonated = msgspec.json.Decoder(Impersonated).decode
