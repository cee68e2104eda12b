"""Reachability of all pairs: time, memory and events of the engine, and whole processes beside two peers.

    python bench/network.py [--nca PATH] [--np-guard PATH] [--sizes 400x200,1000x500]

Without peers the engine alone is measured: CPU seconds and memory above the input, which is read before. Clusters are
made up, ten pods a workload, the same at every run: a third of the namespaces deny by default, policies name labels,
namespaces, ports by number and by name, and address blocks. `--nca` is network-config-analyzer (`pip install
network-config-analyzer PyYAML==6.0.2` into an environment of its own), `--np-guard` the program of netpol-analyzer;
both are looked for on PATH too. Each peer reads the same file, and its answers must be ours.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import msgspec

from mistrust.access.ports import Ports, point
from mistrust.kube.endpoints import Endpoint, Port, endpoints, namespace_labels
from mistrust.kube.network import ClusterNetworkPolicy, NetworkPolicy
from mistrust.layers.network import addresses
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.profile import NP_GUARD
from mistrust.layers.network.statements import rules
from mistrust.layers.network.statements.policies import Policies

TEAMS, ENVS, TIERS = ("t0", "t1", "t2", "t3"), ("prod", "stage", "dev"), ("web", "api", "db", "cache", "job")
NAME = "kubernetes.io/metadata.name"
Plain = dict[str, object]


class Workload(msgspec.Struct):
    namespace: str
    labels: dict[str, str]
    ports: list[tuple[str, str, int]]


class Made(msgspec.Struct):
    """A made-up cluster."""

    namespaces: dict[str, dict[str, str]]
    workloads: list[Workload]
    pods: int
    policies: list[Plain]


def made(pods: int, policies: int, replicas: int = 10) -> Made:
    r = Random(1)
    count = max(4, pods // replicas)
    spaces = {
        f"ns{i}": {NAME: f"ns{i}", "team": r.choice(TEAMS), "env": r.choice(ENVS)} for i in range(count // 12 + 3)
    }
    spaces["dns"] = {NAME: "dns"}
    names = list(spaces)
    workloads = []
    for i in range(count):
        labels = {"app": f"app{i}", "tier": r.choice(TIERS), "version": r.choice(("v1", "v2", "v3"))}
        ports = [("http", "TCP", r.choice((8080, 8000, 9090))), ("metrics", "TCP", r.choice((9102, 9100)))]
        workloads.append(Workload("dns" if i == 0 else names[i % len(names)], labels, ports))
    made = Made(spaces, workloads, pods, [])
    for i, name in enumerate(names[: policies * 3 // 10]):
        if i % 3 == 0:
            spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [_dns()]}
            made.policies.append(_policy(len(made.policies), name, spec))
    while len(made.policies) < policies:
        made.policies.append(_policy(len(made.policies), *_some(made, r)))
    return made


def _policy(number: int, namespace: str, spec: Plain) -> Plain:
    meta = {"name": f"p{number}", "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def _dns() -> Plain:
    return {"to": [_at("dns", "app0")], "ports": [{"protocol": p, "port": 53} for p in ("UDP", "TCP")]}


def _at(namespace: str, app: str) -> Plain:
    return {"namespaceSelector": {"matchLabels": {NAME: namespace}}, "podSelector": {"matchLabels": {"app": app}}}


def _some(made: Made, r: Random) -> tuple[str, Plain]:
    w, other = r.choice(made.workloads), r.choice(made.workloads)
    mine = {"matchLabels": {"app": w.labels["app"]}}
    ports: list[Plain] = [{"protocol": "TCP", "port": r.choice((8080, 8000, 9090, "http", "metrics"))}]
    if r.random() < 0.2:
        ports.append({"protocol": "TCP", "port": 20000, "endPort": 20000 + r.choice((10, 100, 999))})
    if r.random() < 0.2:
        ports.append({"protocol": "UDP"})
    if (kind := r.random()) < 0.4:
        source: Plain = {"podSelector": {"matchLabels": {"tier": r.choice(TIERS)}}}
        return w.namespace, {"podSelector": mine, "ingress": [{"from": [source], "ports": ports}]}
    if kind < 0.6:
        source = {
            "namespaceSelector": {
                "matchExpressions": [{"key": "team", "operator": "In", "values": r.sample(TEAMS, 2)}]
            },
            "podSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db", "cache"]}]},
        }
        return w.namespace, {"podSelector": mine, "ingress": [{"from": [source], "ports": ports}]}
    if kind < 0.8:
        to = [{"to": [_at(other.namespace, other.labels["app"])], "ports": ports}, _dns()]
        return w.namespace, {"podSelector": mine, "policyTypes": ["Egress"], "egress": to}
    if kind < 0.9:
        first = r.randrange(256)
        hole = {"cidr": "10.0.0.0/8", "except": [f"10.{first}.0.0/16", f"10.{(first + 7) % 256}.4.0/24"]}
        peers: list[Plain] = [{"ipBlock": hole}, {"namespaceSelector": {"matchLabels": {"env": r.choice(ENVS)}}}]
        rules = [{"to": peers, "ports": ports}]
        return w.namespace, {"podSelector": mine, "policyTypes": ["Egress"], "egress": rules}
    source = {"ipBlock": {"cidr": f"192.168.{r.randrange(256)}.0/24"}}
    return w.namespace, {"podSelector": mine, "ingress": [{"from": [source]}]}


def tenants(count: int) -> Made:
    """Namespaces of two workloads of two pods each that talk to their like only: three policies a namespace."""
    names = [f"tenant{i:05}" for i in range(count)]
    made = Made({n: {NAME: n} for n in names}, [], 4 * count, [])
    for name in names:
        both = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        made.policies.append(_policy(len(made.policies), name, both))
        for app in ("a", "b"):
            made.workloads.append(Workload(name, {f"app-{app}": app}, []))
            like: Plain = {"podSelector": {"matchLabels": {f"app-{app}": app}}}
            spec = {**both, **like, "ingress": [{"from": [like]}], "egress": [{"to": [like]}]}
            made.policies.append(_policy(len(made.policies), name, spec))
    return made


def endpoints_of(made: Made, network: int) -> tuple[Endpoint, ...]:
    """Its pods, with addresses in `network`.0.0.0/8."""
    out = []
    for i in range(made.pods):
        w = made.workloads[i % len(made.workloads)]
        e = Endpoint(
            workload=i % len(made.workloads),
            namespace=w.namespace,
            name=f"pod{i}",
            labels=dict(w.labels),
            annotations={},
            ports=tuple(Port(*p) for p in w.ports),
            host_network=False,
            account="default",
            node=f"node{i % 1000}",
            addresses=(f"{network}.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}",),
        )
        out.append(e)
    return tuple(out)


def read_all(network: Reach) -> None:
    for c in range(network.classes + len(network.blocks)):
        network.row(c)


def memory() -> float:
    """Resident MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def solve(shape: str, network: int) -> None:
    """Work one cluster out and print what it took, as JSON; in a process of its own, for the memory's sake."""
    a, b = (int(n) for n in shape.split("x"))
    cluster = tenants(a) if b == 0 else made(a, b)
    pods, given = endpoints_of(cluster, network), msgspec.convert(cluster.policies, tuple[NetworkPolicy, ...])
    gc.collect()
    before, start = memory(), time.process_time()
    solved = reach(pods, cluster.namespaces, Policies(given))
    read_all(solved)
    took = {"cpu": time.process_time() - start, "mb": memory() - before, "classes": solved.classes}
    print(json.dumps({**took, "pods": len(pods), "policies": len(given)}))


def engine() -> None:
    shapes = [("1000x100", 172), ("10000x1000", 172), ("100000x5000", 172), ("100000x5000", 10), ("25000x0", 172)]
    words = {10: "  (blocks cut through the pods' addresses)", 172: ""}
    for shape, network in shapes:
        command = [sys.executable, __file__, "--solve", shape, "--pod-network", str(network)]
        took = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        many = "  (25,000 namespaces)" if shape.endswith("x0") else words[network]
        told = f"{took['cpu']:8.3f} s CPU {took['mb']:6.0f} MB {took['classes']:7,} classes{many}"
        print(f"{took['pods']:7,} pods {took['policies']:6,} policies {told}", flush=True)


def events() -> None:
    cluster = made(100_000, 5_000)
    pods, given = endpoints_of(cluster, 172), msgspec.convert(cluster.policies, tuple[NetworkPolicy, ...])
    network = reach(pods, cluster.namespaces, Policies(given), spare=64)
    read_all(network)
    r = Random(2)
    times: dict[str, list[float]] = {}
    for number in range(20):
        pod, (namespace, spec) = r.choice(pods), _some(cluster, r)
        policy = msgspec.convert(_policy(10**6 + number, namespace, spec), NetworkPolicy)
        new = msgspec.structs.replace(pod, labels={**pod.labels, "app": f"new{number}"})
        old = r.choice(given)
        wide = msgspec.convert(_wide(number, r), ClusterNetworkPolicy)
        for name, event in (
            ("one pod more", lambda: network.with_pod(pod)),  # noqa: B023
            ("one pod less", lambda: network.without_pod(r.randrange(len(pods)))),
            ("first pod of a workload", lambda: network.with_pod(new)),  # noqa: B023
            ("one policy more", lambda: network.with_policy(policy)),  # noqa: B023
            ("one policy less", lambda: network.without_policy(old)),  # noqa: B023
            ("one cluster-wide policy more", lambda: network.with_policy(wide)),  # noqa: B023
        ):
            start = time.process_time()
            read_all(event())
            times.setdefault(name, []).append((time.process_time() - start) * 1000)
    for name, taken in times.items():
        taken.sort()
        print(f"100,000 pods, {name:28} median {taken[len(taken) // 2]:6.1f} ms  worst {taken[-1]:6.1f} ms, rows read")


def _wide(number: int, r: Random) -> Plain:
    """A team is kept from another's pods, whatever NetworkPolicies say."""
    a, b = r.sample(TEAMS, 2)
    rule = {"action": "Deny", "from": [{"namespaces": {"matchLabels": {"team": b}}}]}
    spec = {
        "tier": "Admin",
        "priority": number,
        "subject": {"namespaces": {"matchLabels": {"team": a}}},
        "ingress": [rule],
    }
    return {"metadata": {"name": f"wide{number}"}, "spec": spec}


def dump(made: Made, path: Path) -> None:
    """The cluster as one List, every pod for itself."""
    items: list[Plain] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n, "labels": labels}}
        for n, labels in made.namespaces.items()
    ]
    for i in range(made.pods):
        w = made.workloads[i % len(made.workloads)]
        ports = [{"name": n, "protocol": p, "containerPort": number} for n, p, number in w.ports]
        spec = {"containers": [{"name": "main", "image": "example/app", "ports": ports}]}
        status = {"phase": "Running", "hostIP": "172.31.0.1", "podIP": f"172.16.{i >> 8 & 255}.{i & 255}"}
        meta = {"name": f"pod{i}", "namespace": w.namespace, "labels": w.labels}
        items.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status})
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items + made.policies}))


Told = dict[tuple[str, str], str]
"""Pairs of pods, and what one may open to the other."""


def timed(command: list[str], path: Path) -> tuple[float, float]:
    """CPU seconds of a whole process, its children included, and peak MB; what it prints goes to `path`."""
    with path.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL) as child:
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


_LINE = re.compile(r"([^ \[]+)(?:\[[^\]]*\])? => ([^ \[]+)(?:\[[^\]]*\])? : (.*)")


def told(path: Path) -> Told:
    """The pairs of pods in what a program printed, on one line or several."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in path.read_text().splitlines():
        match = _LINE.match(line)
        if match and "/" in match[1] and "/" in match[2] and match[1] != match[2]:
            found.setdefault((match[1], match[2]), []).append(match[3])
    seen: dict[tuple[str, ...], str] = {}
    for lines in map(tuple, found.values()):
        if lines not in seen:
            seen[lines] = alike(lines)
    return {pair: seen[tuple(lines)] for pair, lines in found.items()}


def alike(lines: tuple[str, ...]) -> str:
    """`{protocols:TCP,dst_ports:80}` and `{protocols:UDP}` as `TCP 80,UDP 1-65535`; what is in that form as it is."""
    if lines[0].lower().startswith("all connections"):
        return "All Connections"
    if "{" not in lines[0]:
        return lines[0]
    ranges = []
    for part in re.findall(r"\{([^}]*)\}", "".join(lines)):
        names, _, numbers = part.removeprefix("protocols:").partition(",dst_ports:")
        for name in names.split(","):
            for span in (numbers or "1-65535").split(","):
                low, _, high = span.partition("-")
                ranges.append((point(name.strip(), max(int(low), 1)), point(name.strip(), int(high or low)) + 1))
    return str(Ports.of(ranges))


def compare(name: str, peer: list[str], sizes: list[tuple[int, int]]) -> bool:
    """Both programs on the same file, and the engine by itself; True if they say the same."""
    good = True
    for pods, policies in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path, ours, theirs = Path(folder) / "in" / "cluster.json", Path(folder) / "ours", Path(folder) / "theirs"
            path.parent.mkdir()
            cluster = made(pods, policies)
            dump(cluster, path)
            command = [sys.executable, "-m", "mistrust", "can", "reach", "--all", "--profile", "np-guard", "-o", "txt"]
            a, _ = timed([*command, str(path)], ours)
            b, _ = timed([w.format(file=path, folder=path.parent) for w in peer], theirs)
            alone = by_itself(path)
            one, other = told(ours), told(theirs)
            same = one == other
            good = good and same
            head = f"{pods:5} pods {policies:4} policies: mistrust {a:6.2f} s, engine {alone:7.4f} s, {name} {b:7.2f} s"
            print(
                f"{head}; process {b / a:6.0f} x, engine {b / alone:6.0f} x; {len(one):,} pairs, same: {same}",
                flush=True,
            )
            if not same:
                print(f"  {len(one.items() ^ other.items())} differ, such as {sorted(one.items() ^ other.items())[:2]}")
    return good


def by_itself(path: Path) -> float:
    """CPU seconds of the engine on a file that has been read: the least of five, each with nothing remembered."""
    from mistrust.cluster.files import read_files
    from mistrust.layers.network.statements.policies import policies

    snapshot = read_files([str(path)]).snapshot
    pods, spaces, given = endpoints(snapshot), namespace_labels(snapshot), policies(snapshot)
    least = 1e9
    for _ in range(5):
        for memory_of in (addresses.cidr, rules._by_labels, rules._by_ports):
            memory_of.cache_clear()
        start = time.process_time()
        read_all(reach(pods, spaces, given, NP_GUARD))
        least = min(least, time.process_time() - start)
    return least


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nca", default=os.environ.get("NCA") or shutil.which("nca"))
    parser.add_argument("--np-guard", default=os.environ.get("NP_GUARD") or shutil.which("netpolicy"))
    parser.add_argument("--sizes", default="100x50,400x200")
    parser.add_argument("--only-peers", action="store_true")
    parser.add_argument("--solve", help=argparse.SUPPRESS)
    parser.add_argument("--pod-network", type=int, default=172, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.solve:
        solve(args.solve, args.pod_network)
        return 0
    if not args.only_peers:
        engine()
        events()
    sizes = [(int(a), int(b)) for a, b in (size.split("x") for size in args.sizes.split(","))]
    good = True
    for name, program, words in (
        (
            "NCA",
            args.nca,
            ["--connectivity", "{file}", "-r", "{file}", "-o", "txt_no_fw_rules", "--output_endpoints", "pods"],
        ),
        ("np-guard", args.np_guard, ["list", "--dirpath", "{folder}", "-q"]),
    ):
        if program:
            good = compare(name, [program, *words], sizes) and good
        else:
            print(f"{name} is not installed: see --help")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
