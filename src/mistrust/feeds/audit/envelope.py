"""A JSON document -> the audit events in it, whatever carries them. Decided by looking, document by document.

- an Event, or an EventList (the body that the webhook gets), of any version;
- EKS, from CloudWatch: `{"message": "EVENT"}`, `logEvents` (a subscription), `events` (the command line), or a line of
  an export, which is a time and then the event;
- GKE, from Cloud Logging: entries with a protoPayload (see `cloud_logging`), or with the event as jsonPayload;
- AKS, from diagnostic settings: `records`, `properties.log`, and `log_s` in Log Analytics;
- containers' logs of a webhook that prints what it gets: `log`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import msgspec

from mistrust.feeds.audit.cloud_logging import decode_entry, from_entry
from mistrust.feeds.audit.event import UNREADABLE, Event, decode_event
from mistrust.feeds.documents import LISTS

_CARRIERS = ("message", "log", "properties", "log_s", "jsonPayload", "textPayload")
_DEEPEST = 5
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


class Form(Enum):
    """What carried an event: what it cannot tell depends on that."""

    EVENT = "audit event"
    CLOUD_LOGGING = "Cloud Logging entry"


class Bad(msgspec.Struct, frozen=True):
    """Meant as an audit event, or as JSON, and not understood."""

    why: str


class Other(msgspec.Struct, frozen=True):
    """Understood, and no audit event: logs of other components share streams with audit logs."""

    what: str


Found = tuple[Form, Event] | Bad | Other


def open_document(text: bytes, depth: int = 0) -> Iterator[Found]:
    """Every event that a document carries, and what else was found in the place of one."""
    begin = text.lstrip()
    if not begin:
        return
    if depth > _DEEPEST:
        yield Bad("envelopes in envelopes without end")
    elif begin.startswith(b"{"):
        yield from _object(begin, depth)
    elif begin.startswith(b"["):
        yield from _each(begin, depth)
    elif begin.startswith(b'"') and depth:
        yield from _quoted(begin, depth)
    elif (brace := begin.find(b"{")) > 0 and b"auditID" in begin[brace:]:
        yield from _object(begin[brace:], depth)
    else:
        yield Other("text") if depth else Bad("not JSON")


def _object(text: bytes, depth: int) -> Iterator[Found]:
    try:
        event = decode_event(text)
        wrong = None
    except UNREADABLE as error:
        event, wrong = Event(), error
    if event.audit_id:
        yield Form.EVENT, event
        return
    try:
        fields = _decode_object(text)
    except UNREADABLE as error:
        yield Bad(str(error))
        return
    if "protoPayload" in fields:
        yield from _entry(text)
        return
    inside = [name for name in (*LISTS, *_CARRIERS) if bytes(fields.get(name, b""))[:1] in (b"{", b"[", b'"')]
    if "auditID" in fields or not inside:
        keys = ", ".join(list(fields)[:6])
        yield Bad(str(wrong)) if wrong and "auditID" in fields else Other(f"an object with the fields {keys}")
        return
    for name in inside:
        yield from open_document(bytes(fields[name]), depth + 1)


def _each(text: bytes, depth: int) -> Iterator[Found]:
    try:
        items = _decode_list(text)
    except UNREADABLE as error:
        yield Bad(str(error))
        return
    for item in items:
        yield from open_document(bytes(item), depth + 1)


def _quoted(text: bytes, depth: int) -> Iterator[Found]:
    try:
        yield from open_document(_decode_text(text).encode(), depth + 1)
    except (*UNREADABLE, UnicodeEncodeError) as error:
        yield Bad(str(error))


def _entry(text: bytes) -> Iterator[Found]:
    try:
        entry = decode_entry(text)
    except UNREADABLE as error:
        yield Bad(str(error))
        return
    event = from_entry(entry)
    if event:
        yield Form.CLOUD_LOGGING, event
    else:
        yield Other("a Cloud Logging entry of another service")
