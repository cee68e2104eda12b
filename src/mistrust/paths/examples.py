"""Does a step hold in one of its examples? The examples of the catalog are its tests."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.kube.core import Secret
from mistrust.kube.decode import from_plain
from mistrust.kube.errors import InputError
from mistrust.kube.meta import Object
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.rbac import ClusterRole, Role
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.version import parse_version
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.subjects import NODE
from mistrust.paths.graph import Key
from mistrust.paths.network import network_of
from mistrust.paths.powers import STEP
from mistrust.paths.reach import Toward
from mistrust.paths.step import Example, Step
from mistrust.paths.terrain import Terrain, terrain
from mistrust.paths.ways import Ways

RBAC = "rbac.authorization.k8s.io/v1"
WHERE = Origin("the example")
ATTACKER = {"namespace": "shop", "name": "attacker"}


def evaluate(step: Step, example: Example) -> bool:
    """Does the step gain anything for the example's attacker: the service account, the pod, or the node?

    Raises `InputError` for an example that is not made of Kubernetes objects, and for a condition or a version gate
    that does not exist.
    """
    found = surroundings(step, example)
    secrets: list[Key] = [("secret", s.namespace, s.name) for s in found.of(Secret)]
    net = network_of(found) if found.of(NetworkPolicy) else None
    land = terrain(found, rbac(found), [step], wanted=[step.gains], secrets=secrets, net=net)
    graph = land.graph
    actors = [graph.ids[key] for key in _actors(land, step) if key in graph.ids]
    others = [-1 - i for i in range(len(graph.joints))]
    others += [
        e for e, r in enumerate(graph.reason) if graph.reasons[r].hops and graph.keys[graph.target[e]][0] != "ready"
    ]
    ways = Ways(graph, others)

    def at_hand(node: int) -> bool:
        toward = Toward(ways, [node])
        return any(toward.reaches(a) for a in actors)

    edges = [(graph.source[e],) for e, reason in enumerate(graph.reason) if _gains(land, graph.target[e], reason)]
    joints = [j.sources for j in graph.joints if _gains(land, j.target, j.reason)]
    return any(all(at_hand(s) for s in sources) for sources in (*edges, *joints))


def _gains(land: Terrain, target: int, reason: int) -> bool:
    return land.graph.reasons[reason].name == STEP and land.graph.keys[target][0] != "ready"


def surroundings(step: Step, example: Example) -> Snapshot:
    """The example as a cluster: its objects, the attacker, and the service accounts and nodes that its rules name.

    Besides, nothing but what every cluster has: `cluster-admin`, and a service account `default` in each namespace.
    """
    objects = [_object(o) for o in (*example.objects, *_bound(example))]
    refs = {o.ref for o in objects}
    spaces = dict.fromkeys(["shop", "kube-system", *(o.namespace for o in objects if o.namespace)])
    beside: list[dict[str, object]] = [_named("Namespace", ns) for ns in spaces]
    beside += [_named("ServiceAccount", "attacker", "shop"), _named("Node", "attacker")]
    beside.append(
        {
            "apiVersion": RBAC,
            "kind": "ClusterRole",
            "metadata": {"name": "cluster-admin"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
        }
    )
    beside += [_named("ServiceAccount", "default", ns) for ns in spaces]
    for rule in (r for o in objects if isinstance(o, Role | ClusterRole) for r in o.rules):
        for name in rule.resource_names:
            if any(r.startswith("serviceaccounts") for r in rule.resources):
                beside.append(_named("ServiceAccount", name, example.namespace or "shop"))
            if name.startswith(NODE) or any(r.startswith("nodes") for r in rule.resources):
                beside.append(_named("Node", name.removeprefix(NODE)))
    if step.actor == "pod":
        spec = {"serviceAccountName": "attacker", "nodeName": "attacker", "containers": [{"name": "main"}]}
        beside.append({"apiVersion": "v1", "kind": "Pod", "metadata": ATTACKER, "spec": spec})
    objects += {o.ref: o for o in map(_object, beside) if o.ref not in refs}.values()
    version = parse_version(example.kubernetes) if example.kubernetes else None
    return snapshot(objects, scope=Scope.CLUSTER, version=version)


def _named(kind: str, name: str, namespace: str = "") -> dict[str, object]:
    within = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **within}}


def _bound(example: Example) -> Iterator[dict[str, object]]:
    if not example.rules:
        return
    within = {"namespace": example.namespace} if example.namespace else {}
    kind = "Role" if example.namespace else "ClusterRole"
    meta = {"name": "the-attackers", **within}
    yield {"apiVersion": RBAC, "kind": kind, "metadata": meta, "rules": list(example.rules)}
    yield {
        "apiVersion": RBAC,
        "kind": f"{kind}Binding",
        "metadata": meta,
        "roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": kind, "name": "the-attackers"},
        "subjects": [{"kind": "ServiceAccount", **ATTACKER}],
    }


def _object(manifest: dict[str, object]) -> Object:
    found = list(from_plain(manifest, WHERE))
    if len(found) != 1 or isinstance(found[0], Problem):
        got = str(found[0]) if found else "nothing"
        raise InputError("not an object of an example", got=got, wanted="one Kubernetes object")
    return found[0]


def _actors(land: Terrain, step: Step) -> Iterator[Key]:
    """What the attacker holds: rights need the service account besides the node."""
    match step.actor:
        case "pod":
            found = (i for i, w in enumerate(land.inv.workloads) if (w.namespace, w.ref.name) == ("shop", "attacker"))
            yield from (("pod", i) for i in found)
        case "node" | "node-identity":
            yield (step.actor, "attacker")
        case "outside":
            yield ("internet",)
    if step.actor == "identity" or (step.needs and step.actor != "pod"):
        yield ("identity", "User", "system:serviceaccount:shop:attacker")
