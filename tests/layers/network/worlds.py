"""Random small clusters with every kind of policy, in which the answers are not all alike."""

from __future__ import annotations

from random import Random

import msgspec
from tests.layers.network.definition import ClusterWide, World

from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint, Port
from mistrust.kube.network import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkPolicy,
)
from mistrust.layers.network.profile import PROFILES, Profile

Plain = object
SILENT = Profile("silent", enforces=False)
NARROW = Profile("narrow", cluster_wide=False)
READINGS = (*PROFILES, SILENT, NARROW)
NAMESPACES = ("shop", "pay", "ops")
VALUES = {"app": ("web", "api", "db"), "tier": ("front", "back")}
SPACE_VALUES = {"env": ("prod", "dev"), "team": ("a", "b")}
BLOCKS = (
    "10.0.0.0/8",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "0.0.0.0/0",
    "10.1.2.0/24",
    "192.168.0.0/16",
    "fd00::/8",
    "::/0",
    "fd00:1::/32",
)
OUTSIDE = ("10.1.2.77", "10.200.0.1", "192.168.3.4", "8.8.8.8", "fd00:1::9", "2001:db8::1", "10.9.0.1", "10.9.0.2")
NUMBERS = (80, 80, 8080, 8080, 8085, 53, 79, 81, 443, 8090, 8091, 65535, 1)
NAMES = ("http", "metrics")
PROTOCOLS = ("TCP", "UDP", "SCTP")


class Maker:
    """Makes clusters out of one source of chance."""

    def __init__(self, seed: int) -> None:
        self.r = Random(seed)

    def world(self, *, kinds: int = 3, profile: Profile | None = None) -> World:
        r = self.r
        reading = profile or r.choice(READINGS)
        nodes = tuple(
            msgspec.convert(
                {
                    "metadata": {"name": name, "labels": {"zone": zone}},
                    "status": {"addresses": [{"type": "InternalIP", "address": address}]},
                },
                Node,
            )
            for name, zone, address in (("n1", "x", "10.9.0.1"), ("n2", "y", "10.9.0.2"))
        )
        return World(
            endpoints=tuple(self.pod(i) for i in range(r.randint(3, 9))),
            namespaces={n: {**self.labels(SPACE_VALUES), "kubernetes.io/metadata.name": n} for n in NAMESPACES},
            network=tuple(self.network(i) for i in range(r.choice((0, 1, 3, 6)))),
            cluster=tuple(self.cluster(i) for i in range(r.choice((0, 0, 1, 4))))[:kinds],
            profile=reading,
            nodes=nodes if r.random() < 0.7 else (),
            backward=r.random() < 0.3,
        )

    def pod(self, i: int) -> Endpoint:
        r = self.r
        host = r.random() < 0.15
        node = r.choice(("n1", "n2"))
        addresses = (f"10.{r.randint(1, 2)}.{r.randint(1, 3)}.{i}",)
        if host:
            addresses = ("10.9.0.1",) if node == "n1" else ("10.9.0.2",)
        elif r.random() < 0.15:
            addresses = (f"fd00:{r.randint(1, 2)}::{i + 1}",)
        elif r.random() < 0.1:
            addresses += (f"fd00:{r.randint(1, 2)}::{i + 1}",)
        ports = [Port(r.choice(NAMES), r.choice(PROTOCOLS), r.choice((80, 8080))) for _ in range(r.randint(0, 4))]
        return Endpoint(
            workload=i,
            namespace=r.choice(NAMESPACES),
            name=f"p{i}",
            labels={**self.labels(VALUES), "pod-template-hash": str(i)},
            annotations={},
            ports=tuple(ports),
            host_network=host,
            account="default",
            node=node,
            addresses=addresses,
        )

    def labels(self, values: dict[str, tuple[str, ...]]) -> dict[str, str]:
        return {k: self.r.choice((*vs, "rare")) for k, vs in values.items() if self.r.random() < 0.8}

    def selector(self, values: dict[str, tuple[str, ...]]) -> dict[str, Plain]:
        r = self.r
        key = r.choice(list(values))
        match r.choice((0, 0, 1, 2, 3, 4, 5)):
            case 0:
                return {}
            case 1 | 2:
                return {"matchLabels": {key: r.choice(values[key])}}
            case 3:
                need = {
                    "key": key,
                    "operator": r.choice(("In", "NotIn")),
                    "values": r.sample(values[key], r.randint(1, 2)),
                }
                return {"matchExpressions": [need]}
            case 4:
                return {"matchExpressions": [{"key": key, "operator": r.choice(("Exists", "DoesNotExist"))}]}
            case _:
                more = {"key": r.choice(list(values)), "operator": "Exists"}
                return {"matchLabels": {key: r.choice(values[key])}, "matchExpressions": [more]}

    def spaces(self) -> dict[str, Plain]:
        if self.r.random() < 0.2:
            return {"matchLabels": {"kubernetes.io/metadata.name": self.r.choice(NAMESPACES)}}
        return self.selector(SPACE_VALUES)

    # NetworkPolicy

    def network(self, i: int) -> NetworkPolicy:
        r = self.r
        spec: dict[str, Plain] = {"podSelector": self.selector(VALUES)}
        for direction, side in (("ingress", "from"), ("egress", "to")):
            if r.random() < 0.7:
                spec[direction] = [self.rule(side) for _ in range(r.randint(0, 3))]
        if r.random() < 0.7:
            spec["policyTypes"] = r.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        plain = {"metadata": {"name": f"np{i}", "namespace": r.choice(NAMESPACES)}, "spec": spec}
        return msgspec.convert(plain, NetworkPolicy)

    def rule(self, side: str) -> dict[str, Plain]:
        out: dict[str, Plain] = {}
        if self.r.random() < 0.85:
            out[side] = [self.peer() for _ in range(self.r.randint(0, 2))]
        if self.r.random() < 0.7:
            out["ports"] = [self.port() for _ in range(self.r.randint(0, 2))]
        return out

    def peer(self) -> dict[str, Plain]:
        match self.r.randint(0, 3):
            case 0:
                return {"podSelector": self.selector(VALUES)}
            case 1:
                return {"namespaceSelector": self.spaces()}
            case 2:
                return {"podSelector": self.selector(VALUES), "namespaceSelector": self.spaces()}
            case _:
                return {"ipBlock": self.block()}

    def block(self) -> dict[str, Plain]:
        inner = {"10.0.0.0/8": ["10.1.0.0/16", "10.1.2.0/24"], "0.0.0.0/0": ["10.0.0.0/8"], "fd00::/8": ["fd00:1::/32"]}
        cidr = self.r.choice(BLOCKS)
        holes = inner.get(cidr, [])
        return {"cidr": cidr, "except": self.r.sample(holes, self.r.randint(len(holes) // 2, len(holes)))}

    def port(self) -> dict[str, Plain]:
        r = self.r
        protocol = {"protocol": r.choice(PROTOCOLS)} if r.random() < 0.6 else {}
        match r.randint(0, 3):
            case 0:
                return protocol
            case 1:
                return {**protocol, "port": r.choice(NAMES)}
            case 2:
                return {**protocol, "port": r.choice((53, 80, 443, 8080))}
            case _:
                return {**protocol, "port": 8080, "endPort": r.choice((8080, 8090, 65535))}

    # cluster-wide

    def cluster(self, i: int) -> ClusterWide:
        r = self.r
        kind = r.choice((AdminNetworkPolicy, ClusterNetworkPolicy, ClusterNetworkPolicy, BaselineAdminNetworkPolicy))
        spec: dict[str, Plain] = {"subject": self.subject()}
        name = f"w{i}"
        if kind is BaselineAdminNetworkPolicy:
            name = "default"
        else:
            spec["priority"] = r.choice((5, 5, 9))
        if kind is ClusterNetworkPolicy:
            spec["tier"] = r.choice(("Admin", "Baseline"))
        for direction, side in (("ingress", "from"), ("egress", "to")):
            if r.random() < 0.8:
                spec[direction] = [self.wide_rule(kind, side) for _ in range(r.randint(1, 3))]
        return msgspec.convert({"metadata": {"name": name}, "spec": spec}, kind)

    def subject(self) -> dict[str, Plain]:
        if self.r.random() < 0.5:
            return {"namespaces": self.spaces()}
        return {"pods": {"namespaceSelector": self.spaces(), "podSelector": self.selector(VALUES)}}

    def wide_rule(self, kind: type[ClusterWide], side: str) -> dict[str, Plain]:
        r = self.r
        allow = "Accept" if kind is ClusterNetworkPolicy else "Allow"
        actions = (allow, "Deny") if kind is BaselineAdminNetworkPolicy else (allow, "Deny", "Pass")
        out: dict[str, Plain] = {
            "action": r.choice(actions),
            side: [self.wide_peer(side) for _ in range(r.randint(1, 2))],
        }
        if r.random() < 0.6:
            key, port = ("protocols", self.protocol) if kind is ClusterNetworkPolicy else ("ports", self.admin_port)
            out[key] = [port() for _ in range(r.randint(1, 2))]
        return out

    def wide_peer(self, side: str) -> dict[str, Plain]:
        r = self.r
        if r.random() < 0.04:
            return {"somethingNew": {}}
        if r.random() < 0.4 and side == "to":
            if r.random() < 0.25:
                return {"nodes": r.choice(({}, {"matchLabels": {"zone": "x"}}))}
            return {"networks": r.sample(BLOCKS, r.randint(1, 2))}
        if r.random() < 0.5:
            return {"namespaces": self.spaces()}
        return {"pods": {"namespaceSelector": self.spaces(), "podSelector": self.selector(VALUES)}}

    def protocol(self) -> dict[str, Plain]:
        r = self.r
        to = r.choice(
            ({}, {"destinationPort": {"number": 80}}, {"destinationPort": {"range": {"start": 80, "end": 8085}}})
        )
        named = {"destinationNamedPort": r.choice(NAMES)}
        return r.choice(({"tcp": to}, {"udp": to}, {"sctp": to}, named))

    def admin_port(self) -> dict[str, Plain]:
        protocol = self.r.choice(PROTOCOLS)
        return self.r.choice(
            (
                {"portNumber": {"protocol": protocol, "port": self.r.choice((80, 443, 8080))}},
                {"portRange": {"protocol": protocol, "start": 80, "end": self.r.choice((443, 8085))}},
                {"namedPort": self.r.choice(NAMES)},
            )
        )
