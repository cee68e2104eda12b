"""The room's question: from which starts can an attacker reach which targets, and what is the smallest set of changes
that stops it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mistrust.kube.errors import UsageError
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.index import Rbac
from mistrust.layers.identity.subjects import Principal, account, group, user
from mistrust.paths.costs import Costs
from mistrust.paths.fixes import fixes
from mistrust.paths.graph import Key
from mistrust.paths.hops import cost, foothold, hops
from mistrust.paths.inuse import InUse
from mistrust.paths.inventory import is_control_plane
from mistrust.paths.labels import Labels
from mistrust.paths.neighbours import NEIGHBOUR
from mistrust.paths.network import Network
from mistrust.paths.path import Fixes, Foothold, Path, Paths
from mistrust.paths.reach import Toward
from mistrust.paths.region import region
from mistrust.paths.step import Gain, Step
from mistrust.paths.structure import CARRIED, NODE_TARGET
from mistrust.paths.terrain import Terrain, terrain, unseen
from mistrust.paths.ways import Ways

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
    inside: Sequence[Foothold] = (),
    limit: int = 1000,
    protected: Iterable[Ref] = (),
    costs: Costs | None = None,
    seconds: float = 30.0,
    network: Network | None = None,
    used: InUse | None = None,
) -> Paths:
    """The shortest path of every (start, target) pair, and the smallest set of changes that leaves none.

    Starts: `INTERNET` (every workload with a door to the outside, each for itself), `ANY_POD` (every workload), a
    workload (`Foothold("pod", "Deployment shop/web")`) or an identity (`Foothold("identity", "Group devs")`).
    Targets: `CLUSTER_ADMIN`, `ANY_NODE`, a node, an identity, or any gain in a namespace
    (`Foothold("secrets", "kube-system")`; without a name: in any). `inside` are starts that an attacker is supposed to
    hold already: their paths are told apart, and stand for the answer where nothing else leads to a target. `limit`
    caps the paths that are written out, cheapest first, never the pairs that are counted and cut. `protected` objects
    are never changed, nor is what Kubernetes itself brings; `costs` weigh the changes. `seconds` limits the search for
    the smallest set: an answer not proven by then says so. The order of the objects does not change the answer.

    With a `network` a path needs its network leg: a door that the policies leave open, a way to the API server for
    whoever uses a token in its pod, and from pod to pod a port that is let in. Where every start is some pod, each
    stands for itself alone, and none goes on to another. Without it doors are open, and no pod gets to another.

    What `used` shows to be in use is taken away only where nothing else cuts, and the change says so.

    Raises `UsageError` for a start or target that the snapshot does not have.
    """
    land, _, goals = survey(snapshot, index, steps, starts, targets, inside, network)
    outer = [(goal, start) for goal in goals for start in goal.starts if not start.inside]
    inner = [(goal, start) for goal in goals for start in goal.starts if start.inside]
    begin = _starts(land, starts, inside)
    found = outer or inner
    smallest = NOTHING
    if found:
        labels = Labels(land, index.defaults, frozenset(protected), costs or Costs(), used)
        pairs = [(g.toward, own) for g in goals if (own := [s.node for g2, s in found if g2 is g])]
        smallest = fixes(region(found[0][0].toward.ways, pairs), labels, seconds)
    return Paths(
        paths=shortest(land, found, limit),
        pairs=len(found),
        starts=len({start.node for _, start in found}),
        targets=tuple(dict.fromkeys(str(t) for t in targets)),
        fixes=smallest,
        unknown=(*unseen(snapshot, index), *_unknown_groups((*starts, *inside)), *_carried(land, goals)),
        searched=sum(not s.inside for s in begin),
        inside=shortest(land, inner, limit) if outer else (),
        taken=len({start.node for _, start in inner}),
        takeable=sum(s.inside for s in begin),
        supposed=bool(inner) and not outer,
    )


def _unknown_groups(starts: Sequence[Foothold]) -> Iterator[str]:
    for start in starts:
        if start.kind == "identity" and principal(start.name).kind == "User" and not start.name.startswith("Service"):
            yield f"the groups of {start}: certificates and identity providers say them, no object does"


class Start(msgspec.Struct, frozen=True, order=True):
    """A node to start from, whether the Internet has to reach it first, and whether it is supposed to be held."""

    node: int
    outside: bool
    inside: bool = False


class Goal(msgspec.Struct, frozen=True):
    """One target, some starts, and those of them that reach it."""

    target: Foothold
    toward: Toward
    asked: tuple[Start, ...]
    """The starts that were looked at."""
    starts: tuple[Start, ...]


def survey(
    snapshot: Snapshot,
    index: Rbac,
    steps: Iterable[Step],
    starts: Sequence[Foothold],
    targets: Sequence[Foothold],
    inside: Sequence[Foothold] = (),
    network: Network | None = None,
) -> tuple[Terrain, Ways, tuple[Goal, ...]]:
    """The graph, and for each target the starts that reach it, those inside apart; `attack` explains the arguments."""
    wanted = [Gain(t.kind) for t in targets if t.kind in set(Gain)]
    secrets: list[Key] = [("secret", *t.name.split("/", 1)) for t in targets if t.kind == "secrets" and "/" in t.name]
    asked = [principal(f.name) for f in (*starts, *inside, *targets) if f.kind == "identity"]
    land = terrain(snapshot, index, steps, wanted=wanted, secrets=secrets, identities=asked, net=network)
    begin = _starts(land, starts, inside)
    every = Ways(land.graph, _edges(land, CARRIED))
    alone = every.without(_edges(land, NEIGHBOUR))
    outer, inner = (alone if all(s == ANY_POD for s in some) else every for some in (starts, inside))
    goals: list[Goal] = []
    for target in targets:
        nodes = _nodes(land, target)
        known: dict[bool, Toward] = {}
        for ways, within in ((outer, False), (inner, True)):
            looked = tuple(s for s in begin if s.inside is within)
            if looked:
                toward = known[ways is every] = known.get(ways is every) or Toward(ways, nodes)
                reaching = toward.reaching([s.node for s in looked]) - toward.targets
                goals.append(Goal(target, toward, looked, tuple(s for s in looked if s.node in reaching)))
    return land, outer, tuple(goals)


def _edges(land: Terrain, name: str) -> list[int]:
    """The edges that are there for a reason."""
    graph = land.graph
    reasons = {i for i, r in enumerate(graph.reasons) if r.name == name}
    return [e for e, r in enumerate(graph.reason) if r in reasons] if reasons else []


def _carried(land: Terrain, goals: Sequence[Goal]) -> Iterator[str]:
    """What stolen tokens would be worth outside of their pods: no policy of the cluster decides about that."""
    carried = _edges(land, CARRIED)
    if not carried:
        return
    further: set[int] = set()
    for goal in goals:
        ways = Ways(land.graph, goal.toward.ways.cut.difference(carried))
        reaching = Toward(ways, goal.toward.targets).reaching([s.node for s in goal.asked])
        further |= reaching - {s.node for s in goal.starts}
    if further:
        yield (
            f"{len(further)} of the starts lead to a target if a token is carried off to where the API server answers: "
            "policies keep only its own pod from there"
        )


def _starts(land: Terrain, starts: Iterable[Foothold], inside: Iterable[Foothold] = ()) -> tuple[Start, ...]:
    """The nodes to start from, each once; what is reached from outside does not count as inside."""
    outer = _begin(land, starts)
    inner = {n: door for n, door in _begin(land, inside).items() if n not in outer}
    every = {n: Start(n, door) for n, door in outer.items()} | {n: Start(n, door, True) for n, door in inner.items()}
    return tuple(every[n] for n in sorted(every))


def _begin(land: Terrain, starts: Iterable[Foothold]) -> dict[int, bool]:
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
            who = principal(name)
            keys = [("identity", who.kind, who.name)]
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
    found = [land.graph.ids[k] for k in keys if k in land.graph.ids]
    if not found and foothold.kind in ("pod", "node", "node-identity") and foothold.name:
        raise UsageError("the snapshot has no such start or target", got=str(foothold))
    return found


def principal(name: str) -> Principal:
    """`ServiceAccount ci/runner`, `User jane` or `Group devs`.

    Raises `UsageError` for another form.
    """
    kind, _, rest = name.partition(" ")
    space, slash, own = rest.partition("/")
    if kind == "ServiceAccount" and slash:
        return account(space, own)
    if kind in ("User", "Group") and rest:
        return user(rest) if kind == "User" else group(rest)
    raise UsageError("not an identity", got=name, wanted="ServiceAccount NAMESPACE/NAME, User NAME or Group NAME")


def shortest(land: Terrain, found: Sequence[tuple[Goal, Start]], limit: int) -> tuple[Path, ...]:
    """One path a pair, by hops, then cost, then name; two copies of one workload have one path."""
    keys = land.graph.keys
    named = [(g, s, foothold(land, keys[s.node])) for g, s in found]
    order = sorted(named, key=lambda f: (f[0].toward.far[f[1].node], f[2], f[0].target))
    paths: dict[tuple[Foothold, Foothold], Path] = {}
    for goal, start, name in order:
        if len(paths) >= limit:
            break
        proof = goal.toward.route(start.node)
        if start.outside:
            proof = (_door(goal.toward.ways, start.node), *proof)
        paths.setdefault((name, goal.target), Path(name, goal.target, hops(land, proof), cost(land, proof)))
    return tuple(sorted(paths.values(), key=lambda p: (len(p.hops), p.cost, p.start, p.target)))


def _door(ways: Ways, node: int) -> int:
    internet = ways.graph.ids["internet",]
    return next(e for e in ways.into(node) if ways.graph.source[e] == internet)
