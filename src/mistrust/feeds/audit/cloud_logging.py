"""GKE: the audit events of a cluster as Cloud Logging keeps them, turned back into what they were.

A LogEntry with a protoPayload of type google.cloud.audit.AuditLog, whose serviceName is k8s.io. It has no groups, no
requestURI, and a google.rpc code in place of the HTTP one.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from mistrust.feeds.audit.event import Annotations, Event, Status, User
from mistrust.feeds.audit.request_info import resource_of
from mistrust.layers.identity.subjects import groups_of, user

SERVICE = "k8s.io"

_HTTP = {
    0: 200, 3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 14: 503, 4: 504, 16: 401,
}  # fmt: skip
"""google/rpc/code.proto: the mapping it gives to HTTP."""


class Authentication(msgspec.Struct, rename="camel"):
    """Who asked; and as whom, where that was somebody else."""

    principal_email: str = ""
    authority_selector: str = ""


class Authorization(msgspec.Struct):
    """One right that was asked for."""

    granted: bool = False


class RpcStatus(msgspec.Struct):
    """google.rpc.Status."""

    code: int = 0


class Payload(msgspec.Struct, rename="camel"):
    """google.cloud.audit.AuditLog."""

    service_name: str = ""
    method_name: str = ""
    resource_name: str = ""
    authentication_info: Authentication | None = None
    authorization_info: tuple[Authorization, ...] | None = None
    status: RpcStatus | None = None


class Operation(msgspec.Struct):
    """The request that an entry belongs to; `first` of a long one is its ResponseStarted."""

    id: str = ""


class Entry(msgspec.Struct, rename="camel"):
    """google.logging.v2.LogEntry."""

    insert_id: str = ""
    timestamp: datetime | None = None
    proto_payload: Payload | None = None
    labels: Annotations | None = None
    operation: Operation | None = None


decode_entry = msgspec.json.Decoder(Entry).decode


def from_entry(entry: Entry) -> Event | None:
    """The event; None for an entry that is about something else than a request to the API server."""
    payload = entry.proto_payload
    if payload is None or payload.service_name != SERVICE or not payload.method_name:
        return None
    group, _, rest = payload.resource_name.partition("/")
    path = f"/api/{rest}" if group == "core" else f"/apis/{payload.resource_name}"
    ref = resource_of(path)
    who = payload.authentication_info or Authentication()
    whom = who.authority_selector
    decision = (entry.labels or Annotations()).decision
    if not decision and payload.authorization_info:
        decision = "allow" if all(a.granted for a in payload.authorization_info) else "forbid"
    rpc = payload.status.code if payload.status else 0
    return Event(
        audit_id=(entry.operation.id if entry.operation else "") or entry.insert_id or "-",
        stage="ResponseComplete",
        request_uri="" if ref else f"/{payload.resource_name}",
        verb=payload.method_name.rpartition(".")[2],
        user=User(who.principal_email, groups_of(user(who.principal_email))),
        impersonated_user=msgspec.Raw(
            msgspec.json.encode({"username": whom, "groups": groups_of(user(whom))}) if whom else b""
        ),
        object_ref=ref,
        response_status=Status(_HTTP.get(rpc, 500)),
        request_received_timestamp=entry.timestamp,
        annotations=Annotations(decision),
    )
