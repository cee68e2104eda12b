"""What follows from the objects alone, whatever RBAC says: from pods to nodes and tokens, from nodes to pods,
from a namespace's powers to what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from mistrust.kube.core import Namespace
from mistrust.kube.workloads import DaemonSet, Workload
from mistrust.layers.identity.subjects import AUTHENTICATED, MASTERS, Principal, account, group, groups_of
from mistrust.layers.pods.admission import Enforced, admits_level, other_admission
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.level import Level
from mistrust.paths.exposure import Exposure
from mistrust.paths.graph import Key, Reason, Sketch
from mistrust.paths.inventory import CONTROL_PLANE, SOMEWHERE, Account, Inventory, nodes_of, wants_control_plane
from mistrust.paths.step import Gain

EXPOSED = "exposed"
TOKEN = "token"  # noqa: S105
CARRIED = "carried"
"""A token that is of no use in its pod, because policies keep the pod from the API server."""
ESCAPE = "escape"
ON_NODE = "on-node"
KUBELET = "kubelet"
KUBELET_TOKEN = "kubelet-token"  # noqa: S105
KEYS = "keys"
PRIVILEGED = "privileged-group"
RUN_AS = "run-as"
MOUNT = "mount"
PLACE = "place"
RELABEL = "relabel"
TOKEN_SECRET = "token-secret"  # noqa: S105
CONTAINS = "contains"
MEMBER = "member"

EVERYWHERE = ""
"""In place of a namespace, or of a node's name: all of them."""

SPREADS = (Gain.CREATE_POD, Gain.POD, Gain.SERVICE_ACCOUNT, Gain.SECRETS, Gain.NAMESPACE_ADMIN, Gain.NAMESPACE_LABELS)
"""What is in a namespace, and held there by whoever holds it everywhere."""

ADMINISTERS = (Gain.CREATE_POD, Gain.POD, Gain.SERVICE_ACCOUNT, Gain.SECRETS, Gain.NAMESPACE_LABELS)

NODE_TARGET = ("some-node",)
IDENTITY_TARGET = ("some-node-identity",)


def identity_node(sketch: Sketch, principal: Principal) -> int:
    """The node of a user, a service account or a group."""
    return sketch.node("identity", principal.kind, principal.name)


def account_key(namespace: str, name: str) -> Key:
    """The key of a service account's node."""
    principal = account(namespace, name)
    return ("identity", principal.kind, principal.name)


def gain_node(sketch: Sketch, gain: Gain, scope: str) -> int:
    """The node of a capability in a namespace, or `EVERYWHERE`."""
    return sketch.node("gain", str(gain), scope)


def draw_pods(sketch: Sketch, inv: Inventory, exposed: tuple[Exposure, ...]) -> None:
    """Workloads: the tokens they hold, where they run and how they get out, who reaches them."""
    on_node, contains = sketch.why(Reason(ON_NODE)), sketch.why(Reason(CONTAINS))
    shared = sketch.why(Reason(ON_NODE, assumes="it runs on the same node"))
    live = bool(inv.nodes)
    owners = {account_key(*a) for a in inv.accounts}
    running_as: dict[tuple[str, Account], bool] = {}
    for i, w in enumerate(inv.workloads):
        pod = sketch.node("pod", i)
        sketch.edge(gain_node(sketch, Gain.POD, w.namespace), pod, contains)
        hosts = nodes_of(w) if live else hosts_of(w)
        for n in hosts:
            certain = live or n == CONTROL_PLANE or isinstance(w.source, DaemonSet)
            sketch.edge(sketch.node("node-pods", n), pod, on_node if certain else shared)
            own = (n, (w.namespace, w.spec.identity))
            running_as[own] = certain or running_as.get(own, False)
        for key, escape in easiest(inv.ways_out[i], hosts).items():
            if key[0] == "identity" and key not in owners:
                continue
            assumes = escape.condition
            if key[0] == "node" and not hosts:
                assumes = "; ".join(p for p in (assumes, "its pods run on some node again") if p)
            name = ESCAPE
            if escape.power is Power.IDENTITY:
                name = TOKEN if inv.legs.uses_token(i) else CARRIED
            why = sketch.why(Reason(name, hops=1, cost=difficulty(escape), assumes=assumes))
            sketch.edge(pod, sketch.node(*key), why)
    kubelet = sketch.why(Reason(KUBELET_TOKEN, hops=1))
    beside = sketch.why(Reason(KUBELET_TOKEN, hops=1, assumes="a pod that runs as it is on the same node"))
    for (n, runs_as), certain in running_as.items():
        why = kubelet if certain else beside
        sketch.edge(sketch.node("node-identity", n), identity_node(sketch, account(*runs_as)), why)
    position = {id(w): i for i, w in enumerate(inv.workloads)}
    for e in exposed:
        why = sketch.why(Reason(EXPOSED, hops=1, cost=e.cost, assumes=e.assumes))
        sketch.edge(sketch.node("internet"), sketch.node("pod", position[id(e.workload)]), why)


def leads_to(escape: Escape, hosts: tuple[str, ...]) -> Iterator[Key]:
    """The nodes of the graph that a way out of a container leads to, for a pod on these machines."""
    match escape.power:
        case Power.IDENTITY:
            yield from (account_key(target.namespace, target.name) for target in escape.targets)
        case Power.NODE | Power.NODE_READ:
            kind = "node" if escape.power is Power.NODE else "node-identity"
            yield from ((kind, n) for n in hosts or (EVERYWHERE,))


def opens(escape: Escape, target: Key) -> bool:
    """Is this one of the ways out that an edge from a pod to a target rests on?"""
    match escape.power:
        case Power.IDENTITY:
            return any(target == account_key(t.namespace, t.name) for t in escape.targets)
        case Power.NODE:
            return target[0] == "node"
        case Power.NODE_READ:
            return target[0] == "node-identity"
        case _:
            return False


def easiest(ways_out: Sequence[Escape], hosts: tuple[str, ...]) -> dict[Key, Escape]:
    """For everything that a workload's ways out lead to, the easiest one."""
    best: dict[Key, Escape] = {}
    for escape in ways_out:
        for key in leads_to(escape, hosts):
            if key not in best or _ease(escape) < _ease(best[key]):
                best[key] = escape
    return best


def _ease(escape: Escape) -> tuple[float, str, str]:
    return difficulty(escape), escape.code, escape.detail


def difficulty(escape: Escape) -> float:
    """What a way out costs an attacker."""
    return (0.0 if escape.certain else 1.0) + (1.0 if escape.power is Power.NODE_READ else 0.0)


def hosts_of(workload: Workload) -> tuple[str, ...]:
    """Where a workload of which only the manifest is known runs."""
    return (SOMEWHERE, CONTROL_PLANE) if wants_control_plane(workload.spec) else (SOMEWHERE,)


def draw_nodes(sketch: Sketch, inv: Inventory) -> None:
    """Nodes: root on one has the kubelet's identity and the pods there; on the control plane it has the cluster."""
    on_node, kubelet = sketch.why(Reason(ON_NODE, hops=1)), sketch.why(Reason(KUBELET, hops=1))
    contains = sketch.why(Reason(CONTAINS))
    admin = sketch.node(Gain.CLUSTER_ADMIN)
    if inv.nodes:
        names, keys = tuple(inv.nodes), sketch.why(Reason(KEYS, hops=1))
        holding = inv.control_plane
    else:
        wanted = any(wants_control_plane(w.spec) for w in inv.workloads)
        names = (SOMEWHERE, CONTROL_PLANE) if wanted else (SOMEWHERE,)
        keys = sketch.why(Reason(KEYS, hops=1, assumes="pods run on control-plane nodes (managed ones run none)"))
        holding = frozenset({CONTROL_PLANE})
    for kind in ("node", "node-pods", "node-identity"):
        for n in names:
            sketch.edge(sketch.node(kind, EVERYWHERE), sketch.node(kind, n), contains)
    for n in (*names, EVERYWHERE):
        sketch.edge(sketch.node("node", n), sketch.node(*NODE_TARGET), contains)
        sketch.edge(sketch.node("node-identity", n), sketch.node(*IDENTITY_TARGET), contains)
    for n in names:
        sketch.edge(sketch.node("node", n), sketch.node("node-pods", n), on_node)
        sketch.edge(sketch.node("node", n), sketch.node("node-identity", n), kubelet)
        if n in holding:
            sketch.edge(sketch.node("node", n), admin, keys)


def draw_namespaces(sketch: Sketch, inv: Inventory) -> dict[str, Enforced]:
    """What the powers over a namespace reach in it. Answers what Pod Security enforces in each."""
    run_as, mount = sketch.why(Reason(RUN_AS, hops=1)), sketch.why(Reason(MOUNT, hops=1))
    contains = sketch.why(Reason(CONTAINS))
    relabel = sketch.why(Reason(RELABEL, hops=1))
    every_node = sketch.node("node", EVERYWHERE)
    enforced: dict[str, Enforced] = {}
    copies: dict[str, tuple[Namespace, ...]] = {}
    for n in inv.snapshot.of(Namespace):
        copies[n.name] = (*copies.get(n.name, ()), n)

    def power(gain: Gain, scope: str) -> int:
        return gain_node(sketch, gain, scope)

    for ns in inv.namespaces:
        for gain in SPREADS:
            sketch.edge(power(gain, EVERYWHERE), power(gain, ns), contains)
        for gain in ADMINISTERS:
            sketch.edge(power(Gain.NAMESPACE_ADMIN, ns), power(gain, ns), contains)
        creating = power(Gain.CREATE_POD, ns)
        sketch.edge(creating, power(Gain.SERVICE_ACCOUNT, ns), run_as)
        sketch.edge(creating, power(Gain.SECRETS, ns), mount)
        sketch.joint((creating, power(Gain.NAMESPACE_LABELS, ns)), every_node, relabel)
        sketch.edge(power(Gain.NAMESPACE_ADMIN, ns), every_node, relabel)
        alone = replace(inv.snapshot, kinds={Namespace: copies.get(ns, ())})
        enforced[ns] = level = admits_level(alone, ns)
        if level.level is Level.PRIVILEGED:
            doubts = (*((level.assumed,) if level.assumed else ()), *other_admission(inv.snapshot, ns))
            place = sketch.why(Reason(PLACE, hops=1, assumes="; ".join(doubts)))
            sketch.edge(creating, every_node, place)
    admin = sketch.node(Gain.CLUSTER_ADMIN)
    sketch.edge(admin, power(Gain.NAMESPACE_ADMIN, EVERYWHERE), contains)
    sketch.edge(identity_node(sketch, group(MASTERS)), admin, sketch.why(Reason(PRIVILEGED, hops=1)))
    return enforced


def draw_identities(sketch: Sketch, accounts: Iterable[Account], others: Iterable[Principal]) -> None:
    """Identities: the groups that each is certainly in, and who can be anyone. `others` are users and groups."""
    member, contains = sketch.why(Reason(MEMBER)), sketch.why(Reason(CONTAINS))
    anyone, any_user, any_group = (gain_node(sketch, g, EVERYWHERE) for g in (Gain.ANY_IDENTITY, Gain.USER, Gain.GROUP))
    sketch.edge(anyone, any_user, contains)
    sketch.edge(anyone, gain_node(sketch, Gain.SERVICE_ACCOUNT, EVERYWHERE), contains)
    groups = {AUTHENTICATED, MASTERS}
    for ns, name in accounts:
        principal = account(ns, name)
        node = identity_node(sketch, principal)
        sketch.edge(gain_node(sketch, Gain.SERVICE_ACCOUNT, ns), node, contains)
        groups.update(groups_of(principal))
        for g in groups_of(principal):
            sketch.edge(node, identity_node(sketch, group(g)), member)
    for principal in others:
        groups.update(groups_of(principal))
        if principal.kind == "Group":
            groups.add(principal.name)
            continue
        node = identity_node(sketch, principal)
        if principal.service_account is None:
            sketch.edge(any_user, node, contains)
        for g in groups_of(principal):
            sketch.edge(node, identity_node(sketch, group(g)), member)
    for name in sorted(groups):
        node = identity_node(sketch, group(name))
        sketch.edge(any_group, node, contains)
        if name != MASTERS:
            sketch.edge(anyone, node, contains)
        for g in groups_of(group(name)):
            sketch.edge(node, identity_node(sketch, group(g)), member)


def draw_secrets(sketch: Sketch, inv: Inventory) -> None:
    """Token Secrets: who reads one is its service account."""
    contains, reads = sketch.why(Reason(CONTAINS)), sketch.why(Reason(TOKEN_SECRET, hops=1))
    for owner, secret in sorted(inv.token_secrets.items()):
        node = sketch.node("secret", secret.namespace, secret.name)
        sketch.edge(gain_node(sketch, Gain.SECRETS, secret.namespace), node, contains)
        sketch.edge(node, identity_node(sketch, account(*owner)), reads)
