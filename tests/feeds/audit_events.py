"""Audit events as the API server writes them, with what a test is about spelled out and the rest filled in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mistrust.access.record import Record
from mistrust.feeds.audit.read import read_audit
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

WHEN = "2026-11-20T10:00:00.000000Z"
AT = 1_795_168_800
ALICE = {"username": "alice", "groups": ["devs", "system:authenticated"]}


def event(verb: str, uri: str, ref: dict[str, str] | None = None, *, code: int | None = 200, **fields: object):
    """One event; `decision` is the authorizer's, None for no annotation; `ref` is the objectRef."""
    decision = fields.pop("decision", "allow")
    built = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": fields.pop("id", f"id-{verb}-{uri}-{code}"),
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": ALICE,
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl/v1.34",
        "objectRef": ref,
        "responseStatus": {"metadata": {}, "code": code} if code is not None else None,
        "requestReceivedTimestamp": WHEN,
        "stageTimestamp": WHEN,
        "annotations": {"authorization.k8s.io/decision": decision} if decision else None,
    }
    return {key: value for key, value in (built | fields).items() if value is not None}


def pod(verb: str = "get", name: str = "web", **fields: object):
    """A request for a pod in `shop`, or for all of them."""
    sub = str(fields.pop("sub", ""))
    ref = {"resource": "pods", "namespace": "shop", "name": name, "subresource": sub, "apiVersion": "v1"}
    uri = "/".join(part for part in ("/api/v1/namespaces/shop/pods", name, sub) if part)
    return event(verb, uri, {k: v for k, v in ref.items() if v}, **fields)


def lines(events: Iterable[object]) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(e).encode() + b"\n" for e in events)


def read(folder: Path, *events: object, version: Version | None = None) -> Record[Request]:
    """What `read_audit` makes of a log of these events."""
    log = folder / "audit.log"
    log.write_bytes(lines(events))
    return read_audit([str(log)], version=version)


def used(folder: Path, *events: object, version: Version | None = None) -> list[str]:
    """The uses in words, with who did it, in order."""
    return sorted(f"{r.user}: {r}" for r in read(folder, *events, version=version).uses)
