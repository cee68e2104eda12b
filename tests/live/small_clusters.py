"""Small clusters by the throw of dice: a few pods on a few addresses, policies that use everything policies have."""

from __future__ import annotations

from random import Random
from typing import Any

Plain = dict[str, Any]

ADDRESSES = (
    ("10.244.0.2", "fd00:10:244::2"),
    ("10.244.0.3", "fd00:10:244::3"),
    ("10.244.0.9", "fd00:10:244::9"),
    ("10.244.1.2", "fd00:10:244:1::2"),
    ("10.244.1.130", "fd00:10:244:1:8000::1"),
    ("10.245.7.7", "fd00:10:245::7"),
)
"""One of each family for each pod that there may be, so that blocks of every size part them."""
OUTSIDE = ("198.51.100.7", "2001:db8::7")
NODE = ("192.168.77.1", "fd00:77::1")
"""Where the pods run."""
FAR = ("192.168.77.2", "fd00:77::2")
"""Another node."""
FAMILIES = ((0,), (0,), (0,), (1,), (1,), (0, 1))
"""Of a cluster: mostly IPv4, some IPv6, some both."""
BLOCKS = {
    0: (
        ("0.0.0.0/0", ("10.244.0.0/16", "10.244.0.2/32", "10.0.0.0/8", "198.51.100.0/24", "0.0.0.0/1")),
        ("10.244.0.0/16", ("10.244.0.0/24", "10.244.0.3/32", "10.244.1.128/25", "10.244.0.2/31")),
        ("10.244.0.0/24", ("10.244.0.0/29", "10.244.0.9/32")),
        ("10.244.0.0/29", ("10.244.0.2/31", "10.244.0.3/32")),
        ("10.244.1.0/25", ("10.244.1.2/32",)),
        ("10.240.0.0/12", ("10.245.0.0/16", "10.244.0.0/23")),
        ("198.51.100.0/24", ("198.51.100.0/29",)),
        ("198.51.100.7/32", ()),
        ("192.168.0.0/16", ("192.168.77.0/24", "192.168.77.2/32")),
        ("203.0.113.0/24", ()),
    ),
    1: (
        ("::/0", ("fd00:10:244::/64", "fd00::/8", "2001:db8::/32", "fd00:10:244::2/128")),
        ("fd00:10:244::/48", ("fd00:10:244::/64", "fd00:10:244:1:8000::/65", "fd00:10:244::3/128")),
        ("fd00:10:244::/64", ("fd00:10:244::8/125",)),
        ("fd00:10:244:1::/64", ("fd00:10:244:1::2/128",)),
        ("2001:db8::/64", ("2001:db8::4/126",)),
        ("fd00:77::/64", ("fd00:77::2/128",)),
    ),
}
PORTS = (
    ("TCP", 80),
    ("TCP", 81),
    ("TCP", 443),
    ("TCP", 8080),
    ("TCP", 9090),
    ("UDP", 53),
    ("UDP", 80),
    ("UDP", 8080),
    ("SCTP", 80),
)
NAMES = ("http", "alt", "dns")


class Dice:
    """One cluster for each seed."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.families = self.one(FAMILIES)
        self.spaces = ["a", "b", "c"][: self.dice.randint(2, 3)]

    def one(self, some: Any) -> Any:
        return self.dice.choice(some)

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def some(self, one: Any, least: int, most: int) -> list[Plain]:
        return [one() for _ in range(self.dice.randint(least, most))]

    def objects(self) -> list[Plain]:
        """Namespaces, two nodes, pods on the first, a pod on the network of each node, one to five policies."""
        out = [_object("v1", "Namespace", s, "", labels=self.labels(("team", "tier"))) for s in self.spaces]
        nodes = {"n1": NODE, "n2": FAR}
        for name, own in nodes.items():
            status = {"addresses": [{"type": "InternalIP", "address": own[f]} for f in self.families]}
            out.append(_object("v1", "Node", name, "", status=status))
        slots = sorted(self.dice.sample(range(len(ADDRESSES)), self.dice.randint(4, 6)))
        out += [self.pod(i) for i in slots]
        out += [self.host(f"host-{name}", name, own) for name, own in nodes.items()]
        return out + self.policies()

    def host(self, name: str, node: str, own: tuple[str, str]) -> Plain:
        """A pod on the network of its node."""
        status = {"phase": "Running", "podIPs": [{"ip": own[f]} for f in self.families]}
        spec = {"hostNetwork": True, "nodeName": node, "containers": [{"name": "c", "image": "i"}]}
        return _object(
            "v1", "Pod", name, self.one(self.spaces), labels=self.labels(("app", "role")), spec=spec, status=status
        )

    def pod(self, slot: int) -> Plain:
        ports = [
            {"name": name, "protocol": protocol, "containerPort": port}
            for name in NAMES
            if self.chance(0.6)
            for protocol, port in [self.one(PORTS)]
        ]
        spec = {"nodeName": "n1", "containers": [{"name": "c", "image": "i", "ports": ports}]}
        status = {"phase": "Running", "podIPs": [{"ip": ADDRESSES[slot][f]} for f in self.families]}
        return _object(
            "v1",
            "Pod",
            f"p{slot}",
            self.one(self.spaces),
            labels=self.labels(("app", "role")),
            spec=spec,
            status=status,
        )

    def labels(self, keys: tuple[str, ...]) -> dict[str, str]:
        return {k: self.one("xy") for k in keys if self.chance(0.75)}

    def policies(self) -> list[Plain]:
        total = self.dice.randint(1, 5)
        wide = self.dice.randint(1, min(3, total)) if self.chance(0.5) else 0
        out = [self.network(i) for i in range(total - wide)]
        group = "policy.networking.k8s.io/"
        if self.chance(0.7):
            numbers = self.dice.sample(range(1000), wide)
            return out + [
                _object(
                    f"{group}v1alpha2",
                    "ClusterNetworkPolicy",
                    f"w{n}",
                    "",
                    spec={"tier": self.one(("Admin", "Admin", "Baseline")), "priority": n, **self.wide(newer=True)},
                )
                for n in numbers
            ]
        numbers = self.dice.sample(range(1000), max(0, wide - 1))
        out += [
            _object(
                f"{group}v1alpha1", "AdminNetworkPolicy", f"w{n}", "", spec={"priority": n, **self.wide(newer=False)}
            )
            for n in numbers
        ]
        base = self.wide(newer=False, passes=False)
        return out + (
            [_object(f"{group}v1alpha1", "BaselineAdminNetworkPolicy", "default", "", spec=base)] if wide else []
        )

    def selector(self, keys: tuple[str, ...]) -> Plain:
        key, value = self.one(keys), self.one("xy")
        kind = self.dice.random()
        if kind < 0.25:
            return {}
        if kind < 0.65:
            return {"matchLabels": {key: value}}
        operator = self.one(("In", "NotIn", "Exists", "DoesNotExist"))
        values = (
            {"values": self.dice.sample(["x", "y", "z"], self.dice.randint(1, 2))} if operator.endswith("In") else {}
        )
        return {"matchExpressions": [{"key": key, "operator": operator, **values}]}

    def namespaces(self) -> Plain:
        if self.chance(0.3):
            return {"matchLabels": {"kubernetes.io/metadata.name": self.one(self.spaces)}}
        return self.selector(("team", "tier"))

    def network(self, number: int) -> Plain:
        spec: Plain = {"podSelector": self.selector(("app", "role"))}
        kind = self.dice.random()
        if kind < 0.85:
            spec["policyTypes"] = self.one((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        for direction, side in (("ingress", "from"), ("egress", "to")):
            if self.chance(0.75):
                spec[direction] = self.some(lambda side=side: self.rule(side), 0, 3)
        return _object("networking.k8s.io/v1", "NetworkPolicy", f"n{number}", self.one(self.spaces), spec=spec)

    def rule(self, side: str) -> Plain:
        rule: Plain = {}
        if self.chance(0.85):
            rule[side] = self.some(self.peer, 1, 2)
        if self.chance(0.6):
            rule["ports"] = self.some(self.port, 1, 3)
        return rule

    def peer(self) -> Plain:
        kind = self.dice.random()
        if kind < 0.35:
            cidr, holes = self.one(BLOCKS[self.one(self.families)])
            several = self.dice.sample(holes, self.dice.randint(0, min(2, len(holes))))
            return {"ipBlock": {"cidr": cidr, **({"except": several} if several else {})}}
        if kind < 0.55:
            return {"podSelector": self.selector(("app", "role"))}
        if kind < 0.75:
            return {"namespaceSelector": self.namespaces()}
        return {"namespaceSelector": self.namespaces(), "podSelector": self.selector(("app", "role"))}

    def port(self) -> Plain:
        protocol, number = self.one(PORTS)
        kind = self.dice.random()
        said = {} if protocol == "TCP" and self.chance(0.5) else {"protocol": protocol}
        if kind < 0.15:
            return said
        if kind < 0.5:
            return {**said, "port": self.one(NAMES)}
        if kind < 0.75:
            return {**said, "port": number, "endPort": number + self.one((0, 1, 360, 1000, 7910))}
        return {**said, "port": number}

    def wide(self, *, newer: bool, passes: bool = True) -> Plain:
        actions = ["Accept" if newer else "Allow", "Deny", *(["Pass"] if passes else [])]
        spec: Plain = {"subject": self.chosen()}
        for direction, side in (("ingress", "from"), ("egress", "to")):
            if self.chance(0.8):
                spec[direction] = self.some(lambda side=side: self.wide_rule(side, actions, newer=newer), 1, 3)
        return spec

    def chosen(self) -> Plain:
        if self.chance(0.5):
            return {"namespaces": self.namespaces()}
        return {"pods": {"namespaceSelector": self.namespaces(), "podSelector": self.selector(("app", "role"))}}

    def wide_rule(self, side: str, actions: list[str], *, newer: bool) -> Plain:
        blocks = side == "to" and self.chance(0.4)
        peers = self.some(self.networks if blocks else self.chosen, 1, 2)
        rule: Plain = {"action": self.one(actions), side: peers}
        if self.chance(0.6):
            kind = self.wide_protocol if newer else self.wide_port
            rule["protocols" if newer else "ports"] = self.some(lambda: kind(named=not blocks), 1, 2)
        return rule

    def networks(self) -> Plain:
        return {"networks": [self.one(BLOCKS[self.one(self.families)])[0]]}

    def wide_protocol(self, *, named: bool) -> Plain:
        protocol, number = self.one(PORTS)
        kind = self.dice.random()
        if kind < 0.25 and named:
            return {"destinationNamedPort": self.one(NAMES)}
        if kind < 0.4:
            return {protocol.lower(): {}}
        if kind < 0.65:
            return {
                protocol.lower(): {"destinationPort": {"range": {"start": number, "end": number + self.one((1, 400))}}}
            }
        return {protocol.lower(): {"destinationPort": {"number": number}}}

    def wide_port(self, *, named: bool) -> Plain:
        protocol, number = self.one(PORTS)
        kind = self.dice.random()
        if kind < 0.25 and named:
            return {"namedPort": self.one(NAMES)}
        if kind < 0.6:
            return {"portRange": {"protocol": protocol, "start": number, "end": number + self.one((1, 400))}}
        return {"portNumber": {"protocol": protocol, "port": number}}


def _object(version: str, kind: str, name: str, space: str, *, labels: Any = None, **parts: Any) -> Plain:
    metadata = {"name": name, **({"namespace": space} if space else {}), **({"labels": labels} if labels else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}
