"""Attack paths of a large cluster: how long the index, the graph, the search and the smallest fix take, and the memory.

    python bench/paths.py [--size small|medium|large] [--seed N] [--policies N]

The cluster is made up, but shaped as clusters are: most bindings give a team `edit` or `view` in its namespaces, most
service accounts have no rights at all or read-only ones, a few operators may do much, a few roles are careless. With
`--policies` every pod answers at two ports, and that many NetworkPolicies say who may open them; without, nobody asks
about the network. The slow definition that the tests hold the engine to runs beside it on a cluster of a few dozen
objects, for a ratio.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from mistrust.catalog.load import default_rbac, steps
from mistrust.kube.core import Namespace, Node, Service, ServiceAccount, ServicePort, ServiceSpec
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.meta import Metadata, Object, OwnerReference
from mistrust.kube.network import (
    EgressPolicyRule,
    IngressPolicyRule,
    IPBlock,
    NetworkPolicy,
    NetworkPolicySpec,
    PolicyPeer,
    PolicyPort,
)
from mistrust.kube.pods import (
    Container,
    ContainerPort,
    HostPath,
    Pod,
    PodSpec,
    PodTemplate,
    SecurityContext,
    Volume,
    VolumeMount,
)
from mistrust.kube.rbac import BindingSubject, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.workloads import DaemonSet, Deployment, TemplateSpec
from mistrust.layers.identity.index import rbac
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET, survey
from mistrust.paths.costs import Costs
from mistrust.paths.fixes import fixes
from mistrust.paths.labels import Labels
from mistrust.paths.network import network_of
from mistrust.paths.path import Foothold
from mistrust.paths.region import region

T = TypeVar("T")


class Size(NamedTuple):
    """How much there is."""

    subjects: int
    roles: int
    bindings: int
    pods: int
    nodes: int
    namespaces: int


SIZES = {
    "small": Size(1_000, 300, 1_500, 1_000, 50, 40),
    "medium": Size(10_000, 3_000, 15_000, 12_000, 400, 300),
    "large": Size(100_000, 20_000, 120_000, 100_000, 3_000, 2_000),
}
RBAC = "rbac.authorization.k8s.io"
PORTS = (ContainerPort(8080, name="http"), ContainerPort(9090, name="metrics"))
READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
HARMLESS = (
    PolicyRule(READ, ("",), ("configmaps", "pods", "services", "endpoints")),
    PolicyRule(READ, ("apps",), ("deployments", "replicasets")),
    PolicyRule(("create", "patch"), ("",), ("events",)),
    PolicyRule(("get", "update", "create"), ("coordination.k8s.io",), ("leases",)),
    PolicyRule(READ, ("networking.k8s.io",), ("ingresses",)),
    PolicyRule((*READ, *WRITE), ("batch",), ("jobs/status",)),
)
CARELESS = (
    PolicyRule(READ, ("",), ("secrets",)),
    PolicyRule(("get",), ("",), ("secrets",), ("app-config",)),
    PolicyRule(("create",), ("",), ("pods/exec",)),
    PolicyRule((*READ, *WRITE), ("apps",), ("deployments",)),
    PolicyRule((*READ, *WRITE), ("batch",), ("jobs",)),
    PolicyRule(("create",), ("",), ("serviceaccounts/token",)),
    PolicyRule(("patch", "update"), ("",), ("namespaces",)),
)
POWERFUL = (
    PolicyRule(("*",), ("*",), ("*",)),
    PolicyRule((*READ, *WRITE), (RBAC,), ("roles", "rolebindings", "clusterroles", "clusterrolebindings")),
    PolicyRule(("bind", "escalate"), (RBAC,), ("clusterroles",)),
    PolicyRule((*READ, *WRITE), ("",), ("secrets", "pods", "serviceaccounts")),
    PolicyRule(("impersonate",), ("",), ("users", "groups")),
    PolicyRule(("get",), ("",), ("nodes/proxy",)),
)


def made_up(size: Size, seed: int, policies: int = -1) -> Iterator[Object]:
    """The objects of one live cluster."""
    rng = random.Random(seed)
    spaces = ["kube-system", *(f"team-{i}" for i in range(size.namespaces - 1))]
    levels = ("restricted", "baseline", "baseline", "")
    for i, name in enumerate(spaces):
        level = levels[i % 4] if i else ""
        yield Namespace(metadata=meta(name, labels={"pod-security.kubernetes.io/enforce": level} if level else {}))
    for i in range(size.nodes):
        labels = {"node-role.kubernetes.io/control-plane": ""} if i < 3 else {}
        yield Node(metadata=meta(f"node-{i}", labels=labels))
    accounts = [(rng.choice(spaces) if i % 50 else "kube-system", f"sa-{i}") for i in range(size.subjects * 3 // 4)]
    yield from (ServiceAccount(metadata=meta(name, ns)) for ns, name in accounts)
    yield from default_rbac()
    yield from roles_and_bindings(size, rng, spaces, accounts)
    apps: list[tuple[str, str]] = []
    for o in workloads(size, rng, accounts, PORTS if policies >= 0 else ()):
        if isinstance(o, Deployment):
            apps.append((o.namespace, o.name))
        yield o
    yield from guards(max(policies, 0), rng, apps)


def meta(name: str, namespace: str = "", **more: dict[str, str]) -> Metadata:
    return Metadata(name=name, namespace=namespace, uid=f"{namespace}/{name}", **more)  # type: ignore[arg-type]


def roles_and_bindings(
    size: Size, rng: random.Random, spaces: list[str], accounts: list[tuple[str, str]]
) -> Iterator[Object]:
    operators, local = size.roles // 20, size.roles - size.roles // 20
    cluster = [f"operator-{i}" for i in range(operators)]
    for i, name in enumerate(cluster):
        rules = [*rng.sample(HARMLESS, 3)] + ([rng.choice(POWERFUL)] if i % 25 == 0 else [])
        yield ClusterRole(metadata=meta(name), rules=tuple(rules))
    named: dict[str, list[str]] = {}
    for i in range(local):
        ns = rng.choice(spaces)
        rules = rng.sample(HARMLESS, rng.randint(1, 4)) + ([rng.choice(CARELESS)] if rng.random() < 0.05 else [])
        named.setdefault(ns, []).append(f"role-{i}")
        yield Role(metadata=meta(f"role-{i}", ns), rules=tuple(rules))
    by_space: dict[str, list[str]] = {}
    for ns, name in accounts:
        by_space.setdefault(ns, []).append(name)
    users, groups = size.subjects // 5, max(5, size.subjects // 200)
    for i in range(size.bindings):
        x, ns = rng.random(), rng.choice(spaces)
        if x < 0.02:
            space, who = rng.choice(accounts)
            subjects = (BindingSubject("ServiceAccount", who, space),)
            ref = RoleRef("ClusterRole", rng.choice(cluster), RBAC)
            yield ClusterRoleBinding(metadata=meta(f"b-{i}"), role_ref=ref, subjects=subjects)
        elif x < 0.55 and ns in named:
            several = by_space.get(ns, ["default"])
            who_ = rng.sample(several, min(len(several), rng.choice((1, 1, 1, 2, 4))))
            subjects = tuple(BindingSubject("ServiceAccount", w, ns) for w in who_)
            ref = RoleRef("Role", rng.choice(named[ns]), RBAC)
            yield RoleBinding(metadata=meta(f"b-{i}", ns), role_ref=ref, subjects=subjects)
        else:
            subject = (
                BindingSubject("User", f"user-{rng.randrange(users)}", "", RBAC)
                if rng.random() < 0.7
                else BindingSubject("Group", f"group-{rng.randrange(groups)}", "", RBAC)
            )
            ref = RoleRef("ClusterRole", rng.choice(("view", "view", "edit", "admin")), RBAC)
            yield RoleBinding(metadata=meta(f"b-{i}", ns), role_ref=ref, subjects=(subject,))


def guards(count: int, rng: random.Random, apps: list[tuple[str, str]]) -> Iterator[Object]:
    """Policies as teams write them: for an app or for a namespace, by label, by namespace and label, by address."""
    named: dict[str, list[str]] = {}
    for ns, name in apps:
        named.setdefault(ns, []).append(name)
    spaces = sorted(named)

    def app(ns: str) -> LabelSelector:
        return LabelSelector({"app": rng.choice(named[ns])})

    def peer(ns: str) -> PolicyPeer:
        x, other = rng.random(), rng.choice(spaces)
        if x < 0.5:
            return PolicyPeer(pod_selector=app(ns))
        if x < 0.8:
            return PolicyPeer(namespace_selector=LabelSelector({NAMESPACE_NAME: other}), pod_selector=app(other))
        return PolicyPeer(ip_block=IPBlock(f"10.{rng.randrange(200)}.0.0/16"))

    for i in range(count):
        ns = rng.choice(spaces)
        peers = tuple(peer(ns) for _ in range(rng.randint(0, 3)))
        ports = (PolicyPort(port=rng.choice((8080, 9090, "http"))),) if rng.random() < 0.6 else ()
        chosen = app(ns) if rng.random() < 0.8 else LabelSelector()
        if rng.random() < 0.25:
            spec = NetworkPolicySpec(chosen, ("Egress",), egress=(EgressPolicyRule(peers, ports),))
        else:
            spec = NetworkPolicySpec(chosen, ("Ingress",), ingress=(IngressPolicyRule(peers, ports),) if peers else ())
        yield NetworkPolicy(metadata=meta(f"guard-{i}", ns), spec=spec)


def workloads(
    size: Size, rng: random.Random, accounts: list[tuple[str, str]], ports: tuple[ContainerPort, ...] = ()
) -> Iterator[Object]:
    left = size.pods
    for i in range(8):
        spec = pod_spec(f"agent-{i}", ports, privileged=i < 3)
        yield from controlled(DaemonSet, "kube-system", f"agent-{i}", spec, range(size.nodes))
        left -= size.nodes
    i = 0
    while left > 0:
        ns, account = rng.choice(accounts)
        replicas = min(left, rng.choice((1, 2, 3, 5, 10)))
        own = account if rng.random() < 0.7 else "default"
        spec = pod_spec(own, ports, privileged=rng.random() < 0.01, host=rng.random() < 0.02)
        nodes = [rng.randrange(3, size.nodes) for _ in range(replicas)]
        yield from controlled(Deployment, ns, f"app-{i}", spec, nodes)
        if rng.random() < 0.05:
            front = (ServicePort(port=443, target_port=8443),)
            door = ServiceSpec(type="LoadBalancer", selector={"app": f"app-{i}"}, ports=front)
            yield Service(metadata=meta(f"app-{i}", ns), spec=door)
        left -= replicas
        i += 1


def pod_spec(
    account: str, ports: tuple[ContainerPort, ...] = (), *, privileged: bool = False, host: bool = False
) -> PodSpec:
    mounts = (VolumeMount(name="host", mount_path="/host", read_only=True),) if host else ()
    context = SecurityContext(privileged=privileged, run_as_user=0 if privileged else 1000)
    image = "registry.example/app:1"
    main = Container(name="main", image=image, ports=ports, volume_mounts=mounts, security_context=context)
    volumes = (Volume(name="host", host_path=HostPath(path="/var/log")),) if host else ()
    return PodSpec(containers=(main,), volumes=volumes, service_account_name=account)


def controlled(
    kind: type[Deployment] | type[DaemonSet], ns: str, name: str, spec: PodSpec, nodes: range | list[int]
) -> Iterator[Object]:
    labels = {"app": name}
    template = PodTemplate(metadata=Metadata(labels=labels), spec=spec)
    yield kind(metadata=meta(name, ns), spec=TemplateSpec(template=template))
    owner = (OwnerReference(kind=kind.KIND, name=name, api_version="apps/v1", controller=True),)
    for i, node in enumerate(nodes):
        from msgspec.structs import replace

        metadata = Metadata(
            name=f"{name}-{i}", namespace=ns, labels=labels, owner_references=owner, uid=f"{ns}/{name}/{i}"
        )
        yield Pod(metadata=metadata, spec=replace(spec, node_name=f"node-{node}"))


def timed(what: str, do: Callable[[], T]) -> T:
    start, cpu = time.perf_counter(), time.process_time()
    result = do()
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {what:<28} {wall:7.2f} s  cpu {used:7.2f} s  peak {peak:6.0f} MB")
    sys.stdout.flush()
    return result


def measure(name: str, seed: int, start: Foothold, policies: int) -> None:
    size = SIZES[name]
    print(f"{name}: {size}, from {start.kind}")
    snap: Snapshot = timed("make the cluster", lambda: snapshot(made_up(size, seed, policies), scope=Scope.CLUSTER))
    net = timed("network", lambda: network_of(snap)) if policies >= 0 else None
    index = timed("RBAC index", lambda: rbac(snap))
    targets = (CLUSTER_ADMIN, ANY_NODE, Foothold("secrets", "kube-system"))
    land, ways, goals = timed("graph and search", lambda: survey(snap, index, steps(), (start,), targets, (), net))
    print(f"  {len(land.graph.keys):,} nodes, {len(land.graph.source):,} edges, {len(land.graph.joints):,} joints")
    pairs = [(g.toward, [s.node for s in g.starts]) for g in goals]
    print(f"  {len({s.node for g in goals for s in g.starts}):,} starts, {sum(len(s) for _, s in pairs):,} pairs")
    between = timed("region between", lambda: region(ways, pairs))
    print(f"  {len(between.ways.graph.keys):,} nodes, {len(between.ways.graph.source):,} edges between")
    labels = Labels(land, index.defaults, frozenset(), Costs())
    found = timed("smallest fix", lambda: fixes(between, labels, 60.0))
    print(f"  {len(found.changes)} changes cut {found.cut:,}, {found.remaining:,} remain, optimal: {found.optimal}")


def beside_the_definition(seed: int) -> None:
    """The engine against the slow definition, on a cluster small enough for it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.paths.naive import World

    size = Size(40, 20, 40, 60, 5, 5)
    snap = snapshot(o for o in made_up(size, seed) if o.name != "cluster-admin" or o.ref.kind != "ClusterRole")
    start = time.perf_counter()
    survey(snap, rbac(snap), steps(), (Foothold("pod", ""),), (CLUSTER_ADMIN,))
    fast = time.perf_counter() - start
    start = time.perf_counter()
    world = World(snap, [s for s in steps() if s.actor == "identity"])
    for w in snap.workloads:
        world.holds(("pod", str(w.ref)))
    slow = time.perf_counter() - start
    print(f"slow definition / engine, {len(snap.workloads)} starts: {slow / fast:.0f} x")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SIZES), action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policies", type=int, default=-1, metavar="N", help="ask about the network, with N policies")
    args = parser.parse_args()
    for name in args.size or ("small", "medium"):
        for start in (INTERNET, ANY_POD):
            measure(name, args.seed, start, args.policies)
    beside_the_definition(args.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
