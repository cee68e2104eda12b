"""Audit logs: events per CPU-second, from the file to the record of uses, beside what parsing alone costs.

    python bench/audit.py [--events 300000]

Writes a seeded log at level Metadata (about 1.2 KB an event; kubelets, controllers, informers, people, refusals) and
reads it with `read_audit`, with the standard library's json and, where they are installed, with orjson and audit2rbac
(for one service account: it reads the log once for each). All in one run, in turn; the best of three.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from mistrust.feeds.audit.read import read_audit

TURNS = 3
START = 1_790_000_000
NAMESPACES = [f"team-{i}" for i in range(40)]
NODES = [f"ip-10-0-{i // 250}-{i % 250}.ec2.internal" for i in range(120)]
KINDS = ("pods", "services", "configmaps", "secrets", "endpoints", "serviceaccounts", "events", "replicasets")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "audit.log")
        with log.open("w") as file:
            file.writelines(json.dumps(e, separators=(",", ":")) + "\n" for e in events(count, random.Random(7)))
        size = log.stat().st_size
        record = read_audit([str(log)])
        print(f"{count} events of {size / count:.0f} bytes, {len(record.uses)} distinct uses")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        compare(log, count)
    return 0


def compare(log: Path, count: int) -> None:
    runs: dict[str, Callable[[], object]] = {
        "mistrust": lambda: read_audit([str(log)]),
        "json, parsed only": lambda: parse(log, json.loads),
    }
    if find_spec("orjson"):
        runs["orjson, parsed only"] = lambda: parse(log, import_module("orjson").loads)
    if audit2rbac := shutil.which("audit2rbac"):
        user = "--serviceaccount=team-0:app-0"
        runs["audit2rbac, one subject"] = lambda: subprocess.run(
            [audit2rbac, "-f", log, user], check=True, capture_output=True
        )
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(TURNS):
        for name, run in runs.items():
            before = cpu()
            run()
            best[name] = min(best[name], cpu() - before)
    for name, seconds in best.items():
        rate = count / seconds
        print(f"{name:24} {rate / 1000:7.0f} k events/CPU-second   mistrust is {seconds / best['mistrust']:.2f}x")
    for name in {"orjson", "audit2rbac"} - {n.split(",")[0] for n in runs}:
        print(f"{name} is not installed", file=sys.stderr)


def cpu() -> float:
    """CPU seconds of this process and of the children that ended."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def parse(log: Path, loads: Callable[[bytes], object]) -> None:
    with log.open("rb") as file:
        for line in file:
            loads(line)


def events(count: int, dice: random.Random) -> Iterator[dict[str, object]]:
    """A week, in order of time."""
    pods = {n: [(f"web-{n[9:-13]}-{i}", dice.choice(NAMESPACES)) for i in range(12)] for n in NODES}
    for i in range(count):
        moment = START + i * 604_800 / count
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{dice.randrange(10**6):06d}Z"
        lot, namespace, node = dice.random(), dice.choice(NAMESPACES), dice.choice(NODES)
        kubelet = (f"system:node:{node}", ("system:nodes", "system:authenticated"))
        owner = (
            f"system:serviceaccount:{namespace}:app-{dice.randrange(6)}",
            ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
        )
        person = (f"dev{dice.randrange(60)}@corp.example", ("corp:dev", "system:authenticated"))
        kind = dice.choice(KINDS)
        if lot < 0.45:
            yield event(dice, stamp, kubelet, "update", "leases", "kube-node-lease", node, "coordination.k8s.io")
        elif lot < 0.68:
            verb = dice.choice(("list", "watch"))
            code = 200 if dice.random() > 0.02 else 403
            yield event(dice, stamp, owner, verb, kind, namespace, "", query="?resourceVersion=1&timeout=9m", code=code)
        elif lot < 0.78:
            master = ("system:apiserver", ("system:masters",))
            yield event(dice, stamp, master, "create", "subjectaccessreviews", "", "", "authorization.k8s.io", code=201)
        elif lot < 0.86:
            pod, where = dice.choice(pods[node])
            yield event(dice, stamp, kubelet, "patch", "pods", where, pod, sub="status")
        elif lot < 0.92:
            pod, where = dice.choice(pods[node])
            yield event(dice, stamp, kubelet, "get", "configmaps", where, f"{pod}-settings")
        elif lot < 0.97:
            yield event(dice, stamp, person, dice.choice(("get", "list")), kind, namespace, "")
        else:
            name = f"{kind[:-1]}-{dice.randrange(10**6)}"
            yield event(dice, stamp, owner, "create", kind, namespace, name, code=201)


def event(
    dice: random.Random,
    stamp: str,
    who: tuple[str, tuple[str, ...]],
    verb: str,
    resource: str,
    namespace: str,
    name: str,
    group: str = "",
    *,
    sub: str = "",
    query: str = "?timeout=10s",
    code: int = 200,
) -> dict[str, object]:
    """One event, with every field that a real one has."""
    parts = [f"/apis/{group}/v1" if group else "/api/v1", *(["namespaces", namespace] if namespace else []), resource]
    parts += [part for part in ("" if verb == "create" else name, sub) if part]
    ref = {"resource": resource, "namespace": namespace, "name": name, "apiGroup": group, "apiVersion": "v1"}
    denied = {"status": "Failure", "reason": "Forbidden", "message": f'{resource} is forbidden: User "{who[0]}" cannot'}
    binding = who[0].rpartition(":")[2]
    reason = f'RBAC: allowed by ClusterRoleBinding "{binding}" of ClusterRole "{binding}" to User "{who[0]}"'
    audit_id = f"{dice.getrandbits(128):032x}"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"{audit_id[:8]}-{audit_id[8:12]}-{audit_id[12:16]}-{audit_id[16:20]}-{audit_id[20:]}",
        "stage": "ResponseComplete",
        "requestURI": "/".join(parts) + query,
        "verb": verb,
        "user": {
            "username": who[0],
            "uid": f"{audit_id[:8]}-d30f-11e8-96d9-080027728ac4",
            "groups": who[1],
            "extra": {
                "authentication.kubernetes.io/credential-id": [f"JTI={audit_id[:8]}-7d5f-4c8b-9b5e-0c4f5ad5ac1e"],
                "authentication.kubernetes.io/pod-name": [f"{binding}-7c9d8b6f5-x2x9z"],
                "authentication.kubernetes.io/pod-uid": ["8d5e1349-d30f-11e8-96d9-080027728ac4"],
            },
        },
        "sourceIPs": [f"10.0.{dice.randrange(4)}.{dice.randrange(250)}"],
        "userAgent": "kubelet/v1.31.2 (linux/amd64) kubernetes/abcdef0",
        "objectRef": {key: value for key, value in (*ref.items(), ("subresource", sub)) if value},
        "responseStatus": {"metadata": {}, **(denied if code == 403 else {}), "code": code},
        "requestReceivedTimestamp": stamp,
        "stageTimestamp": stamp,
        "annotations": {
            "authorization.k8s.io/decision": "forbid" if code == 403 else "allow",
            "authorization.k8s.io/reason": "" if code == 403 else reason,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
