"""Guards on what a request grants, at the door of a cluster: how long one answer takes, by kind, beside the whole.

    python bench/effects.py [--pods N,N] [--seed N]

The cluster is that of bench/paths.py, with policies and ports. Each request is one object over the cluster, judged by
one guard. The whole is what `mistrust diff` does: both versions worked out, the first of them known already.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent))
from mistrust.admission.effects.guard import Guard, guard
from mistrust.admission.effects.standing import Standing
from mistrust.admission.review import Review
from mistrust.catalog.load import api_resources, default_rbac, steps
from mistrust.effect.compare import between
from mistrust.effect.laid import laid_over
from mistrust.effect.state import Given, state
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.pods import Pod
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from paths import SIZES, made_up

Plain = dict[str, object]
ROUNDS = 5


def of(field: str) -> Guard:
    rule = {"expression": f"effect.{field}.size() == 0"}
    meta: Plain = {"name": field}
    head: Plain = {"apiVersion": "mistrust.dev/v1alpha1", "kind": "EffectPolicy", "metadata": meta}
    return guard({**head, "spec": {"validations": [rule]}})  # type: ignore[dict-item]


def named(api: str, kind: str, name: str, space: str, **fields: object) -> Plain:
    meta = {"name": name, **({"namespace": space} if space else {})}
    return {"apiVersion": api, "kind": kind, "metadata": meta, **fields}


def binding(name: str, role: str, subject: Plain, space: str = "team-1") -> Plain:
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    kind = "RoleBinding" if space else "ClusterRoleBinding"
    return named("rbac.authorization.k8s.io/v1", kind, name, space, roleRef=ref, subjects=[subject])


def requests(cluster: Snapshot) -> dict[str, tuple[Plain, tuple[str, ...]]]:
    """What is asked, and by which guards."""
    user: Plain = {"kind": "User", "name": "user-1", "apiGroup": "rbac.authorization.k8s.io"}
    sibling = next(p for p in cluster.of(Pod) if p.metadata.owner_references and p.namespace.startswith("team-"))
    again = msgspec.json.decode(msgspec.json.encode(sibling))
    again |= {"apiVersion": "v1", "kind": "Pod"}
    again["metadata"] |= {"name": "one-more", "uid": "one-more"}
    again["spec"].pop("nodeName", None)
    main = {"name": "c", "image": "i", "securityContext": {"privileged": True}}
    closed = {"podSelector": {}, "policyTypes": ["Ingress"]}
    every = ("newPaths", "newExposure", "newPowers", "newPermissions", "newPlaintext", "newConnections")
    return {
        "RoleBinding, view": (binding("more", "view", user), ("newPermissions", "newPaths", "newExposure")),
        "RoleBinding, edit": (binding("more", "edit", user), ("newPermissions", "newPaths")),
        "ClusterRoleBinding, admin": (binding("more", "cluster-admin", user, ""), ("newPermissions", "newPaths")),
        "NetworkPolicy": (
            named("networking.k8s.io/v1", "NetworkPolicy", "more", "team-1", spec=closed),
            ("newExposure", "newConnections", "newPaths", "newPowers"),
        ),
        "Pod, one more of its owner": (again, every),
        "Pod, privileged": (named("v1", "Pod", "tool", "team-1", spec={"containers": [main]}), every),
        "PeerAuthentication": (
            named("security.istio.io/v1", "PeerAuthentication", "m", "team-1", spec={"mtls": {"mode": "PERMISSIVE"}}),
            ("newPlaintext", "newPaths"),
        ),
        "ConfigMap": (named("v1", "ConfigMap", "more", "team-1"), ("newPaths",)),
    }


def review(o: Plain, ref_of: Object) -> Review:
    kind = {"group": ref_of.ref.group, "version": "v1", "kind": ref_of.ref.kind}
    head: Plain = {"uid": "u", "kind": kind, "operation": "CREATE", "name": ref_of.name, "namespace": ref_of.namespace}
    return Review({**head, "object": o, "oldObject": None})  # type: ignore[arg-type]


def took(do: Callable[[], object]) -> float:
    """Milliseconds, the median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        do()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def measure(pods: int, seed: int) -> None:
    near = min(SIZES.values(), key=lambda s: abs(s.pods - pods))
    cluster = snapshot(made_up(near._replace(pods=pods), seed, pods // 10), scope=Scope.CLUSTER)
    given = Given(default_rbac(), api_resources(), steps())
    start = time.perf_counter()
    door = Standing(cluster, given)
    print(f"{pods:,} pods, {len(cluster.objects):,} objects; worked out once in {time.perf_counter() - start:.1f} s")
    before = state(cluster, given)
    for what, (o, fields) in requests(cluster).items():
        (known,) = from_plain(o, Origin())
        assert isinstance(known, Object)
        manifests = snapshot([known], scope=Scope.MANIFESTS)
        start = time.perf_counter()
        between(before, state(laid_over(cluster, manifests), given, before))
        whole = (time.perf_counter() - start) * 1000
        for field in fields:
            asked = [of(field)]
            ms = took(lambda asked=asked, o=o, known=known: door.judge(asked, review(o, known)))  # type: ignore[misc]
            told = door.judge(asked, review(o, known))
            said = told[0].result.value if told else "pass"
            print(f"  {what:<28} {field:<16} {ms:9.2f} ms   whole {whole:7.0f} ms  {whole / ms:8.1f} x  {said}")
            sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", default="1000,10000")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for pods in map(int, args.pods.split(",")):
        measure(pods, args.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
