"""Policies as a network plugin puts them into a kernel: for each pod a chain for what leaves and one for what enters.

Written from the words of the API, on manifests as they are: nothing of ours is used, so that the packets are an
independent judge. An address block matches whatever has the address, pods and nodes too. What a pod and its own node
say to each other is not forwarded, and nobody limits it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Plain = dict[str, Any]
Match = tuple[str, str]
"""Family (`ip`, `ip6`, or empty for both) and what a packet must be."""

TABLE = "mistrust"
ANYTHING: Match = ("", "")


class Rules:
    """The rules for all pods of one cluster."""

    def __init__(self, objects: Sequence[Plain], zone: int, *, outside_only: bool = False) -> None:
        """`outside_only`: address blocks match nobody who is known by an identity, pods and nodes, as in Cilium."""
        self.zone = zone
        known = [a for o in objects if o["kind"] == "Pod" for a in addresses(o)]
        self.identities = known if outside_only else []
        self.pods = [o for o in objects if o["kind"] == "Pod" and not o["spec"].get("hostNetwork")]
        self.spaces: Mapping[str, Mapping[str, str]] = {
            o["metadata"]["name"]: {
                **o["metadata"].get("labels", {}),
                "kubernetes.io/metadata.name": o["metadata"]["name"],
            }
            for o in objects
            if o["kind"] == "Namespace"
        }
        self.network = [o for o in objects if o["kind"] == "NetworkPolicy"]
        wide = [o for o in objects if o["kind"].endswith("NetworkPolicy") and o["kind"] != "NetworkPolicy"]
        self.wide = sorted(wide, key=lambda o: o["spec"].get("priority", 0))

    def text(self) -> str:
        """For `nft -f -`: takes the place of the rules before, in one step.

        Every cluster has a zone of its own, so that no connection of an earlier one counts as established.
        """
        chains = [
            line for n, pod in enumerate(self.pods) for side in ("out", "in") for line in self._chains(n, pod, side)
        ]
        return "\n".join(
            (
                f"table inet {TABLE} {{}}",
                f"delete table inet {TABLE}",
                f"table inet {TABLE} {{",
                f"chain zone {{ type filter hook prerouting priority raw; ct zone set {self.zone}; }}",
                f"chain own {{ type filter hook output priority raw; ct zone set {self.zone}; }}",
                "chain refuse { meta l4proto tcp reject with tcp reset; reject; }",
                *chains,
                *(self._map(side, field) for side, field in (("out", "saddr"), ("in", "daddr"))),
                "chain forward {",
                "type filter hook forward priority 0; ct state established,related accept;",
                "meta l4proto != { tcp, udp, sctp } accept; jump out; jump in;",
                "}",
                "}",
            )
        )

    def _map(self, side: str, field: str) -> str:
        lines = []
        for family in ("ip", "ip6"):
            to = [f"{a} : jump p{n}_{side}" for n, p in enumerate(self.pods) for a in addresses(p) if of(a) == family]
            lines += [f"{family} {field} vmap {{ {', '.join(to)} }};"] if to else []
        return f"chain {side} {{ {' '.join(lines)} }}"

    def _chains(self, number: int, pod: Plain, side: str) -> Iterator[str]:
        """The three tiers of one pod in one direction; who returns is let through, who comes to the end too."""
        name = f"p{number}_{side}"
        ends = {"Accept": "return", "Allow": "return", "Deny": "goto refuse", "Pass": "return"}
        yield _chain(f"{name}_base", self._tier(pod, side, "Baseline", ends))
        mine = [p for p in self.network if self._isolates(p, pod, side)]
        lines = [f"{m} return;" for p in mine for m in self._allowed(p, pod, side)]
        yield _chain(f"{name}_np", [*lines, "goto refuse;"] if mine else [f"goto {name}_base;"])
        admin = self._tier(pod, side, "Admin", {**ends, "Pass": f"goto {name}_np"})
        yield _chain(name, [*admin, f"goto {name}_np;"])

    def _isolates(self, policy: Plain, pod: Plain, side: str) -> bool:
        spec = policy["spec"]
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        wanted = "Egress" if side == "out" else "Ingress"
        same = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
        return same and wanted in types and selects(spec["podSelector"], labels(pod))

    def _allowed(self, policy: Plain, pod: Plain, side: str) -> Iterator[str]:
        for rule in policy["spec"].get("egress" if side == "out" else "ingress") or ():
            peers = rule.get("to" if side == "out" else "from")
            who = (
                [m for p in peers for m in self._peer(p, policy["metadata"]["namespace"], side)]
                if peers
                else [ANYTHING]
            )
            what = [m for p in rule["ports"] for m in self._port(p, pod, side)] if rule.get("ports") else [ANYTHING]
            yield from both(who, what)

    def _peer(self, peer: Plain, home: str, side: str) -> Iterator[Match]:
        field = "daddr" if side == "out" else "saddr"
        if block := peer.get("ipBlock"):
            yield self._block(block["cidr"], block.get("except") or (), field)
            return
        spaces = peer.get("namespaceSelector")
        yield from self._those(
            field,
            lambda p: (
                (selects(spaces, self._space(p)) if spaces is not None else p["metadata"]["namespace"] == home)
                and selects(peer.get("podSelector") or {}, labels(p))
            ),
        )

    def _block(self, cidr: str, holes: Sequence[str], field: str) -> Match:
        family = of(cidr)
        known = [a for a in self.identities if of(a) == family]
        but = "".join(f" {family} {field} != {{ {', '.join(some)} }}" for some in (holes, known) if some)
        return family, f"{family} {field} {cidr}{but}"

    def _those(self, field: str, chosen: Any) -> Iterator[Match]:
        found = [a for p in self.pods if chosen(p) for a in addresses(p)]
        for family in ("ip", "ip6"):
            if some := [a for a in found if of(a) == family]:
                yield family, f"{family} {field} {{ {', '.join(some)} }}"

    def _port(self, port: Plain, pod: Plain, side: str) -> Iterator[Match]:
        protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
        if number is None:
            yield "", f"meta l4proto {protocol}"
        elif isinstance(number, int):
            yield "", f"{protocol} dport {number}" + (f"-{port['endPort']}" if "endPort" in port else "")
        else:
            yield from self._named(number, pod, side, protocol)

    def _named(self, name: str, pod: Plain, side: str, protocol: str = "") -> Iterator[Match]:
        """A name is a port of the destination: of the pod itself, or of each pod that may be meant."""
        for p in self.pods if side == "out" else [pod]:
            for c in p["spec"]["containers"]:
                for declared in c.get("ports", ()):
                    kind = declared.get("protocol", "TCP").lower()
                    if declared.get("name") == name and protocol in ("", kind):
                        for a in addresses(p):
                            yield of(a), f"{of(a)} daddr {a} {kind} dport {declared['containerPort']}"

    def _tier(self, pod: Plain, side: str, tier: str, ends: Mapping[str, str]) -> Iterator[str]:
        for policy in self.wide:
            spec = policy["spec"]
            where = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}
            if where.get(policy["kind"], spec.get("tier")) != tier or not self._about(spec["subject"], pod):
                continue
            for rule in spec.get("egress" if side == "out" else "ingress") or ():
                who = [m for p in rule["to" if side == "out" else "from"] for m in self._wide_peer(p, side)]
                given = rule.get("protocols") or rule.get("ports")
                what = [m for p in given for m in self._wide_port(p, pod, side)] if given else [ANYTHING]
                yield from (f"{m} {ends[rule['action']]};" for m in both(who, what))

    def _about(self, subject: Plain, pod: Plain) -> bool:
        if "namespaces" in subject:
            return selects(subject["namespaces"], self._space(pod))
        return selects(subject["pods"]["namespaceSelector"], self._space(pod)) and selects(
            subject["pods"]["podSelector"], labels(pod)
        )

    def _wide_peer(self, peer: Plain, side: str) -> Iterator[Match]:
        if "networks" in peer:
            for cidr in peer["networks"]:
                yield self._block(cidr, (), "daddr")
        else:
            yield from self._those("daddr" if side == "out" else "saddr", lambda p: self._about(peer, p))

    def _wide_port(self, port: Plain, pod: Plain, side: str) -> Iterator[Match]:
        """One of `protocols` (ClusterNetworkPolicy) or of `ports` (AdminNetworkPolicy)."""
        match port:
            case {"destinationNamedPort": str(name)} | {"namedPort": str(name)}:
                yield from self._named(name, pod, side)
            case {"portNumber": {"protocol": protocol, "port": number}}:
                yield "", f"{protocol.lower()} dport {number}"
            case {"portRange": {"protocol": protocol, "start": start, "end": end}}:
                yield "", f"{protocol.lower()} dport {start}-{end}"
            case _:
                ((protocol, ports),) = port.items()
                match ports.get("destinationPort"):
                    case None:
                        yield "", f"meta l4proto {protocol}"
                    case {"number": number}:
                        yield "", f"{protocol} dport {number}"
                    case {"range": {"start": start, "end": end}}:
                        yield "", f"{protocol} dport {start}-{end}"

    def _space(self, pod: Plain) -> Mapping[str, str]:
        return self.spaces[pod["metadata"]["namespace"]]


def _chain(name: str, lines: Any) -> str:
    return f"chain {name} {{ {' '.join(lines)} }}"


def both(who: Sequence[Match], what: Sequence[Match]) -> Iterator[str]:
    """Every peer with every port; a packet has one family."""
    for family, peer in who:
        for other, port in what:
            if not family or not other or family == other:
                yield f"{peer} {port}".strip()


def of(address: str) -> str:
    """The family of an address or a block."""
    return "ip6" if ":" in address else "ip"


def addresses(pod: Plain) -> list[str]:
    return [a["ip"] for a in pod["status"]["podIPs"]]


def labels(pod: Plain) -> Mapping[str, str]:
    found: Mapping[str, str] = pod["metadata"].get("labels", {})
    return found


def selects(selector: Plain, found: Mapping[str, str]) -> bool:
    """`metav1.LabelSelector`."""
    for need in selector.get("matchExpressions", ()):
        here = found.get(need["key"])
        match need["operator"]:
            case "In" if here is None or here not in need["values"]:
                return False
            case "NotIn" if here is not None and here in need["values"]:
                return False
            case "Exists" if here is None:
                return False
            case "DoesNotExist" if here is not None:
                return False
    return all(found.get(k) == v for k, v in selector.get("matchLabels", {}).items())
