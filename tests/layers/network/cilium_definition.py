"""What Cilium's policies mean, for one pair and one port, on plain YAML: rule by rule, as its documentation says it.

It knows clusters in which every namespace and every address is shown. Three answers: yes, no, and None where it hangs
on what a connection carries or on what its name stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network

import msgspec
from tests.layers.network.scene import Plain

SPACE = "io.cilium.k8s.namespace.labels."


class End(msgspec.Struct, frozen=True):
    """A pod, a node (of a pod on its network: that pod's), or an address outside."""

    name: str
    kind: str
    """pod, node or world."""
    address: str
    space: str = ""
    labels: Mapping[str, str] = {}
    account: str = "default"
    ports: tuple[tuple[str, str, int], ...] = ()
    node: str = ""


class World(msgspec.Struct, frozen=True):
    """Policies, and what they refer to."""

    policies: tuple[Plain, ...]
    spaces: Mapping[str, Mapping[str, str]]
    servers: frozenset[str] = frozenset()


def connects(world: World, source: End, destination: End, protocol: str, port: int) -> bool | None:
    """May it be opened?"""
    if source.name == destination.name:
        return True
    if source.node == destination.node != "" and {source.kind, destination.kind} == {"pod", "node"}:
        return True
    legs = (
        leg(world, "egress", source, destination, protocol, port, destination),
        leg(world, "ingress", destination, source, protocol, port, destination),
    )
    return False if False in legs else None if None in legs else True


def leg(world: World, way: str, subject: End, other: End, protocol: str, port: int, destination: End) -> bool | None:
    if subject.kind != "pod":
        return True
    every = ((p["metadata"].get("namespace", ""), r) for p in world.policies for r in _rules(p))
    mine = [(home, rule) for home, rule in every if about(world, home, rule, subject)]
    said: dict[str, set[bool | None]] = {"Deny": set(), "": set()}
    for verdict, found in said.items():
        for home, rule in mine:
            for one in rule.get(way + verdict, ()):
                found.add(holds(world, home, way, one, other, protocol, port, destination))
    if True in said["Deny"]:
        return False
    isolated = any(_isolates(rule, way) for _, rule in mine)
    allowed = True in said[""] or (not isolated)
    if allowed:
        return None if None in said["Deny"] else True
    return None if None in said[""] else False


def _rules(policy: Plain) -> Iterator[Plain]:
    if "spec" in policy:
        yield policy["spec"]
    yield from policy.get("specs", ())


def _isolates(rule: Plain, way: str) -> bool:
    told = rule.get("enableDefaultDeny", {}).get(way)
    return bool(rule.get(way) or rule.get(way + "Deny")) if told is None else told


def about(world: World, home: str, rule: Plain, pod: End) -> bool:
    return (not home or pod.space == home) and selects(world, rule["endpointSelector"], pod)


def selects(world: World, selector: Plain, pod: End) -> bool:
    held = {**pod.labels, "io.kubernetes.pod.namespace": pod.space, "io.cilium.k8s.policy.serviceaccount": pod.account}
    held |= {SPACE + k: v for k, v in {**world.spaces[pod.space], "kubernetes.io/metadata.name": pod.space}.items()}
    for key, value in selector.get("matchLabels", {}).items():
        if held.get(_bare(key)) != value:
            return False
    for need in selector.get("matchExpressions", ()):
        key, operator = _bare(need["key"]), need["operator"]
        inside = key in held and (operator in ("Exists", "DoesNotExist") or held[key] in need["values"])
        if inside == (operator in ("NotIn", "DoesNotExist")):
            return False
    return True


def _bare(key: str) -> str:
    return key.removeprefix("k8s:").removeprefix("any:")


def holds(
    world: World, home: str, way: str, rule: Plain, other: End, protocol: str, port: int, destination: End
) -> bool | None:
    if "icmps" in rule:
        return False
    peer, ports = peers(world, home, rule, other), open_(rule, way, protocol, port, destination)
    proved = None if rule.get("authentication", {}).get("mode", "disabled") != "disabled" else True
    each = (peer, ports, proved)
    return False if False in each else None if None in each else True


def peers(world: World, home: str, rule: Plain, other: End) -> bool | None:
    kinds = ("Endpoints", "Entities", "CIDR", "CIDRSet", "FQDNs")
    side = next((way for way in ("from", "to") for kind in kinds if way + kind in rule), "")
    if not side:
        return "toPorts" in rule
    found: list[bool | None] = [endpoint(world, home, s, other) for s in rule.get(side + "Endpoints", ())]
    found += [entity(world, name, other) for name in rule.get(side + "Entities", ())]
    blocks = [{"cidr": text} for text in rule.get(side + "CIDR", ())] + list(rule.get(side + "CIDRSet", ()))
    for block in blocks:
        inside = _in(other.address, block["cidr"]) and not any(_in(other.address, e) for e in block.get("except", ()))
        found.append(other.kind == "world" and inside)
    found += [None if other.kind == "world" else False for _ in rule.get("toFQDNs", ())]
    return True if True in found else None if None in found else False


def _in(address: str, block: str) -> bool:
    return ip_address(address) in ip_network(block)


def endpoint(world: World, home: str, selector: Plain, other: End) -> bool | None:
    keys = [*selector.get("matchLabels", {}), *(n["key"] for n in selector.get("matchExpressions", ()))]
    if keys and keys[0].startswith("reserved:"):
        return entity(world, keys[0].removeprefix("reserved:"), other)
    if other.kind != "pod":
        return False
    spoken = any(_bare(k).startswith((SPACE, "io.kubernetes.pod.namespace")) for k in keys)
    return (spoken or not home or other.space == home) and selects(world, selector, other)


def entity(world: World, name: str, other: End) -> bool:
    return {
        "all": True,
        "world": other.kind == "world",
        "world-ipv4": other.kind == "world" and ":" not in other.address,
        "world-ipv6": other.kind == "world" and ":" in other.address,
        "cluster": other.kind != "world",
        "remote-node": other.kind == "node",
        "kube-apiserver": other.kind != "pod" and other.address in world.servers,
    }.get(name, False)


def open_(rule: Plain, way: str, protocol: str, port: int, destination: End) -> bool | None:
    found = [_of(part, way, protocol, port, destination) for part in rule.get("toPorts", ({},))]
    return True if True in found else None if None in found else False


def _of(part: Plain, way: str, protocol: str, port: int, destination: End) -> bool | None:
    hits = [p for p in part.get("ports", ()) if _is(p, protocol, port, destination)]
    if part.get("ports") and not hits:
        return False
    vague = way == "egress" and hits and not any(p["port"].isdigit() for p in hits)
    return None if vague or part.get("rules") or part.get("serverNames") else True


def _is(wanted: Plain, protocol: str, port: int, destination: End) -> bool:
    if wanted.get("protocol", "ANY") not in ("ANY", protocol):
        return False
    text = wanted["port"]
    if not text.isdigit():
        return (text, protocol, port) in destination.ports
    return text == "0" or int(text) <= port <= wanted.get("endPort", int(text))


def ends(pods: Iterable[Plain], nodes: Iterable[Plain], strangers: Iterable[str]) -> list[End]:
    """Everybody, out of YAML."""
    out = [End(a, "world", a) for a in strangers]
    for o in nodes:
        name, address = o["metadata"]["name"], o["status"]["addresses"][0]["address"]
        out.append(End(f"node/{name}", "node", address, node=name))
    for o in pods:
        meta, spec = o["metadata"], o["spec"]
        declared = (p for c in spec["containers"] for p in c["ports"])
        out.append(
            End(
                f"{meta['namespace']}/{meta['name']}",
                "node" if spec["hostNetwork"] else "pod",
                o["status"]["podIPs"][0]["ip"],
                meta["namespace"],
                meta["labels"],
                spec.get("serviceAccountName", "default"),
                tuple((p["name"], p["protocol"], p["containerPort"]) for p in declared),
                spec["nodeName"],
            )
        )
    return out
