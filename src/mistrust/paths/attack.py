"""The room's question: from which starts can an attacker reach which targets, and what is the smallest set of changes
that stops it?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mistrust.kube.errors import UsageError
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.index import Rbac
from mistrust.layers.identity.subjects import SERVICE_ACCOUNT
from mistrust.paths.fixes import fixes
from mistrust.paths.graph import Key
from mistrust.paths.hops import cost, foothold, hops
from mistrust.paths.inventory import is_control_plane
from mistrust.paths.labels import Costs, Labels
from mistrust.paths.path import Fixes, Foothold, Path, Paths
from mistrust.paths.reach import Toward, Ways
from mistrust.paths.region import region
from mistrust.paths.step import Gain, Step
from mistrust.paths.structure import NODE_TARGET
from mistrust.paths.terrain import Terrain, terrain, unseen

INTERNET = Foothold("internet", "")
ANY_POD = Foothold("pod", "")
CLUSTER_ADMIN = Foothold(str(Gain.CLUSTER_ADMIN), "")
ANY_NODE = Foothold("node", "")
NOTHING = Fixes((), cut=0, remaining=0, optimal=True)


def attack(
    snapshot: Snapshot,
    index: Rbac,
    steps: Iterable[Step],
    starts: Sequence[Foothold] = (INTERNET,),
    targets: Sequence[Foothold] = (CLUSTER_ADMIN,),
    *,
    limit: int = 1000,
    protected: Iterable[Ref] = (),
    costs: Costs | None = None,
    seconds: float = 30.0,
) -> Paths:
    """The shortest path of every (start, target) pair, and the smallest set of changes that leaves none.

    Starts: `INTERNET` (every workload with a door to the outside, each for itself), `ANY_POD` (every workload), a
    workload (`Foothold("pod", "Deployment shop/web")`) or an identity (`Foothold("identity", "Group devs")`).
    Targets: `CLUSTER_ADMIN`, `ANY_NODE`, a node, an identity, or any gain in a namespace
    (`Foothold("secrets", "kube-system")`; without a name: in any). `limit` caps the paths that are written out,
    cheapest first, never the pairs that are counted and cut. `protected` objects are never changed, nor is what
    Kubernetes itself brings; `costs` weigh the changes. `seconds` limits the search for the smallest set: an answer
    that was not proven by then says so. The order of the objects does not change the answer.

    Raises `UsageError` for a start or target that the snapshot does not have.
    """
    wanted = [Gain(t.kind) for t in targets if t.kind in set(Gain)]
    secrets: list[Key] = [("secret", *t.name.split("/", 1)) for t in targets if t.kind == "secrets" and "/" in t.name]
    land = terrain(snapshot, index, steps, wanted=wanted, secrets=secrets)
    ways = Ways(land.graph)
    begin = _starts(land, starts)
    goals: list[tuple[Toward, list[int]]] = []
    for target in targets:
        toward = Toward(ways, _target_nodes(land, target))
        goals.append((toward, [n for n in begin if toward.reaches(n) and n not in toward.targets]))
    found = [(toward, n, target) for (toward, nodes), target in zip(goals, targets, strict=True) for n in nodes]
    smallest = NOTHING
    if found:
        labels = Labels(land, index.defaults, frozenset(protected), costs or Costs())
        smallest = fixes(region(ways, goals), labels, seconds)
    return Paths(
        paths=_shortest(land, found, begin, limit),
        pairs=len(found),
        starts=len({n for _, n, _ in found}),
        targets=tuple(dict.fromkeys(str(t) for t in targets)),
        fixes=smallest,
        unknown=unseen(snapshot, index),
    )


def _starts(land: Terrain, starts: Iterable[Foothold]) -> dict[int, bool]:
    """The nodes to start from; True for those that have to be reached from the Internet first."""
    found: dict[int, bool] = {}
    ids, workloads = land.graph.ids, land.inv.workloads
    for start in starts:
        match start.kind, start.name:
            case "internet", _:
                door = {id(e.workload) for e in land.exposed}
                found.update({ids["pod", i]: True for i, w in enumerate(workloads) if id(w) in door})
            case "pod", "":
                own = (ids["pod", i] for i, w in enumerate(workloads) if not is_control_plane(w))
                found.update({n: False for n in own if n not in found})
            case _:
                found.update({n: False for n in _nodes(land, start) if n not in found})
    return found


def _nodes(land: Terrain, foothold: Foothold) -> list[int]:
    keys: list[Key]
    match foothold.kind, foothold.name:
        case "pod", name:
            keys = [("pod", i) for i, w in enumerate(land.inv.workloads) if str(w.ref) == name]
        case "identity", name:
            keys = [identity_key(name)]
        case "node", "":
            keys = [NODE_TARGET]
        case "secrets", name if "/" in name:
            keys = [("secret", *name.split("/", 1))]
        case ("cluster-admin" | "internet" as kind, _):
            keys = [(kind,)]
        case ("node" | "node-identity" | "node-pods" as kind, name):
            keys = [(kind, name)]
        case kind, "":
            keys = [k for k in land.graph.keys if k[:2] == ("gain", kind)]
        case kind, name:
            keys = [("gain", kind, name)]
    return [land.graph.ids[k] for k in keys if k in land.graph.ids]


def identity_key(name: str) -> Key:
    """The key of `ServiceAccount ci/runner`, `User jane` or `Group devs`.

    Raises `UsageError` for another form.
    """
    kind, _, rest = name.partition(" ")
    space, slash, account = rest.partition("/")
    if kind == "ServiceAccount" and slash:
        return ("identity", "User", f"{SERVICE_ACCOUNT}{space}:{account}")
    if kind in ("User", "Group") and rest:
        return ("identity", kind, rest)
    raise UsageError("not an identity", got=name, wanted="ServiceAccount NAMESPACE/NAME, User NAME or Group NAME")


def _target_nodes(land: Terrain, target: Foothold) -> list[int]:
    found = _nodes(land, target)
    if not found and target.kind in ("pod", "identity", "node") and target.name:
        raise UsageError("the snapshot has no such target", got=str(target))
    return found


def _shortest(
    land: Terrain, found: Sequence[tuple[Toward, int, Foothold]], begin: dict[int, bool], limit: int
) -> tuple[Path, ...]:
    """One path a pair, by hops, then cost, then name; two copies of one workload have one path."""
    order = sorted(found, key=lambda f: (f[0].far[f[1]], str(foothold(land, land.graph.keys[f[1]])), f[2]))
    paths: dict[tuple[Foothold, Foothold], Path] = {}
    for toward, node, target in order:
        if len(paths) >= limit:
            break
        proof = toward.route(node)
        if begin[node]:
            proof = (_door(toward.ways, node), *proof)
        start = foothold(land, land.graph.keys[node])
        paths.setdefault((start, target), Path(start, target, hops(land, proof), cost(land, proof)))
    return tuple(sorted(paths.values(), key=lambda p: (len(p.hops), p.cost, p.start, p.target)))


def _door(ways: Ways, node: int) -> int:
    internet = ways.graph.ids["internet",]
    return next(e for e in ways.into(node) if ways.graph.source[e] == internet)
