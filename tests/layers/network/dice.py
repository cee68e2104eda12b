"""Random small clusters, with everything that a policy may ask about."""

from __future__ import annotations

from random import Random

from tests.layers.network.scene import Plain, made, namespace, node, pod

CIDRS = ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24", "8.8.0.0/16", "192.168.0.0/24", "::/0", "fd00::/16")
ADDRESSES = ("8.8.8.8", "10.0.0.77", "10.9.9.9", "1.1.1.1", "2001:db8::1", "fd00::99", "192.168.0.2")
PORTS = (53, 80, 443, 8080, 8085, 8090)


def cluster(seed: int) -> list[Plain]:
    """Two or three namespaces, some pods (promised, on the node's network, in two families), up to ten policies."""
    dice = Random(seed)
    spaces = ["a", "b", "c"][: dice.randint(2, 3)]
    out: list[Plain] = [namespace(s, dice.choice(["", "team=x", "team=y tier=z"])) for s in spaces]
    out += [node("n1", "192.168.0.1", "zone=1"), node("n2", "192.168.0.2", "zone=2")]
    out += [_pod(dice, dice.choice(spaces), i) for i in range(dice.randint(3, 8))]
    for i in range(dice.randint(0, 6)):
        out.append(made({"NetworkPolicy": f"{dice.choice(spaces)}/p{i}", "spec": _network(dice)}))
    wide = dice.randint(0, 3)
    newer = dice.random() < 0.6
    for i, priority in enumerate(dice.sample(range(1000), wide)):
        spec = _wide(dice, newer, base=False) | {"priority": priority}
        if newer:
            out.append(
                made({"ClusterNetworkPolicy": f"w{i}", "spec": spec | {"tier": dice.choice(["Admin", "Baseline"])}})
            )
        else:
            out.append(made({"AdminNetworkPolicy": f"w{i}", "spec": spec}))
    if not newer and dice.random() < 0.5:
        out.append(made({"BaselineAdminNetworkPolicy": "default", "spec": _wide(dice, newer, base=True)}))
    return out


def rough(seed: int) -> list[Plain]:
    """The same with what leaves answers open: namespaces that are not shown, pods with addresses of both families,
    policies that the API server refuses.
    """
    dice = Random(seed)
    objects = [o for o in cluster(seed) if o["kind"] != "Namespace" or dice.random() < 0.7]
    for o in objects:
        if o["kind"] == "Pod" and not o["spec"]["hostNetwork"] and dice.random() < 0.5:
            addresses = o["status"]["podIPs"]
            o["status"] = {**o["status"], "podIPs": [*addresses, {"ip": f"fd00::{dice.randint(1, 50)}"}]}
        if o["kind"] == "NetworkPolicy" and dice.random() < 0.15:
            o["spec"] = {**o["spec"], "ingress": [*o["spec"].get("ingress", ()), {"from": [{}]}]}
    return objects


def _pod(dice: Random, space: str, i: int) -> Plain:
    labels = " ".join(f"{k}={dice.choice('xy')}" for k in ("app", "role") if dice.random() < 0.7)
    ports = " ".join(
        f"{name}={dice.choice(['TCP', 'UDP'])}/{dice.choice(PORTS)}" for name in ("http", "dns") if dice.random() < 0.6
    )
    at = dice.choice(["n1", "n2"])
    if dice.random() < 0.15:
        return pod(f"{space}/p{i}", labels, ports, f"192.168.0.{at[1]}", at, host=True)
    kind = dice.random()
    address = "" if kind < 0.15 else f"10.0.{i % 2}.{i + 1}" if kind < 0.9 else f"fd00::{i + 1}"
    return pod(f"{space}/p{i}", labels, ports, address, at)


def _selector(dice: Random, keys: tuple[str, ...]) -> Plain:
    key, value, kind = dice.choice(keys), dice.choice("xy"), dice.random()
    if kind < 0.3:
        return {}
    if kind < 0.6:
        return {"matchLabels": {key: value}}
    operator = dice.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    need = {"key": key, "operator": operator} | ({"values": [value]} if operator.endswith("In") else {})
    return {"matchExpressions": [need]}


def _pods(dice: Random) -> Plain:
    return _selector(dice, ("app", "role"))


def _spaces(dice: Random) -> Plain:
    if dice.random() < 0.2:
        return {"matchLabels": {"kubernetes.io/metadata.name": dice.choice("ab")}}
    return _selector(dice, ("team", "tier"))


def _network(dice: Random) -> Plain:
    spec: Plain = {"podSelector": _pods(dice)}
    if dice.random() < 0.8:
        spec["policyTypes"] = dice.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    for direction, side in (("ingress", "from"), ("egress", "to")):
        if dice.random() < 0.7:
            spec[direction] = [_rule(dice, side) for _ in range(dice.randint(0, 2))]
    return spec


def _rule(dice: Random, side: str) -> Plain:
    rule: Plain = {}
    if dice.random() < 0.8:
        rule[side] = [_peer(dice) for _ in range(dice.randint(1, 2))]
    if dice.random() < 0.6:
        rule["ports"] = [_port(dice) for _ in range(dice.randint(1, 2))]
    return rule


def _peer(dice: Random) -> Plain:
    kind = dice.random()
    if kind < 0.3:
        return {"ipBlock": _block(dice)}
    if kind < 0.5:
        return {"podSelector": _pods(dice)}
    if kind < 0.7:
        return {"namespaceSelector": _spaces(dice)}
    return {"namespaceSelector": _spaces(dice), "podSelector": _pods(dice)}


def _block(dice: Random) -> Plain:
    cidr = dice.choice(CIDRS)
    holes = {"0.0.0.0/0": "10.0.0.0/25", "10.0.0.0/8": "10.0.0.0/24", "::/0": "fd00::/16"}
    return {"cidr": cidr} | ({"except": [holes[cidr]]} if cidr in holes and dice.random() < 0.5 else {})


def _port(dice: Random) -> Plain:
    kind, protocol = dice.random(), dice.choice(["TCP", "UDP"])
    if kind < 0.1:
        return {"protocol": "SCTP"}
    if kind < 0.3:
        return {"protocol": protocol, "port": dice.choice(["http", "dns", "none"])}
    port = dice.choice(PORTS)
    return {"protocol": protocol, "port": port} | ({"endPort": port + dice.randint(0, 20)} if kind > 0.8 else {})


def _wide(dice: Random, newer: bool, base: bool) -> Plain:
    spec: Plain = {"subject": dice.choice([{"namespaces": _spaces(dice)}, {"pods": _both(dice)}])}
    actions = ["Accept" if newer else "Allow", "Deny"] + ([] if base else ["Pass"])
    for direction, side in (("ingress", "from"), ("egress", "to")):
        if dice.random() < 0.8:
            spec[direction] = [_wide_rule(dice, side, dice.choice(actions), newer) for _ in range(dice.randint(1, 3))]
    return spec


def _both(dice: Random) -> Plain:
    return {"namespaceSelector": _spaces(dice), "podSelector": _pods(dice)}


def _wide_rule(dice: Random, side: str, action: str, newer: bool) -> Plain:
    peers = [_wide_peer(dice, side, action) for _ in range(dice.randint(1, 2))]
    rule: Plain = {"action": action, side: peers}
    if dice.random() < 0.5:
        names = not any(k in p for p in peers for k in ("networks", "nodes", "domainNames"))
        made_of = _protocol if newer else _admin_port
        rule["protocols" if newer else "ports"] = [made_of(dice, names) for _ in range(dice.randint(1, 2))]
    return rule


def _wide_peer(dice: Random, side: str, action: str) -> Plain:
    kind = dice.random()
    if kind < 0.03:
        return {"moons": {}}
    if side == "to":
        if kind < 0.3:
            return {"networks": dice.sample(CIDRS, 2)}
        if kind < 0.4:
            return {"nodes": _selector(dice, ("zone",))}
        if kind < 0.45 and action in ("Accept", "Allow"):
            return {"domainNames": ["a.example"]}
    return {"namespaces": _spaces(dice)} if kind < 0.7 else {"pods": _both(dice)}


def _protocol(dice: Random, names: bool) -> Plain:
    kind, protocol = dice.random(), dice.choice(["tcp", "udp"])
    if kind < 0.2 and names:
        return {"destinationNamedPort": dice.choice(["http", "dns"])}
    if kind < 0.4:
        return {dice.choice(["tcp", "udp", "sctp"]): {}}
    if kind < 0.7:
        return {protocol: {"destinationPort": {"number": dice.choice(PORTS)}}}
    start = dice.choice(PORTS)
    return {protocol: {"destinationPort": {"range": {"start": start, "end": start + 9}}}}


def _admin_port(dice: Random, names: bool) -> Plain:
    kind, protocol, port = dice.random(), dice.choice(["TCP", "UDP"]), dice.choice(PORTS)
    if kind < 0.2 and names:
        return {"namedPort": dice.choice(["http", "dns"])}
    if kind < 0.6:
        return {"portNumber": {"protocol": protocol, "port": port}}
    return {"portRange": {"protocol": protocol, "start": port, "end": port + 9}}
