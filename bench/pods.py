"""Facts about many pods, as a ratio to reading them: the same 100,000 pods from JSON, then judged.

python bench/pods.py [--pods N] [--templates N]
"""

from __future__ import annotations

import argparse
import time

import msgspec

from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from mistrust.layers.pods.facts import facts
from mistrust.layers.pods.layer import Pods


def pod(i: int, templates: int) -> dict[str, object]:
    """A pod as an API server shows it: a token volume with a name of its own, few shapes, many copies."""
    token = f"kube-api-access-{i:05d}"
    mounts = [{"name": token, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}]
    labels = {"app": f"a{i % templates}"}
    container = {"name": "web", "image": f"app:{i % templates}", "resources": {"limits": {"memory": "64Mi"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"p{i}",
            "namespace": f"ns{i % 500}",
            "uid": str(i),
            "labels": labels,
        },
        "spec": {
            "serviceAccountName": "web",
            "containers": [{**container, "volumeMounts": mounts}, {"name": "proxy", "image": "proxy:1"}],
            "volumes": [{"name": token, "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=100_000)
    parser.add_argument("--templates", type=int, default=3_000)
    args = parser.parse_args()
    text = msgspec.json.encode(
        {"apiVersion": "v1", "kind": "List", "items": [pod(i, args.templates) for i in range(args.pods)]}
    )
    start = time.perf_counter()
    world = snapshot(read(text, "dump.json")[0])
    reading = time.perf_counter() - start
    print(f"read     {len(world.objects):9,} pods   {reading:6.2f} s")
    for name, count in (
        ("facts", lambda: sum(1 for _ in facts(world))),
        ("granted", lambda: Pods().granted(world).count()),
    ):
        start = time.perf_counter()
        found = count()
        took = time.perf_counter() - start
        print(f"{name:8} {found:9,} answers {took:6.2f} s  {took / reading:5.1f} x reading")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
