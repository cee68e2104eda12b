"""Flows to policies, from end to end: Hubble's lines into a store, the store into NetworkPolicies with their proof.

python bench/policies.py [--lines N]

Each step is the command as a person runs it, start included; json.loads over the same lines is the peer. Seconds for
10,000,000 lines are worked out: reading grows with the lines, what comes after it with the distinct flows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flows import hubble, parsed

MANY = 10_000_000
HASH = "6d8bcd654d"
CONTAINERS = {"containers": [{"name": "c", "image": "app:1", "ports": [{"containerPort": 8080}]}]}


def objects(log: Path) -> Iterator[dict[str, object]]:
    """A Deployment for each workload of a log, and its pods, with the addresses they had."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    with log.open() as file:
        for line in file:
            flow = json.loads(line)["flow"]
            for end, address in (("source", "source"), ("destination", "destination")):
                of = flow[end]
                seen[of["namespace"], of["pod_name"]] = (of["workloads"][0]["name"], flow["IP"][address])
    for namespace in {namespace for namespace, _ in seen}:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for namespace, app in {(namespace, app) for (namespace, _), (app, _) in seen.items()}:
        meta = {"name": app, "namespace": namespace}
        yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": template({"app": app})}
        meta = {"name": f"{app}-{HASH}", "namespace": namespace, **owner("Deployment", app)}
        spec = template({"app": app, "pod-template-hash": HASH})
        yield {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}
    for (namespace, name), (app, address) in seen.items():
        labels = {"app": app, "pod-template-hash": HASH}
        meta = {"name": name, "namespace": namespace, "labels": labels, **owner("ReplicaSet", f"{app}-{HASH}")}
        spec = {"nodeName": f"n{len(name) % 9}", **CONTAINERS}
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def template(labels: dict[str, str]) -> dict[str, object]:
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": CONTAINERS}}


def owner(kind: str, name: str) -> dict[str, object]:
    return {"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": True, "uid": name}]}


def timed(*argv: str) -> tuple[float, float, str]:
    """Seconds of the clock and of the processors, and the last line that was said."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "mistrust", *argv]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done.stdout.splitlines()[-1] if done.stdout else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=500_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, source = folder / "hubble.log", folder / "cluster.json"
        with log.open("w") as file:
            file.writelines(line + "\n" for line in hubble(lines, random.Random(7)))
        items = list(objects(log))
        source.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        start = time.process_time()
        parsed(log)
        alone = time.process_time() - start
        wall, cpu, _ = timed("evidence", "add", str(folder / "seen"), str(log), "-q")
        print(f"read    {lines:,} lines: {wall:.1f} s, {lines / cpu:,.0f} lines/CPU-s", end="; ")
        print(f"json.loads alone takes {alone / cpu:.1f} x as long")
        out = folder / "tighter"
        argv = ("tighten", str(source), "--evidence", str(folder / "seen"), "--days", "0", "-q", "-o", str(out))
        after, cpu_after, said = timed(*argv)
        policies = len(list(out.rglob("*.yaml")))
        print(f"tighten {len(items):,} objects, {policies} files: {after:.1f} s ({cpu_after:.1f} CPU-s): {said}")
        print(f"10,000,000 lines to policies: {cpu / lines * MANY + cpu_after:.0f} CPU-s; goal 30 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
