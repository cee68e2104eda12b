"""The reader beside an obvious, slow one, on random logs: whatever the order, the packing and the cut into files."""

import gzip
import json
import random
from collections import defaultdict
from pathlib import Path

import pytest
from tests.feeds.audit_events import AT, event, lines

from mistrust.access.record import Tally
from mistrust.feeds.audit.read import read_audit
from mistrust.layers.identity.lookup import Request

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")
CODES = (200, 201, 403, 404, 409, 429, 500)


def random_log(dice: random.Random, count: int) -> list[dict[str, object]]:
    log = []
    for i in range(count):
        verb, resource, name = dice.choice(VERBS), dice.choice(("pods", "secrets")), dice.choice("ab")
        named = verb not in ("list", "watch", "create")
        uri = f"/api/v1/namespaces/shop/{resource}" + (f"/{name}" if named else "")
        ref = {"resource": resource, "namespace": "shop", "apiVersion": "v1"}
        if named or verb == "create":
            ref["name"] = name
        code = dice.choice(CODES)
        stamp = f"2026-11-20T10:{dice.randrange(4):02}:{dice.randrange(60):02}Z"
        decision = dice.choice(("allow", "allow", "forbid", None))
        who = {"username": dice.choice(("alice", "bob")), "groups": ["system:authenticated"]}
        one = event(verb, uri, ref, id=str(i), code=code, decision=decision, user=who, requestReceivedTimestamp=stamp)
        stages = (
            ("RequestReceived", "ResponseStarted", "ResponseComplete") if verb == "watch" else ("ResponseComplete",)
        )
        log += [
            one | {"stage": stage} | ({"responseStatus": {}} if stage == stages[0] != stages[-1] else {})
            for stage in stages
        ]
    return log


def slowly(log: list[dict[str, object]]) -> dict[Request, Tally]:
    """By the words of the rules: one request after the other, by its id."""
    requests = {e["auditID"]: e for e in log if e["stage"] == "ResponseComplete"}
    times: dict[Request, list[int]] = defaultdict(list)
    for e in requests.values():
        code, decision = e["responseStatus"]["code"], e.get("annotations", {}).get("authorization.k8s.io/decision")
        if decision == "forbid" or code == 403 or (decision is None and code in (429, 500)):
            continue
        ref, verb = e["objectRef"], e["verb"]
        name = "" if verb == "create" else ref.get("name", "")
        at = AT + int(e["requestReceivedTimestamp"][14:16]) * 60 + int(e["requestReceivedTimestamp"][17:19])
        for used in {verb, "create"} if verb in ("patch", "update") and code == 201 else {verb}:
            who = e["user"]
            request = Request(who["username"], tuple(who["groups"]), used, "", ref["resource"], "", "shop", name)
            times[request].append(at)
    return {request: Tally(len(found), min(found), max(found)) for request, found in times.items()}


@pytest.mark.parametrize("seed", range(12))
def test_the_reader_equals_the_definition(tmp_path: Path, seed: int):
    dice = random.Random(seed)
    log = random_log(dice, 400)
    want = slowly(log)
    files = dice.randrange(1, 5)
    parts: list[list[dict[str, object]]] = [[] for _ in range(files)]
    for e in log:
        for part in dice.sample(parts, dice.randrange(1, files + 1)):  # an event may be in several files
            part.append(e)
    for i, part in enumerate(parts):
        dice.shuffle(part)
        shape = dice.choice(
            (lines, lambda p: json.dumps({"items": p}).encode(), lambda p: json.dumps(p, indent=1).encode())
        )
        (tmp_path / f"{i}.log").write_bytes(dice.choice((bytes, gzip.compress))(shape(part)))
    record = read_audit([str(tmp_path)])
    assert record.uses == want
    assert record.coverage.bad == 0
    assert record.coverage.events == sum(map(len, parts))
