"""Random clusters with Cilium's own policies."""

from __future__ import annotations

from random import Random

from tests.layers.network import dice
from tests.layers.network.scene import Plain, namespace, node, pod

SERVER = "192.168.0.1"
"""The API server runs on n1."""
SPACE = "io.cilium.k8s.namespace.labels."
NAMESPACE = "io.kubernetes.pod.namespace"
ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
HOLES = {"0.0.0.0/0": "10.0.0.0/25", "10.0.0.0/8": "10.0.0.0/24", "::/0": "fd00::/16"}
ENTITIES = ("all", "world", "world-ipv4", "world-ipv6", "cluster", "remote-node", "kube-apiserver", "none", "host")


def cluster(seed: int) -> list[Plain]:
    """Namespaces, nodes, pods with addresses, where the API server is, and policies of both kinds."""
    random = Random(seed)
    out: list[Plain] = [namespace(s, random.choice(["", "team=x", "team=y tier=z"])) for s in "abc"]
    out += [node("n1", SERVER, "zone=1"), node("n2", "192.168.0.2", "zone=2"), server()]
    out += [_pod(random, random.choice("abc"), i) for i in range(random.randint(4, 8))]
    return out + [policy(random, i) for i in range(random.randint(1, 5))]


def server() -> Plain:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [SERVER]}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }  # fmt: skip


def _pod(random: Random, space: str, i: int) -> Plain:
    labels = " ".join(f"{k}={random.choice('xy')}" for k in ("app", "role") if random.random() < 0.7)
    ports = " ".join(
        f"{name}={random.choice(['TCP', 'UDP'])}/{random.choice(dice.PORTS)}"
        for name in ("http", "dns")
        if random.random() < 0.6
    )
    at, host = random.choice(["n1", "n2"]), random.random() < 0.2
    address = f"192.168.0.{at[1]}" if host else f"10.0.{i % 2}.{i + 1}"
    made = pod(f"{space}/p{i}", labels, ports, address, at, host=host)
    made["spec"]["serviceAccountName"] = random.choice(["default", "web"])
    return made


def policy(random: Random, i: int, *, plain: bool = False) -> Plain:
    """One of either kind; a `plain` one is of a namespace, and allows what some pods need."""
    if plain:
        spec: Plain = {"endpointSelector": _selector(random, subject=True)}
        for way, side in (("ingress", "from"), ("egress", "to")):
            spec[way] = [one(random, side, deny=True) for _ in range(random.randint(0, 2))]
        metadata = {"name": f"q{i}", "namespace": random.choice("ab")}
        return {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": metadata, "spec": spec}
    wide = random.random() < 0.35
    kind = "CiliumClusterwideNetworkPolicy" if wide else "CiliumNetworkPolicy"
    metadata = {"name": f"p{i}"} | ({} if wide else {"namespace": random.choice("abc")})
    rules = [rule(random) for _ in range(random.choice([1, 1, 2]))]
    body = {"spec": rules[0]} if len(rules) == 1 else {"specs": rules}
    return {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, **body}


def rule(random: Random) -> Plain:
    made: Plain = {"endpointSelector": _selector(random, subject=True)}
    for way, side in (("ingress", "from"), ("egress", "to")):
        if random.random() < 0.7:
            made[way] = [one(random, side) for _ in range(random.randint(0, 2))]
        if random.random() < 0.25:
            made[f"{way}Deny"] = [one(random, side, deny=True) for _ in range(random.randint(1, 2))]
        if random.random() < 0.2:
            made.setdefault("enableDefaultDeny", {})[way] = random.random() < 0.3
    return made


def one(random: Random, side: str, *, deny: bool = False) -> Plain:
    kind, made = random.random(), dict[str, object]()
    if kind < 0.35:
        made[f"{side}Endpoints"] = [_endpoints(random) for _ in range(random.randint(1, 2))]
    elif kind < 0.6:
        made[f"{side}Entities"] = random.sample(ENTITIES, random.randint(1, 2))
    elif kind < 0.7:
        made[f"{side}CIDR"] = random.sample(dice.CIDRS, 2)
    elif kind < 0.8:
        made[f"{side}CIDRSet"] = [_block(random)]
    elif kind < 0.85 and side == "to" and not deny:
        made["toFQDNs"] = [{"matchName": "a.example"}]
    if random.random() < 0.6:
        made["toPorts"] = [_ports(random, deny=deny) for _ in range(random.choice([1, 1, 2]))]
    if random.random() < 0.05 and not deny:
        made["authentication"] = {"mode": random.choice(["required", "disabled"])}
    if not made.get("toPorts") and random.random() < 0.05:
        made["icmps"] = [{"fields": [{"type": 8}]}]
    return made


def _block(random: Random) -> Plain:
    cidr = random.choice(dice.CIDRS)
    return {"cidr": cidr} | ({"except": [HOLES[cidr]]} if cidr in HOLES and random.random() < 0.5 else {})


def _endpoints(random: Random) -> Plain:
    if random.random() < 0.1:
        return {"matchLabels": {f"reserved:{random.choice(['world', 'remote-node', 'host', 'kube-apiserver'])}": ""}}
    return _selector(random, subject=False)


def _selector(random: Random, *, subject: bool) -> Plain:
    labels: dict[str, str] = {}
    needs: list[Plain] = []
    if random.random() < 0.6:
        key, value = random.choice(["", "k8s:", "any:"]) + random.choice(["app", "role"]), random.choice("xy")
        if random.random() < 0.5:
            labels[key] = value
        else:
            operator = random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
            needs.append({"key": key, "operator": operator} | ({"values": [value]} if operator[-1] == "n" else {}))
    if random.random() < 0.15:
        labels[f"k8s:{ACCOUNT}"] = random.choice(["web", "default"])
    if not subject and random.random() < 0.3:
        labels[random.choice(["", "k8s:"]) + NAMESPACE] = random.choice("abc")
    elif random.random() < 0.2:
        labels[f"k8s:{SPACE}team"] = random.choice("xy")
    elif random.random() < 0.1:
        needs.append({"key": f"k8s:{NAMESPACE}", "operator": "In", "values": ["a", "b"]})
    return ({"matchLabels": labels} if labels else {}) | ({"matchExpressions": needs} if needs else {})


def _ports(random: Random, *, deny: bool) -> Plain:
    made: Plain = {}
    if random.random() < 0.9:
        made["ports"] = [_port(random) for _ in range(random.randint(1, 2))]
    if not deny and made.get("ports") and random.random() < 0.15:
        made["ports"] = [
            {**p, "port": p["port"] if p["port"] != "0" else "80", "protocol": "TCP"} for p in made["ports"]
        ]
        made["rules"] = {"http": [{"method": "GET"}]}
    return made


def _port(random: Random) -> Plain:
    kind, protocol = random.random(), random.choice(["TCP", "UDP", "ANY", ""])
    told = {"protocol": protocol} if protocol else {}
    if kind < 0.1:
        return {"port": "0"} | told
    if kind < 0.25:
        return {"port": random.choice(["http", "dns"])} | told
    port = random.choice(dice.PORTS)
    return {"port": str(port)} | told | ({"endPort": port + 15} if kind > 0.8 else {})
