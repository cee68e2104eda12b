"""Audit logs and flow logs to keep, made from a seed: few uses, many times, with everything that logs do to readers."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mistrust.access.record import Record
from mistrust.store.store import AUDIT, FLOWS, Added, Store

START = 1_760_000_000
HOSTILE = ("web\x00\n", "'; DROP TABLE log; --", "\u202e\x1b[2J", "💥", "", "NULL", "[a-z]*", "x" * 5000, "\\N", '"')


def time(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.000000Z"


def request(number: int, second: int, **changes: object) -> bytes:
    """A line of an audit log: somebody gets a pod."""
    name = str(changes.pop("name", "web"))
    user = changes.pop("user", "alice")
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{number}",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/pods/{name}",
        "verb": "get",
        "user": {"username": user, "groups": [user, "system:authenticated"]},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": time(second),
        "stageTimestamp": time(second),
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }
    return json.dumps(event | changes).encode() + b"\n"


def requests(dice: random.Random, count: int, *, every: int = 60) -> list[bytes]:
    """Lines of an audit log of about `count` minutes."""
    lines = []
    for number in range(count):
        at = START + number * every + dice.randrange(every)
        name, user = f"web-{dice.randrange(4)}", dice.choice(("alice", "bob", *HOSTILE))
        match dice.randrange(12):
            case 0:
                lines.append(request(number, at, responseStatus={"code": 403}, annotations={}, user=user))
            case 1:
                lines.append(request(number, at, impersonatedUser={"username": "carol", "groups": [user]}))
            case 2:
                lines.append(request(number, at, objectRef=None, requestURI="/healthz", user=user))
            case 3:
                lines.append(request(number, at, verb="patch", responseStatus={"code": 201}, name=dice.choice(HOSTILE)))
            case 4:
                lines.append(b"no event\n")
            case 5:
                lines.append(request(number, at, stage="RequestReceived", verb="delete", annotations={}))
            case 6:
                lines += [request(number, at, verb="watch", stage=f"Response{s}") for s in ("Started", "Complete")]
            case 7:
                lines.append(request(number, at, user=user, stage="ResponseStarted", verb="watch"))
            case 8:
                lines.append(request(number, at, objectRef={"resource": "leases"}, verb="update"))
            case _:
                lines.append(request(number, at, name=name, user=user))
    return lines


def flow(second: int, source: str = "web", port: int = 5432, *, node: str = "n1", **changes: object) -> bytes:
    """A line of Hubble: a pod opens a connection to the database."""
    event: dict[str, object] = {
        "time": time(second),
        "verdict": "FORWARDED",
        "IP": {"source": "10.0.0.1", "destination": "10.0.1.2"},
        "l4": {"TCP": {"destination_port": port, "flags": {"SYN": True}}},
        "source": {"namespace": "shop", "pod_name": source, "workloads": [{"name": source[:5]}]},
        "destination": {"namespace": "shop", "pod_name": "db-0"},
        "Type": "L3_L4",
        "node_name": node,
        "traffic_direction": "EGRESS",
        "trace_observation_point": "TO_STACK",
        "is_reply": False,
    }
    return json.dumps({"flow": event | changes, "node_name": node}).encode() + b"\n"


REFUSED = {"traffic_direction": "INGRESS", "verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED", "is_reply": None}


def flows(dice: random.Random, count: int, *, every: int = 60) -> list[bytes]:
    """Lines of Hubble of about `count` minutes: two observers, refusals at one of them, lost events."""
    lines = []
    for number in range(count):
        at = START + number * every + dice.randrange(every)
        pod, port = dice.choice(("web-1", "web-2", "job", *HOSTILE)), dice.choice((5432, 80))
        match dice.randrange(8):
            case 0:
                lines.append(flow(at, pod, port, node="n2", **REFUSED))
            case 1:
                lines.append(flow(at, pod, port, node="n2", traffic_direction="INGRESS"))
            case 2:
                lost = {"source": "PERF_EVENT_RING_BUFFER", "num_events_lost": "3"}
                lines.append(json.dumps({"lost_events": lost, "node_name": "n3", "time": time(at)}).encode() + b"\n")
            case 3:
                lines.append(b'{"flow": 1}\n')
            case _:
                lines.append(flow(at, pod, port))
    return lines


def add(store: Store, *paths: Path) -> list[Added]:
    """What became of every file."""
    return [added for path in paths for added in store.add(str(path))]


def audited(store: Store) -> object:
    """Everything that audit logs showed, but where it was said."""
    return plain(store.record(AUDIT))


def flowed(store: Store) -> object:
    """Everything that flow logs showed, but where it was said."""
    return plain(store.record(FLOWS))


def plain(record: Record[object] | None) -> object:
    """A record without the names of files and the lines that are quoted, which depend on how a log was split."""
    if record is None:
        return None
    known = record.coverage
    said = sorted({(p.what, p.got if p.what != "not an audit event" else "") for p in known.problems if not p.line})
    return dict(record.uses), msgspec.structs.replace(known, problems=()), said


def split(dice: random.Random, lines: Sequence[bytes], files: int) -> list[bytes]:
    """The same lines in several logs, each in the order of time."""
    parts: list[list[bytes]] = [[] for _ in range(files)]
    for line in lines:
        dice.choice(parts).append(line)
    return [b"".join(part) for part in parts]
